package admin

import (
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"

	"postroom/internal/store"
)

// queue puts so many mails into the outbox, due in a year.
func queue(t testing.TB, st *store.Store, mails int) {
	t.Helper()
	const batch = 1000
	for n := 0; n < mails; n += batch {
		err := st.Update(func(tx *store.Tx) error {
			for i := n; i < min(mails, n+batch); i++ {
				m := store.OutMail{
					ID: fmt.Sprintf("mail.%07d", i), Kind: store.OutCopy, State: store.OutQueued, Subject: "Printer on fire", Queued: noon, Size: 4000,
					Recipients: []store.Recipient{{Address: alice, State: store.OutQueued}}, NextAttempt: noon.AddDate(1, 0, 0),
				}
				if err := tx.Enqueue(m); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestOutboxHoldsNobody: while the outbox is listed, however slowly, everything
// goes on; mails that leave and come in meanwhile put nothing out of step.
func TestOutboxHoldsNobody(t *testing.T) {
	r := newRig(t)
	const mails = 3*outboxPage + 7
	queue(t, r.st, mails)
	seen := map[string]int{}
	err := Outbox(r.st, func(row OutboxRow) error {
		seen[row.ID]++
		if len(seen)%outboxPage != 1 {
			return nil
		}
		return r.st.Update(func(tx *store.Tx) error { // hangs for good where the list holds the state
			return errors.Join(tx.DropOut(store.OutMail{ID: row.ID}), tx.Enqueue(store.OutMail{
				ID: row.ID + ".more", State: store.OutStopped, Recipients: []store.Recipient{{Address: bob, State: store.OutQueued}},
			}))
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range mails {
		if id := fmt.Sprintf("mail.%07d", i); seen[id] != 1 {
			t.Errorf("%s is listed %d times", id, seen[id])
		}
	}
	stop := errors.New("enough")
	if err := Outbox(r.st, func(OutboxRow) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("it goes on behind %v", err)
	}
}

var mostQueued = flag.Int("most-queued", 10000, "how many mails BenchmarkLongOutbox queues; 1000000 is the whole form")

// BenchmarkLongOutbox tells how long a change of the state takes while a long
// outbox is listed and counted, and what the listing costs.
//
//	go test ./internal/admin -run '^$' -bench LongOutbox -benchtime 1x -most-queued 1000000
func BenchmarkLongOutbox(b *testing.B) {
	st, err := store.Open(quiet(), b.TempDir(), zeroes{})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	queue(b, st, *mostQueued)
	longest := func(f func() error) time.Duration {
		done, most := make(chan error), time.Duration(0)
		go func() { done <- f() }()
		for n := 0; ; n++ {
			select {
			case err := <-done:
				if err != nil {
					b.Fatal(err)
				}
				return most
			default:
			}
			began := time.Now()
			if err := st.UpdateSoon(func(tx *store.Tx) error { return tx.SetMeta("bench", n) }); err != nil {
				b.Fatal(err)
			}
			most = max(most, time.Since(began))
		}
	}
	counted := func() error { _, err := Counts(st); return err }
	for b.Loop() {
		b.ReportMetric(float64(longest(counted).Microseconds()), "µs-held-by-the-first-status")
		b.ReportMetric(float64(longest(counted).Microseconds()), "µs-held-by-a-status")
		began, rows := time.Now(), 0
		held := longest(func() error { return Outbox(st, func(OutboxRow) error { rows++; return nil }) })
		if rows != *mostQueued {
			b.Fatalf("%d rows", rows)
		}
		b.ReportMetric(float64(held.Microseconds()), "µs-held-by-a-list")
		b.ReportMetric(time.Since(began).Seconds(), "s/list")
	}
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { return len(p), nil }
