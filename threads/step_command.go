package threads

import (
	"fmt"
	"strings"
	"time"
)

// impossible says why the commands of a mail cannot be done; "" when they
// can. Nothing is done by halves: one that cannot holds the whole mail.
func (s *step) impossible(engineer string, m *Mail, text bool) string {
	for _, c := range m.Commands {
		if reason := s.cannot(engineer, c, text); reason != "" {
			return reason
		}
	}
	return ""
}

func (s *step) cannot(engineer string, c Command, text bool) string {
	switch c.Word {
	case "note":
		if !text {
			return "/note has no text below it"
		}
	case "assign":
		_, reason := s.colleague(c.Arg)
		return reason
	case "snooze":
		if s.c.State != StateOpen {
			return "/snooze lays an open conversation aside, and this one is " + string(s.c.State)
		}
		_, reason := When(c.Arg, s.w.Now, s.zone(engineer))
		return prefixed("/snooze", reason)
	case "send", "discard":
		return "/" + c.Word + " belongs into a reply to the notice of a held mail"
	case "close", "reopen", "take":
		return bare(c)
	case "away", "back", "status", "help":
		return personal(s.w, engineer, c)
	default:
		return fmt.Sprintf("/%s is no command I know; I know /note, /take, /assign, /snooze, /close, /reopen, /send, /discard, /away, /back, /status and /help", c.Word)
	}
	return ""
}

func prefixed(command, reason string) string {
	if reason == "" {
		return ""
	}
	return command + ": " + reason
}

// bare says what is wrong with a command that takes nothing behind it.
func bare(c Command) string {
	if c.Arg != "" {
		return fmt.Sprintf("/%s takes nothing behind it, but there is %q", c.Word, c.Arg)
	}
	return ""
}

func (s *step) zone(engineer string) *time.Location { return zoneOf(s.w.Rotation, engineer) }

func zoneOf(r *Rotation, engineer string) *time.Location {
	if e, ok := r.Engineer(engineer); ok {
		return r.Zone(e)
	}
	return time.UTC
}

func (s *step) colleague(who string) (string, string) {
	if strings.Trim(who, " @<>") == "" {
		return "", "/assign needs a name behind it"
	}
	return Colleague(s.w.Rotation, who)
}

func (s *step) commands(engineer string, m *Mail) {
	for _, c := range m.Commands {
		switch c.Word {
		case "take":
			s.take(engineer)
		case "assign":
			if key, _ := s.colleague(c.Arg); key != "" {
				s.assign(key, HowHand, nameOf(s.w.Rotation, engineer)+" gave it away")
			}
		case "snooze":
			if until, reason := When(c.Arg, s.w.Now, s.zone(engineer)); reason == "" {
				s.snooze(engineer, until)
			}
		case "close":
			s.closedBy(engineer)
		case "reopen":
			s.reopenedBy(engineer)
		case "away", "back", "status", "help":
			for _, e := range orders(s.w, engineer, c) {
				if n, ok := e.(Notify); ok {
					s.notify(n)
					continue
				}
				s.effect(e)
			}
		}
	}
}

// take gives the conversation to an engineer who asks for it, unless another
// one got it and she cannot know: then she is told, and may ask once more.
func (s *step) take(engineer string) {
	desk, had := s.c.Desks[engineer], s.c.Given
	if owner := s.c.Owner; owner != "" && owner != engineer && had.By == owner && had.Event > max(desk.Seen, desk.Told) {
		why := nameOf(s.w.Rotation, owner) + " has it since " + s.say(engineer, s.c.Updated)
		if had.Event != s.c.N {
			why = nameOf(s.w.Rotation, owner) + " has it by now"
		}
		n := s.event(Refused{Engineer: engineer, Command: "take", Why: why})
		s.notify(Notify{Kind: NoticeRefused, Engineer: engineer, Event: n,
			Reason: why + ", so it was not taken; /take once more gives it to you all the same"})
		return
	}
	if s.c.Owner == engineer {
		return
	}
	whole := desk.Newest != 0 && desk.Newest == s.newest() && len(s.c.Pending) == 0
	if s.c.Offer == nil || !whole {
		s.assign(engineer, HowTaken, "took it")
		return
	}
	s.event(Assigned{Engineer: engineer, Why: "took it", How: HowTaken})
	s.notify(Notify{Kind: NoticeDone, Engineer: engineer, Event: s.c.N, Reason: "it is yours: you took it first"})
}

func (s *step) closedBy(engineer string) {
	if len(s.c.Pending) > 0 {
		// The customer wrote again, and nobody has read it.
		s.notify(Notify{Kind: NoticeCrossed, Engineer: engineer, Event: s.newest(),
			Reason: "the conversation stays open: the customer wrote again before you closed it"})
		return
	}
	s.close(engineer)
}

func (s *step) reopenedBy(engineer string) {
	if s.c.State == StateClosed {
		s.event(Reopened{Why: nameOf(s.w.Rotation, engineer) + " asked for it"})
	}
	if s.c.State == StateOpen && s.c.Owner == "" {
		s.event(Assigned{Engineer: engineer, Why: nameOf(s.w.Rotation, engineer) + " opened it again", How: HowTaken})
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

// assign gives the conversation to an engineer by hand. Who gets it learns of
// it by the customer's newest mail, with the story.
func (s *step) assign(to string, how How, why string) {
	if s.c.Owner == to {
		return
	}
	s.event(Assigned{Engineer: to, From: s.c.Owner, Why: why, How: how})
	s.handOver(to)
}
