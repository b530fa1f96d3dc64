package imapsync_test

import (
	"slices"
	"testing"

	"postroom/internal/mailtest/servers"
)

// A server that gives a new message a number that was passed breaks RFC 9051
// §2.3.1.1: an audit tells of it, and once it was moved out of the folder and
// back it is read.
func TestNumberBelowTheCursor(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		l := newLiar(r)
		look := func(uids ...uint32) (got []uint32) {
			l.uids = uids
			if err := r.syncer().CatchUp(r.t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, m := range r.mails("INBOX") {
				got = append(got, m.UID.UID)
			}
			return got
		}
		look(1, 3, 4)
		if got := look(1, 2, 3, 4); slices.Contains(got, 2) {
			t.Errorf("read below the cursor: %v", got)
		}
		listed, err := r.syncer().List(r.t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(listed[0].UIDs, 2) {
			t.Errorf("an audit does not see it: %v", listed)
		}
		if got := look(1, 3, 4, 5); !slices.Equal(got, []uint32{1, 3, 4, 5}) {
			t.Errorf("moved out and back: %v", got)
		}
	})
}
