package threads

import (
	"slices"
	"strings"
	"time"
)

// Rotation says who answers. It is one good version of the rotation file and
// never changes once it is made: an edit makes a new one. The zero Rotation
// has no engineers. All its methods may be called at the same time.
type Rotation struct {
	Version   string         // short hash of the bytes of the file and its calendars
	Location  *time.Location // zone of engineers who name none; nil is UTC
	Admins    []string       // addresses that are told when something is wrong
	Engineers []Engineer     // in the order of the file
	Topics    []Topic        // in the order of the file: the first that matches counts
	Teams     []Team         // in the order of the file
	Policy    Policy
}

// Engineer is one person of the rotation.
type Engineer struct {
	// Key is Email in lower case. Events, tokens and pointers name her by it,
	// so a new name changes nothing and a new address is a new person.
	Key      string
	Name     string
	Email    string         // where her copies go, as written in the file
	Aliases  []string       // other addresses she writes from
	Weight   int            // her share of a cycle, 1 to 100; below 1 counts as 1
	Hours    Hours          // when she works; the zero Hours is always
	Location *time.Location // zone of Hours; nil is the rotation's
	Away     []Span         // absence written into the file
	Topics   []string       // names of the topics she owns, by herself or as one of a team
	MaxOpen  int            // open conversations at most; 0 is no limit

	// Calendars are the calendar files she names, Calendar the absence in
	// them, as far ahead as they were read: in order, none touching another.
	Calendars []string
	Calendar  []Span
}

// Team is people who own topics together: see Topic.Team. Their topics are in
// Engineer.Topics too, so that nobody has to look here to pick.
type Team struct {
	Name    string
	Members []string // keys of engineers, in the order of the file
}

// Policy is what the file decides for everyone.
type Policy struct {
	NobodyOnDuty NobodyOnDuty // "" is NobodyWait
	KeepOwner    KeepOwner    // "" is KeepWhilePresent
	Mode         Mode         // "" is ModeAssign

	// OfferFor is how long a new conversation is on offer before it is
	// assigned; 0 is DefaultOfferFor. It counts with ModeOffer alone.
	OfferFor time.Duration

	// A customer's first mail, and each later one, is to be answered within
	// this much business time, see Rotation.Business; 0 is no limit.
	FirstReplyWithin time.Duration
	NextReplyWithin  time.Duration
}

// Mode says how a new conversation comes to its owner.
type Mode string

// The modes.
const (
	ModeAssign Mode = "assign" // whoever has the turn gets it
	ModeOffer  Mode = "offer"  // everyone on duty gets it, the first to answer has it
)

// DefaultOfferFor is how long an offer stands where the file does not say.
const DefaultOfferFor = 15 * time.Minute

// NobodyOnDuty says what becomes of a conversation that comes while nobody is
// on duty.
type NobodyOnDuty string

// What can be done while nobody is on duty.
const (
	NobodyWait   NobodyOnDuty = "wait"   // it waits until someone comes on
	NobodyAnyone NobodyOnDuty = "anyone" // everyone in the file takes turns
	NobodyAdmins NobodyOnDuty = "admins" // it waits, and the admins are told
)

// KeepOwner says when the owner of a conversation keeps it as the customer
// writes again.
type KeepOwner string

// When an owner keeps a conversation.
const (
	KeepWhilePresent KeepOwner = "while-present"
	KeepAlways       KeepOwner = "always"
	KeepNever        KeepOwner = "never"
)

// Engineer finds an engineer by her key.
func (r *Rotation) Engineer(key string) (*Engineer, bool) {
	for i := range r.Engineers {
		if r.Engineers[i].Key == key {
			return &r.Engineers[i], true
		}
	}
	return nil, false
}

// ByAddress finds the engineer who writes from addr, her email or an alias,
// whatever its case.
func (r *Rotation) ByAddress(addr string) (*Engineer, bool) {
	key := AddressKey(addr)
	if key == "" {
		return nil, false
	}
	for i := range r.Engineers {
		e := &r.Engineers[i]
		if e.Key == key || slices.ContainsFunc(e.Aliases, func(a string) bool { return AddressKey(a) == key }) {
			return e, true
		}
	}
	return nil, false
}

// Addresses are all addresses an engineer writes from, her email first, as
// written in the file; none when the key is not in the rotation.
func (r *Rotation) Addresses(key string) []string {
	e, ok := r.Engineer(key)
	if !ok {
		return nil
	}
	return append([]string{e.Email}, e.Aliases...)
}

// IsAdmin reports whether addr is one of the admins, whatever its case.
func (r *Rotation) IsAdmin(addr string) bool {
	key := AddressKey(addr)
	return slices.ContainsFunc(r.Admins, func(a string) bool { return AddressKey(a) == key })
}

// Zone is the time zone an engineer's hours and days are meant in.
func (r *Rotation) Zone(e *Engineer) *time.Location {
	switch {
	case e.Location != nil:
		return e.Location
	case r.Location != nil:
		return r.Location
	}
	return time.UTC
}

// Owns reports whether the engineer owns the topic.
func (e *Engineer) Owns(topic string) bool {
	return slices.ContainsFunc(e.Topics, func(t string) bool { return strings.EqualFold(t, topic) })
}

// Share is the weight that counts: at least 1.
func (e *Engineer) Share() int { return max(e.Weight, 1) }
