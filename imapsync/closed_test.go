package imapsync_test

import (
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"postroom/internal/mailtest/servers"
	"postroom/internal/store"
)

// TestMoveClosed: the mail of closed conversations is moved where that can be
// done exactly, and stays where it is else; what others marked is left alone.
func TestMoveClosed(t *testing.T) {
	without := func(drop ...imap.Cap) imap.CapSet {
		c := servers.DefaultCaps()
		for _, d := range drop {
			delete(c, d)
		}
		return c
	}
	tests := []struct {
		name         string
		caps         imap.CapSet
		fault        *servers.IMAPFault
		inbox, moved string
	}{
		{"MOVE", without(), nil, `1 4\Deleted`, `2 3`},
		{"MOVE and nobody knows", without(), &servers.IMAPFault{Command: "MOVE", Late: true, Cut: true}, `1 4\Deleted`, `2 3`},
		{"UIDPLUS", without(imap.CapMove), nil, `1 4\Deleted`, `2 3`},
		{"COPY and nobody knows", without(imap.CapMove), &servers.IMAPFault{Command: "COPY", Skip: 1, Late: true, Cut: true}, `1 2 3 4\Deleted`, `2 3`},
		{"neither", without(imap.CapMove, imap.CapUIDPlus), nil, `1 2 3 4\Deleted`, ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, servers.Options{Caps: tt.caps}, func(r *rig) {
				r.cfg.ClosedFolder = "Done"
				r.add(nil, 1, 2, 3)
				r.add([]string{`\Deleted`}, 4)
				stop := r.run()
				defer stop()
				r.untilMails(4, time.Minute)
				if tt.fault != nil {
					r.world.FailIMAP(*tt.fault)
				}
				r.chore(store.ChoreClosed, 2, 3)
				r.untilChoresDone(30 * time.Minute)
				if got := r.folder("INBOX"); got != tt.inbox {
					t.Errorf("INBOX: %s, want %s", got, tt.inbox)
				}
				if tt.moved != "" {
					if got := r.folder("Done"); got != tt.moved {
						t.Errorf("Done: %s, want %s", got, tt.moved)
					}
				}
			})
		})
	}
}
