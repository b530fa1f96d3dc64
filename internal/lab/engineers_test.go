package lab

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"postroom/internal/mailtest"
)

// engineerGot is an engineer, or an admin, who reads her mail.
func (l *lab) engineerGot(f *found) {
	switch {
	case f.who == "ops@acme.example":
	case strings.HasPrefix(f.Get("Subject"), "Not sent yet"), strings.HasPrefix(f.Get("Subject"), "Perhaps not sent"):
		l.settles(f)
	case f.Get("Auto-Submitted") == "" && strings.Contains(f.Get("From"), " via Acme Support"):
		w := l.wrote[firstStamp(f.Text, "Ref: ")]
		if w == nil && l.spent(l.wrote[firstStamp(f.Text, "Ans: ")]) {
			return
		}
		if w == nil {
			l.broken(pForged, "%s got a copy of nothing anybody wrote:\n%s", f.who, f.raw)
			return
		}
		l.reacts(f, w)
	}
}

// settles is an engineer whose mail was held.
func (l *lab) settles(f *found) {
	stamp, hers := "", f.Text
	if _, behind, ok := strings.Cut(f.Text, "What you wrote:"); ok {
		hers = behind // above it stands what colleagues wrote
	}
	for row := range strings.Lines(hers) {
		if s, ok := strings.CutPrefix(strings.TrimSpace(row), "Ans: "); ok {
			stamp = s
			break
		}
	}
	w := l.wrote[stamp]
	if w != nil && strings.HasPrefix(f.Get("Subject"), "Perhaps") {
		w.uncertain = true
	}
	if w != nil && hers != f.Text {
		w.released = false // it came back once more, for what happened since
	}
	word := "/send"
	switch {
	case w == nil || w.kind == kindForged || l.chance(0.3):
		word = "/discard"
	case l.chance(0.3):
		return
	}
	if !l.employed(f.who) {
		return
	}
	l.after(l.around(3*time.Hour), func() {
		if !l.employed(f.who) {
			return
		}
		c := l.stamp(&wrote{kind: kindCommand, from: f.who}, "C")
		mail := replyTo(f.Parsed, f.who, word)
		mail.MessageID = l.clientID(f.who)
		l.counts["settled by "+word]++
		if w != nil && w.kind != kindForged {
			w.released = w.released || word == "/send" && !w.discarded
			w.discarded = w.discarded || word == "/discard" && !w.released
		}
		l.post(c, mail, 1)
	})
}

// reacts is an engineer with a customer's mail before her.
func (l *lab) reacts(f *found, of *wrote) {
	if l.chance(0.08) {
		return
	}
	delay := l.around(90 * time.Minute)
	if l.chance(0.06) {
		delay = l.between(24*time.Hour, 96*time.Hour)
	}
	l.after(delay, func() {
		if !l.employed(f.who) {
			return
		}
		switch x := l.act.rng.IntN(100); {
		case x < 70:
			l.answer(f, of, "")
		case x < 78:
			l.answer(f, of, "/close\n")
		case x < 81:
			l.command(f, "/close")
		case x < 86:
			l.note(f, of)
		case x < 91:
			l.command(f, "/assign "+l.colleague(f.who))
		case x < 92:
			l.command(f, "/take")
		case x < 94:
			l.answer(f, of, "")
			l.after(l.around(time.Minute), func() { l.answer(f, of, "") })
		case x < 95:
			l.answer(f, of, "/colse\n").mustHold = true
		case x < 96:
			l.command(f, "") // nothing but quotation
		case x < 97:
			l.awayNotice(f)
		case x < 98:
			l.misled(f)
		default:
			l.stolen(f, of)
		}
	})
}

func (l *lab) colleague(who string) string {
	var list []string
	for _, e := range l.names() {
		if e != who {
			list = append(list, e)
		}
	}
	return pick(l, list)
}

// answer writes to the customer, in one of the manners of mail clients.
func (l *lab) answer(f *found, of *wrote, command string) *wrote {
	w := l.stamp(&wrote{kind: kindAnswer, from: f.who, talk: of.talk, answers: of, below: f.Get("Message-ID"), spent: l.wasOut(f)}, "A")
	of.talk.answers = append(of.talk.answers, w)
	text := "Ans: " + w.stamp + "\n" + l.words()
	if l.chance(0.3) {
		text += "\n-- \n" + engineers[f.who] + ", " + f.who + "\n"
	}
	mail := replyTo(f.Parsed, f.who, "")
	mail.MessageID, mail.Text = l.clientID(f.who), command+l.quoting(f, text)
	if l.chance(0.06) && strings.TrimPrefix(of.talk.subject, "Re: ") != "" {
		mail.InReplyTo, mail.References, w.loose = "", nil, true // some clients write neither
	}
	if f.HTML != "" && l.chance(0.7) {
		mail.HTML = "<div>" + strings.ReplaceAll(command, "\n", "<br>\n") + "Ans: " + w.stamp + "<br>\n</div><p>" + l.words() + "</p>\n<blockquote type=\"cite\">" + f.HTML + "</blockquote>\n"
	}
	l.post(w, mail, l.times())
	return w
}

// wasOut reports whether an engineer left the rotation, and came back, since
// a copy of hers was made: its token proves nothing any more. A copy may have
// been on its way for a day.
func (l *lab) wasOut(f *found) bool { return l.leftAt[f.who].After(f.time.Add(-24 * time.Hour)) }

func (l *lab) quoting(f *found, text string) string {
	on := fmt.Sprintf("On Monday, %s wrote:\n", f.Get("From"))
	switch l.act.rng.IntN(5) {
	case 0: // below the quotation
		return on + quote(f.Text) + "\n" + text
	case 1: // nothing quoted
		return text
	case 2: // as Outlook does
		return text + fmt.Sprintf("\n-----Original Message-----\nFrom: %s\nSent: Monday\nTo: %s\nSubject: %s\n\n%s",
			f.Get("From"), f.Get("To"), f.Get("Subject"), strings.TrimSpace(f.Text)+"\n")
	case 3: // quoted and broken anew
		return text + "\n" + on + rewrapped(f.Text)
	}
	return text + "\n" + on + quote(f.Text)
}

// rewrapped quotes a text with lines broken at 70 columns.
func rewrapped(text string) string {
	var b strings.Builder
	for row := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		for len(row) > 70 {
			i := strings.LastIndexByte(row[:70], ' ')
			if i <= 0 {
				if i = strings.IndexByte(row, ' '); i < 0 {
					break
				}
			}
			b.WriteString("> " + row[:i] + "\n")
			row = row[i+1:]
		}
		b.WriteString("> " + row + "\n")
	}
	return b.String()
}

// command is a mail without a word for the customer; one without a command
// either, nothing but quotation, has to come back.
func (l *lab) command(f *found, line string) {
	w := l.stamp(&wrote{kind: kindCommand, from: f.who, mustHold: line == ""}, "C")
	mail := replyTo(f.Parsed, f.who, line)
	mail.MessageID = l.clientID(f.who)
	l.counts["command "+strings.Fields(line + " (none)")[0]]++
	l.post(w, mail, l.times())
}

func (l *lab) note(f *found, of *wrote) {
	w := l.stamp(&wrote{kind: kindNote, from: f.who, talk: of.talk}, "N")
	mail := replyTo(f.Parsed, f.who, "/note\nNte: "+w.stamp+" and between us "+l.words())
	mail.MessageID = l.clientID(f.who)
	l.post(w, mail, 1)
}

func (l *lab) awayNotice(f *found) {
	w := l.stamp(&wrote{kind: kindSilent, from: f.who}, "S")
	mail := replyTo(f.Parsed, f.who, "Sil: "+w.stamp+"\nI am at the sea.")
	mail.Subject, mail.MessageID = "Automatic reply: "+f.Get("Subject"), l.clientID(f.who)
	mail.Headers = []mailtest.Field{{Name: "Auto-Submitted", Value: "auto-replied"}}
	l.post(w, mail, 1)
}

// misled is a fresh mail to a reply address that a client put there by
// itself.
func (l *lab) misled(f *found) {
	w := l.stamp(&wrote{kind: kindForged, from: f.who, mustHold: true}, "F")
	l.post(w, mailtest.Mail{
		From: f.who, To: f.Addresses("Reply-To")[0], Subject: "Lunch on Friday", MessageID: l.clientID(f.who),
		Text: "Ans: " + w.stamp + "\nThe usual place.\n",
	}, 1)
}

// stolen is a colleague, or a stranger, who answers with a token that is not
// his.
func (l *lab) stolen(f *found, of *wrote) {
	from := l.colleagueAddr(f.who)
	if l.chance(0.5) {
		from = "dee@three.example"
		for _, w := range of.talk.mails {
			if w.from == from || slices.Contains(w.to, from) {
				return // a participant: her own mail, like any other
			}
		}
	}
	w := l.stamp(&wrote{kind: kindForged, from: from, mustHold: true}, "F")
	if from == "dee@three.example" {
		w.stolen = f
	}
	mail := replyTo(f.Parsed, from, "Ans: "+w.stamp+"\nI am somebody else.")
	mail.MessageID = l.clientID(from)
	l.post(w, mail, 1)
}

// spent reports a mail by which a stranger used the reply address of somebody
// who left the rotation since it was made. It proves nothing any more, and what
// the stranger writes is a mail like any other's.
func (l *lab) spent(w *wrote) bool {
	return w != nil && w.stolen != nil && l.leftAt[w.stolen.who].After(w.stolen.time)
}

func (l *lab) colleagueAddr(who string) string {
	for _, a := range engineerKeys() {
		if a != who && l.employed(a) {
			return a
		}
	}
	return who
}
