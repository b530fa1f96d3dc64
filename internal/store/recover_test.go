package store

import (
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// has reports whether a named value is there.
func has(t *testing.T, s *Store, key string) (was bool) {
	t.Helper()
	view(t, s, func(tx *Tx) (err error) {
		var v int
		was, err = tx.Meta(key, &v)
		return err
	})
	return was
}

func set(key string) func(*Tx) error { return func(tx *Tx) error { return tx.SetMeta(key, 1) } }

// TestNoOtherJournal: a journal that failed is replaced, and where no file can
// be had for that now, one that can be had later does as well. The state can be
// read meanwhile.
func TestNoOtherJournal(t *testing.T) {
	s := open(t)
	update(t, s, set("before"))
	_, refuse := counting(s)
	refuse.Store(true)
	if err := s.Update(set("lost")); !errors.Is(err, errRefused) {
		t.Fatal(err)
	}
	path := filepath.Join(s.Dir(), journalName)
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Update(set("lost")); !errors.Is(err, syscall.EISDIR) || s.Trouble() == nil {
			t.Errorf("without a journal: %v, and the trouble is %v", err, s.Trouble())
		}
		if !has(t, s, "before") || has(t, s, "lost") {
			t.Error("another state is read meanwhile")
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	update(t, s, set("after"))
	if want := contents(t, s); !maps.Equal(want, contents(t, openAt(t, crashed(t, s)))) || !has(t, s, "after") || s.Trouble() != nil {
		t.Errorf("another state is behind the crash; the trouble is %v", s.Trouble())
	}
}

// TestRecoverFromNothing: where a sync failed and then nothing could be read
// either, the journal is relied on no more than where only the sync failed.
func TestRecoverFromNothing(t *testing.T) {
	s := open(t)
	ref := write(t, s, "Help!")[0]
	_, refuse := counting(s)
	refuse.Store(true)
	if err := s.Update(func(tx *Tx) error { return tx.Retain(ref) }); !errors.Is(err, errRefused) {
		t.Fatal(err)
	}
	refuse.Store(false)
	failed := s.live.journal
	s.live.rollback() // as if reading the state again had failed
	if err := s.View(func(*Tx) error { return nil }); !errors.Is(err, errNotLive) {
		t.Errorf("reading nothing: %v", err)
	}
	update(t, s, func(tx *Tx) error { return tx.Retain(ref) })
	if s.live.journal == failed {
		t.Error("the journal that failed is written on")
	}
	if got := read(t, openAt(t, crashedWith(t, s)), ref); got != "Help!" {
		t.Errorf("behind a crash the mail is %q", got)
	}
}

// crashedWith is crashed with the spool as it was synced: the test has it that
// a checkpoint did that.
func crashedWith(t *testing.T, s *Store) string {
	t.Helper()
	dir := crashed(t, s)
	s.live.carry.mu.Lock()
	defer s.live.carry.mu.Unlock()
	for _, name := range spooled(t, s) {
		path := filepath.Join(s.Dir(), spoolDir, name)
		unsynced := false
		for _, m := range []map[uint64][]byte{s.live.carry.waiting, s.live.carry.unsynced} {
			for id := range m {
				unsynced = unsynced || s.spool.path(id) == path
			}
		}
		if unsynced {
			continue
		}
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, spoolDir, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// halfCommitted has the next commit of the file written, and said to have
// failed: as when the very last sync of it fails.
func halfCommitted(s *Store) {
	whole := s.live.commit
	s.live.commit = func(tx *bolt.Tx) error {
		s.live.commit = whole
		return errors.Join(whole(tx), syscall.EIO)
	}
}

// TestDoubtfulCommit: a commit that failed and yet can be read is made sure of,
// and then was none that failed: what it had written is there, and who waited
// for it hears so.
func TestDoubtfulCommit(t *testing.T) {
	s := open(t)
	syncs, refuse := counting(s)
	waits := changed(t, s, "waits")
	halfCommitted(s)
	if err := s.Update(big("big")); err != nil || !has(t, s, "big") {
		t.Errorf("%v, and it is there: %t", err, has(t, s, "big"))
	}
	refuse.Store(true)
	if err := s.await(waits); err != nil || syncs.Load() != 0 || !has(t, s, "waits") {
		t.Errorf("who waited hears %v", err)
	}
	update(t, s, set("after"))
	if want := contents(t, s); !maps.Equal(want, contents(t, openAt(t, crashed(t, s)))) {
		t.Error("another state is behind the crash")
	}
}

// TestUnsettled: a commit of which nobody knows whether the disk has it is not
// read before that is known. Then who waited for it is told, also where the
// journal failed meanwhile.
func TestUnsettled(t *testing.T) {
	s := open(t)
	_, refuse := counting(s)
	waits := changed(t, s, "waits")
	path := filepath.Join(s.Dir(), fileName)
	halfCommitted(s)
	if err := os.Rename(path, path+".away"); err != nil { // nobody can make sure of it
		t.Fatal(err)
	}
	if err := s.Update(big("big")); !errors.Is(err, syscall.EIO) {
		t.Errorf("it could not be made sure of: %v", err)
	}
	nothing := func(*Tx) error { return nil }
	for range 2 {
		if err := s.View(nothing); !errors.Is(err, errNotLive) {
			t.Errorf("reading it: %v", err)
		}
		if err := s.Update(nothing); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("going on from it: %v", err)
		}
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	refuse.Store(true)
	if err := s.await(waits); err != nil || !has(t, s, "waits") {
		t.Errorf("who waited hears %v", err)
	}
	update(t, s, set("after"))
	if want := contents(t, s); !maps.Equal(want, contents(t, openAt(t, crashed(t, s)))) {
		t.Error("another state is behind the crash")
	}
}

// TestReadersBehindCrash: of two that read what a crash left at once, the one
// that comes too late is told that another has it.
func TestReadersBehindCrash(t *testing.T) {
	s := open(t)
	update(t, s, set("a"))
	dir := crashed(t, s)
	first, err := bolt.Open(filepath.Join(dir, fileName), 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := OpenReadOnly(slog.New(slog.DiscardHandler), dir); !errors.Is(err, ErrInUse) {
		t.Errorf("beside another: %v", err)
	}
}

// big is a change that is too big for the journal.
func big(key string) func(*Tx) error {
	return func(tx *Tx) error {
		return errors.Join(tx.SetMeta(key, 1), tx.bucket(bTexts).Put([]byte(key), make([]byte, maxRecord)))
	}
}
