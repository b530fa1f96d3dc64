package gateway

import (
	"strings"
	"testing"
	"time"

	"postroom/internal/store"
)

// TestOutboxByHand: a mail can be stopped, tried at once and given up, and its
// author hears of the last.
func TestOutboxByHand(t *testing.T) {
	r, a := answered(t, nil)
	state := func() store.OutState { m, _ := r.out(a.ID); return m.State }
	if err := r.ask(VerbOutHold, "out", a.ID); err != nil || state() != store.OutStopped {
		t.Fatalf("held: %v, %s", err, state())
	}
	if err := r.ask(VerbOutHold, "out", a.ID); err == nil {
		t.Error("held twice")
	}
	r.now = r.now.Add(72 * time.Hour)
	if err := r.ask(VerbOutRetry, "out", a.ID); err != nil || state() != store.OutQueued {
		t.Fatalf("retried: %v, %s", err, state())
	}
	if m, _ := r.out(a.ID); m.NextAttempt.After(r.now) || !m.Deadline.After(r.now) {
		t.Errorf("due at %v, given up at %v", m.NextAttempt, m.Deadline)
	}
	r.update(func(tx *store.Tx) error { m := a.OutMail; m.State = store.OutSending; return tx.SetOut(m) })
	if err := r.ask(VerbOutDrop, "out", a.ID); err == nil || !strings.Contains(err.Error(), "at this moment") {
		t.Errorf("dropped while it is being sent: %v", err)
	}
	r.update(func(tx *store.Tx) error { return tx.SetOut(a.OutMail) })
	if err := r.ask(VerbOutDrop, "out", a.ID); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.out(a.ID); ok {
		t.Error("it is still there")
	}
	notice := r.one(store.OutNotice, alice)
	if !strings.Contains(notice.raw, "taken out of the outbox by root") || !strings.Contains(notice.raw, "Use water.") {
		t.Errorf("alice is told:\n%s", notice.raw)
	}
	if err := r.ask(VerbOutDrop, "out", a.ID); err == nil {
		t.Error("dropped twice")
	}
}

// TestUncertainByHand: for an answer whose author has been asked, retry and
// drop decide in her place.
func TestUncertainByHand(t *testing.T) {
	for verb, queued := range map[string]bool{VerbOutRetry: true, VerbOutDrop: false} {
		t.Run(verb, func(t *testing.T) {
			r, a := answered(t, func(c *Config) { c.OwnCopy = CopyNone })
			r.settle(a, store.OutUnknown)
			if n := len(r.holds()); n != 1 {
				t.Fatalf("%d are held", n)
			}
			if err := r.ask(verb, "out", a.ID); err != nil {
				t.Fatal(err)
			}
			m, ok := r.out(a.ID)
			if ok != queued || ok && m.State != store.OutQueued || len(r.holds()) != 0 {
				t.Errorf("there %v, %s, %d held", ok, m.State, len(r.holds()))
			}
		})
	}
}
