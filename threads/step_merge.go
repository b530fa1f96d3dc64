package threads

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxCarried bounds the mails, answers and notes that one conversation takes
// over from another, the newest.
const maxCarried = 100

// maxHops bounds how often a conversation can have been merged on.
const maxHops = 64

// target is the conversation that /merge names, or the one it has become part
// of; the reason says why it cannot be.
func (s *step) target(arg string) (Conversation, string) {
	word := strings.TrimLeft(strings.TrimPrefix(strings.ToLower(arg), "into "), "#")
	word = strings.TrimSpace(strings.TrimPrefix(strings.TrimRight(word, ".,;:! "), "conversation "))
	n, err := strconv.ParseUint(word, 10, 64)
	if err != nil || n == 0 {
		return Conversation{}, fmt.Sprintf("%q is no number of a conversation; the lines below each mail say it, such as /merge 12", arg)
	}
	id := ID(n)
	for range maxHops {
		c, ok := Conversation{}, false
		if s.w.Find != nil {
			c, ok = s.w.Find(id)
		}
		switch {
		case id == s.c.ID && ID(n) == id:
			return c, fmt.Sprintf("this is conversation %d itself", n)
		case id == s.c.ID:
			return c, fmt.Sprintf("conversation %d is part of this one already", n)
		case !ok:
			return c, fmt.Sprintf("there is no conversation %d", n)
		case c.Into == 0:
			return c, ""
		}
		id = c.Into
	}
	return Conversation{}, fmt.Sprintf("conversation %d was merged too often", n)
}

func (s *step) cannotMerge(o order) string {
	if !o.last {
		return "/merge has to be the last command of a mail"
	}
	_, reason := s.target(o.Arg)
	return prefixed("/merge", reason)
}

// merge ends this conversation: it goes on as part of another.
func (s *step) merge(o order) {
	into, reason := s.target(o.Arg)
	if reason != "" {
		return
	}
	was := s.c
	s.event(Merged{Into: into.ID, By: o.engineer})
	s.effect(Absorb{From: was, Into: into.ID, By: o.engineer})
	owner := "which is nobody's yet"
	switch into.Owner {
	case "":
	case o.engineer:
		owner = "which is yours"
	default:
		owner = "which is " + nameOf(s.w.Rotation, into.Owner) + "'s"
	}
	s.tell(fmt.Sprintf("conversation %d is part of conversation %d now, %s; whatever comes for the one arrives in the other", was.ID, into.ID, owner))
}

// absorb takes another conversation in: its mails, answers and notes, what
// waits in it, and its readers. The owner of this one keeps it.
func (s *step) absorb(in AbsorbIn) {
	from := in.From
	followers := s.followers(in.By)
	s.event(Absorbed{
		From: from.ID, By: in.By, Subject: from.Subject, Subjects: append(slices.Clone(from.Subjects), from.SubjectBase),
		People: from.Participants, Tags: from.Tags, Holds: from.Holds, Generations: from.burnt(),
	})
	newest := 0
	for _, c := range carriedFrom(from, in.Events) {
		n := s.event(c)
		s.effect(Carry{From: from.ID, Event: c.Event, To: n, Pending: c.Pending})
		if c.Received != nil && c.Waits {
			newest = n
		}
	}
	waits := newest != 0
	if s.c.State != StateOpen && (from.State == StateOpen || waits) {
		s.event(Reopened{Why: fmt.Sprintf("conversation %d became part of it", from.ID)})
	}
	if _, there := s.w.Rotation.Engineer(from.Owner); s.c.Owner == "" && s.c.Offer == nil && there && s.c.State == StateOpen {
		s.event(Assigned{Engineer: from.Owner, Why: fmt.Sprintf("had conversation %d, which became part of it", from.ID), How: HowHand})
	}
	switch {
	case s.c.State != StateOpen:
	case len(s.c.Pending) > 0 || s.c.Owner == "":
		s.distribute(nil)
	case waits:
		s.copy(s.c.Owner, newest, true, "")
	}
	s.tellMerged(in, followers)
}

// tellMerged tells those who have to do with either conversation.
func (s *step) tellMerged(in AbsorbIn, followers []string) {
	theirs := &step{c: in.From, w: s.w}
	followers = append(followers, theirs.followers(in.By)...)
	slices.Sort(followers)
	words := fmt.Sprintf("%s has merged conversation %d (%q) into conversation %d (%q); what you have of either belongs there, and a reply to either arrives there",
		nameOf(s.w.Rotation, in.By), in.From.ID, in.From.Subject, s.c.ID, s.c.Subject)
	for _, engineer := range slices.Compact(followers) {
		s.notify(Notify{Kind: NoticeMerged, Engineer: engineer, Event: s.c.N, Reason: words})
	}
}

// carriedFrom is what of a conversation's history another takes over.
func carriedFrom(from Conversation, events []Event) []Carried {
	var list []Carried
	for _, e := range events {
		told := e.Told()
		c := Carried{From: from.ID, Event: e.N, At: told.At, Customer: from.Customer}
		switch b := told.Body.(type) {
		case Received:
			h, ok := from.HeardAt(e.N)
			if b.Silent || !ok {
				continue // it told nobody anything, or was split off
			}
			if h.Customer.Addr != "" {
				c.Customer = h.Customer
			}
			c.Received, c.Cc = &b, from.Invited
			c.Pending = slices.Contains(from.Pending, e.N)
			c.Waits = from.Unanswered && (c.Pending || e.N > from.Answer.Event)
		case Accepted:
			c.Accepted = &b
		case Noted:
			c.Noted = &b
		default:
			continue
		}
		list = append(list, c)
	}
	return list[max(0, len(list)-maxCarried):]
}

// carry is the conversation with a mail, answer or note of another one.
func (c Conversation) carry(n int, b Carried) Conversation {
	switch {
	case b.Accepted != nil:
		for _, a := range b.Accepted.Added {
			c.Participants = withAddress(c.Participants, a)
		}
	case b.Received != nil:
		h := heardIn(n, b.At, *b.Received)
		h.Customer, h.Others = b.Customer, slices.Concat(h.Others, b.Cc)
		c.Mails = withHeard(c.Mails, h)
		if b.Pending {
			c.Pending = append(slices.Clone(c.Pending), n)
		}
		if b.Waits && (!c.Unanswered || b.At.Before(c.Asked)) {
			c.Asked = b.At
		}
		if b.Waits {
			c.Unanswered, c.Lost = true, nil
		}
	}
	return c
}

// customerOf is whose conversation a mail goes on with, where that is another
// than this one and became part of it: that of the newest mail which its sender
// wrote or was sent. So the customers of two conversations that were merged read
// no more of each other than before.
func (c *Conversation) customerOf(h Heard) Address {
	for _, was := range slices.Backward(c.Mails) {
		for _, a := range h.Reply {
			if hasAddress(was.Reply, a.Addr) || hasAddress(was.Others, a.Addr) {
				return was.Customer
			}
		}
	}
	return Address{}
}

// burnt are the generations of tokens that are not the first.
func (c *Conversation) burnt() map[string]int {
	var list map[string]int
	for key, d := range c.Desks {
		if d.Generation == 0 {
			continue
		}
		if list == nil {
			list = map[string]int{}
		}
		list[key] = d.Generation
	}
	return list
}

// generations is the conversation whose tokens count that counted in another
// one, too. Where the other's were burnt oftener, its own older ones no longer
// do: a mail may have to be confirmed, and nothing burnt lives again.
func (c Conversation) generations(of map[string]int) Conversation {
	for key, n := range of {
		c.Desks = c.withDesk(key, "", func(d *Desk) { d.Generation = max(d.Generation, n) })
	}
	return c
}

// withHeard puts a mail where its time is among those there are.
func withHeard(list []Heard, h Heard) []Heard {
	i := len(list)
	for i > 0 && list[i-1].At.After(h.At) {
		i--
	}
	list = slices.Insert(slices.Clone(list), i, h)
	return list[max(0, len(list)-maxMails):]
}

func (s *step) cannotSplit(o order) string {
	switch {
	case !o.last:
		return "/split has to be the last command of a mail"
	case o.text:
		return "/split sends nothing: split first, and answer the mail you get then"
	case len(s.c.Mails) < 2:
		return "/split makes the newest mail a conversation of its own, and there is only one mail here"
	case s.answers != 0 && s.answers != s.newest():
		return "/split takes the newest mail, and the customer wrote again since the one you reply to; reply to the newest"
	}
	return bare(s, o)
}

// split makes the customer's newest mail a conversation of its own.
func (s *step) split(o order) {
	n, into := s.newest(), s.w.Fresh
	h, ok := s.c.HeardAt(n)
	if !ok || into == 0 || len(s.c.Mails) < 2 {
		return
	}
	was := s.c
	s.event(SplitOff{Event: n, Into: into, By: o.engineer})
	s.effect(Part{From: was, Event: n, Into: into, By: o.engineer})
	s.tell(fmt.Sprintf("the mail of %s is conversation %d now, and yours; you get it once more, to answer it there. What came before stays in conversation %d",
		h.Reply[0].shown(), into, was.ID))
}

// part begins a conversation with a mail of another one.
func (s *step) part(in PartIn) {
	from, r := in.From, in.Received
	base := newSubject(r.Subject)
	if strings.EqualFold(base, newSubject(from.Subject)) {
		base = from.SubjectBase
	}
	customer := r.From
	if h, ok := from.HeardAt(in.Event); ok && s.w.Names.Ours(customer.Addr) && len(h.Reply) > 0 {
		customer = h.Reply[0]
	}
	s.event(Opened{Subject: r.Subject, SubjectBase: base, Customer: customer, Split: from.ID, Generations: from.burnt(), Era: s.w.Era})
	pending := slices.Contains(from.Pending, in.Event)
	n := s.event(Carried{From: from.ID, Event: in.Event, At: in.At, Customer: customer, Received: &r, Pending: pending, Waits: true})
	s.effect(Carry{From: from.ID, Event: in.Event, To: n, Pending: pending})
	s.event(Assigned{Engineer: in.By, Why: fmt.Sprintf("%s split it off conversation %d", nameOf(s.w.Rotation, in.By), from.ID), How: HowHand})
	if pending {
		s.copies([]string{in.By}, false)
		return
	}
	s.copy(in.By, n, false, "")
}

// withoutMail is the conversation after a mail of it became another one.
func (c Conversation) withoutMail(n int) Conversation {
	c.Mails = slices.DeleteFunc(slices.Clone(c.Mails), func(h Heard) bool { return h.Event == n })
	c.Pending = without(c.Pending, n)
	open := slices.ContainsFunc(c.Mails, func(h Heard) bool { return h.Event > c.Answer.Event })
	if c.Unanswered && !open {
		c = c.relieved()
	}
	return c
}

// Told is the event as it happened: of one that was carried over from another
// conversation, what it was there, and when.
func (e Event) Told() Event {
	c, ok := e.Body.(Carried)
	switch {
	case !ok:
		return e
	case c.Received != nil:
		e.Body = *c.Received
	case c.Accepted != nil:
		e.Body = *c.Accepted
	case c.Noted != nil:
		e.Body = *c.Noted
	default:
		return e
	}
	e.At = c.At
	return e
}

func heardIn(n int, at time.Time, b Received) Heard {
	h := Heard{Event: n, At: at, MessageID: b.MessageID, References: b.References, Reply: b.ReplyTo, Outlook: b.Outlook}
	if b.History {
		h.At = b.Date // it came long before it was imported
	}
	if len(h.Reply) == 0 {
		h.Reply = []Address{b.From}
	}
	h.Others = slices.Concat(b.To, b.Cc)
	return h
}
