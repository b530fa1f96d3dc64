package smtpout

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	// storeRetry is the pause after the store failed.
	storeRetry = 5 * time.Second
	// settleWithin is how long an outcome may wait for others to share its
	// commit.
	settleWithin = 500 * time.Millisecond
	// drainPatience is how many failures of the relay in a row end a drain.
	drainPatience = 4
)

// dispatcher is one run of a Sender: it claims mails, hands them to workers and
// commits what became of them. Everything in it belongs to one goroutine.
type dispatcher struct {
	*Sender
	drain bool
	cut   context.CancelFunc // ends the sessions

	workers []*worker
	idle    []*worker // the last one used is the last
	busy    int       // jobs with the workers
	given   amount    // the same, for the meter
	ready   []*job    // claimed, answers first
	results chan *result

	done    []*result // not yet committed
	since   time.Time // when the first of these came
	back    []*job    // claimed, to be queued again
	taught  bool      // so is what the relay said of a reverse-path
	look    bool      // something may be due
	next    time.Time // when something is due, unless look; zero for never
	holdOff time.Time // the store failed: no commit before this

	stopping bool
	sent     int
	err      error // the store's, or the relay's, that ended a drain
}

// run dispatches until ctx ends, or, in a drain, until nothing is due.
func (d *dispatcher) run(ctx context.Context) error {
	ended := ctx.Done()
	var grace <-chan time.Time
	for {
		d.hand()
		if d.mustCommit() {
			d.lend()
			d.commit()
			d.fetchBack()
			continue
		}
		if d.finished() {
			return d.err
		}
		timer := d.timer()
		select {
		case r := <-d.results:
			d.take(r)
		case <-d.wake:
			d.look = true
		case <-after(timer):
			d.look = true
		case <-grace:
			d.cut()
			grace = nil
		case <-ended:
			ended = nil
			d.stop()
			t := time.NewTimer(d.cfg.Timeouts.Grace)
			defer t.Stop()
			grace = t.C
		}
		stop(timer)
	}
}

// stop ends the claiming; what is in hand goes on.
func (d *dispatcher) stop() {
	d.stopping, d.holdOff = true, time.Time{}
	d.back = append(d.back, d.ready...)
	d.ready = nil
}

// hand gives claimed mails to workers: first to one with an open session.
func (d *dispatcher) hand() {
	for len(d.ready) > 0 {
		i := d.free()
		if i < 0 {
			return
		}
		w, j := d.idle[i], d.ready[0]
		d.idle, d.ready = slices.Delete(d.idle, i, i+1), slices.Delete(d.ready, 0, 1)
		d.give(w, j)
	}
}

// give hands a job to a worker, whose channel has room for every claim.
func (d *dispatcher) give(w *worker, j *job) {
	d.busy++
	d.given.add(j)
	w.load++
	w.jobs <- j
}

// lend gives claimed mails to workers that are busy yet, so that they need not
// wait for the commit of outcomes; fetchBack takes back what none of them has
// begun, so that no mail waits behind another one for long. Where the relay is
// in doubt nothing is lent: it must be possible to stop at once.
func (d *dispatcher) lend() {
	if len(d.done) == 0 || d.relay.doubted() {
		return
	}
	left := d.cfg.UnclearLimit / 2
	for lent := true; lent; {
		lent = false
		for _, w := range d.workers {
			if w.load > 0 && len(d.ready) > 0 && left > 0 {
				d.give(w, d.ready[0])
				d.ready, lent = d.ready[1:], true
				left--
			}
		}
	}
}

func (d *dispatcher) fetchBack() {
	for _, w := range d.workers {
		for more := true; more; {
			select {
			case j := <-w.jobs:
				d.busy--
				d.given.sub(j)
				d.ready = append(d.ready, j)
				if w.load--; w.load == 0 {
					d.idle = append(d.idle, w)
				}
			default:
				more = false
			}
		}
	}
	slices.SortStableFunc(d.ready, func(a, b *job) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), a.mail.NextAttempt.Compare(b.mail.NextAttempt), cmp.Compare(a.mail.ID, b.mail.ID))
	})
}

// free returns the place of the worker to use next, or -1.
func (d *dispatcher) free() int {
	for i := len(d.idle) - 1; i >= 0; i-- {
		if d.idle[i].open.Load() {
			return i
		}
	}
	if len(d.workers)-len(d.idle) >= d.relay.connections(d.cfg.Connections, d.now()) {
		return -1
	}
	return len(d.idle) - 1
}

// claimed counts the mails the store has as being sent.
func (d *dispatcher) claimed() int { return d.busy + len(d.ready) + len(d.done) + len(d.back) }

// room is how many mails may be claimed now.
func (d *dispatcher) room() int {
	now := d.now()
	switch {
	case d.stopping || d.err != nil || d.relay.paused(now) || d.meter.full(now):
		return 0
	case d.relay.failing():
		return max(0, 1-d.busy-len(d.ready))
	}
	return max(0, d.cfg.UnclearLimit-d.busy-len(d.ready))
}

// mustCommit reports whether it is time for a transaction: outcomes share one
// while mails are left to hand out.
func (d *dispatcher) mustCommit() bool {
	now := d.now()
	if now.Before(d.holdOff) {
		return false
	}
	if n := len(d.done) + len(d.back); n > 0 {
		return len(d.ready) == 0 || len(d.back) > 0 || 2*n >= d.cfg.UnclearLimit || now.Sub(d.since) >= settleWithin
	}
	return d.look && d.room() > 0
}

func (d *dispatcher) finished() bool {
	if d.claimed() > 0 {
		return false
	}
	return d.stopping || d.drain && (d.err != nil || !d.look)
}

// timer is when to look again by ourselves; nil for never.
func (d *dispatcher) timer() *time.Timer {
	now := d.now()
	var at time.Time
	sooner := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	switch {
	case now.Before(d.holdOff):
		sooner(d.holdOff)
	default:
		if len(d.done) > 0 {
			sooner(d.since.Add(settleWithin))
		}
		if d.look && d.relay.paused(now) {
			sooner(d.relay.until)
		}
		if d.look && d.meter.full(now) {
			sooner(d.meter.until)
		}
		if !d.look && !d.next.IsZero() {
			sooner(d.next)
		}
		if len(d.ready) > 0 && d.relay.narrow > 0 {
			sooner(now.Add(widenAfter))
		}
	}
	if at.IsZero() || d.stopping && len(d.done)+len(d.back) == 0 {
		return nil
	}
	return time.NewTimer(max(0, at.Sub(now)))
}

// take receives a result, and all others that are there.
func (d *dispatcher) take(r *result) {
	for {
		d.busy--
		if r.worker.load--; r.worker.load == 0 {
			d.idle = append(d.idle, r.worker)
		}
		if len(d.done) == 0 {
			d.since = d.now()
		}
		if len(r.accepted) > 0 {
			d.meter.count(d.now(), r.job.mail.Size)
		}
		d.given.sub(r.job)
		d.judge(r)
		select {
		case r = <-d.results:
		default:
			return
		}
	}
}

// judge draws the conclusions about the relay and keeps the result for the
// next commit.
func (d *dispatcher) judge(r *result) {
	if d.stopping {
		d.done = append(d.done, r)
		return
	}
	words, all := d.relay.listened(r)
	switch {
	case r.trouble == troubleOpen && d.open() > 0:
		// The relay serves the other sessions: it only wants no more of them.
		d.relay.narrow, d.relay.narrowed = d.inUse(), d.now()
		d.log.Info("the relay refuses another connection", "open", d.relay.narrow, "err", r.err)
		d.ready = slices.Insert(d.ready, 0, r.job)
		return
	case r.trouble == troubleRelay || r.trouble == troubleOpen:
		d.pause(r.err)
	case r.trouble == troubleSuspect:
		if d.relay.suspected(r.job.mail.ID) || r.job.probe {
			d.pause(r.err)
		}
	case all:
		d.pause(fmt.Errorf("the relay defers every recipient: %s", words))
	case r.end == endTried:
		if len(r.accepted) > 0 {
			d.relay.suspect = "" // it came through DATA
		}
		d.works(r)
	}
	if d.envelope.taught(r) {
		d.taught = true
		d.log.Warn("the relay refuses our envelope sender; the fallback is used from now on", "words", r.refusal.String())
		d.observer.EnvelopeFallback(r.refusal.String())
	}
	d.done = append(d.done, r)
}

// open counts the sessions that are open.
func (d *dispatcher) open() int {
	n := 0
	for _, w := range d.workers {
		if w.open.Load() {
			n++
		}
	}
	return n
}

// inUse counts the sessions that are open or being opened.
func (d *dispatcher) inUse() int {
	n := 0
	for _, w := range d.workers {
		if w.load > 0 || w.open.Load() {
			n++
		}
	}
	return n
}

// pause leaves the relay alone for a while. What fails within a pause was
// begun before it and says nothing new.
func (d *dispatcher) pause(err error) {
	now := d.now()
	d.relay.err = err
	d.observer.RelayError(err)
	if !d.relay.paused(now) {
		d.relay.failures++
		d.relay.until = now.Add(backoff(d.cfg.ConnRetry, d.cfg.ConnRetryMax, d.relay.failures, d.jitter()))
		d.log.Warn("the relay is paused", "until", d.relay.until.UTC(), "failures", d.relay.failures, "err", err)
		d.observer.Paused(d.relay.until)
	}
	d.back = append(d.back, d.ready...)
	d.ready, d.relay.narrow = nil, 0
	if d.drain && d.relay.failures >= drainPatience {
		d.err = fmt.Errorf("giving up on the relay: %w", err)
	}
}

// works ends a pause. Only a mail that was begun behind it can.
func (d *dispatcher) works(r *result) {
	if !d.relay.failing() || !r.job.probe {
		return
	}
	d.relay.failures, d.relay.until, d.relay.err = 0, time.Time{}, nil
	d.log.Info("the relay works again")
	d.observer.RelayError(nil)
	d.observer.Paused(time.Time{})
}
