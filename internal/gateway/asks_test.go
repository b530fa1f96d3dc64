package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// TestAsk: whoever asks while the gateway runs gets the answer of her request,
// or her own patience ends.
func TestAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.comes(r.wrote("Jane <"+jane+">", "Pump", "It is broken."))
		r.gone()
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.g.Run(ctx) }()
		for i, tt := range []struct {
			verb string
			args map[string]string
			want string // of the error
		}{
			{VerbAssign, map[string]string{"conversation": "1", "who": "bob"}, ""},
			{VerbAssign, map[string]string{"conversation": "1", "who": "eve"}, `nobody in the rotation is called "eve"`},
			{VerbClose, map[string]string{"conversation": "9"}, "there is no conversation 9"},
			{VerbClose, map[string]string{"conversation": "x"}, `"x" is no conversation number`},
			{"burn", nil, `"burn" is no request this version knows`},
			{VerbClose, map[string]string{"conversation": "1"}, ""},
		} {
			err := r.g.Ask(t.Context(), store.AdminRequest{ID: string(rune('a' + i)), By: "root", Verb: tt.verb, Args: tt.args})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s %v: %v, want %q", tt.verb, tt.args, err, tt.want)
			}
		}
		if c := r.conversation(1); c.Owner != bob || c.State != threads.StateClosed {
			t.Errorf("it is %s of %s", c.State, c.Owner)
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("running: %v", err)
		}
		// Nobody is there to answer.
		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := r.g.Ask(short, store.AdminRequest{ID: "z", By: "root", Verb: VerbClose, Args: map[string]string{"conversation": "1"}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("asking one that has ended: %v", err)
		}
		if len(r.g.waiters) != 0 {
			t.Errorf("%d wait still", len(r.g.waiters))
		}
		r.think() // what was asked in vain is done all the same
	})
}

// TestNoteOfAnAdmin: it reaches who has to do with the conversation, is kept
// with it, and goes to no customer.
func TestNoteOfAnAdmin(t *testing.T) {
	r := newRig(t, nil)
	r.comes(r.wrote("Jane <"+jane+">", "Pump", "It is broken."))
	r.gone()
	if err := r.ask(VerbNote, "conversation", "1", "text", "She is an old customer.\nBe quick."); err != nil {
		t.Fatal(err)
	}
	note := r.one(store.OutNotice, alice)
	for _, want := range []string{"root", "She is an old customer.", "Be quick."} {
		if !strings.Contains(note.Mail.Text, want) {
			t.Errorf("no %q in %s", want, note.Mail.Text)
		}
	}
	if len(r.to(store.OutNotice, jane))+len(r.to(store.OutAnswer, jane)) != 0 {
		t.Errorf("the customer gets it: %s", r.dump())
	}
	r.view(func(tx *store.Tx) error {
		events, err := tx.Events(1)
		last := events[len(events)-1]
		text, terr := tx.Text(1, last.N)
		if noted, ok := last.Body.(threads.Noted); !ok || noted.Author != "root" || !strings.Contains(text, "Be quick.") {
			t.Errorf("kept as %+v: %q", last, text)
		}
		return errors.Join(err, terr)
	})
	for _, tt := range []struct{ conversation, text, want string }{{"9", "x", "there is no conversation 9"}, {"1", " ", "empty"}} {
		if err := r.ask(VerbNote, "conversation", tt.conversation, "text", tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("a note for %s: %v", tt.conversation, err)
		}
	}
}

// TestTrustReset forgets whose mail was vouched for: of an engineer by any of
// her names, of somebody who left by her address.
func TestTrustReset(t *testing.T) {
	for _, tt := range []struct {
		who  string
		want string // of the error
		left []string
	}{
		{"alice", "", []string{bob, "gone@acme.example"}},
		{"<ALICE@acme.example>", "", []string{bob, "gone@acme.example"}},
		{"gone@acme.example", "", []string{alice, bob}},
		{"eve", `nobody in the rotation is called "eve"`, []string{alice, bob, "gone@acme.example"}},
		{"eve", "and no address \"eve\" is pinned; `postroom trust` lists them", []string{alice, bob, "gone@acme.example"}},
	} {
		r := newRig(t, nil)
		r.update(func(tx *store.Tx) error {
			return errors.Join(tx.SetMeta(pinnedPrefix+alice, pin{By: "acme.example", Unix: r.now.Unix()}), tx.SetMeta(pinnedPrefix+bob, pin{By: "acme.example"}),
				tx.SetMeta(pinnedPrefix+"gone@acme.example", pin{By: "mx.acme.example"}))
		})
		err := r.ask(VerbTrustReset, "who", tt.who)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.who, err, tt.want)
		}
		var left []string
		r.view(func(tx *store.Tx) error {
			pins, err := Pins(tx)
			for _, p := range pins {
				left = append(left, p.Address)
				if p.By == "" || (p.Address == alice) == p.Since.IsZero() {
					t.Errorf("pinned: %+v", p)
				}
			}
			return err
		})
		if !slices.Equal(left, tt.left) {
			t.Errorf("%s: left are %q, want %q", tt.who, left, tt.left)
		}
	}
	r := newRig(t, nil)
	if err := r.ask(VerbTrustReset, "who", "alice"); err == nil || err.Error() != "no mail of alice@acme.example has been vouched for, so nothing is pinned" {
		t.Errorf("nothing to forget: %v", err)
	}
}

// TestProbeComesBack: a mail to ourselves is known in whatever shape it comes
// back, given to nobody, and removed when nobody looked for it.
func TestProbeComesBack(t *testing.T) {
	for _, tt := range []struct {
		name  string
		mail  func(p ProbeMail) string
		probe bool
	}{
		{"as it was", func(p ProbeMail) string { return "Message-ID: " + p.MessageID + "\nTo: " + p.Address }, true},
		{"under another id", func(p ProbeMail) string {
			return "Message-ID: <x@relay.example>\nReferences: " + p.References[0] + "\nTo: support@acme.example"
		}, true},
		{"with nothing but its address", func(p ProbeMail) string { return "Message-ID: <x@relay.example>\nTo: " + p.Address }, true},
		{"somebody else's mail", func(ProbeMail) string { return "Message-ID: <y@relay.example>\nTo: support@acme.example" }, false},
	} {
		r := newRig(t, nil)
		var p ProbeMail
		r.update(func(tx *store.Tx) (err error) {
			p, err = RegisterProbe(tx, r.st.InstanceKey(), r.cfg.Support.Addr, r.cfg.ReplyTemplate, "1")
			return err
		})
		if p.Address == p.Bounce || !strings.HasPrefix(p.Address, "support+c") || !strings.HasPrefix(p.Bounce, "support+b") || len(p.References) != 2 {
			t.Fatalf("the probe: %+v", p)
		}
		uid := r.comes("From: support@acme.example\nSubject: Probe\nDate: " + r.at(0) + "\n" + tt.mail(p) + "\n\nHello\n")
		o := r.outcome(uid)
		if (o.Note == "a probe") != tt.probe || tt.probe && o.Kind != store.OutcomeOwn {
			t.Errorf("%s: %+v", tt.name, o)
		}
		if tt.probe && len(r.queue()) != 0 {
			t.Errorf("%s: somebody is told of it: %s", tt.name, r.dump())
		}
		r.now = r.now.Add(probeStays + time.Second)
		r.think()
		var removed []store.UID
		r.view(func(tx *store.Tx) error {
			list, err := tx.Chores(100)
			for _, c := range list {
				if c.Kind == store.ChoreRemove {
					removed = append(removed, c.UID)
				}
			}
			return err
		})
		if want := []store.UID{uid}; tt.probe != slices.Equal(removed, want) {
			t.Errorf("%s: removed are %v", tt.name, removed)
		}
	}
	r := newRig(t, func(c *Config) { c.ReplyTemplate = "" })
	r.update(func(tx *store.Tx) error {
		p, err := RegisterProbe(tx, r.st.InstanceKey(), r.cfg.Support.Addr, "", "1")
		if p.Address != "" || p.Bounce != "support@acme.example" {
			t.Errorf("without plus-addresses: %+v", p)
		}
		return err
	})
}
