package gateway

import (
	"bytes"
	"errors"
	"fmt"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

// outgoing is a composed mail about to be queued.
type outgoing struct {
	mail    store.OutMail
	recipe  *message.Recipe
	letters []*letter // the sources its recipe draws on
	known   threads.Known
}

// letters are the sources of a mail that draws on one other, or none.
func letters(l *letter) []*letter {
	if l == nil {
		return nil
	}
	return []*letter{l}
}

// enqueue queues a composed mail: its envelope, its deadline, and what its
// ids stand for.
func (b *batch) enqueue(c threads.Conversation, o outgoing) error {
	if err := b.queueComposed(); err != nil { // they go before this one
		return err
	}
	m := o.mail
	m.Conversation = uint64(c.ID)
	m.State, m.Queued, m.NextAttempt, m.Deadline = store.OutQueued, b.now, b.now, b.now.Add(b.g.cfg.Deadline)
	m.Recipe, m.Size, m.EightBit = o.recipe.Encode(), o.recipe.Size(), o.recipe.EightBit()
	m.UTF8Header = o.recipe.HasUTF8()
	if err := b.envelope(c, &m); err != nil {
		return err
	}
	if _, there, err := b.tx.Out(m.ID); err != nil || there {
		return errors.Join(err, fmt.Errorf("queueing %s: there is a mail of this name", m.ID)) // never one in place of the other
	}
	if err := b.tx.Enqueue(m); err != nil {
		return err
	}
	if err := b.watchLate(m); err != nil {
		return err
	}
	k := o.known
	k.Conversation, k.OutID, k.MessageID = c.ID, m.ID, m.MessageID
	b.after = append(b.after, func() { b.g.logQueued(m) })
	if b.g.ownCopy() != CopyNone {
		sent, err := b.asSent(o)
		if err != nil {
			return err
		}
		if sent != nil {
			k.References = threads.ReferencesDigest(sent)
			if err := b.tx.AddKnown(threads.SentDigest(sent), k); err != nil {
				return err
			}
		}
	}
	return b.tx.AddKnown(m.MessageID, k)
}

// envelope sets the reverse-path and the address of our own copy, both of
// this mail alone, where the mailbox takes such addresses.
func (b *batch) envelope(c threads.Conversation, m *store.OutMail) error {
	m.Fallback = b.g.cfg.Support.Addr
	m.EnvelopeFrom = m.Fallback
	if b.g.tokensArrive() {
		bounce, err := b.token(threads.Token{Kind: threads.TokenBounce, Conversation: c.ID, OutID: m.ID}, m.ID)
		if err != nil {
			return err
		}
		m.EnvelopeFrom = b.g.address(bounce)
	}
	return b.ownAddress(m)
}

// ownAddress sets the address our own copy of the next transaction comes to.
func (b *batch) ownAddress(m *store.OutMail) error {
	if b.g.ownCopy() != CopyByBcc {
		return nil
	}
	m.OwnCopy = b.g.cfg.Support.Addr
	if b.g.tokensArrive() {
		t := threads.Token{Kind: threads.TokenCopy, Conversation: threads.ID(m.Conversation), OutID: m.ID, Generation: m.CopyNo}
		own, err := b.token(t, m.ID, m.CopyNo)
		if err != nil {
			return err
		}
		m.OwnCopy = b.g.address(own)
	}
	return nil
}

// maxReread is the size up to which a composed mail is read again, in octets.
// A bigger one is recognised by its Message-ID alone when it comes back.
const maxReread = store.BigMail

// asSent reads what a composed mail will be recognised by when it comes back;
// nil for a big one.
func (b *batch) asSent(o outgoing) (*threads.Mail, error) {
	if sent := o.recipe.Sent(); sent != nil {
		return sent, nil
	}
	raw, err := rendered(o)
	if err != nil || raw == nil {
		return nil, err
	}
	return message.ReadSent(raw), nil
}

// rendered is a composed mail; nil for a big one.
func rendered(o outgoing) (message.Source, error) {
	if o.recipe.Size() > maxReread {
		return nil, nil
	}
	var sources []message.Source
	for _, l := range o.letters {
		sources = append(sources, l.msg.Source())
	}
	var raw bytes.Buffer
	raw.Grow(int(o.recipe.Size()))
	if err := o.recipe.Render(&raw, sources); err != nil {
		return nil, fmt.Errorf("reading what was composed: %w", err)
	}
	return bytes.NewReader(raw.Bytes()), nil
}
