package demo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// tap is the service's log: it goes to a file, and the story can wait for its
// domain events, whose names and keys are stable.
type tap struct {
	slog.Handler
	book  *book
	attrs []slog.Attr
}

// event is one line of the log.
type event struct {
	name string
	keys map[string]string
}

// book keeps the events of all handlers made from one tap.
type book struct {
	mu         sync.Mutex
	events     []event
	complaints []string
	change     chan struct{} // closed at the next event
}

// Bounds on what is remembered: a demo may stay up for days.
const (
	maxEvents     = 4096
	maxComplaints = 8 // shown of a service in trouble
)

func newTap(w io.Writer) *tap {
	return &tap{Handler: slog.NewTextHandler(w, nil), book: &book{change: make(chan struct{})}}
}

// Handle writes a record and remembers it.
func (t *tap) Handle(ctx context.Context, r slog.Record) error {
	e := event{name: r.Message, keys: map[string]string{}}
	add := func(a slog.Attr) bool {
		e.keys[a.Key] = a.Value.Resolve().String()
		return true
	}
	for _, a := range t.attrs {
		add(a)
	}
	r.Attrs(add)
	err := t.Handler.Handle(ctx, r)
	t.book.add(e, r.Level)
	return err
}

// WithAttrs is a handler whose records all have attrs.
func (t *tap) WithAttrs(attrs []slog.Attr) slog.Handler {
	all := append(append([]slog.Attr{}, t.attrs...), attrs...)
	return &tap{Handler: t.Handler.WithAttrs(attrs), book: t.book, attrs: all}
}

// WithGroup is a handler that groups in the file; events have no groups.
func (t *tap) WithGroup(name string) slog.Handler {
	return &tap{Handler: t.Handler.WithGroup(name), book: t.book, attrs: t.attrs}
}

func (b *book) add(e event, level slog.Level) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.events = append(b.events, e); len(b.events) > maxEvents {
		b.events = append([]event{}, b.events[maxEvents/2:]...)
	}
	if level >= slog.LevelWarn {
		b.complaints = append(b.complaints, e.String())
		if len(b.complaints) > maxComplaints {
			b.complaints = b.complaints[1:]
		}
	}
	close(b.change)
	b.change = make(chan struct{})
}

// changed is closed at the next event.
func (t *tap) changed() <-chan struct{} {
	t.book.mu.Lock()
	defer t.book.mu.Unlock()
	return t.book.change
}

// find returns the first event of a name with these keys, given in pairs.
func (t *tap) find(name string, pairs ...string) (event, bool) {
	t.book.mu.Lock()
	defer t.book.mu.Unlock()
	for _, e := range t.book.events {
		if e.name == name && e.has(pairs) {
			return e, true
		}
	}
	return event{}, false
}

func (e event) has(pairs []string) bool {
	for i := 0; i+1 < len(pairs); i += 2 {
		if e.keys[pairs[i]] != pairs[i+1] {
			return false
		}
	}
	return true
}

// complaints is the newest warnings and errors.
func (t *tap) complaints() []string {
	t.book.mu.Lock()
	defer t.book.mu.Unlock()
	return append([]string{}, t.book.complaints...)
}

func (e event) String() string {
	s := e.name
	for _, key := range []string{"job", "kind", "recipient", "reply", "reason", "error", "err"} {
		if v := e.keys[key]; v != "" {
			s += fmt.Sprintf(" %s=%q", key, v)
		}
	}
	return strings.TrimSpace(s)
}
