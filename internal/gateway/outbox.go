package gateway

import (
	"fmt"
	"slices"

	"postroom/internal/store"
)

// outbox acts on a mail on its way, as an admin asked.
func (b *batch) outbox(req store.AdminRequest) error {
	m, ok, err := b.tx.Out(req.Args["out"])
	if err == nil && !ok {
		err = fmt.Errorf("no mail on its way has the id %q; `postroom outbox` lists them", req.Args["out"])
	}
	if err == nil && m.State == store.OutSending {
		err = fmt.Errorf("mail %s is being handed to the relay at this moment; try again in a minute", m.ID)
	}
	if err != nil {
		return err
	}
	asked, err := b.askedAbout(m.ID)
	if err != nil {
		return err
	}
	switch req.Verb {
	case VerbOutRetry:
		if asked != nil {
			return b.releaseHold(*asked, req.By, false)
		}
		return b.retryNow(m)
	case VerbOutHold:
		if m.State == store.OutStopped {
			return fmt.Errorf("mail %s is stopped already", m.ID)
		}
		m.State = store.OutStopped
		return b.tx.SetOut(m)
	}
	if asked != nil {
		return b.discardHold(*asked, req.By)
	}
	return b.drop(m, req.By)
}

// askedAbout is the held mail that stands for one whose author was asked
// whether it is to be sent again; nil for none.
func (b *batch) askedAbout(id string) (*store.Hold, error) {
	holds, err := b.tx.Holds()
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(holds, func(h store.Hold) bool { return h.OutID == id }); i >= 0 {
		return &holds[i], nil
	}
	return nil, nil
}

// retryNow puts a mail at the head of the line, with a whole deadline before
// it. One that may have arrived is sent once more, with the same Message-ID.
func (b *batch) retryNow(m store.OutMail) error {
	m.Deadline = b.now.Add(b.g.cfg.Deadline)
	for _, r := range m.Recipients {
		if r.State == store.OutUnknown {
			return b.again(m)
		}
	}
	m.State, m.NextAttempt, m.Accepted = store.OutQueued, b.now, nil
	return b.tx.SetOut(m)
}

// drop gives a mail up for the recipients that are left: the author of an
// answer is told, and the mail of a copy goes to somebody else.
func (b *batch) drop(m store.OutMail, by string) error {
	var left []store.Recipient
	for _, r := range m.Recipients {
		if r.State != store.OutSent && r.State != store.OutFailed {
			r.State, r.Reply = store.OutFailed, "it was taken out of the outbox by "+by
			left = append(left, r)
		}
	}
	if err := b.told(m, left...); err != nil {
		return err
	}
	return b.dropOut(m)
}
