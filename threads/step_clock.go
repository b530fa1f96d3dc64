package threads

import (
	"fmt"
	"time"
)

// TimerKind is what a deadline of a conversation is for. A conversation has at
// most one of each kind.
type TimerKind string

// The kinds.
const (
	TimerReply  TimerKind = "reply"  // the customer has waited for half or all of the time to reply
	TimerOffer  TimerKind = "offer"  // the offer ends
	TimerSnooze TimerKind = "snooze" // the snooze ends
)

// due acts on a deadline. The clock may have jumped, and what set the deadline
// may be over: the state says what is to be done.
func (s *step) due(in DueIn) {
	switch in.Kind {
	case TimerOffer:
		s.offerEnds()
	case TimerSnooze:
		s.snoozeEnds()
	case TimerReply:
		s.replyDue(in.Late)
	}
}

// timers sets and drops the deadlines that follow from what a step changed.
func (s *step) timers(before Conversation) {
	after := s.c
	if (after.Offer == nil) != (before.Offer == nil) || after.Offer != nil && !after.Offer.Until.Equal(before.Offer.Until) {
		if after.Offer == nil {
			s.effect(DropTimer{Kind: TimerOffer})
		} else {
			s.effect(SetTimer{Kind: TimerOffer, At: after.Offer.Until})
		}
	}
	if !after.Snoozed.Equal(before.Snoozed) {
		if after.Snoozed.IsZero() {
			s.effect(DropTimer{Kind: TimerSnooze})
		} else {
			s.effect(SetTimer{Kind: TimerSnooze, At: after.Snoozed})
		}
	}
	runs, ran := after.clockRuns(), before.clockRuns()
	switch {
	case runs && !ran:
		s.replyTimer()
	case ran && !runs:
		s.effect(DropTimer{Kind: TimerReply})
	}
}

// clockRuns reports whether a customer waits for an answer, and somebody may
// be reminded of it.
func (c *Conversation) clockRuns() bool {
	return c.State == StateOpen && c.Unanswered && c.Snoozed.IsZero() && c.Overdue < maxOverdue
}

// maxOverdue is how often the time to reply runs out: at the first the
// conversation is handed on, at the second the admins are told, and it is
// theirs to see to it.
const maxOverdue = 2

// within is how long a customer may wait, in business time; 0 for ever.
func (s *step) within() time.Duration {
	if s.c.Answer.Event == 0 {
		return s.w.Rotation.Policy.FirstReplyWithin
	}
	return s.w.Rotation.Policy.NextReplyWithin
}

// replyTimer sets the reply clock: each half of the time is counted from when
// the one before it was acted on, so that a clock that jumps, or a service
// that was down, shortens nobody's second half.
func (s *step) replyTimer() {
	within := s.within()
	if within <= 0 {
		return
	}
	half := within / 2
	if s.c.Reminded {
		half = within - half
	}
	if at, ok := s.w.Rotation.Business(s.w.Now, half); ok {
		s.effect(SetTimer{Kind: TimerReply, At: at})
	}
}

// late is by how much a deadline may be missed and still count: behind it
// nobody was looking, or the clock was set, and the owner gets another half.
const late = time.Hour

// replyDue reminds the owner at half of the time to reply, hands the
// conversation on at the end of it, and tells the admins when that has not
// helped either.
func (s *step) replyDue(missed time.Duration) {
	if !s.c.clockRuns() || s.within() <= 0 {
		return
	}
	if open, next := s.w.Rotation.businessAt(s.w.Now); !open {
		if !next.IsZero() { // the file was changed: go on when somebody is there
			s.effect(SetTimer{Kind: TimerReply, At: next.Add(time.Minute)})
		}
		return
	}
	switch {
	case s.c.Offer != nil: // everyone has it before her
		s.replyTimer()
	case !s.c.Reminded, missed > late:
		s.remind()
		s.replyTimer()
	default:
		s.overdue()
		if s.c.clockRuns() {
			s.replyTimer()
		}
	}
}

func (s *step) remind() {
	owner := s.c.Owner
	words := fmt.Sprintf("%s has waited for an answer since %s", s.customerName(), s.say(owner, s.c.Asked))
	n := s.event(Reminded{Engineer: owner, Why: words})
	if _, there := s.w.Rotation.Engineer(owner); there {
		s.notify(Notify{Kind: NoticeReminder, Engineer: owner, Event: n, Reason: words})
	}
}

func (s *step) overdue() {
	owner := s.c.Owner
	words := fmt.Sprintf("%s got no answer within %s", s.customerName(), sayDuration(s.within()))
	n := s.event(Overdue{Engineer: owner, Why: words})
	if s.c.Overdue < maxOverdue {
		req := s.request(nil, owner)
		how := HowHanded
		if owner == "" && s.c.Was == "" {
			how = HowTurn
		}
		if _, ok := s.choose(req, owner, how, words); ok {
			s.handOver(s.c.Owner)
			return
		}
		words += ", and there is nobody else to hand it on to"
	}
	s.notify(Notify{Kind: NoticeOverdue, Event: n, Reason: words})
}

func (s *step) customerName() string {
	if s.c.Customer.Name != "" {
		return s.c.Customer.Name
	}
	if s.c.Customer.Addr != "" {
		return s.c.Customer.Addr
	}
	return "the customer"
}

// say is an instant on an engineer's own clock.
func (s *step) say(engineer string, t time.Time) string { return s.w.Rotation.Say(engineer, t) }

// Say is an instant on an engineer's wall clock, with the zone; on the
// rotation's where she is not in the file.
func (r *Rotation) Say(engineer string, t time.Time) string {
	zone := r.Location
	if e, ok := r.Engineer(engineer); ok {
		zone = r.Zone(e)
	}
	if zone == nil {
		zone = time.UTC
	}
	return SayTime(t.In(zone)) + " (" + zone.String() + ")"
}

// asleep reports whether the conversation is snoozed.
func (s *step) asleep() bool { return !s.c.Snoozed.IsZero() }

// snooze lays the conversation aside until a time.
func (s *step) snooze(o order) {
	until, reason := When(o.Arg, s.w.Now, zoneOf(s.w.Rotation, o.engineer))
	if reason != "" || s.c.State != StateOpen {
		return // a command above it closed it
	}
	if s.c.Owner == "" {
		s.event(Assigned{Engineer: o.engineer, Why: nameOf(s.w.Rotation, o.engineer) + " laid it aside", How: HowTaken})
	}
	s.event(Snoozed{By: o.engineer, Until: until})
	s.tell("it is laid aside until " + s.say(o.engineer, until) + ", or until the customer writes")
}

// woken ends a snooze.
func (s *step) woken(why string) {
	if s.asleep() {
		s.event(Woken{Why: why})
	}
}

// snoozeEnds gives the conversation back to its owner, or hands it on when she
// is not there and somebody waits.
func (s *step) snoozeEnds() {
	if !s.asleep() || s.c.State != StateOpen {
		return
	}
	s.woken("the time it was laid aside for is over")
	owner := s.c.Owner
	if owner == "" || s.c.Unanswered && !s.keeps(owner) {
		if owner == "" {
			s.handOut(nil)
			return
		}
		s.handOn(nil, HowHanded, s.away(owner))
		return
	}
	if _, there := s.w.Rotation.Engineer(owner); !there {
		s.look()
		return
	}
	s.notify(Notify{Kind: NoticeWoken, Engineer: owner, Event: s.c.N,
		Reason: "the time it was laid aside for is over"})
}

// sayDuration writes a duration as the file has it: "4h", "1h30m", "2d".
func sayDuration(d time.Duration) string {
	if d >= 48*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	text := ""
	if h := d / time.Hour; h > 0 {
		text = fmt.Sprintf("%dh", h)
	}
	if m := d % time.Hour / time.Minute; m > 0 || text == "" {
		text += fmt.Sprintf("%dm", m)
	}
	return text
}
