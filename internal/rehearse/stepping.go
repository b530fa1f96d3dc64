package rehearse

import (
	"slices"
	"time"

	"postroom/threads"
)

// step steps a conversation, and does of what follows what stays in memory:
// turns, and looking again at what waits. Nothing is sent.
func (r *Rehearsal) step(c *kept, in threads.Input, now time.Time) (threads.Result, error) {
	next, res, err := threads.Step(c.Conversation, in, threads.World{
		Now: now, Names: r.names, Minter: r.minter, Rotation: r.rotation, Turns: &r.turns, Handed: &r.handed,
		Load: func(string) int { return 0 }, // nobody closes here, so nobody is ever full
	})
	if err != nil {
		return res, err
	}
	c.Conversation = next
	if len(r.rotation.Engineers) == 0 {
		c.Pending = nil // nobody will ever be sent it
	}
	for _, e := range res.Effects {
		switch e := e.(type) {
		case threads.TakeTurn:
			if e.How == threads.HowTurn {
				r.turns.Apply(e.Delta)
			} else {
				r.handed.Apply(e.Delta)
			}
		case threads.WaitUntil:
			if r.wake.IsZero() || e.At.Before(r.wake) {
				r.wake = e.At
			}
		}
	}
	if waits := c.Waits && len(r.rotation.Engineers) > 0; waits && !slices.Contains(r.waiting, c.ID) {
		r.waiting = append(r.waiting, c.ID)
	}
	r.ix.SetConversation(&c.Conversation)
	return res, nil
}

// lookUntil hands out what waits for somebody to come on duty, as the clock
// goes on to now.
func (r *Rehearsal) lookUntil(now time.Time) error {
	for !r.wake.IsZero() && !r.wake.After(now) {
		at, waiting := r.wake, r.waiting
		r.wake, r.waiting = time.Time{}, nil
		for _, id := range waiting {
			if _, err := r.step(r.convs[id], threads.LookIn{}, at); err != nil {
				return err
			}
		}
	}
	return nil
}
