package lab

import (
	"errors"
	"flag"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"
)

var roomWorlds = flag.Int("room.worlds", 1, "how many worlds TestDiskTrouble runs, from seed 300 on")

// shelf is the disk of the service as it fails: full for a while, or at one
// write.
type shelf struct {
	mu      sync.Mutex
	full    bool
	n       int // which write from now on fails; 0 for none
	refused int // so far
}

// room is asked by the store before it writes.
func (s *shelf) room(string, int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.full:
		s.refused++
		return syscall.ENOSPC
	case s.n == 0:
		return nil
	}
	if s.n--; s.n > 0 {
		return nil
	}
	s.refused++
	return syscall.EIO
}

func (s *shelf) set(full bool, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full, s.n = full, n
}

// refuses reports whether an error is what this disk says.
func (s *shelf) refuses(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EIO)
}

// diskTrouble puts a disk that fails on the agenda.
func (l *lab) diskTrouble() {
	l.again("full disk", 20*time.Hour, func() {
		l.counts["disks that were full"]++
		if l.chance(0.7) {
			l.newTalk() // so that there is something to write
		}
		l.shelf.set(true, 0)
		if l.chance(0.4) {
			l.after(l.around(10*time.Minute), l.crash)
		}
		l.after(l.around(40*time.Minute), l.diskMended)
	})
	l.again("failing write", 10*time.Hour, func() {
		l.counts["writes that fail"]++
		l.shelf.set(false, 1+l.act.rng.IntN(30))
	})
}

// diskMended is done before the service is ended or begun by hand too: whoever
// does that has made room. One that could not start for lack of it is begun.
func (l *lab) diskMended() {
	l.shelf.set(false, 0)
	if l.stranded {
		l.stranded = false
		l.startService()
	}
}

// TestDiskTrouble runs worlds whose disk is full now and then, and fails single
// writes: beside all other trouble, and with the same referee. Nothing may be
// lost, doubled or left without an owner by it.
func TestDiskTrouble(t *testing.T) {
	for i := range uint64(*roomWorlds) {
		p := plan{seed: 300 + i, days: 6, gap: defaultGap, disk: true}
		t.Run(fmt.Sprint(p.seed), func(t *testing.T) {
			v := simulate(t, p)
			judge(t, p, v)
			if v.counts["disks that were full"] == 0 || v.counts["writes that fail"] == 0 || v.counts["writes refused"] < 10 {
				t.Errorf("the disk was too good: %v", v.counts)
			}
		})
	}
}
