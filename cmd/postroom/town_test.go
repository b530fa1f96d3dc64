package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"postroom/internal/mailtest"
)

// town is a support team and its customers on a real Dovecot and Postfix.
type town struct {
	t         testing.TB
	d         *mailtest.Dovecot
	p         *mailtest.Postfix
	engineers []*person
	customers []*person
	footers   []string // lines of the parts that only engineers got
}

func newTown(t testing.TB) *town {
	tw := &town{
		t: t,
		engineers: []*person{
			{name: "Alice Ng", address: "alice.private@dev.example", host: "alices-laptop.dev.example", agent: "AliceMail/115.2", html: true},
			{name: "Bob Ruiz", address: "bob.private@dev.example", host: "bobs-desktop.dev.example", agent: "BobMutt/2.2"},
		},
		customers: []*person{
			{name: "Zoë Müller", address: "zoe@customer.example", host: "zoe.customer.example"},
			{name: "Jan Kral", address: "jan@other.example", host: "pc.other.example", agent: "JanMail/9"},
			{name: "", address: "mia@third.example", host: "phone.third.example", agent: "MiaPhone/3", html: true},
		},
	}
	users := []mailtest.User{{Address: supportAddr, Password: password}}
	for _, p := range append(slices.Clone(tw.engineers), tw.customers...) {
		users = append(users, mailtest.User{Address: p.address, Password: password})
	}
	tw.d = mailtest.StartDovecot(t, mailtest.DovecotOptions{Users: users})
	tw.p = mailtest.StartPostfix(t, mailtest.PostfixOptions{Dovecot: tw.d, OwnSender: true})
	return tw
}

// send is a customer's mail arriving from elsewhere.
func (tw *town) send(p *person, raw []byte) {
	tw.t.Helper()
	tw.sendTo(p, supportAddr, raw)
}

func (tw *town) sendTo(p *person, to string, raw []byte) {
	tw.t.Helper()
	conn, err := net.Dial("tcp", tw.p.MX)
	if err != nil {
		tw.t.Fatal(err)
	}
	c := smtp.NewClient(conn)
	defer c.Close()
	if err := errors.Join(c.Hello(p.host), c.SendMail(p.address, []string{to}, bytes.NewReader(p.keep(raw)))); err != nil {
		tw.t.Fatalf("sending for %s: %v", p.address, err)
	}
}

// submit is an engineer's client handing in a mail.
func (tw *town) submit(p *person, to string, raw []byte) {
	tw.t.Helper()
	conn, err := net.Dial("tcp", tw.p.Submission)
	if err != nil {
		tw.t.Fatal(err)
	}
	c, err := smtp.NewClientStartTLS(conn, tw.d.CA.Client("localhost"))
	if err != nil {
		tw.t.Fatal(err)
	}
	defer c.Close()
	err = errors.Join(c.Hello(p.host), c.Auth(sasl.NewPlainClient("", p.address, password)), c.SendMail(p.address, []string{to}, bytes.NewReader(p.keep(raw))))
	if err != nil {
		tw.t.Fatalf("submitting for %s: %v", p.address, err)
	}
}

// find waits for the mail whose own text, not what it quotes, has the mark.
func (tw *town) find(mark string, people ...*person) (*person, []byte) {
	tw.t.Helper()
	ctx, cancel := context.WithTimeout(tw.t.Context(), 40*time.Second)
	defer cancel()
	type hit struct {
		p   *person
		raw []byte
		err error
	}
	hits := make(chan hit, len(people))
	for _, p := range people {
		go func() {
			var raw []byte
			_, err := tw.d.Wait(ctx, p.address, "INBOX", func(list []mailtest.Message) bool {
				for _, m := range list {
					if parsed, err := mailtest.Parse(m.Raw); err == nil && strings.Contains(unquoted(parsed.Text+parsed.HTML), mark) {
						raw = m.Raw
						return true
					}
				}
				return false
			})
			hits <- hit{p, raw, err}
		}()
	}
	var found hit
	for range people {
		h := <-hits
		if h.err == nil && found.p == nil {
			found = h
			cancel() // nobody else has it
		}
	}
	if found.p == nil {
		tw.t.Fatalf("nobody got the mail with %q", mark)
	}
	return found.p, found.raw
}

// unquoted is the lines of a text that are no quotation.
func unquoted(text string) string {
	text, _, _ = strings.Cut(text, "<blockquote>")
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, ">") {
			b.WriteString(line)
		}
	}
	return b.String()
}
