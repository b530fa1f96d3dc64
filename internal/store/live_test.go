package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"testing"
)

// crashed copies a state directory as a crash at this instant leaves it, but
// for the spool, of which nothing unsynced is left.
func crashed(t *testing.T, s *Store) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, spoolDir), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{fileName, journalName, keyName} {
		data, err := os.ReadFile(filepath.Join(s.Dir(), name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// contents is everything that is stored, by bucket and key.
func contents(t *testing.T, s *Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	view(t, s, func(tx *Tx) error {
		for _, name := range allBuckets {
			b := tx.bucket(name)
			all[name+" counts"] = fmt.Sprint(b.Sequence())
			if err := b.ForEach(func(k, v []byte) error {
				all[fmt.Sprintf("%s %x", name, k)] = string(v)
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	delete(all, fmt.Sprintf("%s %x", bMeta, keyGeneration))
	return all
}

// scribble makes some changes of every kind, and says so.
func scribble(tx *Tx, rnd *rand.Rand) error {
	for range 1 + rnd.Intn(8) {
		b := tx.bucket([]string{bMeta, bTexts, bDue}[rnd.Intn(3)])
		key := fmt.Appendf(nil, "x-%d", rnd.Intn(40))
		var err error
		switch rnd.Intn(5) {
		case 0:
			err = b.Delete(key)
		case 1:
			_, err = b.NextSequence()
		case 2:
			err = b.Put(key, nil)
		default:
			err = b.Put(key, bytes.Repeat([]byte{byte(rnd.Intn(256))}, rnd.Intn(600)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var errRefused = errors.New("refused")

// TestCrashAnywhere: whatever is written, refused, brought into the file or
// lost between, a start after a crash finds what Update had returned for.
func TestCrashAnywhere(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	s := open(t)
	for round := range 60 {
		before := contents(t, s)
		change := s.Update
		if round%4 == 1 {
			change = s.UpdateSoon
		}
		err := change(func(tx *Tx) error {
			if err := scribble(tx, rnd); err != nil {
				return err
			}
			if round%3 == 0 {
				return errRefused
			}
			return nil
		})
		if refused := round%3 == 0; refused != errors.Is(err, errRefused) {
			t.Fatal(err)
		} else if refused && !maps.Equal(before, contents(t, s)) {
			t.Fatalf("round %d: a refused transaction left something", round)
		}
		if round%17 == 16 {
			if err := s.Copy(filepath.Join(t.TempDir(), "copy"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if round%10 == 9 {
			want := contents(t, s)
			again := openAt(t, crashed(t, s))
			if !maps.Equal(want, contents(t, again)) {
				t.Fatalf("round %d: another state is behind the crash", round)
			}
		}
	}
}

// TestTornRecord: a record that was not written whole counts for nothing, and
// what stands before it counts.
func TestTornRecord(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error { return tx.SetMeta("a", 1) })
	want, end := contents(t, s), s.live.journal.end
	update(t, s, func(tx *Tx) error { return tx.SetMeta("a", 2) })
	for at := end; at < s.live.journal.end; at++ {
		dir := crashed(t, s)
		f, err := os.OpenFile(filepath.Join(dir, journalName), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		var octet [1]byte
		if _, err := f.ReadAt(octet[:], at); err != nil {
			t.Fatal(err)
		}
		octet[0] ^= 0x40
		if _, err := f.WriteAt(octet[:], at); err != nil {
			t.Fatal(err)
		}
		f.Close()
		if again := openAt(t, dir); !maps.Equal(want, contents(t, again)) {
			t.Fatalf("with octet %d broken another state is behind the crash", at-end)
		}
	}
}

// TestReadBehindCrash: a command that only reads sees what the journal has,
// and leaves the files as they are.
func TestReadBehindCrash(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error { return tx.SetMeta("a", "b") })
	want, dir := contents(t, s), crashed(t, s)
	before, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	reader, err := OpenReadOnly(slog.New(slog.DiscardHandler), dir)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(want, contents(t, reader)) {
		t.Error("it reads another state")
	}
	if err := reader.Update(func(tx *Tx) error { return tx.SetMeta("a", "c") }); err == nil {
		t.Error("a reader can write")
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, fileName)); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed, %v", err)
	}
	if again := openAt(t, dir); !maps.Equal(want, contents(t, again)) {
		t.Error("the service finds another state behind the reader")
	}
}

// TestJournalFails: when the disk refuses the journal nothing is left of the
// transaction, and the next one goes through.
func TestJournalFails(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error { return tx.SetMeta("a", 1) })
	before := contents(t, s)
	s.live.journal.f.Close()
	if err := s.Update(func(tx *Tx) error { return tx.SetMeta("a", 2) }); err == nil {
		t.Fatal("no error")
	}
	if !maps.Equal(before, contents(t, s)) {
		t.Error("the transaction left something")
	}
	update(t, s, func(tx *Tx) error { return tx.SetMeta("a", 3) })
	update(t, s, func(tx *Tx) error { return tx.SetMeta("b", 4) })
	if want := contents(t, s); !maps.Equal(want, contents(t, openAt(t, crashed(t, s)))) {
		t.Error("another state is behind the crash")
	}
}

// TestSynced: when Update returns, its record was synced as it stands in the
// journal; UpdateSoon leaves that to the next one; a sync that fails leaves
// nothing.
func TestSynced(t *testing.T) {
	s := open(t)
	j := s.live.journal
	var synced []byte // of the journal, at the last sync
	refuse := false
	j.sync = func(f *os.File) (err error) {
		if refuse {
			return errRefused
		}
		synced, err = os.ReadFile(f.Name())
		return err
	}
	durable := func() bool {
		data, err := os.ReadFile(j.f.Name())
		if err != nil {
			t.Fatal(err)
		}
		return j.end > 0 && int64(len(synced)) >= j.end && bytes.Equal(data[:j.end], synced[:j.end])
	}
	set := func(n int) func(tx *Tx) error { return func(tx *Tx) error { return tx.SetMeta("a", n) } }
	update(t, s, set(1))
	if !durable() {
		t.Error("Update returned before its record was synced")
	}
	if err := s.UpdateSoon(set(2)); err != nil || durable() {
		t.Errorf("UpdateSoon: synced %v, %v", durable(), err)
	}
	update(t, s, set(3))
	if !durable() {
		t.Error("the one before is not synced with the next")
	}
	before := contents(t, s)
	refuse = true
	if err := s.Update(set(4)); !errors.Is(err, errRefused) || !maps.Equal(before, contents(t, s)) {
		t.Errorf("a sync that fails leads to %v", err)
	}
}

// TestSmallSegment: one that was never synced is there after a crash, if a
// record refers to it, from whichever of the two files.
func TestSmallSegment(t *testing.T) {
	s := open(t)
	refs := write(t, s, "From: jane\r\n\r\nHelp!\r\n")
	gone := write(t, s, "thrown away")
	update(t, s, func(tx *Tx) error { return errors.Join(tx.Retain(refs[0]), tx.Retain(gone[0])) })
	update(t, s, func(tx *Tx) error { return tx.Release(gone[0]) })
	again := openAt(t, crashed(t, s))
	raw, err := again.OpenRaw(refs[0])
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if data, err := io.ReadAll(raw); err != nil || string(data) != "From: jane\r\n\r\nHelp!\r\n" {
		t.Errorf("%q, %v", data, err)
	}
	if names := spooled(t, again); len(names) != 1 {
		t.Errorf("in the spool: %v", names)
	}
}

// TestFullJournal: the file is brought up to date by itself, and a transaction
// too big for the journal is durable too.
func TestFullJournal(t *testing.T) {
	s := open(t)
	text := bytes.Repeat([]byte("0123456789abcdef"), maxRecord/16/4)
	for i := range 20 {
		update(t, s, func(tx *Tx) error {
			return errors.Join(tx.bucket(bTexts).Put(u64(uint64(i)), text), tx.SetMeta("n", i))
		})
	}
	if end := s.live.journal.end; end > 2*fullJournal {
		t.Errorf("the journal grew to %d octets", end)
	}
	update(t, s, func(tx *Tx) error { return tx.bucket(bTexts).Put(u64(99), make([]byte, maxRecord)) })
	if want := contents(t, s); !maps.Equal(want, contents(t, openAt(t, crashed(t, s)))) {
		t.Error("another state is behind the crash")
	}
}

// TestWalk: it sees what was there when it began, and nobody waits for it.
func TestWalk(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error { return tx.SetMeta("a", 1) })
	err := s.Walk(func(old *Tx) error {
		update(t, s, func(tx *Tx) error { return tx.SetMeta("a", 2) })
		var a int
		if _, err := old.Meta("a", &a); err != nil || a != 1 {
			t.Errorf("it reads %d, %v", a, err)
		}
		if err := old.SetMeta("a", 3); err == nil {
			t.Error("it can write")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	view(t, s, func(tx *Tx) error {
		var a int
		if _, err := tx.Meta("a", &a); err != nil || a != 2 {
			t.Errorf("behind it there is %d, %v", a, err)
		}
		return nil
	})
}

// TestReadsWhatItWrote: a record looked up in a transaction is what that one
// made of it, and in the next one what stayed.
func TestReadsWhatItWrote(t *testing.T) {
	st := open(t)
	key := []byte("k")
	value := func(tx *Tx) string { return string(tx.bucket(bMeta).Get(key)) }
	steps := []func(b *bucket) error{
		func(b *bucket) error { return b.Put(key, []byte("one")) },
		func(b *bucket) error { return b.Put(key, []byte("two")) },
		func(b *bucket) error { return b.Delete(key) },
		func(b *bucket) error { return b.Put(key, []byte("three")) },
	}
	want, refused := "", errors.New("refused")
	for i, step := range steps {
		after := []string{"one", "two", "", "three"}[i]
		for _, fail := range []error{refused, nil} {
			err := st.Update(func(tx *Tx) error {
				if got := value(tx); got != want {
					t.Errorf("step %d begins with %q, want %q", i, got, want)
				}
				if err := step(tx.bucket(bMeta)); err != nil {
					return err
				}
				if got := value(tx); got != after {
					t.Errorf("step %d reads %q, want %q", i, got, after)
				}
				return fail
			})
			if !errors.Is(err, fail) {
				t.Fatal(err)
			}
		}
		want = after
	}
}
