package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// files is what a directory holds, by name.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == lockName {
			return err
		}
		data, err := os.ReadFile(path)
		all[path[len(dir):]] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// refused opens a damaged directory, both ways: each says so, and nothing in
// it is changed. It returns the words.
func refused(t *testing.T, dir string) string {
	t.Helper()
	before := files(t, dir)
	s, err := Open(slog.New(slog.DiscardHandler), dir, zero{})
	if err == nil {
		s.Close()
		t.Error("it was opened")
		return ""
	}
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "postroom restore") || !strings.Contains(err.Error(), dir) {
		t.Errorf("it says %v", err)
	}
	if !maps.Equal(before, files(t, dir)) {
		t.Error("something was changed")
	}
	return err.Error()
}

func overwrite(t *testing.T, path string, at int64, octets ...byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(octets, at)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func flip(t *testing.T, path string, at int64, bits byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, path, at, data[at]^bits)
}

// TestDamagedJournal: whichever octet of a record is broken, when another one
// was written after a sync the journal is damaged, and when not, the record was
// never written whole.
func TestDamagedJournal(t *testing.T) {
	s := open(t)
	set := func(n int) int64 {
		update(t, s, func(tx *Tx) error { return tx.SetMeta("a", n) })
		return s.live.journal.end
	}
	from, to := set(1), set(2)
	set(3)
	for at := from; at < to; at++ {
		dir := crashed(t, s)
		flip(t, filepath.Join(dir, journalName), at, 0x40)
		if says := refused(t, dir); !strings.Contains(says, fmt.Sprintf("octet %d,", from)) {
			t.Fatalf("with octet %d broken: %s", at, says)
		}
		if r, err := OpenReadOnly(slog.New(slog.DiscardHandler), dir); !errors.Is(err, ErrDamaged) {
			r.Close()
			t.Fatalf("reading with octet %d broken: %v", at, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openAt(t, s.Dir()) // what stands in the journal is of no generation any more
}

// TestLostTogether: two records that no sync was between may be lost each for
// itself.
func TestLostTogether(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error { return tx.SetMeta("a", 1) })
	want, from := contents(t, s), s.live.journal.end
	if err := s.UpdateSoon(func(tx *Tx) error { return tx.SetMeta("a", 2) }); err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error { return tx.SetMeta("a", 3) })
	dir := crashed(t, s)
	flip(t, filepath.Join(dir, journalName), from+journalHead, 1)
	again := openAt(t, dir)
	if !maps.Equal(want, contents(t, again)) {
		t.Error("another state is behind the crash")
	}
}

// TestSetBack: an older file with a newer journal is no state that ever was.
func TestSetBack(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error { return tx.SetMeta("a", 1) })
	older := crashed(t, s)
	if err := s.Copy(filepath.Join(t.TempDir(), "copy"), 0o600); err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error { return tx.SetMeta("a", 2) })
	data, err := os.ReadFile(filepath.Join(crashed(t, s), journalName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(older, journalName), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if says := refused(t, older); !strings.Contains(says, "newer state") {
		t.Error(says)
	}
}

// TestForgedRecord: mail that looks like a record is none, since it cannot know
// the secret.
func TestForgedRecord(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error { return tx.SetMeta("a", 1) })
	j := s.live.journal
	forge := func(secret uint64) string {
		dir, at := crashed(t, s), j.end+100
		forged := make([]byte, journalHead+1)
		binary.BigEndian.PutUint32(forged, journalVersion<<24|1)
		binary.BigEndian.PutUint64(forged[8:], (j.generation+1)^secret)
		binary.BigEndian.PutUint64(forged[16:], uint64(at))
		binary.BigEndian.PutUint32(forged[4:], checksum(forged[8:16], at, forged[16:]))
		overwrite(t, filepath.Join(dir, journalName), at, forged...)
		return dir
	}
	refused(t, forge(j.secret))
	if want := contents(t, s); !maps.Equal(want, contents(t, openAt(t, forge(0)))) {
		t.Error("another state is behind the crash")
	}
}

// TestJournalOfBefore: what the version before wrote counts.
func TestJournalOfBefore(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error { return tx.SetMeta("a", 1) })
	update(t, s, func(tx *Tx) error { return tx.SetMeta("b", 2) })
	dir, want := crashed(t, s), contents(t, s)
	path := filepath.Join(dir, journalName)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var old []byte
	records, err := s.live.journal.replay(func(payload []byte) error {
		head := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))
		head = binary.BigEndian.AppendUint32(head, checksum(u64(s.live.journal.generation), int64(len(old)), payload))
		old = append(append(old, head...), payload...)
		return nil
	})
	if err != nil || records != 2 {
		t.Fatal(records, err)
	}
	if err := os.WriteFile(path, append(old, make([]byte, len(data)-len(old))...), 0o600); err != nil {
		t.Fatal(err)
	}
	if again := openAt(t, dir); !maps.Equal(want, contents(t, again)) {
		t.Error("another state is behind the crash")
	}
}

// fullOfPages is a closed state directory whose file has pages of all kinds.
func fullOfPages(t *testing.T) string {
	t.Helper()
	s := open(t)
	for i := range 40 {
		update(t, s, func(tx *Tx) error {
			for j := range 20 {
				key := fmt.Appendf(nil, "key %d", i*20+j)
				if err := tx.bucket(bTexts).Put(key, bytes.Repeat([]byte{byte(i)}, 30*j)); err != nil {
					return err
				}
			}
			if i > 20 {
				if err := tx.bucket(bTexts).Delete(fmt.Appendf(nil, "key %d", i)); err != nil {
					return err
				}
			}
			return tx.bucket(bRecipes).Put(fmt.Appendf(nil, "%d", i), make([]byte, 9000))
		})
		if i%10 == 0 {
			if err := s.Copy(filepath.Join(t.TempDir(), "copy"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return s.Dir()
}

// copyOf copies a closed state directory.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "state")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestDamagedPages: whatever octet of the file is changed, it is refused, or
// opened and read without an end of the process.
func TestDamagedPages(t *testing.T) {
	dir := fullOfPages(t)
	good, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	good = bytes.TrimRight(good, "\x00") // the file grows by much at once
	good = append(good, make([]byte, 4096-len(good)%4096)...)
	rnd := rand.New(rand.NewSource(1))
	work := copyOf(t, dir)
	path := filepath.Join(work, fileName)
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	told := 0
	for range 150 {
		at := rnd.Int63n(int64(len(good)))
		if rnd.Intn(3) > 0 { // most of a page's order is at its front
			at = at/4096*4096 + rnd.Int63n(64)
		}
		bits := byte(1 << rnd.Intn(8))
		overwrite(t, path, at, good[at]^bits)
		s, err := Open(slog.New(slog.DiscardHandler), work, zero{})
		switch {
		case err == nil:
			s.Verify()
			if err := errors.Join(s.Update(func(tx *Tx) error { return tx.SetMeta("a", 1) }), s.Close()); err != nil {
				t.Errorf("octet %d: %v", at, err)
			}
		case errors.Is(err, ErrDamaged), strings.Contains(err.Error(), "bucket"):
			told++
		default:
			t.Errorf("octet %d: %v", at, err)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
		os.Remove(filepath.Join(work, journalName))
	}
	if told < 40 {
		t.Errorf("it was told %d times", told)
	}
}

// TestMissing: what is missing or cut short is told.
func TestMissing(t *testing.T) {
	dir := fullOfPages(t)
	cut := func(name string, size int64) func(string) error {
		return func(dir string) error { return os.Truncate(filepath.Join(dir, name), size) }
	}
	gone := func(name string) func(string) error {
		return func(dir string) error { return os.Remove(filepath.Join(dir, name)) }
	}
	for _, tt := range []struct {
		name  string
		wreck func(dir string) error
		says  string
	}{
		{"the file is empty", cut(fileName, 0), "empty"},
		{"the file has one page", cut(fileName, 4096), "cut short"},
		{"the file has some pages", cut(fileName, 20*4096+77), "cut short"},
		{"the file is something else", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, fileName), bytes.Repeat([]byte("postroom"), 4096), 0o600)
		}, "first two pages"},
		{"the file is gone", gone(fileName), "is gone, and"},
		{"the key is gone", gone(keyName), "head -c 32 /dev/urandom"},
		{"the key is cut short", cut(keyName, 31), "31 octets"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			work := copyOf(t, dir)
			if err := tt.wreck(work); err != nil {
				t.Fatal(err)
			}
			if says := refused(t, work); !strings.Contains(says, tt.says) {
				t.Errorf("it says %s", says)
			}
		})
	}
}

// TestSoonKeepsSegments: a segment is unlinked when the loss of its last
// reference is durable, not before.
func TestSoonKeepsSegments(t *testing.T) {
	s := open(t)
	ref := write(t, s, strings.Repeat("x", smallSegment+1))[0]
	update(t, s, func(tx *Tx) error { return tx.Retain(ref) })
	if err := s.UpdateSoon(func(tx *Tx) error { return tx.Release(ref) }); err != nil {
		t.Fatal(err)
	}
	if n := len(spooled(t, s)); n != 1 {
		t.Errorf("%d segments before anything is synced", n)
	}
	update(t, s, func(tx *Tx) error { return tx.SetMeta("a", 1) })
	if n := len(spooled(t, s)); n != 0 {
		t.Errorf("%d segments are left", n)
	}
	ref = write(t, s, "y")[0]
	update(t, s, func(tx *Tx) error { return tx.Retain(ref) })
	if err := s.UpdateSoon(func(tx *Tx) error { return tx.Release(ref) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(spooled(t, s)); n != 0 {
		t.Errorf("%d segments are left after the end", n)
	}
}
