package threads

import "slices"

// A state that was put back from a backup does not know what happened after
// that was taken: the lost time. The mailbox still has its mail. It is read
// again, and what was done with it then is recorded and not done once more.

type (
	// LostIn is a mail of the customer's side from the lost time, with what the
	// mailbox shows of what was done with it.
	LostIn struct {
		Mail     *Mail
		Class    Class
		Evidence string
		Found    Found
		Copies   []LostCopy   // of it, that engineers were sent
		Answers  []LostAnswer // that went out after it came
	}
	// LostCopy is a copy that an engineer of the rotation was sent.
	LostCopy struct{ Engineer, MessageID string }
	// LostAnswer is an answer that went out. Author is "" where the mail does not
	// tell which engineer wrote it.
	LostAnswer struct {
		Author, MessageID, Subject string
		To, Cc                     []Address
	}
	// LostAnswersIn are answers that went out in the lost time to no mail of it.
	LostAnswersIn struct{ Answers []LostAnswer }
	// LostReplyIn is an engineer's mail of the lost time that went out as an
	// answer, which is known already.
	LostReplyIn struct {
		Author string
		Mail   *Mail
	}
	// LostNoteIn is a note of the lost time: colleagues have it.
	LostNoteIn struct{ Author, MessageID string }
)

func (LostIn) input()        {}
func (LostAnswersIn) input() {}
func (LostReplyIn) input()   {}
func (LostNoteIn) input()    {}

// lost records a mail of the lost time. Where nobody is seen to have had it,
// it is handed out like any other.
func (s *step) lost(in LostIn) {
	from := s.w.Names.Person(in.Mail)
	if s.c.N == 0 {
		s.event(Opened{Subject: in.Mail.Subject, SubjectBase: in.Mail.SubjectBase, Customer: from, Linked: in.Found.Conversation, Era: s.w.Era})
	}
	if s.c.Spam && s.c.Participant(from.Addr) {
		s.event(s.received(MailIn{Mail: in.Mail, Class: in.Class, Evidence: in.Evidence, Found: in.Found}, true))
		return
	}
	if s.c.State == StateClosed || s.c.State == StateHistory {
		s.event(Reopened{Why: from.Key() + " wrote"})
	}
	s.woken(from.Key() + " wrote")
	if from.Addr != "" && !s.c.Participant(from.Addr) {
		s.event(Joined{Address: from, By: string(in.Found.Reason)})
	}
	n := s.event(s.received(MailIn{Mail: in.Mail, Class: in.Class, Evidence: in.Evidence, Found: in.Found}, false))
	s.had(n, in)
	for _, a := range in.Answers {
		s.lostAnswer(a, n)
	}
	if slices.Contains(s.c.Pending, n) {
		s.effect(KeepRaw{Of: n})
		s.distribute(in.Mail)
		return
	}
	s.effect(Seen{Of: n})
	s.look() // who had it may have left since
}

// had records which engineers had a mail.
func (s *step) had(n int, in LostIn) {
	copies := slices.Clone(in.Copies)
	for _, a := range in.Answers {
		if a.Author != "" && !slices.ContainsFunc(copies, func(c LostCopy) bool { return c.Engineer == a.Author }) {
			copies = append(copies, LostCopy{Engineer: a.Author}) // she cannot have answered without
		}
	}
	if len(copies) == 0 {
		return
	}
	if owner := s.c.Owner; owner == "" {
		engineer := copies[len(copies)-1].Engineer
		s.event(Assigned{Engineer: engineer, How: HowTaken,
			Why: nameOf(s.w.Rotation, engineer) + " had it before the state was put back from a backup"})
	}
	for _, c := range copies {
		s.event(Copied{Engineer: c.Engineer, MessageID: c.MessageID, Of: n})
	}
}

// lostAnswer records an answer that went out.
func (s *step) lostAnswer(a LostAnswer, answers int) {
	if owner := s.c.Owner; a.Author != "" && owner != a.Author {
		s.event(Assigned{Engineer: a.Author, From: owner, Why: nameOf(s.w.Rotation, a.Author) + " answered it", How: HowTaken})
	}
	for _, of := range slices.Clone(s.c.Pending) {
		if a.Author != "" { // she cannot have answered without what came before
			s.event(Copied{Engineer: a.Author, Of: of})
			s.effect(DropRaw{Of: of})
		}
	}
	s.event(Accepted{Author: a.Author, MessageID: a.MessageID, To: a.To, Cc: a.Cc, Answers: answers, Subject: a.Subject})
	if answers != 0 {
		s.effect(Answered{Of: answers})
	}
}
