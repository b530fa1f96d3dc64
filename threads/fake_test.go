package threads

import (
	"testing"
	"time"
)

// table is an Index in memory.
type table struct {
	tokens map[string]Token
	ids    map[string][]Known
	gens   map[string]int
	people map[ID][]string
}

func newTable() *table {
	return &table{tokens: map[string]Token{}, ids: map[string][]Known{}, gens: map[string]int{}, people: map[ID][]string{}}
}

func (x *table) Token(s string) (Token, bool) { t, ok := x.tokens[s]; return t, ok }
func (x *table) ID(id string) []Known         { return x.ids[id] }
func (x *table) Generation(c ID, e string) int {
	return x.gens[c.String()+e]
}
func (x *table) Participant(c ID, addr string) bool {
	for _, a := range x.people[c] {
		if a == AddressKey(addr) {
			return true
		}
	}
	return false
}

func (x *table) Traces(Trace) []ID   { return nil }
func (x *table) Active(ID) time.Time { return time.Time{} }

var (
	testNames  = NewNames("support@acme.example", "support+{token}@acme.example")
	testMinter = NewMinter([]byte("0123456789abcdef0123456789abcdef"))
	monday     = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
)

func testRotation() *Rotation {
	return &Rotation{
		Version: "1", Location: time.UTC, Admins: []string{"ops@acme.example"},
		Engineers: []Engineer{
			{Key: "alice@acme.example", Name: "Alice Ng", Email: "alice@acme.example", Aliases: []string{"a.ng@acme.example"}, Weight: 1},
			{Key: "bob@acme.example", Name: "Bob Stone", Email: "Bob@acme.example", Weight: 1},
			{Key: "carol@acme.example", Name: "Carol Diaz", Email: "carol@acme.example", Weight: 1},
		},
	}
}

func testWorld() World {
	return World{
		Now: monday, Names: testNames, Minter: testMinter, Rotation: testRotation(),
		Turns: &Pointers{}, Handed: &Pointers{}, Load: func(string) int { return 0 },
	}
}

func from(addr string) *Mail {
	return &Mail{
		MessageID: "<1@client.example>", From: []Address{{Name: "Jane Doe", Addr: addr}},
		To: []Address{{Addr: "support@acme.example"}}, Subject: "Printer on fire", SubjectBase: "Printer on fire",
		Date: monday, Class: ClassCustomer, Text: "It burns.", NewText: "It burns.",
		HeaderDigest: "h1", BodyDigest: "b1",
	}
}

// runner keeps a conversation through steps and applies what they ask of the
// rotation.
type runner struct {
	t   *testing.T
	c   Conversation
	w   World
	all []Event // so far
}

func (r *runner) step(in Input) Result {
	r.t.Helper()
	before := r.c
	next, res, err := Step(r.c, in, r.w)
	if err != nil {
		r.t.Fatalf("stepping: %v", err)
	}
	// The same arguments have the same result, and the events alone lead to it.
	_, again, err := Step(before, in, r.w)
	if err != nil || len(again.Events) != len(res.Events) || len(again.Effects) != len(res.Effects) {
		r.t.Fatalf("the same step gave something else: %v", err)
	}
	folded := before
	for _, e := range res.Events {
		folded = folded.Apply(e)
	}
	if folded.N != next.N || folded.Owner != next.Owner || folded.State != next.State {
		r.t.Fatalf("the events do not lead to the state: %+v, %+v", folded, next)
	}
	for _, e := range res.Effects {
		if turn, ok := e.(TakeTurn); ok {
			if turn.How == HowTurn {
				r.w.Turns.Apply(turn.Delta)
			} else {
				r.w.Handed.Apply(turn.Delta)
			}
		}
	}
	r.c = next
	r.all = append(r.all, res.Events...)
	return res
}

func (r *runner) customer(m *Mail) Result {
	r.t.Helper()
	return r.step(MailIn{Mail: m, Class: ClassCustomer, Found: Found{Reason: ByNothing}})
}

// reply is a proven answer of an engineer to the newest copy she has.
func (r *runner) reply(engineer string, change func(*Mail, *MailIn)) Result {
	r.t.Helper()
	m := from(engineer)
	m.MessageID, m.Text, m.NewText, m.ReplyMark = "<her@acme.example>", "Use water.", "Use water.", true
	in := MailIn{
		Mail: m, Class: ClassEngineer, Draft: &Draft{},
		Authority: Authority{Engineer: engineer, Proven: true, Conversation: r.c.ID, View: r.c.Desks[engineer].Newest},
	}
	if change != nil {
		change(m, &in)
	}
	return r.step(in)
}

func effects[T Effect](res Result) []T {
	var list []T
	for _, e := range res.Effects {
		if v, ok := e.(T); ok {
			list = append(list, v)
		}
	}
	return list
}

func bodies[T EventBody](res Result) []T {
	var list []T
	for _, e := range res.Events {
		if v, ok := e.Body.(T); ok {
			list = append(list, v)
		}
	}
	return list
}
