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
