package demo

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// checks collects what was looked at; the first thing that is not as it must
// be is the error.
type checks struct {
	say *narrator
	err error
}

func (d *demo) checks() *checks { return &checks{say: d.say} }

func (c *checks) that(ok bool, expected, found string) {
	if !ok && c.err == nil {
		c.err = c.say.failed(expected, found)
	}
}

func (c *checks) equal(what, want, got string) {
	c.that(want == got, fmt.Sprintf("%s %q", what, want), fmt.Sprintf("%q", got))
}

func (c *checks) contains(what, whole, part string) {
	c.that(strings.Contains(whole, part), fmt.Sprintf("%s with %q in it", what, part), excerpt(whole))
}

// excerpt is the beginning of a text, for an error.
func excerpt(s string) string {
	const most = 400
	if len(s) > most {
		s = s[:most] + "…"
	}
	return fmt.Sprintf("%q", s)
}

// from is the sender of a mail: display name and address.
func (c *checks) from(l *letter, name, address string) {
	a := l.address("From")
	c.equal("the sender's name", name, a.Name)
	c.equal("the sender's address", address, a.Address)
}

// copyOf is what must be true of a customer's mail in an engineer's mailbox.
func (c *checks) copyOf(l *letter, engineer, customer *person, m draft) {
	c.from(l, customer.name+" via "+supportName, supportAddress)
	c.equal("the recipient", engineer.address, l.address("To").Address)
	c.equal("the subject", m.subject, l.subject())
	replyTo := l.address("Reply-To").Address
	c.that(isToken(replyTo), "a reply address of her own, support+…@acme.example", fmt.Sprintf("%q", replyTo))
	c.contains("the text", squeezed(l.text), squeezed(m.text))
	c.contains("the footer", l.text, engineer.first()+", it is your turn.")
	c.that(len(l.files) == len(m.files), fmt.Sprintf("%d attachments", len(m.files)), fmt.Sprintf("%d", len(l.files)))
	for i := range min(len(l.files), len(m.files)) {
		c.equal("the attachment's name", m.files[i].name, l.files[i].name)
		c.that(bytes.Equal(m.files[i].data, l.files[i].data), "the attachment byte for byte", fmt.Sprintf("%d octets that differ", len(l.files[i].data)))
	}
}

func isToken(addr string) bool {
	return strings.HasPrefix(addr, "support+") && strings.HasSuffix(addr, "@acme.example") && len(addr) > len("support+@acme.example")
}

// squeezed is a text without the white space that mail may change.
func squeezed(s string) string { return strings.Join(strings.Fields(s), " ") }

// answer is what must be true of an answer in the customer's mailbox: asked
// is the mail it answers, words is what the engineer wrote.
func (c *checks) answer(l *letter, engineer, customer *person, asked string, subject, words string) {
	c.from(l, engineer.name+" at "+supportName, supportAddress)
	c.equal("the recipient", customer.address, l.address("To").Address)
	c.equal("Cc", "", l.get("Cc"))
	c.equal("Reply-To", "", l.get("Reply-To"))
	c.equal("the subject", "Re: "+subject, l.subject())
	c.equal("In-Reply-To", asked, l.get("In-Reply-To"))
	refs := l.ids("References")
	c.that(len(refs) > 0 && refs[len(refs)-1] == asked, "References that end with "+asked, strings.Join(refs, " "))
	c.contains("the text", squeezed(l.text), squeezed(words))
	c.contains("the HTML text", squeezed(l.html), squeezed(words))
}

// allowed are the header fields an answer may have, beside Content-… and what
// the last mail server puts on top.
var allowed = []string{
	"From", "To", "Cc", "Subject", "Date", "Message-Id", "In-Reply-To", "References", "Mime-Version", "Thread-Topic",
	"Thread-Index", "Dkim-Signature", "Return-Path", "Delivered-To", "Received",
}

// discreet looks for everything of the engineer that is not the customer's:
// in the header, in the text and in the HTML.
func (c *checks) discreet(l *letter, engineer *person, cp *letter, hers string) {
	for name, values := range l.header {
		c.that(slices.Contains(allowed, name) || strings.HasPrefix(name, "Content-"), "only header fields a customer may see", name)
		c.that(name != "Received" || len(values) == 1, "no trace of the engineer's network", strings.Join(values, " | "))
	}
	seen := strings.ToLower(l.shown())
	secrets := []struct{ what, it string }{
		{"the engineer's address", engineer.address},
		{"the engineer's mail client", engineer.client},
		{"the engineer's computer", engineer.host},
		{"the engineer's network", "198.51.100.7"},
		{"the engineer's Message-ID", strings.Trim(hers, "<>")},
		{"a reply token", "support+"},
		{"the id of the engineer's copy", strings.Trim(cp.id(), "<>")},
		{"the footer", "it is your turn"},
		{"the footer's instructions", "just reply: it goes out as"},
		{"the footer's links", "mailto:"},
		{"the name of the program", "postroom"},
	}
	if refs := cp.ids("References"); len(refs) > 1 {
		secrets = append(secrets, struct{ what, it string }{"the token id", strings.Trim(refs[1], "<>")})
	}
	for _, secret := range secrets {
		if i := strings.Index(seen, strings.ToLower(secret.it)); i >= 0 {
			c.that(false, "nothing of "+secret.what+" in what the customer sees", excerpt(seen[max(0, i-80):]))
		}
	}
}

// notice is what must be true of a mail from Postroom itself.
func (c *checks) notice(l *letter, p *person, subject string) {
	c.from(l, "Postroom", supportAddress)
	c.equal("the recipient", p.address, l.address("To").Address)
	c.contains("the subject", l.subject(), subject)
	c.equal("Auto-Submitted", "auto-generated", l.get("Auto-Submitted"))
}
