package gateway

import (
	"fmt"

	"postroom/threads"
)

// find looks up a conversation for a step of another one.
func (b *batch) find(id threads.ID) (threads.Conversation, bool) {
	c, ok, err := b.tx.Conversation(id)
	if err != nil {
		b.g.log.Error("a conversation cannot be read", "conv", id, "err", err)
	}
	return c, ok && err == nil
}

// home is a conversation and an event of it where they are now: it may have
// become part of another one since.
func (b *batch) home(id uint64, event int) (c threads.Conversation, at int, ok bool, err error) {
	to, at, err := b.tx.Moved(threads.ID(id), event)
	if err != nil {
		return c, 0, false, err
	}
	c, ok, err = b.tx.Conversation(to)
	return c, at, ok, err
}

// absorb makes a conversation part of another: its mails are carried over, its
// held mails go with it, and what is addressed to it arrives there.
func (b *batch) absorb(e threads.Absorb) error {
	into, ok, err := b.tx.Conversation(e.Into)
	if err == nil && !ok {
		err = fmt.Errorf("conversation %d is not there to take %d in", e.Into, e.From.ID)
	}
	if err != nil {
		return err
	}
	events, err := b.tx.Events(e.From.ID)
	if err != nil {
		return err
	}
	if err := b.tx.Redirect(e.From.ID, 0, e.Into, 0); err != nil {
		return err
	}
	if _, _, err := b.step(into, threads.AbsorbIn{From: e.From, Events: events, By: e.By}, nil); err != nil {
		return err
	}
	return b.moveHolds(e)
}

// moveHolds gives held mails to the conversation that theirs became part of.
func (b *batch) moveHolds(e threads.Absorb) error {
	for _, id := range e.From.Holds {
		h, ok, err := b.tx.Hold(id)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		_, answers, err := b.tx.Moved(h.Conversation, h.Answers)
		if err != nil {
			return err
		}
		h.Conversation, h.Answers = e.Into, answers
		if err := b.tx.SetHold(h); err != nil {
			return err
		}
	}
	return nil
}

// part makes a mail of a conversation one of its own.
func (b *batch) part(e threads.Part) error {
	id, err := b.tx.NewConversation()
	if err == nil && id != e.Into {
		err = fmt.Errorf("conversation %d was to be the next, and %d is", e.Into, id)
	}
	if err != nil {
		return err
	}
	ev, ok, err := b.tx.Event(e.From.ID, e.Event)
	if err != nil {
		return err
	}
	told := ev.Told()
	received, is := told.Body.(threads.Received)
	if !ok || !is {
		return fmt.Errorf("event %d of conversation %d is no mail to split off", e.Event, e.From.ID)
	}
	in := threads.PartIn{From: e.From, Event: e.Event, At: told.At, Received: received, By: e.By}
	next, _, err := b.step(threads.Conversation{ID: id}, in, nil)
	if err != nil {
		return err
	}
	if t := threads.SubjectTrace(next.Customer.Addr, next.SubjectBase); t != "" {
		if err := b.tx.AddTrace(t, id); err != nil {
			return err
		}
	}
	return b.tx.SetActive(id, told.At)
}

// carry takes over what is kept of an event of another conversation, and has
// everything that means it there mean it here.
func (b *batch) carry(h hand, e threads.Carry) error {
	text, err := b.tx.Text(e.From, e.Event)
	if err != nil {
		return err
	}
	if err := b.tx.SetText(h.c.ID, e.To, text); err != nil {
		return err
	}
	uid, ok, err := b.tx.UIDOf(e.From, e.Event)
	if err != nil {
		return err
	}
	if ok {
		if err := b.tx.SetUIDOf(h.c.ID, e.To, uid); err != nil {
			return err
		}
	}
	if err := b.tx.Redirect(e.From, e.Event, h.c.ID, e.To); err != nil || !e.Pending {
		return err
	}
	ref, ok, err := b.tx.Kept(e.From, e.Event)
	if err != nil || !ok {
		return err
	}
	if err := b.tx.KeepRaw(h.c.ID, e.To, ref); err != nil {
		return err
	}
	return b.tx.DropRaw(e.From, e.Event)
}
