package store

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"unicode/utf8"

	"postroom/threads"
)

// headRecord is the state of a conversation as it is stored: it is read and
// written for each mail and each delivery. What most conversations have is
// compact; behind it stands the rest as JSON, "" where there is none.
//
// A list stands behind one more than its length, or behind 0 where it is nil.
type headRecord struct{ threads.Conversation }

// words writes a text as JSON gives it back, which the events are kept in: each
// octet that is no UTF-8 as U+FFFD. The state must be what its events say.
func (w *recordWriter) words(s string) {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	w.text(s)
}

// rare is the state without what is compact. What a later version adds to a
// conversation is in it.
func (h headRecord) rare() threads.Conversation {
	c := h.Conversation
	c.ID, c.N, c.State, c.Owner, c.Subject, c.SubjectBase, c.Era = 0, 0, "", "", "", "", ""
	var none threads.Conversation
	c.Customer, c.Opened, c.Updated, c.Asked, c.Unanswered = none.Customer, none.Opened, none.Updated, none.Asked, false
	c.Participants, c.Mails, c.Pending, c.Desks = nil, nil, nil, nil
	c.Answer, c.Given, c.Flow = none.Answer, none.Given, none.Flow
	return c
}

func (h headRecord) write(w *recordWriter) bool {
	c, tail := &h.Conversation, []byte(nil)
	if rare := h.rare(); !reflect.ValueOf(&rare).Elem().IsZero() {
		var err error
		if tail, err = json.Marshal(rare); err != nil {
			return false
		}
	}
	w.number(uint64(c.ID))
	w.number(uint64(c.N))
	for _, s := range [...]string{string(c.State), c.Owner, c.Subject, c.SubjectBase, c.Era} {
		w.words(s)
	}
	w.address(c.Customer)
	w.date(c.Opened)
	w.date(c.Updated)
	w.date(c.Asked)
	w.number(oneIf(c.Unanswered))
	listed(w, c.Participants, w.address)
	listed(w, c.Mails, w.mailHeard)
	listed(w, c.Pending, w.int)
	w.desks(c.Desks)
	w.mark(c.Answer)
	w.mark(c.Given)
	w.date(c.Flow.Since)
	w.int(c.Flow.N)
	w.text(string(tail))
	return true
}

func (h *headRecord) read(r *recordReader) {
	var c threads.Conversation
	c.ID, c.N = threads.ID(r.number()), r.int()
	c.State, c.Owner, c.Subject, c.SubjectBase, c.Era = threads.State(r.text()), r.text(), r.text(), r.text(), r.text()
	c.Customer = r.address()
	c.Opened, c.Updated, c.Asked = r.date(), r.date(), r.date()
	c.Unanswered = r.number() > 0
	c.Participants = list(r, r.address)
	c.Mails = list(r, r.mailHeard)
	c.Pending = list(r, r.int)
	c.Desks = r.desks()
	c.Answer, c.Given = r.mark(), r.mark()
	c.Flow = threads.Spent{Since: r.date(), N: r.int()}
	h.Conversation = c
	if tail := r.text(); tail != "" {
		h.rest([]byte(tail), r)
	}
}

// rest reads what is not compact into the state, which has the other things.
func (h *headRecord) rest(tail []byte, r *recordReader) {
	c := h.Conversation
	if json.Unmarshal(tail, &h.Conversation) != nil {
		r.rest, r.broken = "", true
		return
	}
	// The tail has these too, as nothing.
	a := &h.Conversation
	a.ID, a.N, a.State, a.Owner, a.Subject, a.SubjectBase, a.Era = c.ID, c.N, c.State, c.Owner, c.Subject, c.SubjectBase, c.Era
	a.Customer, a.Opened, a.Updated, a.Asked, a.Unanswered = c.Customer, c.Opened, c.Updated, c.Asked, c.Unanswered
	a.Participants, a.Mails, a.Pending, a.Desks = c.Participants, c.Mails, c.Pending, c.Desks
	a.Answer, a.Given, a.Flow = c.Answer, c.Given, c.Flow
}

func listed[T any](w *recordWriter, list []T, write func(T)) {
	if list == nil {
		w.number(0)
		return
	}
	w.number(uint64(len(list)) + 1)
	for i := range list {
		write(list[i])
	}
}

func list[T any](r *recordReader, read func() T) []T {
	n := r.number()
	if n == 0 {
		return nil
	}
	if n--; n > uint64(len(r.rest)) { // each takes an octet at least
		r.rest, r.broken = "", true
		return nil
	}
	all := make([]T, 0, n)
	for range n {
		all = append(all, read())
	}
	return all
}

func (w *recordWriter) int(n int) { w.number(uint64(n)) }
func (r *recordReader) int() int  { return int(r.number()) }

func (w *recordWriter) address(a threads.Address) { w.words(a.Name); w.words(a.Addr) }
func (r *recordReader) address() threads.Address {
	return threads.Address{Name: r.text(), Addr: r.text()}
}

func (w *recordWriter) mark(m threads.Mark) { w.int(m.Event); w.words(m.By) }
func (r *recordReader) mark() threads.Mark  { return threads.Mark{Event: r.int(), By: r.text()} }

func (w *recordWriter) mailHeard(m threads.Heard) {
	w.int(m.Event)
	w.date(m.At)
	w.address(m.Customer)
	w.words(m.MessageID)
	listed(w, m.References, w.words)
	listed(w, m.Reply, w.address)
	listed(w, m.Others, w.address)
	w.words(m.Outlook.Topic)
	w.words(m.Outlook.Index)
}

func (r *recordReader) mailHeard() threads.Heard {
	return threads.Heard{
		Event: r.int(), At: r.date(), Customer: r.address(), MessageID: r.text(),
		References: list(r, r.text), Reply: list(r, r.address), Others: list(r, r.address),
		Outlook: threads.Outlook{Topic: r.text(), Index: r.text()},
	}
}

func (w *recordWriter) desks(desks map[string]threads.Desk) {
	var keys []string
	if desks != nil {
		keys = slices.AppendSeq(make([]string, 0, len(desks)), maps.Keys(desks))
		slices.Sort(keys)
	}
	listed(w, keys, func(key string) {
		d := desks[key]
		w.words(key)
		for _, n := range [...]int{d.Generation, d.Newest, d.Seen, d.Told, d.Answered, d.Stub} {
			w.int(n)
		}
		w.number(oneIf(d.Follows))
		listed(w, d.Chain, w.words)
		listed(w, d.Views, func(v threads.View) { w.words(v.ID); w.int(v.Seen) })
	})
}

func (r *recordReader) desks() map[string]threads.Desk {
	var desks map[string]threads.Desk
	type entry struct {
		key string
		threads.Desk
	}
	all := list(r, func() (e entry) {
		e.key = r.text()
		for _, n := range [...]*int{&e.Generation, &e.Newest, &e.Seen, &e.Told, &e.Answered, &e.Stub} {
			*n = r.int()
		}
		e.Follows = r.number() > 0
		e.Chain = list(r, r.text)
		e.Views = list(r, func() threads.View { return threads.View{ID: r.text(), Seen: r.int()} })
		return e
	})
	if all != nil {
		desks = make(map[string]threads.Desk, len(all))
	}
	for _, e := range all {
		desks[e.key] = e.Desk
	}
	return desks
}
