package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"postroom/internal/mailtest"
)

// TestPostfixVariants sends through a Postfix set up in the ways that refuse
// what is not by the book. What it takes arrives; what it cannot take is told
// to the person it concerns, in words that say why.
func TestPostfixVariants(t *testing.T) {
	const odd = "jürgen@elsewhere.example"
	large := strings.Repeat("0123456789abcdef", 8<<10) // 128 kB, more in base64
	for _, tt := range []struct {
		name     string
		settings string
		act      func(*variant)
	}{
		{"strict envelopes", "strict_rfc821_envelopes = yes\nsmtputf8_enable = no\n", func(v *variant) {
			v.answer(v.ask("zoe@customer.example", nil), nil)
			v.found("zoe@customer.example", "here it is")
		}},
		{"UTF-8 addresses taken", "strict_rfc821_envelopes = yes\nsmtputf8_enable = yes\n", func(v *variant) {
			v.answer(v.ask(odd, nil), nil)
			v.until("sent", "recipient", odd)
		}},
		{"UTF-8 addresses not offered", "strict_rfc821_envelopes = yes\nsmtputf8_enable = no\n", func(v *variant) {
			v.answer(v.ask(odd, nil), nil)
			v.notice(odd, "SMTPUTF8", "here it is")
		}},
		{"a question larger than the relay takes", "message_size_limit = 61440\n", func(v *variant) {
			raw := v.ask("zoe@customer.example", []byte(large))
			if p := mailtest.MustParse(t, raw); !strings.Contains(p.Text, "dump.bin") || bytes.Contains(raw, []byte("MDEyMzQ1Njc4OWFi")) {
				t.Errorf("the engineer did not get a stub that names what was left out:\n%s", tail(string(raw)))
			}
			v.answer(raw, nil)
			v.found("zoe@customer.example", "here it is")
		}},
		{"an answer larger than the relay takes", "message_size_limit = 61440\n", func(v *variant) {
			v.answer(v.ask("zoe@customer.example", nil), []byte(large))
			v.notice("zoe@customer.example", "octets", "here it is")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.act(newVariant(t, tt.settings)) })
	}
}

// variant is one engineer and one customer behind a Postfix of some making.
type variant struct {
	t     *testing.T
	d     *mailtest.Dovecot
	alice *person
	svc   *process
}

func newVariant(t *testing.T, settings string) *variant {
	v := &variant{t: t, alice: &person{name: "Alice Ng", address: "alice@dev.example", host: "a.dev.example"}}
	v.d = mailtest.StartDovecot(t, mailtest.DovecotOptions{Users: []mailtest.User{
		{Address: supportAddr, Password: password}, {Address: v.alice.address, Password: password}, {Address: "zoe@customer.example", Password: password},
	}})
	p := mailtest.StartPostfix(t, mailtest.PostfixOptions{Dovecot: v.d, OwnSender: true, Extra: settings})
	o := newOffice(t, setup{
		imap: "imaps://" + v.d.IMAPS, smtp: "smtp://" + p.Submission, caFile: v.d.CA.File,
		imapLines: "poll = \"1s\"\n", engineers: []engineer{{name: v.alice.name, email: v.alice.address}},
	})
	v.svc = o.start()
	v.svc.ready()
	return v
}

// ask is a customer's question; it returns the engineer's copy of it.
func (v *variant) ask(from string, attached []byte) []byte {
	v.t.Helper()
	c := &person{name: "Zoë Müller", address: from, host: "pc.customer.example"}
	m := c.write("A question", "where is it?\n")
	if attached != nil {
		m.Attachments = []mailtest.Attachment{{Name: "dump.bin", Data: attached}}
	}
	v.deliver("zoe@customer.example", supportAddr, m.Bytes())
	return v.found(v.alice.address, "where is it?")
}

func (v *variant) deliver(from, to string, raw []byte) {
	v.t.Helper()
	if err := v.d.Deliver(from, to, raw); err != nil {
		v.t.Fatal(err)
	}
}

// answer is the engineer's reply to her copy.
func (v *variant) answer(copied, attached []byte) {
	v.t.Helper()
	m := v.alice.reply(v.t, copied, "here it is")
	if attached != nil {
		m.Attachments = []mailtest.Attachment{{Name: "dump.bin", Data: attached}}
	}
	v.deliver(v.alice.address, m.To, m.Bytes())
}

// found waits for a mail with all these words to lie in a mailbox.
func (v *variant) found(address string, words ...string) []byte {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), 60*time.Second)
	defer cancel()
	var raw []byte
	_, err := v.d.Wait(ctx, address, "INBOX", func(list []mailtest.Message) bool {
		for _, m := range list {
			p, err := mailtest.Parse(m.Raw)
			if err == nil && containsAll(p.Get("Subject")+"\n"+p.Text, words) {
				raw = m.Raw
				return true
			}
		}
		return false
	})
	if err != nil {
		v.t.Fatalf("%s got no mail with %q: %v\n%s", address, words, err, v.svc.log())
	}
	return raw
}

func containsAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// notice waits for a notice to the engineer that has all these words.
func (v *variant) notice(words ...string) {
	v.t.Helper()
	raw := v.found(v.alice.address, words...)
	if p := mailtest.MustParse(v.t, raw); p.Get("Auto-Submitted") == "" {
		v.t.Errorf("that is no notice:\n%s", raw)
	}
}

// until waits for an event of the log with this in a field.
func (v *variant) until(name, field, value string) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), 60*time.Second)
	defer cancel()
	for {
		events, changed := v.svc.said()
		for _, e := range events {
			if e.name() == name && strings.Contains(fmt.Sprint(e[field]), value) {
				return
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			v.t.Fatalf("no event %q with %s %q\n%s", name, field, value, v.svc.log())
		}
	}
}
