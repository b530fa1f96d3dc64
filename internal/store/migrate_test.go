package store

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"postroom/threads"
)

// TestMigrate: a file of version 1 has no index of open conversations, and
// states that remember less than their events say.
func TestMigrate(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	events := []threads.Event{
		{N: 1, At: noon, Body: threads.Opened{Subject: "Printer", Customer: threads.Address{Addr: "jane@client.example"}}},
		{N: 2, At: noon, Body: threads.Received{MessageID: "<1@client.example>", From: threads.Address{Addr: "jane@client.example"}}},
		{N: 3, At: noon, Body: threads.Assigned{Engineer: "alice@acme.example", How: threads.HowTurn}},
		{N: 4, At: noon, Body: threads.Copied{Engineer: "alice@acme.example", OutID: "1.3.1", Of: 2}},
	}
	update(t, s, func(tx *Tx) error {
		c := threads.Fold(1, events)
		if err := tx.Commit(c, events); err != nil {
			return err
		}
		closed := append(events[:2:2], threads.Event{N: 3, At: noon, Body: threads.Closed{By: "root"}})
		if err := tx.Commit(threads.Fold(2, closed), closed); err != nil {
			return err
		}
		c.Asked = time.Time{} // version 1 knew nothing of it
		if err := tx.put(bConversations, u64(1), c); err != nil {
			return err
		}
		return tx.bucket(bMeta).Put([]byte("schema"), u64(1))
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	older, err := bolt.Open(filepath.Join(dir, fileName), 0o600, nil)
	if err == nil {
		err = errors.Join(older.Update(func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte(bOpen)) }), older.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	reader, err := OpenReadOnly(slog.New(slog.DiscardHandler), dir)
	if err != nil {
		t.Fatal(err)
	}
	if open := openIn(t, reader); len(open) != 1 || open[0].ID != 1 {
		t.Errorf("an older file that is only read has %+v open", open)
	}
	reader.Close()

	s = openAt(t, dir)
	sound(t, s)
	open := openIn(t, s)
	if len(open) != 1 || open[0].Owner != "alice@acme.example" || !open[0].Since.Equal(noon) || !open[0].Unanswered {
		t.Errorf("open: %+v", open)
	}
	kept := filepath.Join(dir, fileName+".v1")
	if fi, err := os.Stat(kept); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the copy of the older file: %v, %v", fi, err)
	}
	if err := os.Remove(kept); err != nil {
		t.Fatal(err)
	}
	s.Close()
	openAt(t, dir)
	if _, err := os.Stat(kept); err == nil {
		t.Error("it was migrated twice")
	}
}

// TestMigrateWhatEngineersSaw: version 4 did not remember what each engineer
// had seen and did; version 5 makes it from the events.
func TestMigrateWhatEngineersSaw(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	events := []threads.Event{
		{N: 1, At: noon, Body: threads.Opened{Subject: "Printer", Customer: threads.Address{Addr: "jane@client.example"}}},
		{N: 2, At: noon, Body: threads.Received{MessageID: "<1@client.example>", From: threads.Address{Addr: "jane@client.example"}}},
		{N: 3, At: noon, Body: threads.Assigned{Engineer: "alice@acme.example", How: threads.HowTurn}},
		{N: 4, At: noon, Body: threads.Copied{Engineer: "alice@acme.example", OutID: "1.3.1", MessageID: "<copy@acme.example>", Of: 2}},
		{N: 5, At: noon, Body: threads.Noted{Author: "bob@acme.example", MessageID: "<note@acme.example>"}},
	}
	want := threads.Fold(1, events)
	update(t, s, func(tx *Tx) error {
		if err := tx.Commit(want, events); err != nil {
			return err
		}
		older := want
		older.News = nil
		older.Desks = map[string]threads.Desk{"alice@acme.example": {Newest: 2}}
		if err := tx.put(bConversations, u64(1), older); err != nil {
			return err
		}
		return tx.bucket(bMeta).Put([]byte("schema"), u64(4))
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	sound(t, s)
	view(t, s, func(tx *Tx) error {
		got, _, err := tx.Conversation(1)
		mustEqual(t, "desks", got.Desks, want.Desks)
		mustEqual(t, "news", got.News, want.News)
		if d := got.Desks["alice@acme.example"]; d.Seen != 4 || len(d.Views) != 1 || !got.Desks["bob@acme.example"].Follows || got.News["bob@acme.example"].Event != 5 {
			t.Errorf("made anew: %+v, %+v", got.Desks, got.News)
		}
		return err
	})
	if _, err := os.Stat(filepath.Join(dir, fileName+".v4")); err != nil {
		t.Errorf("no copy was kept: %v", err)
	}
}

func openIn(t *testing.T, s *Store) (list []OpenConversation) {
	t.Helper()
	view(t, s, func(tx *Tx) error {
		return tx.EachOpen(func(o OpenConversation) error {
			list = append(list, o)
			return nil
		})
	})
	return list
}

func TestAbsences(t *testing.T) {
	s := open(t)
	a := threads.Absence{Cause: threads.CauseReply, Reason: "I am at the sea", Since: noon, Until: noon.Add(24 * time.Hour)}
	update(t, s, func(tx *Tx) error {
		if err := tx.AddRotation(RotationVersion{Version: "1"}); err != nil {
			return err
		}
		if err := tx.SetAbsence("zoe@acme.example", a); err != nil {
			return err
		}
		return tx.SetAbsence("alice@acme.example", threads.Absence{Cause: threads.CauseDead, Since: noon})
	})
	update(t, s, func(tx *Tx) error { return tx.DropAbsence("alice@acme.example") })
	view(t, s, func(tx *Tx) error {
		all, err := tx.Absences()
		mustEqual(t, "absences", all, threads.Absences{"zoe@acme.example": a})
		if v, ok, err := tx.LastRotation(); v.Version != "1" || !ok || err != nil {
			t.Errorf("the newest file: %+v, %v, %v", v, ok, err)
		}
		return err
	})
}

func TestShiftTimers(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error {
		if err := tx.SetTimer(Timer{Name: "a", Due: noon, Conversation: 1}); err != nil {
			return err
		}
		return tx.SetTimer(Timer{Name: "b", Due: noon.Add(time.Hour)})
	})
	update(t, s, func(tx *Tx) error { return tx.ShiftTimers(-24 * time.Hour) })
	view(t, s, func(tx *Tx) error {
		if at, ok := tx.NextTimer(); !ok || !at.Equal(noon.Add(-24*time.Hour)) {
			t.Errorf("next: %v, %v", at, ok)
		}
		return nil
	})
	sound(t, s)
}
