package threads

import (
	"fmt"
	"strings"
	"time"
)

func (s *step) cannotNote(o order) string {
	if !o.text {
		return "/note has no text below it"
	}
	return ""
}

func (s *step) cannotAssign(o order) string {
	_, reason := s.colleague(o)
	return prefixed("/assign", reason)
}

func (s *step) cannotSnooze(o order) string {
	if s.c.State != StateOpen {
		return "/snooze lays an open conversation aside, and this one is " + string(s.c.State)
	}
	_, reason := When(o.Arg, s.w.Now, zoneOf(s.w.Rotation, o.engineer))
	return prefixed("/snooze", reason)
}

func zoneOf(r *Rotation, engineer string) *time.Location {
	if e, ok := r.Engineer(engineer); ok {
		return r.Zone(e)
	}
	return time.UTC
}

// colleague is whom an order names; "me" is who gives it.
func (s *step) colleague(o order) (key, reason string) {
	if strings.EqualFold(o.Arg, "me") {
		return o.engineer, ""
	}
	return Colleague(s.w.Rotation, o.Arg)
}

func (s *step) giveAway(o order) {
	key, _ := s.colleague(o)
	name := nameOf(s.w.Rotation, key)
	switch {
	case s.c.Owner == key && key == o.engineer:
		s.confirm(o, "it is yours already")
		return
	case s.c.Owner == key:
		s.confirm(o, name+" has it already")
		return
	}
	s.assign(key, o.engineer, HowHand, nameOf(s.w.Rotation, o.engineer)+" gave it away")
	if key != o.engineer {
		s.confirm(o, name+" has it now")
	}
}

// take gives the conversation to an engineer who asks for it, unless another
// one got it and she cannot know: then she is told, and may ask once more.
func (s *step) take(o order) {
	engineer := o.engineer
	desk, had := s.c.Desks[engineer], s.c.Given
	if owner := s.c.Owner; owner != "" && owner != engineer && had.By == owner && had.Event > max(desk.Seen, desk.Told) {
		why := nameOf(s.w.Rotation, owner) + " has it by now"
		n := s.event(Refused{Engineer: engineer, Command: "take", Why: why})
		s.notify(Notify{Kind: NoticeRefused, Engineer: engineer, Event: n,
			Reason: why + ", so it was not taken; /take once more gives it to you all the same"})
		return
	}
	if s.c.Owner == engineer {
		s.confirm(o, "it is yours already")
		return
	}
	whole := desk.Newest != 0 && desk.Newest == s.newest() && len(s.c.Pending) == 0
	if s.c.Offer == nil || !whole {
		s.assign(engineer, "", HowTaken, "took it")
		return
	}
	s.event(Assigned{Engineer: engineer, Why: "took it", How: HowTaken})
	s.tell("it is yours: you took it first")
}

func (s *step) closedBy(o order) {
	if len(s.c.Pending) > 0 {
		// The customer wrote again, and nobody has read it.
		s.notify(Notify{Kind: NoticeCrossed, Engineer: o.engineer, Event: s.newest(),
			Reason: "the conversation stays open: the customer wrote again before you closed it. That mail is in your mailbox"})
		return
	}
	if s.c.State != StateOpen {
		s.confirm(o, "it was closed already")
		return
	}
	s.close(o.engineer)
	s.confirm(o, "it is closed, and opens again when "+s.customerName()+" writes")
}

func (s *step) reopenedBy(o order) {
	engineer, was := o.engineer, s.c.State
	if was == StateClosed || s.c.Spam {
		s.event(Reopened{Why: nameOf(s.w.Rotation, engineer) + " asked for it"})
	}
	if s.c.State == StateOpen && s.c.Owner == "" {
		s.event(Assigned{Engineer: engineer, Why: nameOf(s.w.Rotation, engineer) + " opened it again", How: HowTaken})
	}
	switch {
	case was != StateClosed:
		s.confirm(o, "it was open already")
	case s.c.Owner == engineer:
		s.confirm(o, "it is open again, and yours")
	default:
		s.confirm(o, "it is open again; "+nameOf(s.w.Rotation, s.c.Owner)+" has it")
	}
}

func (s *step) close(by string) {
	if s.c.State != StateOpen {
		return
	}
	for _, of := range s.c.Pending {
		s.effect(DropRaw{Of: of})
	}
	s.event(Closed{By: by})
}

// assign gives the conversation to an engineer by hand; by is the engineer who
// gives it away, if one does. Who gets it learns of it by the customer's newest
// mail, with the story.
func (s *step) assign(to, by string, how How, why string) {
	if s.c.Owner == to {
		return
	}
	s.event(Assigned{Engineer: to, From: s.c.Owner, By: by, Why: why, How: how})
	s.handOver(to)
}

// report asks for what she wants to read.
func (s *step) report(o order) { s.effect(Report{Engineer: o.engineer, What: o.Word}) }

func (s *step) cannotSpam(o order) string {
	if o.text {
		return "/spam sends nothing to anybody, and there is a text below it"
	}
	return bare(s, o)
}

// spam closes a conversation that is none. It says what it does not do: the
// sender may still open others.
func (s *step) spam(o order) {
	for _, of := range s.c.Pending {
		s.effect(DropRaw{Of: of})
	}
	s.event(Junked{By: o.engineer})
	s.confirm(o, fmt.Sprintf("it is put away as spam: nothing more that %s writes to it opens it again, and nothing was sent; /reopen takes that back", s.customerName()))
}
