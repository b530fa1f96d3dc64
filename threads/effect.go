package threads

import "time"

// Effect is something the caller has to do in the transaction that commits
// the events.
type Effect interface{ effect() }

type (
	// SendCopy queues a customer's mail to an engineer.
	SendCopy struct {
		OutID     string
		MessageID string
		Engineer  string
		Of        int  // the Received event
		Story     bool // she is new to a running conversation: the story goes with it
		// Stub says why she gets its text and a list of its parts; "" for the
		// mail as it came.
		Stub string
	}

	// SendAnswer queues the answer that was drafted from the engineer's mail.
	SendAnswer struct {
		OutID     string
		MessageID string
		Author    string
		Answers   int
		To, Cc    []Address
		Added     []Address // named in Cc, not sent to: her client has done that
	}

	// Notify queues a notice.
	Notify struct {
		OutID    string
		Kind     NoticeKind
		Engineer string // "" for the admins
		Reason   string
		Hold     string    // the held mail it is about
		Event    int       // the event it tells of
		Answer   int       // the answer it is about, an Accepted event; 0 for none
		Quote    bool      // the text of that answer, else of the mail in hand, goes with it
		Since    int       // what happened after this event is told, where not 0
		Whom     []Address // whom a held mail would go to
		Holds    []string  // held mails to choose from
		Held     Held      // how a held mail stands
	}

	// Held is what the notice of a held mail has to say beside the reason.
	Held struct {
		Why     Why
		From    Address // who it says it is from
		Owner   string  // whose token it carries, where that is not its sender's
		Confirm bool    // it is not shown to be its author's: she is asked
		Spent   bool    // and yet it carries what only she was sent, and counts no longer
		Bare    bool    // it has commands and no text
		Orders  bool    // it has commands that cannot be done
		Stuck   bool    // it cannot be sent as it is, whoever releases it
	}

	// KeepRaw keeps the raw mail in hand until an engineer has been sent it.
	KeepRaw struct{ Of int }
	// DropRaw lets kept raw mail go.
	DropRaw struct{ Of int }

	// Keep keeps the mail in hand as a held mail.
	Keep struct {
		Hold     string
		Asked    string // engineer who may release it
		Why      Why
		Reason   string
		Proven   bool // it was hers: it can be released
		Answers  int
		Engineer string    // whose address it is from
		OutID    string    // an answer on its way, in place of the mail in hand
		To, Cc   []Address // whom it would go to; a release goes to these
	}
	// Rehold gives a held mail another name, which kills the links to the old
	// one, and another reason.
	Rehold struct {
		Old, New, Asked string
		Why             Why
		Reason          string
	}
	// Release lets a held mail go: its raw mail is no longer needed.
	Release struct{ Hold string }

	// TakeTurn commits a pick to the pointers.
	TakeTurn struct {
		Delta Delta
		How   How
	}

	// Seen and Answered mark the mail of an event in the mailbox.
	Seen     struct{ Of int }
	Answered struct{ Of int }

	// WaitUntil asks for the conversations that wait to be looked at again.
	WaitUntil struct{ At time.Time }

	// SetTimer sets or moves a deadline of the conversation, DropTimer ends it.
	SetTimer struct {
		Kind TimerKind
		At   time.Time
	}
	DropTimer struct{ Kind TimerKind }

	// Absent takes an engineer off duty, Back ends that. They concern all her
	// conversations.
	Absent struct {
		Engineer string
		Absence  Absence
	}
	Back struct{ Engineer, By string }

	// Absorb makes a conversation, as it was before, part of another; Part makes
	// a mail of it one of its own.
	Absorb struct {
		From Conversation
		Into ID
		By   string
	}
	Part struct {
		From  Conversation
		Event int
		Into  ID
		By    string
	}

	// Carry takes over what is kept of a mail, answer or note of another
	// conversation: its text, its place in the mailbox, and its octets where an
	// engineer has still to be sent them. What names it there means it here.
	Carry struct {
		From    ID
		Event   int
		To      int
		Pending bool
	}

	// SaveAnswer keeps the text of the mail in hand under a name.
	SaveAnswer struct{ Engineer, Name string }

	// Report answers an engineer who asked: "status", "why" or "help".
	Report struct{ Engineer, What string }
)

func (SendCopy) effect()   {}
func (SendAnswer) effect() {}
func (Notify) effect()     {}
func (KeepRaw) effect()    {}
func (DropRaw) effect()    {}
func (Keep) effect()       {}
func (Rehold) effect()     {}
func (Release) effect()    {}
func (TakeTurn) effect()   {}
func (Seen) effect()       {}
func (Answered) effect()   {}
func (WaitUntil) effect()  {}
func (SetTimer) effect()   {}
func (DropTimer) effect()  {}
func (Absent) effect()     {}
func (Back) effect()       {}
func (Report) effect()     {}
func (SaveAnswer) effect() {}
func (Absorb) effect()     {}
func (Part) effect()       {}
func (Carry) effect()      {}

// NoticeKind is what a notice is about.
type NoticeKind string

// The kinds of notice.
const (
	NoticeHeld     NoticeKind = "held"      // your mail was kept back
	NoticeForged   NoticeKind = "forged"    // somebody used a token of yours
	NoticeFailed   NoticeKind = "failed"    // your answer did not arrive
	NoticeLate     NoticeKind = "late"      // your answer still waits, and is being tried
	NoticeNobody   NoticeKind = "nobody"    // no engineer could be given it
	NoticeUnsent   NoticeKind = "unsent"    // no engineer could be sent it
	NoticeCrossed  NoticeKind = "crossed"   // the customer wrote again before your answer
	NoticeRotation NoticeKind = "rotation"  // the rotation file changed, or its new version is bad
	NoticeAside    NoticeKind = "set_aside" // a mail broke us
	NoticeAlarm    NoticeKind = "alarm"     // something else an admin must know
	NoticeDone     NoticeKind = "done"      // what you asked for was done
	NoticeReport   NoticeKind = "report"    // what you asked for
	NoticeRefused  NoticeKind = "refused"   // what you asked for was not done
	NoticeYours    NoticeKind = "yours"     // the conversation you have a copy of is yours now
	NoticeReminder NoticeKind = "reminder"  // a customer waits for your answer
	NoticeOverdue  NoticeKind = "overdue"   // a customer has waited too long
	NoticeWoken    NoticeKind = "woken"     // what you laid aside is back
	NoticeUnsealed NoticeKind = "unsealed"  // your signature was taken off your answer
	NoticeAway     NoticeKind = "away"      // an engineer went off duty, or could not be taken off
	NoticeNote     NoticeKind = "note"      // a colleague's note
	NoticeMerged   NoticeKind = "merged"    // a colleague merged two conversations
	NoticeSettled  NoticeKind = "settled"   // the held mail you speak of is held no longer
	NoticeConfirm  NoticeKind = "confirm"   // which of these are yours
	NoticeHeldList NoticeKind = "held_list" // which held mail do you mean
)

// Result is what follows from one input.
type Result struct {
	Events  []Event
	Effects []Effect
}
