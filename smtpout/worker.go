package smtpout

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// worker owns one session and sends one mail at a time.
type worker struct {
	*Sender
	jobs    chan *job   // closed at the end
	session *session    // nil when there is none
	open    atomic.Bool // there is one

	load int // jobs given and not come back; the dispatcher's
}

// run sends what comes until jobs is closed. results has room for all
// that can be claimed.
func (w *worker) run(ctx context.Context, results chan<- *result) {
	defer w.quit()
	for {
		idle := w.idle()
		select {
		case j, ok := <-w.jobs:
			if !ok {
				stop(idle)
				return
			}
			stop(idle)
			results <- w.try(ctx, j)
		case <-after(idle):
			w.quit()
		}
	}
}

func (w *worker) idle() *time.Timer {
	if w.session == nil {
		return nil
	}
	return time.NewTimer(w.cfg.Timeouts.Idle)
}

func stop(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}

func after(t *time.Timer) <-chan time.Time {
	if t == nil {
		return nil
	}
	return t.C
}

// again is why a transaction is to be begun anew for the same attempt.
type again int

const (
	againNot      again = iota
	againRedial         // the session had been closed while it was idle
	againFallback       // the sender was refused
	againFewer          // the relay takes fewer recipients at once
)

// try makes one attempt. Each reason to begin anew counts once, so that a
// relay cannot keep it here.
func (w *worker) try(ctx context.Context, j *job) *result {
	r := newResult(w, j)
	seen := map[again]bool{}
	for {
		if err := w.ensure(ctx); err != nil {
			r.back(troubleOpen, err)
			break
		}
		t := &transaction{Sender: w.Sender, session: w.session, result: r, seen: seen}
		why := t.run(ctx)
		w.session.used, w.session.lastUsed = true, time.Now()
		if t.broken || t.open && !w.session.reset() {
			w.cut()
		}
		if why == againNot {
			break
		}
		seen[why] = true
	}
	if r.cut && ctx.Err() != nil && r.end != endUnknown {
		r.back(troubleNone, ctx.Err()) // we cut it ourselves
	}
	return r
}

// back ends an attempt that the relay did not come to.
func (r *result) back(t trouble, err error) {
	r.end, r.trouble, r.err, r.last = endBack, t, err, replyIn(err)
}

// ensure makes sure of a session that can take a transaction.
func (w *worker) ensure(ctx context.Context) error {
	if w.session != nil && !w.session.alive(w.cfg.Timeouts.Fresh) {
		w.cut()
	}
	if w.session != nil {
		return nil
	}
	ses, err := w.Sender.open(ctx)
	if err != nil {
		return fmt.Errorf("opening a session: %w", err)
	}
	w.session = ses
	w.open.Store(true)
	return nil
}

func (w *worker) quit() {
	if w.session != nil {
		w.session.quit()
	}
	w.forget()
}

func (w *worker) cut() {
	if w.session != nil {
		w.session.cut()
	}
	w.forget()
}

func (w *worker) forget() {
	w.session = nil
	w.open.Store(false)
}
