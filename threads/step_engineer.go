package threads

import (
	"fmt"
	"slices"
	"strings"
)

// engineer handles a mail that is proven to be an engineer's. Everything that
// is doubtful is held: nothing of it goes out, and she gets it back.
func (s *step) engineer(in MailIn) {
	if in.Authority.View == 0 {
		in.Authority.View = s.unnamed(in)
	}
	a, m := in.Authority, in.Mail
	s.answers = a.View
	text, orders := m.HasText(), s.ordersIn(a.Engineer, m)
	if a.Lent {
		s.lent(in, orders)
		return
	}
	if a.Loose && text && !s.sameSubject(m) {
		s.hold(in, WhyMisled, "it went to the reply address of this conversation, but nothing in it says which mail it answers, and it has another subject")
		return
	}
	if reason := s.impossible(orders); reason != "" {
		s.hold(in, commandWhy(in.Mail), reason)
		return
	}
	if !text && len(orders) == 0 {
		s.hold(in, WhyEmpty, "there is no text of yours in it")
		return
	}
	note := s.note(in, orders)
	if text && !note {
		if why, reason := s.postable(in); why != "" {
			s.hold(in, why, reason)
			return
		}
	}
	s.mended(a.Engineer)
	if !text {
		s.event(orderedBy(a.Engineer, orders))
	}
	if text && !note {
		s.obey(a.Engineer, orders, true)
		s.accept(a.Engineer, m, s.view(a))
	} else {
		s.obey(a.Engineer, orders, true)
	}
	if note && text {
		s.noted(a.Engineer, m, "")
		if len(s.followers(a.Engineer)) == 0 && !slices.ContainsFunc(orders, handsOn) {
			s.tell("your note is kept with the conversation; it was sent to nobody, since no colleague has had to do with it yet")
		}
	}
	s.obey(a.Engineer, orders, false)
	s.here(a.Engineer)
}

// here sends an owner who has just written what no engineer has been sent yet:
// nothing waits any longer.
func (s *step) here(engineer string) {
	if s.c.State == StateOpen && s.c.Owner == engineer && len(s.c.Pending) > 0 {
		s.copies([]string{engineer}, true)
	}
}

// handsOn reports whether a command brings a conversation, and the notes in
// it, before a colleague.
func handsOn(o order) bool { return o.Word == "assign" || o.Word == "merge" }

// commandWhy is why a mail is held whose commands cannot be done. Of one that
// says nothing else, nothing is left to decide: she writes another.
func commandWhy(m *Mail) Why {
	if m.bare() {
		return WhyUndone
	}
	return WhyCommand
}

// mended lets go what an engineer asked for that could not be done: she has
// written since.
func (s *step) mended(engineer string) {
	for _, u := range s.c.Undone {
		if u.By == engineer {
			s.event(Settled{Hold: u.Hold, By: engineer, How: "mended"})
			s.effect(Release{Hold: u.Hold})
		}
	}
}

// lent takes a mail that carries a colleague's token for a note, as it went to
// a colleague. It can do no more.
func (s *step) lent(in MailIn, orders []order) {
	a := in.Authority
	if !in.Mail.HasText() || slices.ContainsFunc(orders, func(o order) bool { return !o.note || o.Word != "note" }) {
		s.hold(in, WhyBorrowed, "it is a reply to a mail that only "+nameOf(s.w.Rotation, a.Owner)+" was sent, so it can be a note to colleagues, and no command")
		return
	}
	s.noted(a.Engineer, in.Mail, "")
	s.obey(a.Engineer, nil, false)
}

// orderedBy is the event of a mail of commands alone.
func orderedBy(engineer string, orders []order) Ordered {
	e := Ordered{By: engineer}
	for _, o := range orders {
		e.Words = append(e.Words, strings.TrimSpace("/"+o.Word+" "+o.Arg))
	}
	return e
}

// sameSubject reports whether a mail has the conversation's subject, or one it
// had before an engineer changed it.
func (s *step) sameSubject(m *Mail) bool {
	same := func(base string) bool { return strings.EqualFold(m.SubjectBase, base) }
	return same(s.c.SubjectBase) || slices.ContainsFunc(s.c.Subjects, same)
}

// postable says why a text may not become an answer.
func (s *step) postable(in MailIn) (Why, string) {
	if in.Mail.Stray != "" {
		return WhyCommand, fmt.Sprintf("the line %q stands below your text, and commands are read at the top alone; as it is, the customer would read it", in.Mail.Stray)
	}
	if in.Found.Answers.Kind == KnownNotice {
		return WhyMisled, "it answers a notice of ours, whose words are not for the customer and may stand in it; reply to the customer's mail instead"
	}
	if in.Blank != "" {
		return WhyCommand, fmt.Sprintf("the customer would read %s as it stands: such blanks are filled in where /answer puts a saved text. Write the name itself, and /save makes the blank of it", in.Blank)
	}
	if in.Twice {
		return WhyTwice, "exactly this went out before, in answer to the same mail"
	}
	return s.answerable(in)
}

// view is the Received event an engineer's mail answers: that of the copy her
// In-Reply-To names, else the newest she was sent.
func (s *step) view(a Authority) int {
	if a.View != 0 {
		return a.View
	}
	return s.c.View(a.Engineer)
}

// unnamed is the Received event that a mail answers by an id nobody knows; 0
// where that cannot be told. A relay gives our mails ids of its own, which their
// copies teach us when they come back: where that of a single mail to her did
// not, the unknown id is its.
func (s *step) unnamed(in MailIn) int {
	if in.Found.Answers.Kind != "" || len(in.Mail.parents()) == 0 {
		return 0
	}
	desk := s.c.Desks[in.Authority.Engineer]
	missed := slices.DeleteFunc(slices.Clone(desk.Views), func(v View) bool { return !slices.Contains(desk.Chain, v.ID) })
	if len(missed) != 1 || len(desk.Views) == 1 {
		return 0
	}
	shown := 0
	for _, h := range s.c.Mails {
		if h.Event < missed[0].Seen {
			shown = h.Event
		}
	}
	return shown
}

// answerable says why a text may not go to the customer.
func (s *step) answerable(in MailIn) (Why, string) {
	a := in.Authority
	if reason := s.stale(a.Engineer, s.seen(in)); reason != "" {
		return WhyStale, reason
	}
	if why, reason := s.reachable(a.Engineer, s.view(a)); why != "" {
		return why, reason
	}
	return draftable(in.Draft)
}

func (s *step) reachable(author string, answers int) (Why, string) {
	if to, cc := s.c.Recipients(s.w.Names, s.w.Rotation, author, answers); len(to)+len(cc) == 0 {
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

// seen is the last event an engineer knew of when she wrote: what there was
// when the mail was made that hers answers. Where hers does not say which,
// she may have had the newest before her. A mail of what became part of this
// conversation later shows nothing of it.
func (s *step) seen(in MailIn) int {
	a, m := in.Authority, in.Mail
	if in.Found.Answers.Was != 0 {
		return 0
	}
	desk := s.c.Desks[a.Engineer]
	for _, id := range append(slices.Clone(m.InReplyTo), reversed(m.References)...) {
		if i := slices.IndexFunc(desk.Views, func(v View) bool { return strings.EqualFold(v.ID, id) }); i >= 0 {
			return max(desk.Views[i].Seen, desk.Answered)
		}
	}
	if a.View != 0 && a.View < desk.Newest {
		return max(a.View, desk.Answered) // not her newest copy: what came with that is not counted
	}
	return desk.Seen
}

func reversed(list []string) []string {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

// stale says what colleagues did since an event, of which an author cannot
// know. An answer from the shared mailbox itself is somebody's too.
func (s *step) stale(author string, seen int) string {
	if s.w.Stale == StaleNone {
		return ""
	}
	if s.w.Stale == StaleAny && s.newest() > seen {
		return "the customer wrote again meanwhile"
	}
	newest := News{}
	who := ""
	for by, n := range s.c.News {
		if by != author && n.Event > seen && n.Event > newest.Event {
			newest, who = n, by
		}
	}
	switch a := s.c.Answer; {
	case a.By == "" && a.Event > seen && a.Event > newest.Event:
		return "somebody has answered from the shared mailbox meanwhile"
	case who == "":
		return ""
	}
	return fmt.Sprintf(newest.What, nameOf(s.w.Rotation, who)) + " meanwhile"
}

// accept makes the answer: its recipients are frozen here.
func (s *step) accept(author string, m *Mail, answers int) {
	to, cc := s.c.Recipients(s.w.Names, s.w.Rotation, author, answers)
	s.acceptFor(author, m, answers, "", to, cc)
}

// acceptFor makes the answer for recipients that are frozen already: a held
// mail goes to those its notice named.
func (s *step) acceptFor(author string, m *Mail, answers int, hold string, to, cc []Address) {
	if len(to)+len(cc) == 0 {
		to, cc = s.c.Recipients(s.w.Names, s.w.Rotation, author, answers)
	}
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
		s.crossed(author, newest)
	}
}

// crossed tells the author of an answer that the customer wrote again before
// it, and sends her that mail where a colleague has it: the conversation is hers
// now.
func (s *step) crossed(author string, newest int) {
	where := "That mail is in your mailbox"
	if s.c.Desks[author].Newest < newest {
		where = "That mail follows: the conversation is yours now"
		s.handOver(author)
	}
	s.notify(Notify{Kind: NoticeCrossed, Engineer: author, Event: newest,
		Reason: "your answer is on its way, but the customer wrote again before it left. " + where})
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
