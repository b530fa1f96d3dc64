package store

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"syscall"
	"testing"
)

// TestNoRoom: what finds no room is not stored, by halves neither, and says so;
// with room again everything goes on.
func TestNoRoom(t *testing.T) {
	full := false
	var asked []string
	s, err := OpenWithin(slog.New(slog.DiscardHandler), t.TempDir(), zero{}, func(path string, octets int) error {
		asked = append(asked, path)
		if full {
			return syscall.ENOSPC
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	put := func(key string) error { return s.Update(func(tx *Tx) error { return tx.SetMeta(key, key) }) }
	has := func(key string) (was bool) {
		view(t, s, func(tx *Tx) (err error) {
			var v string
			was, err = tx.Meta(key, &v)
			return err
		})
		return was
	}
	ref := write(t, s, "before")[0]
	update(t, s, func(tx *Tx) error { return tx.Retain(ref) })
	full = true
	g, err := s.NewSegment()
	if err != nil {
		t.Fatal(err)
	}
	_, err1 := g.Append(strings.NewReader(strings.Repeat("x", 100<<10)))
	err2 := g.Abort()
	if !errors.Is(err1, syscall.ENOSPC) || err2 != nil {
		t.Errorf("a mail for which there is no room: %v, %v", err1, err2)
	}
	for _, key := range []string{"one", "two"} {
		if err := put(key); !errors.Is(err, syscall.ENOSPC) || has(key) {
			t.Errorf("a record for which there is no room: %v, stored %t", err, has(key))
		}
	}
	if err := s.Walk(func(*Tx) error { return nil }); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a checkpoint for which there is no room: %v", err)
	}
	if err := s.Trouble(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the trouble: %v", err)
	}
	full = false
	if err := put("three"); err != nil || !has("three") || has("one") || has("two") || read(t, s, ref) != "before" {
		t.Errorf("with room again: %v, three %t, one %t", err, has("three"), has("one"))
	}
	next := write(t, s, strings.Repeat("y", 100<<10))[0]
	update(t, s, func(tx *Tx) error { return tx.Retain(next) })
	if err := s.Trouble(); err != nil {
		t.Errorf("still in trouble: %v", err)
	}
	kinds := map[string]bool{}
	for _, path := range asked {
		kinds[path[strings.LastIndexByte(path, '/')+1:]] = true
	}
	if !kinds[journalName] || !kinds[fileName] || len(kinds) < 3 {
		t.Errorf("it was asked about %v", kinds)
	}
	if _, err := OpenWithin(slog.New(slog.DiscardHandler), s.Dir(), io.MultiReader(), nil); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
}
