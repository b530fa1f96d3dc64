package lab

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"postroom/internal/mailtest"
)

const (
	// support is the followed mailbox.
	support = "support@acme.example"
	// refusing is a customer whose server takes no mail.
	refusing = "gone@refusing.example"
	// machineAddr writes by itself and reads nothing.
	machineAddr = "monitor@machine.example"
	// robotAddr is another help desk: it acknowledges what it gets.
	robotAddr = "tickets@desk.example"
)

var (
	customers = []string{
		"ann@one.example", "ben@one.example", "cid@two.example", "dee@three.example", "eve@four.example",
		"fay@five.example", "gil@six.example", refusing, machineAddr, robotAddr,
	}
	writers   = customers[:7]
	newcomers = []string{"dan@acme.example", "erin@acme.example"}
	engineers = map[string]string{
		"alice@acme.example": "Alice Ng", "bob@acme.example": "Bob Stone", "carol@acme.example": "Carol Diaz", "dan@acme.example": "Dan Ohm",
		"erin@acme.example": "Erin Vale",
	}
)

func everybody() []string {
	list := append(slices.Clone(customers), "ops@acme.example")
	return append(list, engineerKeys()...)
}

func engineerKeys() []string {
	var keys []string
	for k := range engineers {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func isEngineer(who string) bool { return engineers[who] != "" || who == "ops@acme.example" }

var subjects = []string{"Printer on fire", "Invoice", "Cannot log in", "Question", "Größe der Datei", "Re: your offer", ""}

func (l *lab) clientID(from string) string {
	_, host, _ := strings.Cut(from, "@")
	return fmt.Sprintf("client-%s@mua.%s", l.name(), host)
}

func (l *lab) newTalk() {
	from := pick(l, writers)
	if l.chance(0.02) {
		from = refusing
	}
	t := &talk{n: len(l.talks) + 1, subject: pick(l, subjects), customer: from}
	if strings.HasPrefix(t.subject, "Re:") {
		// A reply without ids is one to the conversation with its subject.
		t.subject += fmt.Sprint(" ", t.n)
	}
	l.talks = append(l.talks, t)
	w := l.stamp(&wrote{kind: kindMail, from: from, talk: t}, "Q")
	mail := mailtest.Mail{
		From: from, To: "support@acme.example", Subject: t.subject, MessageID: l.clientID(from),
		Text: "Ref: " + w.stamp + "\n" + l.words(),
	}
	if l.chance(0.15) {
		if cc := pick(l, writers); cc != from {
			mail.Cc, w.to = cc, []string{cc}
		}
	}
	if l.chance(0.25) {
		mail.HTML = "<p>Ref: " + w.stamp + "</p>\n<p>" + strings.ReplaceAll(strings.TrimSpace(mail.Text), "\n", "<br>\n") + "</p>\n"
	}
	if l.chance(0.05) {
		mail.Attachments = []mailtest.Attachment{{Name: "picture.png", Type: "image/png", Data: []byte(w.stamp + " picture")}}
	}
	if l.chance(0.04) && mail.Cc == "" {
		mail.MessageID = ""
	}
	t.mails = append(t.mails, w)
	if mail.MessageID != "" && l.chance(0.05) { // a server on the way sat on it
		mail.Date = time.Now()
		l.followUp(w, mail)
		l.after(l.between(time.Minute, 5*time.Hour), func() { l.post(w, mail, l.times()) }) // perhaps behind the end: then it never comes
		return
	}
	l.post(w, mail, l.times())
	if l.chance(0.1) {
		l.after(l.around(3*time.Hour), func() { l.followUp(w, mail) })
	}
}

// times is how often a mail arrives.
func (l *lab) times() int {
	if l.chance(0.04) {
		return 2 + l.act.rng.IntN(2)
	}
	return 1
}

// followUp is a customer who answers her own mail.
func (l *lab) followUp(first *wrote, mail mailtest.Mail) {
	if mail.MessageID == "" {
		return
	}
	w := l.stamp(&wrote{kind: kindMail, from: first.from, talk: first.talk}, "Q")
	first.talk.mails = append(first.talk.mails, w)
	l.post(w, mailtest.Mail{
		From: first.from, To: "support@acme.example", Subject: "Re: " + mail.Subject, MessageID: l.clientID(first.from),
		InReplyTo: mail.MessageID, References: []string{mail.MessageID},
		Text: "Ref: " + w.stamp + "\n" + l.words() + "\n" + quote(mail.Text),
	}, l.times())
}

func quote(text string) string {
	return "> " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n> ") + "\n"
}

func (l *lab) machine() {
	t := &talk{n: len(l.talks) + 1, subject: "Disk almost full", customer: machineAddr}
	l.talks = append(l.talks, t)
	w := l.stamp(&wrote{kind: kindMail, from: machineAddr, talk: t, machine: true}, "Q")
	t.mails = append(t.mails, w)
	l.post(w, mailtest.Mail{
		From: machineAddr, To: "support@acme.example", Subject: t.subject, MessageID: l.clientID(machineAddr),
		Text: "Ref: " + w.stamp + "\n" + l.words(), Headers: []mailtest.Field{{Name: "Auto-Submitted", Value: "auto-generated"}},
	}, 1)
}

// robot is a colleague's help desk that asks something, in the name of one of
// its own customers.
func (l *lab) robot() {
	t := &talk{n: len(l.talks) + 1, subject: "[desk #" + l.name()[:4] + "] Delivery", customer: robotAddr}
	l.talks = append(l.talks, t)
	w := l.stamp(&wrote{kind: kindMail, from: robotAddr, talk: t}, "Q")
	t.mails = append(t.mails, w)
	l.post(w, mailtest.Mail{
		From: robotAddr, To: support, Subject: t.subject, MessageID: l.clientID(robotAddr), Text: "Ref: " + w.stamp + "\n" + l.words(),
	}, 1)
}

// acknowledges is the robot that says at once that it got an answer, and does
// not say that it is a robot.
func (l *lab) acknowledges(f *found, t *talk) {
	w := l.stamp(&wrote{kind: kindMail, from: robotAddr, talk: t}, "Q")
	t.mails = append(t.mails, w)
	mail := replyTo(f.Parsed, robotAddr, "Ref: "+w.stamp+"\nWe have received your message.")
	mail.MessageID = l.clientID(robotAddr)
	l.post(w, mail, 1)
}

func (l *lab) freshAutoReply() {
	from := pick(l, writers)
	w := l.stamp(&wrote{kind: kindSilent, from: from}, "S")
	l.post(w, mailtest.Mail{
		From: from, To: "support@acme.example", Subject: "Out of office", MessageID: l.clientID(from), Text: "Sil: " + w.stamp + "\nI am away.\n",
		Headers: []mailtest.Field{{Name: "Auto-Submitted", Value: "auto-replied"}},
	}, 1)
}

// overheard is a customer's mail that another customer got a copy of: she may
// answer everybody.
func (l *lab) overheard(f *found) {
	w := l.wrote[firstStamp(f.Text, "Ref: ")]
	if w == nil || w.kind != kindMail || isEngineer(f.who) || !l.chance(0.3) || len(f.IDs("Message-ID")) == 0 {
		return
	}
	l.after(l.around(4*time.Hour), func() {
		n := l.stamp(&wrote{kind: kindMail, from: f.who, talk: w.talk, to: []string{w.from}}, "Q")
		w.talk.mails = append(w.talk.mails, n)
		id := f.IDs("Message-ID")[0]
		l.post(n, mailtest.Mail{
			From: f.who, To: "support@acme.example", Cc: w.from, Subject: "Re: " + f.Get("Subject"), MessageID: l.clientID(f.who), InReplyTo: id,
			References: append(f.IDs("References"), id), Text: "Ref: " + n.stamp + "\n" + l.words() + "\n" + quote(f.Text),
		}, 1)
	})
}

// customerGot is a customer who reads an answer.
func (l *lab) customerGot(f *found) {
	a := l.wrote[firstStamp(f.Text, "Ans: ")]
	if a == nil || a.talk == nil || f.who == machineAddr {
		return
	}
	switch {
	case f.who == robotAddr:
		l.after(l.between(time.Second, time.Minute), func() { l.acknowledges(f, a.talk) })
	case l.chance(0.04):
		l.after(time.Second, func() { l.vacation(f) })
	case l.chance(0.45) && len(a.talk.mails) < 12:
		l.after(l.between(5*time.Minute, 2*time.Minute+l.around(8*time.Hour)+5*time.Minute), func() { l.customerReplies(f, a.talk) })
	}
}

func (l *lab) customerReplies(f *found, t *talk) {
	w := l.stamp(&wrote{kind: kindMail, from: f.who, talk: t}, "Q")
	t.mails = append(t.mails, w)
	mail := replyTo(f.Parsed, f.who, "Ref: "+w.stamp+"\n"+l.words())
	mail.MessageID = l.clientID(f.who)
	for _, a := range append(f.Addresses("To"), f.Addresses("Cc")...) {
		if a != f.who && a != "support@acme.example" && a != refusing && l.chance(0.8) {
			w.to = append(w.to, a)
		}
	}
	mail.Cc = strings.Join(w.to, ", ")
	if f.who == t.customer && strings.Contains(t.subject, "your offer") && l.chance(0.2) {
		mail.InReplyTo, mail.References = "", nil // only her subject and her words tell
	}
	if l.chance(0.15) {
		mail.HTML = "<p>Ref: " + w.stamp + "</p>\n<p>some words</p>\n<blockquote>" + f.HTML + "</blockquote>\n"
	}
	l.post(w, mail, l.times())
}

func (l *lab) vacation(f *found) {
	w := l.stamp(&wrote{kind: kindSilent, from: f.who}, "S")
	mail := replyTo(f.Parsed, f.who, "Sil: "+w.stamp+"\nI am away until Monday.")
	mail.Subject, mail.MessageID = "Automatic reply: "+f.Get("Subject"), l.clientID(f.who)
	mail.Headers = []mailtest.Field{{Name: "Auto-Submitted", Value: "auto-replied"}}
	l.post(w, mail, 1)
}

// bounce is a server that takes an answer and cannot deliver it after all.
func (l *lab) bounce() {
	all := l.world.Transactions()
	if l.sent > len(all)-1 {
		return
	}
	for _, t := range all[max(l.sent, len(all)-40):] {
		p := mailtest.MustParse(l.t, t.Raw)
		a := l.wrote[firstStamp(p.Text, "Ans: ")]
		if a == nil || isEngineer(t.To[0]) || p.Get("Auto-Submitted") != "" || !strings.Contains(p.Get("From"), " at Acme Support") {
			continue
		}
		l.sent = len(all)
		w := l.stamp(&wrote{kind: kindSilent, from: "mailer-daemon@two.example"}, "S")
		action := "failed"
		if l.chance(0.3) {
			action = "delayed"
		}
		raw := fmt.Sprintf("From: Mail Delivery <mailer-daemon@two.example>\r\nTo: %s\r\nSubject: Delivery report\r\nMessage-ID: <%s>\r\n"+
			"Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"+
			"--b\r\n\r\nSil: %s\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.two.example\r\n\r\n"+
			"Final-Recipient: rfc822; %s\r\nAction: %s\r\nStatus: 5.0.0\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: %s\r\n\r\n--b--\r\n",
			t.From, l.clientID("x@two.example"), w.stamp, t.To[0], action, p.Get("Message-ID"))
		if l.chance(0.5) { // only the address it comes to tells which mail it is of
			raw = strings.Replace(raw, "Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: "+p.Get("Message-ID")+"\r\n", "\r\n", 1)
		}
		l.counts["bounces "+action]++
		if action == "failed" {
			a.lost = true
		}
		l.postRaw(w, "", t.From, []byte(raw), l.times())
		return
	}
}

// forgeByFrom is an outsider who writes as an engineer into a conversation
// whose ids he knows.
func (l *lab) forgeByFrom() {
	if len(l.talks) == 0 {
		return
	}
	t := pick(l, l.talks)
	of := t.mails[0]
	if of.messageID == "" {
		return
	}
	e := pick(l, engineerKeys()[:2])
	w := l.stamp(&wrote{kind: kindForged, from: e, mustHold: true}, "F")
	l.post(w, mailtest.Mail{
		From: e, To: "support@acme.example", Subject: "Re: " + t.subject, MessageID: l.clientID("x@evil.example"), InReplyTo: of.messageID,
		References: []string{of.messageID}, Text: "Ans: " + w.stamp + "\nPlease pay to my account.\n",
	}, 1)
}

func firstStamp(text, mark string) string {
	for row := range strings.Lines(text) {
		if s, ok := strings.CutPrefix(row, mark); ok {
			return strings.TrimSpace(s)
		}
	}
	return ""
}
