package imapsync_test

import (
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"postroom/internal/mailtest/servers"
	"postroom/internal/store"
)

func TestFaults(t *testing.T) {
	commands := []servers.IMAPFault{
		{Command: "GREETING"},
		{Command: "LOGIN"},
		{Command: "LIST"},
		{Command: "SELECT"},
		{Command: "SEARCH"},
		{Command: "SEARCH", Mailbox: "INBOX", Skip: 1},
		{Command: "FETCH", Mailbox: "INBOX"},          // metadata
		{Command: "FETCH", Mailbox: "INBOX", Skip: 1}, // bodies
		{Command: "FETCH", Mailbox: "INBOX", Skip: 2},
		{Command: "STORE"},
		{Command: "IDLE"},
	}
	no := &imap.Error{Type: imap.StatusResponseTypeNo, Text: "not now"}
	faults := map[string]func(*servers.IMAPFault){
		"cut":            func(f *servers.IMAPFault) { f.Cut = true },
		"cut late":       func(f *servers.IMAPFault) { f.Cut, f.Late = true, true },
		"stall":          func(f *servers.IMAPFault) { f.Stall = true },
		"cut after 30":   func(f *servers.IMAPFault) { f.CutAfter = 30 },
		"cut after 700":  func(f *servers.IMAPFault) { f.CutAfter = 700 },
		"cut after 1500": func(f *servers.IMAPFault) { f.CutAfter = 1500 },
		"cut twice":      func(f *servers.IMAPFault) { f.Cut, f.Times = true, 2 },
		"refuse": func(f *servers.IMAPFault) {
			f.Reply = no
			if f.Command == "GREETING" {
				f.Reply = &imap.Error{Type: imap.StatusResponseTypeBye, Text: "not now"}
			}
		},
	}
	for _, c := range commands {
		for name, set := range faults {
			fault := c
			set(&fault)
			t.Run(c.Command+" "+string(rune('0'+c.Skip))+" "+name, func(t *testing.T) {
				bubble(t, servers.Options{SpecialUse: true}, func(r *rig) { oneFault(r, fault) })
			})
		}
	}
}

func oneFault(r *rig, fault servers.IMAPFault) {
	r.add(nil, 1, 2, 3, 4, 5)
	r.cfg.ChunkMails = 3
	trap := r.world.FailIMAP(fault)
	stop := r.run()
	defer stop()
	r.untilMails(5, 5*time.Minute)
	validity := r.cursor("INBOX").UIDValidity
	r.update(func(tx *store.Tx) error {
		return tx.AddChore(store.Chore{Kind: store.ChoreSeen, UID: store.UID{Folder: "INBOX", Validity: validity, UID: 2}})
	})
	r.add([]string{`\Seen`}, 6, 7)
	r.untilMails(7, 5*time.Minute)
	r.until("the chore is done", 10*time.Minute, func() bool {
		list, err := r.world.Messages(addr, "INBOX")
		return err == nil && slices.Contains(list[1].Flags, `\Seen`)
	})
	r.add(nil, 8)
	r.untilMails(8, 5*time.Minute)
	r.complete()
	// CutAfter at a command whose answer is shorter strikes later, but it strikes.
	if trap.Hits() == 0 {
		r.t.Error("the fault did not strike")
	}
}

func TestHalfOpenConnectionIsNoticed(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.Poll, r.cfg.Timeout = time.Minute, 30*time.Second
		holes := &blackhole{}
		r.wrap = holes.wrap
		stop := r.run()
		defer stop()
		r.pass(90 * time.Second)
		holes.shut()
		r.add(nil, 1)
		r.untilMails(1, 92*time.Second)
		r.complete()
	})
}

func TestStopInAStall(t *testing.T) {
	for _, command := range []string{"GREETING", "LOGIN", "SELECT", "SEARCH", "FETCH"} {
		t.Run(command, func(t *testing.T) {
			bubble(t, servers.Options{}, func(r *rig) {
				r.add(nil, 1)
				r.world.FailIMAP(servers.IMAPFault{Command: command, Stall: true, Times: -1})
				stop := r.run()
				r.pass(10 * time.Second)
				stop()
			})
		})
	}
}
