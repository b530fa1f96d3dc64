package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postroom/internal/store"
)

// TestRewritingOf: the word of a relay's reply that became the id of a mail is
// found, and tells the ids of other mails; what only looks like one does not.
func TestRewritingOf(t *testing.T) {
	for _, tt := range []struct {
		words, id string
		want      Rewriting
	}{
		{"250 2.0.0 Ok: queued as 4ABCDEF123456", "<4ABCDEF123456@relay.example>", Rewriting{1, "relay.example"}},
		{"250 Ok 0102018c-aa-000000@eu <0102018c-bb-000000>", "<0102018c-bb-000000@eu.mail.example>", Rewriting{1, "eu.mail.example"}},
		{"250 0102018c-aa-000000 queued for delivery", "<0102018c-aa-000000@mail.example>", Rewriting{4, "mail.example"}},
		{"250 2.0.0 Ok: queued as 4ABCDEF123456", "<other-than-that@relay.example>", Rewriting{}},
		{"250 ok 1", "<1@relay.example>", Rewriting{}}, // too short to tell anything
		{"250 ok", "no id", Rewriting{}}, {"", "<4ABCDEF123456@relay.example>", Rewriting{}},
	} {
		got := RewritingOf(tt.words, tt.id)
		if got != tt.want {
			t.Errorf("%q and %s: %+v, want %+v", tt.words, tt.id, got, tt.want)
		}
		if want := tt.id; got.Word != 0 && got.ID(tt.words) != want {
			t.Errorf("%q says %q, want %q", tt.words, got.ID(tt.words), want)
		}
	}
	r := Rewriting{1, "relay.example"}
	for words, want := range map[string]string{
		"250 ok queued as NEXT12345":         "<NEXT12345@relay.example>",
		"250 ok (NEXT12345).":                "<NEXT12345@relay.example>",
		"250 ok \"evil<id>\"":                "",
		"250 ok " + strings.Repeat("x", 201): "",
		"250 ok ...":                         "",
		"":                                   "",
	} {
		if got := r.ID(words); got != want {
			t.Errorf("%q says %q, want %q", words, got, want)
		}
	}
	if (Rewriting{}).ID("250 ok x") != "" || (Rewriting{9, "x.example"}).ID("250 ok x") != "" {
		t.Error("no word says an id")
	}
}

// TestCrowded: an address that mail is handed to, and that begins conversation
// behind conversation, is another machine: what it sends is set aside behind
// fifty, the admins are told once, and in the next hour it may begin again.
func TestCrowded(t *testing.T) {
	r := newRig(t, nil)
	write := func(n int) store.Outcome {
		return r.outcome(r.comes(r.wrote("Ops <"+ops+">", fmt.Sprintf("Case %d", n), fmt.Sprintf("Hello %d", n))))
	}
	aside := 0
	for n := range opensPerHour + 5 {
		if o := write(n); o.Kind == store.OutcomeAside {
			aside++
			if !strings.HasPrefix(o.Note, "ops@acme.example, to whom mail is handed, began more than 50 conversations within an hour") {
				t.Errorf("set aside: %+v", o)
			}
		} else if n >= opensPerHour {
			t.Errorf("mail %d: %+v", n+1, o)
		}
	}
	alarms := 0
	for _, s := range r.to(store.OutNotice, ops) {
		if strings.Contains(s.OutMail.Subject, "goes round in circles") {
			alarms++
		}
	}
	if aside != 5 || alarms != 1 {
		t.Errorf("%d are set aside and %d alarms sent", aside, alarms)
	}
	r.now = r.now.Add(time.Hour)
	if o := write(1000); o.Kind != store.OutcomeEvent {
		t.Errorf("an hour later: %+v", o)
	}
	if o := r.outcome(r.comes(r.wrote("Jane <"+jane+">", "Pump", "It is broken."))); o.Kind != store.OutcomeEvent {
		t.Errorf("a customer: %+v", o)
	}
}
