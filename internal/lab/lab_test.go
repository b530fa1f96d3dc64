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
	"time"
)

const defaultGap = 9 * time.Hour

var (
	seedFlag  = flag.Uint64("seed", 0, "seed of the first world; with -count each further run takes the next; 0: the kept seeds, and a random one")
	daysFlag  = flag.Int("days", 10, "simulated days")
	gapFlag   = flag.Duration("gap", defaultGap, "mean time between new conversations")
	dumpFlag  = flag.String("dump", "", "directory to leave the log and everybody's mailbox in")
	shrinkFor = flag.Duration("shrink", time.Minute, "how long to look for the shortest history that breaks a promise; 0: not at all")
)

// kept are the worlds every run of the tests goes through. One that breaks a
// promise is added here, with the days it needs.
var kept = []plan{
	{seed: 1, days: 12},
	{seed: 159, days: 7}, // a customer goes on with a mail that has not come yet, under an old subject of hers
}

// runs counts how often TestLab ran in this process: -count asks for more.
var runs uint64

// TestLab runs worlds and has the referee judge them.
func TestLab(t *testing.T) {
	plans := []plan{{seed: *seedFlag + runs, days: *daysFlag}}
	if *seedFlag == 0 {
		plans = append(slices.Clone(kept), plan{seed: mathrand.Uint64(), days: *daysFlag})
	}
	runs++
	for _, p := range plans {
		p.gap = *gapFlag
		if testing.Short() {
			p.days = min(p.days, 4)
		}
		t.Logf("again with: %s", p.command())
		judge(t, p, simulate(t, p))
	}
}

// judge fails the test where a promise is broken, and says by which history.
func judge(t *testing.T, p plan, v verdict) {
	t.Helper()
	if len(v.breaches) == 0 {
		for _, k := range slices.Sorted(maps.Keys(v.counts)) {
			t.Logf("%6d %s", v.counts[k], k)
		}
		return
	}
	t.Errorf("seed %d:\n%v", p.seed, v)
	keep(t, fmt.Sprint("seed-", p.seed), v)
	if *shrinkFor == 0 {
		return
	}
	for _, b := range v.promises() {
		short, acts := shrink(t, p, b, *shrinkFor)
		t.Logf("%v: the shortest history found breaks it in %d days, with %d acts:", b, short.days, len(acts))
		for _, a := range acts {
			t.Log("  " + a)
		}
	}
}

// worldsFlag is for long runs: one process, many worlds.
var worldsFlag = flag.Int("worlds", 0, "how many worlds TestLong runs, of -days each, beginning with -seed, hour-long polls in all")

// TestLong runs many worlds. It goes on behind one that breaks a promise.
func TestLong(t *testing.T) {
	if *worldsFlag == 0 {
		t.Skip("long: -worlds=500 -days=20 is 10,000 days; skipped without")
	}
	first := *seedFlag
	if first == 0 {
		first = mathrand.Uint64N(1 << 62)
	}
	for i := range *worldsFlag {
		p := plan{seed: first + uint64(i), days: *daysFlag, gap: *gapFlag}
		t.Run(p.command(), func(t *testing.T) { judge(t, p, simulate(t, p)) })
	}
}

// keep leaves what the service logged and what took place in the test's
// directory of artifacts (go test -artifacts).
func keep(t *testing.T, name string, v verdict) {
	t.Helper()
	for suffix, data := range map[string][]byte{".log": v.log, ".acts": []byte(strings.Join(v.acts, "\n"))} {
		path := filepath.Join(t.ArtifactDir(), name+suffix)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Error(err)
		}
		t.Logf("see %s", path)
	}
}
