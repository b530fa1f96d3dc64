package rehearse

import (
	"container/heap"
	"fmt"
	"slices"
	"time"

	"postroom/threads"
)

// Simulation is what a simulation goes by.
type Simulation struct {
	Rotation *threads.Rotation
	Names    *threads.Names // nil where nobody knows the addresses of the mailbox
	// Takes is the working time an answer costs its author. She works on one
	// at a time, the oldest of hers first, in her hours, and answers each
	// conversation once for all mails that wait in it.
	Takes time.Duration
}

// patience is how long after the last arrival a simulation goes on, for what
// still waits then.
const patience = 400 * 24 * time.Hour

// Run replays traffic against the rotation, with the steps of the service:
// turns, topics, hand-overs, offers and times to reply are the real ones.
// Customers write when they wrote, whether they were answered or not; a
// conversation closes with the answer to its last mail.
func (s Simulation) Run(t *Traffic) (*Outcome, error) {
	p := newPlay(s, t)
	for len(p.queue) > 0 {
		e := heap.Pop(&p.queue).(moment)
		if e.at.After(p.until.Add(patience)) {
			break
		}
		if !p.over && e.at.After(p.until) {
			p.over = true
			p.outcome.Left = p.open()
		}
		p.now = e.at
		if err := e.do(); err != nil {
			return nil, fmt.Errorf("simulating %s: %w", e.at.Format(time.RFC3339), err)
		}
	}
	return p.sum(t), nil
}

// moment is something that happens at a time. Of several at one time the one
// that was planned first comes first.
type moment struct {
	at time.Time
	n  int
	do func() error
}

type moments []moment

func (q moments) Len() int { return len(q) }
func (q moments) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].n < q[j].n
	}
	return q[i].at.Before(q[j].at)
}
func (q moments) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *moments) Push(x any)   { *q = append(*q, x.(moment)) }
func (q *moments) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

// play is one run.
type play struct {
	Simulation
	names         threads.Names
	minter        threads.Minter
	queue         moments
	planned       int
	now, until    time.Time
	over          bool // the last mail has come
	cases         map[int]*played
	desks         map[string]*desk
	turns, handed threads.Pointers
	waiting       []*played
	wake          time.Time
	outcome       Outcome
	firsts        []time.Duration
}

// played is one conversation of a run.
type played struct {
	threads.Conversation
	left  int       // mails still to come
	first time.Time // when it began
	done  bool      // it was answered at least once
	waits bool      // it is among play.waiting
	todo  map[*desk]bool
	due   map[threads.TimerKind]time.Time
}

// desk is one engineer at work.
type desk struct {
	engineer *threads.Engineer
	alone    *threads.Rotation // she and nobody else: business time is hers
	todo     []*played         // the oldest first
	busy     bool
	result   *EngineerOutcome
}

func newPlay(s Simulation, t *Traffic) *play {
	p := &play{
		Simulation: s, minter: threads.NewMinter(make([]byte, 32)), cases: map[int]*played{}, desks: map[string]*desk{},
		names: threads.NewNames("support@localhost", "support+{token}@localhost"),
	}
	if s.Names != nil {
		p.names = *s.Names
	}
	_, p.until = t.Span()
	p.outcome.Engineers = make([]EngineerOutcome, len(s.Rotation.Engineers))
	for i := range s.Rotation.Engineers {
		e := &s.Rotation.Engineers[i]
		p.outcome.Engineers[i].Engineer = e.Key
		alone := &threads.Rotation{Location: s.Rotation.Location, Engineers: []threads.Engineer{*e}}
		p.desks[e.Key] = &desk{engineer: e, alone: alone, result: &p.outcome.Engineers[i]}
	}
	for _, a := range t.Arrivals {
		c, ok := p.cases[a.Case]
		if !ok {
			c = &played{Conversation: threads.Conversation{ID: threads.ID(len(p.cases) + 1)}, first: a.At, todo: map[*desk]bool{}, due: map[threads.TimerKind]time.Time{}}
			p.cases[a.Case] = c
		}
		c.left++
		p.plan(a.At, func() error { return p.arrives(c, a) })
	}
	return p
}

func (p *play) plan(at time.Time, do func() error) {
	p.planned++
	heap.Push(&p.queue, moment{at, p.planned, do})
}

// arrives brings a customer's mail.
func (p *play) arrives(c *played, a Arrival) error {
	c.left--
	if p.idle() {
		p.outcome.NobodyMails++
	}
	m := &threads.Mail{
		MessageID: fmt.Sprintf("<%d.%d@simulated.invalid>", c.ID, c.N), From: []threads.Address{a.From}, To: a.To,
		Subject: a.Subject, SubjectBase: a.Subject, Date: a.At, Class: threads.ClassCustomer, Text: a.Text, NewText: a.Text,
	}
	if a.From.Addr == "" || p.names.Ours(a.From.Addr) {
		m.From[0].Addr = "customer@simulated.invalid"
	}
	return p.step(c, threads.MailIn{Mail: m, Class: threads.ClassCustomer, Found: threads.Found{Reason: threads.ByNothing}})
}

// idle reports whether nobody is on duty.
func (p *play) idle() bool {
	return !slices.ContainsFunc(p.Rotation.Engineers, func(e threads.Engineer) bool {
		return p.Rotation.Presence(e.Key, p.now, nil).OnDuty
	})
}

func (p *play) step(c *played, in threads.Input) error {
	before := c.Conversation
	next, res, err := threads.Step(before, in, threads.World{
		Now: p.now, Names: p.names, Minter: p.minter, Rotation: p.Rotation, Turns: &p.turns, Handed: &p.handed, Load: p.load,
	})
	if err != nil {
		return err
	}
	c.Conversation = next
	p.count(before, next)
	for _, e := range res.Events {
		p.recorded(c, e)
	}
	for _, e := range res.Effects {
		p.follow(c, e)
	}
	if c.Waits && !c.waits {
		c.waits = true
		p.waiting = append(p.waiting, c)
	}
	return nil
}

// count keeps how many conversations each engineer has open.
func (p *play) count(before, after threads.Conversation) {
	if d, ok := p.desks[before.Owner]; ok && before.N > 0 && before.State == threads.StateOpen {
		d.result.open--
	}
	if d, ok := p.desks[after.Owner]; ok && after.State == threads.StateOpen {
		d.result.open++
	}
}

func (p *play) load(engineer string) int {
	if d, ok := p.desks[engineer]; ok {
		return d.result.open
	}
	return 0
}

// recorded counts what an event means for the outcome.
func (p *play) recorded(c *played, e threads.Event) {
	switch b := e.Body.(type) {
	case threads.Assigned:
		if d, ok := p.desks[b.Engineer]; ok {
			d.result.Conversations++
			if b.How == threads.HowHanded {
				d.result.HandedOn++
			}
		}
	case threads.Accepted:
		if d, ok := p.desks[b.Author]; ok {
			d.result.Answers++
		}
		if !c.done {
			c.done = true
			p.firsts = append(p.firsts, p.now.Sub(c.first))
		}
	}
}

// follow does what an effect asks for.
func (p *play) follow(c *played, e threads.Effect) {
	switch e := e.(type) {
	case threads.TakeTurn:
		if e.How == threads.HowTurn {
			p.turns.Apply(e.Delta)
		} else {
			p.handed.Apply(e.Delta)
		}
	case threads.SendCopy:
		if d, ok := p.desks[e.Engineer]; ok && !c.todo[d] {
			c.todo[d] = true
			d.todo = append(d.todo, c)
			p.plan(p.now, func() error { return p.work(d) })
		}
	case threads.WaitUntil:
		if p.wake.IsZero() || e.At.Before(p.wake) {
			p.wake = e.At
			p.plan(e.At, p.look)
		}
	case threads.SetTimer:
		c.due[e.Kind] = e.At
		p.plan(e.At, func() error { return p.due(c, e.Kind) })
	case threads.DropTimer:
		delete(c.due, e.Kind)
	}
}

// due brings a deadline of a conversation, unless it was moved or dropped.
func (p *play) due(c *played, kind threads.TimerKind) error {
	if at, ok := c.due[kind]; !ok || at.After(p.now) {
		return nil
	}
	delete(c.due, kind)
	return p.step(c, threads.DueIn{Kind: kind})
}

// look hands out what waits.
func (p *play) look() error {
	if p.wake.IsZero() || p.wake.After(p.now) {
		return nil // planned before an earlier one
	}
	waiting := p.waiting
	p.wake, p.waiting = time.Time{}, nil
	for _, c := range waiting {
		c.waits = false
		if err := p.step(c, threads.LookIn{}); err != nil {
			return err
		}
	}
	return nil
}

// work has an engineer begin the next of what she has to do. What is on offer
// she takes first, lest two write the same answer.
func (p *play) work(d *desk) error {
	for !d.busy && len(d.todo) > 0 {
		c := d.todo[0]
		d.todo = d.todo[1:]
		delete(c.todo, d)
		if !p.hers(c, d) {
			continue
		}
		ready, ok := d.alone.Business(p.now, p.Takes)
		if !ok {
			continue // she never comes
		}
		if c.Offer != nil {
			if !p.Rotation.Presence(d.engineer.Key, p.now, nil).OnDuty {
				continue // she left; when the offer ends it may be hers
			}
			if err := p.says(c, d, "", "take"); err != nil {
				return err
			}
		}
		d.busy = true
		p.plan(ready, func() error { return p.ready(c, d) })
	}
	return nil
}

// hers reports whether an answer is due and may be this engineer's.
func (p *play) hers(c *played, d *desk) bool {
	if !c.Unanswered || c.State != threads.StateOpen {
		return false
	}
	if c.Owner == d.engineer.Key {
		return true
	}
	return c.Offer != nil && slices.Contains(c.Offer.To, d.engineer.Key)
}

// ready has an engineer send her answer, unless the conversation went to
// somebody else meanwhile.
func (p *play) ready(c *played, d *desk) error {
	d.busy = false
	d.result.busy += p.Takes
	command := ""
	if c.left == 0 {
		command = "close"
	}
	if err := p.says(c, d, "Done.", command); err != nil {
		return err
	}
	return p.work(d)
}

// says has an engineer write to a conversation: a text for the customer, a
// command, or both. An offer that somebody else was quicker to take is hers no
// longer.
func (p *play) says(c *played, d *desk, text, command string) error {
	if !p.hers(c, d) {
		return nil
	}
	key := d.engineer.Key
	m := &threads.Mail{
		MessageID: fmt.Sprintf("<%d.%d@simulated.invalid>", c.ID, c.N), From: []threads.Address{{Addr: d.engineer.Email}},
		Subject: c.Subject, SubjectBase: c.SubjectBase, Date: p.now, Class: threads.ClassEngineer, Text: text, NewText: text, AnswerEmpty: text == "",
	}
	if command != "" {
		m.Commands = []threads.Command{{Word: command}}
	}
	return p.step(c, threads.MailIn{
		Mail: m, Class: threads.ClassEngineer, Draft: &threads.Draft{},
		Authority: threads.Authority{Engineer: key, Proven: true, Conversation: c.ID, View: c.Desks[key].Newest},
	})
}

// open is how many conversations wait for an answer.
func (p *play) open() int {
	n := 0
	for _, c := range p.cases {
		if c.N > 0 && c.Unanswered {
			n++
		}
	}
	return n
}
