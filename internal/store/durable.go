package store

import (
	"fmt"
	"slices"
	"sync"
)

// tail is what stands in the journal and is not known to be on disk yet. Who
// has changed something lets the others go on, and then waits here: one sync
// does for all whose records were written before it began.
type tail struct {
	// turn is held by the one who has the journal synced. It is taken before
	// the lock of the state, never under it.
	turn sync.Mutex

	mu      sync.Mutex
	pending []*promise // in the order of their records
}

// promise is a record of the journal that somebody waits for. A change that
// was seen by another transaction stands before that one's own record, so the
// earlier promise is never kept after the later one.
type promise struct {
	j    *journal
	end  int64 // where the record ends
	done bool
	err  error // once it is done: why it was not kept
}

// add makes a promise of the record that was written last.
func (t *tail) add(j *journal) *promise {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := &promise{j: j, end: j.end}
	t.pending = append(t.pending, p)
	return p
}

// last is the promise that all that can be read now hangs on; nil where it is
// on disk.
func (t *tail) last() *promise {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) == 0 {
		return nil
	}
	return t.pending[len(t.pending)-1]
}

// settled reports whether it is known what became of a promise.
func (t *tail) settled(p *promise) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return p.done, p.err
}

// keep says that the disk has everything up to a record. Where a checkpoint was
// faster, the journal has begun anew since, and its promises are kept already.
func (t *tail) keep(last *promise) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := slices.Index(t.pending, last) + 1
	if n > 0 {
		last.j.synced.Store(last.end)
	}
	t.settle(n, nil)
}

// all settles whatever is pending: with nil it is on disk.
func (t *tail) all(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settle(len(t.pending), err)
}

func (t *tail) settle(n int, err error) {
	for _, p := range t.pending[:n] {
		p.done, p.err = true, err
	}
	t.pending = slices.Delete(t.pending, 0, n)
}

// await returns once a promise is kept, or cannot be; nil is kept. Whoever
// comes first has the journal synced for all that wait by then.
func (s *Store) await(p *promise) error {
	if p == nil {
		return nil
	}
	t := &s.live.tail
	t.turn.Lock()
	defer t.turn.Unlock()
	if done, err := t.settled(p); done {
		return err
	}
	last := t.last()
	err := last.j.sync(last.j.f)
	if err == nil {
		t.keep(last)
	} else {
		err = s.lose(p, fmt.Errorf("syncing the journal: %w", err))
	}
	s.trouble.note(&s.trouble.journal, err)
	return err
}

// lose gives up what the journal could not be synced with: nobody knows what of
// it the disk has, and the kernel tells of that once. All that waits for it is
// told the same, and what it changed is taken back by reading the state again up
// to where it is durable. Nobody may have the journal synced meanwhile: that
// would prove nothing of what stands before.
func (s *Store) lose(p *promise, why error) error {
	l := &s.live
	l.mu.Lock()
	defer l.mu.Unlock()
	if done, err := l.tail.settled(p); done { // by a checkpoint, or with another one
		return err
	}
	l.suspect = why
	l.journal.cut = true
	l.rollback()
	if err := s.reread(); err != nil {
		s.log.Error("the state is read again", "err", err)
	}
	if done, err := l.tail.settled(p); done { // by a checkpoint that was in doubt before
		return err
	}
	l.tail.all(why)
	return why
}
