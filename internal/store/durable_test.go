package store

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// counting has the syncs of the journal counted, and refused while that is set.
func counting(s *Store) (n *atomic.Int64, refuse *atomic.Bool) {
	n, refuse = &atomic.Int64{}, &atomic.Bool{}
	whole := s.live.journal.sync
	s.live.journal.sync = func(f *os.File) error {
		n.Add(1)
		if refuse.Load() {
			return errRefused
		}
		return whole(f)
	}
	return n, refuse
}

// changed does a change and does not wait for it.
func changed(t *testing.T, s *Store, key string) *promise {
	t.Helper()
	_, p, err := s.update(func(tx *Tx) error { return tx.SetMeta(key, 1) }, true)
	if err != nil || p == nil {
		t.Fatalf("promise %v, %v", p, err)
	}
	return p
}

// TestSyncTogether: one sync does for all that wait by then, and for who reads
// what they wrote; who only glances at it waits for none.
func TestSyncTogether(t *testing.T) {
	s := open(t)
	syncs, _ := counting(s)
	nothing := func(*Tx) error { return nil }
	a, b := changed(t, s, "a"), changed(t, s, "b")
	if err := s.Glance(nothing); err != nil || syncs.Load() != 0 {
		t.Errorf("a glance costs %d syncs, %v", syncs.Load(), err)
	}
	if err := s.View(nothing); err != nil || syncs.Load() != 1 {
		t.Errorf("reading what is not on disk yet costs %d syncs, %v", syncs.Load(), err)
	}
	if err := errors.Join(s.await(b), s.await(a), s.View(nothing)); err != nil || syncs.Load() != 1 {
		t.Errorf("all of them cost %d syncs, %v", syncs.Load(), err)
	}
	c := changed(t, s, "c")
	if err := s.Update(nothing); err != nil || syncs.Load() != 2 {
		t.Errorf("a change of nothing behind one that is not on disk yet costs %d syncs, %v", syncs.Load(), err)
	}
	d := changed(t, s, "d")
	if err := s.Copy(filepath.Join(t.TempDir(), "copy"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.await(c), s.await(d)); err != nil || syncs.Load() != 2 {
		t.Errorf("behind a checkpoint: %d syncs, %v", syncs.Load(), err)
	}
}

// TestLoseTogether: a sync that fails leaves nothing of all that waited for it,
// nor of what was written on top, and what was durable before stays.
func TestLoseTogether(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error { return tx.SetMeta("kept", 1) })
	want := contents(t, s)
	_, refuse := counting(s)
	a, b := changed(t, s, "a"), changed(t, s, "b")
	refuse.Store(true)
	if err := s.View(func(*Tx) error { return nil }); !errors.Is(err, errRefused) {
		t.Errorf("who read it hears %v", err)
	}
	refuse.Store(false)
	for _, p := range []*promise{a, b} {
		if err := s.await(p); !errors.Is(err, errRefused) {
			t.Errorf("who waits behind the failure hears %v", err)
		}
	}
	if !maps.Equal(want, contents(t, s)) {
		t.Error("something is left of it")
	}
	update(t, s, func(tx *Tx) error { return tx.SetMeta("c", 1) })
	if want := contents(t, s); !maps.Equal(want, contents(t, openAt(t, crashed(t, s)))) {
		t.Error("another state is behind the crash")
	}
}

// TestSoonIsLost: a sync that fails takes back what UpdateSoon wrote before it,
// with the segment that this had let go, and nothing that was durable.
func TestSoonIsLost(t *testing.T) {
	s := open(t)
	ref := write(t, s, "a copy to be filed")[0]
	chores := func() (list []Chore) {
		view(t, s, func(tx *Tx) (err error) {
			list, err = tx.Chores(9)
			return err
		})
		return list
	}
	update(t, s, func(tx *Tx) error {
		return tx.AddAppend(OutMail{ID: "1", Sources: []Ref{ref}}, UID{Folder: "INBOX", Validity: 1}, noon)
	})
	was := chores()
	drop := func() {
		t.Helper()
		if err := s.UpdateSoon(func(tx *Tx) error { return tx.DropChore(was[0].Seq) }); err != nil || len(chores()) != 0 {
			t.Fatalf("%v, and %v is to be done", err, chores())
		}
	}
	drop()
	_, refuse := counting(s)
	refuse.Store(true)
	if err := s.Update(set("a")); !errors.Is(err, errRefused) {
		t.Fatal(err)
	}
	refuse.Store(false)
	mustEqual(t, "to be done again", chores(), was)
	update(t, s, set("b"))
	if got := read(t, s, ref); got != "a copy to be filed" {
		t.Errorf("it needs %q", got)
	}
	drop()
	update(t, s, set("c"))
	if names := spooled(t, s); len(names) != 0 {
		t.Errorf("done again, in the spool: %v", names)
	}
	sound(t, s)
}

// TestManyWait: of changes made side by side, each is there if and only if it
// was said to be, while syncs fail now and then; so it is behind a crash.
func TestManyWait(t *testing.T) {
	s := open(t)
	j := s.live.journal
	var n atomic.Int64
	sometimes := func(f *os.File) error {
		if n.Add(1)%5 == 0 {
			return errRefused
		}
		return datasync(f)
	}
	j.sync = sometimes
	var wg sync.WaitGroup
	var mu sync.Mutex
	said := map[string]bool{}
	for who := range 8 {
		wg.Go(func() {
			for i := range 25 {
				key := fmt.Sprintf("%d-%d", who, i)
				err := s.Update(func(tx *Tx) error {
					if s.live.journal != j { // a failed one was replaced
						j = s.live.journal
						j.sync = sometimes
					}
					return tx.SetMeta(key, 1)
				})
				mu.Lock()
				said[key] = err == nil
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for s.Update(func(tx *Tx) error { return tx.SetMeta("end", 1) }) != nil {
	}
	lost := 0
	for _, st := range []*Store{s, openAt(t, crashed(t, s))} {
		view(t, st, func(tx *Tx) error {
			for key, want := range said {
				var v int
				if ok, err := tx.Meta(key, &v); err != nil || ok != want {
					t.Errorf("%s: there %v, said %v, %v", key, ok, want, err)
				}
				if !want {
					lost++
				}
			}
			return nil
		})
	}
	if lost == 0 {
		t.Error("no sync failed")
	}
}
