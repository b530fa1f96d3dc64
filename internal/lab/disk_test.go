package lab

import (
	"flag"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var (
	diskAll  = flag.Bool("disk.all", false, "TestDiskFaults strikes each call, not some")
	diskSeed = flag.Uint64("disk.seed", 0, "which calls the short form of TestDiskFaults strikes; 0: others each time")
)

// faulty are the calls that a disk refuses, and how.
var faulty = []struct {
	call  string
	fault string
}{
	{"write", "error=ENOSPC"}, {"pwrite64", "error=ENOSPC"}, {"ftruncate", "error=ENOSPC"}, {"openat", "error=ENOSPC"},
	{"write", "error=EIO"}, {"pwrite64", "error=EIO"}, {"fsync", "error=EIO"}, {"fdatasync", "error=EIO"},
	{"renameat", "error=EIO"}, {"unlinkat", "error=EIO"}, {"pread64", "error=EIO"}, {"openat", "error=EROFS"},
	{"write", "signal=KILL"}, {"pwrite64", "signal=KILL"}, {"fsync", "signal=KILL"}, {"fdatasync", "signal=KILL"},
	{"renameat", "signal=KILL"}, {"unlinkat", "signal=KILL"}, {"openat", "signal=KILL"}, {"ftruncate", "signal=KILL"},
}

// TestDiskFaults strikes the n-th call of a kind of a script over a store, once
// or from then on. Then a store on a disk without faults must open, hold what
// verify looks for, and all that the script was told is stored.
func TestDiskFaults(t *testing.T) {
	needStrace(t)
	seed := *diskSeed
	if seed == 0 {
		seed = mathrand.Uint64()
	}
	t.Logf("-disk.seed=%d", seed)
	rng := mathrand.New(mathrand.NewPCG(seed, 2))
	struck := map[string]int{}
	for _, f := range faulty {
		for _, onward := range []string{"", "+"} {
			if onward == "+" && strings.HasPrefix(f.fault, "signal") || !*diskAll && rng.IntN(3) > 0 {
				continue
			}
			for _, n := range strikes(rng, f.call) {
				hit := strike(t, f.call, f.fault, fmt.Sprint(n, onward))
				if t.Failed() {
					return
				}
				if !hit {
					break // there are fewer such calls
				}
				struck[f.call+" "+f.fault+onward]++
			}
		}
	}
	for _, what := range slices.Sorted(maps.Keys(struck)) {
		t.Logf("%4d times %s", struck[what], what)
	}
	if len(struck) < 3 {
		t.Errorf("only %d kinds of fault struck", len(struck))
	}
}

func strikes(rng *mathrand.Rand, call string) (list []int) {
	if *diskAll {
		for n := range 2000 {
			list = append(list, n+1)
		}
		return list
	}
	few := map[string]int{"write": 24, "pwrite64": 60, "fsync": 20, "fdatasync": 40, "renameat": 18, "unlinkat": 10, "openat": 60, "pread64": 20, "ftruncate": 1}[call]
	return []int{1 + rng.IntN(few)}
}

// strike runs the script with a fault, and then without. It reports whether
// the fault came.
func strike(t *testing.T, kind, fault, when string) (hit bool) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	name := fmt.Sprintf("%s %s when=%s", kind, fault, when)
	begun := func(said string) bool { return strings.Contains(said, "did ") || strings.Contains(said, "failed ") }
	kill := strings.HasPrefix(fault, "signal")
	s := &strace{calls: kind, octets: 64, env: []string{scriptIn + "=" + dir},
		inject: []string{fmt.Sprintf("%s:%s:when=%s", kind, fault, when)},
		see:    func(c *call) bool { hit = hit || c.fault; return false }}
	_, said, err := s.run(t.Context(), t.TempDir(), os.Args[0])
	if err != nil && !begun(said) {
		return true // the program itself could not be started
	}
	if kill && err != nil && !strings.Contains(said, "panic") {
		hit = true
	} else if err != nil {
		t.Errorf("%s: %v\n%s", name, err, said)
	}
	if err := account(dir, said); err != nil {
		t.Errorf("%s: %v\n%s", name, err, said)
	}
	return hit
}
