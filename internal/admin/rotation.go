package admin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"postroom/internal/gateway"
	"postroom/internal/store"
	"postroom/threads"
)

// errNoRotation is the answer before a rotation ever came into effect.
var errNoRotation = fmt.Errorf("no rotation has come into effect yet; `postroom run` reads it")

// RotationStatus is who answers now.
type RotationStatus struct {
	Version   string     `json:"version"`
	Since     time.Time  `json:"since"`          // when the version came into effect
	RolledBy  string     `json:"rolled_back_by"` // "" unless it was rolled back to
	Mode      string     `json:"mode"`
	Next      string     `json:"next"`    // who gets the next new conversation; "" for nobody
	Why       string     `json:"why"`     // and why, or why nobody
	Changes   *time.Time `json:"changes"` // when somebody next comes on or goes off duty
	Waiting   int        `json:"waiting"` // conversations nobody could be given
	Engineers []Duty     `json:"engineers"`
}

// Duty is how one engineer stands.
type Duty struct {
	Engineer string     `json:"engineer"`
	Name     string     `json:"name"`
	OnDuty   bool       `json:"on_duty"`
	Why      string     `json:"why"`
	Until    *time.Time `json:"until"` // when that changes, as far as it is known
	Open     int        `json:"open"`
	MaxOpen  int        `json:"max_open"` // 0 is no limit
	Weight   int        `json:"weight"`
	Leave    *Leave     `json:"leave"` // absence that is not in the file
}

// Leave is absence that is not in the file, with its cause.
type Leave struct {
	Cause  string     `json:"cause"`
	Reason string     `json:"reason"`
	Since  time.Time  `json:"since"`
	Until  *time.Time `json:"until"` // null: until she or an admin ends it
}

// roster is what the questions about the rotation are answered from.
type roster struct {
	rot     *threads.Rotation
	version store.RotationVersion
	pin     *store.RotationPin
	turns   threads.Pointers
	off     threads.Absences
	load    map[string]int
	waiting int
}

// readRoster reads it in one short transaction.
func readRoster(st *store.Store, now time.Time) (*roster, error) {
	r := &roster{load: map[string]int{}}
	err := st.View(func(tx *store.Tx) error {
		var ok bool
		var err error
		if r.rot, r.version, ok, err = gateway.InForce(tx); err != nil {
			return err
		}
		if !ok {
			return errNoRotation
		}
		if r.pin, err = tx.RotationPin(); err != nil {
			return err
		}
		if r.turns, err = tx.Pointers("turns"); err != nil {
			return err
		}
		if r.off, err = tx.Absences(); err != nil {
			return err
		}
		return tx.EachOpen(func(o store.OpenConversation) error {
			if o.Owner != "" {
				r.load[o.Owner]++
			}
			if o.Waits {
				r.waiting++
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the rotation: %w", err)
	}
	for key, a := range r.off {
		if a.Over(now) {
			delete(r.off, key)
		}
	}
	return r, nil
}

// StatusOfRotation says who is on duty now, until when, and who is next.
func StatusOfRotation(st *store.Store, now time.Time) (RotationStatus, error) {
	r, err := readRoster(st, now)
	if err != nil {
		return RotationStatus{}, err
	}
	leave := r.off.Leave()
	s := RotationStatus{
		Version: r.version.Version, Since: time.Unix(r.version.Unix, 0).UTC(), Mode: string(r.rot.Policy.Mode), Waiting: r.waiting, Engineers: []Duty{},
	}
	if r.pin != nil {
		s.RolledBy = r.pin.By
	}
	choice, _, ok := r.pick(now, threads.PickRequest{})
	s.Why = choice.Why
	if ok {
		s.Next = r.email(choice.Engineer)
	}
	if at, ok := r.rot.NextChange(now, leave); ok {
		s.Changes = stamp(at)
	}
	for i := range r.rot.Engineers {
		e := &r.rot.Engineers[i]
		p := r.rot.Presence(e.Key, now, leave)
		d := Duty{
			Engineer: e.Email, Name: e.Name, OnDuty: p.OnDuty, Why: p.Why, Until: stamp(p.Until),
			Open: r.load[e.Key], MaxOpen: e.MaxOpen, Weight: e.Share(),
		}
		if a, ok := r.off[e.Key]; ok {
			d.Why = a.Words()
			d.Leave = &Leave{Cause: string(a.Cause), Reason: a.Reason, Since: a.Since.UTC(), Until: stamp(a.Until)}
		}
		s.Engineers = append(s.Engineers, d)
	}
	return s, nil
}

func (r *roster) email(key string) string {
	if e, ok := r.rot.Engineer(key); ok {
		return e.Email
	}
	return key
}

func (r *roster) name(key string) string {
	if e, ok := r.rot.Engineer(key); ok {
		return e.Name
	}
	return ""
}

// pick is what the gateway would choose now.
func (r *roster) pick(now time.Time, req threads.PickRequest) (threads.Choice, threads.Delta, bool) {
	req.Now, req.Off = now, r.off.Leave()
	req.Load = func(key string) int { return r.load[key] }
	return threads.Pick(r.rot, req, &r.turns)
}

// Turn is one of the next turns.
type Turn struct {
	N        int        `json:"n"` // from 1
	Engineer string     `json:"engineer"`
	Name     string     `json:"name"`
	Topic    string     `json:"topic"`
	Why      string     `json:"why"`
	At       *time.Time `json:"at"` // when somebody comes on duty; null while somebody is
}

// maxTurns bounds how far ahead the turns are told.
const maxTurns = 10_000

// NextTurns says who would get the next n new conversations if all of them
// came now, each matching topics as mail does.
func NextTurns(st *store.Store, now time.Time, n int, mail threads.PickRequest, f func(Turn) error) error {
	if n < 1 || n > maxTurns {
		return fmt.Errorf("%d is no number of turns; it goes from 1 to %d", n, maxTurns)
	}
	r, err := readRoster(st, now)
	if err != nil {
		return err
	}
	for i := range n {
		choice, delta, ok := r.pick(now, mail)
		t := Turn{N: i + 1, Topic: choice.Topic, Why: choice.Why}
		if !ok {
			if at, known := r.rot.NextChange(now, r.off.Leave()); known {
				t.At = stamp(at)
			}
			return f(t)
		}
		r.turns.Apply(delta)
		r.load[choice.Engineer]++
		t.Engineer, t.Name = r.email(choice.Engineer), r.name(choice.Engineer)
		if err := f(t); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) rotationStatus(c *call) error {
	status, err := StatusOfRotation(s.st, s.cfg.Now())
	if err != nil {
		return err
	}
	return c.emit(status)
}

func (s *Server) rotationNext(c *call) error {
	n, err := strconv.Atoi(c.req.Args["count"])
	if err != nil {
		return fmt.Errorf("%q is no number of turns", c.req.Args["count"])
	}
	return NextTurns(s.st, s.cfg.Now(), n, MailOf(c.req.Args), func(t Turn) error { return c.emit(t) })
}

// MailOf is the mail that arguments describe, as topics are matched on it.
func MailOf(args map[string]string) threads.PickRequest {
	req := threads.PickRequest{Subject: args["subject"], Body: args["body"], From: args["from"]}
	if to := args["to"]; to != "" {
		req.To = []string{to}
	}
	return req
}

// Decision is one event that gave a conversation to somebody, or to nobody.
type Decision struct {
	Conversation threads.ID     `json:"conversation"`
	Event        int            `json:"event"`
	At           time.Time      `json:"at"`
	Kind         string         `json:"kind"` // of the event
	Engineer     string         `json:"engineer"`
	From         string         `json:"from"`       // who had it
	How          string         `json:"how"`        // turn, handed, taken, hand, failed …
	What         string         `json:"what"`       // one plain sentence
	Why          string         `json:"why"`        // the reason
	Considered   []Candidate    `json:"considered"` // the chosen one first; empty where nobody was picked from
	Others       map[string]int `json:"others"`     // how many more, by the reason they were passed over
}

// Candidate is how one engineer stood.
type Candidate struct {
	Engineer string `json:"engineer"`
	Out      string `json:"out"` // why she was passed over; "" for a candidate
	Weight   int    `json:"weight"`
	Current  int    `json:"current"` // the highest has the turn
}

// WhyOwner tells each decision about who has a conversation, from what was
// recorded when it was made. The error wraps ErrNoConversation.
func WhyOwner(st *store.Store, id threads.ID) ([]Decision, error) {
	list := []Decision{}
	err := st.View(func(tx *store.Tx) error {
		if _, ok, err := tx.Conversation(id); err != nil || !ok {
			if err == nil {
				err = ErrNoConversation
			}
			return err
		}
		events, err := tx.Events(id)
		for _, e := range events {
			if d, ok := decisionOf(id, e); ok {
				list = append(list, d)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("asking why of conversation %d: %w", id, err)
	}
	return list, nil
}

// deciding are the kinds of events that say who has a conversation.
func deciding(kind string) bool {
	return slices.Contains([]string{"assigned", "waiting", "offered", "snoozed", "woken", "reminded", "overdue", "closed", "reopened"}, kind)
}

func decisionOf(id threads.ID, e threads.Event) (Decision, bool) {
	if !deciding(e.Kind()) {
		return Decision{}, false
	}
	m := momentOf(e)
	d := Decision{Conversation: id, Event: e.N, At: m.At, Kind: m.Kind, What: m.What, Why: m.Reason, Considered: []Candidate{}, Others: map[string]int{}}
	var poll *threads.Poll
	switch b := e.Body.(type) {
	case threads.Assigned:
		d.Engineer, d.From, d.How, poll = b.Engineer, b.From, string(b.How), b.Poll
	case threads.Waiting:
		poll = b.Poll
	}
	if poll == nil {
		return d, true
	}
	for _, x := range poll.Considered {
		d.Considered = append(d.Considered, Candidate{Engineer: x.Key, Out: x.Out, Weight: x.Weight, Current: x.Current})
	}
	for reason, n := range poll.Others {
		d.Others[reason] = n
	}
	return d, true
}

func (s *Server) rotationWhy(c *call) error {
	id, err := conversationArg(c.req)
	if err != nil {
		return err
	}
	return emitAll(c, s.st, func(st *store.Store) ([]Decision, error) { return WhyOwner(st, id) })
}

func (s *Server) rotationText(c *call) error {
	v, err := RotationText(s.st, c.req.Args["version"])
	if err != nil {
		return err
	}
	return c.emit(v)
}

// rollback puts an earlier version in force.
func (s *Server) rollback(c *call) error {
	if s.cfg.Rollback == nil {
		return fmt.Errorf("this service cannot roll back")
	}
	v, err := RotationText(s.st, c.req.Args["version"])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.ctx, askPatience)
	defer cancel()
	if err := s.cfg.Rollback(ctx, []byte(v.Text), c.by); err != nil {
		return fmt.Errorf("rolling back to version %s: %w", v.Version, err)
	}
	s.log.Info("admin", "by", c.by, "verb", c.req.Verb)
	return c.emit(v)
}
