package main

import (
	"bytes"
	"net/mail"
	"slices"
	"strings"

	"postroom/internal/mailtest"
)

// allowed is what may stand in the header of a mail to a customer.
var allowed = []string{
	"Return-Path", "Delivered-To", "Received", // of the test's own servers
	"From", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "MIME-Version",
}

// checkCustomer looks at all a customer got.
func (tw *town) checkCustomer(c, e *person) {
	t := tw.t
	t.Helper()
	list := tw.inbox(c.address)
	if len(list) != rounds {
		t.Errorf("%s got %d mails", c.address, len(list))
	}
	for _, raw := range list {
		p := mailtest.MustParse(t, raw)
		tw.checkAllowed(c, p)
		// Once by Postfix and once by Dovecot, both after our submission.
		if n := len(p.All("Received")); n != 2 {
			t.Errorf("%s got %d Received lines: %q", c.address, n, p.All("Received"))
		}
		from, err := mail.ParseAddress(p.All("From")[0])
		if err != nil || from.Address != supportAddr || from.Name != e.name+" at Acme Support" {
			t.Errorf("%s got a mail from %q", c.address, p.Get("From"))
		}
		if to := p.Addresses("To"); len(to) != 1 || to[0] != c.address {
			t.Errorf("%s got a mail to %q", c.address, to)
		}
		if s := p.Get("Subject"); !strings.HasPrefix(s, "Re: ") || strings.HasPrefix(s, "Re: Re:") {
			t.Errorf("%s got the subject %q", c.address, p.Get("Subject"))
		}
		tw.checkLeaks(c, raw, p)
	}
	tw.checkThreads(c.address, c.kept(), 1)
}

// checkAllowed looks for header fields that have no business in a mail to a
// customer.
func (tw *town) checkAllowed(c *person, p *mailtest.Parsed) {
	tw.t.Helper()
	for _, f := range p.Fields {
		if !slices.Contains(allowed, f.Name) && !strings.HasPrefix(f.Name, "Content-") {
			tw.t.Errorf("%s got the field %s: %s", c.address, f.Name, f.Value)
		}
	}
}

// checkLeaks looks for anything internal, in the mail as it stands and in
// what it decodes to.
func (tw *town) checkLeaks(c *person, raw []byte, p *mailtest.Parsed) {
	t := tw.t
	t.Helper()
	seen := string(raw)
	for _, l := range leaves(t, raw) {
		seen += "\n" + string(l.data)
	}
	for _, f := range p.Fields {
		seen += "\n" + f.Name + ": " + p.Get(f.Name)
	}
	seen = strings.ToLower(seen)
	forbidden := []string{"support+r", "support+p", "support+h", "<k.", "dev.example", "10.11.12.13", "autocrypt", "user-agent", "x-mailer"}
	for _, e := range tw.engineers {
		local, _, _ := strings.Cut(e.address, "@")
		agent, _, _ := strings.Cut(e.agent, "/")
		forbidden = append(forbidden, local, e.host, agent)
	}
	for _, line := range tw.footers {
		if !strings.Contains(line, c.address) { // the customer's own words
			forbidden = append(forbidden, line)
		}
	}
	for _, word := range forbidden {
		if i := strings.Index(seen, strings.ToLower(word)); i >= 0 {
			t.Errorf("%s got to see %q: …%s…", c.address, word, seen[max(0, i-60):min(len(seen), i+60)])
		}
	}
	// Bounce addresses stand in the trace alone.
	_, afterTrace, _ := bytes.Cut(raw, []byte("\r\nFrom: "))
	if bytes.Contains(afterTrace, []byte("support+")) {
		t.Errorf("%s got to see an address of ours", c.address)
	}
	if t.Failed() {
		t.Logf("%s got\n%s", c.address, raw)
	}
}

// checkThreads looks at one person's mail, received and sent: each
// conversation is one thread, and every mail but the first of each answers
// one that is there.
func (tw *town) checkThreads(address string, sent [][]byte, want int) {
	t := tw.t
	t.Helper()
	all := append(tw.inbox(address), sent...)
	if n := threadsIn(t, all); n != want {
		t.Errorf("%s sees %d threads, not %d", address, n, want)
	}
	ids := map[string]bool{}
	for _, raw := range all {
		ids[mailtest.MustParse(t, raw).Get("Message-ID")] = true
	}
	first := 0
	for _, raw := range all {
		p := mailtest.MustParse(t, raw)
		switch to := p.IDs("In-Reply-To"); {
		case len(to) == 0:
			first++
		case len(to) > 1 || !ids["<"+to[0]+">"]:
			t.Errorf("%s has a mail that answers %q, which is not there:\n%s", address, to, raw)
		}
	}
	if first != want {
		t.Errorf("%s has %d mails that answer none, not %d", address, first, want)
	}
}

// checkShared looks at the support mailbox: a thread for each customer.
func (tw *town) checkShared() {
	tw.t.Helper()
	all := tw.inbox(supportAddr)
	sent, err := tw.d.Messages(supportAddr, "Sent")
	if err != nil {
		tw.t.Fatal(err)
	}
	for _, m := range sent {
		all = append(all, m.Raw)
	}
	if n := threadsIn(tw.t, all); n != len(tw.customers) {
		tw.t.Errorf("the support mailbox has %d threads, not %d", n, len(tw.customers))
	}
}

func (tw *town) inbox(address string) [][]byte {
	tw.t.Helper()
	list, err := tw.d.Messages(address, "INBOX")
	if err != nil {
		tw.t.Fatal(err)
	}
	var raws [][]byte
	for _, m := range list {
		raws = append(raws, m.Raw)
	}
	return raws
}
