package service

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/mailtest"
	"postroom/internal/mailtest/servers"
)

const juergen = "jürgen@client.example"

// TestUTF8Addresses: a customer's side with a local part that is not ASCII, in
// To or in Cc. Where the relay has no SMTPUTF8 that recipient alone fails, with
// the reason told to the author and her text; the others get a mail without an
// octet over 127.
func TestUTF8Addresses(t *testing.T) {
	for _, tt := range []struct {
		name     string
		relay    bool // has SMTPUTF8
		from, cc string
	}{
		{"in Cc, without SMTPUTF8", false, "jane@client.example", juergen},
		{"in To, without SMTPUTF8", false, juergen, "jane@client.example"},
		{"in Cc, with SMTPUTF8", true, "jane@client.example", juergen},
		{"in To, with SMTPUTF8", true, juergen, "jane@client.example"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubbleIn(t, "", servers.Options{RequireAuth: true, SpecialUse: true, SMTPUTF8: tt.relay})
				if err := b.world.AddAccount(servers.Account{Address: juergen, Password: "secret"}); err != nil {
					t.Fatal(err)
				}
				b.start()
				defer b.end()
				b.wait(time.Minute)
				mail := mailtest.Mail{From: tt.from, To: "support@acme.example", Subject: "Printer on fire", Text: "Help!\n", Headers: []mailtest.Field{{Name: "Cc", Value: tt.cc}}}
				b.write(mail)
				b.wait(2 * time.Minute)
				copies := b.inbox("alice@acme.example")
				if len(copies) != 1 {
					t.Fatalf("alice has %d mails", len(copies))
				}
				b.write(replyTo(copies[0], "alice@acme.example", "Use water."))
				b.wait(10 * time.Minute)
				hers, his := b.inbox("jane@client.example"), b.inbox(juergen)
				if len(hers) != 1 || (len(his) == 1) != tt.relay {
					t.Fatalf("jane has %d mails, jürgen %d", len(hers), len(his))
				}
				raw := b.world.Transactions()
				answer := string(raw[1].Raw)
				head, _, _ := strings.Cut(answer, "\r\n\r\n")
				if got := strings.Contains(head, juergen); got != tt.relay {
					t.Errorf("jürgen's address stands in\n%s", head)
				}
				if !tt.relay && strings.ContainsFunc(answer, func(r rune) bool { return r > 126 }) {
					t.Errorf("octets over 127 in\n%s", answer)
				}
				told := b.inbox("alice@acme.example")[1:]
				switch {
				case tt.relay && len(told) != 0:
					t.Errorf("alice is told %q", told[0].Text)
				case !tt.relay && (len(told) != 1 || !strings.Contains(told[0].Text, juergen) || !strings.Contains(told[0].Text, "SMTPUTF8") || !strings.Contains(told[0].Text, "Use water.")):
					t.Errorf("alice has %d notices: %q", len(told), titles(told))
				}
				if n := len(b.folder("support@acme.example", "Sent")); n != 2+len(told) {
					t.Errorf("%d mails are filed to Sent", n)
				}
			})
		})
	}
}
