package auth

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

// zone is DNS for the tests: one key for every selector of its domains.
type zone struct {
	key     ed25519.PrivateKey
	record  string
	domains []string
	err     error // in place of an answer
	asked   []string
}

func newZone(t testing.TB, domains ...string) *zone {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &zone{key: key, record: "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(pub), domains: domains}
}

func (z *zone) lookup(ctx context.Context, name string) ([]string, error) {
	z.asked = append(z.asked, name)
	if z.err != nil {
		return nil, z.err
	}
	for _, d := range z.domains {
		if strings.HasSuffix(name, "._domainkey."+d) {
			return []string{z.record}, nil
		}
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (z *zone) sign(t testing.TB, domain, mail string) string {
	t.Helper()
	var b bytes.Buffer
	err := dkim.Sign(&b, strings.NewReader(mail), &dkim.SignOptions{
		Domain: domain, Selector: "s", Signer: z.key, HeaderKeys: []string{"From", "Subject"},
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func checker(z *zone, server string) *Checker {
	return &Checker{log: slog.New(slog.DiscardHandler), server: server, names: names{ask: z.lookup, now: time.Now, kept: map[string]answer{}}}
}

func ask(t testing.TB, c *Checker, raw string) threads.Vouch {
	t.Helper()
	return c.vouch(t.Context(), message.Read(strings.NewReader(raw)), strings.NewReader(raw))
}

const hers = "From: Alice Ng <alice@acme.example>\r\nTo: support@help.example\r\nSubject: Re: Printer\r\n\r\nUse water.\r\n"

func TestSignatures(t *testing.T) {
	z := newZone(t, "acme.example", "mail.acme.example", "evil.example", "example")
	other := newZone(t)
	good := z.sign(t, "acme.example", hers)
	many := good
	for range 30 {
		many = z.sign(t, "evil.example", many)
	}
	tests := []struct {
		name, raw string
		want      threads.VouchResult
	}{
		{"aligned", good, threads.VouchPass},
		{"a subdomain signs", z.sign(t, "mail.acme.example", hers), threads.VouchPass},
		{"none", hers, threads.VouchNone},
		{"another's signature", z.sign(t, "evil.example", hers), threads.VouchNone},
		{"the public suffix signs", z.sign(t, "example", hers), threads.VouchNone},
		{"both", z.sign(t, "evil.example", good), threads.VouchPass},
		{"the body was changed", strings.Replace(good, "water", "petrol", 1), threads.VouchFail},
		{"the subject was changed", strings.Replace(good, "Printer", "Payment", 1), threads.VouchFail},
		{"another key", other.sign(t, "acme.example", hers), threads.VouchFail},
		{"no such key", z.sign(t, "gone.acme.example", hers), threads.VouchFail},
		{"a second From", "From: Alice <alice@acme.example>\r\n" + good, threads.VouchFail},
		{"a group", z.sign(t, "acme.example", strings.Replace(hers, "Alice Ng <alice@acme.example>", "Alice: alice@acme.example;", 1)), threads.VouchFail},
		{"no From, a Sender", strings.Replace(good, "From:", "Sender:", 1), threads.VouchFail},
		{"a look-alike domain", z.sign(t, "acme.example", strings.Replace(hers, "acme", "а\u0441me", 1)), threads.VouchNone},
		{"garbage", "DKIM-Signature: v=1; a=rsa-sha256; d=acme.example; hello\r\n" + hers, threads.VouchNone},
		{"lost among many", many, threads.VouchNone},
		{"a false verdict in the mail", "Authentication-Results: mx.help.example; dmarc=pass header.from=acme.example\r\n" + hers, threads.VouchNone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			z.asked = nil
			if v := ask(t, checker(z, ""), tt.raw); v.Result != tt.want || v.Result != threads.VouchPass && v.Why == "" {
				t.Errorf("%+v, want %s", v, tt.want)
			}
			for _, name := range z.asked {
				if !strings.HasSuffix(name, "acme.example") {
					t.Errorf("DNS was asked for %s", name)
				}
			}
		})
	}
}

func TestDNSTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t, "acme.example")
		c := checker(z, "")
		raw := z.sign(t, "acme.example", hers)
		for _, err := range []error{&net.DNSError{Err: "server misbehaving", IsTemporary: true}, &net.DNSError{Err: "timeout", IsTimeout: true}} {
			z.err = err
			if v := ask(t, c, raw); v.Result != threads.VouchUnknown {
				t.Errorf("%v: %+v", err, v)
			}
		}
		z.err = nil
		for range 3 { // asked once, then remembered
			if v := ask(t, c, raw); v.Result != threads.VouchPass {
				t.Errorf("%+v", v)
			}
		}
		if len(z.asked) != 3 {
			t.Errorf("asked %d times", len(z.asked))
		}
		time.Sleep(keepRecord + time.Second)
		ask(t, c, raw)
		if len(z.asked) != 4 {
			t.Errorf("asked %d times after a while", len(z.asked))
		}
		stuck := checker(z, "")
		stuck.names.ask = func(ctx context.Context, _ string) ([]string, error) { <-ctx.Done(); return nil, ctx.Err() }
		began := time.Now()
		if v := ask(t, stuck, raw); v.Result != threads.VouchUnknown || time.Since(began) != lookupTime {
			t.Errorf("%+v after %v", v, time.Since(began))
		}
		for i := range 3 * maxKept {
			_, _ = c.names.lookup(t.Context(), fmt.Sprintf("s%d._domainkey.acme.example", i))
		}
		if n := len(c.names.kept); n > maxKept {
			t.Errorf("%d records are kept", n)
		}
		if _, err := c.names.lookup(t.Context(), strings.Repeat("a.", 200)); err == nil || errors.As(err, new(*temporary)) {
			t.Errorf("a name of 400 octets: %v", err)
		}
	})
}

func TestResults(t *testing.T) {
	const id = "mx.help.example"
	tests := []struct {
		name, server, header string
		want                 threads.VouchResult
	}{
		{"DMARC", id, id + "; dmarc=pass (p=reject) header.from=acme.example", threads.VouchPass},
		{"DMARC of another domain", id, id + "; dmarc=pass header.from=evil.example", threads.VouchNone},
		{"DKIM aligned", id, id + "; spf=none smtp.mailfrom=x; dkim=pass header.d=mail.acme.example header.s=s", threads.VouchPass},
		{"DKIM by identity", id, id + "; dkim=pass header.i=@acme.example", threads.VouchPass},
		{"DKIM of another", id, id + "; dkim=pass header.d=evil.example", threads.VouchNone},
		{"SPF alone", id, id + "; spf=pass smtp.mailfrom=alice@acme.example", threads.VouchNone},
		{"fails", id, id + "; dkim=fail header.d=acme.example", threads.VouchFail},
		{"fails, and another passes", id, id + "; dkim=fail header.d=acme.example; dmarc=pass header.from=acme.example", threads.VouchPass},
		{"DMARC fails", id, id + "; dmarc=fail header.from=acme.example", threads.VouchFail},
		{"with a version", id, id + " 1; dmarc=pass header.from=acme.example", threads.VouchPass},
		{"another case", id, "MX.Help.Example; dmarc=pass header.from=ACME.example", threads.VouchPass},
		{"another server", id, "mx.evil.example; dmarc=pass header.from=acme.example", threads.VouchNone},
		{"the trusted one below another", id, "mx.evil.example; none\r\nAuthentication-Results: " + id + "; dmarc=pass header.from=acme.example", threads.VouchNone},
		{"a name that only begins so", id, id + ".evil.example; dmarc=pass header.from=acme.example", threads.VouchNone},
		{"nobody is trusted", "", id + "; dmarc=pass header.from=acme.example", threads.VouchNone},
		{"garbage", id, "\x00;;;===", threads.VouchNone},
		{"Exchange", Exchange, "spf=pass (sender IP is 1.2.3.4)\r\n smtp.mailfrom=acme.example; dkim=pass (signature was verified)\r\n header.d=acme.example;dmarc=pass action=none\r\n header.from=acme.example;compauth=pass reason=100", threads.VouchPass},
		{"Exchange, fails", Exchange, "spf=fail smtp.mailfrom=acme.example; dkim=none (message not signed) header.d=none;dmarc=fail action=none header.from=acme.example", threads.VouchFail},
		{"Exchange, inside", Exchange, "dkim=none header.d=none;dmarc=none header.from=acme.example\r\nX-MS-Exchange-Organization-AuthAs: Internal", threads.VouchPass},
		{"Exchange, anonymous", Exchange, "dkim=none header.d=none\r\nX-MS-Exchange-Organization-AuthAs: Anonymous", threads.VouchNone},
		{"Exchange, but with a name", Exchange, "exchange; dmarc=pass header.from=acme.example", threads.VouchNone},
	}
	for _, tt := range tests {
		msg := message.Read(strings.NewReader("Authentication-Results: " + tt.header + "\r\n" + hers))
		if v := results(msg.Header, tt.server, "acme.example"); v.Result != tt.want {
			t.Errorf("%s: %+v, want %s", tt.name, v, tt.want)
		}
	}
}

// Mails that wait are answered by Run, once, and go back where they were.
func TestChecker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		st, err := store.Open(log, t.TempDir(), bytes.NewReader(make([]byte, 64)))
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		z := newZone(t, "acme.example")
		c := NewChecker(log, st, z.lookup, time.Now, "")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		synctest.Wait()
		const mails = 10
		for i := range mails {
			raw := hers
			if i%2 == 0 {
				raw = z.sign(t, "acme.example", hers)
			}
			enqueue(t, st, uint32(i+1), raw)
		}
		synctest.Wait()
		var list []store.InboxRecord
		if err := st.View(func(tx *store.Tx) error {
			if left, _ := tx.Asked(100); len(left) > 0 {
				t.Errorf("%d mails still wait", len(left))
			}
			list, err = tx.Inbox(100)
			return err
		}); err != nil || len(list) != mails {
			t.Fatalf("%d mails, %v", len(list), err)
		}
		for i, r := range list {
			want := threads.VouchNone
			if i%2 == 0 {
				want = threads.VouchPass
			}
			if r.Mail.UID.UID != uint32(i+1) || r.Mail.Vouch == nil || r.Mail.Vouch.Result != want {
				t.Errorf("mail %d: %+v, vouch %+v", i, r.Mail.UID, r.Mail.Vouch)
			}
		}
		for _, err := range st.Verify() {
			t.Errorf("verify: %v", err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func FuzzVouch(f *testing.F) {
	z := newZone(f, "acme.example")
	f.Add(z.sign(f, "acme.example", hers))
	f.Add("Authentication-Results: exchange; dkim=pass header.d=acme.example\r\n" + hers)
	f.Fuzz(func(t *testing.T, raw string) {
		for _, server := range []string{"", "mx.help.example", Exchange} {
			c := checker(z, server)
			if v := ask(t, c, raw); v.Result == "" {
				t.Error("no result")
			}
		}
	})
}

// enqueue puts a mail where the gateway puts those that need an answer.
func enqueue(t *testing.T, st *store.Store, uid uint32, raw string) {
	t.Helper()
	seg, err := st.NewSegment()
	if err != nil {
		t.Fatal(err)
	}
	ref, err := seg.Append(strings.NewReader(raw))
	if err == nil {
		err = seg.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
	err = st.Update(func(tx *store.Tx) error {
		m := store.InMail{UID: store.UID{Folder: "INBOX", Validity: 1, UID: uid}, Raw: ref, FullSize: int64(len(raw))}
		cur := store.Cursor{Folder: "INBOX", UIDValidity: 1, First: 1, Next: uid + 1, HistoryNext: 1}
		if err := tx.AddMail(time.Now(), []store.InMail{m}, cur); err != nil {
			return err
		}
		list, err := tx.Inbox(100)
		if err != nil {
			return err
		}
		for _, r := range list {
			if r.Mail.Vouch == nil {
				if err := tx.Ask(r); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
