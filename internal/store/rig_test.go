package store

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

type zero struct{}

func (zero) Read(p []byte) (int, error) { return len(p), nil }

func openAt(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(slog.New(slog.DiscardHandler), dir, zero{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func open(t *testing.T) *Store { return openAt(t, t.TempDir()) }

func update(t testing.TB, s *Store, f func(*Tx) error) {
	t.Helper()
	if err := s.Update(f); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, s *Store, f func(*Tx) error) {
	t.Helper()
	if err := s.View(f); err != nil {
		t.Fatal(err)
	}
}

// write commits one segment with these mails.
func write(t *testing.T, s *Store, mails ...string) []Ref {
	t.Helper()
	g, err := s.NewSegment()
	if err != nil {
		t.Fatal(err)
	}
	var refs []Ref
	for _, m := range mails {
		ref, err := g.Append(strings.NewReader(m))
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	if err := g.Commit(); err != nil {
		t.Fatal(err)
	}
	return refs
}

func read(t *testing.T, s *Store, ref Ref) string {
	t.Helper()
	raw, err := s.OpenRaw(ref)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	data, err := io.ReadAll(raw)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func spooled(t *testing.T, s *Store) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.Dir(), spoolDir))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func sound(t *testing.T, s *Store) {
	t.Helper()
	for _, err := range s.Verify() {
		t.Errorf("verify: %v", err)
	}
}

func mustEqual(t *testing.T, what string, got, want any) {
	t.Helper()
	g, err1 := encode(got)
	w, err2 := encode(want)
	if err1 != nil || err2 != nil || !bytes.Equal(g, w) {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}
