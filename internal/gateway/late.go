package gateway

import (
	"cmp"
	"slices"
	"strings"

	"postroom/internal/store"
	"postroom/threads"
)

// lateTimer begins the names of the deadlines at which an answer that has not
// left yet is looked at.
const lateTimer = "late/"

// watchLate sets the time at which the author of an answer is told that it
// still waits. Where the answer is given up before, there is nothing to warn
// of.
func (b *batch) watchLate(m store.OutMail) error {
	after := b.g.cfg.WarnAfter
	if m.Kind != store.OutAnswer || after <= 0 || after >= b.g.cfg.Deadline {
		return nil
	}
	return b.tx.SetTimer(store.Timer{Name: lateTimer + m.ID, Due: m.Queued.Add(after), Conversation: m.Conversation})
}

// late tells the author of an answer that it is not delivered yet, and goes on
// being tried.
func (b *batch) late(t store.Timer) error {
	m, ok, err := b.tx.Out(strings.TrimPrefix(t.Name, lateTimer))
	if err != nil || !ok || m.State == store.OutStopped {
		return err // it has left, or its author has been asked about it
	}
	var waiting []string
	reply := m.LastReply
	for _, r := range m.Recipients {
		if r.State == store.OutQueued || r.State == store.OutUnknown {
			waiting = append(waiting, r.Address)
			reply = cmp.Or(r.Reply, reply)
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	c, of, ok, err := b.home(m.Conversation, m.Event)
	if err != nil || !ok {
		return err
	}
	_, _, err = b.step(c, threads.DeliveryIn{
		OutID: m.ID, Answer: true, Author: m.Author, Of: of, State: threads.DeliveryLate,
		Recipient: strings.Join(slices.Compact(waiting), ", "), Reply: reply,
	}, nil)
	return err
}

// dropOut takes a mail out of the outbox, with what waits for it there.
func (b *batch) dropOut(m store.OutMail) error {
	if m.Kind == store.OutAnswer {
		if err := b.tx.DropTimer(lateTimer + m.ID); err != nil {
			return err
		}
	}
	return b.tx.DropOut(m)
}
