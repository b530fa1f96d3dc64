package lab

import (
	"bytes"
	"flag"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/store"
)

var restoresFlag = flag.Int("restores", 2, "how many worlds have their state put back from a backup, from seed 100 on")

// TestRestored: in a week of a world a backup is taken at one instant, and put
// back at a later one. No customer gets anything twice or from nobody, and every
// mail reaches an engineer.
func TestRestored(t *testing.T) {
	for i := range uint64(*restoresFlag) {
		p := plan{seed: 100 + i, days: 7, gap: defaultGap, drop: map[string]bool{}}
		t.Run(fmt.Sprint(p.seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, p)
				l.putBackOnce()
				l.run()
				l.dump(*dumpFlag)
				l.theMailsCame()
				l.customersHold()
				l.end()
				if l.counts["restores"] == 0 {
					t.Error("nothing was put back")
				}
				for _, b := range l.breaches {
					again := strings.Contains(b.what, "nobody handed it on") // an engineer may get a copy once more
					if !again {
						t.Errorf("%v: %s", b.promise, b.what)
					}
				}
			})
		})
	}
}

// putBackOnce puts a backup and its return on the agenda.
func (l *lab) putBackOnce() {
	var backup bytes.Buffer
	l.after(l.between(24*time.Hour, 72*time.Hour), func() {
		if !l.up {
			l.startService()
		}
		time.Sleep(l.between(0, 4*time.Second)) // in the middle of something
		if _, err := l.svc.Store().Backup(&backup, "lab", "", time.Now()); err != nil {
			l.t.Error(err)
		}
		l.after(l.between(time.Hour, 72*time.Hour), func() { l.putBack(backup.Bytes()) })
	})
}

func (l *lab) putBack(backup []byte) {
	l.counts["restores"]++
	if l.up {
		l.halt()
	}
	r := store.Restore{Dir: l.cfg.State.Dir, Backup: bytes.NewReader(backup), Replace: true, Now: time.Now(), Random: strings.NewReader("by chance")}
	if _, err := r.PutBack(l.seams().Log); err != nil {
		l.t.Fatalf("putting the backup back: %v", err)
	}
	l.startService()
}
