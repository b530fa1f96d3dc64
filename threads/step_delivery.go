package threads

import (
	"cmp"
	"fmt"
	"strings"
)

// maxMoves is how many owners one conversation may lose because mail to them
// fails: then it is the mail that is at fault, and a person decides.
const maxMoves = 1

// delivery records what became of an outgoing mail and acts on failure: an
// answer's author is told and the conversation is open again; a copy that did
// not arrive goes to the next engineer, then to the admins.
func (s *step) delivery(in DeliveryIn) {
	var n int
	if b := in.Bounce; b != nil {
		n = s.event(Bounced{
			OutID: in.OutID, MessageID: in.MessageID, Recipient: b.Address, Action: b.Action, Status: b.Status, Diagnostic: b.Diagnostic,
		})
		if b.Action != "failed" {
			return
		}
	} else {
		n = s.event(Delivered{OutID: in.OutID, Recipient: in.Recipient, State: in.State, Reply: in.Reply})
		if in.State == DeliveryLate {
			s.answerLate(in, n)
			return
		}
		if in.State != "failed" {
			return
		}
	}
	if in.Answer {
		s.answerFailed(in, n)
		return
	}
	s.copyFailed(in, n)
}

// DeliveryLate is the state of an answer that has been tried for long and is
// still being tried.
const DeliveryLate = "late"

// answerLate tells the author, who may know another way to the customer.
func (s *step) answerLate(in DeliveryIn, n int) {
	reason := "the mail to " + in.Recipient + " has not been delivered yet"
	if in.Reply != "" {
		reason += ": " + in.Reply
	}
	s.notify(Notify{Kind: NoticeLate, Engineer: s.orAdmins(in.Author), Reason: reason, Event: n, Answer: in.Of, Quote: true})
}

// orAdmins is an engineer, or "", which stands for the admins, when she left.
func (s *step) orAdmins(engineer string) string {
	if _, ok := s.w.Rotation.Engineer(engineer); !ok {
		return ""
	}
	return engineer
}

func (s *step) answerFailed(in DeliveryIn, n int) {
	if s.c.State == StateClosed {
		s.event(Reopened{Why: "an answer did not arrive"})
	}
	if in.Quiet {
		return
	}
	s.notify(Notify{Kind: NoticeFailed, Engineer: s.orAdmins(in.Author), Reason: in.words() + in.others(), Event: n, Answer: in.Of, Quote: true})
}

// maxNamed bounds the recipients that one notice names.
const maxNamed = 20

// words says who did not get the mail, and why.
func (in DeliveryIn) words() string {
	first := in.Failed()
	said := "the mail to " + first.Recipient + " could not be delivered" + first.because()
	for i, u := range in.Also {
		if i == maxNamed {
			return said + fmt.Sprintf("; nor to %d more", len(in.Also)-i)
		}
		said += "; nor to " + u.Recipient + u.because()
	}
	return said
}

// others says who has the mail all the same: whoever writes it again writes it
// to them once more.
func (in DeliveryIn) others() string {
	switch n := len(in.Reached); {
	case n == 0:
		return ""
	case n == 1:
		return ". " + in.Reached[0] + " has it"
	case n <= maxNamed:
		return ". " + strings.Join(in.Reached, ", ") + " have it"
	default:
		return fmt.Sprintf(". %d others have it", n)
	}
}

// Failed is the recipient the outcome is of.
func (in DeliveryIn) Failed() Undelivered {
	if in.Bounce == nil {
		return Undelivered{in.Recipient, in.Reply}
	}
	return Undelivered{in.Bounce.Address, cmp.Or(in.Bounce.Diagnostic, in.Bounce.Status)}
}

func (u Undelivered) because() string {
	if u.Reply == "" {
		return ""
	}
	return ": " + u.Reply
}

func (s *step) copyFailed(in DeliveryIn, n int) {
	if s.c.State != StateOpen {
		return
	}
	if s.c.Offer != nil {
		s.withdrawn(in.Engineer, n, in.words())
		return
	}
	if s.c.Owner != in.Engineer {
		return // somebody else has it by now
	}
	if Unwelcome(in.status()) && s.stub(in) {
		return
	}
	if s.c.Moves < maxMoves && s.replace(in) {
		return
	}
	s.notify(Notify{Kind: NoticeUnsent, Reason: in.words(), Event: n})
	if s.c.Waits {
		s.wait()
	}
}

func (in DeliveryIn) status() string {
	if in.Bounce != nil {
		return in.Bounce.Status
	}
	return in.Status
}

// stub sends the engineer the text of a mail that her server does not want as
// it is, once: without what it may dislike.
func (s *step) stub(in DeliveryIn) bool {
	if _, ok := s.c.HeardAt(in.Of); !ok || s.c.Desks[in.Engineer].Stub >= in.Of {
		return false
	}
	s.copy(in.Engineer, in.Of, false, "your mail server did not take the mail as it is")
	return true
}

// replace gives the conversation to another engineer, because mail of it does
// not reach the owner. A dead address is hers and says nothing about the mail,
// so it does not count against what the mail may move.
func (s *step) replace(in DeliveryIn) bool {
	how, because := HowFailed, "mail to "+nameOf(s.w.Rotation, in.Engineer)+" fails"
	if s.w.Absent[in.Engineer].Cause == CauseDead {
		how, because = HowHanded, s.away(in.Engineer)
	}
	choice, ok := s.choose(s.request(nil, in.Engineer), in.Engineer, how, because)
	if !ok {
		s.nobody(choice, in.Engineer)
		return false
	}
	s.handOver(s.c.Owner)
	return true
}
