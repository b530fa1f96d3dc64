package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestWaiting: how many mails wait is known whatever happens to them, also to
// changes that fail, and behind a new start.
func TestWaiting(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	rng := rand.New(rand.NewPCG(1, 2))
	states := []OutState{OutQueued, OutSending, OutUnknown, OutStopped, OutDone}
	refused := errors.New("it is taken back")
	step := func(tx *Tx) error {
		for range 1 + rng.IntN(4) {
			id := fmt.Sprint(rng.IntN(40))
			if rng.IntN(4) == 0 {
				if err := tx.DropOut(OutMail{ID: id}); err != nil {
					return err
				}
				continue
			}
			if err := tx.SetOut(OutMail{ID: id, State: states[rng.IntN(len(states))], NextAttempt: noon, Kind: OutCopy}); err != nil {
				return err
			}
		}
		if rng.IntN(3) == 0 {
			return refused
		}
		return nil
	}
	for n := range 600 {
		if err := s.Update(step); err != nil && !errors.Is(err, refused) {
			t.Fatal(err)
		}
		if n%97 == 96 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openAt(t, dir)
		}
		want, got := 0, 0
		view(t, s, func(tx *Tx) error {
			got = tx.Waiting()
			return tx.EachOut(func(m OutMail) error {
				if m.State == OutQueued || m.State == OutSending || m.State == OutUnknown {
					want++
				}
				return nil
			})
		})
		if got != want {
			t.Fatalf("step %d: %d wait, not %d", n, got, want)
		}
		if n%50 == 0 {
			if err := s.Walk(func(tx *Tx) error { got = tx.Waiting(); return nil }); err != nil || got != want {
				t.Fatalf("step %d: %d wait in the file, not %d; %v", n, got, want, err)
			}
		}
	}
}
