package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postroom/threads"
)

// TestBackupFails: a backup that cannot be written to its end, or not be read,
// says so, leaves nothing behind, and the next one is whole.
func TestBackupFails(t *testing.T) {
	dir := t.TempDir()
	s, good := backedUp(t, dir)
	for left := 0; left < len(good); left += len(good)/40 + 1 {
		left := left
		_, err := s.Backup(writerFunc(func(p []byte) (int, error) {
			if left -= len(p); left < 0 {
				return 0, syscall.ENOSPC
			}
			return len(p), nil
		}), "v1", "", noon)
		if err == nil || !strings.Contains(err.Error(), syscall.ENOSPC.Error()) { // bbolt does not wrap all of them
			t.Errorf("%v", err)
		}
	}
	for name, wreck := range map[string]func() (mend func() error, err error){
		"a segment is gone": func() (func() error, error) {
			path := s.spool.path(1)
			return func() error { return os.Rename(path+".away", path) }, os.Rename(path, path+".away")
		},
		"whose state it is cannot be read": func() (func() error, error) {
			path := filepath.Join(dir, ownerName)
			mend := func() error { return errors.Join(os.Remove(path), os.Rename(path+".new", path)) }
			return mend, errors.Join(os.Rename(path, path+".new"), os.Mkdir(path, 0o700))
		},
		"there is no room for a checkpoint": func() (func() error, error) {
			s.live.room = func(string, int) error { return syscall.ENOSPC }
			s.live.journal.end++ // as if something was in it
			return func() error { s.live.room = nil; return nil }, nil
		},
	} {
		mend, err := wreck()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Backup(io.Discard, "v1", "", noon); err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := mend(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, linksDir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what it was made with is left: %v", err)
	}
	var buf bytes.Buffer
	head, err := s.Backup(&buf, "v1", "", noon)
	if err != nil {
		t.Fatal(err)
	}
	if checked, err := CheckBackup(&buf); err != nil || checked != head {
		t.Errorf("%+v, %v", checked, err)
	}
	sound(t, s)
}

// TestAnswersElsewhere: saved answers that lie elsewhere are backed up, go back
// to where the configuration has them if nothing is there, and are named where
// something is.
func TestAnswersElsewhere(t *testing.T) {
	s := open(t)
	answers := t.TempDir()
	if err := os.WriteFile(filepath.Join(answers, "hello.txt"), []byte("Hello there"), 0o600); err != nil {
		t.Fatal(err)
	}
	var backup bytes.Buffer
	if _, err := s.Backup(&backup, "v1", filepath.Join(answers, "none"), noon); err != nil {
		t.Errorf("answers that are not there: %v", err)
	}
	backup.Reset()
	if _, err := s.Backup(&backup, "v1", answers, noon); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		there func(to string) error
		moved bool
	}{
		{"nothing is there", func(string) error { return nil }, true},
		{"an empty folder is there", func(to string) error { return os.MkdirAll(to, 0o700) }, true},
		{"others are there", func(to string) error {
			return errors.Join(os.MkdirAll(to, 0o700), os.WriteFile(filepath.Join(to, "bye.txt"), []byte("Bye"), 0o600))
		}, false},
		{"a file is in the way", func(to string) error { return os.WriteFile(filepath.Dir(to), nil, 0o600) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "etc", "answers")
			if err := tt.there(to); err != nil {
				t.Fatal(err)
			}
			r := putBack(filepath.Join(t.TempDir(), "state"), bytes.NewReader(backup.Bytes()))
			r.Answers = to
			done, err := r.PutBack(quietLog())
			if err != nil || (done.AnswersIn == "") != tt.moved {
				t.Fatalf("%+v, %v", done, err)
			}
			in := done.AnswersIn
			if tt.moved {
				in = to
			}
			if got, err := os.ReadFile(filepath.Join(in, "hello.txt")); err != nil || string(got) != "Hello there" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestPutBackUnsound: a backup that is as it was written, of a state that was
// not sound, is refused, and what is there stays.
func TestPutBackUnsound(t *testing.T) {
	s := whole(t)
	update(t, s, func(tx *Tx) error { return tx.bucket(bEvents).Delete(eventKey(1, 2)) })
	var backup bytes.Buffer
	if _, err := s.Backup(&backup, "v1", "", noon); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := openAt(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	before := files(t, dir)
	r := putBack(dir, bytes.NewReader(backup.Bytes()))
	r.Replace = true
	if _, err := r.PutBack(quietLog()); !errors.Is(err, ErrBadBackup) || !strings.Contains(err.Error(), "stands in place") {
		t.Errorf("it says %v", err)
	}
	if !maps.Equal(before, files(t, dir)) {
		t.Error("something was changed")
	}
}

// TestPutBackFails: where files cannot change places the state is one that is
// half restored, which nobody opens, and the restore can be done again.
func TestPutBackFails(t *testing.T) {
	dir := t.TempDir()
	s, backup := backedUp(t, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r := putBack(dir, bytes.NewReader(backup))
	r.Replace = true
	inTheWay := filepath.Join(dir, beforePrefix+r.Now.UTC().Format("20060102T150405.000Z"))
	if err := os.Mkdir(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := r.PutBack(quietLog()); !errors.Is(err, os.ErrExist) {
		t.Fatalf("%v", err)
	}
	if _, err := Open(quietLog(), dir, zero{}); !errors.Is(err, ErrHalfRestored) {
		t.Errorf("opening it: %v", err)
	}
	again := putBack(dir, bytes.NewReader(backup))
	again.Now = again.Now.Add(time.Minute)
	done, err := again.PutBack(quietLog()) // unasked: half a state is none
	if err != nil || done.Before == "" || done.Before == inTheWay {
		t.Fatalf("%+v, %v", done, err)
	}
	sound(t, openAt(t, done.Before))
	sound(t, openAt(t, dir))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := putBack(file, bytes.NewReader(backup)).PutBack(quietLog()); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("into a file: %v", err)
	}
}

// TestFileCannotBeWritten: where the journal is full and the file cannot be
// brought up to date, what is asked for is durable all the same, the trouble is
// told, and it is tried again.
func TestFileCannotBeWritten(t *testing.T) {
	s := open(t)
	full := true
	s.live.room = func(path string, _ int) error {
		if full && filepath.Base(path) == fileName {
			return syscall.ENOSPC
		}
		return nil
	}
	s.live.changes = manyChanges
	if err := s.Update(set("a")); err != nil || !errors.Is(s.Trouble(), syscall.ENOSPC) {
		t.Errorf("%v, and the trouble is %v", err, s.Trouble())
	}
	if want := contents(t, s); !has(t, s, "a") || !maps.Equal(want, contents(t, openAt(t, crashed(t, s)))) {
		t.Error("another state is behind the crash")
	}
	if err := s.Update(set("b")); !errors.Is(err, syscall.ENOSPC) || has(t, s, "b") {
		t.Errorf("behind it: %v", err)
	}
	full = false
	update(t, s, set("c"))
	if !has(t, s, "a") || s.Trouble() != nil || s.live.suspect != nil {
		t.Errorf("with room again: %v", s.Trouble())
	}
}

// TestCannotBeTakenBack: a change that fails and cannot be taken back is gone
// all the same: the state is read again.
func TestCannotBeTakenBack(t *testing.T) {
	s := open(t)
	update(t, s, set("kept"))
	want := contents(t, s)
	err := s.Update(func(tx *Tx) error {
		err := tx.SetMeta("refused", 1)
		return errors.Join(err, s.live.tx.Rollback(), errRefused)
	})
	if !errors.Is(err, errRefused) {
		t.Fatal(err)
	}
	update(t, s, func(*Tx) error { return nil })
	if !maps.Equal(want, contents(t, s)) {
		t.Error("another state is read")
	}
}

// TestJournalOfUnknownChanges: a record that is whole and says what nobody here
// knows is refused, not passed over.
func TestJournalOfUnknownChanges(t *testing.T) {
	text := func(s string) string { return string(rune(len(s))) + s }
	for payload, says := range map[string]string{
		"\x01" + text("nonsense") + text("k") + text("v"): `names a bucket "nonsense"`,
		"\x09" + text(bMeta):                              "a change of kind 9",
		"\x01" + text(bMeta) + text("k") + "\x09v":        "cut short",
		"\x01" + text(bMeta) + text("") + text("v"):       "key required",
		"\x04\x01\x09half":                                "cut short",
	} {
		s := open(t)
		update(t, s, set("a"))
		if err := s.live.journal.append(append(make([]byte, journalHead), payload...)); err != nil {
			t.Fatal(err)
		}
		dir := crashed(t, s)
		if got, err := Open(slog.New(slog.DiscardHandler), dir, zero{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", payload, err)
			if err == nil {
				got.Close()
			}
		}
		if got, err := OpenReadOnly(slog.New(slog.DiscardHandler), dir); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("read, %q: %v", payload, err)
			if err == nil {
				got.Close()
			}
		}
	}
}

// TestMigrationFails: an older state that cannot be brought up to date stays as
// old as it is, and a copy of it is kept.
func TestMigrationFails(t *testing.T) {
	for _, tt := range []struct {
		name    string
		version uint64
		wreck   func(*Tx) error
		says    string
	}{
		{"from nowhere", 0, func(*Tx) error { return nil }, "no migration leads on from schema version 0"},
		{"with a broken event", 1, func(tx *Tx) error { return tx.bucket(bEvents).Put(eventKey(1, 2), []byte("\x01{")) }, "reading the events"},
		{"with a broken mail", 3, func(tx *Tx) error { return tx.bucket(bOutbox).Put([]byte("1.1.0"), []byte("\x01{")) }, "outbox"},
		{"with a broken key", 6, func(tx *Tx) error { return tx.bucket(bMessageIDs).Put([]byte("#no digest"), []byte("\x01[]")) }, "of an id is none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := whole(t)
			update(t, s, func(tx *Tx) error {
				return errors.Join(tx.AddKnown("<1@x>", threads.Known{Conversation: 1, Event: 2}), tt.wreck(tx), tx.bucket(bMeta).Put([]byte("schema"), u64(tt.version)))
			})
			want := contents(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(slog.New(slog.DiscardHandler), s.Dir(), zero{}); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("it says %v", err)
			}
			if _, err := os.Stat(filepath.Join(s.Dir(), fmt.Sprintf("%s.v%d", fileName, tt.version))); err != nil {
				t.Errorf("the copy: %v", err)
			}
			reader, err := OpenReadOnly(slog.New(slog.DiscardHandler), s.Dir())
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			if !maps.Equal(want, contents(t, reader)) {
				t.Error("something of it was changed")
			}
		})
	}
}
