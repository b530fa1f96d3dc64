package imapsync_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"postroom/internal/mailtest/servers"
	"postroom/internal/store"
)

func (r *rig) chore(kind store.ChoreKind, uids ...uint32) {
	r.t.Helper()
	validity := r.cursor("INBOX").UIDValidity
	r.update(func(tx *store.Tx) error {
		for _, uid := range uids {
			c := store.Chore{Kind: kind, UID: store.UID{Folder: "INBOX", Validity: validity, UID: uid}, At: time.Now()}
			if err := tx.AddChore(c); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *rig) choresLeft() (list []store.Chore) {
	r.t.Helper()
	r.view(func(tx *store.Tx) (err error) {
		list, err = tx.Chores(1 << 20)
		return err
	})
	return list
}

func (r *rig) untilChoresDone(patience time.Duration) {
	r.t.Helper()
	r.until("the chores are done", patience, func() bool { return len(r.choresLeft()) == 0 })
}

// folder is a folder as text: UID, flags and subject of each message.
func (r *rig) folder(name string) string {
	r.t.Helper()
	list, err := r.world.Messages(addr, name)
	if err != nil {
		r.t.Fatal(err)
	}
	var lines []string
	for _, m := range list {
		slices.Sort(m.Flags)
		_, subject, _ := bytes.Cut(m.Raw, []byte("Subject: question "))
		subject, _, _ = bytes.Cut(subject, []byte("\r\n"))
		lines = append(lines, fmt.Sprintf("%s%s", subject, strings.Join(m.Flags, "")))
	}
	return strings.Join(lines, " ")
}

func TestSeenAndAnswered(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.add(nil, 1, 2, 3, 4)
		r.cfg.Poll = time.Hour
		stop := r.run()
		defer stop()
		r.untilMails(4, time.Minute)
		r.chore(store.ChoreSeen, 1, 3, 99)
		r.chore(store.ChoreAnswered, 3)
		r.untilChoresDone(2 * time.Second)
		if got, want := r.folder("INBOX"), `1\Seen 2 3\Answered\Seen 4`; got != want {
			t.Errorf("INBOX: %s, want %s", got, want)
		}
		// A person takes the flag back: it stays off.
		if err := r.world.SetFlags(addr, "INBOX", 1); err != nil {
			t.Fatal(err)
		}
		r.pass(3 * time.Hour)
		if got, want := r.folder("INBOX"), `1 2 3\Answered\Seen 4`; got != want {
			t.Errorf("INBOX: %s, want %s", got, want)
		}
		if len(r.dialed()) != 2 {
			t.Errorf("%d dials", len(r.dialed()))
		}
	})
}

func TestChoresThatAreNotDone(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.MarkSeen = false
		r.add(nil, 1, 2)
		if err := r.syncer().CatchUp(r.t.Context()); err != nil {
			t.Fatal(err)
		}
		r.chore(store.ChoreSeen, 1)
		r.update(func(tx *store.Tx) error {
			return tx.AddChore(store.Chore{Kind: store.ChoreAnswered, UID: store.UID{Folder: "INBOX", Validity: 4711, UID: 2}})
		})
		if err := r.syncer().CatchUp(r.t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := r.folder("INBOX"); got != "1 2" || len(r.choresLeft()) != 0 {
			t.Errorf("INBOX: %s, chores left %v", got, r.choresLeft())
		}
	})
}

// TestChoresAreGivenUp after a day, tried seldom by then.
func TestChoresAreGivenUp(t *testing.T) {
	for _, fault := range []servers.IMAPFault{
		{Command: "STORE", Times: -1, Cut: true},
		{Command: "STORE", Times: -1, Reply: &imap.Error{Type: imap.StatusResponseTypeNo, Text: "read-only"}},
	} {
		bubble(t, servers.Options{}, func(r *rig) {
			trap := r.world.FailIMAP(fault)
			r.add(nil, 1)
			stop := r.run()
			defer stop()
			r.untilMails(1, time.Minute)
			r.chore(store.ChoreSeen, 1)
			r.pass(23 * time.Hour)
			if len(r.choresLeft()) != 1 {
				t.Errorf("given up within a day: %d failures", trap.Hits())
			}
			r.add(nil, 2) // chores are never in its way
			r.untilMails(2, 10*time.Second)
			r.untilChoresDone(2 * time.Hour)
			if n := trap.Hits(); n < 24 || n > 40 {
				t.Errorf("%d tries, want one an hour at last", n)
			}
			r.complete()
		})
	}
}

// TestChoreThatEndsTheConnection keeps none of another kind waiting for long.
func TestChoreThatEndsTheConnection(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.ClosedFolder = "Done"
		r.world.FailIMAP(servers.IMAPFault{Command: "STORE", Times: -1, Cut: true})
		r.add(nil, 1, 2)
		stop := r.run()
		defer stop()
		r.untilMails(2, time.Minute)
		r.chore(store.ChoreSeen, 1)
		r.chore(store.ChoreClosed, 2)
		r.pass(10 * time.Minute)
		if left := r.choresLeft(); len(left) != 1 || r.folder("Done") == "" {
			t.Errorf("left %v, Done %q", left, r.folder("Done"))
		}
	})
}

func TestFileSent(t *testing.T) {
	caps := func(drop ...imap.Cap) imap.CapSet {
		c := servers.DefaultCaps()
		for _, d := range drop {
			delete(c, d)
		}
		return c
	}
	noMove := caps(imap.CapMove)
	cutLate := func(command string) *servers.IMAPFault {
		return &servers.IMAPFault{Command: command, Late: true, Cut: true}
	}
	tests := []struct {
		name        string
		caps        imap.CapSet
		fault       *servers.IMAPFault
		inbox, sent string
	}{
		{"MOVE", caps(), nil, `1 4\Deleted`, `2\Seen 3\Seen`},
		{"MOVE and nobody knows", caps(), cutLate("MOVE"), `1 4\Deleted`, `2\Seen 3\Seen`},
		{"MOVE refused once", caps(), &servers.IMAPFault{Command: "MOVE", Reply: &imap.Error{Type: imap.StatusResponseTypeNo}}, `1 4\Deleted`, `2\Seen 3\Seen`},
		{"UIDPLUS", noMove, nil, `1 4\Deleted`, `2\Seen 3\Seen`},
		{"COPY and nobody knows", noMove, cutLate("COPY"), `1 4\Deleted`, `2\Seen 3\Seen`},
		{"EXPUNGE and nobody knows", noMove, cutLate("EXPUNGE"), `1 4\Deleted`, `2\Seen 3\Seen`},
		{"COPY refused once", noMove, &servers.IMAPFault{Command: "COPY", Reply: &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeOverQuota}},
			`1 4\Deleted`, `2\Seen 3\Seen`},
		{"COPY refused always", noMove, &servers.IMAPFault{Command: "COPY", Times: -1, Reply: &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeOverQuota}},
			`1 2\Seen 3\Seen 4\Deleted`, ``},
		{"neither", caps(imap.CapMove, imap.CapUIDPlus), nil, `1 2\Seen 3\Seen 4\Deleted`, ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, servers.Options{Caps: tt.caps}, func(r *rig) {
				r.add(nil, 1, 2, 3)
				r.add([]string{`\Deleted`}, 4) // a person's business
				stop := r.run()
				defer stop()
				r.untilMails(4, time.Minute)
				if tt.fault != nil {
					r.world.FailIMAP(*tt.fault)
				}
				r.chore(store.ChoreFileSent, 2, 3)
				r.untilChoresDone(26 * time.Hour)
				if got := r.folder("INBOX"); got != tt.inbox {
					t.Errorf("INBOX: %s, want %s", got, tt.inbox)
				}
				if got := r.folder("Sent"); got != tt.sent {
					t.Errorf("Sent: %s, want %s", got, tt.sent)
				}
				r.add(nil, 5)
				r.untilMails(5, time.Minute)
				r.complete()
			})
		})
	}
}

// The Sent folder is made when it is needed, not before, and followed then.
func TestSentIsMadeForTheFirstCopy(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.SentFolder = "Archive of sent mail"
		r.add(nil, 1)
		if err := r.syncer().CatchUp(r.t.Context()); err != nil {
			t.Fatal(err)
		}
		stop := r.run()
		defer stop()
		r.pass(10 * time.Minute)
		if _, err := r.world.Status(addr, r.cfg.SentFolder); err == nil {
			t.Error("the folder was made without need")
		}
		if errs := r.obs.errs(); len(errs) != 0 {
			t.Errorf("errors: %v", errs)
		}
		r.chore(store.ChoreFileSent, 1)
		r.untilChoresDone(time.Minute)
		if got := r.folder(r.cfg.SentFolder); got != `1\Seen` {
			t.Errorf("filed: %s", got)
		}
		r.until("it is followed", 2*time.Minute, func() bool { return r.cursor(r.cfg.SentFolder).UIDValidity != 0 })
	})
}
