package store

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDoubtfulSegment: a disk that could not sync a small segment has lost
// octets of it, and says so once; a second sync of the same file is told that
// all is well. So the segment is written anew from memory before the journal,
// which has it too, is begun from the front.
func TestDoubtfulSegment(t *testing.T) {
	const mail = "From: jane@client.example\r\n\r\nIt burns.\r\n"
	for _, tt := range []struct {
		name string
		fail func(sp *spool, lose func(path string) error)
		lose func(path string) error
	}{
		{"the octets are lost", func(sp *spool, lose func(string) error) { sp.syncFile = lose }, func(path string) error { return os.Truncate(path, 5) }},
		{"the name is lost", func(sp *spool, lose func(string) error) { sp.syncDir = lose }, func(dir string) error {
			list, err := filepath.Glob(filepath.Join(dir, "*.seg"))
			if err != nil || len(list) != 1 {
				return err
			}
			return os.Remove(list[0])
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			ref := write(t, s, mail)[0]
			update(t, s, func(tx *Tx) error { return tx.Retain(ref) })
			failures := 0
			tt.fail(s.spool, func(path string) error {
				if failures++; failures > 1 {
					return nil
				}
				if err := tt.lose(path); err != nil {
					t.Fatal(err)
				}
				return syscall.EIO
			})
			nothing := func(*Tx) error { return nil }
			if err := s.Walk(nothing); err == nil || !strings.Contains(err.Error(), "input/output error") || failures != 1 {
				t.Fatalf("a sync that fails, after %d of them: %v", failures, err)
			}
			if err := s.Walk(nothing); err != nil { // this one begins the journal anew
				t.Fatal(err)
			}
			if got := read(t, s, ref); got != mail {
				t.Errorf("behind the second sync it holds %q", got)
			}
			// And again without doubt: the next segment is synced where it lies.
			before := failures
			next := write(t, s, mail)[0]
			update(t, s, func(tx *Tx) error { return tx.Retain(next) })
			if err := s.Walk(nothing); err != nil || failures == before {
				t.Errorf("the next segment: %v, and %d more syncs", err, failures-before)
			}
		})
	}
}
