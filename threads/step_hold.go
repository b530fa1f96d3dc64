package threads

import (
	"fmt"
	"strings"
)

// HoldID names a held mail after its conversation and event.
func HoldID(conv ID, event int) string { return fmt.Sprintf("%d-%d", conv, event) }

// hold keeps a mail back and tells whoever can say what it is: the author at
// the address of the rotation file, never at one from the mail.
func (s *step) hold(in MailIn, why Why, reason string) {
	a := in.Authority
	id := HoldID(s.c.ID, s.c.N+1)
	asked := a.Engineer
	n := s.event(HeldBack{
		Hold: id, Asked: asked, From: in.Mail.Sender(), MessageID: in.Mail.MessageID, Reason: reason, Kind: why,
	})
	s.effect(Keep{
		Hold: id, Asked: asked, Why: why, Reason: reason, Proven: a.Proven,
		Answers: s.view(a), Engineer: a.Engineer,
	})
	if asked != "" {
		s.notify(Notify{Kind: NoticeHeld, Engineer: asked, Reason: reason, Hold: id, Event: n, Quote: true})
	}
	if why == WhyForged {
		s.forged(a, id, n, reason)
	}
}

// uncertain asks the author of an answer whether it is to be sent again: it
// may have gone out, and a second copy is hers to decide.
func (s *step) uncertain(in UncertainIn) {
	id := HoldID(s.c.ID, s.c.N+1)
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

// forged tells the owner of a token that somebody else used it, and the
// admins.
func (s *step) forged(a Authority, hold string, event int, reason string) {
	if _, ok := s.w.Rotation.Engineer(a.Owner); ok && a.Owner != a.Engineer {
		s.notify(Notify{Kind: NoticeForged, Engineer: a.Owner, Reason: reason, Event: event})
	}
	s.notify(Notify{Kind: NoticeForged, Reason: reason, Hold: hold, Event: event})
}

// release does what a held mail asks for. Whoever released it has seen the
// reason, so a stale view no longer stands in the way; something internal in
// it still does, and a note stays a note.
func (s *step) release(in ReleaseIn) {
	if !s.held(in.Hold) {
		return
	}
	m := in.Mail
	text, note := !m.AnswerEmpty, commanded(m, "note")
	orders := len(m.Commands) > 0 && s.impossible(in.Author, m, text) == ""
	answer := !note && (text || !orders)
	if answer {
		if why, reason := s.releasable(in); why != "" {
			s.stays(in, why, reason)
			return
		}
	}
	s.event(Settled{Hold: in.Hold, By: in.By, How: "sent"})
	switch {
	case answer:
		if s.c.State != StateOpen {
			s.event(Reopened{Why: "a held answer was released"})
		}
		s.accept(in.Author, m, in.Answers, in.Hold)
	case note && text:
		s.event(Noted{Author: in.Author, MessageID: m.MessageID})
	}
	if orders {
		s.commands(in.Author, m)
	}
	s.effect(Release{Hold: in.Hold})
}

func (s *step) releasable(in ReleaseIn) (Why, string) {
	if why, reason := draftable(in.Draft); why != "" && (why != WhyLeak || in.Draft.Final) {
		return why, reason
	}
	return s.reachable(in.Answers)
}

// stays holds a released mail as before and says why.
func (s *step) stays(in ReleaseIn, why Why, reason string) {
	reason = "it cannot be sent: " + reason
	n := s.event(HeldBack{
		Hold: in.Hold, Asked: in.Author, From: in.Mail.Sender(), MessageID: in.Mail.MessageID, Reason: reason, Kind: why,
	})
	s.notify(Notify{Kind: NoticeHeld, Engineer: in.Author, Hold: in.Hold, Event: n, Quote: true, Reason: reason})
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
	switch in.Verb {
	case "assign":
		key, reason := s.colleague(in.Engineer)
		if reason != "" {
			return fmt.Errorf("assigning conversation %d: %s", s.c.ID, strings.TrimPrefix(reason, "/"))
		}
		s.assign(key, HowHand, in.By+" assigned it")
	case "close":
		s.close(in.By)
	default:
		return fmt.Errorf("conversation %d: %q is not known", s.c.ID, in.Verb)
	}
	return nil
}
