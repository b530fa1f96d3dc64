package threads

import (
	"slices"
	"time"
)

func (s *step) look() {
	switch {
	case s.c.State != StateOpen:
	case len(s.c.Pending) > 0:
		s.distribute(nil)
	case s.stranded():
		s.rescue()
	}
}

// stranded reports whether nothing is left to send, and yet nobody who could
// answer has the conversation: mail to its engineer failed while nobody else
// was there, or its owner left with a customer's mail unanswered.
func (s *step) stranded() bool {
	_, there := s.w.Rotation.Engineer(s.c.Owner)
	return s.c.Waits || s.c.Unanswered && s.c.Owner != "" && !there
}

// rescue gives a stranded conversation to the next engineer.
func (s *step) rescue() {
	how, because := HowTurn, ""
	if owner := s.c.Owner; owner != "" {
		how, because = HowHanded, nameOf(s.w.Rotation, owner)+" left"
	}
	if !s.pick(nil, s.c.Owner, how, because) {
		s.wait()
		return
	}
	s.handOver(s.c.Owner)
}

// distribute sees to it that what the customer's side wrote is with an
// engineer: the owner while she may keep it, else the next of the rotation.
// m is the mail in hand, nil when there is none.
func (s *step) distribute(m *Mail) {
	owner := s.c.Owner
	if owner != "" && !s.keeps(owner) {
		why := s.w.Rotation.Presence(owner, s.w.Now, s.w.Leave).Why
		if !s.pick(m, owner, HowHanded, nameOf(s.w.Rotation, owner)+" is "+why) {
			s.wait()
			return
		}
	} else if owner == "" {
		if !s.pick(m, "", HowTurn, "") {
			s.wait()
			return
		}
	}
	running := len(s.c.Desks) > 0 || s.c.Answer.Event != 0
	s.copies(s.c.Owner, running && owner != s.c.Owner)
}

func (s *step) keeps(owner string) bool {
	if _, ok := s.w.Rotation.Engineer(owner); !ok {
		return false // she left
	}
	switch s.w.Rotation.Policy.KeepOwner {
	case KeepAlways:
		return true
	case KeepNever:
		return false
	}
	return s.w.Rotation.Presence(owner, s.w.Now, s.w.Leave).OnDuty
}

// pick asks the rotation. Conversations handed on have pointers of their own:
// they must not cost anyone her turn at a new one.
func (s *step) pick(m *Mail, from string, how How, because string) bool {
	req := PickRequest{Now: s.w.Now, Off: s.w.Leave, Load: s.w.Load, Subject: s.c.Subject, From: s.c.Customer.Addr}
	if m != nil {
		req.Body = m.NewText
		req.To = recipients(m)
	}
	if from != "" {
		req.Exclude = []string{from}
	}
	pointers := s.w.Turns
	if how != HowTurn {
		pointers = s.w.Handed
	}
	choice, delta, ok := Pick(s.w.Rotation, req, pointers)
	if !ok && how == HowHanded && s.w.Rotation.Presence(from, s.w.Now, s.w.Leave).OnDuty {
		// No other is there, but she is: a policy to change must not stop.
		req.Exclude = nil
		choice, delta, ok = Pick(s.w.Rotation, req, pointers)
	}
	if !ok {
		s.nobody(choice)
		return false
	}
	why := choice.Why
	if because != "" {
		why = because + "; " + why
	}
	s.event(Assigned{Engineer: choice.Engineer, From: from, Why: why, How: how})
	s.effect(TakeTurn{Delta: delta, How: how})
	return true
}

func (s *step) nobody(choice Choice) {
	if s.c.Waits {
		return // said already
	}
	n := s.event(Waiting{Why: choice.Why})
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

// handOver sends a new owner what she needs to go on: the mails that wait,
// else the newest one, with the story.
func (s *step) handOver(engineer string) {
	if len(s.c.Pending) > 0 {
		s.copies(engineer, true)
		return
	}
	of := s.newest()
	if of == 0 {
		return
	}
	out := s.outID()
	id := s.w.Names.MailID(s.w.Minter, out)
	s.effect(SendCopy{OutID: out, MessageID: id, Engineer: engineer, Of: of, Story: true})
	s.event(Copied{Engineer: engineer, OutID: out, MessageID: id, Of: of})
}

// copies queues every pending mail to the engineer.
func (s *step) copies(engineer string, story bool) {
	for _, of := range slices.Clone(s.c.Pending) {
		out := s.outID()
		id := s.w.Names.MailID(s.w.Minter, out)
		s.effect(SendCopy{OutID: out, MessageID: id, Engineer: engineer, Of: of, Story: story})
		s.event(Copied{Engineer: engineer, OutID: out, MessageID: id, Of: of})
		s.effect(DropRaw{Of: of})
		s.effect(Seen{Of: of})
		story = false // once is enough
	}
}
