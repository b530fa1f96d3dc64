package service

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/admin"
	"postroom/internal/config"
	"postroom/internal/mailtest"
)

// secondPostroom is another team's, with the same servers, whose engineers are
// those given.
func (b *bubble) secondPostroom(address, rotation string) *bubble {
	b.t.Helper()
	other := &bubble{t: b.t, world: b.world, net: b.net, dir: b.t.TempDir(), rot: rotation, log: &logBuffer{}}
	secret := filepath.Join(other.dir, "secret")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		b.t.Fatal(err)
	}
	text := fmt.Sprintf(`
rotation = "rotation.toml"
[support]
address = %[1]q
name = "Other Support"
reply_address = %[2]q
[imap]
server = "imap://127.0.0.1:143"
username = %[1]q
password_file = %[3]q
[smtp]
server = "smtp://127.0.0.1:587"
username = %[1]q
password_file = %[3]q
probe = "off"
[state]
dir = %[4]q
`, address, strings.Replace(address, "@", "+{token}@", 1), secret, filepath.Join(other.dir, "state"))
	cfg, err := config.Parse("postroom.toml", []byte(text), func(string) string { return "" })
	if err != nil {
		b.t.Fatal(err)
	}
	other.cfg = cfg
	return other
}

// TestTwoPostrooms: each has the other's support address as its engineer, so
// that every mail that reaches one is handed to the other, for good. It ends,
// and in one alarm.
func TestTwoPostrooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "")
		const there = "kim@third.example"
		only := func(engineer, admin string) string {
			return fmt.Sprintf("timezone = \"UTC\"\nadmins = [%q]\n[[engineer]]\nname = \"The Others\"\nemail = %q\n", admin, engineer)
		}
		b.rot = only(there, "ops@acme.example")
		other := b.secondPostroom(there, only("support@acme.example", "joe@shop.example"))
		b.start()
		other.start()
		b.wait(time.Minute)
		b.write(mailtest.Mail{From: "jane@client.example", To: "support@acme.example", Subject: "Printer on fire", Text: "It burns.\n"})
		var passed []int
		for range 3 {
			b.wait(12 * time.Hour)
			passed = append(passed, len(b.inbox("support@acme.example"))+len(b.inbox(there)))
		}
		t.Logf("mails in both mailboxes after 12, 24 and 36 hours: %v", passed)
		if passed[2] > 400 || passed[2] != passed[1] && passed[1] != passed[0] {
			t.Errorf("it goes on: %v", passed)
		}
		// Whoever notices first ends it for both.
		alarms := append(b.inbox("ops@acme.example"), b.inbox("joe@shop.example")...)
		if len(alarms) != 1 || !strings.Contains(alarms[0].Get("Subject"), "circles") {
			t.Errorf("the admins have %d mails, want one alarm", len(alarms))
		}
		if n := len(b.inbox("jane@client.example")); n != 0 {
			t.Errorf("the customer got %d mails", n)
		}
		other.halt()
		b.end()
	})
}

// TestTwoPostroomsOneMailbox: somebody starts a second one, with a state of
// its own, on the same mailbox. Each finds the other's mail there; nothing goes
// round, both say so, and each customer's mail is still handed out.
func TestTwoPostroomsOneMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "")
		other := b.secondPostroom("support@acme.example", b.rot)
		other.random = "its!"
		b.start()
		other.start()
		b.wait(time.Minute)
		b.write(mailtest.Mail{From: "jane@client.example", To: "support@acme.example", Subject: "Printer on fire", Text: "It burns.\n"})
		b.wait(30 * time.Minute)
		copies := 0
		for _, addr := range []string{"alice@acme.example", "bob@acme.example", "carol@acme.example"} {
			copies += len(b.inbox(addr))
		}
		if copies != 2 {
			t.Errorf("the engineers got %d mails, want one from each of the two", copies)
		}
		alarms := b.inbox("ops@acme.example")
		if len(alarms) != 2 || !strings.Contains(alarms[0].Get("Subject"), "Another Postroom") {
			t.Errorf("the admins have %d mails, want an alarm from each of the two", len(alarms))
		}
		for _, one := range []*bubble{b, other} {
			if s, err := one.svc.Status(); err != nil || s.State != admin.Degraded || !strings.Contains(strings.Join(s.Problems, " "), "another Postroom") {
				t.Errorf("status: %s %q", s.State, s.Problems)
			}
		}
		other.halt()
		b.wait(3 * time.Hour)
		if s, err := b.svc.Status(); err != nil || s.State != admin.OK {
			t.Errorf("after the other one has stopped: %s %q", s.State, s.Problems)
		}
		b.end()
	})
}
