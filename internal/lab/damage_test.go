package lab

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// damage is what can be wrong with a state directory when the program starts.
type damage struct {
	name string
	// wreck does it, in the state directory of a service that was killed.
	wreck func(t *testing.T, state string) error
	says  []string // all of it, beside the path of the directory
}

func overwritten(name string, at int64, octets ...byte) func(*testing.T, string) error {
	return func(_ *testing.T, state string) error {
		f, err := os.OpenFile(filepath.Join(state, name), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteAt(octets, at)
		return errors.Join(err, f.Close())
	}
}

func shortened(name string, size int64) func(*testing.T, string) error {
	return func(_ *testing.T, state string) error { return os.Truncate(filepath.Join(state, name), size) }
}

func removed(name string) func(*testing.T, string) error {
	return func(_ *testing.T, state string) error { return os.Remove(filepath.Join(state, name)) }
}

// newer has the file say that a later version wrote it.
func newer(_ *testing.T, state string) error {
	db, err := bolt.Open(filepath.Join(state, "postroom.db"), 0o600, nil)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("meta")).Put([]byte("schema"), binary.BigEndian.AppendUint64(nil, 99))
	})
	return errors.Join(err, db.Close())
}

// held is another process in the directory.
func held(t *testing.T, state string) error {
	f, err := os.OpenFile(filepath.Join(state, "lock"), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	t.Cleanup(func() { f.Close() })
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

func foreign(_ *testing.T, state string) error {
	return os.WriteFile(filepath.Join(state, "mailbox"), []byte("help@other.example INBOX\n"), 0o600)
}

const restore = "postroom restore"

var damages = []damage{
	{"the file is cut short", shortened("postroom.db", 3*4096), []string{"postroom.db", "cut short", restore}},
	{"the file is empty", shortened("postroom.db", 0), []string{"postroom.db", "empty", restore}},
	{"the file is gone", removed("postroom.db"), []string{"postroom.db", "gone", restore}},
	{"both heads of the file are overwritten", func(t *testing.T, state string) error {
		return errors.Join(overwritten("postroom.db", 20, 1)(t, state), overwritten("postroom.db", 4096+20, 1)(t, state))
	}, []string{"postroom.db", "first two pages", restore}},
	{"pages of the file are overwritten", func(t *testing.T, state string) error {
		for page := int64(2); page < 12; page++ {
			if err := overwritten("postroom.db", page*4096+8, 0x77, 0x77)(t, state); err != nil {
				return err
			}
		}
		return nil
	}, []string{"postroom.db", "page", restore}},
	{"an octet of the journal is another one", overwritten("journal", 40, 0xff), []string{"journal", "octet 0", restore}},
	{"the key is gone", removed("instance.key"), []string{"instance.key", "head -c 32 /dev/urandom", restore}},
	{"the key is cut short", shortened("instance.key", 7), []string{"instance.key", "7 octets", restore}},
	{"the key is a folder", func(_ *testing.T, state string) error {
		return errors.Join(os.Remove(filepath.Join(state, "instance.key")), os.Mkdir(filepath.Join(state, "instance.key"), 0o700))
	}, []string{"instance.key", "is a directory"}},
	{"a later version wrote it", newer, []string{"postroom.db", "schema version 99", "newer version of Postroom"}},
	{"another process has it", held, []string{"lock", "in use by another process"}},
	{"it is of another mailbox", foreign, []string{"help@other.example", "state.dir", "remove"}},
}

// TestDamagedState starts the real program on state directories that are not
// as they were left. It must say what is wrong, where, and what to do, end with
// 1, and leave every octet as it was.
func TestDamagedState(t *testing.T) {
	needStrace(t)
	d := newDay(t)
	defer d.world.Close()
	d.customersWrite()
	n := 0
	s := &strace{calls: "fdatasync", octets: 1, see: func(c *call) bool {
		if c.ret != "" && strings.HasSuffix(c.file(), "/journal") {
			n++
		}
		return n == 6
	}}
	if killed, out, err := s.run(t.Context(), d.dir, d.postroom(), "run", "--drain"); err != nil || !killed {
		t.Fatalf("under strace: killed %v, %v\n%s", killed, err, out)
	}
	state, kept := filepath.Join(d.dir, "state"), filepath.Join(d.dir, "kept")
	if err := os.Rename(state, kept); err != nil {
		t.Fatal(err)
	}
	for _, dm := range damages {
		t.Run(dm.name, func(t *testing.T) {
			if err := errors.Join(os.RemoveAll(state), os.CopyFS(state, os.DirFS(kept)), dm.wreck(t, state)); err != nil {
				t.Fatal(err)
			}
			before := everything(t, state)
			out, err := d.command(d.postroom(), "run", "--drain")
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 || strings.Contains(out, "goroutine ") {
				t.Errorf("it ended with %v\n%s", err, out)
			}
			for _, words := range append(dm.says, state) {
				if !strings.Contains(out, words) {
					t.Errorf("it does not say %q:\n%s", words, out)
				}
			}
			if !maps.Equal(before, everything(t, state)) {
				t.Error("it changed something")
			}
		})
	}
	if err := errors.Join(os.RemoveAll(state), os.Rename(kept, state)); err != nil {
		t.Fatal(err)
	}
	d.drain()
	d.answer()
	d.drain()
	d.judge("damages that were taken back")
}

// everything is what a folder holds, by path.
func everything(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestSpoolDamaged: a mail whose octets on our disk are gone or cut short is
// still in the mailbox. It must not go out in part, nor be lost in silence; and
// with the octets back it goes out.
func TestSpoolDamaged(t *testing.T) {
	d := newDay(t)
	defer d.world.Close()
	d.world.StopSMTP()
	d.customersWrite()
	if out, err := d.command(d.postroom(), "run", "--drain"); err == nil {
		t.Fatalf("a drain without a relay ended well:\n%s", out)
	}
	ln, err := net.Listen("tcp", d.smtp)
	if err != nil {
		t.Fatal(err)
	}
	d.world.StartSMTP(ln)
	state, kept := filepath.Join(d.dir, "state"), filepath.Join(d.dir, "kept")
	if err := os.Rename(state, kept); err != nil {
		t.Fatal(err)
	}
	for _, wreck := range []struct {
		name string
		do   func(path string) error
		says string // of verify, and of the log of the next run where it can know
		log  string
	}{
		{"gone", os.Remove, "no such file", "put them back from a backup"},
		{"cut short", func(path string) error { return os.Truncate(path, 3) }, "cut short", ""},
	} {
		if err := errors.Join(os.RemoveAll(state), os.CopyFS(state, os.DirFS(kept))); err != nil {
			t.Fatal(err)
		}
		paths, err := filepath.Glob(filepath.Join(state, "spool", "*.seg"))
		if err != nil || len(paths) == 0 {
			t.Fatal(paths, err)
		}
		for _, path := range paths {
			if err := wreck.do(path); err != nil {
				t.Fatal(err)
			}
		}
		if out, err := d.command(d.postroom(), "verify"); err == nil || !strings.Contains(out, wreck.says) {
			t.Errorf("%s: verify says %s, %v", wreck.name, out, err)
		}
		if out, err := d.command(d.postroom(), "run", "--drain"); err != nil || !strings.Contains(out, wreck.log) {
			t.Errorf("%s: %v\n%s", wreck.name, err, out)
		}
		if out, err := d.command(d.postroom(), "outbox", "list"); err != nil || strings.Count(out, `"last_reply":"rendering `) != 3 {
			t.Errorf("%s: the outbox says %s, %v", wreck.name, out, err)
		}
		for _, who := range people[1:4] {
			if n := len(d.box(who, "INBOX")); n > 0 {
				t.Errorf("%s: %s holds %d mails", wreck.name, who, n)
			}
		}
	}
	if err := errors.Join(os.RemoveAll(state), os.Rename(kept, state)); err != nil {
		t.Fatal(err)
	}
	d.drain()
	d.answer()
	d.drain()
	d.judge("a spool that was put back")
}
