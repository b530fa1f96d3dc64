package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"postroom/internal/mailtest"
)

// way is what went to people about one question or answer.
type way struct {
	byID map[string][]transaction
	to   map[string]bool
}

func (k *killed) check() {
	ways := k.ways()
	doubles, lost := 0, 0
	for _, key := range slices.Sorted(maps.Keys(ways)) {
		w := ways[key]
		if len(w.byID) != 1 || len(w.to) != 1 {
			k.t.Errorf("%s went out as %d different mails to %v", key, len(w.byID), slices.Sorted(maps.Keys(w.to)))
		}
		for id, list := range w.byID {
			doubles += len(list) - 1
			if len(list) > 1 && !slices.ContainsFunc(list, withoutProof) {
				k.t.Errorf("%s went out %d times, at %v (own copy at %v) and %v, though our own copy came back:\n%s",
					id, len(list), list[0].at, list[0].ownAt, list[1].at, k.about(id))
			}
			for _, tx := range list {
				if !bytes.Equal(tx.raw, list[0].raw) {
					k.t.Errorf("%s went out twice, and not as the same:\n%s\n---\n%s", id, list[0].raw, tx.raw)
				}
				if withoutProof(tx) {
					lost++
				}
			}
		}
	}
	for n := range k.customers {
		for _, round := range []int{1, 2} {
			for _, what := range []string{"Q", "A"} {
				if key := fmt.Sprintf("%s-%04d-%d", what, n, round); ways[key] == nil {
					k.t.Errorf("%s reached nobody", key)
				}
			}
		}
	}
	k.t.Logf("%d mails of customers, all answered; %d mails went out twice, with %d own copies lost or late by the relay", 2*k.customers, doubles, lost)
	k.checkExport()
	k.o.settled()
	if held := k.o.command(0, "held", "--json"); held != "" {
		k.t.Errorf("held: %s", held)
	}
}

// withoutProof says that our own copy of a mail never came back, or so late
// that the service had a reason to send the mail again.
func withoutProof(tx transaction) bool { return tx.lost || tx.ownAt.Sub(tx.at) > unknownWait*3/4 }

// ways sorts what the relay took by what it is about.
func (k *killed) ways() map[string]*way {
	ways := map[string]*way{}
	for _, tx := range k.sink.log() {
		p := mailtest.MustParse(k.t, tx.raw)
		if p.Get("Auto-Submitted") != "" {
			k.t.Errorf("a notice went out:\n%s", tx.raw)
			continue
		}
		key := mark.FindString(p.Text)
		if ways[key] == nil {
			ways[key] = &way{byID: map[string][]transaction{}, to: map[string]bool{}}
		}
		id := p.Get("Message-ID")
		ways[key].byID[id] = append(ways[key].byID[id], tx)
		for _, to := range tx.to {
			if !strings.HasPrefix(to, "support+c") {
				ways[key].to[to] = true
			}
		}
	}
	return ways
}

// checkExport sees one conversation for each customer, with each mail once.
func (k *killed) checkExport() {
	of := map[string]int{} // customer → conversation
	in, out := map[string]int{}, map[int]int{}
	for _, m := range objects[exported](k.t, k.o.command(0, "export")) {
		if m.Conversation == nil || m.From == nil {
			k.t.Errorf("exported: %+v", m)
			continue
		}
		switch m.Direction {
		case "in":
			in[m.MessageID]++
			if old, ok := of[m.From.Address]; ok && old != *m.Conversation {
				k.t.Errorf("%s has conversations %d and %d", m.From.Address, old, *m.Conversation)
			}
			of[m.From.Address] = *m.Conversation
		case "out":
			out[*m.Conversation]++
		}
	}
	for n := range k.customers {
		for _, round := range []int{1, 2} {
			if id := "<" + messageID(n, round) + ">"; in[id] != 1 {
				k.t.Errorf("%s is exported %d times", id, in[id])
			}
		}
		if c := of[customer(n).address]; out[c] != 2 {
			k.t.Errorf("conversation %d has %d answers", c, out[c])
		}
	}
	if len(of) != k.customers || len(in) != 2*k.customers || len(out) != k.customers {
		k.t.Errorf("%d customers and %d mails in %d conversations, not %d and %d", len(of), len(in), len(out), k.customers, 2*k.customers)
	}
}
