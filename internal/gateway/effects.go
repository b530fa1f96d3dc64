package gateway

import (
	"fmt"
	"slices"

	"postroom/internal/store"
	"postroom/threads"
)

// hand is what effects may draw on: the conversation as it became, the mail
// in hand and the event it became.
type hand struct {
	c  threads.Conversation
	in threads.Input
	l  *letter
	n  int // the event l became, 0 for none
}

// effects does what a step asked for, in its order.
func (b *batch) effects(c threads.Conversation, in threads.Input, res threads.Result, l *letter) error {
	h := hand{c: c, in: in, l: l}
	if l != nil {
		if h.n = eventOf[threads.Received](res); h.n == 0 {
			h.n = engineerEvent(res, c)
		}
		if err := b.tx.SetUIDOf(c.ID, h.n, l.uid); err != nil {
			return err
		}
		if eventOf[threads.Noted](res) != 0 { // whom it is handed on to reads it in the story
			if err := b.keepText(l, threads.KnownHers, c.ID, h.n); err != nil {
				return err
			}
		}
	}
	for _, e := range res.Effects {
		if passing(e, res.Effects) {
			continue
		}
		if err := b.effect(h, e); err != nil {
			return fmt.Errorf("conversation %d, %T: %w", c.ID, e, err)
		}
	}
	return nil
}

// passing reports whether an effect keeps raw mail only for another one of
// the same step to let it go, or lets go what was never kept.
func passing(e threads.Effect, all []threads.Effect) bool {
	switch e := e.(type) {
	case threads.KeepRaw:
		return slices.Contains(all, threads.Effect(threads.DropRaw(e)))
	case threads.DropRaw:
		return slices.Contains(all, threads.Effect(threads.KeepRaw(e)))
	}
	return false
}

func (b *batch) effect(h hand, e threads.Effect) error {
	if !apart(e) {
		if err := b.queueComposed(); err != nil {
			return err
		}
	}
	switch e := e.(type) {
	case threads.SendCopy:
		return b.sendCopy(h, e)
	case threads.SendAnswer:
		return b.sendAnswer(h, e)
	case threads.Notify:
		return b.notify(h.c, e, h.l)
	case threads.KeepRaw:
		if h.l == nil {
			return fmt.Errorf("there is no mail in hand to keep")
		}
		return b.tx.KeepRaw(h.c.ID, e.Of, h.l.ref)
	case threads.DropRaw:
		return b.tx.DropRaw(h.c.ID, e.Of)
	case threads.Keep:
		return b.keep(h, e)
	case threads.SaveAnswer:
		return b.saveAnswer(h, e)
	case threads.Rehold:
		return b.rehold(e)
	case threads.Release:
		return b.tx.DropHold(e.Hold)
	case threads.TakeTurn:
		b.picked = true
		if e.How == threads.HowTurn {
			b.turns.Apply(e.Delta)
		} else {
			b.handed.Apply(e.Delta)
		}
		return nil
	case threads.Seen:
		return b.chore(h.c.ID, e.Of, store.ChoreSeen)
	case threads.Answered:
		return b.chore(h.c.ID, e.Of, store.ChoreAnswered)
	case threads.WaitUntil:
		return b.waitUntil(e.At)
	case threads.SetTimer:
		return b.setTimer(h.c, e)
	case threads.DropTimer:
		return b.tx.DropTimer(timerName(e.Kind, h.c.ID))
	case threads.Carry:
		return b.carry(h, e)
	case threads.FetchOriginals:
		return b.fetchOriginals(h.c, e)
	case threads.Absent, threads.Back, threads.Report, threads.Absorb, threads.Part:
		b.orders = append(b.orders, order{c: h.c, effect: e, name: fmt.Sprintf("%d.%d.r%d", h.c.ID, h.c.N, len(b.orders))})
		return nil
	}
	return fmt.Errorf("the effect is not known")
}

// keep stores a held mail.
func (b *batch) keep(h hand, e threads.Keep) error {
	hold := store.Hold{
		ID: e.Hold, Conversation: h.c.ID, Event: h.c.N, Engineer: e.Engineer, Asked: e.Asked, Subject: h.c.Subject,
		Why: e.Why, Reason: e.Reason, Answers: e.Answers, OutID: e.OutID, To: e.To, Cc: e.Cc, At: b.now.Unix(),
	}
	if e.OutID == "" {
		if h.l == nil {
			return fmt.Errorf("there is no mail in hand to hold")
		}
		hold.From, hold.Subject = h.l.msg.Mail.Sender().Addr, h.l.msg.Mail.Subject
		hold.Raw, hold.UID, hold.Event, hold.Lines = h.l.ref, h.l.uid, h.n, firstLines(&h.l.msg.Mail)
	}
	b.after = append(b.after, func() { b.g.logHeld(hold) })
	if err := b.listTomorrow(); err != nil {
		return err
	}
	return b.tx.SetHold(hold)
}

// rehold stores a held mail under a new name.
func (b *batch) rehold(e threads.Rehold) error {
	h, ok, err := b.tx.Hold(e.Old)
	if err != nil || !ok {
		return err
	}
	h.ID, h.Asked, h.Why, h.Reason, h.At = e.New, e.Asked, e.Why, e.Reason, b.now.Unix()
	if err := b.tx.SetHold(h); err != nil {
		return err
	}
	b.after = append(b.after, func() { b.g.logHeld(h) })
	return b.tx.DropHold(e.Old)
}

// fileClosed queues that the mail of a closed conversation is moved out of
// the folder. Of the mail that made it close the number is known by now.
func (b *batch) fileClosed(c threads.Conversation) error {
	if !b.g.cfg.FileClosed {
		return nil
	}
	for n := 1; n <= c.N; n++ {
		uid, ok, err := b.tx.UIDOf(c.ID, n)
		if err != nil {
			return err
		}
		if !ok || uid.Folder != b.g.cfg.Folder {
			continue
		}
		if err := b.tx.AddChore(store.Chore{UID: uid, Kind: store.ChoreClosed, At: b.now}); err != nil {
			return err
		}
	}
	return nil
}

// chore queues a flag for the mail of an event.
func (b *batch) chore(id threads.ID, event int, kind store.ChoreKind) error {
	if !b.g.cfg.MarkSeen && kind == store.ChoreSeen {
		return nil
	}
	uid, ok, err := b.tx.UIDOf(id, event)
	if err != nil || !ok {
		return err // it came before the mailbox was followed, or the step is still filing it
	}
	return b.tx.AddChore(store.Chore{UID: uid, Kind: kind, At: b.now})
}
