package lab

import (
	"flag"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"

	"postroom/internal/mailtest"
)

var (
	errorsAll  = flag.Bool("errors.all", false, "TestErrors refuses each system call, not some")
	errorsCall = flag.String("errors.call", "", "the one kind of call that TestErrors refuses, such as fsync; \"\": all, or one by chance")
	errorsSeed = flag.Uint64("errors.seed", 0, "which calls the short form of TestErrors refuses; 0: others each time")
)

// refused are the calls of the running program that a disk refuses, how it
// does, and how many of them one thread of it has in a run, or nearly so: strace
// counts the calls of each thread by itself. A run has about 22 fdatasync, most
// of them of the journal, 8 fsync (each start those of the state directory and
// of files made anew; small spool segments only where a checkpoint finds them
// unsynced), 7 unlinkat (leftovers looked for at the start, spool segments) and 6
// renameat, in four threads; the second phase about half of that, and one fsync.
// The file of the state is read through a mapping, and never by a call.
var refused = []struct {
	call, errno string
	few         int
}{
	{"fdatasync", "EIO", 10}, {"fsync", "EIO", 5}, {"pwrite64", "EIO", 16}, {"pwrite64", "ENOSPC", 16},
	{"write", "EIO", 60}, {"write", "ENOSPC", 60}, {"renameat", "EIO", 2}, {"openat", "EIO", 20}, {"openat", "ENOSPC", 20},
	{"unlinkat", "EIO", 5},
}

// TestErrors has single system calls of the real program fail, of whichever
// thread and on whichever file, or all from one on, in the middle of a small
// day. The program goes on, or ends with words that say what failed; started
// again on a disk without faults, it does all that was to be done, and
// everybody holds what was written to them, once.
func TestErrors(t *testing.T) {
	needStrace(t)
	seed := *errorsSeed
	if seed == 0 {
		seed = mathrand.Uint64()
	}
	t.Logf("-errors.seed=%d", seed)
	rng := mathrand.New(mathrand.NewPCG(seed, 3))
	came := map[string]int{}
	for _, i := range rng.Perm(len(refused)) {
		f := refused[i]
		if !*errorsAll && len(came) > 0 {
			break
		}
		if *errorsCall != "" && *errorsCall != f.call {
			continue
		}
		for _, onward := range []string{"", "+"} {
			for _, phase := range []int{1, 2} {
				if !*errorsAll && (phase == 1) != (onward == "") {
					continue
				}
				for _, n := range refusals(rng, f.few) {
					at := refuse(t, phase, f.call, f.errno, fmt.Sprint(n, onward))
					if t.Failed() {
						return
					}
					if at != "" {
						came[at]++
					}
					if (at == "") == *errorsAll { // there are fewer, or one has been struck
						break
					}
				}
			}
		}
	}
	for _, at := range slices.Sorted(maps.Keys(came)) {
		t.Logf("%4d times %s", came[at], at)
	}
	if len(came) == 0 {
		t.Error("no call failed")
	}
}

// refusals is at which calls of a kind: each in turn, or one by chance, with
// earlier ones to fall back on.
func refusals(rng *mathrand.Rand, few int) (list []int) {
	if !*errorsAll {
		for n := 1 + rng.IntN(few); n > 1; n /= 4 {
			list = append(list, n)
		}
		return append(list, 1)
	}
	for n := range 3000 {
		list = append(list, n+1)
	}
	return list
}

// refuse has the program meet an error in phase 1 (mails of customers) or 2
// (what engineers write), and returns where, "" when none came.
func refuse(t *testing.T, phase int, kind, errno, when string) (at string) {
	t.Helper()
	d := newDay(t)
	defer d.world.Close()
	name := fmt.Sprintf("%s %s when=%s in phase %d", kind, errno, when, phase)
	for _, c := range []string{"jane@client.example", "joe@shop.example", "kim@third.example"} {
		d.write(mailtest.Mail{From: c, To: support, Subject: "Printer of " + c, Text: "Ref: " + c + "\nIt burns.\n"})
	}
	if phase == 1 {
		at = d.refused(name, kind, errno, when)
	}
	d.drain()
	d.answer()
	if phase == 2 {
		at = d.refused(name, kind, errno, when)
	}
	d.drain()
	d.judge(name)
	return at
}

// refused runs the program under strace, which has calls of a kind fail.
func (d *day) refused(name, kind, errno, when string) (at string) {
	d.t.Helper()
	s := &strace{calls: kind, octets: 1, inject: []string{fmt.Sprintf("%s:error=%s:when=%s", kind, errno, when)},
		see: func(c *call) bool {
			if c.fault && at == "" {
				at = c.name + " " + errno + " at " + place(d.dir, c.file())
			}
			return false
		}}
	_, out, err := s.run(d.t.Context(), d.dir, d.postroom(), "run", "--drain")
	switch {
	case strings.Contains(out, "runtime: netpollBreak write failed"):
		// No program in Go lives on when it cannot wake itself.
	case strings.Contains(out, "panic:") || strings.Contains(out, "fatal error:") || strings.Contains(out, "\ngoroutine "):
		d.t.Errorf("%s (%s): it broke: %v\n%s", name, at, err, out)
	case err != nil && strings.TrimSpace(out) == "" && !strings.HasPrefix(kind, "write"):
		d.t.Errorf("%s (%s): it ended without a word: %v", name, at, err)
	}
	return at
}
