package threads

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// ID is the number of a conversation: for admins and the command line, never
// shown to a customer.
type ID uint64

// Event is one thing that happened to a conversation, and why. Events are
// never changed and never removed.
type Event struct {
	N    int       `json:"n"` // position in the conversation, from 1
	At   time.Time `json:"at"`
	Body EventBody `json:"-"`
}

// EventBody is one of the types below.
type EventBody interface{ kind() string }

// Direction of a message of a conversation.
type Direction string

// The directions.
const (
	In   Direction = "in"
	Out  Direction = "out"
	Note Direction = "note"
)

type (
	// Opened begins a conversation.
	Opened struct {
		Subject     string  `json:"subject"`
		SubjectBase string  `json:"subject_base"`
		Customer    Address `json:"customer"`
		Linked      ID      `json:"linked,omitempty"`  // the old conversation it continues
		History     bool    `json:"history,omitempty"` // it was there before us; nobody is assigned
		Split       ID      `json:"split,omitempty"`   // the conversation whose mail it was
		Era         string  `json:"era,omitempty"`     // in which its ids and tokens are made; see Minter.In
		// Generations are those of the engineers' tokens there, which count here.
		Generations map[string]int `json:"generations,omitempty"`
	}

	// Received is a mail of the customer's side, or of a machine.
	Received struct {
		MessageID  string    `json:"message_id"`
		References []string  `json:"references,omitempty"` // its References and In-Reply-To, bounded
		Class      Class     `json:"class"`
		Evidence   string    `json:"evidence,omitempty"`
		Matched    Reason    `json:"matched"`
		From       Address   `json:"from"`
		ReplyTo    []Address `json:"reply_to,omitempty"`
		To         []Address `json:"to,omitempty"`
		Cc         []Address `json:"cc,omitempty"`
		Subject    string    `json:"subject"`
		Date       time.Time `json:"date,omitzero"`
		Size       int64     `json:"size"`
		Silent     bool      `json:"silent,omitempty"` // attached without telling anyone
		Problems   []string  `json:"problems,omitempty"`
		History    bool      `json:"history,omitempty"`
		// Parts lists what its text does not show, the first of it: for an
		// engineer who cannot be sent the mail itself.
		Parts []Attachment `json:"parts,omitempty"`
		// Outlook is what its author's client groups mails by.
		Outlook Outlook `json:"outlook,omitzero"`
	}

	// Joined says that somebody wrote who was no participant.
	Joined struct {
		Address Address `json:"address"`
		By      string  `json:"by"`
	}

	// Assigned gives the conversation to an engineer.
	Assigned struct {
		Engineer string `json:"engineer"`
		From     string `json:"from,omitempty"` // who had it
		By       string `json:"by,omitempty"`   // the engineer who gave it away; she knows who has it
		Why      string `json:"why"`
		How      How    `json:"how"`
		Poll     *Poll  `json:"poll,omitempty"` // whom she was picked from; nil when nobody picked
	}

	// Waiting says that nobody could be given the conversation.
	Waiting struct {
		Why  string `json:"why"`
		Lost string `json:"lost,omitempty"` // an engineer to whom mail of it failed
		Poll *Poll  `json:"poll,omitempty"`
	}

	// Copied says that a mail was queued to an engineer.
	Copied struct {
		Engineer  string `json:"engineer"`
		OutID     string `json:"out_id"`
		MessageID string `json:"message_id"`
		Of        int    `json:"of"`             // the Received event
		Stub      bool   `json:"stub,omitempty"` // its text and a list of its parts
	}

	// Offered says that everyone who may have the conversation was sent it:
	// the first to answer or to take it has it, and at Until it is assigned.
	Offered struct {
		To    []string  `json:"to"`
		Until time.Time `json:"until"`
		Why   string    `json:"why"`
	}

	// Snoozed says that nothing is to be done until a time, or until the
	// customer writes; Woken that it is over.
	Snoozed struct {
		By    string    `json:"by"`
		Until time.Time `json:"until"`
	}
	Woken struct {
		Why string `json:"why"`
	}

	// Reminded says that the owner was reminded of a customer who waits.
	Reminded struct {
		Engineer string `json:"engineer"`
		Why      string `json:"why"`
	}

	// Overdue says that the time to reply ran out.
	Overdue struct {
		Engineer string `json:"engineer,omitempty"` // who had it
		Why      string `json:"why"`
	}

	// Refused says that a command was not done, and that she was told why.
	Refused struct {
		Engineer string `json:"engineer"`
		Command  string `json:"command"`
		Why      string `json:"why"`
	}

	// Accepted is an engineer's answer, on its way to the customer.
	Accepted struct {
		Author    string    `json:"author"`
		OutID     string    `json:"out_id"`
		MessageID string    `json:"message_id"`
		Her       string    `json:"her_message_id,omitempty"` // the id her client gave
		To        []Address `json:"to"`
		Cc        []Address `json:"cc,omitempty"`
		Added     []Address `json:"added,omitempty"` // people she wrote to directly
		Answers   int       `json:"answers"`         // the Received event, 0 for none
		Hold      string    `json:"hold,omitempty"`  // the held mail this was
		Subject   string    `json:"subject"`
	}

	// Noted is an internal note.
	Noted struct {
		Author    string   `json:"author"`
		MessageID string   `json:"message_id,omitempty"`
		To        []string `json:"to,omitempty"` // the colleagues who were sent it
		Hold      string   `json:"hold,omitempty"`
	}

	// HeldBack says that a mail was kept back; nothing of it went out.
	HeldBack struct {
		Hold      string  `json:"hold"`
		Asked     string  `json:"asked,omitempty"` // engineer who is asked
		From      Address `json:"from"`            // as the mail has it
		MessageID string  `json:"message_id"`
		Reason    string  `json:"reason"`
		Kind      Why     `json:"kind"`
	}

	// Settled ends a hold.
	Settled struct {
		Hold string `json:"hold"`
		By   string `json:"by"`
		How  string `json:"how"` // sent, discarded, noted, or held anew under another name
	}

	// Merged ends a conversation that goes on as part of another; Absorbed says
	// so in that one, and what came with it.
	Merged struct {
		Into ID     `json:"into"`
		By   string `json:"by"`
	}
	Absorbed struct {
		From     ID        `json:"from"`
		By       string    `json:"by"`
		Subject  string    `json:"subject"`
		Subjects []string  `json:"subjects,omitempty"`
		People   []Address `json:"people,omitempty"`
		Tags     []string  `json:"tags,omitempty"`
		Holds    []string  `json:"holds,omitempty"` // held mails that moved with it
		// Generations are those of the engineers' tokens there, which count here.
		Generations map[string]int `json:"generations,omitempty"`
	}

	// Carried is a mail, an answer or a note that happened in another
	// conversation, which became part of this one or lost it to this one. One
	// of Received, Accepted and Noted is set.
	Carried struct {
		From     ID        `json:"from"`
		Event    int       `json:"event"` // there
		At       time.Time `json:"at"`
		Customer Address   `json:"customer"`          // whose conversation it was
		Cc       []Address `json:"cc,omitempty"`      // who was invited there
		Pending  bool      `json:"pending,omitempty"` // no engineer was sent it
		Waits    bool      `json:"waits,omitempty"`   // it is not answered
		Received *Received `json:"received,omitempty"`
		Accepted *Accepted `json:"accepted,omitempty"`
		Noted    *Noted    `json:"noted,omitempty"`
	}

	// SplitOff says that the mail of an event is another conversation now.
	SplitOff struct {
		Event int    `json:"event"`
		Into  ID     `json:"into"`
		By    string `json:"by"`
	}

	// Ordered is a mail of commands alone; what they did follows.
	Ordered struct {
		By    string   `json:"by"`
		Words []string `json:"words"`
	}

	// Saved keeps the text of an engineer's mail as an answer for all.
	Saved struct {
		By   string `json:"by"`
		Name string `json:"name"`
	}

	// Invited puts people in Cc of every answer from here on.
	Invited struct {
		By        string    `json:"by"`
		Addresses []Address `json:"addresses"`
	}

	// Tagged puts words on the conversation and takes others off.
	Tagged struct {
		By  string   `json:"by"`
		On  []string `json:"on,omitempty"`
		Off []string `json:"off,omitempty"`
	}

	// Renamed changes what our answers are called.
	Renamed struct {
		By      string `json:"by"`
		Subject string `json:"subject"`
	}

	// Junked closes the conversation as spam: what its people write no longer
	// opens it.
	Junked struct {
		By string `json:"by"`
	}

	// Closed and Reopened change whether something is left to do.
	Closed struct {
		By string `json:"by"`
	}
	Reopened struct {
		Why string `json:"why"`
	}

	// Delivered is what became of one recipient of an outgoing mail.
	Delivered struct {
		OutID     string `json:"out_id"`
		Recipient string `json:"recipient"`
		State     string `json:"state"` // sent, failed, unknown, again
		Reply     string `json:"reply,omitempty"`
	}

	// Bounced is a report about an outgoing mail.
	Bounced struct {
		OutID      string `json:"out_id"`
		MessageID  string `json:"message_id"` // of the report
		Recipient  string `json:"recipient"`
		Action     string `json:"action"`
		Status     string `json:"status,omitempty"`
		Diagnostic string `json:"diagnostic,omitempty"`
	}

	// CameBack is our own copy, seen in the mailbox.
	CameBack struct {
		OutID     string `json:"out_id"`
		MessageID string `json:"message_id,omitempty"` // that we gave it; with an alias alone
		Alias     string `json:"alias,omitempty"`      // the Message-ID it travels under, when the relay changed it
	}

	// Burnt says that an engineer's token was seen by others.
	Burnt struct {
		Engineer string `json:"engineer"`
		Why      string `json:"why"`
	}
)

// How a conversation came to its owner. Only turns count for fairness.
type How string

// The ways.
const (
	HowTurn   How = "turn"   // picked by the rotation
	HowHanded How = "handed" // picked by the rotation because the owner is not there
	HowKept   How = "kept"   // it waited until its owner was there again
	HowTaken  How = "taken"  // she took it or answered it
	HowHand   How = "hand"   // assigned by a person
	HowFailed How = "failed" // picked by the rotation because mail to the owner fails
)

// Why a mail is held.
type Why string

// The reasons. Forged ones ask the address of the rotation file.
const (
	WhyUnproven  Why = "unproven"  // from an engineer's address, without a token of hers
	WhyForged    Why = "forged"    // a token of ours from an address that is not its owner's
	WhyBorrowed  Why = "borrowed"  // a colleague's token, from an engineer's address
	WhyUndone    Why = "undone"    // commands alone that cannot be done
	WhyTwice     Why = "twice"     // its author sent exactly this before
	WhyAmbiguous Why = "ambiguous" // token and references name different conversations
	WhyMisled    Why = "misled"    // a token, but nothing else says it is about this conversation
	WhyCommand   Why = "command"   // an unknown or impossible command
	WhyEmpty     Why = "empty"     // nothing but quotation
	WhyStale     Why = "stale"     // a colleague was quicker
	WhyLeak      Why = "leak"      // something internal that could not be taken out
	WhyNobody    Why = "nobody"    // no recipient is left
	WhySealed    Why = "encrypted" // we cannot read it, so we cannot clean it
	WhyUnfit     Why = "unfit"     // no mail can be made of it, such as one to nobody
	WhyUncertain Why = "uncertain" // it may have gone out; no copy can prove it
	WhyLost      Why = "lost"      // it came before the state was put back from a backup, and may have gone out then
)

func (Opened) kind() string    { return "opened" }
func (Received) kind() string  { return "received" }
func (Joined) kind() string    { return "joined" }
func (Assigned) kind() string  { return "assigned" }
func (Waiting) kind() string   { return "waiting" }
func (Copied) kind() string    { return "copied" }
func (Accepted) kind() string  { return "accepted" }
func (Noted) kind() string     { return "noted" }
func (HeldBack) kind() string  { return "held" }
func (Settled) kind() string   { return "settled" }
func (Closed) kind() string    { return "closed" }
func (Reopened) kind() string  { return "reopened" }
func (Delivered) kind() string { return "delivered" }
func (Bounced) kind() string   { return "bounced" }
func (CameBack) kind() string  { return "came_back" }
func (Burnt) kind() string     { return "burnt" }
func (Offered) kind() string   { return "offered" }
func (Snoozed) kind() string   { return "snoozed" }
func (Woken) kind() string     { return "woken" }
func (Reminded) kind() string  { return "reminded" }
func (Overdue) kind() string   { return "overdue" }
func (Refused) kind() string   { return "refused" }
func (Merged) kind() string    { return "merged" }
func (Absorbed) kind() string  { return "absorbed" }
func (Carried) kind() string   { return "carried" }
func (SplitOff) kind() string  { return "split_off" }
func (Ordered) kind() string   { return "ordered" }
func (Saved) kind() string     { return "saved" }
func (Invited) kind() string   { return "invited" }
func (Tagged) kind() string    { return "tagged" }
func (Renamed) kind() string   { return "renamed" }
func (Junked) kind() string    { return "junked" }

// Kind is the stored and logged name of the event.
func (e Event) Kind() string { return e.Body.kind() }

type storedEvent struct {
	N    int             `json:"n"`
	At   time.Time       `json:"at"`
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body"`
}

// MarshalJSON writes the event with its kind.
func (e Event) MarshalJSON() ([]byte, error) {
	body, err := json.Marshal(e.Body)
	if err != nil {
		return nil, fmt.Errorf("encoding a %s event: %w", e.Kind(), err)
	}
	return json.Marshal(storedEvent{e.N, e.At, e.Kind(), body})
}

// UnmarshalJSON reads what MarshalJSON wrote. An unknown kind is an error: a
// history with holes must not be folded.
func (e *Event) UnmarshalJSON(data []byte) error {
	var s storedEvent
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("decoding an event: %w", err)
	}
	body, err := decodeBody(s.Kind, s.Body)
	if err != nil {
		return fmt.Errorf("decoding event %d, %q: %w", s.N, s.Kind, err)
	}
	*e = Event{N: s.N, At: s.At, Body: body}
	return nil
}

func decodeBody(kind string, data []byte) (EventBody, error) {
	switch kind {
	case "opened":
		return decodeAs[Opened](data)
	case "received":
		return decodeAs[Received](data)
	case "joined":
		return decodeAs[Joined](data)
	case "assigned":
		return decodeAs[Assigned](data)
	case "waiting":
		return decodeAs[Waiting](data)
	case "copied":
		return decodeAs[Copied](data)
	case "accepted":
		return decodeAs[Accepted](data)
	case "noted":
		return decodeAs[Noted](data)
	case "held":
		return decodeAs[HeldBack](data)
	case "settled":
		return decodeAs[Settled](data)
	case "closed":
		return decodeAs[Closed](data)
	case "reopened":
		return decodeAs[Reopened](data)
	case "delivered":
		return decodeAs[Delivered](data)
	case "bounced":
		return decodeAs[Bounced](data)
	case "came_back":
		return decodeAs[CameBack](data)
	case "burnt":
		return decodeAs[Burnt](data)
	case "offered":
		return decodeAs[Offered](data)
	case "snoozed":
		return decodeAs[Snoozed](data)
	case "woken":
		return decodeAs[Woken](data)
	case "reminded":
		return decodeAs[Reminded](data)
	case "overdue":
		return decodeAs[Overdue](data)
	case "refused":
		return decodeAs[Refused](data)
	case "merged":
		return decodeAs[Merged](data)
	case "absorbed":
		return decodeAs[Absorbed](data)
	case "carried":
		return decodeAs[Carried](data)
	case "split_off":
		return decodeAs[SplitOff](data)
	case "ordered":
		return decodeAs[Ordered](data)
	case "originals_asked":
		return decodeAs[OriginalsAsked](data)
	case "saved":
		return decodeAs[Saved](data)
	case "invited":
		return decodeAs[Invited](data)
	case "tagged":
		return decodeAs[Tagged](data)
	case "renamed":
		return decodeAs[Renamed](data)
	case "junked":
		return decodeAs[Junked](data)
	}
	return nil, fmt.Errorf("this version does not know the kind")
}

func decodeAs[T EventBody](data []byte) (EventBody, error) {
	var v T
	err := json.Unmarshal(data, &v)
	return v, err
}

// String is the number as people write it.
func (id ID) String() string { return strconv.FormatUint(uint64(id), 10) }
