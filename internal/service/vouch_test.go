package service

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"postroom/internal/mailtest"
)

// vouchBubble is a Postroom that asks a DNS of the test's own, in which
// acme.example has a key.
type vouchBubble struct {
	*bubble
	key   ed25519.PrivateKey
	asked int
	down  bool
}

func newVouchBubble(t *testing.T, extra string) *vouchBubble {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := &vouchBubble{bubble: newBubble(t, extra), key: key}
	b.lookupTXT = func(_ context.Context, name string) ([]string, error) {
		b.asked++
		switch {
		case b.down:
			return nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
		case name != "mail._domainkey.acme.example":
			return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
		}
		return []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(pub)}, nil
	}
	b.start()
	b.wait(time.Minute)
	return b
}

// reply is alice's to the customer's mail, signed by her domain unless how says
// otherwise.
func (b *vouchBubble) reply(text, how string) {
	b.t.Helper()
	m := replyTo(b.inbox("alice@acme.example")[0], "alice@acme.example", text)
	m.Date, m.MessageID = time.Now(), how+strings.ReplaceAll(text, " ", "")+"@acme.example"
	raw := m.Bytes()
	if how != "plain" {
		var out bytes.Buffer
		if err := dkim.Sign(&out, bytes.NewReader(raw), &dkim.SignOptions{Domain: "acme.example", Selector: "mail", Signer: b.key}); err != nil {
			b.t.Fatal(err)
		}
		raw = out.Bytes()
	}
	if how == "broken" {
		raw = bytes.Replace(raw, []byte(text), []byte(text+" Or petrol."), 1)
	}
	if err := b.world.Deliver(m.From, m.To, raw); err != nil {
		b.t.Fatal(err)
	}
	b.wait(3 * time.Minute)
}

// has wants so many answers at the customer and mails held.
func (b *vouchBubble) has(what string, answers, held int) {
	b.t.Helper()
	if a, h := len(b.inbox("jane@client.example")), len(b.held()); a != answers || h != held {
		b.t.Errorf("%s: jane has %d mails, want %d; %d are held, want %d: %+v", what, a, answers, h, held, b.held())
	}
}

func (b *vouchBubble) customer() {
	b.write(mailtest.Mail{From: "jane@client.example", To: "support@acme.example", Subject: "Printer on fire", Text: "Help!\n"})
	b.wait(3 * time.Minute)
}

// Where only the token is asked for, a false signature counts all the same,
// and once there was a good one there must be.
func TestPinned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newVouchBubble(t, "")
		defer b.end()
		b.customer()
		b.reply("Use water.", "plain")
		b.has("no signature, never had one", 1, 0)
		b.reply("Use sand.", "broken")
		b.has("a false signature", 1, 1)
		b.reply("Use foam.", "signed")
		b.has("a good one", 2, 1)
		b.reply("Use nothing.", "plain")
		b.has("none, after a good one", 2, 2)
		b.halt()
		b.start()
		b.wait(time.Minute)
		b.reply("Use sticks.", "plain")
		b.has("none, after a restart", 2, 3)
		b.down = true
		b.wait(time.Hour) // what was remembered of DNS is forgotten
		b.reply("Use stones.", "signed")
		b.has("DNS is down", 2, 4)
		b.down = false
		b.reply("Use air.", "signed")
		b.has("and up again", 3, 4)
	})
}

// With token+dkim nothing goes out unsigned but what she confirms.
func TestDemanded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newVouchBubble(t, "imap.mark_seen = true\nengineers.trust = \"token+dkim\"")
		defer b.end()
		b.customer()
		b.reply("Use water.", "signed")
		b.has("signed", 1, 0)
		b.reply("Use sand.", "plain")
		b.has("unsigned", 1, 1)
		notice := b.inbox("alice@acme.example")
		if n := notice[len(notice)-1]; !strings.Contains(n.Text, "DKIM") {
			t.Fatalf("alice is told:\n%s", n.Text)
		}
		confirm := replyTo(notice[len(notice)-1], "alice@acme.example", "/send")
		b.write(confirm)
		b.wait(3 * time.Minute)
		b.has("confirmed", 2, 0)
	})
}

// TestForgedResults: what a mail says of itself in Authentication-Results
// counts for nothing; what the server that is named says, on top, does.
func TestForgedResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newVouchBubble(t, "engineers.trust = \"token+dkim\"\nengineers.authserv_id = \"mx.acme.example\"")
		defer b.end()
		b.customer()
		const pass = "; dmarc=pass header.from=acme.example; dkim=pass header.d=acme.example"
		under := func(text string, results ...string) {
			m := replyTo(b.inbox("alice@acme.example")[0], "alice@acme.example", text)
			m.Date, m.MessageID = time.Now(), strings.ReplaceAll(text, " ", "")+"@acme.example"
			head := ""
			for _, r := range results {
				head += "Authentication-Results: " + r + "\r\n"
			}
			if err := b.world.Deliver(m.From, m.To, append([]byte(head), m.Bytes()...)); err != nil {
				t.Fatal(err)
			}
			b.wait(3 * time.Minute)
		}
		under("Use petrol.", "mx.evil.example"+pass)
		b.has("of another server", 0, 1)
		under("Use oil.", "mx.acme.example; dmarc=fail header.from=acme.example", "mx.acme.example"+pass)
		b.has("below one that says fail", 0, 2)
		under("Use tar.", "mx.evil.example; none", "mx.acme.example"+pass)
		b.has("below one of another server", 0, 3)
		under("Use coal.", "mx.acme.example; dmarc=pass header.from=evil.example")
		b.has("of another domain", 0, 4)
		under("Use water.", "mx.acme.example"+pass, "mx.evil.example; dmarc=fail header.from=acme.example")
		b.has("of the server that is named, on top", 1, 4)
	})
}

// A stranger's mail makes nobody ask DNS.
func TestStrangersAskNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newVouchBubble(t, "")
		defer b.end()
		m := mailtest.Mail{From: "alice@acme.example", To: "support@acme.example", Subject: "Fresh", Text: "Hello.\n", MessageID: "x@acme.example", Date: time.Now()}
		var out bytes.Buffer
		if err := dkim.Sign(&out, bytes.NewReader(m.Bytes()), &dkim.SignOptions{Domain: "evil.example", Selector: "s", Signer: b.key}); err != nil {
			t.Fatal(err)
		}
		if err := b.world.Deliver(m.From, m.To, out.Bytes()); err != nil {
			t.Fatal(err)
		}
		b.wait(3 * time.Minute)
		if b.asked > 0 {
			t.Errorf("DNS was asked %d times", b.asked)
		}
	})
}
