package gateway

import (
	"strings"
	"testing"
	"time"

	"postroom/internal/store"
)

// TestAuthorIsWarned: once, four hours after she answered, with her text, and
// only while the answer still waits.
func TestAuthorIsWarned(t *testing.T) {
	for _, tt := range []struct {
		name  string
		state store.OutState
		warns int
	}{{"still queued", store.OutQueued, 1}, {"unknown", store.OutUnknown, 1}, {"sent", store.OutSent, 0}} {
		t.Run(tt.name, func(t *testing.T) {
			r, a := answered(t, func(c *Config) { c.WarnAfter = 4 * time.Hour })
			if tt.state == store.OutQueued {
				r.update(func(tx *store.Tx) error {
					m, _, err := tx.Out(a.ID)
					m.LastReply = "451 4.3.0 come back later"
					if err != nil {
						return err
					}
					return tx.SetOut(m)
				})
			} else {
				r.settle(a, tt.state)
			}
			r.now = r.now.Add(4*time.Hour - time.Second)
			r.think()
			if n := r.to(store.OutNotice, alice); len(n) != 0 {
				t.Fatalf("warned too early: %s", n[0].Subject)
			}
			r.now = r.now.Add(time.Second)
			r.think()
			r.now = r.now.Add(24 * time.Hour)
			r.think()
			notices := r.to(store.OutNotice, alice)
			if len(notices) != tt.warns {
				t.Fatalf("%d notices", len(notices))
			}
			for _, n := range notices {
				if n.Subject != "Your answer still waits: Printer on fire" || !strings.Contains(n.raw, "Use water.") || !strings.Contains(n.raw, jane) {
					t.Errorf("the notice:\n%s", n.raw)
				}
				if tt.state == store.OutQueued && !strings.Contains(n.raw, "451 4.3.0 come back later") {
					t.Errorf("it does not say what the relay said:\n%s", n.raw)
				}
			}
		})
	}
}
