package smtpout

import (
	"strings"
	"testing"
	"time"
)

// TestHostileRelays: whatever a relay says in place of a reply, no mail counts
// as sent that it did not take, nothing is tried in a tight loop, and once it
// behaves again the mail goes, once.
func TestHostileRelays(t *testing.T) {
	endless := strings.Repeat("x", 10<<20)
	lines := func(code string) string { return strings.Repeat(code+"-more\r\n", 1<<20) + code + " end" }
	for _, tt := range []struct {
		name, stage string
		does        misdeed
		told        string // part of the last reply, or of the error
	}{
		{"a greeting without end", "banner", misdeed{reply: "220 " + endless}, "too long a line"},
		{"a greeting of a million lines", "banner", misdeed{reply: lines("220")}, "says more than 1 MB"},
		{"a greeting of another protocol", "banner", misdeed{reply: "* OK IMAP4rev1"}, "short response"},
		{"octets in place of a greeting", "banner", misdeed{reply: strings.Repeat("\x00\xff", 100_000)}, "too long a line"},
		{"offers of ten megabytes", "ehlo", misdeed{reply: "250-fake\r\n250 " + endless}, "too long a line"},
		{"a million offers", "ehlo", misdeed{reply: lines("250")}, "says more than 1 MB"},
		{"codes that change", "mail", misdeed{reply: "250-fake\r\n251-SIZE\r\n250 HELP"}, "what came is no reply"},
		{"a code of four digits", "mail", misdeed{reply: "2500 ok"}, "what came is no reply"},
		{"a code below zero", "mail", misdeed{reply: "-50 ok"}, "what came is no reply"},
		{"no code", "rcpt", misdeed{reply: "ok"}, "what came is no reply"},
		{"an endless refusal", "rcpt", misdeed{reply: lines("550")}, "what came is no reply"},
		{"an endless go-ahead", "data", misdeed{reply: "354 " + endless}, "a line of more than 2048 octets"},
		{"a yes in place of a go-ahead", "data", misdeed{reply: "250 ok"}, "250 ok"},
		{"a go-ahead in place of a yes", "dot", misdeed{reply: "354 more"}, "354 more"},
		{"silence", "mail", misdeed{stall: true}, "timeout"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.relay.misdeeds = always(tt.stage, "", tt.does)
			}, func(t *testing.T, r *rig) {
				m := r.mail(customer)
				r.enqueue(m)
				_, err := r.sender.Drain(t.Context())
				said := r.out(m.ID).LastReply
				if err != nil {
					said += " " + err.Error()
				}
				if !strings.Contains(said, tt.told) {
					t.Errorf("told: %.300s; want %q", said, tt.told)
				}
				if strings.Contains(r.states(m.ID), "sent") {
					t.Errorf("it is %s", r.states(m.ID))
				}
				if n := r.relay.dials(); n > 10 {
					t.Errorf("%d connections", n)
				}
				r.relay.mu.Lock()
				r.relay.misdeeds = nil
				r.relay.mu.Unlock()
				if r.states(m.ID) != "queued: queued" {
					return // the relay had refused it, or may have taken it
				}
				time.Sleep(10 * time.Minute)
				r.drain()
				r.want(m.ID, "done: sent")
				if n := r.relay.got(customer); n != 1 {
					t.Errorf("the customer has it %d times", n)
				}
			})
		})
	}
}
