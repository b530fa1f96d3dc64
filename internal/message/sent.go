package message

import "postroom/threads"

// ReadSent reads of a mail we composed only what it is recognised by when it
// comes back: its header and the digests. It is a part of what Read does, and
// gives the same.
func ReadSent(src Source) *threads.Mail {
	m := &Message{src: src}
	m.Mail.Size = max(src.Size(), 0)
	m.Root, m.cr, m.leaves.whole = scanTree(src, m.Mail.Size, m.note)
	m.Header = m.Root.Header
	m.hint = m.charsetHint()
	m.readHeader()
	m.readLeaves()
	m.leaves = leafFacts{} // the facts must not keep the mail in memory
	m.Mail.HeaderDigest = m.headerDigest()
	return &m.Mail
}
