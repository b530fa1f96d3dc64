package gateway

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"postroom/internal/message"
	"postroom/threads"
)

// beside composes copies beside the batch while the records behind them are
// stepped: composing needs the mail and nothing of the transaction. Each copy
// is queued by the batch itself, in their order, at its end or before anything
// that may ask for it: see queueComposed.
type beside struct {
	pending []*pending // oldest first
	orders  chan *pending
	wg      sync.WaitGroup
}

// pending is a copy that is being composed.
type pending struct {
	seq  uint64 // of the record it is for
	done chan struct{}
	make func() (*message.Recipe, error) // called beside
	put  func(*message.Recipe) error     // called by the batch with what it made
	log  []func()                        // told in its place once it is true

	recipe *message.Recipe
	err    error
}

// later has a copy composed beside, and queued by queueComposed.
func (b *batch) later(compose func() (*message.Recipe, error), put func(*message.Recipe) error) {
	p := &pending{seq: b.seq, done: make(chan struct{}), make: compose, put: put}
	b.after = append(b.after, func() {
		for _, tell := range p.log {
			tell()
		}
	})
	w := &b.beside
	if w.orders == nil {
		w.orders = make(chan *pending, batchSize)
		w.wg.Go(w.serve)
	}
	w.pending = append(w.pending, p)
	w.orders <- p
}

func (w *beside) serve() {
	for p := range w.orders {
		p.compose()
	}
}

func (p *pending) compose() {
	defer close(p.done)
	defer func() {
		if r := recover(); r != nil {
			p.err = fmt.Errorf("composing a copy: panic: %v\n%s", r, debug.Stack())
		}
	}()
	p.recipe, p.err = p.make()
}

// close waits for what is being composed: the mails it reads are closed next.
func (w *beside) close() {
	if w.orders != nil {
		close(w.orders)
		w.wg.Wait()
	}
}

// queueComposed queues the copies that are composed beside. What reads or
// changes the outbox, or asks what an id of ours stands for, calls it first.
// An error is that of the record the copy is for.
func (b *batch) queueComposed() error {
	for len(b.beside.pending) > 0 {
		p := b.beside.pending[0]
		b.beside.pending = b.beside.pending[1:]
		if err := b.queueOne(p); err != nil {
			return &recordError{p.seq, err}
		}
	}
	return nil
}

func (b *batch) queueOne(p *pending) (err error) {
	<-p.done
	if p.err != nil {
		return p.err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("queueing a copy: panic: %v\n%s", r, debug.Stack())
		}
	}()
	after, behind := b.after, b.beside.pending
	b.after, b.beside.pending = nil, nil // those behind it are not to be queued before it
	err = p.put(p.recipe)
	p.log, b.after, b.beside.pending = b.after, after, behind
	return err
}

// apart reports whether an effect neither reads nor changes the outbox nor
// what our ids stand for, so that copies may still be being composed.
func apart(e threads.Effect) bool {
	switch e.(type) {
	case threads.SendCopy, threads.KeepRaw, threads.DropRaw, threads.TakeTurn, threads.Seen, threads.Answered,
		threads.WaitUntil, threads.SetTimer, threads.DropTimer:
		return true
	}
	return false
}

// ofRecord is an error of a record, unless it says that it is another's.
func ofRecord(seq uint64, err error) error {
	var other *recordError
	if errors.As(err, &other) {
		return other
	}
	return &recordError{seq, err}
}
