package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
)

// fairMails is how many new conversations are handed out.
const fairMails = 1000

// TestFairness hands 1,000 new mails to three engineers, by the real command.
func TestFairness(t *testing.T) {
	for _, test := range []struct {
		name    string
		weights []int
		parts   int // how many runs it takes: the service ends and starts in between
	}{
		{"equal", []int{1, 1, 1}, 1},
		{"weighted", []int{3, 2, 1}, 1},
		{"equal, with a restart", []int{1, 1, 1}, 2},
		{"weighted, with a restart", []int{3, 2, 1}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			handOut(t, test.weights, test.parts)
		})
	}
}

func handOut(t *testing.T, weights []int, parts int) {
	var staff []engineer
	var addresses []string
	all := 0
	for i, w := range weights {
		addr := fmt.Sprintf("e%d@dev.example", i)
		addresses = append(addresses, addr)
		staff = append(staff, engineer{name: fmt.Sprintf("Engineer %d", i), email: addr, weight: w})
		all += w
	}
	w := newWorld(t, addresses...)
	o := newOffice(t, setup{imap: w.imap, smtp: w.smtp, engineers: staff})
	o.drain() // fixes where new mail begins
	n := 0
	for part := range parts {
		for ; n < fairMails*(part+1)/parts; n++ {
			c := &person{name: "C", address: fmt.Sprintf("c%d@people.example", n), host: "people.example"}
			if err := w.Deliver(c.address, supportAddr, c.write(fmt.Sprintf("Mail %d", n), "Hello\n").Bytes()); err != nil {
				t.Fatal(err)
			}
		}
		s := o.drain()
		t.Logf("part %d: %+v", part, s)
		if s.Seen < fairMails/parts || s.Queued != 0 || s.Held != 0 || s.Conversations != n {
			t.Errorf("drained %+v after %d mails", s, n)
		}
	}
	owned, got := map[string]int{}, map[string]int{}
	for _, row := range objects[listRow](t, o.command(0, "list", "--json")) {
		owned[row.Owner]++
	}
	for _, tx := range w.Transactions() {
		for _, to := range tx.To {
			if !strings.HasPrefix(to, "support+c") {
				got[to]++
			}
		}
	}
	if !maps.Equal(owned, got) {
		t.Errorf("owners: %v, but copies went to %v", owned, got)
	}
	for i, addr := range addresses {
		share := float64(fairMails) * float64(weights[i]) / float64(all)
		if math.Abs(float64(owned[addr])-share) >= 1 {
			t.Errorf("%s has %d conversations; its share is %.1f", addr, owned[addr], share)
		}
	}
	if counts := slices.Collect(maps.Values(owned)); weights[0] == weights[2] && slices.Max(counts)-slices.Min(counts) > 1 {
		t.Errorf("counts differ by more than one: %v", owned)
	}
	o.settled()
}
