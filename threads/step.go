package threads

import (
	"fmt"
	"slices"
	"time"
)

// World is what a step may know beside the conversation.
type World struct {
	Now      time.Time
	Names    Names
	Minter   Minter
	Era      string // in which conversations are opened and mails named; see Minter.In
	Rotation *Rotation
	Leave    Leave
	Absent   Absences  // what Leave is made of
	Turns    *Pointers // for new conversations
	Handed   *Pointers // for those handed on: counted apart
	Load     func(engineer string) int
	// Stale says which news an author must have seen for her answer to go
	// out.
	Stale Stale
	// Find looks up another conversation; Fresh is the number of one that
	// begins now.
	Find  func(ID) (Conversation, bool)
	Fresh ID
	// Saved lists the names of the saved answers; nil for none.
	Saved func() []string
	// Text is what is kept of the mail of an event; nil for nothing.
	Text func(event int) string
}

// Stale names the news that hold an answer.
type Stale string

// The news.
const (
	StaleColleague Stale = "colleague" // what colleagues did; the default
	StaleAny       Stale = "any"       // the customer's mails too
	StaleNone      Stale = "none"
)

// Input is what happened to a conversation: one of the types below.
type Input interface{ input() }

type (
	// MailIn is a mail of the conversation.
	MailIn struct {
		Mail      *Mail
		Class     Class
		Evidence  string
		Found     Found
		Authority Authority
		// Draft is the outcome of composing an answer from an engineer's mail;
		// nil when there was nothing to compose.
		Draft *Draft
		// Twice is set when its author has sent the same before, and it went out
		// in answer to the same mail.
		Twice bool
		// Blank is one that it has where a name should stand; "" for none.
		Blank string
	}
	// ReleaseIn is the release of a held mail by someone entitled to it.
	ReleaseIn struct {
		Hold    string
		By      string // engineer key or admin
		Author  string // whose answer it becomes
		Mail    *Mail  // the held mail
		Answers int
		To, Cc  []Address // whom its notice said it would go to; nil: not said
		Draft   *Draft
		AsNote  bool // it becomes a note for colleagues
	}
	// DiscardIn drops a held mail; with Again, because an uncertain answer is
	// sent once more.
	DiscardIn struct {
		Hold, By string
		Again    bool
	}
	// DeliveryIn is the outcome of one recipient of an outgoing mail.
	DeliveryIn struct {
		OutID     string
		Answer    bool   // to a customer; else to an engineer
		Status    string // enhanced status code of the reply (RFC 3463), "" for none
		Author    string // of an answer
		Engineer  string // a copy is for
		Of        int    // the Received event of a copy, the Accepted one of an answer
		Recipient string
		State     string // sent, failed, unknown, again, late
		Reply     string
		// Bounce is set when a report said so, later.
		Bounce    *BounceRecipient
		MessageID string // of the report
		// Quiet is set when another recipient of the same attempt or report
		// tells the author: that is one notice, however many it names. Also are
		// those it names beside this one.
		Quiet bool
		Also  []Undelivered
		// Reached are those who have the mail, as far as is known.
		Reached []string
	}
	// Undelivered is a recipient who did not get a mail, and why.
	Undelivered struct{ Recipient, Reply string }
	// CameBackIn is our own copy, found in the mailbox.
	CameBackIn struct{ OutID, MessageID, Alias string }
	// ByHandIn is an answer somebody wrote from the shared mailbox itself.
	ByHandIn struct{ Mail *Mail }
	// UncertainIn is an answer that may have gone out, where no copy can come
	// back to tell. Of is the Accepted event.
	UncertainIn struct {
		OutID, Author, Recipient string
		Of                       int
	}
	// LookIn asks to look again: an engineer may have come on duty, or the
	// owner may have left.
	LookIn struct{}
	// DueIn is a deadline of the conversation that has come, Late by how much
	// it was missed.
	DueIn struct {
		Kind TimerKind
		Late time.Duration
	}
	// AbsorbIn is another conversation that becomes part of this one: as it was
	// before, with its history.
	AbsorbIn struct {
		From   Conversation
		Events []Event
		By     string
	}
	// PartIn is a mail of another conversation that becomes this one.
	PartIn struct {
		From     Conversation // as it was before
		Event    int
		At       time.Time
		Received Received
		By       string
	}
	// AdminIn is what an admin asked for on the command line.
	AdminIn struct {
		By, Verb, Engineer string
	}
)

func (MailIn) input()      {}
func (ReleaseIn) input()   {}
func (DiscardIn) input()   {}
func (DeliveryIn) input()  {}
func (CameBackIn) input()  {}
func (ByHandIn) input()    {}
func (UncertainIn) input() {}
func (LookIn) input()      {}
func (DueIn) input()       {}
func (AdminIn) input()     {}
func (AbsorbIn) input()    {}
func (PartIn) input()      {}

// Draft tells how composing an answer went.
type Draft struct {
	Encrypted bool
	Unfit     string // why no mail can be made of it; "" when one can
	// Findings are internal things that could not be taken out; Final is set
	// when one of them may not be let go by anyone.
	Findings []string
	Final    bool
}

// Step says what follows when in happens to c. A conversation that is not
// opened yet has no events. Step changes nothing; the same arguments have the
// same result.
func Step(c Conversation, in Input, w World) (Conversation, Result, error) {
	s := &step{c: c, w: w}
	switch in := in.(type) {
	case MailIn:
		s.mail(in)
	case ReleaseIn:
		s.release(in)
	case DiscardIn:
		s.discard(in)
	case DeliveryIn:
		s.delivery(in)
	case CameBackIn:
		s.event(CameBack(in))
	case ByHandIn:
		s.byHand(in.Mail)
	case UncertainIn:
		s.uncertain(in)
	case LookIn:
		s.look()
	case DueIn:
		s.due(in)
	case AbsorbIn:
		s.absorb(in)
	case PartIn:
		s.part(in)
	case LostIn:
		s.lost(in)
	case LostAnswersIn:
		for _, a := range in.Answers {
			s.lostAnswer(a, s.newest())
		}
	case AdminNoteIn:
		s.adminNote(in.By)
	case LostReplyIn:
		s.exposed(in.Author, in.Mail)
	case LostNoteIn:
		s.event(Noted{Author: in.Author, MessageID: in.MessageID})
	case AdminIn:
		if err := s.admin(in); err != nil {
			return c, Result{}, err
		}
	default:
		return c, Result{}, fmt.Errorf("stepping conversation %d: unknown input %T", c.ID, in)
	}
	if c.State != StateOpen {
		s.lookAfterOpening()
	}
	s.timers(c)
	return s.c, s.r, nil
}

// lookAfterOpening sees to it that somebody has a conversation that is open
// again: who had it may have left since.
func (s *step) lookAfterOpening() {
	if s.c.State != StateOpen || s.c.Offer != nil || s.c.Waits {
		return
	}
	if _, there := s.w.Rotation.Engineer(s.c.Owner); !there {
		s.look()
	}
}

// step is one Step under way: the conversation as it becomes, and what
// follows so far.
type step struct {
	c    Conversation
	w    World
	r    Result
	said []string // what commands are answered with
	// answers is the Received event whose copy the engineer's mail in hand
	// answers; 0 when it does not say.
	answers int
}

// event appends an event and returns its number.
func (s *step) event(b EventBody) int {
	e := Event{N: s.c.N + 1, At: s.w.Now, Body: b}
	s.r.Events = append(s.r.Events, e)
	s.c = s.c.Apply(e)
	return e.N
}

func (s *step) effect(e Effect) { s.r.Effects = append(s.r.Effects, e) }

// outID names an outgoing mail after its conversation, the event it follows
// from and its place among the effects: the same after a crash.
func (s *step) outID() string {
	return InEra(fmt.Sprintf("%d.%d.%d", s.c.ID, s.c.N, len(s.r.Effects)), s.w.Era)
}

// InEra is a name as it is in an era.
func InEra(name, era string) string {
	if era == "" {
		return name
	}
	return name + "." + era
}

// notify names notices apart from other mail: a notice is no event, so the
// next step may begin at the number this one ended with.
func (s *step) notify(n Notify) {
	n.OutID = s.outID() + ".n"
	s.effect(n)
}

func (s *step) mail(in MailIn) {
	fresh := s.c.N == 0
	if fresh {
		s.event(Opened{Subject: in.Mail.Subject, SubjectBase: in.Mail.SubjectBase, Customer: s.w.Names.Person(in.Mail), Linked: in.Found.Conversation, Era: s.w.Era})
	}
	for _, engineer := range in.Authority.Burn {
		s.event(Burnt{Engineer: engineer, Why: "a mail of " + in.Mail.Sender().Key() + " carries it"})
	}
	switch {
	case in.Authority.Doubt != "":
		s.hold(in, in.Authority.Doubt, in.Authority.Reason)
	case in.Class == ClassEngineer && in.Authority.Proven:
		s.engineer(in)
	case in.Class == ClassAutoReply, in.Class == ClassBounce, !fresh && s.machineOfOurs(in):
		s.event(s.received(in, true)) // on the record; nobody is told
	default:
		s.customer(in)
	}
	if a := in.Authority; a.Proven && a.Conversation == s.c.ID {
		whose := a.Engineer
		if a.Lent {
			whose = a.Owner
		}
		s.exposed(whose, in.Mail) // also when it is held: others have it all the same
	}
}

// machineOfOurs reports whether a machine wrote in an engineer's name, as her
// calendar does. It must not make her a customer: answers would go to her
// private address.
func (s *step) machineOfOurs(in MailIn) bool {
	_, ours := sender(s.w.Rotation, in.Mail)
	return ours && in.Class == ClassAutoGenerated
}

// maxRemembered bounds the ids of one mail's References that are kept.
const maxRemembered = 50

// maxParts bounds the parts of a mail that its event lists.
const maxParts = 30

func (s *step) received(in MailIn, silent bool) Received {
	m := in.Mail
	refs := m.References
	for _, id := range m.InReplyTo {
		if !slices.Contains(refs, id) {
			refs = append(slices.Clone(refs), id)
		}
	}
	if len(refs) > maxRemembered {
		refs = append(slices.Clone(refs[:1]), refs[len(refs)-maxRemembered+1:]...)
	}
	reason := in.Found.Reason
	if reason == "" {
		reason = ByNothing
	}
	return Received{
		MessageID: m.MessageID, References: refs, Class: in.Class, Evidence: in.Evidence, Matched: reason,
		From: s.w.Names.Person(m), ReplyTo: m.ReplyTo, To: m.To, Cc: m.Cc, Subject: m.Subject, Date: m.Date,
		Size: m.Size, Silent: silent, Problems: m.Problems, Parts: m.Attachments[:min(len(m.Attachments), maxParts)], Outlook: outlookOf(m),
	}
}

func (s *step) customer(in MailIn) {
	from := s.w.Names.Person(in.Mail)
	if s.c.Spam && s.c.Participant(from.Addr) {
		s.event(s.received(in, true)) // an engineer said that it is none of ours
		return
	}
	if s.c.State == StateClosed || s.c.State == StateHistory {
		s.event(Reopened{Why: from.Key() + " wrote"})
	}
	s.woken(from.Key() + " wrote")
	if from.Addr != "" && !s.c.Participant(from.Addr) {
		s.event(Joined{Address: from, By: string(in.Found.Reason)})
	}
	n := s.event(s.received(in, false))
	s.effect(KeepRaw{Of: n})
	s.distribute(in.Mail)
}
