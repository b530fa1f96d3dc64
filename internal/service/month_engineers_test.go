package service

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"postroom/internal/mailtest"
)

// engineerGot is an engineer, or an admin, who reads her mail.
func (m *month) engineerGot(f *found) {
	switch {
	case f.who == "ops@acme.example":
	case strings.HasPrefix(f.Get("Subject"), "Not sent yet"), strings.HasPrefix(f.Get("Subject"), "Perhaps not sent"):
		m.settles(f)
	case f.Get("Auto-Submitted") == "" && strings.Contains(f.Get("From"), " via Acme Support"):
		w := m.wrote[firstStamp(f.Text, "Ref: ")]
		if w == nil {
			m.t.Errorf("%s got a copy of nothing anybody wrote:\n%s", f.who, f.raw)
			return
		}
		m.reacts(f, w)
	}
}

// settles is an engineer whose mail was held.
func (m *month) settles(f *found) {
	stamp := ""
	for l := range strings.Lines(f.Text) {
		if s, ok := strings.CutPrefix(strings.TrimSpace(l), "Ans: "); ok {
			stamp = s
			break
		}
	}
	w := m.wrote[stamp]
	if w != nil && strings.HasPrefix(f.Get("Subject"), "Perhaps") {
		w.uncertain = true
	}
	word := "/send"
	switch {
	case w == nil || w.kind == kindForged || m.chance(0.3):
		word = "/discard"
	case m.chance(0.3):
		return
	}
	if !m.employed(f.who) {
		return
	}
	m.after(m.around(3*time.Hour), func() {
		if !m.employed(f.who) {
			return
		}
		c := m.stamp(&wrote{kind: kindCommand, from: f.who}, "C")
		mail := replyTo(f.Parsed, f.who, word)
		mail.MessageID = m.clientID(f.who)
		m.counts["settled by "+word]++
		if w != nil && w.kind != kindForged {
			w.released = w.released || word == "/send" && !w.discarded
			w.discarded = w.discarded || word == "/discard" && !w.released
		}
		m.post(c, mail, 1)
	})
}

// reacts is an engineer with a customer's mail before her.
func (m *month) reacts(f *found, of *wrote) {
	if m.chance(0.08) {
		return
	}
	delay := m.around(90 * time.Minute)
	if m.chance(0.06) {
		delay = m.between(24*time.Hour, 96*time.Hour)
	}
	m.after(delay, func() {
		if !m.employed(f.who) {
			return
		}
		switch x := m.rng.IntN(100); {
		case x < 70:
			m.answer(f, of, "")
		case x < 78:
			m.answer(f, of, "/close\n")
		case x < 81:
			m.command(f, "/close")
		case x < 86:
			m.note(f, of)
		case x < 91:
			m.command(f, "/assign "+m.colleague(f.who))
		case x < 92:
			m.command(f, "/take")
		case x < 94:
			m.answer(f, of, "")
			m.after(m.around(time.Minute), func() { m.answer(f, of, "") })
		case x < 95:
			m.answer(f, of, "/colse\n").mustHold = true
		case x < 96:
			m.command(f, "") // nothing but quotation
		case x < 97:
			m.awayNotice(f)
		case x < 98:
			m.misled(f)
		default:
			m.stolen(f, of)
		}
	})
}

func (m *month) colleague(who string) string {
	var list []string
	for _, e := range m.names() {
		if e != who {
			list = append(list, e)
		}
	}
	return pick(m, list)
}

// answer writes to the customer, in one of the manners of mail clients.
func (m *month) answer(f *found, of *wrote, command string) *wrote {
	w := m.stamp(&wrote{kind: kindAnswer, from: f.who, talk: of.talk, answers: of}, "A")
	of.talk.answers = append(of.talk.answers, w)
	text := "Ans: " + w.stamp + "\n" + m.words()
	if m.chance(0.3) {
		text += "\n-- \n" + engineers[f.who] + ", " + f.who + "\n"
	}
	mail := replyTo(f.Parsed, f.who, "")
	mail.MessageID, mail.Text = m.clientID(f.who), command+m.quoting(f, text)
	if f.HTML != "" && m.chance(0.7) {
		mail.HTML = "<div>" + strings.ReplaceAll(command, "\n", "<br>\n") + "Ans: " + w.stamp + "<br>\n</div><p>" + m.words() + "</p>\n<blockquote type=\"cite\">" + f.HTML + "</blockquote>\n"
	}
	m.post(w, mail, m.times())
	return w
}

func (m *month) quoting(f *found, text string) string {
	on := fmt.Sprintf("On Monday, %s wrote:\n", f.Get("From"))
	switch m.rng.IntN(5) {
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
	for l := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		for len(l) > 70 {
			i := strings.LastIndexByte(l[:70], ' ')
			if i <= 0 {
				if i = strings.IndexByte(l, ' '); i < 0 {
					break
				}
			}
			b.WriteString("> " + l[:i] + "\n")
			l = l[i+1:]
		}
		b.WriteString("> " + l + "\n")
	}
	return b.String()
}

func (m *month) command(f *found, line string) {
	w := m.stamp(&wrote{kind: kindCommand, from: f.who}, "C")
	mail := replyTo(f.Parsed, f.who, line)
	mail.MessageID = m.clientID(f.who)
	m.counts["command "+strings.Fields(line + " (none)")[0]]++
	m.post(w, mail, m.times())
}

func (m *month) note(f *found, of *wrote) {
	w := m.stamp(&wrote{kind: kindNote, from: f.who, talk: of.talk}, "N")
	mail := replyTo(f.Parsed, f.who, "/note\nNte: "+w.stamp+" and between us "+m.words())
	mail.MessageID = m.clientID(f.who)
	m.post(w, mail, 1)
}

func (m *month) awayNotice(f *found) {
	w := m.stamp(&wrote{kind: kindSilent, from: f.who}, "S")
	mail := replyTo(f.Parsed, f.who, "Sil: "+w.stamp+"\nI am at the sea.")
	mail.Subject, mail.MessageID = "Automatic reply: "+f.Get("Subject"), m.clientID(f.who)
	mail.Headers = []mailtest.Field{{Name: "Auto-Submitted", Value: "auto-replied"}}
	m.post(w, mail, 1)
}

// misled is a fresh mail to a reply address that a client put there by
// itself.
func (m *month) misled(f *found) {
	w := m.stamp(&wrote{kind: kindForged, from: f.who, mustHold: true}, "F")
	m.post(w, mailtest.Mail{
		From: f.who, To: f.Addresses("Reply-To")[0], Subject: "Lunch on Friday", MessageID: m.clientID(f.who),
		Text: "Ans: " + w.stamp + "\nThe usual place.\n",
	}, 1)
}

// stolen is a colleague, or a stranger, who answers with a token that is not
// his.
func (m *month) stolen(f *found, of *wrote) {
	from := m.colleagueAddr(f.who)
	if m.chance(0.5) {
		from = "dee@three.example"
		for _, w := range of.talk.mails {
			if w.from == from || slices.Contains(w.to, from) {
				return // a participant: her own mail, like any other
			}
		}
	}
	w := m.stamp(&wrote{kind: kindForged, from: from, mustHold: true}, "F")
	mail := replyTo(f.Parsed, from, "Ans: "+w.stamp+"\nI am somebody else.")
	mail.MessageID = m.clientID(from)
	m.post(w, mail, 1)
}

func (m *month) colleagueAddr(who string) string {
	for _, a := range engineerKeys() {
		if a != who && m.employed(a) {
			return a
		}
	}
	return who
}
