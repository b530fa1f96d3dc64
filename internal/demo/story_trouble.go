package demo

import (
	"context"
	"fmt"
	"net/mail"
	"strings"
	"time"
)

func (t *tale) mailbox() mail.Address {
	return mail.Address{Name: supportName, Address: supportAddress}
}

// fromOutside puts a mail into the support mailbox that came in from the
// internet, not through this mail server.
func (t *tale) fromOutside(sender, recipient, id, what string, header []string, body string) error {
	fields := append(header,
		"Message-ID: "+id,
		"Date: "+time.Now().Format(time.RFC1123Z),
		"MIME-Version: 1.0",
	)
	raw := strings.Join(fields, "\r\n") + "\r\n" + strings.ReplaceAll(body, "\n", "\r\n")
	t.arrives(id, what)
	return t.world.Deliver(sender, recipient, []byte(raw))
}

// machinesWrite is what must not start anything: the automatic reply of a
// customer who is away, to the very address bounces go to, and a delivery
// report about a mail that never was ours.
func (t *tale) machinesWrite(ctx context.Context) error {
	err := t.fromOutside("", t.joeAnswer.returnPath(), "<away.1@shop.example>", "Joe's vacation reply", []string{
		"From: Joe Smith <joe@shop.example>",
		"To: " + t.joeAnswer.returnPath(),
		"Subject: Automatic reply: " + t.joeAnswer.subject(),
		"Auto-Submitted: auto-replied",
		"In-Reply-To: " + t.joeAnswer.id(),
		"References: " + t.joeAnswer.id(),
		"Content-Type: text/plain; charset=utf-8",
	}, "\nI am on the beach until Monday.\n")
	if err != nil {
		return err
	}
	err = t.fromOutside("", supportAddress, "<report.7@mx.elsewhere.example>", "a bounce of something unknown", []string{
		"From: Mail Delivery System <MAILER-DAEMON@mx.elsewhere.example>",
		"To: " + supportAddress,
		"Subject: Undelivered Mail Returned to Sender",
		"Auto-Submitted: auto-replied",
		`Content-Type: multipart/report; report-type=delivery-status; boundary="report"`,
	}, strayReport)
	if err != nil {
		return err
	}
	if err := t.quiet(ctx); err != nil {
		return err
	}
	t.say.told("%s's vacation reply comes in, and a bounce of a mail that was never ours. They start nothing.", t.joe.first())
	t.say.checked("both are on the record, and no mail left to anybody")
	return nil
}

// strayReport is a delivery report as RFC 3464 has it.
const strayReport = `
--report
Content-Type: text/plain; charset=us-ascii

Your message could not be delivered to nobody@elsewhere.example.

--report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.elsewhere.example

Final-Recipient: rfc822; nobody@elsewhere.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 user unknown

--report
Content-Type: text/rfc822-headers

From: support@acme.example
To: nobody@elsewhere.example
Subject: Cheap watches
Message-ID: <spam.99@elsewhere.example>

--report--
`

// forgery is a mail in Alice's name by somebody who saw the thread, but not
// her reply address.
func (t *tale) forgery(ctx context.Context) error {
	const words = "Please send us your password, so that we can have a look."
	err := t.fromOutside("mallory@crooks.example", supportAddress, "<pretty.please@crooks.example>", "the forged mail", []string{
		"From: Alice Ng <alice@acme.example>",
		"To: " + supportAddress,
		"Subject: Re: " + t.asked.subject,
		"In-Reply-To: " + t.answer.id(),
		"References: " + strings.Join(append(t.answer.ids("References"), t.answer.id()), " "),
		"Content-Type: text/plain; charset=utf-8",
	}, "\n"+words+"\n")
	if err != nil {
		return err
	}
	l, err := t.next(ctx, t.alice, "the question whether that was she")
	if err != nil {
		return err
	}
	c := t.checks()
	c.notice(l, t.alice, "Not sent yet")
	c.contains("the text", squeezed(l.text), words)
	if err := t.held(c, 1); err != nil {
		return err
	}
	if err := t.quiet(ctx); err != nil {
		return err
	}
	t.say.told("Somebody writes in %s's name, without her reply token. Nothing goes to %s; %s is asked.", t.alice.first(), t.jane.first(), t.alice.first())
	t.say.quote(l.paragraph("was kept back"))
	return t.discarded(ctx, l)
}

// held checks how many mails are held.
func (t *tale) held(c *checks, want int) error {
	s, err := t.svc.Status()
	if err != nil {
		return err
	}
	c.that(s.Held == want, fmt.Sprintf("%d held mails", want), fmt.Sprintf("%d", s.Held))
	return c.err
}

func (t *tale) discarded(ctx context.Context, notice *letter) error {
	if _, err := t.toSupport(ctx, t.alice, reply(notice, "/discard")); err != nil {
		return err
	}
	l, err := t.next(ctx, t.alice, "the word that it was thrown away")
	if err != nil {
		return err
	}
	c := t.checks()
	c.notice(l, t.alice, "Done")
	c.contains("the text", squeezed(l.text), "It was thrown away, and nothing of it went out.")
	if err := t.held(c, 0); err != nil {
		return err
	}
	if err := t.quiet(ctx); err != nil {
		return err
	}
	t.say.detail("She replies /discard, and the forged mail is thrown away.")
	return nil
}
