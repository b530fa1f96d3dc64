package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSegment(t *testing.T) {
	s := open(t)
	g, err := s.NewSegment()
	if err != nil {
		t.Fatal(err)
	}
	one, err := g.Append(strings.NewReader("one"))
	if err != nil {
		t.Fatal(err)
	}
	// A mail that breaks off half-way is taken back.
	size := g.Size()
	broken := io.MultiReader(strings.NewReader(strings.Repeat("x", 200<<10)), failing{})
	if _, err := g.Append(broken); err == nil {
		t.Fatal("a mail that broke off was appended")
	}
	if err := g.Truncate(size); err != nil {
		t.Fatal(err)
	}
	two, err := g.Append(strings.NewReader("two!"))
	if err != nil {
		t.Fatal(err)
	}
	empty, err := g.Append(strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenRaw(one); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an uncommitted segment can be read: %v", err)
	}
	if err := g.Commit(); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[Ref]string{one: "one", two: "two!", empty: ""} {
		if got := read(t, s, ref); got != want {
			t.Errorf("%+v: %q, want %q", ref, got, want)
		}
	}
	mustEqual(t, "second mail", two, Ref{Segment: one.Segment, Offset: 3, Length: 4})
	if names := spooled(t, s); len(names) != 1 || strings.HasSuffix(names[0], ".new") {
		t.Errorf("in the spool: %v", names)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the line broke") }

func TestAbort(t *testing.T) {
	s := open(t)
	g, err := s.NewSegment()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Append(strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if err := g.Abort(); err != nil {
		t.Fatal(err)
	}
	if names := spooled(t, s); len(names) != 0 {
		t.Errorf("in the spool: %v", names)
	}
	// Segments in the making do not meet.
	a, errA := s.NewSegment()
	b, errB := s.NewSegment()
	if errA != nil || errB != nil || a.id == b.id {
		t.Errorf("%v, %v", errA, errB)
	}
	if err := errors.Join(a.Abort(), b.Abort()); err != nil {
		t.Error(err)
	}
}

func TestReferences(t *testing.T) {
	s := open(t)
	refs := write(t, s, "one", "two")
	retain := func(tx *Tx) error { return tx.Retain(refs[0]) }
	release := func(tx *Tx) error { return tx.Release(refs[1]) }
	update(t, s, retain)
	update(t, s, retain)
	update(t, s, release)
	if len(spooled(t, s)) != 1 {
		t.Fatal("it went with a reference left")
	}
	boom := errors.New("rolled back")
	if err := s.Update(func(tx *Tx) error { return errors.Join(release(tx), boom) }); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if len(spooled(t, s)) != 1 {
		t.Fatal("it went in a transaction that was rolled back")
	}
	// Let go and taken again in one transaction: it must stay.
	update(t, s, func(tx *Tx) error { return errors.Join(release(tx), retain(tx)) })
	if got := read(t, s, refs[0]); got != "one" {
		t.Errorf("after letting go and taking again: %q", got)
	}
	raw, err := s.OpenRaw(refs[1])
	if err != nil {
		t.Fatal(err)
	}
	update(t, s, release)
	if names := spooled(t, s); len(names) != 0 {
		t.Errorf("without references: %v", names)
	}
	if data, err := io.ReadAll(raw); err != nil || string(data) != "two" {
		t.Errorf("what was open: %q, %v", data, err)
	}
	raw.Close()
	if err := s.Update(release); err == nil {
		t.Error("a reference that is not there was released")
	}
	sound(t, s)
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	kept := write(t, s, "kept")[0]
	lost := write(t, s, "lost")[0]
	update(t, s, func(tx *Tx) error {
		return tx.AddMail(noon, []InMail{{UID: UID{"INBOX", 1, 1}, Raw: kept}}, Cursor{Folder: "INBOX", UIDValidity: 1, Next: 2})
	})
	g, err := s.NewSegment()
	if err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, spoolDir, "README")
	if err := os.WriteFile(foreign, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	g.f.Close() // the process ended here
	s = openAt(t, dir)
	if names := spooled(t, s); len(names) != 2 || names[0] != filepath.Base(s.spool.path(kept.Segment)) || names[1] != "README" {
		t.Errorf("after the sweep: %v", names)
	}
	if next := write(t, s, "next")[0]; next.Segment <= kept.Segment || next.Segment <= lost.Segment && next.Segment == kept.Segment {
		t.Errorf("segment %d was used before", next.Segment)
	}
	if got := read(t, s, kept); got != "kept" {
		t.Errorf("kept: %q", got)
	}
}

// TestForsaken: a segment whose transaction failed goes when a crash cannot
// find a record of it any more, not before, and one that has a reference stays.
func TestForsaken(t *testing.T) {
	nothing := func(*Tx) error { return nil }
	for name, size := range map[string]int{"carried by the journal": 10, "synced by itself": smallSegment + 1} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			segment := func() (*Segment, Ref) {
				g, err := s.NewSegment()
				if err != nil {
					t.Fatal(err)
				}
				ref, err := g.Append(strings.NewReader(strings.Repeat("x", size)))
				if err := errors.Join(err, g.Commit()); err != nil {
					t.Fatal(err)
				}
				return g, ref
			}
			used, ref := segment()
			update(t, s, func(tx *Tx) error {
				return tx.AddMail(noon, []InMail{{UID: UID{"INBOX", 1, 1}, Raw: ref}}, Cursor{Folder: "INBOX", UIDValidity: 1, Next: 2})
			})
			lost, lostRef := segment()
			_, refuse := counting(s)
			refuse.Store(true)
			if err := s.Update(func(tx *Tx) error { return tx.Retain(lostRef) }); !errors.Is(err, errRefused) {
				t.Fatal(err)
			}
			used.Forsake()
			lost.Forsake()
			if err := s.View(nothing); err != nil || len(spooled(t, s)) != 2 {
				t.Errorf("%v, in the spool, while the journal may have a record of it: %v", err, spooled(t, s))
			}
			update(t, s, nothing)
			if names := spooled(t, s); len(names) != 1 || read(t, s, ref) == "" {
				t.Errorf("in the spool, when it cannot: %v", names)
			}
			refused, refusedRef := segment()
			err := s.Update(func(tx *Tx) error { return errors.Join(tx.Retain(refusedRef), errRefused) })
			refused.Forsake()
			update(t, s, set("a"))
			if err := s.Walk(nothing); err != nil { // which makes a checkpoint
				t.Fatal(err)
			}
			if !errors.Is(err, errRefused) || len(spooled(t, s)) != 1 {
				t.Errorf("%v, in the spool: %v", err, spooled(t, s))
			}
			sound(t, s)
		})
	}
}

// TestCommitFails: of a segment that could not be made durable nothing is left,
// whatever it failed at.
func TestCommitFails(t *testing.T) {
	boom := errors.New("the disk failed")
	for _, tt := range []struct {
		name string
		size int
		fail func(s *Store, g *Segment)
	}{
		{"writing", 10, func(_ *Store, g *Segment) { g.f.Close() }},
		{"writing much", smallSegment + 1, func(_ *Store, g *Segment) { g.f.Close() }},
		{"naming", 10, func(s *Store, g *Segment) { os.Remove(s.spool.path(g.id) + ".new") }},
		{"syncing its name", smallSegment + 1, func(s *Store, _ *Segment) { s.spool.syncDir = func(string) error { return boom } }},
		{"syncing one too many for the journal", 10, func(s *Store, _ *Segment) {
			for range manyCarried {
				write(t, s, "x")
			}
			s.spool.syncFile = func(string) error { return boom }
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			g, err := s.NewSegment()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := g.Append(strings.NewReader(strings.Repeat("x", tt.size))); err != nil {
				t.Fatal(err)
			}
			tt.fail(s, g)
			if err := g.Commit(); err == nil || s.Trouble() == nil {
				t.Errorf("no error, and the trouble is %v", s.Trouble())
			}
			for _, name := range spooled(t, s) {
				if strings.HasPrefix(name, filepath.Base(s.spool.path(g.id))) {
					t.Errorf("%s is left in the spool", name)
				}
			}
		})
	}
}
