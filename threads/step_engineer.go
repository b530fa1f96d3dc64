package threads

import (
	"slices"
	"strings"
)

// engineer handles a mail that is proven to be an engineer's. Everything that
// is doubtful is held: nothing of it goes out, and she gets it back.
func (s *step) engineer(in MailIn) {
	a, m := in.Authority, in.Mail
	text := !m.AnswerEmpty
	if a.Loose && text && !s.sameSubject(m) {
		s.hold(in, WhyMisled, "it went to the reply address of this conversation, but is no reply to a mail of it and has another subject")
		return
	}
	if reason := s.impossible(a.Engineer, m, text); reason != "" {
		s.hold(in, WhyCommand, reason)
		return
	}
	if !text && len(m.Commands) == 0 {
		s.hold(in, WhyEmpty, "there is nothing in it but quotation")
		return
	}
	note := commanded(m, "note")
	if text && !note && in.Found.Answers.Kind == KnownNotice {
		s.hold(in, WhyMisled, "it answers a notice of ours, whose words are not for the customer and may stand in it; reply to the customer's mail instead")
		return
	}
	if text && !note {
		if why, reason := s.answerable(in); why != "" {
			s.hold(in, why, reason)
			return
		}
		s.accept(a.Engineer, m, s.view(a), "")
	}
	if note && text {
		s.event(Noted{Author: a.Engineer, MessageID: m.MessageID})
	}
	s.commands(a.Engineer, m)
	if s.c.State == StateOpen && s.c.Owner == a.Engineer && len(s.c.Pending) > 0 {
		s.copies([]string{a.Engineer}, true) // she is here: nothing waits any longer
	}
}

func (s *step) sameSubject(m *Mail) bool {
	return strings.EqualFold(m.SubjectBase, s.c.SubjectBase)
}

func commanded(m *Mail, word string) bool {
	return slices.ContainsFunc(m.Commands, func(c Command) bool { return c.Word == word })
}

// view is the Received event an engineer's mail answers: that of the copy her
// In-Reply-To names, else the newest she was sent.
func (s *step) view(a Authority) int {
	if a.View != 0 {
		return a.View
	}
	return s.c.View(a.Engineer)
}

// answerable says why a text may not go to the customer.
func (s *step) answerable(in MailIn) (Why, string) {
	a := in.Authority
	if reason := s.stale(a); reason != "" {
		return WhyStale, reason
	}
	if why, reason := s.reachable(s.view(a)); why != "" {
		return why, reason
	}
	return draftable(in.Draft)
}

func (s *step) reachable(answers int) (Why, string) {
	if to, cc := s.c.Recipients(s.w.Names, answers); len(to)+len(cc) == 0 {
		return WhyNobody, "there is nobody left to send it to"
	}
	return "", ""
}

func draftable(d *Draft) (Why, string) {
	switch {
	case d == nil:
		return WhyEmpty, "there is no text in it"
	case d.Encrypted:
		return WhySealed, "it is encrypted, so it cannot be checked before it goes to the customer; send it in the clear"
	case d.Unfit != "":
		return WhyUnfit, "no mail can be made of it: " + d.Unfit
	case len(d.Findings) > 0:
		return WhyLeak, "it would show the customer something internal: " + strings.Join(d.Findings, "; ")
	}
	return "", ""
}

// stale says what a colleague did that the author had not seen when she
// wrote.
func (s *step) stale(a Authority) string {
	desk := s.c.Desks[a.Engineer]
	seen := desk.Seen
	if a.View != 0 && a.View < desk.Newest {
		seen = a.View // not her newest copy: what came with that is not counted
	}
	if s.w.Stale == StaleNone {
		return ""
	}
	if s.w.Stale == StaleAny && s.newest() > seen {
		return "the customer wrote again meanwhile"
	}
	if m := s.c.Answer; m.By != "" && m.By != a.Engineer && m.Event > seen {
		return nameOf(s.w.Rotation, m.By) + " has answered meanwhile"
	}
	if m := s.c.Moved; m.By != "" && m.By != a.Engineer && m.Event > seen {
		return "it was noted on or handed to " + nameOf(s.w.Rotation, m.By) + " meanwhile"
	}
	return ""
}

// accept makes the answer: its recipients are frozen here.
func (s *step) accept(author string, m *Mail, answers int, hold string) {
	to, cc := s.c.Recipients(s.w.Names, answers)
	var added []Address
	for _, a := range Exposed(s.w.Names, s.w.Rotation, m) {
		if !hasAddress(to, a.Addr) && !hasAddress(cc, a.Addr) {
			added = append(added, a)
		}
	}
	if owner := s.c.Owner; owner != author {
		s.event(Assigned{Engineer: author, From: owner, Why: nameOf(s.w.Rotation, author) + " answered it", How: HowTaken})
	}
	out := s.outID()
	id := s.w.Names.MailID(s.w.Minter, out)
	s.effect(SendAnswer{OutID: out, MessageID: id, Author: author, Answers: answers, To: to, Cc: cc, Added: added})
	newest := s.newest()
	s.event(Accepted{
		Author: author, OutID: out, MessageID: id, Her: m.MessageID, To: to, Cc: cc, Added: added,
		Answers: answers, Hold: hold, Subject: s.c.Subject,
	})
	if answers != 0 {
		s.effect(Answered{Of: answers})
	}
	if newest > answers && answers != 0 && !slices.Contains(s.c.Pending, newest) {
		s.notify(Notify{Kind: NoticeCrossed, Engineer: author, Event: newest,
			Reason: "your answer is on its way, but the customer wrote again before it left"})
	}
}

func (s *step) newest() int { return s.c.newest() }

// exposed burns the author's token when her mail also went to people who are
// no engineers: they have it now.
func (s *step) exposed(engineer string, m *Mail) {
	if people := Exposed(s.w.Names, s.w.Rotation, m); len(people) > 0 {
		s.event(Burnt{Engineer: engineer, Why: "her mail also went to " + people[0].Key()})
	}
}

// byHand records an answer that was written from the shared mailbox: it is
// out already, and nobody can be held to it. Mail that waits for an engineer
// goes on waiting, with its octets: somebody has to own the conversation.
func (s *step) byHand(m *Mail) {
	s.event(Accepted{MessageID: m.MessageID, To: m.To, Cc: m.Cc, Answers: s.newest(), Subject: m.Subject})
}

// Recipients is who an answer to a mail of the customer's side goes to: its
// Reply-To, else its From, and in Cc its other recipients and the
// conversation's customer; never ourselves.
func (c *Conversation) Recipients(n Names, answers int) (to, cc []Address) {
	h, ok := c.HeardAt(answers)
	if !ok && len(c.Mails) > 0 {
		h = c.Mails[len(c.Mails)-1]
	}
	for _, a := range h.Reply {
		if !n.Ours(a.Addr) {
			to = withAddress(to, a)
		}
	}
	for _, a := range append(slices.Clone(h.Others), c.Customer) {
		if !n.Ours(a.Addr) && !hasAddress(to, a.Addr) {
			cc = withAddress(cc, a)
		}
	}
	if len(to) == 0 {
		to, cc = cc, nil
	}
	return to, cc
}
