package lab

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// promise is one of the ten.
type promise int

const (
	pLost     promise = 1 + iota // no mail is lost
	pForged                      // nothing reaches a customer but from an engineer
	pDoubt                       // in doubt, hold and tell
	pLeak                        // nothing internal leaks
	pThread                      // one thread everywhere
	pOwner                       // someone owns it
	pLoop                        // no loops
	pFair                        // fair
	pCrash                       // a crash at any instant is harmless: nothing twice, nothing broken
	pArchive                     // the mailbox is the archive: nothing is left lying on our disk
	pPromises = iota
)

func (p promise) String() string {
	names := [...]string{
		"no mail is lost", "nothing reaches a customer but from an engineer", "in doubt, hold and tell", "nothing internal leaks", "one thread everywhere",
		"someone owns it", "no loops", "fair", "a crash is harmless", "the mailbox is the archive",
	}
	return fmt.Sprintf("promise %d (%s)", int(p), names[p-1])
}

// plan is what makes a world: the same plan is the same world.
type plan struct {
	seed uint64
	days int
	gap  time.Duration   // mean time between new conversations
	drop map[string]bool // acts that do not take place
	disk bool            // the disk fails too
}

func (p plan) command() string {
	s := fmt.Sprintf("go test ./internal/lab -run TestLab -seed=%d -days=%d", p.seed, p.days)
	if p.gap != defaultGap {
		s += fmt.Sprintf(" -gap=%v", p.gap)
	}
	if p.disk {
		s = fmt.Sprintf("go test ./internal/lab -run TestDiskTrouble -room.worlds=%d", p.seed-299)
	}
	return s
}

// breach is a promise seen broken.
type breach struct {
	promise promise
	what    string
}

// verdict is what the referee says of a run.
type verdict struct {
	breaches []breach
	counts   map[string]int
	log      []byte   // everything the service logged
	acts     []string // what took place, in order: "instant key"
}

func (v verdict) breaks(p promise) bool {
	return slices.ContainsFunc(v.breaches, func(b breach) bool { return b.promise == p })
}

// promises is the numbers of the broken ones, in order.
func (v verdict) promises() []promise {
	var list []promise
	for _, b := range v.breaches {
		if !slices.Contains(list, b.promise) {
			list = append(list, b.promise)
		}
	}
	slices.Sort(list)
	return list
}

func (v verdict) String() string {
	var s strings.Builder
	for _, b := range v.breaches {
		fmt.Fprintf(&s, "%v: %s\n", b.promise, b.what)
	}
	return s.String()
}

// simulate runs a plan in a bubble of its own. The test fails only where the
// world itself cannot go on; what the service did wrong is in the verdict.
func simulate(t *testing.T, p plan) (v verdict) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, p)
		l.run()
		l.dump(*dumpFlag)
		l.referee()
		v = verdict{l.breaches, l.counts, l.log.Bytes(), l.acts}
	})
	return v
}
