package lab

import (
	"fmt"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// present: what the rotation gave somebody reached her while she was on duty.
// What she takes herself, or is handed by name, comes to her wherever she is,
// but not what the customer writes later; so does what is left of a mail that
// was too much for her server.
func (l *lab) present() {
	shifts := l.shifts()
	l.each(func(_ *store.Tx, c threads.Conversation, events []threads.Event) error {
		var last threads.Assigned
		var given time.Time
		for _, e := range events {
			switch b := e.Body.(type) {
			case threads.Assigned:
				last, given = b, e.At
			case threads.Copied:
				s := shifts[fmt.Sprintf("%d.%d", c.ID, e.N)]
				if s.rot == nil {
					l.broken(pOwner, "the copy %d of conversation %d is not on the log", e.N, c.ID)
					continue
				}
				if b.Stub || s.rot.Presence(b.Engineer, e.At, s.leave).OnDuty {
					continue
				}
				l.counts["copies to engineers off duty: "+string(last.How)]++
				byName := last.How == threads.HowTaken || last.How == threads.HowHand
				if last.Engineer != b.Engineer || !byName || !given.Equal(e.At) {
					l.broken(pOwner, "conversation %d, %s: copied at %v to %s, who was not there", c.ID, last.How, e.At, b.Engineer)
				}
			}
		}
		return nil
	})
}
