package threads

import (
	"slices"
	"strings"
)

// note reports whether the text of an engineer's mail is for colleagues alone:
// she says so, or answers a colleague's note, or writes to a colleague. In
// doubt it stays inside.
func (s *step) note(in MailIn, orders []order) bool {
	if slices.ContainsFunc(orders, func(o order) bool { return o.note }) {
		return true
	}
	if !in.Mail.HasText() {
		return false
	}
	if in.Found.Answers.Kind == KnownNote {
		return true
	}
	var to []string
	for _, a := range in.Mail.To {
		if e, ok := s.w.Rotation.ByAddress(a.Addr); ok && e.Key != in.Authority.Engineer {
			to = append(to, e.Name)
		}
	}
	if len(to) == 0 {
		return false
	}
	s.tell("your mail was kept as a note and nothing of it went to " + s.customerName() + ", since it is addressed to " +
		strings.Join(to, ", ") + "; an answer is a reply with no colleague in To")
	return true
}

// noted records a note and sends it to all who have to do with the
// conversation.
func (s *step) noted(author string, m *Mail, hold string) {
	to := s.followers(author)
	n := s.event(Noted{Author: author, MessageID: m.MessageID, To: to, Hold: hold})
	for _, engineer := range to {
		s.notify(Notify{Kind: NoticeNote, Engineer: engineer, Event: n, Quote: true, Reason: nameOf(s.w.Rotation, author)})
	}
}

// followers are the engineers whom a note of the author reaches: who has the
// conversation, had it, answered or noted in it, or may take it.
func (s *step) followers(author string) []string {
	var list []string
	for key, desk := range s.c.Desks {
		if desk.Follows {
			list = append(list, key)
		}
	}
	if s.c.Owner != "" {
		list = append(list, s.c.Owner)
	}
	if s.c.Offer != nil {
		list = append(list, s.c.Offer.To...)
	}
	list = slices.DeleteFunc(list, func(key string) bool {
		_, there := s.w.Rotation.Engineer(key)
		return !there || key == author
	})
	slices.Sort(list)
	return slices.Compact(list)
}
