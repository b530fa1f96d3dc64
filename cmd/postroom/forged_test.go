package main

import (
	"slices"
	"strings"
	"testing"

	"postroom/internal/mailtest"
)

// forgery is two conversations, one with each engineer, and what their
// engineers got.
type forgery struct {
	w          *world
	o          *office
	alice, bob *person
	zoe, jan   *person
	toAlice    []byte // the copy of zoe's mail
	toBob      []byte // the copy of jan's
	question   mailtest.Mail
}

const ops = "ops@dev.example"

func newForgery(t *testing.T) *forgery {
	f := &forgery{
		alice: &person{name: "Alice Ng", address: "alice@dev.example", host: "a.dev.example"},
		bob:   &person{name: "Bob Ruiz", address: "bob@dev.example", host: "b.dev.example"},
		zoe:   &person{name: "Zoe", address: "zoe@customer.example", host: "customer.example"},
		jan:   &person{name: "Jan", address: "jan@other.example", host: "other.example"},
	}
	f.w = newWorld(t, f.alice.address, f.bob.address, f.zoe.address, f.jan.address, ops)
	f.o = newOffice(t, setup{
		imap: f.w.imap, smtp: f.w.smtp, admins: []string{ops},
		engineers: []engineer{{name: f.alice.name, email: f.alice.address}, {name: f.bob.name, email: f.bob.address}},
	})
	f.o.drain()
	f.question = f.zoe.write("Printer on fire", "It burns.\n")
	f.send(t, f.zoe, f.question)
	f.send(t, f.jan, f.jan.write("Slow network", "It crawls.\n"))
	f.o.drain()
	f.toAlice, f.toBob = f.copyTo(t, f.alice, "It burns"), f.copyTo(t, f.bob, "It crawls")
	return f
}

func (f *forgery) send(t *testing.T, p *person, m mailtest.Mail) {
	t.Helper()
	if err := f.w.Deliver(p.address, supportAddr, m.Bytes()); err != nil {
		t.Fatal(err)
	}
}

func (f *forgery) copyTo(t *testing.T, p *person, text string) []byte {
	t.Helper()
	for _, raw := range f.w.inbox(t, p.address) {
		if strings.Contains(mailtest.MustParse(t, raw).Text, text) {
			return raw
		}
	}
	t.Fatalf("%s did not get %q", p.name, text)
	return nil
}

// TestForged sends mail that claims to be an engineer's and is not proven to
// be. None of it may go out, and each must be found in held.
func TestForged(t *testing.T) {
	mallory := &person{name: "Mallory", address: "mallory@evil.example", host: "evil.example"}
	for _, test := range []struct {
		name string
		// forge makes the mail; it is delivered from the address in its From.
		forge  func(t *testing.T, f *forgery) mailtest.Mail
		author string // as held shows it
	}{
		{"by From alone", func(t *testing.T, f *forgery) mailtest.Mail {
			m := f.alice.write("Re: Printer on fire", "FORGED: send me your password.\n")
			m.InReplyTo = f.question.MessageID // a customer's own id is no secret
			m.References = []string{f.question.MessageID}
			return m
		}, "alice@dev.example"},
		{"by From alone, as an answer to an unknown mail", func(t *testing.T, f *forgery) mailtest.Mail {
			m := f.alice.write("Re: Printer on fire", "FORGED: send me your password.\n")
			m.InReplyTo = "nowhere@dev.example"
			return m
		}, "alice@dev.example"},
		{"by her token of another conversation", func(t *testing.T, f *forgery) mailtest.Mail {
			// Alice's token is real, but stands on a mail about jan's conversation.
			m := f.alice.reply(t, f.toAlice, "FORGED: for somebody else.")
			m.InReplyTo = mailtest.MustParse(t, f.toBob).Get("Message-ID")
			m.References = mailtest.MustParse(t, f.toBob).IDs("References")
			m.Subject = "Re: Slow network"
			return m
		}, "alice@dev.example"},
		{"by her token of another conversation, without ids", func(t *testing.T, f *forgery) mailtest.Mail {
			m := f.alice.reply(t, f.toAlice, "FORGED: picked by autocompletion.")
			m.InReplyTo, m.References, m.Subject = "", nil, "Slow network"
			return m
		}, "alice@dev.example"},
		{"by a token of another engineer", func(t *testing.T, f *forgery) mailtest.Mail {
			m := f.alice.reply(t, f.toBob, "FORGED: with Bob's token.")
			return m
		}, "alice@dev.example"},
		{"by her token from a stranger's address", func(t *testing.T, f *forgery) mailtest.Mail {
			return mallory.reply(t, f.toAlice, "FORGED: I found this token.")
		}, "mallory@evil.example"},
		{"by her token from a stranger with her name", func(t *testing.T, f *forgery) mailtest.Mail {
			m := mallory.reply(t, f.toAlice, "FORGED: I am Alice.")
			m.From = "\"Alice Ng <alice@dev.example>\" <mallory@evil.example>"
			return m
		}, "mallory@evil.example"},
		{"by a token with one letter changed", func(t *testing.T, f *forgery) mailtest.Mail {
			m := f.alice.reply(t, f.toAlice, "FORGED: nearly.")
			last := len(m.To) - len("@acme.example") - 1
			swap := byte('a')
			if m.To[last] == swap {
				swap = 'b'
			}
			m.To = m.To[:last] + string(swap) + m.To[last+1:]
			m.InReplyTo, m.References = f.question.MessageID, []string{f.question.MessageID}
			return m
		}, "alice@dev.example"},
		{"with two senders", func(t *testing.T, f *forgery) mailtest.Mail {
			m := f.alice.reply(t, f.toAlice, "FORGED: two of us.")
			m.From += ", mallory@evil.example"
			return m
		}, "alice@dev.example"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newForgery(t)
			m := test.forge(t, f)
			f.send(t, &person{address: test.author}, m)
			f.o.drain()
			f.check(t, m, test.author)
		})
	}
}

func (f *forgery) check(t *testing.T, m mailtest.Mail, author string) {
	t.Helper()
	inside := []string{f.alice.address, f.bob.address, ops}
	told := false
	for _, tx := range f.w.Transactions() {
		for _, to := range tx.To {
			if !slices.Contains(inside, to) && !strings.HasPrefix(to, "support+c") {
				t.Errorf("a mail went to %s:\n%s", to, tx.Raw)
			}
		}
		told = told || mailtest.MustParse(t, tx.Raw).Get("Auto-Submitted") != "" && strings.Contains(string(tx.Raw), "kept back")
	}
	if !told {
		t.Error("nobody was told")
	}
	held := objects[heldRow](t, f.o.command(0, "held", "--json"))
	if len(held) != 1 {
		t.Fatalf("%d mails are held: %+v\n%s", len(held), held, f.o.command(0, "export"))
	}
	h := held[0]
	if h.ID == "" || h.Author != author || h.Reason == "" || h.Subject != m.Subject || !strings.Contains(m.From, h.From) {
		t.Errorf("held: %+v", h)
	}
	// The answer that is really hers still goes out.
	if err := f.w.Deliver(f.bob.address, supportAddr, []byte(f.bob.reply(t, f.toBob, "REAL: try another cable.").Bytes())); err != nil {
		t.Fatal(err)
	}
	f.o.drain()
	if got := f.w.inbox(t, f.jan.address); len(got) != 1 || !strings.Contains(string(got[0]), "REAL") {
		t.Errorf("the real answer did not arrive: %q", got)
	}
	if got := f.w.inbox(t, f.zoe.address); len(got) != 0 {
		t.Errorf("zoe got %q", got)
	}
	f.o.settled()
}
