package smtpout

import (
	"context"
	"flag"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/store"
)

var idleQueued = flag.Int("idle-queued", 10000, "how many mails TestIdleCostsNothing has waiting for later; 1000000 is the whole form")

// TestIdleCostsNothing: the sender does not wake up, and so looks at no store
// and allocates nothing, while there is nothing to do, however much waits for
// later; and it wakes up for what is due. For a million that wait:
//
//	go test ./smtpout -run IdleCostsNothing -idle-queued 1000000 -v
func TestIdleCostsNothing(t *testing.T) {
	for name, queued := range map[string]int{"nothing waits": 0, "much waits": *idleQueued} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, r *rig) { idle(t, r, queued) })
		})
	}
}

func idle(t *testing.T, r *rig, queued int) {
	fillLater(t, r.store, queued, time.Now().Add(30*24*time.Hour))
	var looks atomic.Int64
	now := func() time.Time {
		looks.Add(1)
		return time.Now()
	}
	s := New(slog.New(slog.DiscardHandler), r.cfg, r.store, r.relay.dial, r.render, now, func() float64 { return 0.5 }, r.seen)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	still := func(period time.Duration) {
		t.Helper()
		synctest.Wait()
		before := looks.Load()
		commits, _ := r.store.Commits()
		used := allocated(func() {
			time.Sleep(period)
			synctest.Wait()
		})
		if n := looks.Load() - before; n != 0 {
			t.Errorf("it looked at the clock %d times in %v of nothing to do", n, period)
		}
		if after, _ := r.store.Commits(); after != commits {
			t.Errorf("%d commits in %v of nothing to do", after-commits, period)
		}
		if used > 64<<10 {
			t.Errorf("%d octets were allocated in %v of nothing to do", used, period)
		}
		t.Logf("%v with %d that wait: %d octets allocated, no look, no commit", period, queued, used)
	}
	still(24 * time.Hour)
	m := r.mail(customer)
	m.NextAttempt = time.Now().Add(time.Hour)
	r.enqueue(m)
	still(time.Hour - time.Second)
	time.Sleep(2 * time.Second)
	r.want(m.ID, "done: sent")
	still(24 * time.Hour)
	if n := len(r.relay.received()); n != 1 {
		t.Errorf("the relay has %d mails", n)
	}
	cancel()
	<-ended
}

// fillLater queues mails that are due at a time.
func fillLater(t testing.TB, st *store.Store, mails int, due time.Time) {
	t.Helper()
	r := &rig{t: t, store: st}
	for mails > 0 {
		var list []store.OutMail
		for range min(mails, 500) {
			m := r.mail(customer)
			m.ID, m.NextAttempt, m.Deadline = "later-"+m.ID, due, due.Add(48*time.Hour)
			m.Recipe = []byte(strings.Repeat("a recipe ", 60))
			list = append(list, m)
		}
		r.enqueue(list...)
		mails -= len(list)
	}
}
