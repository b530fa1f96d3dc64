package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTrouble: what the disk refuses is known until it works again.
func TestTrouble(t *testing.T) {
	s := open(t)
	if err := s.Trouble(); err != nil {
		t.Errorf("at first: %v", err)
	}
	whole := s.live.journal.sync
	s.live.journal.sync = func(*os.File) error { return errRefused }
	if err := s.Update(func(tx *Tx) error { return tx.SetMeta("a", 1) }); !errors.Is(err, errRefused) || !errors.Is(s.Trouble(), errRefused) {
		t.Errorf("behind a failed sync: %v, %v", err, s.Trouble())
	}
	s.live.journal.sync = whole
	update(t, s, func(tx *Tx) error { return tx.SetMeta("a", 2) })
	if err := s.Trouble(); err != nil {
		t.Errorf("when it works again: %v", err)
	}
	spool := filepath.Join(s.Dir(), spoolDir)
	if err := os.Rename(spool, spool+".gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.NewSegment(); err == nil || s.Trouble() == nil {
		t.Errorf("without a spool: %v, %v", err, s.Trouble())
	}
	if err := os.Rename(spool+".gone", spool); err != nil {
		t.Fatal(err)
	}
	ref := write(t, s, "x")[0]
	if err := s.Trouble(); err != nil {
		t.Errorf("with it again: %v", err)
	}
	update(t, s, func(tx *Tx) error { return tx.Retain(ref) })
	if err := errors.Join(s.Close(), os.Remove(s.spool.path(ref.Segment))); err != nil {
		t.Fatal(err)
	}
	if err := openAt(t, s.Dir()).Trouble(); err == nil || !strings.Contains(err.Error(), "1 files of the spool are gone") {
		t.Errorf("with a file of the spool gone: %v", err)
	}
}

func TestOwner(t *testing.T) {
	s := open(t)
	if err := errors.Join(CheckOwner(s.Dir(), "jane INBOX"), s.SetOwner("jane INBOX"), CheckOwner(s.Dir(), "jane INBOX")); err != nil {
		t.Error(err)
	}
	err := CheckOwner(s.Dir(), "joe INBOX")
	if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), `"jane INBOX"`) || !strings.Contains(err.Error(), filepath.Join(s.Dir(), ownerName)) {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(s.Dir(), ownerName)); err != nil {
		t.Fatal(err)
	}
	if err := CheckOwner(s.Dir(), "joe INBOX"); err != nil {
		t.Error(err)
	}
}
