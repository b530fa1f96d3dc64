package threads

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// agency keeps many conversations as the gateway does, in memory: events,
// pointers, absences and deadlines.
type agency struct {
	t      failer
	now    time.Time
	rot    *Rotation
	convs  map[ID]Conversation
	events map[ID][]Event
	timers map[string]time.Time
	absent Absences
	turns  Pointers
	handed Pointers
	told   []Notify // every notice
	log    []string // every event, in order
	sets   map[string]*share
	mails  int
}

// failer is a test, or one run of a property.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Fatal(args ...any)
}

// share is what a set of candidates had of the turns.
type share struct {
	weights, had map[string]int
	n            int
}

func newAgency(t failer, rot *Rotation) *agency {
	return &agency{
		t: t, now: monday, rot: rot, convs: map[ID]Conversation{}, events: map[ID][]Event{}, timers: map[string]time.Time{},
		absent: Absences{}, sets: map[string]*share{},
	}
}

func (o *agency) load(engineer string) (n int) {
	for _, c := range o.convs {
		if c.State == StateOpen && c.Owner == engineer {
			n++
		}
	}
	return n
}

func (o *agency) world() World {
	return World{
		Now: o.now, Names: testNames, Minter: testMinter, Rotation: o.rot, Leave: o.absent.Leave(), Absent: o.absent,
		Turns: &o.turns, Handed: &o.handed, Load: o.load, Saved: func() []string { return []string{"reset"} },
		Find: func(id ID) (Conversation, bool) { c, ok := o.convs[id]; return c, ok }, Fresh: ID(len(o.convs) + 1),
	}
}

func (o *agency) step(id ID, in Input) Result {
	o.t.Helper()
	c, ok := o.convs[id]
	if !ok {
		c.ID = id
	}
	next, res, err := Step(c, in, o.world())
	if err != nil {
		o.t.Fatalf("conversation %d: %v", id, err)
	}
	o.convs[id] = next
	o.events[id] = append(o.events[id], res.Events...)
	for _, e := range res.Events {
		o.witness(id, e)
	}
	var orders []Effect
	for _, e := range res.Effects {
		orders = append(orders, o.effect(id, e)...)
	}
	for _, e := range orders {
		o.order(e)
	}
	return res
}

func (o *agency) effect(id ID, e Effect) []Effect {
	switch e := e.(type) {
	case TakeTurn:
		if e.How == HowTurn {
			o.turns.Apply(e.Delta)
		} else {
			o.handed.Apply(e.Delta)
		}
	case SetTimer:
		o.timers[fmt.Sprintf("%s/%d", e.Kind, id)] = e.At
	case DropTimer:
		delete(o.timers, fmt.Sprintf("%s/%d", e.Kind, id))
	case WaitUntil:
		if due, ok := o.timers["wait"]; !ok || e.At.Before(due) {
			o.timers["wait"] = e.At
		}
	case Notify:
		o.told = append(o.told, e)
	case Absent, Back, Absorb, Part:
		return []Effect{e}
	}
	return nil
}

func (o *agency) order(e Effect) {
	switch e := e.(type) {
	case Absent:
		o.leave(e.Engineer, e.Absence)
	case Back:
		delete(o.absent, e.Engineer)
		o.lookAll()
	case Absorb:
		o.step(e.Into, AbsorbIn{From: e.From, Events: o.events[e.From.ID], By: e.By})
	case Part:
		if want := ID(len(o.convs) + 1); e.Into != want {
			o.t.Errorf("conversation %d is to be split off, and %d is the next", e.Into, want)
		}
		told := o.events[e.From.ID][e.Event-1].Told()
		o.step(e.Into, PartIn{From: e.From, Event: e.Event, At: told.At, Received: told.Body.(Received), By: e.By})
	}
}

func (o *agency) leave(engineer string, a Absence) {
	o.absent[engineer] = a
	o.lookAll()
}

// lookAll looks at all conversations, the longest waiting first.
func (o *agency) lookAll() {
	ids := slices.Collect(maps.Keys(o.convs))
	slices.SortFunc(ids, func(a, b ID) int {
		ca, cb := o.convs[a], o.convs[b]
		return cmp.Or(ca.Asked.Compare(cb.Asked), cmp.Compare(a, b))
	})
	for _, id := range ids {
		o.step(id, LookIn{})
	}
}

// home is a conversation where it is now, as an index says it.
func (o *agency) home(id ID) ID {
	for o.convs[id].Into != 0 {
		id = o.convs[id].Into
	}
	return id
}

// witness checks an event at the instant it happens.
func (o *agency) witness(id ID, e Event) {
	o.t.Helper()
	data, err := json.Marshal(e)
	if err != nil {
		o.t.Fatal(err)
	}
	o.log = append(o.log, fmt.Sprintf("%d %s", id, data))
	a, ok := e.Body.(Assigned)
	if !ok || a.How == HowHand || a.How == HowTaken {
		return
	}
	set, weights := o.onDuty()
	if len(weights) > 0 && weights[a.Engineer] == 0 {
		o.t.Errorf("conversation %d was given to %s at %v, who is off duty; on duty are%s", id, a.Engineer, o.now, set)
	}
	if len(weights) == 0 && o.rot.Policy.NobodyOnDuty != NobodyAnyone && a.How != HowKept {
		o.t.Errorf("conversation %d was given to %s while nobody is on duty", id, a.Engineer)
	}
	if a.How == HowTurn && len(weights) > 0 {
		if o.sets[set] == nil {
			o.sets[set] = &share{weights: weights, had: map[string]int{}}
		}
		o.sets[set].n++
		o.sets[set].had[a.Engineer]++
	}
}

func (o *agency) onDuty() (set string, weights map[string]int) {
	weights = map[string]int{}
	for i := range o.rot.Engineers {
		e := &o.rot.Engineers[i]
		if o.rot.Presence(e.Key, o.now, o.absent.Leave()).OnDuty {
			weights[e.Key] = e.Share()
		}
	}
	for _, key := range slices.Sorted(maps.Keys(weights)) {
		set += fmt.Sprintf(" %s*%d", key, weights[key])
	}
	return set, weights
}

// pass lets time go by, and deadlines with it, as they come.
func (o *agency) pass(d time.Duration) {
	end := o.now.Add(d)
	for {
		name, at := "", end
		for n, due := range o.timers {
			if due.Before(at) || due.Equal(at) && (name == "" || n < name) {
				name, at = n, due
			}
		}
		if name == "" {
			break
		}
		if at.After(o.now) {
			o.now = at
		}
		delete(o.timers, name)
		o.fire(name, at)
	}
	o.now = end
}

func (o *agency) fire(name string, due time.Time) {
	kind, number, _ := strings.Cut(name, "/")
	if kind == "wait" {
		o.lookAll()
		return
	}
	var id ID
	if _, err := fmt.Sscan(number, &id); err != nil {
		o.t.Fatal(err)
	}
	o.step(id, DueIn{Kind: TimerKind(kind), Late: o.now.Sub(due)})
}

// restart is all that survives one: events, pointers, absences, deadlines.
func (o *agency) restart() {
	o.t.Helper()
	for id, events := range o.events {
		var back []Event
		again(o.t, events, &back)
		o.convs[id] = Fold(id, back)
	}
	var turns, handed Pointers
	again(o.t, o.turns, &turns)
	again(o.t, o.handed, &handed)
	o.turns, o.handed = turns, handed
	absent := Absences{}
	again(o.t, o.absent, &absent)
	o.absent = absent
}

// again writes and reads a value, as the store does.
func again(t failer, v, into any) {
	t.Helper()
	data, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sound checks what must hold at any instant.
func (o *agency) sound() {
	o.t.Helper()
	for id, c := range o.convs {
		if c.Into != 0 && (c.State != StateClosed || c.Into == id || o.convs[c.Into].ID == 0) {
			o.t.Errorf("conversation %d is merged into %d and %s", id, c.Into, c.State)
		}
		if c.State != StateOpen {
			continue
		}
		if c.Owner == "" && c.Offer == nil && !c.Waits {
			o.t.Errorf("conversation %d is nobody's, on no offer, and waits for nobody", id)
		}
		if _, there := o.rot.Engineer(c.Owner); c.Owner != "" && !there && c.Snoozed.IsZero() {
			o.t.Errorf("conversation %d is with %s, who is not in the file", id, c.Owner)
		}
		if len(c.Pending) > 0 && !c.Waits {
			o.t.Errorf("conversation %d has mails nobody was sent: %v", id, c.Pending)
		}
		o.hasTimers(id, c)
	}
	for set, s := range o.sets {
		sum := 0
		for _, w := range s.weights {
			sum += w
		}
		cycles := s.n / sum
		for key, w := range s.weights {
			if n := s.had[key]; n < cycles*w || n > (cycles+1)*w {
				o.t.Errorf("unfair: of %d turns of%s, %s had %d", s.n, set, key, n)
			}
		}
	}
}

func (o *agency) hasTimers(id ID, c Conversation) {
	o.t.Helper()
	want := func(kind TimerKind, needed bool) {
		if _, ok := o.timers[fmt.Sprintf("%s/%d", kind, id)]; needed && !ok {
			o.t.Errorf("conversation %d has no deadline %q: %+v", id, kind, c)
		}
	}
	want(TimerOffer, c.Offer != nil)
	want(TimerSnooze, !c.Snoozed.IsZero())
	_, opens := o.rot.Business(o.now, time.Minute)
	want(TimerReply, c.clockRuns() && opens && o.rot.Policy.FirstReplyWithin > 0 && o.rot.Policy.NextReplyWithin > 0)
	if _, changes := o.rot.NextChange(o.now, o.absent.Leave()); c.Waits && changes {
		if _, ok := o.timers["wait"]; !ok {
			o.t.Errorf("conversation %d waits, and nothing will look at it", id)
		}
	}
}

// writes is a mail of a customer: a new conversation for 0.
func (o *agency) writes(id ID) ID {
	if id == 0 {
		id = ID(len(o.convs) + 1)
	}
	o.mails++
	m := from(fmt.Sprintf("customer%d@client.example", id))
	m.MessageID = fmt.Sprintf("<%d@client.example>", o.mails)
	o.step(id, MailIn{Mail: m, Class: ClassCustomer, Found: Found{Conversation: id, Reason: ByNothing}})
	return id
}

// says is an engineer's mail: an answer, or commands alone.
func (o *agency) says(engineer string, id ID, text bool, commands ...Command) Result {
	m := from(engineer)
	o.mails++
	m.MessageID, m.AnswerEmpty, m.Commands = fmt.Sprintf("<%d@acme.example>", o.mails), !text, commands
	in := MailIn{Mail: m, Class: ClassEngineer, Authority: Authority{
		Engineer: engineer, Proven: true, Conversation: id, View: o.convs[id].Desks[engineer].Newest,
	}}
	if text {
		in.Draft = &Draft{}
	}
	return o.step(id, in)
}
