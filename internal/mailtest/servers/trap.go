package servers

import (
	"sync"
	"time"
)

// Trap is a fault that has been set: it waits for its moment, strikes as often
// as it was told, and can be taken away.
type Trap struct {
	mu      sync.Mutex
	skip    int
	left    int // < 0: without end
	hits    int
	removed chan struct{}
	gone    bool
}

// newTrap makes a trap that lets skip matching events pass and then strikes
// times times; 0 is once, below 0 without end.
func newTrap(skip, times int) *Trap {
	if times == 0 {
		times = 1
	}
	return &Trap{skip: skip, left: times, removed: make(chan struct{})}
}

// Hits is how many times the trap has struck.
func (t *Trap) Hits() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.hits
}

// Remove takes the trap away and lets go whoever is stalled in it.
func (t *Trap) Remove() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.gone {
		t.gone = true
		close(t.removed)
	}
}

func (t *Trap) strike() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.gone || t.left == 0:
		return false
	case t.skip > 0:
		t.skip--
		return false
	}
	if t.left > 0 {
		t.left--
	}
	t.hits++
	return true
}

// armed pairs a fault with its trap.
type armed[F any] struct {
	fault F
	trap  *Trap
}

// traps are the faults of one server, asked in the order they were set.
type traps[F any] struct {
	mu   sync.Mutex
	list []armed[F]
}

func (ts *traps[F]) set(f F, skip, times int) *Trap {
	t := newTrap(skip, times)
	ts.mu.Lock()
	ts.list = append(ts.list, armed[F]{f, t})
	ts.mu.Unlock()
	return t
}

// take returns the first fault that matches and strikes now, or nil.
func (ts *traps[F]) take(match func(F) bool) *armed[F] {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for i := range ts.list {
		a := ts.list[i]
		if match(a.fault) && a.trap.strike() {
			return &a
		}
	}
	return nil
}

// clear removes all.
func (ts *traps[F]) clear() {
	ts.mu.Lock()
	list := ts.list
	ts.list = nil
	ts.mu.Unlock()
	for _, a := range list {
		a.trap.Remove()
	}
}

// hold waits for d and, if stall is set, until the trap is removed. It reports
// whether the session still lives then: the connection may have been closed or
// the service stopped meanwhile, and the command must not be carried out.
func hold(d time.Duration, stall bool, t *Trap, w *wire, s *service) bool {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-w.gone:
			return false
		case <-s.stopping:
			return false
		}
	}
	if stall {
		select {
		case <-t.removed:
		case <-w.gone:
			return false
		case <-s.stopping:
			return false
		}
	}
	return true
}
