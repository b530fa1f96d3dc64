package threads

import (
	"maps"
	"slices"
	"time"
)

// State of a conversation.
type State string

// The states.
const (
	StateOpen    State = "open"
	StateClosed  State = "closed"
	StateHistory State = "history" // from before us; the next mail opens it
)

// Bounds on what a conversation's state remembers; its events keep all.
const (
	maxParticipants = 200
	maxChain        = 21 // first and last 20, as References carry them
	maxMails        = 50 // mails of the customer's side an answer can refer to
)

// flowPeriod is the period that Conversation.Flow counts.
const flowPeriod = time.Hour

// Conversation is the fold of its events. It is a value for readers: only
// Apply changes it.
type Conversation struct {
	ID          ID        `json:"id"`
	N           int       `json:"n"` // number of the last event
	State       State     `json:"state"`
	Owner       string    `json:"owner,omitempty"`
	Subject     string    `json:"subject"`
	SubjectBase string    `json:"subject_base"`
	Customer    Address   `json:"customer"`
	Linked      ID        `json:"linked,omitempty"`
	Into        ID        `json:"into,omitempty"` // the conversation it is part of now
	Era         string    `json:"era,omitempty"`  // in which its ids and tokens are made
	Opened      time.Time `json:"opened"`
	Updated     time.Time `json:"updated"`
	ClosedAt    time.Time `json:"closed_at,omitzero"`
	Waits       bool      `json:"waits,omitempty"`      // nobody could be given it
	Unanswered  bool      `json:"unanswered,omitempty"` // the customer wrote last
	// Was is who had the conversation before it began to wait.
	Was string `json:"was,omitempty"`
	// Asked is when the customer wrote what is still unanswered; Reminded and
	// Overdue are how far the reply clock has come since.
	Asked    time.Time `json:"asked,omitzero"`
	Reminded bool      `json:"reminded,omitempty"` // the owner was, since it is hers
	Overdue  int       `json:"overdue,omitempty"`  // times the time to reply ran out
	// Offer is set while everyone on duty may take the conversation.
	Offer *Offer `json:"offer,omitempty"`
	// Snoozed is until when nothing is to be done, SnoozedBy who said so.
	Snoozed   time.Time `json:"snoozed,omitzero"`
	SnoozedBy string    `json:"snoozed_by,omitempty"`

	Participants []Address `json:"participants"`
	// Mails are the newest mails of the customer's side: what an answer
	// answers.
	Mails []Heard `json:"mails"`
	// Pending are Received events that no engineer has been sent yet.
	Pending []int `json:"pending,omitempty"`
	// Desks is what each engineer of the conversation has.
	Desks  map[string]Desk `json:"desks,omitempty"`
	Answer Mark            `json:"answer,omitzero"` // the newest answer
	// News is the newest thing each engineer did that colleagues must know of
	// before they answer.
	News map[string]News `json:"news,omitempty"`
	// Invited are in Cc of every answer because an engineer said so.
	Invited []Address `json:"invited,omitempty"`
	Tags    []string  `json:"tags,omitempty"` // in order
	// Subjects are base subjects it had before an engineer changed it, the
	// newest last.
	Subjects []string `json:"subjects,omitempty"`
	Spam     bool     `json:"spam,omitempty"`  // put away as spam
	Holds    []string `json:"holds,omitempty"` // held mails that are not settled
	// Undone are those of them that are commands alone which cannot be done.
	Undone []Undone `json:"undone,omitempty"`
	Moves  int      `json:"moves,omitempty"` // owners lost to failed copies since the last answer
	// Flow counts the mails of the hour under way: a loop ends there.
	Flow Spent `json:"flow,omitzero"`
	// Lost are engineers to whom mail of it failed since the customer's side
	// wrote or an answer went out: they are not given it again.
	Lost []string `json:"lost,omitempty"`
	// Given is the newest assignment.
	Given Mark `json:"given,omitzero"`
}

// Undone is a held mail of commands alone, and the engineer it is from.
type Undone struct {
	Hold string `json:"hold"`
	By   string `json:"by"`
}

// Offer is a conversation that is on offer.
type Offer struct {
	To    []string  `json:"to"` // engineers who were sent it
	Until time.Time `json:"until"`
}

// Spent is what of a budget is used.
type Spent struct {
	Since time.Time `json:"since"`
	N     int       `json:"n"`
}

// covers reports whether t lies in the period under way.
func (s Spent) covers(t time.Time, period time.Duration) bool {
	since := t.Sub(s.Since)
	return since >= 0 && since < period
}

// in is the budget after one more use at t.
func (s Spent) in(t time.Time, period time.Duration) Spent {
	if !s.covers(t, period) {
		s = Spent{Since: t}
	}
	s.N++
	return s
}

// Heard is a mail of the customer's side.
type Heard struct {
	Event      int       `json:"event"`
	At         time.Time `json:"at,omitzero"`
	Customer   Address   `json:"customer,omitzero"` // whose conversation it was in, where that was another one
	MessageID  string    `json:"message_id"`
	References []string  `json:"references,omitempty"`
	Reply      []Address `json:"reply"`            // Reply-To, else From
	Others     []Address `json:"others,omitempty"` // To and Cc
	Outlook    Outlook   `json:"outlook,omitzero"`
}

// Desk is what one engineer has of a conversation.
type Desk struct {
	Generation int      `json:"generation"`         // of her reply token
	Chain      []string `json:"chain,omitempty"`    // ids of what she was sent and wrote, oldest first, bounded
	Newest     int      `json:"newest"`             // the newest Received event she was sent
	Seen       int      `json:"seen"`               // the last event when her newest mail was made
	Told       int      `json:"told,omitempty"`     // the last event when she was told who has it, or said it
	Answered   int      `json:"answered,omitempty"` // her newest answer: she knew what had happened by then
	Views      []View   `json:"views,omitempty"`    // of her copies, oldest first, bounded
	Follows    bool     `json:"follows,omitempty"`  // she had it, answered or noted: notes reach her
	Stub       int      `json:"stub,omitempty"`     // the newest Received event she was sent without its parts
}

// View is what a copy showed: who answers it had seen the events up to Seen.
type View struct {
	ID   string `json:"id"`
	Seen int    `json:"seen"`
}

// News is something that happened beside the customer's mails; What says it
// of a name.
type News struct {
	Event int    `json:"event"`
	What  string `json:"what"`
}

// Mark names an event and who made it.
type Mark struct {
	Event int    `json:"event,omitempty"`
	By    string `json:"by,omitempty"`
}

// Fold makes a conversation from all its events.
func Fold(id ID, events []Event) Conversation {
	c := Conversation{ID: id}
	for _, e := range events {
		c = c.Apply(e)
	}
	return c
}

// Apply returns the conversation after one more event. The receiver is not
// changed and shares nothing that is.
func (c Conversation) Apply(e Event) Conversation {
	c.N, c.Updated = e.N, e.At
	switch b := e.Body.(type) {
	case Opened:
		c.Subject, c.SubjectBase, c.Customer, c.Linked = b.Subject, b.SubjectBase, b.Customer, b.Linked
		c.Opened, c.State, c.Era = e.At, StateOpen, b.Era
		if b.History {
			c.State = StateHistory
		}
		c.Participants = withAddress(c.Participants, b.Customer)
		c = c.generations(b.Generations)
	case Received:
		c = c.heard(e, b)
	case Joined:
		c.Participants = withAddress(c.Participants, b.Address)
	case Assigned:
		if b.From != "" || c.Offer != nil {
			c = c.news(e.N, b.Engineer, "it was handed to %s")
		}
		c.Desks = c.withDesk(b.Engineer, "", func(d *Desk) { d.Follows = true })
		c.Owner, c.Waits, c.Was, c.Offer, c.Reminded = b.Engineer, false, "", nil, false
		c.Given = Mark{e.N, b.Engineer}
		if b.By != "" {
			c.Desks = c.withDesk(b.By, "", func(d *Desk) { d.Told = e.N })
		}
		if b.How == HowFailed {
			c.Moves++
			c.Lost = append(without(c.Lost, b.From), b.From)
		}
	case Waiting:
		if c.Owner != "" {
			c.Was = c.Owner
		}
		if b.Lost != "" {
			c.Lost = append(without(c.Lost, b.Lost), b.Lost)
		}
		c.Owner, c.Waits, c.Offer = "", true, nil
	case Offered:
		c.Owner, c.Waits, c.Was, c.Offer = "", false, "", &Offer{To: b.To, Until: b.Until}
	case Copied:
		c.Desks = c.withDesk(b.Engineer, b.MessageID, func(d *Desk) {
			d.Newest, d.Seen = max(d.Newest, b.Of), e.N
			d.Views = append(slices.Clone(d.Views), View{ID: b.MessageID, Seen: e.N})
			d.Views = d.Views[max(0, len(d.Views)-maxChain):]
			if b.Stub {
				d.Stub = max(d.Stub, b.Of)
			}
		})
		c.Pending = without(c.Pending, b.Of)
	case Accepted:
		c.Answer, c.Moves, c.Lost = Mark{e.N, b.Author}, 0, nil
		c = c.relieved()
		if b.Author != "" {
			c = c.news(e.N, b.Author, "%s has answered")
		}
		c.Desks = c.withDesk(b.Author, b.Her, func(d *Desk) {
			d.Seen, d.Follows = e.N, true
			if b.Hold == "" {
				d.Answered = e.N
			}
		})
		for _, a := range b.Added {
			c.Participants = withAddress(c.Participants, a)
		}
	case Noted:
		// A note tells nothing about what its author had seen.
		c = c.news(e.N, b.Author, "%s has written a note")
		c.Desks = c.withDesk(b.Author, b.MessageID, func(d *Desk) { d.Follows = true })
	case HeldBack:
		c.Holds = append(without(c.Holds, b.Hold), b.Hold)
		if b.Kind == WhyUndone {
			c.Undone = append(slices.Clone(c.Undone), Undone{Hold: b.Hold, By: b.Asked})
		}
	case Settled:
		c.Holds = without(c.Holds, b.Hold)
		c.Undone = slices.DeleteFunc(slices.Clone(c.Undone), func(u Undone) bool { return u.Hold == b.Hold })
		if _, there := c.Desks[b.By]; there && b.How == settledAs(false) {
			c.Desks = c.withDesk(b.By, "", func(d *Desk) { d.Answered = e.N })
		}
	case Closed:
		c = c.closed(e.At)
	case Junked:
		c = c.closed(e.At)
		c.Spam = true
	case Reopened:
		c.State, c.ClosedAt, c.Spam = StateOpen, time.Time{}, false
	case Invited:
		for _, a := range b.Addresses {
			c.Invited, c.Participants = withAddress(c.Invited, a), withAddress(c.Participants, a)
		}
	case Merged:
		c = c.closed(e.At)
		c.Into, c.Holds, c.Undone = b.Into, nil, nil
	case Absorbed:
		c = c.news(e.N, b.By, "%s has merged another conversation into it")
		for _, a := range b.People {
			c.Participants = withAddress(c.Participants, a)
		}
		c.Tags = retagged(c.Tags, b.Tags, nil)
		c = c.generations(b.Generations)
		c.Subjects = slices.Concat(c.Subjects, b.Subjects)
		c.Subjects = c.Subjects[max(0, len(c.Subjects)-maxSubjects):]
		c.Holds = slices.Concat(c.Holds, b.Holds)
	case Carried:
		c = c.carry(e.N, b)
	case SplitOff:
		c = c.withoutMail(b.Event)
	case Tagged:
		c.Tags = retagged(c.Tags, b.On, b.Off)
	case Renamed:
		c.Subjects = append(without(c.Subjects, c.SubjectBase), c.SubjectBase)
		c.Subjects = c.Subjects[max(0, len(c.Subjects)-maxSubjects):]
		c.Subject, c.SubjectBase = b.Subject, b.Subject
	case Burnt:
		c.Desks = c.withDesk(b.Engineer, "", func(d *Desk) { d.Generation++ })
	case Snoozed:
		c.Snoozed, c.SnoozedBy, c.Reminded = b.Until, b.By, false
	case Woken:
		c.Snoozed, c.SnoozedBy = time.Time{}, ""
	case Reminded:
		c.Reminded = true
	case Overdue:
		c.Overdue, c.Reminded = c.Overdue+1, false
	case Refused:
		c.Desks = c.withDesk(b.Engineer, "", func(d *Desk) { d.Told = e.N })
	case CameBack:
		c.Desks = c.renamed(b.MessageID, b.Alias)
	case Delivered, Bounced, Ordered, Saved, OriginalsAsked:
		// They tell of a mail, and leave the state as it is.
	}
	return c
}

// closed is the conversation with nothing left to do.
func (c Conversation) closed(at time.Time) Conversation {
	c.State, c.ClosedAt, c.Pending, c.Waits, c.Was, c.Offer = StateClosed, at, nil, false, "", nil
	c.Snoozed, c.SnoozedBy = time.Time{}, ""
	return c.relieved()
}

// news is the conversation in which somebody did what colleagues must know of.
func (c Conversation) news(n int, by, what string) Conversation {
	list := make(map[string]News, len(c.News)+1)
	maps.Copy(list, c.News)
	list[by] = News{Event: n, What: what}
	c.News = list
	return c
}

// relieved is the conversation with nobody waiting for an answer.
func (c Conversation) relieved() Conversation {
	c.Unanswered, c.Asked, c.Reminded, c.Overdue = false, time.Time{}, false, 0
	return c
}

// WaitingSince is when the customer wrote what is still unanswered; zero when
// nothing is.
func (c *Conversation) WaitingSince() time.Time { return c.Asked }

func (c Conversation) heard(e Event, b Received) Conversation {
	if b.Silent {
		return c
	}
	h := heardIn(e.N, e.At, b)
	if b.History && c.Customer.Addr == "" { // so far it had mail of ours alone
		c.Customer = b.From
		c.Participants = withAddress(c.Participants, b.From)
	}
	h.Customer = c.customerOf(h)
	if b.History { // imported newest first: it is older than all there is
		c.Mails = append([]Heard{h}, c.Mails...)
	} else {
		c.Mails = append(slices.Clone(c.Mails), h)
	}
	if len(c.Mails) > maxMails {
		c.Mails = c.Mails[len(c.Mails)-maxMails:]
	}
	if !b.History {
		if !c.Unanswered {
			c.Asked = e.At
		}
		c.Lost, c.Flow = nil, c.Flow.in(e.At, flowPeriod)
		c.Unanswered = true
		c.Pending = append(slices.Clone(c.Pending), e.N)
	}
	return c
}

func (c Conversation) withDesk(engineer, id string, change func(*Desk)) map[string]Desk {
	desks := make(map[string]Desk, len(c.Desks)+1)
	maps.Copy(desks, c.Desks)
	d := desks[engineer]
	change(&d)
	if id != "" {
		d.Chain = chained(d.Chain, id)
	}
	desks[engineer] = d
	return desks
}

// renamed is the desks with the id under which a mail really arrived in place
// of the one we gave it: the mails that follow hang below what her client has.
func (c Conversation) renamed(id, alias string) map[string]Desk {
	if id == "" || alias == "" {
		return c.Desks
	}
	desks := maps.Clone(c.Desks)
	for who, d := range desks {
		if i := slices.Index(d.Chain, id); i >= 0 {
			d.Chain = slices.Clone(d.Chain)
			d.Chain[i] = alias
			desks[who] = d
		}
	}
	return desks
}

// chained appends an id to a chain, keeping the first and the newest.
func chained(chain []string, id string) []string {
	if slices.Contains(chain, id) {
		return chain
	}
	chain = append(slices.Clone(chain), id)
	if len(chain) > maxChain {
		chain = slices.Delete(chain, 1, 2)
	}
	return chain
}

func withAddress(list []Address, a Address) []Address {
	if a.Addr == "" || len(list) >= maxParticipants || hasAddress(list, a.Addr) {
		return list
	}
	return append(slices.Clone(list), a)
}

func hasAddress(list []Address, addr string) bool {
	key := AddressKey(addr)
	return slices.ContainsFunc(list, func(a Address) bool { return a.Key() == key })
}

func without[T comparable](list []T, v T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(x T) bool { return x == v })
}

// Participant reports whether an address belongs to the customer's side.
func (c *Conversation) Participant(addr string) bool { return hasAddress(c.Participants, addr) }

// Generation is the generation of an engineer's reply token that counts.
func (c *Conversation) Generation(engineer string) int { return c.Desks[engineer].Generation }

// View is the Received event an engineer answers who does not say which: the
// newest she was sent, else the newest there is; 0 for none.
func (c *Conversation) View(engineer string) int {
	if n := c.Desks[engineer].Newest; n != 0 {
		return n
	}
	return c.newest()
}

func (c *Conversation) newest() int {
	if len(c.Mails) == 0 {
		return 0
	}
	return c.Mails[len(c.Mails)-1].Event
}

// HeardAt returns the customer's mail of an event.
func (c *Conversation) HeardAt(event int) (Heard, bool) {
	i := slices.IndexFunc(c.Mails, func(h Heard) bool { return h.Event == event })
	if i < 0 {
		return Heard{}, false
	}
	return c.Mails[i], true
}
