package rehearse

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"postroom/threads"
)

// Rules are what a rehearsal goes by.
type Rules struct {
	// Names are the addresses of the mailbox. Without them nobody knows whose
	// it is: then every address that a mail is sent to counts as ours.
	Names *threads.Names
	// Rotation says who would get what; nil for nobody. Nobody answers and
	// nobody closes in a rehearsal, so limits on open conversations, offers
	// and times to reply have no effect: a conversation is assigned as soon as
	// somebody is there.
	Rotation *threads.Rotation
}

// Action is what Postroom would do with a mail.
type Action string

// The actions.
const (
	ActOpen     Action = "open"     // opens a conversation
	ActContinue Action = "continue" // opens a conversation that continues an old one
	ActJoin     Action = "join"     // joins a conversation, and its owner gets it
	ActRecord   Action = "record"   // joins a conversation unseen
	ActUnseen   Action = "unseen"   // recorded, given to nobody
	ActSame     Action = "same"     // the same mail was there before
	ActHold     Action = "hold"     // kept back, its author is asked
	ActAnswer   Action = "answer"   // an answer that went out from the mailbox itself
)

// Decision is what Postroom would do with one mail. Conversations are
// numbered as they are opened, and keep their numbers.
type Decision struct {
	File         string         `json:"file"`
	N            int            `json:"n"`
	MessageID    string         `json:"message_id"`
	Conversation *threads.ID    `json:"conversation"`
	Matched      threads.Reason `json:"matched"`
	Class        threads.Class  `json:"class"`
	Owner        string         `json:"owner"`
	Action       Action         `json:"action"`
	Reason       string         `json:"reason"`
	Linked       *threads.ID    `json:"linked"` // the conversation this one continues
	Subject      string         `json:"subject"`
	At           *time.Time     `json:"at"` // the clock's time
}

// Rehearsal takes mail one after the other and decides as the service would,
// in memory. It is for one goroutine. It grows with the mails it has taken, by
// what their ids stand for, and not with their texts.
type Rehearsal struct {
	names         threads.Names
	anyone        bool // whoever a mail is sent to is us
	rotation      *threads.Rotation
	minter        threads.Minter
	ix            *threads.MemIndex
	convs         map[threads.ID]*kept
	last          threads.ID
	taken         int
	turns, handed threads.Pointers
	waiting       []threads.ID // longest first
	wake          time.Time    // when to look at those again; zero for never
}

// kept is a conversation under way.
type kept struct {
	threads.Conversation
	heard time.Time // when its last mail came
}

// New returns a rehearsal that knows no mail yet.
func New(rules Rules) *Rehearsal {
	r := &Rehearsal{
		anyone: rules.Names == nil, rotation: &threads.Rotation{}, ix: threads.NewMemIndex(), convs: map[threads.ID]*kept{},
		// Nothing made from it leaves the process.
		minter: threads.NewMinter(make([]byte, 32)),
	}
	if rules.Names != nil {
		r.names = *rules.Names
	}
	if rules.Rotation != nil {
		r.rotation = unpressed(rules.Rotation)
	}
	return r
}

// unpressed is a rotation in which nobody has to answer for things to go on.
func unpressed(rot *threads.Rotation) *threads.Rotation {
	still := *rot
	still.Policy.Mode = threads.ModeAssign
	still.Policy.FirstReplyWithin, still.Policy.NextReplyWithin = 0, 0
	still.Engineers = slices.Clone(rot.Engineers)
	for i := range still.Engineers {
		still.Engineers[i].MaxOpen = 0
	}
	return &still
}

// Mails is how many mails were taken, Conversations how many were opened.
func (r *Rehearsal) Mails() int         { return r.taken }
func (r *Rehearsal) Conversations() int { return int(r.last) }

// Take decides about the next mail. An error means that the thinking itself is
// broken.
func (r *Rehearsal) Take(l Clocked) (Decision, error) {
	r.taken++
	now := l.Now
	if err := r.lookUntil(now); err != nil {
		return Decision{}, err
	}
	d := Decision{File: l.File, N: l.N, MessageID: l.Mail.MessageID, Class: l.Mail.Class, Matched: threads.ByNothing, Subject: l.Mail.Subject}
	if !now.IsZero() {
		d.At = &now
	}
	if err := r.judge(&d, l.Mail, now); err != nil {
		return d, fmt.Errorf("rehearsing mail %d of %s: %w", l.N, l.File, err)
	}
	if d.Conversation != nil {
		d.Owner = r.convs[*d.Conversation].Owner
	}
	return d, nil
}

// judge settles what the mail is, in the order in which the gateway does.
func (r *Rehearsal) judge(d *Decision, m *threads.Mail, now time.Time) error {
	found := r.match(m, now)
	if twin, ok := threads.Twin(r.ix, m); ok {
		d.Action, d.Reason = ActSame, "the same mail was there before"
		if twin.Conversation != 0 {
			d.Conversation = &twin.Conversation
			d.Matched = found.Reason
		}
		return nil
	}
	if r.byHand(m) {
		return r.writtenHere(d, m, found, now)
	}
	class, evidence := threads.Classify(r.names, r.rotation, m, found)
	if class == threads.ClassBulk && r.anyone && len(m.To)+len(m.Cc) > 0 {
		class, evidence = threads.ClassCustomer, ""
	}
	d.Class = class
	in := threads.MailIn{Mail: m, Class: class, Evidence: evidence, Found: found}
	if class == threads.ClassEngineer || class == threads.ClassCustomer {
		in.Authority = threads.Authenticate(r.ix, r.names, r.rotation, m, found)
		if class == threads.ClassEngineer && in.Authority.Engineer == "" && in.Authority.Doubt == "" {
			in.Class, in.Evidence = threads.ClassCustomer, "customer: an engineer's address, but as a customer"
			d.Class = in.Class
		}
	}
	switch {
	case in.Authority.Doubt != "" && found.Conversation == 0:
		d.Action, d.Reason = ActHold, in.Authority.Reason
		return r.learn(m, threads.KnownHers, 0, 0, now)
	case found.Conversation == 0 && class != threads.ClassCustomer && class != threads.ClassAutoGenerated && class != threads.ClassEngineer:
		d.Action, d.Reason = ActUnseen, cmp.Or(evidence, string(class))
		return r.learn(m, threads.KnownTheirs, 0, 0, now)
	}
	return r.received(d, in, now)
}

// match finds the conversation of a mail. A report is looked up by what it
// returns too.
func (r *Rehearsal) match(m *threads.Mail, now time.Time) threads.Found {
	found := threads.Match(r.ix, r.names, m, now)
	if found.Conversation != 0 || m.Bounce == nil {
		return found
	}
	returned := threads.Mail{References: m.Bounce.References}
	if id := m.Bounce.OriginalMessageID; id != "" {
		returned.References = append(slices.Clone(returned.References), id)
	}
	if of := threads.Match(r.ix, r.names, &returned, now); of.Conversation != 0 {
		return of
	}
	return found
}

// byHand reports a mail that was written from the mailbox itself. One whose
// From a list or group made ours has its author elsewhere.
func (r *Rehearsal) byHand(m *threads.Mail) bool {
	return !r.anyone && r.names.Ours(m.Sender().Addr) && r.names.Ours(r.names.Person(m).Addr)
}

func (r *Rehearsal) writtenHere(d *Decision, m *threads.Mail, found threads.Found, now time.Time) error {
	d.Class, d.Matched = threads.ClassOwn, found.Reason
	if found.Conversation == 0 {
		d.Action, d.Reason = ActUnseen, "own: written from the mailbox itself, and about no conversation"
		return r.learn(m, threads.KnownTheirs, 0, 0, now)
	}
	c := r.convs[found.Conversation]
	if _, err := r.step(c, threads.ByHandIn{Mail: m}, now); err != nil {
		return err
	}
	c.heard = now
	d.Conversation, d.Action, d.Reason = &c.ID, ActAnswer, "written from the mailbox itself"
	return r.learn(m, threads.KnownTheirs, c.ID, c.N, now)
}

// received hands a mail to its conversation.
func (r *Rehearsal) received(d *Decision, in threads.MailIn, now time.Time) error {
	c, old, err := r.conversation(in, now)
	if err != nil {
		return err
	}
	fresh := c.N == 0
	if old != 0 {
		in.Found.Conversation = old // it is linked to that one
	}
	res, err := r.step(c, in, now)
	if err != nil {
		return err
	}
	c.heard = now
	d.Conversation = &c.ID
	d.Action, d.Reason = r.told(res, in)
	switch {
	case !fresh:
		d.Matched = in.Found.Reason
	case old != 0:
		d.Linked, d.Action = &old, ActContinue
		d.Reason = fmt.Sprintf("conversation %d was silent for over 90 days and has another subject", old)
	}
	kind := threads.KnownTheirs
	if in.Class == threads.ClassEngineer || in.Authority.Doubt != "" {
		kind = threads.KnownHers
	}
	return r.learn(in.Mail, kind, c.ID, c.N, now)
}

// conversation is the one a mail was matched to, or a new one; old is the one
// that a new one continues.
func (r *Rehearsal) conversation(in threads.MailIn, now time.Time) (c *kept, old threads.ID, err error) {
	if c, ok := r.convs[in.Found.Conversation]; ok {
		machine := in.Class == threads.ClassAutoReply || in.Class == threads.ClassBounce
		if machine || in.Authority.Doubt != "" || !beginsAnew(c, in.Mail, now) {
			return c, 0, nil
		}
		old = c.ID
		if c, ok := r.convs[threads.ContinuedIn(r.ix, old, in.Mail)]; ok && !beginsAnew(c, in.Mail, now) {
			return c, 0, nil
		}
	}
	r.last++
	c = &kept{Conversation: threads.Conversation{ID: r.last}}
	r.convs[r.last] = c
	if old != 0 {
		err = threads.Continue(r.ix, old, c.ID, in.Mail)
	}
	return c, old, err
}

// beginsAnew: nobody closes conversations here; as in history, silence makes
// them old.
func beginsAnew(c *kept, m *threads.Mail, now time.Time) bool {
	asHistory := threads.Conversation{State: threads.StateHistory, SubjectBase: c.SubjectBase}
	return threads.BeginsAnew(&asHistory, m, c.heard, now)
}

func (r *Rehearsal) learn(m *threads.Mail, kind threads.KnownKind, id threads.ID, event int, now time.Time) error {
	k := threads.Known{Kind: kind, Conversation: id, Event: event, Header: m.HeaderDigest, Body: m.BodyDigest}
	return threads.Learn(r.ix, r.names, m, k, now)
}

// told says what a step did with a mail, and why.
func (r *Rehearsal) told(res threads.Result, in threads.MailIn) (Action, string) {
	act, why := ActJoin, in.Evidence
	var more []string
	for _, e := range res.Events {
		switch b := e.Body.(type) {
		case threads.Opened:
			act = ActOpen
		case threads.Received:
			if b.Silent {
				act = ActRecord
			}
		case threads.HeldBack:
			act, why = ActHold, b.Reason
		case threads.Joined:
			more = append(more, b.Address.Key()+" joins")
		case threads.Assigned:
			more = append(more, b.Why)
		case threads.Waiting:
			if len(r.rotation.Engineers) == 0 {
				continue
			}
			more = append(more, "waits: "+b.Why)
		}
	}
	if why != "" {
		more = append([]string{why}, more...)
	}
	return act, strings.Join(more, "; ")
}
