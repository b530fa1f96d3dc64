package threads

import (
	"slices"
	"time"
)

// look sees to a conversation because something beside it changed: somebody
// came on duty, went off or left, or a budget has filled up again.
func (s *step) look() {
	if s.c.State != StateOpen || s.asleep() {
		return
	}
	if s.c.Offer != nil {
		if len(s.offered()) == 0 {
			s.offerEnds() // all who had it left
		}
		return
	}
	because, gone := s.gone()
	switch {
	case s.c.Owner == "":
		s.handOut(nil)
	case gone:
		s.handOn(nil, HowHanded, because)
	case len(s.c.Pending) > 0:
		s.distribute(nil)
	}
}

// gone reports whether the owner cannot go on, so that waiting for the
// customer's next mail would leave somebody waiting: she is no longer in the
// file, or she turned out to be away with a mail unanswered.
func (s *step) gone() (because string, gone bool) {
	owner := s.c.Owner
	if owner == "" {
		return "", false
	}
	if _, there := s.w.Rotation.Engineer(owner); !there {
		return owner + " is no longer in the rotation", true
	}
	if _, off := s.w.Leave.covers(owner, s.w.Now); !off || !s.c.Unanswered || !s.lets(owner) {
		return "", false
	}
	return s.away(owner), true
}

// lets reports whether the policy lets an absent owner's conversation go. Mail
// to a dead address cannot be read later: that one it does not keep.
func (s *step) lets(owner string) bool {
	return s.w.Rotation.Policy.KeepOwner != KeepAlways || s.w.Absent[owner].Cause == CauseDead
}

// away is why an engineer does not go on, in words.
func (s *step) away(engineer string) string {
	name := nameOf(s.w.Rotation, engineer)
	a, off := s.w.Absent[engineer]
	switch {
	case !off || a.Over(s.w.Now):
		return name + " is " + s.w.Rotation.Presence(engineer, s.w.Now, s.w.Leave).Why
	case a.Cause == CauseDead:
		return "mail to " + name + " comes back"
	case a.Until.IsZero():
		return name + " is " + a.Words()
	}
	return name + " is " + a.Words() + " until " + s.say(engineer, a.Until)
}

// distribute sees to it that what the customer's side wrote is with an
// engineer: the owner while she may keep it, those it is on offer to, else the
// next of the rotation. m is the mail in hand, nil when there is none.
func (s *step) distribute(m *Mail) {
	if s.flooded() {
		return
	}
	switch owner := s.c.Owner; {
	case s.c.Offer != nil:
		if to := s.offered(); len(to) > 0 {
			s.copies(to, false)
			return
		}
		s.offerEnds()
	case owner == "":
		s.handOut(m)
	case s.keeps(owner):
		s.copies([]string{owner}, false)
	default:
		because, gone := s.gone()
		if !gone {
			because = s.away(owner)
		}
		s.handOn(m, HowHanded, because)
	}
}

// handOut gives away a conversation that nobody has: back to whoever had it
// before it began to wait, if she is there; on offer, where that is the
// policy and it is new; else to the next of the rotation.
func (s *step) handOut(m *Mail) {
	was := s.c.Was
	if was != "" && s.keeps(was) && !slices.Contains(s.c.Lost, was) {
		s.event(Assigned{Engineer: was, Why: nameOf(s.w.Rotation, was) + " had it before and is there again", How: HowKept})
		s.copies([]string{was}, false)
		return
	}
	if s.w.Rotation.Policy.Mode == ModeOffer && was == "" && s.c.Answer.Event == 0 {
		if !s.offer(m) {
			s.wait()
		}
		return
	}
	how, because := HowTurn, ""
	if was != "" {
		how, because = HowHanded, s.away(was)
	}
	if !s.pick(m, was, how, because) {
		s.wait()
		return
	}
	s.handOver(s.c.Owner)
}

// handOn gives the owner's conversation to the next of the rotation.
func (s *step) handOn(m *Mail, how How, because string) {
	owner := s.c.Owner
	if !s.pick(m, owner, how, because) {
		s.wait()
		return
	}
	if s.c.Owner == owner {
		s.copies([]string{owner}, false)
		return
	}
	s.handOver(s.c.Owner)
}

func (s *step) keeps(owner string) bool {
	if _, ok := s.w.Rotation.Engineer(owner); !ok {
		return false // she left
	}
	switch s.w.Rotation.Policy.KeepOwner {
	case KeepAlways:
		_, off := s.w.Leave.covers(owner, s.w.Now)
		return !off || !s.lets(owner)
	case KeepNever:
		return false
	}
	return s.w.Rotation.Presence(owner, s.w.Now, s.w.Leave).OnDuty
}

// request is what a pick depends on. Topics are matched on the mail in hand,
// else on what is kept of the newest one.
func (s *step) request(m *Mail, from string) PickRequest {
	req := PickRequest{
		Now: s.w.Now, Off: s.w.Leave, Load: s.w.Load, Subject: s.c.Subject, From: s.c.Customer.Addr,
		Exclude: slices.Clone(s.c.Lost),
	}
	if from != "" {
		req.Exclude = append(req.Exclude, from)
	}
	if m != nil {
		req.Body, req.To = m.NewText, recipients(m)
		return req
	}
	if h, ok := s.c.HeardAt(s.newest()); ok {
		for _, a := range h.Others {
			req.To = append(req.To, a.Addr)
		}
		if s.w.Text != nil {
			req.Body = s.w.Text(h.Event)
		}
	}
	return req
}

// choose asks the rotation, and makes the choice an event. Conversations
// handed on have pointers of their own: they must not cost anyone her turn at
// a new one.
func (s *step) choose(req PickRequest, from string, how How, because string) (Choice, bool) {
	pointers := s.w.Turns
	if how != HowTurn {
		pointers = s.w.Handed
	}
	choice, delta, ok := Pick(s.w.Rotation, req, pointers)
	if !ok {
		return choice, false
	}
	why := choice.Why
	if because != "" {
		why = because + "; " + why
	}
	s.event(Assigned{Engineer: choice.Engineer, From: from, Why: why, How: how, Poll: choice.Poll()})
	s.effect(TakeTurn{Delta: delta, How: how})
	return choice, true
}

// pick gives the conversation to the next of the rotation, or records that it
// waits.
func (s *step) pick(m *Mail, from string, how How, because string) bool {
	req := s.request(m, from)
	choice, ok := s.choose(req, from, how, because)
	if !ok && how == HowHanded && s.w.Rotation.Presence(from, s.w.Now, s.w.Leave).OnDuty {
		// No other is there, but she is: a policy to change must not stop.
		req.Exclude = slices.DeleteFunc(req.Exclude, func(key string) bool { return key == from })
		choice, ok = s.choose(req, from, how, because)
	}
	if !ok {
		s.nobody(choice, "")
	}
	return ok
}

// nobody records that the conversation waits. lost is an engineer to whom mail
// of it fails.
func (s *step) nobody(choice Choice, lost string) {
	if s.c.Waits {
		return // said already
	}
	n := s.event(Waiting{Why: choice.Why, Lost: lost, Poll: choice.Poll()})
	if choice.TellAdmins {
		s.notify(Notify{Kind: NoticeNobody, Reason: choice.Why, Event: n, Quote: true})
	}
}

// lookAgain is when a conversation is looked at again that may wait for an
// engineer to close another one: no clock says when that will be.
const lookAgain = 5 * time.Minute

func (s *step) wait() {
	at, ok := s.w.Rotation.NextChange(s.w.Now, s.w.Leave)
	limited := slices.ContainsFunc(s.w.Rotation.Engineers, func(e Engineer) bool { return e.MaxOpen > 0 })
	if soon := s.w.Now.Add(lookAgain); limited && (!ok || soon.Before(at)) {
		at, ok = soon, true
	}
	if ok {
		s.effect(WaitUntil{At: at})
	}
}

// maxFlow is how many mails of one conversation are passed on in an hour.
// People do not write more; two machines that answer each other do.
const maxFlow = 100

// flooded keeps the mails of a conversation that runs wild where they are
// until the hour is over, and tells the admins once. They are passed on then:
// nothing is lost, and a loop goes round no faster than that.
func (s *step) flooded() bool {
	if s.c.Flow.N <= maxFlow || !s.c.Flow.covers(s.w.Now, flowPeriod) {
		return false
	}
	if s.c.Flow.N == maxFlow+1 {
		s.notify(Notify{Kind: NoticeAlarm, Event: s.c.N,
			Reason: "Two machines may be answering each other in conversation " + s.c.ID.String() + "\n" +
				"More than 100 mails of it came within an hour; two machines may be answering each other. What comes now is kept, and passed on when the hour is over."})
	}
	s.effect(WaitUntil{At: s.c.Flow.Since.Add(flowPeriod)})
	return true
}

// handOver sends a new owner what she needs to go on: the mails that wait,
// else the newest one, with the story.
func (s *step) handOver(engineer string) {
	story := s.running(engineer)
	if len(s.c.Pending) > 0 {
		s.copies([]string{engineer}, story)
		return
	}
	if of := s.newest(); of != 0 {
		s.copy(engineer, of, story, "")
	}
}

// running reports whether there is a story to tell to an engineer who gets
// the conversation now.
func (s *step) running(engineer string) bool {
	others := s.c.Answer.Event != 0
	for key := range s.c.Desks {
		others = others || key != engineer
	}
	return others
}

func (s *step) copy(engineer string, of int, story bool, stub string) {
	out := s.outID()
	id := s.w.Names.MailID(s.w.Minter, out)
	s.effect(SendCopy{OutID: out, MessageID: id, Engineer: engineer, Of: of, Story: story, Stub: stub})
	s.event(Copied{Engineer: engineer, OutID: out, MessageID: id, Of: of, Stub: stub != ""})
}

// copies queues every pending mail to the engineers.
func (s *step) copies(engineers []string, story bool) {
	for _, of := range slices.Clone(s.c.Pending) {
		for _, engineer := range engineers {
			s.copy(engineer, of, story, "")
		}
		s.effect(DropRaw{Of: of})
		s.effect(Seen{Of: of})
		story = false // once is enough
	}
}
