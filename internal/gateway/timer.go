package gateway

import (
	"fmt"
	"strings"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// The names of deadlines. Those of a conversation are its timer's kind and its
// number; waitTimer is the one at which all that waits for an engineer is
// looked at. Older states have one of these for each conversation.
const (
	parkedTimer = "parked" // of mail that waits for the history import
	waitTimer   = "wait"
	dailyTimer  = "daily" // of the admins' list
)

func timerName(kind threads.TimerKind, id threads.ID) string { return fmt.Sprintf("%s/%d", kind, id) }

// timer acts on a deadline.
func (b *batch) timer(t store.Timer) error {
	if strings.HasPrefix(t.Name, lateTimer) {
		return b.late(t)
	}
	if strings.HasPrefix(t.Name, probedTimer) {
		return b.removeProbe(t)
	}
	if engineer, ok := strings.CutPrefix(t.Name, confirmTimer); ok {
		return b.confirm(engineer)
	}
	kind, _, _ := strings.Cut(t.Name, "/")
	switch threads.TimerKind(kind) {
	case dailyTimer:
		return b.daily()
	case parkedTimer:
		return b.unpark(false)
	case waitTimer:
		return b.lookAll(unowned)
	case threads.TimerReply, threads.TimerOffer, threads.TimerSnooze:
		c, ok, err := b.tx.Conversation(threads.ID(t.Conversation))
		if err != nil || !ok {
			return err
		}
		_, _, err = b.step(c, threads.DueIn{Kind: threads.TimerKind(kind), Late: max(b.now.Sub(t.Due), 0)}, nil)
		return err
	}
	return fmt.Errorf("timer %q is not known", t.Name)
}

func (b *batch) setTimer(c threads.Conversation, e threads.SetTimer) error {
	return b.tx.SetTimer(store.Timer{Name: timerName(e.Kind, c.ID), Due: e.At, Conversation: uint64(c.ID)})
}

// waitUntil has all that waits looked at again at the earliest time asked for.
func (b *batch) waitUntil(at time.Time) error {
	if due, ok := b.tx.TimerDue(waitTimer); ok && !due.After(at) {
		return nil
	}
	return b.tx.SetTimer(store.Timer{Name: waitTimer, Due: at})
}

// clockKey is the name under which the store keeps the newest time the
// gateway has seen.
const clockKey = "clock"

// backwards is by how much a clock may be set back before deadlines are moved
// with it: a clock that is kept in time is set by less.
const backwards = time.Minute

// clockSet looks whether the clock was set back since the last time. Then
// every deadline is moved with it: what was to come in an hour comes in an
// hour, and not when the clock has caught up. A clock that was set forward
// makes deadlines come at once; each leads to one step, and the next deadline
// counts from there.
func (g *Gateway) clockSet() error {
	now := g.now().UTC().Round(0)
	if g.clock.IsZero() {
		if err := g.st.View(func(tx *store.Tx) error {
			_, err := tx.Meta(clockKey, &g.clock)
			return err
		}); err != nil {
			return err
		}
	}
	back := g.clock.Sub(now)
	if back < backwards {
		return nil
	}
	g.log.Warn("clock_set_back", "by", back)
	err := g.st.Update(func(tx *store.Tx) error {
		if err := tx.ShiftTimers(-back); err != nil {
			return err
		}
		return tx.SetMeta(clockKey, now)
	})
	if err == nil {
		g.clock = now
	}
	return err
}

// seen remembers the time, so that a clock set back is noticed, also by the
// next start.
func (b *batch) seen() error {
	if b.now.Sub(b.g.clock) < backwards/2 {
		return nil
	}
	return b.tx.SetMeta(clockKey, b.now)
}
