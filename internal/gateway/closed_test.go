package gateway

import (
	"testing"

	"postroom/internal/store"
)

// TestClosedMailIsMovedAway: when a conversation is closed, a chore for each
// of its messages is queued, if it is switched on.
func TestClosedMailIsMovedAway(t *testing.T) {
	for _, on := range []bool{true, false} {
		r := newRig(t, func(c *Config) { c.FileClosed = on })
		first := r.comes(r.wrote(jane, "Printer on fire", "It burns."))
		cp := r.one(store.OutCopy, alice)
		closing := r.comes(r.reply(cp, "Alice Ng <"+alice+">", "/close\n"))
		moved := map[store.UID]int{}
		r.view(func(tx *store.Tx) error {
			list, err := tx.Chores(100)
			for _, c := range list {
				if c.Kind == store.ChoreClosed {
					moved[c.UID]++
				}
			}
			return err
		})
		switch {
		case !on && len(moved) != 0:
			t.Errorf("moved though it is switched off: %v", moved)
		case on && (moved[first] != 1 || moved[closing] != 1 || len(moved) != 2):
			t.Errorf("moved: %v, want %s and %s", moved, first, closing)
		}
	}
}
