package service

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/config"
	"postroom/internal/mailtest"
)

// ownPassword is the mailbox's password in a file of its own.
func (b *bubble) ownPassword() config.Secret {
	b.t.Helper()
	text := fmt.Sprintf(`
support.address = "support@acme.example"
smtp.server = "smtp://127.0.0.1:587"
[imap]
server = "imap://127.0.0.1:143"
username = "support@acme.example"
password_file = %q
`, filepath.Join(b.dir, "imap.secret"))
	cfg, err := config.Parse("postroom.toml", []byte(text), func(string) string { return "" })
	if err != nil {
		b.t.Fatal(err)
	}
	return cfg.IMAP.Password
}

// setPassword changes what the service logs in to the mailbox with. The relay
// keeps its own.
func (b *bubble) setPassword(password string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, "imap.secret"), []byte(password+"\n"), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func titles(mails []*mailtest.Parsed) []string {
	var list []string
	for _, m := range mails {
		list = append(list, m.Get("Subject"))
	}
	return list
}

// A refused login is told to the admins once, shows in status and on the log,
// is tried again with pauses, and its end is told too; restarts in between
// tell nothing anew.
func TestRefusedLoginIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "")
		b.cfg.IMAP.Password = b.ownPassword()
		b.setPassword("mistyped")
		b.start()
		b.wait(time.Minute)
		mails := b.inbox("ops@acme.example")
		if len(mails) != 1 || !strings.Contains(mails[0].Get("Subject"), "refused by the mailbox") || !strings.Contains(mails[0].Text, "password") ||
			strings.Contains(mails[0].Text, "mistyped") {
			t.Fatalf("ops has %q", titles(mails))
		}
		st, err := b.svc.Status()
		if err != nil || st.State != "degraded" || !strings.Contains(st.IMAP.Error, "login refused") || st.IMAP.Connected {
			t.Errorf("status: %+v, %v", st, err)
		}
		if !strings.Contains(b.log.String(), "login refused") {
			t.Error("the log says nothing")
		}
		b.wait(6 * time.Hour)
		b.halt()
		b.start()
		b.wait(6 * time.Hour)
		if mails := b.inbox("ops@acme.example"); len(mails) != 1 {
			t.Errorf("ops has %q", titles(mails))
		}
		b.setPassword("secret")
		b.wait(6 * time.Minute)
		mails = b.inbox("ops@acme.example")
		if len(mails) != 2 || !strings.Contains(mails[1].Get("Subject"), "reads the mailbox again") {
			t.Errorf("ops has %q", titles(mails))
		}
		b.write(mailtest.Mail{From: "jane@client.example", To: "support@acme.example", Subject: "Hello?", Text: "Help!\n"})
		b.wait(2 * time.Minute)
		if n := len(b.inbox("alice@acme.example")); n != 1 {
			t.Errorf("alice has %d mails", n)
		}
		if st, err := b.svc.Status(); err != nil || st.State != "ok" {
			t.Errorf("status: %+v, %v", st, err)
		}
		b.end()
	})
}

// A mail server that is away for a while is nobody's business; after half an
// hour it is.
func TestUnreachableMailboxIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "")
		b.start()
		b.wait(time.Minute)
		for _, away := range []time.Duration{20 * time.Minute, 50 * time.Minute} {
			b.world.StopIMAP()
			b.wait(away)
			b.startIMAP()
			b.wait(10 * time.Minute)
		}
		got := titles(b.inbox("ops@acme.example"))
		if len(got) != 2 || !strings.Contains(got[0], "cannot reach") || !strings.Contains(got[1], "again") {
			t.Errorf("ops has %q", got)
		}
		b.end()
	})
}

// A token the server does not take is a refused login as well.
func TestRefusedTokenIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := newTokenBubble(t)
		defer p.close()
		b.start()
		b.wait(time.Minute)
		p.change(func() { p.closed = true })
		b.world.StopIMAP()
		b.startIMAP()
		b.wait(10 * time.Minute)
		p.change(func() { p.closed = false })
		b.wait(20 * time.Minute)
		got := titles(b.inbox("ops@acme.example"))
		if len(got) != 2 || !strings.Contains(got[0], "refused by the mailbox") || !strings.Contains(got[1], "again") {
			t.Errorf("ops has %q", got)
		}
		b.end()
	})
}

// TestSentence: servers end what they say with a full stop, or do not.
func TestSentence(t *testing.T) {
	for _, words := range []string{"NO Authentication failed", "NO Authentication failed."} {
		if got := sentence(errors.New(words)); got != "NO Authentication failed." {
			t.Errorf("%q ends as %q", words, got)
		}
	}
}
