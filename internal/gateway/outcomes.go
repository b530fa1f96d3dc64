package gateway

import (
	"postroom/internal/store"
	"postroom/threads"
)

// told records what became of recipients of a mail at one moment. Those who did
// not get it come in one notice.
func (b *batch) told(m store.OutMail, results ...store.Recipient) error {
	var failed []threads.Undelivered
	for _, r := range results {
		if r.State == store.OutFailed {
			failed = append(failed, threads.Undelivered{Recipient: r.Address, Reply: r.Reply})
		}
	}
	var reached []string
	for _, r := range m.Recipients {
		if r.State == store.OutSent && r.Address != m.OwnCopy {
			reached = append(reached, r.Address)
		}
	}
	named := false
	for _, r := range results {
		in := threads.DeliveryIn{
			OutID: m.ID, Answer: m.Kind == store.OutAnswer, Author: m.Author, Engineer: m.To, Of: m.Event,
			Recipient: r.Address, State: string(r.State), Reply: r.Reply, Status: r.Enhanced,
		}
		if r.State == store.OutFailed {
			in.Quiet, in.Also, in.Reached, named = named, failed[1:], reached, true
		}
		if err := b.toldOne(m, r, in); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) toldOne(m store.OutMail, r store.Recipient, in threads.DeliveryIn) error {
	b.after = append(b.after, func() { b.g.logDelivery(m, r) })
	if m.To != "" && r.State == store.OutFailed {
		if err := b.deadAddress(m.To, r.Enhanced, r.Reply); err != nil {
			return err
		}
	}
	if m.Kind == store.OutNotice {
		return b.noticeTold(m, r)
	}
	c, of, ok, err := b.home(m.Conversation, m.Event)
	if err != nil || !ok {
		return err
	}
	in.Of = of
	_, _, err = b.step(c, in, nil)
	return err
}
