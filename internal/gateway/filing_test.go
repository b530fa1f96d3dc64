package gateway

import (
	"testing"

	"postroom/internal/store"
)

// appends is the chores that put something into Sent.
func (r *rig) appends() (list []store.Append) {
	r.t.Helper()
	r.view(func(tx *store.Tx) error {
		all, err := tx.Chores(100)
		for _, c := range all {
			if c.Append != nil {
				list = append(list, *c.Append)
			}
		}
		return err
	})
	return list
}

// TestFiledByAChore: an answer the relay has taken is filed once, also where
// its recipients are settled one after the other; a copy to an engineer is not.
func TestFiledByAChore(t *testing.T) {
	for _, tt := range []struct {
		how  OwnCopy
		want int
	}{{CopyByAppend, 1}, {CopyNone, 0}, {CopyByBcc, 0}, {CopyByRelay, 0}} {
		t.Run(string(tt.how), func(t *testing.T) {
			r, a := answered(t, func(c *Config) { c.OwnCopy = tt.how })
			if n := len(r.appends()); n != 0 {
				t.Fatalf("%d are filed before the answer has left", n)
			}
			r.attempt(a.ID, func(m *store.OutMail) []store.Recipient {
				m.State, m.Recipients[0].State = store.OutQueued, store.OutSent
				return m.Recipients[:1]
			})
			r.think()
			r.attempt(a.ID, func(m *store.OutMail) []store.Recipient {
				m.State, m.Recipients[1].State = store.OutDone, store.OutSent
				return m.Recipients[1:]
			})
			r.think()
			list := r.appends()
			if len(list) != tt.want {
				t.Fatalf("%d are filed, want %d", len(list), tt.want)
			}
			if tt.want == 0 {
				return
			}
			if list[0].MessageID != a.MessageID || r.render(list[0].Mail()) != a.raw {
				t.Errorf("filed is %+v", list[0])
			}
		})
	}
}

// TestFiledWhenOurOwnCopyWasRefused: the relay took the mail, and not the copy.
func TestFiledWhenOurOwnCopyWasRefused(t *testing.T) {
	r, a := answered(t, nil)
	r.attempt(a.ID, func(m *store.OutMail) []store.Recipient {
		m.OwnCopy, m.OwnRefused = "", "451 4.2.0 not you"
		m.State = store.OutDone
		for i := range m.Recipients {
			m.Recipients[i].State = store.OutSent
		}
		return m.Recipients
	})
	r.think()
	if list := r.appends(); len(list) != 1 || list[0].MessageID != a.MessageID {
		t.Errorf("filed: %+v", list)
	}
	if _, ok := r.out(a.ID); ok {
		t.Error("it is still in the outbox")
	}
}
