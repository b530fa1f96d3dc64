package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// backedUp is a state with something of everything, and its backup.
func backedUp(t *testing.T, dir string) (*Store, []byte) {
	t.Helper()
	s := openAt(t, dir)
	refs := write(t, s, "first mail", "second mail")
	more := write(t, s, "third mail")
	update(t, s, func(tx *Tx) error {
		mails := []InMail{{UID: UID{"INBOX", 7, 1}, Raw: refs[0]}, {UID: UID{"INBOX", 7, 2}, Raw: more[0]}}
		if err := tx.AddMail(noon, mails, Cursor{Folder: "INBOX", UIDValidity: 7, Next: 3, First: 1, HistoryNext: 1}); err != nil {
			return err
		}
		for i, state := range []OutState{OutQueued, OutSending, OutStopped} {
			m := OutMail{ID: fmt.Sprintf("1.1.%d", i), Kind: OutAnswer, State: state, Sources: []Ref{refs[1]}, NextAttempt: noon,
				Recipients: []Recipient{{Address: "jane@client.example", State: OutQueued}}}
			if err := tx.Enqueue(m); err != nil {
				return err
			}
		}
		if err := tx.AddInbox(InboxRecord{At: noon, Admin: &AdminRequest{Verb: "close"}}); err != nil {
			return err
		}
		return tx.SetTimer(Timer{Name: "snooze/1", Due: noon})
	})
	if err := s.SetOwner("support@acme.example INBOX"); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"token.json": "{}", "answers/hello.txt": "Hello there", "half.new": "half"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var buf bytes.Buffer
	head, err := s.Backup(&buf, "v1", "", noon)
	if err != nil {
		t.Fatal(err)
	}
	if checked, err := CheckBackup(bytes.NewReader(buf.Bytes())); err != nil || checked != head {
		t.Fatalf("checking it: %+v, %v; it was %+v", checked, err, head)
	}
	if _, err := os.Stat(filepath.Join(dir, linksDir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what the backup was made with is left: %v", err)
	}
	return s, buf.Bytes()
}

func putBack(dir string, backup io.Reader) Restore {
	return Restore{Dir: dir, Backup: backup, Mailbox: "support@acme.example INBOX", Now: noon.Add(time.Hour), Random: bytes.NewReader([]byte("chance"))}
}

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// TestBackup: what was backed up comes back, whatever happened since: mail that
// waited waits for the mail of the lost time, what was on its way is unknown,
// requests are dropped.
func TestBackup(t *testing.T) {
	old := t.TempDir()
	s, backup := backedUp(t, old)
	key := s.InstanceKey()
	update(t, s, func(tx *Tx) error { return tx.SetMeta("later", true) })

	dir := filepath.Join(t.TempDir(), "state")
	done, err := putBack(dir, bytes.NewReader(backup)).PutBack(quietLog())
	if err != nil || done.Before != "" {
		t.Fatalf("%+v, %v", done, err)
	}
	back := openAt(t, dir)
	if !bytes.Equal(back.InstanceKey(), key) {
		t.Error("the instance key is another one")
	}
	for _, err := range back.Verify() {
		t.Error(err)
	}
	view(t, back, func(tx *Tx) error {
		if tx.InboxLen() != 2 {
			t.Errorf("%d records wait", tx.InboxLen())
		}
		if list, err := tx.Inbox(10); err != nil || len(list) != 0 {
			t.Errorf("in the inbox: %v, %v", list, err)
		}
		lost, err := tx.records(bLost, 10)
		if err != nil || len(lost) != 2 || !lost[0].Mail.Lost || !lost[1].Mail.Lost {
			t.Errorf("set apart: %+v, %v", lost, err)
		}
		r, was, err := tx.Restored()
		if !was || err != nil || r.Phase != RestoreGather || !r.Taken.Equal(noon) || !r.At.Equal(noon.Add(time.Hour)) {
			t.Errorf("restored: %+v, %v, %v", r, was, err)
		}
		if era, err := tx.Era(); err != nil || len(era) != 8 {
			t.Errorf("the era is %q, %v", era, err)
		}
		for id, want := range map[string]OutState{"1.1.0": OutUnknown, "1.1.1": OutUnknown, "1.1.2": OutStopped} {
			if m, _, err := tx.Out(id); err != nil || m.State != want {
				t.Errorf("mail %s is %s, %v", id, m.State, err)
			}
		}
		if _, ok := tx.TimerDue("snooze/1"); !ok {
			t.Error("a deadline is gone")
		}
		var later bool
		if had, err := tx.Meta("later", &later); had || err != nil {
			t.Errorf("it knows what came later: %v", err)
		}
		return nil
	})
	for name, want := range map[string]string{"token.json": "{}", "answers/hello.txt": "Hello there"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "half.new")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a half-written file came along: %v", err)
	}
	raw, err := back.OpenRaw(Ref{Segment: 1, Offset: 0, Length: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if got, err := io.ReadAll(raw); err != nil || string(got) != "first mail" {
		t.Errorf("the spool has %q, %v", got, err)
	}
}

// TestBackupBesideChanges: a backup is of one instant, whatever is let go while
// it is being written.
func TestBackupBesideChanges(t *testing.T) {
	s := open(t)
	refs := write(t, s, "kept while it is copied")
	update(t, s, func(tx *Tx) error { return tx.KeepRaw(1, 1, refs[0]) })
	var buf bytes.Buffer
	dropped := false
	w := writerFunc(func(p []byte) (int, error) {
		if !dropped {
			dropped = true
			update(t, s, func(tx *Tx) error { return tx.DropRaw(1, 1) })
		}
		return buf.Write(p)
	})
	if _, err := s.Backup(w, "v1", "", noon); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.spool.path(refs[0].Segment)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the segment was not let go: %v", err)
	}
	dir := t.TempDir()
	if _, err := readBackup(&buf, dir); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, spoolDir, filepath.Base(s.spool.path(refs[0].Segment))))
	if err != nil || string(got) != "kept while it is copied" {
		t.Errorf("the backup has %q, %v", got, err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestDamagedBackup: a backup that is cut short or changed anywhere is refused,
// and nothing of the state that is there is touched.
func TestDamagedBackup(t *testing.T) {
	dir := t.TempDir()
	s, backup := backedUp(t, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	damages := map[string][]byte{"empty": nil, "not one": []byte("no backup"), "without its end": backup[:len(backup)/2]}
	for at := 540; at < len(backup)-1024; at += 4093 {
		bad := bytes.Clone(backup)
		bad[at] ^= 0x10
		damages[fmt.Sprintf("changed at %d", at)] = bad
		if at%2 == 0 {
			damages[fmt.Sprintf("cut at %d", at)] = backup[:at]
		}
	}
	before := listing(t, dir)
	for name, bad := range damages {
		r := putBack(dir, bytes.NewReader(bad))
		r.Replace = true
		_, err := r.PutBack(quietLog())
		if bytes.Equal(bad, backup) || !errors.Is(err, ErrBadBackup) && !errors.Is(err, ErrNoBackup) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := listing(t, dir); after != before {
		t.Errorf("the state directory was\n%sand is\n%s", before, after)
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	var list string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			info, err := d.Info()
			if err != nil {
				return err
			}
			list += fmt.Sprintf("%s %d\n", path, info.Size())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestRestoreRefused(t *testing.T) {
	dir := t.TempDir()
	s, backup := backedUp(t, dir)
	if _, err := putBack(dir, bytes.NewReader(backup)).PutBack(quietLog()); !errors.Is(err, ErrInUse) {
		t.Errorf("beside a running service: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := putBack(dir, bytes.NewReader(backup)).PutBack(quietLog()); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("over a state: %v", err)
	}
	other := putBack(t.TempDir(), bytes.NewReader(backup))
	other.Mailbox = "help@acme.example INBOX"
	if _, err := other.PutBack(quietLog()); !errors.Is(err, ErrForeign) {
		t.Errorf("of another mailbox: %v", err)
	}
	newer := bytes.Replace(backup, []byte(fmt.Sprintf(`"schema": %d`, schemaVersion)), []byte(fmt.Sprintf(`"schema": %d`, schemaVersion+1)), 1)
	if _, err := putBack(t.TempDir(), bytes.NewReader(newer)).PutBack(quietLog()); !errors.Is(err, ErrNewer) {
		t.Errorf("of a newer version: %v", err)
	}
}

// TestRestoreReplaces: what was there is put aside, whole, and a restore that
// was broken off half-way is noticed and can be done again.
func TestRestoreReplaces(t *testing.T) {
	dir := t.TempDir()
	s, backup := backedUp(t, dir)
	update(t, s, func(tx *Tx) error { return tx.SetMeta("later", true) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r := putBack(dir, bytes.NewReader(backup))
	r.Replace = true
	done, err := r.PutBack(quietLog())
	if err != nil || done.Before == "" {
		t.Fatalf("%+v, %v", done, err)
	}
	aside := openAt(t, done.Before)
	view(t, aside, func(tx *Tx) error {
		var later bool
		if _, err := tx.Meta("later", &later); err != nil || !later {
			t.Errorf("what was put aside does not know the newest: %v, %v", later, err)
		}
		return nil
	})
	if err := writeDurably(filepath.Join(dir, markName), nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, fileName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(quietLog(), dir, zero{}); !errors.Is(err, ErrHalfRestored) {
		t.Errorf("opening half a state: %v", err)
	}
	if _, err := OpenReadOnly(quietLog(), dir); !errors.Is(err, ErrHalfRestored) {
		t.Errorf("reading half a state: %v", err)
	}
	again := putBack(dir, bytes.NewReader(backup))
	again.Now = again.Now.Add(time.Minute)
	if _, err := again.PutBack(quietLog()); err != nil {
		t.Fatalf("once more: %v", err)
	}
	for _, err := range openAt(t, dir).Verify() {
		t.Error(err)
	}
}

// TestKeyAlone: a state made anew under an old key begins an era, so that it
// makes nothing again that the lost one made of something else.
func TestKeyAlone(t *testing.T) {
	dir := t.TempDir()
	era := func() (era string) {
		s := openAt(t, dir)
		view(t, s, func(tx *Tx) (err error) { era, err = tx.Era(); return err })
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return era
	}
	if got := era(); got != "" {
		t.Errorf("the first era is %q", got)
	}
	for _, name := range []string{fileName, journalName} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if got := era(); got == "" || got != era() {
		t.Errorf("the era after the loss is %q", got)
	}
}
