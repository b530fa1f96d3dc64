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
	// The clock is read within the transaction of a record.
	clock := func() time.Time {
		r.view(func(tx *store.Tx) error {
			list, err := tx.Inbox(1)
			if len(list) == 1 && list[0].Mail != nil && list[0].Mail.UID == bad && list[0].Tries == ends+1 {
				ends++
				runtime.Goexit()
			}
			return err
		})
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
