package threads

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
	s.notify(Notify{Kind: NoticeFailed, Engineer: s.orAdmins(in.Author), Reason: in.words(), Event: n, Answer: in.Of, Quote: true})
}

func (in DeliveryIn) words() string {
	recipient, said := in.Recipient, in.Reply
	if in.Bounce != nil {
		recipient, said = in.Bounce.Address, in.Bounce.Diagnostic
		if said == "" {
			said = in.Bounce.Status
		}
	}
	if said == "" {
		return "the mail to " + recipient + " could not be delivered"
	}
	return "the mail to " + recipient + " could not be delivered: " + said
}

func (s *step) copyFailed(in DeliveryIn, n int) {
	if s.c.State != StateOpen || s.c.Owner != in.Engineer {
		return // somebody else has it by now
	}
	if s.c.Moves >= maxMoves || !s.pick(nil, in.Engineer, HowFailed, "mail to "+nameOf(s.w.Rotation, in.Engineer)+" fails") {
		s.notify(Notify{Kind: NoticeUnsent, Reason: in.words(), Event: n})
		if s.c.Waits {
			s.wait()
		}
		return
	}
	s.handOver(s.c.Owner)
}
