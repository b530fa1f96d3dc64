package service

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/admin"
	"postroom/internal/mailtest"
	"postroom/internal/mailtest/servers"
)

// dropping is a customer's client: what it keeps of a mail that it answers.
type dropping struct {
	name string
	keep func(r *mailtest.Mail)
}

func droppings() []dropping {
	return []dropping{
		{"In-Reply-To alone", func(r *mailtest.Mail) { r.References = nil }},
		{"the last of References alone", func(r *mailtest.Mail) { r.InReplyTo, r.References = "", r.References[len(r.References)-1:] }},
		{"the subject alone", func(r *mailtest.Mail) { r.InReplyTo, r.References = "", nil }},
		{"the subject in its own language", func(r *mailtest.Mail) {
			r.InReplyTo, r.References, r.Subject = "", nil, "AW: "+strings.TrimPrefix(r.Subject, "Re: ")
		}},
	}
}

// TestRewritingRelay: the relay gives each mail a Message-ID of its own, and
// the customer's client drops References: replies find their conversation, for
// as long as they go to and fro, and so do the engineer's, whose client does
// the same.
func TestRewritingRelay(t *testing.T) {
	for _, setup := range []struct{ name, extra string }{
		{"our own copy comes back", ""},
		{"no copy comes back", `smtp.sent_copy = "none"`},
		{"without plus-addresses", "plain"},
	} {
		for _, client := range droppings() {
			t.Run(setup.name+", "+client.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { rewritten(t, setup.extra, client) })
			})
		}
	}
}

func rewritten(t *testing.T, extra string, client dropping) {
	b := newBubbleIn(t, strings.TrimPrefix(extra, "plain"), servers.Options{RequireAuth: true, SpecialUse: true, RewriteMessageIDs: true})
	if extra == "plain" {
		b.cfg.Support.ReplyAddress = ""
	}
	b.start()
	defer b.end()
	b.wait(time.Minute)
	if r, err := b.svc.Probe(t.Context()); err != nil || r.MessageIDKept {
		t.Fatalf("the probe found %+v, %v", r, err)
	}
	b.write(mailtest.Mail{From: "jane@client.example", To: "support@acme.example", Subject: "Printer on the third floor is on fire", Text: "It burns since nine.\n"})
	for turn := range 4 {
		b.wait(3 * time.Minute)
		mine := b.inbox("alice@acme.example")
		if len(mine) != turn+1 {
			t.Fatalf("turn %d: alice has %d mails\n%s", turn, len(mine), b.log.String())
		}
		answer := replyTo(mine[turn], "alice@acme.example", fmt.Sprintf("Use %d buckets of water, please, and tell us how that went.", turn+1))
		if extra != "plain" {
			answer.References = nil // her reply address says who she is and what it is about
		}
		b.write(answer)
		b.wait(3 * time.Minute)
		hers := b.inbox("jane@client.example")
		if len(hers) != turn+1 {
			t.Fatalf("turn %d: jane has %d mails, held %+v", turn, len(hers), b.held())
		}
		if id := hers[turn].Get("Message-ID"); slices.Contains(hers[turn].IDs("References"), id) || strings.Contains(id, "<m.") {
			t.Fatalf("turn %d: the relay kept %s", turn, id)
		}
		reply := replyTo(hers[turn], "jane@client.example", fmt.Sprintf("Turn %d: it still burns.", turn))
		client.keep(&reply)
		b.write(reply)
	}
	b.wait(3 * time.Minute)
	counts, err := admin.Counts(b.svc.Store())
	if err != nil || counts.Open != 1 || counts.Held != 0 || len(b.inbox("alice@acme.example")) != 5 {
		t.Errorf("%+v, %v; alice has %d mails", counts, err, len(b.inbox("alice@acme.example")))
	}
	for _, who := range []string{"bob@acme.example", "carol@acme.example"} {
		if n := len(b.inbox(who)); n != 0 {
			t.Errorf("%s has %d mails of it", who, n)
		}
	}
}
