package smtpout

import (
	"fmt"
	"time"

	"postroom/internal/store"
)

// expireLook is how many due mails are looked at for their deadline while the
// relay does not work and mails leave the queue in no other way.
const expireLook = 256

// claimedBy reports whether a mail is still in the attempt of this job.
func claimedBy(m *store.OutMail, j *job) bool {
	return m.State == store.OutSending && m.Attempts == j.mail.Attempts
}

// commit writes in one transaction what became of mails and claims others in
// their place. Nothing is written when there is nothing to say.
func (d *dispatcher) commit() {
	now := d.now().UTC()
	if len(d.done)+len(d.back) == 0 {
		due, err := d.peek(now)
		if err != nil {
			d.storeFailed(err)
		}
		if !due {
			return
		}
	}
	room := d.room()
	var b batch
	err := d.store.Update(func(tx *store.Tx) error {
		b = batch{dispatcher: d, tx: tx, now: now}
		return b.run(room)
	})
	if err != nil {
		d.storeFailed(err)
		return
	}
	d.done, d.back, d.taught = nil, nil, false
	d.meter.unsaved = false
	d.sent += b.sent
	d.next, d.look = b.next, !b.next.IsZero() && !b.next.After(now)
	d.ready = append(d.ready, b.claimed...)
	for _, l := range b.lines {
		d.log.Info("attempt", l...)
	}
}

// rank puts answers before copies and notices.
func rank(j *job) int {
	if j.mail.Kind == store.OutAnswer {
		return 0
	}
	return 1
}

// peek reports whether something is due, without writing.
func (d *dispatcher) peek(now time.Time) (bool, error) {
	d.next, d.look = time.Time{}, false
	err := d.store.Glance(func(tx *store.Tx) error {
		if next, ok := tx.NextDue(); ok {
			d.next, d.look = next, !next.After(now)
		}
		return nil
	})
	return d.look, err
}

// storeFailed waits before the store is tried again. Where there is no time to
// wait, what is not recorded stays as it was claimed, and is taken for unknown
// at the next start.
func (d *dispatcher) storeFailed(err error) {
	err = fmt.Errorf("recording attempts: %w", err)
	if d.drain {
		d.err = err
	}
	d.log.Error("the outbox cannot be written", "err", err, "outcomes", len(d.done))
	if d.drain || d.stopping {
		d.done, d.back, d.ready = nil, nil, nil
		return
	}
	d.look, d.holdOff = true, d.now().Add(storeRetry)
}

// batch is one transaction of the dispatcher. What it gathers counts once the
// transaction is committed.
type batch struct {
	*dispatcher
	tx      *store.Tx
	now     time.Time
	claimed []*job
	next    time.Time
	sent    int
	lines   [][]any
}

func (b *batch) run(room int) error {
	for _, r := range b.done {
		if err := b.settle(r); err != nil {
			return err
		}
	}
	for _, j := range b.back {
		if err := b.giveBack(j, nil); err != nil {
			return err
		}
	}
	if b.taught {
		if err := b.envelope.save(b.tx); err != nil {
			return err
		}
	}
	if b.meter.unsaved {
		if err := b.meter.save(b.tx, b.now); err != nil {
			return err
		}
	}
	if err := b.claim(room); err != nil {
		return err
	}
	if next, ok := b.tx.NextDue(); ok {
		b.next = next
	}
	return nil
}

// claim begins the attempts of up to room due mails.
func (b *batch) claim(room int) error {
	for room > len(b.claimed) {
		want := room - len(b.claimed)
		if b.relay.failing() {
			want = max(want, expireLook)
		}
		list, err := b.tx.Due(b.now, want)
		if err != nil {
			return err
		}
		gone, err := b.claimFrom(list, room)
		if err != nil || gone == 0 || b.meter.full(b.now) {
			return err
		}
	}
	return nil
}

// claimFrom goes through due mails, and returns how many of them it gave up.
func (b *batch) claimFrom(list []store.OutMail, room int) (gone int, err error) {
	for i := range list {
		m := &list[i]
		switch {
		case b.expired(m):
			gone++
			err = b.expire(m, nil)
		case len(b.claimed) >= room:
		case b.meter.allows(b.now, b.inHand(), m.Size):
			err = b.begin(m)
		default:
			return gone, nil // the first in line goes first
		}
		if err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// inHand is what is claimed and has not come back from a worker.
func (b *batch) inHand() amount {
	a := b.given
	for _, j := range b.ready {
		a.add(j)
	}
	for _, j := range b.claimed {
		a.add(j)
	}
	return a
}

// expired reports whether a mail is to be given up. One that was never tried
// gets an attempt first, unless the relay is down anyway: Postroom may have
// been stopped for longer than the deadline.
func (b *batch) expired(m *store.OutMail) bool {
	return !b.now.Before(b.deadline(m)) && (!m.AttemptBegan.IsZero() || b.relay.failing())
}

func (s *Sender) deadline(m *store.OutMail) time.Time {
	if m.Deadline.IsZero() {
		return m.Queued.Add(s.cfg.Deadline)
	}
	return m.Deadline
}

// begin claims one mail.
func (b *batch) begin(m *store.OutMail) error {
	m.State, m.AttemptBegan, m.AttemptEnded, m.Accepted = store.OutSending, b.now, time.Time{}, nil
	m.Attempts++
	if m.OwnCopy != "" {
		m.OwnRefused = "" // it is asked for once more
	}
	if err := b.tx.ForgetReturned(m.ID); err != nil {
		return err
	}
	stored := *m
	stored.Recipe = nil // it is there
	if err := b.tx.SetOut(stored); err != nil {
		return err
	}
	b.claimed = append(b.claimed, &job{mail: *m, probe: b.relay.failing()})
	return nil
}
