package service

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"postroom/internal/admin"
	"postroom/internal/mailtest"
	"postroom/internal/mailtest/servers"
	"postroom/internal/store"
)

// open is the service of a bubble, not running.
func (b *bubble) open() *Service {
	b.t.Helper()
	svc, err := New(b.cfg, b.seams())
	if err != nil {
		b.t.Fatal(err)
	}
	return svc
}

// drain opens the service, drains it and closes it.
func (b *bubble) drain(want Sum) {
	b.t.Helper()
	svc := b.open()
	got, err := svc.Drain(b.t.Context())
	got.Seconds = 0
	if err != nil || got != want {
		b.t.Errorf("drained to %+v, %v; want %+v", got, err, want)
	}
	for _, err := range svc.Store().Verify() {
		b.t.Errorf("verify: %v", err)
	}
	if err := svc.Close(); err != nil {
		b.t.Error(err)
	}
}

// TestDrain: each drain does all there is to do and ends; our own copies are
// none of the mails it has seen.
func TestDrain(t *testing.T) {
	for name, lookup := range map[string]func(context.Context, string) ([]string, error){
		"nobody to ask": nil, "with DNS": func(context.Context, string) ([]string, error) { return nil, errors.New("no such name") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, "imap.start = \"all\"")
				defer b.world.Close()
				b.lookupTXT = lookup
				b.drain(Sum{})
				b.write(mailtest.Mail{From: "jane@client.example", To: "support@acme.example", Subject: "Printer", Text: "It burns.\n"})
				b.write(mailtest.Mail{From: "joe@shop.example", To: "support@acme.example", Subject: "Scanner", Text: "It hums.\n"})
				b.drain(Sum{Seen: 2, Conversations: 2, Sent: 2})
				copied := b.inbox("alice@acme.example")
				if len(copied) != 1 {
					t.Fatalf("alice has %d mails", len(copied))
				}
				b.write(replyTo(copied[0], "alice@acme.example", "/close\nUse water."))
				b.drain(Sum{Seen: 1, Conversations: 1, Sent: 1})
				if got := b.inbox("jane@client.example"); len(got) != 1 || !strings.Contains(got[0].Text, "Use water.") {
					t.Errorf("jane has %d mails", len(got))
				}
				b.drain(Sum{Conversations: 1})

				// What cannot leave waits; what is doubtful is held.
				b.world.FailSMTP(servers.SMTPFault{Stage: servers.AtRcpt, Times: -1, Reply: &servers.Reply{Code: 451, Enhanced: [3]int{4, 3, 0}, Text: "later"}})
				b.write(mailtest.Mail{From: "kim@third.example", To: "support@acme.example", Subject: "Hinge", Text: "It squeaks.\n"})
				b.write(mailtest.Mail{From: "alice@acme.example", To: "support@acme.example", Subject: "Re: Scanner", InReplyTo: "unknown@acme.example", Text: "Yes.\n"})
				b.drain(Sum{Seen: 2, Conversations: 2, Queued: 2, Held: 1})
			})
		})
	}
}

// TestDrainFails: where the mailbox cannot be read it says so, and what was
// thought of before is kept.
func TestDrainFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "imap.start = \"all\"")
		defer b.world.Close()
		b.world.StopIMAP()
		svc := b.open()
		if _, err := svc.Drain(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "catching up: ") {
			t.Errorf("without a mailbox: %v", err)
		}
		if h := svc.History(); h != (admin.Progress{}) {
			t.Errorf("old mail: %+v", h)
		}
		st, err := svc.Status()
		if err != nil || st.State != admin.Degraded || !slices.ContainsFunc(st.Problems, func(p string) bool { return strings.HasPrefix(p, "the mailbox is not connected: ") }) {
			t.Errorf("status: %+v, %v", st, err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := svc.Drain(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("with no time: %v", err)
		}
		if err := svc.Close(); err != nil {
			t.Error(err)
		}
		b.startIMAP()
		b.drain(Sum{})
	})
}

// TestListMailbox lists what the folders hold while no service runs.
func TestListMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "imap.start = \"all\"")
		defer b.world.Close()
		for range 3 {
			b.write(mailtest.Mail{From: "jane@client.example", To: "support@acme.example", Subject: "Printer", Text: "It burns.\n"})
		}
		b.drain(Sum{Seen: 3, Conversations: 3, Sent: 3})
		st, err := store.OpenReadOnly(b.seams().Log, b.cfg.State.Dir)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		list, err := ListMailbox(t.Context(), b.cfg, b.seams(), st)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(list, func(l admin.Listing) bool { return l.Folder == "INBOX" })
		if i < 0 || len(list[i].UIDs) < 3 {
			t.Errorf("listed: %+v", list)
		}
		b.world.StopIMAP()
		if _, err := ListMailbox(t.Context(), b.cfg, b.seams(), st); err == nil {
			t.Error("a mailbox that is not there was listed")
		}
	})
}
