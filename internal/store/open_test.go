package store

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

func TestOpen(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	dir := filepath.Join(t.TempDir(), "state")
	if _, err := OpenReadOnly(log, dir); !errors.Is(err, ErrAbsent) {
		t.Errorf("reading before there is anything: %v", err)
	}
	s := openAt(t, dir)
	key := s.InstanceKey()
	if len(key) != 32 {
		t.Errorf("a key of %d octets", len(key))
	}
	key[0]++
	if bytes.Equal(key, s.InstanceKey()) {
		t.Error("the key can be changed from outside")
	}
	if fi, err := os.Stat(dir); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	for _, name := range []string{fileName, keyName} {
		if fi, err := os.Stat(filepath.Join(dir, name)); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, fi.Mode(), err)
		}
	}
	if _, err := Open(log, dir, zero{}); !errors.Is(err, ErrInUse) {
		t.Errorf("opening it twice: %v", err)
	}
	if _, err := OpenReadOnly(log, dir); !errors.Is(err, ErrInUse) {
		t.Errorf("reading beside the service: %v", err)
	}
	update(t, s, func(tx *Tx) error { return tx.SetMeta("name", "value") })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	reader, err := OpenReadOnly(log, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	second, err := OpenReadOnly(log, dir)
	if err != nil {
		t.Fatalf("two readers: %v", err)
	}
	second.Close()
	view(t, reader, func(tx *Tx) error {
		var v string
		if ok, err := tx.Meta("name", &v); !ok || err != nil || v != "value" {
			t.Errorf("read %q, %v, %v", v, ok, err)
		}
		return nil
	})
	if err := reader.Update(func(tx *Tx) error { return nil }); err == nil {
		t.Error("a reader can write")
	}
	sound(t, reader)
}

// TestReaderDoesNotKeepTheServiceOut: it waits for a command that reads.
func TestReaderDoesNotKeepTheServiceOut(t *testing.T) {
	dir := t.TempDir()
	if err := openAt(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	reader, err := OpenReadOnly(slog.New(slog.DiscardHandler), dir)
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() {
		s, err := Open(slog.New(slog.DiscardHandler), dir, zero{})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	reader.Close()
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

func TestNewerSchema(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	update(t, s, func(tx *Tx) error { return tx.bucket(bMeta).Put([]byte("schema"), u64(schemaVersion+1)) })
	s.Close()
	log := slog.New(slog.DiscardHandler)
	before, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(log, dir, zero{}); !errors.Is(err, ErrNewer) {
		t.Errorf("opening: %v", err)
	}
	if _, err := OpenReadOnly(log, dir); !errors.Is(err, ErrNewer) {
		t.Errorf("reading: %v", err)
	}
	after, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("a newer version's file was changed: %v", err)
	}
	// The lock was given back.
	lock, err := takeLock(dir)
	if err != nil {
		t.Fatal(err)
	}
	lock.Close()
}

func TestBrokenKey(t *testing.T) {
	dir := t.TempDir()
	openAt(t, dir).Close()
	if err := os.WriteFile(filepath.Join(dir, keyName), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(slog.New(slog.DiscardHandler), dir, zero{}); err == nil {
		t.Error("a broken key was taken: every token would be another one")
	}
}

func TestWake(t *testing.T) {
	s := open(t)
	inbox, outbox := s.Wake(WakeInbox), s.Wake(WakeOutbox)
	add := func(tx *Tx) error { return tx.AddInbox(InboxRecord{At: noon}) }
	update(t, s, add)
	update(t, s, add)
	if len(inbox) != 1 || len(outbox) != 0 {
		t.Errorf("woken: inbox %d, outbox %d", len(inbox), len(outbox))
	}
	<-inbox
	boom := errors.New("rolled back")
	if err := s.Update(func(tx *Tx) error { return errors.Join(add(tx), boom) }); !errors.Is(err, boom) || len(inbox) != 0 {
		t.Errorf("woken by what was rolled back: %v", err)
	}
	update(t, s, func(tx *Tx) error { return tx.Enqueue(mail("1", OutCopy, noon)) })
	if len(outbox) != 1 {
		t.Error("the outbox was not woken")
	}
}
