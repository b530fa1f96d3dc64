package message

import (
	"strings"

	"postroom/threads"
)

// ReadSent reads of a mail we composed only what it is recognised by when it
// comes back: its header and the digests. It is a part of what Read does, and
// gives the same.
func ReadSent(src Source) *threads.Mail {
	m := readHeaderOnly(src)
	m.readLeaves()
	m.leaves = leafFacts{} // the facts must not keep the mail in memory
	return &m.Mail
}

func readHeaderOnly(src Source) *Message {
	m := &Message{src: src}
	m.Mail.Size = max(src.Size(), 0)
	m.Root, m.cr, m.leaves.whole = scanTree(src, m.Mail.Size, m.note)
	m.Header = m.Root.Header
	m.hint = m.charsetHint()
	m.readHeader()
	m.Mail.HeaderDigest = m.headerDigest()
	return m
}

// Sent is what ReadSent would read of the rendered mail, where composing knew
// it without rendering; else nil.
func (r *Recipe) Sent() *threads.Mail { return r.sent }

// foresee fills in Sent, if the digest of every leaf is known and each range
// goes out as it was read: a line end that changes may lie in a leaf whose
// line ends count.
func (r *Recipe) foresee(header string, e *entity) {
	for _, p := range r.Pieces {
		if p.Literal == nil && (p.Transform != TransformLines || p.Size != p.Length) {
			return
		}
	}
	sums, ok := e.leafSums(nil)
	if !ok {
		return
	}
	m := readHeaderOnly(Octets(strings.TrimRight(header, "\r\n") + "\r\n\r\n"))
	m.Mail.BodyDigest = bodyDigest(sums)
	m.Mail.Size = r.Size()
	r.sent = &m.Mail
}

// leafSums adds the digests of the leaves below e, in order.
func (e *entity) leafSums(list [][]byte) ([][]byte, bool) {
	if len(e.parts) == 0 {
		return append(list, e.sums...), e.sums != nil
	}
	ok := true
	for _, p := range e.parts {
		if list, ok = p.leafSums(list); !ok {
			return nil, false
		}
	}
	return list, true
}
