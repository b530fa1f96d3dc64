package gateway

import (
	"strings"
	"testing"
	"time"

	"postroom/internal/store"
)

// TestForeign: mail of another Postroom on the same mailbox is given to nobody,
// and told once a day; it is none of ours, nor a customer's that bears our id.
func TestForeign(t *testing.T) {
	other := newRig(t, nil)
	other.comes(other.wrote("Jane <"+jane+">", "Pump", "It is broken."))
	copied := strings.ReplaceAll(other.one(store.OutCopy, alice).raw, "\r\n", "\n")

	r := newRig(t, nil)
	alarms := func() (n int) {
		for _, s := range r.to(store.OutNotice, ops) {
			if strings.Contains(s.OutMail.Subject, "Another Postroom") {
				n++
			}
		}
		return n
	}
	for i, after := range []time.Duration{0, time.Hour, 24 * time.Hour} {
		r.now = r.now.Add(after)
		raw := strings.Replace(copied, "Subject:", strings.Repeat("X-Trace: x\n", i)+"Subject:", 1)
		raw = strings.ReplaceAll(raw, "Message-ID: <", "Message-ID: <"+strings.Repeat("x", i)) // each of its mails has another id
		o := r.outcome(r.comes(raw))
		if o.Kind != store.OutcomeUnseen || o.Note != foreignNote || o.Conversation != 0 {
			t.Errorf("mail %d: %+v", i, o)
		}
		if want := []int{1, 1, 2}[i]; alarms() != want {
			t.Errorf("after mail %d the admins were told %d times, not %d%s", i, alarms(), want, r.dump())
		}
		r.view(func(tx *store.Tx) error {
			var at time.Time
			if _, err := tx.Meta(ForeignKey, &at); err != nil || !at.Equal(r.now) {
				t.Errorf("mail %d: found last at %v, %v", i, at, err)
			}
			return nil
		})
	}
	if n := len(r.to(store.OutCopy, alice)) + len(r.to(store.OutCopy, bob)); n != 0 {
		t.Errorf("%d copies of it were sent", n)
	}
	listed := 0
	r.view(func(tx *store.Tx) error {
		return tx.EachRecorded(func(store.Recorded) error { listed++; return nil })
	})
	if listed != 3 {
		t.Errorf("%d are listed", listed)
	}
	hers := strings.Replace(copied, "From: ", "From: Jane <"+jane+">\nX-Was-From: ", 1)
	if o := r.outcome(r.comes(hers)); o.Kind == store.OutcomeUnseen {
		t.Errorf("a customer's mail that bears the id: %+v", o)
	}
}
