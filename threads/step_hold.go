package threads

import (
	"fmt"
	"slices"
	"strings"
)

// HoldID names a held mail after its conversation, its event, and the era.
func HoldID(conv ID, event int, era string) string {
	id := fmt.Sprintf("%d-%d", conv, event)
	if era != "" {
		id += "-" + era
	}
	return id
}

// heldAt is the event at which the mail of this name was held; 0 for one that
// was held in another conversation, of which this one knows no event.
func heldAt(conv ID, hold string) int {
	var of ID
	var n int
	if _, err := fmt.Sscanf(hold, "%d-%d", &of, &n); err != nil || of != conv {
		return 0
	}
	return n
}

// hold keeps a mail back and tells whoever can say what it is: the author at
// the address of the rotation file, never at one from the mail. Where it is
// from no such address, that is whose token it carries.
func (s *step) hold(in MailIn, why Why, reason string) {
	a := in.Authority
	id := HoldID(s.c.ID, s.c.N+1, s.w.Era)
	asked := a.Engineer
	if _, there := s.w.Rotation.Engineer(a.Owner); asked == "" && there {
		asked = a.Owner
	}
	after := AsOrdered(s.c, a.Engineer, in.Mail, s.w)
	to, cc := after.Recipients(s.w.Names, s.w.Rotation, asked, s.view(a))
	reason += s.straight(in.Mail, slices.Concat(to, cc))
	n := s.event(HeldBack{
		Hold: id, Asked: asked, From: in.Mail.Sender(), MessageID: in.Mail.MessageID, Reason: reason, Kind: why,
	})
	s.effect(Keep{
		Hold: id, Asked: asked, Why: why, Reason: reason, Proven: a.Proven,
		Answers: s.view(a), Engineer: a.Engineer, To: to, Cc: cc,
	})
	notice := Notify{
		Kind: NoticeHeld, Engineer: asked, Reason: reason, Hold: id, Event: n, Quote: true, Whom: s.reached(in.Mail, to, cc), Held: HeldAs(in, why),
	}
	notice.Held.Orders = s.impossible(s.ordersIn(a.Engineer, in.Mail)) != ""
	if why == WhyStale {
		notice.Since = max(s.seen(in), 1)
	}
	if asked != "" {
		s.notify(notice)
	}
	if why == WhyForged || why == WhyBorrowed {
		s.borrowed(notice, a)
	}
}

// straight says which of the recipients of an answer its author's mail went to
// by itself: sent now, they would have it twice.
func (s *step) straight(m *Mail, recipients []Address) string {
	var have []string
	for _, a := range Exposed(s.w.Names, s.w.Rotation, m) {
		if hasAddress(recipients, a.Addr) && len(have) < maxNamed {
			have = append(have, a.shown())
		}
	}
	if len(have) == 0 {
		return ""
	}
	return ". The mail itself was addressed to " + strings.Join(have, ", ") + " as well, and may have arrived there"
}

// reached is everybody who would read an answer: its recipients, and whom the
// author wrote to herself.
func (s *step) reached(m *Mail, to, cc []Address) []Address {
	list := slices.Concat(to, cc)
	for _, a := range Exposed(s.w.Names, s.w.Rotation, m) {
		list = withAddress(list, a)
	}
	return list
}

// HeldAs is how a mail that is held stands.
func HeldAs(in MailIn, why Why) Held {
	d := in.Draft
	h := Held{Why: why, From: in.Mail.Sender(), Owner: in.Authority.Owner, Confirm: !in.Authority.Proven, Spent: in.Authority.Spent}
	h.Bare = in.Mail.bare()
	switch why {
	case WhyEmpty, WhySealed, WhyUnfit, WhyNobody, WhyUndone:
		h.Stuck = true
	case WhyLeak:
		h.Stuck = d != nil && d.Final
	}
	return h
}

// uncertain asks the author of an answer whether it is to be sent again: it
// may have gone out, and a second copy is hers to decide.
func (s *step) uncertain(in UncertainIn) {
	id := HoldID(s.c.ID, s.c.N+1, s.w.Era)
	reason := "the connection broke off while it was being handed to the relay, so it may or may not have reached " + in.Recipient
	n := s.event(HeldBack{Hold: id, Asked: in.Author, Reason: reason, Kind: WhyUncertain})
	s.effect(Keep{Hold: id, Asked: in.Author, Why: WhyUncertain, Reason: reason, Proven: true, Engineer: in.Author, OutID: in.OutID})
	s.notify(Notify{Kind: NoticeHeld, Engineer: in.Author, Reason: reason, Hold: id, Event: n, Answer: in.Of, Quote: true})
}

// resolved ends a hold of an uncertain answer.
func (s *step) resolved(in DiscardIn, how string) {
	s.event(Settled{Hold: in.Hold, By: in.By, How: how})
	s.effect(Release{Hold: in.Hold})
}

// borrowed tells the owner of a token that another address used it, unless she
// is asked already, and the admins.
func (s *step) borrowed(n Notify, a Authority) {
	n.Kind, n.Quote, n.Whom = NoticeForged, false, nil
	if _, there := s.w.Rotation.Engineer(a.Owner); there && a.Owner != n.Engineer {
		owner := n
		owner.Engineer, owner.Hold = a.Owner, ""
		s.notify(owner)
	}
	n.Engineer = ""
	s.notify(n)
}

// release does what a held mail asks for. Whoever released it has seen the
// reason, and what had happened by then; what happened since holds it anew.
// Something internal in it still stands in the way, and a note stays a note.
func (s *step) release(in ReleaseIn) {
	if !s.held(in.Hold) {
		return
	}
	m := in.Mail
	text, orders := m.HasText(), s.ordersIn(in.Author, m)
	note := in.AsNote || slices.ContainsFunc(orders, func(o order) bool { return o.note })
	doable := len(orders) > 0 && s.impossible(orders) == ""
	if m.bare() && !doable { // a quotation below commands that could not be done is no answer, and no note
		reason := s.impossible(orders)
		if reason == "" {
			reason = "there is no text in it"
		}
		s.stays(in, WhyUndone, reason)
		return
	}
	answer := !note && (text || !doable)
	if answer {
		if _, engineer := s.w.Rotation.Engineer(in.By); engineer {
			if reason := s.stale(in.By, heldAt(s.c.ID, in.Hold)); reason != "" {
				s.holdAnew(in, reason)
				return
			}
		}
		if why, reason := s.releasable(in); why != "" {
			s.stays(in, why, reason)
			return
		}
	}
	s.event(Settled{Hold: in.Hold, By: in.By, How: settledAs(in.AsNote)})
	if doable {
		s.obey(in.Author, orders, true)
	}
	switch {
	case answer:
		if s.c.State != StateOpen {
			s.event(Reopened{Why: "a held answer was released"})
		}
		s.acceptFor(in.Author, m, in.Answers, in.Hold, in.To, in.Cc)
	case note && text:
		s.noted(in.Author, m, in.Hold)
	}
	if doable {
		s.obey(in.Author, orders, false)
	}
	s.effect(Release{Hold: in.Hold})
	switch {
	case in.By == in.Author:
		s.here(in.Author)
	case s.c.State == StateOpen && s.c.Owner != "" && len(s.c.Pending) > 0:
		s.distribute(nil) // an admin released it, and it made its author the owner
	}
}

func settledAs(note bool) string {
	if note {
		return "noted"
	}
	return "sent"
}

func (s *step) releasable(in ReleaseIn) (Why, string) {
	if why, reason := draftable(in.Draft); why != "" && (why != WhyLeak || in.Draft.Final) {
		return why, reason
	}
	return s.reachable(in.Author, in.Answers)
}

// stays holds a released mail as before and says why.
func (s *step) stays(in ReleaseIn, why Why, reason string) {
	n := s.event(HeldBack{
		Hold: in.Hold, Asked: in.Author, From: in.Mail.Sender(), MessageID: in.Mail.MessageID, Reason: reason, Kind: why,
	})
	s.notify(Notify{
		Kind: NoticeHeld, Engineer: in.Author, Hold: in.Hold, Event: n, Quote: true, Reason: reason,
		Whom: slices.Concat(in.To, in.Cc), Held: Held{Why: why, From: in.Mail.Sender(), Stuck: true, Bare: why == WhyUndone},
	})
}

// holdAnew holds a released mail under a new name, since something happened
// that whoever released it cannot have known: the links they had die.
func (s *step) holdAnew(in ReleaseIn, reason string) {
	since := heldAt(s.c.ID, in.Hold)
	s.event(Settled{Hold: in.Hold, By: in.By, How: "held anew"})
	id := HoldID(s.c.ID, s.c.N+1, s.w.Era)
	n := s.event(HeldBack{
		Hold: id, Asked: in.By, From: in.Mail.Sender(), MessageID: in.Mail.MessageID, Reason: reason, Kind: WhyStale,
	})
	s.effect(Rehold{Old: in.Hold, New: id, Asked: in.By, Why: WhyStale, Reason: reason})
	s.notify(Notify{Kind: NoticeHeld, Engineer: in.By, Hold: id, Event: n, Quote: true, Reason: reason, Since: max(since, 1), Whom: s.reached(in.Mail, in.To, in.Cc), Held: Held{Why: WhyStale}})
}

func (s *step) discard(in DiscardIn) {
	if !s.held(in.Hold) {
		return
	}
	if in.Again {
		s.resolved(in, "sent again")
		return
	}
	s.resolved(in, "discarded")
}

func (s *step) held(id string) bool {
	for _, h := range s.c.Holds {
		if h == id {
			return true
		}
	}
	return false
}

// admin does what an admin asked for on the command line.
func (s *step) admin(in AdminIn) error {
	if s.c.Into != 0 {
		return fmt.Errorf("conversation %d is part of conversation %d now", s.c.ID, s.c.Into)
	}
	switch in.Verb {
	case "assign":
		key, reason := Colleague(s.w.Rotation, in.Engineer)
		if reason != "" {
			return fmt.Errorf("assigning conversation %d: %s", s.c.ID, reason)
		}
		s.assign(key, "", HowHand, in.By+" assigned it")
	case "close":
		s.close(in.By)
	case "originals":
		return s.originalsBy(in.Engineer, in.By)
	default:
		return fmt.Errorf("conversation %d: %q is not known", s.c.ID, in.Verb)
	}
	return nil
}
