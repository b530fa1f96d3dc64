package imapsync_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"postroom/internal/mailtest/servers"
	"postroom/internal/store"
)

// TestNoRoomForRecords: mail and originals for whose records there is no room
// are fetched again until there is, once each, and what was fetched in vain does
// not stay on the disk that is full.
func TestNoRoomForRecords(t *testing.T) {
	bubble(t, servers.Options{SpecialUse: true}, func(r *rig) {
		var full atomic.Bool
		var refused atomic.Int64
		dir := t.TempDir()
		st, err := store.OpenWithin(slog.New(slog.DiscardHandler), dir, bytes.NewReader(make([]byte, 64)), func(path string, _ int) error {
			if full.Load() && !strings.Contains(path, ".seg") {
				refused.Add(1)
				return syscall.ENOSPC
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.st.Close(); err != nil {
			t.Fatal(err)
		}
		r.st = st
		// segments counts those in the spool, and those that are referred to.
		segments := func() (there, used int) {
			list, err := filepath.Glob(filepath.Join(dir, "spool", "*"))
			if err != nil {
				t.Fatal(err)
			}
			ids := map[uint64]bool{}
			for _, rec := range r.inbox() {
				switch {
				case rec.Mail != nil:
					ids[rec.Mail.Raw.Segment] = true
				case rec.Fetched != nil:
					ids[rec.Fetched.Raw.Segment] = true
				}
			}
			return len(list), len(ids)
		}
		vainly := func(what string) {
			t.Helper()
			full.Store(true)
			began := refused.Load()
			r.until(what+" fails some times", time.Hour, func() bool {
				there, used := segments()
				return refused.Load() > began+8 && there > used+2
			})
			full.Store(false)
		}
		r.add(nil, 1, 2, 3)
		stop := r.run()
		defer stop()
		r.untilMails(3, 5*time.Minute)
		r.add(nil, 4, 5)
		vainly("storing mail")
		r.untilMails(5, time.Hour)
		r.ask(false, 1, 2)
		vainly("storing originals")
		r.untilBrought(2, time.Hour)
		r.whole(1)
		r.whole(2)
		if err := r.st.Walk(func(*store.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if there, used := segments(); there != used {
			names, _ := os.ReadDir(filepath.Join(dir, "spool"))
			t.Errorf("%d segments are in the spool, and %d used: %v", there, used, names)
		}
	})
}
