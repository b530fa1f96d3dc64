package lab

import (
	"bytes"
	"flag"
	"regexp"
	"slices"
	"testing"
)

var sameFlag = flag.Int("same", 3, "how often TestSame runs the same world")

// TestSame: the same seed is the same world. The same acts take place in the
// same order, whatever order goroutines ran in that were awake together. Where
// the service did something else in between, both logs are kept.
func TestSame(t *testing.T) {
	p := plan{seed: 8, days: min(*daysFlag, 5), gap: defaultGap}
	first := simulate(t, p)
	acts, log := names(first.acts), happened(first.log)
	same := 1
	for range *sameFlag - 1 {
		again := simulate(t, p)
		if diff := differ(acts, names(again.acts)); diff != "" {
			t.Errorf("the acts: %s", diff)
		}
		diff := differ(log, happened(again.log))
		if diff == "" {
			same++
			continue
		}
		t.Logf("the log: %s", diff)
		keep(t, "first", first)
		keep(t, "again", again)
	}
	t.Logf("%d of %d runs logged the same", same, *sameFlag)
}

// cut is what the end of a connection is called: that depends on whether the
// side that ends it is waited for at that moment.
var cut = regexp.MustCompile(`"?(unexpected )?EOF"?|"?io: read/write on closed pipe"?`)

var instant = regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z`)

// happened is the lines of the domain log without their instants, sorted: what
// became of conversations and of mails on their way.
func happened(log []byte) []string {
	var list []string
	for line := range bytes.Lines(log) {
		if !bytes.Contains(line, []byte(" conv=")) && !bytes.Contains(line, []byte(" job=")) {
			continue
		}
		line = instant.ReplaceAll(bytes.TrimSpace(line), nil)
		list = append(list, string(cut.ReplaceAll(line, []byte("cut"))))
	}
	slices.Sort(list)
	return list
}

// differ is where two lists part, "" nowhere.
func differ(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i] + "\nin place of\n" + b[i]
		}
	}
	if len(a) != len(b) {
		return "one is longer"
	}
	return ""
}
