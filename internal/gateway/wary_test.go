package gateway

import (
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"postroom/internal/rotation"
	"postroom/internal/store"
)

// TestRecordThatEndsTheProcess: a mail at which the process ends, with no
// panic that could be caught, is set aside at the start behind the third such
// end, and those behind it go on.
func TestRecordThatEndsTheProcess(t *testing.T) {
	r := newRig(t, nil)
	bad := r.put("INBOX", r.wrote(jane, "Deadly", "It ends us."))
	good := r.put("INBOX", r.wrote(jane, "Harmless", "It does not."))
	rot, _, err := rotation.Parse("rotation.toml", []byte(twoEngineers))
	if err != nil {
		t.Fatal(err)
	}
	ends := 0
	var first store.InboxRecord
	// The clock is read before records are taken, where the store can be looked
	// into, and within transactions.
	clock := func() time.Time {
		if !within("(*Store).Update") {
			r.view(func(tx *store.Tx) error {
				list, err := tx.Inbox(1)
				first = store.InboxRecord{}
				if len(list) == 1 {
					first = list[0]
				}
				return err
			})
			return r.now
		}
		if within("(*Gateway).batch.func1") && first.Mail != nil && first.Mail.UID == bad && first.Tries < maxTries {
			ends++
			runtime.Goexit()
		}
		return r.now
	}
	for start := 1; ; start++ {
		if start > 10 {
			t.Fatal("it is never set aside")
		}
		g, err := New(slog.New(slog.DiscardHandler), r.cfg, r.st, rot, clock, r)
		if err != nil {
			t.Fatal(err)
		}
		done, finished := make(chan struct{}), false
		go func() {
			defer close(done)
			if err := g.Drain(t.Context()); err != nil {
				t.Errorf("start %d: %v", start, err)
			}
			finished = true
		}()
		<-done
		if finished {
			break
		}
	}
	if ends != 3 {
		t.Errorf("the process ended %d times, want 3", ends)
	}
	if o := r.outcome(bad); o.Kind != store.OutcomeAside || !strings.Contains(o.Note, "process ended") {
		t.Errorf("the deadly one: %+v", o)
	}
	if o := r.outcome(good); o.Kind != store.OutcomeEvent {
		t.Errorf("the one behind it: %+v", o)
	}
}

// within reports whether a function of that name is being run.
func within(name string) bool {
	pc := make([]uintptr, 32)
	frames := runtime.CallersFrames(pc[:runtime.Callers(1, pc)])
	for f, more := frames.Next(); more; f, more = frames.Next() {
		if strings.HasSuffix(f.Function, name) {
			return true
		}
	}
	return false
}
