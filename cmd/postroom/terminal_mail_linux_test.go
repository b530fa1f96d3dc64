package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"postroom/internal/mailtest"
	"postroom/internal/mailtest/servers"
)

const oldMbox = `From jane@customer.example Mon Mar  2 10:00:00 2026
From: Jane Doe <jane@customer.example>
To: support@acme.example
Subject: Printer
Date: Mon, 2 Mar 2026 10:00:00 +0000
Message-ID: <1@customer.example>

It burns.

From zoe@other.example Mon Mar  2 11:00:00 2026
From: Zoe <zoe@other.example>
To: support@acme.example
Subject: Scanner
Date: Mon, 2 Mar 2026 11:00:00 +0000
Message-ID: <2@other.example>

It smokes.

From jane@customer.example Mon Mar  2 12:00:00 2026
From: Jane Doe <jane@customer.example>
To: support@acme.example
Subject: Re: Printer
Date: Mon, 2 Mar 2026 12:00:00 +0000
Message-ID: <3@customer.example>
In-Reply-To: <1@customer.example>

It still burns.
`

const report = `From: MAILER-DAEMON@mx.example
To: support@acme.example
Subject: Undelivered
Message-ID: <b@mx.example>
Date: Mon, 2 Mar 2026 12:00:00 +0000
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

It could not be delivered.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; jane@customer.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 no such user

--b
Content-Type: text/rfc822-headers

Message-ID: <1@acme.example>

--b
Content-Type: application/pdf
Content-Disposition: attachment

%PDF
--b--
`

// TestOldMailForPeople is what an admin reads of old mail, before there is any
// configuration.
func TestOldMailForPeople(t *testing.T) {
	d := &desk{t: t, dir: t.TempDir()}
	d.file("old.mbox", oldMbox)
	d.file("report.eml", report)
	d.file("both.toml", deskRotation)
	d.file("alone.toml", "[[engineer]]\nname = \"Alice Ng\"\nemail = \"alice@dev.example\"\n")
	bare := func(code int, args string, want ...string) {
		t.Helper()
		d.bare(code, args, want...)
	}
	bare(0, "explain DIR/report.eml", `/report\.eml, \d+ octets$`, `^  from +MAILER-DAEMON@mx\.example$`, `^  report +failed; of <1@acme\.example>|^  report +failed of <1@acme\.example>`,
		`jane@customer\.example failed 5\.1\.1 550 no such user`, `^  attached +without a name \(message/delivery-status, 148 octets\)`, `^  \| It could not be delivered\.$`)
	bare(1, "explain DIR/none.eml", `^postroom: reading .*none\.eml: no such file`)
	bare(0, "rehearse DIR/old.mbox", `^NO +ACTION +MATCHED +CLASS +OWNER +SUBJECT$`, `^1 +open +new +customer +- +Printer$`, `^2 +open +new +customer +- +Scanner$`,
		`^1 +\w+ +in-reply-to +customer +- +Re: Printer$`, `^3 mails, 2 conversations$`)
	bare(1, "rehearse DIR/none.mbox DIR/old.mbox", `no such file or directory`, `^3 mails, 2 conversations$`)
	bare(0, "rehearse --rotation DIR/both.toml --diff DIR/alone.toml DIR/old.mbox", `old\.mbox, mail 1: Scanner$`, `^  here +open, conversation 2 \(new\), customer, owner bob@dev\.example`,
		`^  there +open, conversation 2 \(new\), customer, owner alice@dev\.example`, `^1 of 3 mails would be treated otherwise$`)
	bare(0, "rotation simulate --rotation DIR/both.toml --answer-after 30m DIR/old.mbox", `both\.toml, 1 times the traffic of 2 Mar 2026 to `, `^  model +one answer at a time`,
		`each takes 30m0s \(as asked for\)`, `^  mails +3 in 2 conversations, 3 answers$`, `^  first reply +after 30m0s at the median, nine in ten within 30m0s$`, `^  limit +`,
		`^ENGINEER +GIVEN +HANDED ON +ANSWERS +WORK +ON DUTY$`, `^alice@dev\.example +1 +0 +2 +1\.0 h`, `^bob@dev\.example +1 +0 +1 +0\.5 h`)
	bare(2, "rotation simulate --rotation DIR/both.toml --answer-after 200h DIR/old.mbox", "it is more than 0 and at most 100h")
	bare(2, "rotation simulate --rotation DIR/none.toml DIR/old.mbox", "none.toml")
}

// bare is says without a configuration.
func (d *desk) bare(code int, args string, want ...string) {
	d.t.Helper()
	got, seen := on(d.t, strings.Fields(strings.ReplaceAll(args, "DIR", d.dir))...)
	d.saw(args, got, code, seen, want...)
}

func TestModelWords(t *testing.T) {
	for _, tt := range []struct {
		m    model
		want string
	}{
		{model{AnswerAfter: 600, From: "history", Pauses: 21}, "each takes 10m0s (the median of 21 pauses between two answers of one engineer)"},
		{model{AnswerAfter: 1800, From: "default", Pauses: 3}, "each takes 30m0s (assumed: only 3 pauses between two answers of one engineer to go by)"},
	} {
		if got := tt.m.words(); !strings.HasSuffix(got, tt.want) {
			t.Errorf("%+v: %s", tt.m, got)
		}
	}
	for _, tt := range []struct {
		l    limit
		want string
	}{
		{limit{Load: 4}, "more than 4 times this traffic; there is too much of it to try further"},
		{limit{Known: true}, "this traffic is more than the team keeps up with"},
		{limit{Load: 50, Known: true}, "beyond 50 times this traffic"},
		{limit{Load: 3, Known: true}, "the team keeps up with 3 times this traffic, not with 4 times"},
	} {
		if got := tt.l.words(); got != tt.want {
			t.Errorf("%+v: %s", tt.l, got)
		}
	}
}

// TestQueuesForPeople is what an admin reads, and does, where mail waits: the
// service runs at one terminal, and she sits at another.
func TestQueuesForPeople(t *testing.T) {
	d := newDesk(t)
	d.deliver("zoe@customer.example", mailtest.Mail{Subject: "Printer on fire", Text: "It burns.\n", MessageID: "z1@customer.example"})
	d.says(0, "run --drain", "1 sent")
	alice := &person{name: "Alice", address: "alice@dev.example", host: "client.dev.example"}
	d.deliver(alice.address, alice.reply(t, d.w.inbox(t, "alice@dev.example")[0], "/frobnicate\nUse water."))
	d.deliver("news@list.example", mailtest.Mail{To: "all@list.example", Subject: "News of March", Text: "Buy.\n", MessageID: "n1@list.example",
		Headers: []mailtest.Field{{Name: "List-Id", Value: "<news.list.example>"}, {Name: "Precedence", Value: "bulk"}, {Name: "List-Unsubscribe", Value: "<mailto:off@list.example>"}}})
	d.w.FailSMTP(servers.SMTPFault{Stage: servers.AtRcpt, Times: -1, Reply: &servers.Reply{Code: 451, Enhanced: [3]int{4, 3, 0}, Text: "come back later"}})
	d.says(0, "run --drain", `[1-9] queued, 1 held`)
	held := d.says(0, "held list", `^ID +NO +AUTHOR +SUBJECT +REASON$`, `^\d+-\d+ +1 +alice@dev\.example +Re: Printer on fire`)
	d.says(0, "recorded list", `^ID +CLASS +SINCE +FROM +SUBJECT$`, `^1 +bulk +\d{4}-.* +news@list\.example +News of March$`)
	waiting := d.says(0, "outbox", `^ID +NO +KIND +RECIPIENT +STATE`, `notice +alice@dev\.example +queued +1 `)
	id := strings.Fields(strings.Split(waiting, "\n")[1])[0]
	d.says(0, "outbox show "+id, `^Mail: +`+id+`$`, `^Kind: +notice$`, `^alice@dev\.example: queued after 1 attempts, the next one \d{4}-`, `the mail server said: come back later$`)

	d.w.ClearFaults()
	service := d.starts()
	d.says(0, "outbox retry "+id, "^done$")
	d.says(0, "note 1 --text Careful", "^done$")
	d.says(0, "held discard "+strings.Fields(strings.Split(held, "\n")[1])[0], "^done$")
	d.says(0, "held", "^No mail is held")
	d.says(0, "recorded distribute 1", "^done$")
	d.says(0, "assign 1 bob", "^done$")
	d.says(1, "assign 1 eve", "eve")
	d.says(2, "assign one eve", `"one" is no conversation number`)
	d.says(0, "originals 1 bob", "^done$")
	d.says(0, "close 1", "^done$")
	d.says(0, "list --state closed", `^1   closed +bob@dev\.example`)
	d.says(1, "aside retry 9", "9")
	d.says(1, "trust reset alice", "no mail of alice@dev.example has been vouched for, so nothing is pinned")
	d.says(0, "rotation away bob 2d", "^done$")
	d.says(0, "rotation status", `^off +Bob Ruiz .* off duty: `)
	d.says(0, "rotation back bob", "^done$")
	d.file("rotation.toml", strings.Replace(deskRotation, "Bob Ruiz", "Bob A. Ruiz", 1))
	d.until("rotation status", "Bob A. Ruiz")
	d.says(0, "rotation rollback", `^Version [0-9a-f]+ is in force until .*/rotation\.toml next changes\.$`)
	d.says(1, "rotation rollback zzz", `there was no version "zzz"`)
	d.says(0, "rotation status", `rolled back to by \w+ until the file next changes$`)
	d.says(0, "status", `^ok, running for \d+s$`, `^  mailbox   connected$`)
	d.says(0, "audit", "0 missing, 0 contradictions$")
	d.says(0, "backup DIR/copy", `/copy: "support@acme\.example`)
	d.says(1, "restore --replace DIR/copy", "; stop the service first$")
	d.says(1, "verify", "in use|is running|holds")
	service()
	d.says(0, "rotation simulate", `^  mails +\d in \d conversations`)
}

// starts runs the service at a terminal of its own until what it returns is
// called.
func (d *desk) starts() (stop func()) {
	d.t.Helper()
	service := d.run()
	d.until("status", "^ok, running")
	return service
}

// until asks again and again: the service is at work.
func (d *desk) until(args, want string) {
	d.t.Helper()
	tick, end := time.NewTicker(50*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for {
		_, seen := on(d.t, append([]string{"-c", d.path("postroom.toml")}, strings.Fields(args)...)...)
		if matches(want, seen) {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			d.t.Fatalf("postroom %s never says %s:\n%s", args, want, seen)
		}
	}
}

func TestReadNote(t *testing.T) {
	d := newDesk(t)
	for _, tt := range []struct{ stdin, want string }{{"", "the note is empty"}, {" \n\t", "the note is empty"}, {strings.Repeat("x", 20_000), "more than 10000 octets"}} {
		var out strings.Builder
		root := newRoot(&out, &out, os.Getenv)
		root.SetIn(strings.NewReader(tt.stdin))
		root.SetArgs([]string{"-c", d.path("postroom.toml"), "note", "1"})
		if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) || exitCode(err) != exitRefused {
			t.Errorf("a note of %d octets: %v", len(tt.stdin), err)
		}
	}
}
