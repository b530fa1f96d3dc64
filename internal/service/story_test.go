package service

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/mailtest"
)

func TestTheMainJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "")
		b.start()
		defer b.end()
		b.wait(time.Second)
		first := b.write(mailtest.Mail{From: "jane@client.example", To: "support@acme.example", Subject: "Printer on fire", Text: "It burns. Help!\n"})
		b.wait(3 * time.Minute)

		copies := b.inbox("alice@acme.example")
		if len(copies) != 1 {
			t.Fatalf("alice has %d mails", len(copies))
		}
		c := copies[0]
		if got := c.Get("From"); !strings.Contains(got, "via Acme Support") || !strings.Contains(got, "<support@acme.example>") {
			t.Errorf("From of the copy: %s", got)
		}
		if !strings.Contains(c.Text, "It burns. Help!") {
			t.Errorf("text of the copy: %q", c.Text)
		}
		b.write(replyTo(c, "alice@acme.example", "Use water.\n\n-- \nAlice Ng, alice@acme.example"))
		b.wait(3 * time.Minute)

		answers := b.inbox("jane@client.example")
		if len(answers) != 1 {
			t.Fatalf("jane has %d mails; held: %+v\n%s", len(answers), b.held(), b.log)
		}
		a := answers[0]
		if got := a.Get("From"); got != `"Alice Ng at Acme Support" <support@acme.example>` && got != `Alice Ng at Acme Support <support@acme.example>` {
			t.Errorf("From of the answer: %s", got)
		}
		if got := a.Get("In-Reply-To"); strings.Trim(got, "<>") != first.MessageID {
			t.Errorf("In-Reply-To of the answer: %s", got)
		}
		if a.Get("Subject") != "Re: Printer on fire" {
			t.Errorf("Subject of the answer: %s", a.Get("Subject"))
		}
		for _, secret := range []string{"alice@acme.example", "support+", ":.: ", "k."} {
			if strings.Contains(a.Text, secret) {
				t.Errorf("the answer shows %q:\n%s", secret, a.Text)
			}
		}
		if !strings.Contains(a.Text, "Use water.") {
			t.Errorf("text of the answer: %q", a.Text)
		}

		b.write(replyTo(a, "jane@client.example", "It still burns."))
		b.write(mailtest.Mail{From: "joe@shop.example", To: "support@acme.example", Subject: "Invoice", Text: "Where is it?\n"})
		b.wait(3 * time.Minute)
		if n := len(b.inbox("alice@acme.example")); n != 2 {
			t.Errorf("alice has %d mails, want 2: the conversation stays with her", n)
		}
		if n := len(b.inbox("bob@acme.example")); n != 1 {
			t.Errorf("bob has %d mails, want 1: the next conversation is his", n)
		}
		if n := len(b.folder("support@acme.example", "Sent")); n != 4 {
			t.Errorf("%d of our own copies in Sent, want 4", n)
		}
		st, err := b.svc.Status()
		if err != nil || st.State != "ok" {
			t.Errorf("status: %+v, %v", st, err)
		}
	})
}
