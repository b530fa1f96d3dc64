package service

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/admin"
	"postroom/internal/mailtest"
	"postroom/internal/mailtest/servers"
)

// bounceOf is a delivery report as a mail server sends it to the reverse-path
// of a mail. Returned is what it gives back of the mail.
func bounceOf(to, recipient, returned string) []byte {
	return []byte(strings.ReplaceAll("From: Mail Delivery System <MAILER-DAEMON@mx.example>\nTo: "+to+"\nSubject: Undelivered Mail Returned to Sender\n"+
		"Message-ID: <report.1@mx.example>\nDate: Tue, 24 Nov 2026 09:00:00 +0000\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n"+
		"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nIt could not be delivered.\n"+
		"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; "+recipient+
		"\nAction: failed\nStatus: 5.2.1\nDiagnostic-Code: smtp; 550 5.2.1 this mailbox is closed\n\n"+
		"--b\nContent-Type: text/rfc822-headers\n\n"+returned+"\n--b--\n", "\n", "\r\n"))
}

// returnedHeader is a way in which servers give the header of a mail back.
type returnedHeader struct {
	name string
	of   func(p *mailtest.Parsed, sentAs string) string
}

func returnedHeaders() []returnedHeader {
	return []returnedHeader{
		{"the header as it was", func(p *mailtest.Parsed, sentAs string) string {
			return "From: " + p.Get("From") + "\nMessage-ID: " + sentAs + "\nReferences: " + strings.Join(p.IDs("References"), "\n ") + "\nSubject: x\n"
		}},
		{"the id it travelled under", func(p *mailtest.Parsed, _ string) string { return "Message-ID: " + p.Get("Message-ID") + "\n" }},
		{"the id it was sent with", func(_ *mailtest.Parsed, sentAs string) string { return "Message-ID: " + sentAs + "\n" }},
		{"nothing", func(*mailtest.Parsed, string) string { return "Subject: x\n" }},
	}
}

// TestSenderIsRefused: whatever a relay thinks of our bounce addresses, and
// whenever it says so, mail leaves, status says so, and a report about an
// answer reaches its author, by whatever it returns.
func TestSenderIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name  string
		opts  servers.Options
		words string // in status; "" where nothing is refused
		plain bool   // reports come to the support address
	}{
		{"as nobody does", servers.Options{}, "", false},
		{"as Microsoft 365, at MAIL", servers.Options{Sender: servers.OwnSenderAtMail}, "5.7.60", true},
		{"as Microsoft 365, after DATA", servers.Options{Sender: servers.OwnSenderAtData}, "5.2.252", true},
		{"as Postfix, at RCPT", servers.Options{Sender: servers.OwnSenderAtRcpt}, "not owned by user", true},
		{"as Gmail, which rewrites it", servers.Options{Sender: servers.RewriteSender}, "", true},
		{"as SES, which takes no null sender and rewrites ids", servers.Options{RefuseNullSender: true, RewriteMessageIDs: true}, "", false},
		{"refused, and ids rewritten", servers.Options{Sender: servers.OwnSenderAtData, RefuseNullSender: true, RewriteMessageIDs: true}, "5.2.252", true},
	} {
		for _, ret := range returnedHeaders() {
			if tt.plain && ret.name == "nothing" {
				continue // there is nothing to go by
			}
			t.Run(fmt.Sprintf("%s; returned: %s", tt.name, ret.name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					tt.opts.RequireAuth = true
					refusedSender(t, tt.opts, tt.words, tt.plain, ret)
				})
			})
		}
	}
}

func refusedSender(t *testing.T, opts servers.Options, words string, plain bool, ret returnedHeader) {
	b := newBubbleIn(t, "", opts)
	b.start()
	defer b.end()
	b.wait(time.Minute)
	b.write(mailtest.Mail{From: "jane@client.example", To: "support@acme.example", Subject: "Printer on fire", Text: "Help!\n"})
	b.wait(2 * time.Minute)
	copies := b.inbox("alice@acme.example")
	if len(copies) != 1 {
		t.Fatalf("alice has %d mails", len(copies))
	}
	b.write(replyTo(copies[0], "alice@acme.example", "Use water."))
	b.wait(2 * time.Minute)
	hers := b.inbox("jane@client.example")
	if len(hers) != 1 {
		t.Fatalf("jane has %d mails", len(hers))
	}
	st, err := b.svc.Status()
	if err != nil || (st.SMTP.Envelope == "") != (words == "") || !strings.Contains(st.SMTP.Envelope, words) || st.State != admin.OK {
		t.Errorf("status says %q of the envelope, and %s, %q, %v", st.SMTP.Envelope, st.State, st.Problems, err)
	}
	all := b.world.Transactions()
	last := all[len(all)-1]
	if (last.From == "support@acme.example") != plain {
		t.Errorf("the answer left from %s", last.From)
	}
	for _, tr := range all[:len(all)-1] {
		if words != "" && tr.From != "support@acme.example" {
			t.Errorf("a mail was taken from %s", tr.From)
		}
	}
	// Somewhere behind the relay it fails.
	if err := b.world.Deliver("", last.From, bounceOf(last.From, "jane@client.example", ret.of(hers[0], mailtest.MustParse(t, last.Raw).Get("Message-ID")))); err != nil {
		t.Fatal(err)
	}
	b.wait(2 * time.Minute)
	told := b.inbox("alice@acme.example")
	if len(told) != 2 || !strings.Contains(told[1].Text, "this mailbox is closed") || !strings.Contains(told[1].Text, "Use water.") {
		t.Fatalf("alice has %d mails; jane was not reached", len(told))
	}
	if n := len(b.inbox("bob@acme.example")) + len(b.inbox("carol@acme.example")) + len(b.inbox("ops@acme.example")); n != 0 {
		t.Errorf("%d others were told", n)
	}
}
