package rotation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postroom/threads"
)

// desk is a file in memory and a record of what a watcher of it says.
type desk struct {
	t    *testing.T
	w    *Watcher
	mu   sync.Mutex
	data string
	err  error
	said []string
}

func (k *desk) put(data string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.data, k.err = data, err
}

func (k *desk) read(string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return []byte(k.data), k.err
}

func (k *desk) good(r *threads.Rotation, changes []string) {
	k.say("good %d %v", len(r.Engineers), changes)
}

func (k *desk) bad(err error, version string) { k.say("bad %q %v", version, err) }

func (k *desk) say(format string, args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.said = append(k.said, fmt.Sprintf(format, args...))
}

// expect lets d pass and compares what was said meanwhile.
func (k *desk) expect(d time.Duration, want ...string) {
	k.t.Helper()
	time.Sleep(d) // of the bubble's clock
	synctest.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Equal(k.said, want) {
		k.t.Errorf("said %q, want %q", k.said, want)
	}
	k.said = nil
}

// watched runs story in a bubble with a watcher that looks at a file in
// memory within a second.
func watched(t *testing.T, story func(*desk)) { watchedFrom(t, nil, story) }

// watchedFrom does so after prepare.
func watchedFrom(t *testing.T, prepare, story func(*desk)) {
	synctest.Test(t, func(t *testing.T) {
		k := &desk{t: t, data: before1}
		k.w = New(slog.New(slog.DiscardHandler), "/etc/rotation.toml", time.Second, k.read, time.Now)
		if _, _, err := k.w.Load(nil); err != nil {
			t.Fatal(err)
		}
		if prepare != nil {
			prepare(k)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); k.w.Run(ctx, k.good, k.bad) }()
		time.Sleep(time.Millisecond) // beside the watcher's looks, never at the same instant
		story(k)
		cancel()
		<-done
	})
}

const carol = "[[engineer]]\nname = \"Carol\"\nemail = \"c@acme.example\"\n"

func TestWatchGoodEdit(t *testing.T) {
	watched(t, func(k *desk) {
		k.expect(time.Hour)
		k.put(before1+carol, nil)
		k.expect(time.Second, "good 4 [Carol joins with weight 1]")
		k.expect(time.Hour)
		k.put(before1, nil)
		k.expect(time.Second, "good 3 [Carol is no longer in the rotation]")
	})
}

func TestWatchBadEdit(t *testing.T) {
	broken := before1 + "[[engineer]]\n"
	said := fmt.Sprintf("bad %q %s", Version([]byte(broken)), `rotation.toml:13:3: engineer 4: has no name; add name = "…"
rotation.toml:13:3: engineer 4: has no email; add email = "…"`)
	watched(t, func(k *desk) {
		k.put(broken, nil)
		k.expect(time.Second, said)
		k.expect(time.Hour)
		k.w.Reload()
		k.expect(0, said)
		k.put("", nil)
		k.expect(time.Second, fmt.Sprintf("bad %q %s", Version(nil), "rotation.toml:1:1: nobody is in the file; it needs at least one engineer; begin one with [[engineer]] and give it name and email"))
		k.put("", errors.New("gone"))
		k.expect(time.Second, `bad "" gone`)
		k.expect(time.Hour)
		k.put(before1, nil)
		k.expect(time.Second, "good 3 []")
		k.put(broken, nil)
		k.expect(time.Second, said)
		k.put(before1+carol, nil)
		k.expect(time.Second, "good 4 [Carol joins with weight 1]")
	})
}

// A file that is written in pieces, each a valid file of its own, is taken
// when it has come to rest; one that is gone for a moment is not missed.
func TestWatchHalfWritten(t *testing.T) {
	whole := before1 + carol
	watched(t, func(k *desk) {
		cut := strings.Index(before1, "[[engineer]]\nname = \"Bob")
		for _, half := range []string{"", before1[:cut], before1[:cut+20], before1, whole} {
			k.put(half, nil)
			k.expect(490 * time.Millisecond)
		}
		k.expect(time.Second, "good 4 [Carol joins with weight 1]")
		k.put("", os.ErrNotExist)
		k.expect(400 * time.Millisecond)
		k.put(before1, nil)
		k.expect(time.Second, "good 3 [Carol is no longer in the rotation]")
	})
}

func TestWatchReload(t *testing.T) {
	watched(t, func(k *desk) {
		k.put(before1+carol, nil)
		k.w.Reload()
		k.w.Reload()
		k.expect(0, "good 4 [Carol joins with weight 1]")
		k.expect(time.Hour)
		k.w.Reload()
		k.expect(time.Hour)
	})
}

// On a real disk: an edit in place, a file renamed over it, and a symlink
// that is made to point elsewhere.
func TestWatchDisk(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rotation.toml")
	write := func(name, data string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("rotation.toml", before1)
	synctest.Test(t, func(t *testing.T) {
		k := &desk{t: t}
		k.w = New(slog.New(slog.DiscardHandler), path, time.Second, ReadFile, time.Now)
		if _, _, err := k.w.Load(nil); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { k.w.Run(ctx, k.good, k.bad) })
		time.Sleep(time.Millisecond)
		write("rotation.toml", before1+carol)
		k.expect(time.Second, "good 4 [Carol joins with weight 1]")
		write("new", before1)
		if err := os.Rename(filepath.Join(dir, "new"), path); err != nil {
			t.Fatal(err)
		}
		k.expect(time.Second, "good 3 [Carol is no longer in the rotation]")
		write("v2", before1+carol)
		if err := errors.Join(os.Symlink("v2", filepath.Join(dir, "link")), os.Rename(filepath.Join(dir, "link"), path)); err != nil {
			t.Fatal(err)
		}
		k.expect(time.Second, "good 4 [Carol joins with weight 1]")
		write("v3", before1)
		if err := errors.Join(os.Symlink("v3", filepath.Join(dir, "link")), os.Rename(filepath.Join(dir, "link"), path)); err != nil {
			t.Fatal(err)
		}
		k.expect(time.Second, "good 3 [Carol is no longer in the rotation]")
		cancel()
		wg.Wait()
	})
}

// A watcher that goes on with an earlier version, because the file is bad
// from the start, reports the file and takes it once it is mended.
func TestWatchAdopt(t *testing.T) {
	old := before1 + carol
	inForce := func(k *desk, want string) {
		t.Helper()
		if got := string(k.w.Text()); got != want {
			t.Errorf("text in force %q, want %q", got, want)
		}
	}
	adopt := func(k *desk) {
		k.put("x", nil)
		k.w.Adopt(mustParse(t, old), []byte(old))
		inForce(k, old)
	}
	watchedFrom(t, adopt, func(k *desk) {
		k.expect(time.Second, fmt.Sprintf("bad %q %s", Version([]byte("x")), `rotation.toml:1:1: "x": expected '=' after key; write key = "value"`))
		inForce(k, old)
		k.put(before1, nil)
		k.expect(time.Second, "good 3 [Carol is no longer in the rotation]")
		inForce(k, before1)
	})
	watchedFrom(t, adopt, func(k *desk) {
		k.put(old, nil) // mended before the first look
		k.expect(time.Second, "good 4 []")
	})
}

// desks is files in memory by path.
type desks struct {
	desk
	files map[string]string
}

func (k *desks) write(path, data string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.files[path] = data
}

func (k *desks) read(path string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	data, ok := k.files[path]
	if !ok {
		return nil, os.ErrNotExist
	}
	return []byte(data), nil
}

// watchedFiles runs story with a watcher of /etc/rotation.toml among files.
func watchedFiles(t *testing.T, files map[string]string, pin *Pin, story func(*desks)) {
	t.Helper()
	watchedEvery(t, time.Second, files, pin, story)
}

// watchedEvery is watchedFiles with a pace of its own.
func watchedEvery(t *testing.T, every time.Duration, files map[string]string, pin *Pin, story func(*desks)) {
	synctest.Test(t, func(t *testing.T) {
		k := &desks{desk: desk{t: t}, files: files}
		k.w = New(slog.New(slog.DiscardHandler), "/etc/rotation.toml", every, k.read, time.Now)
		if _, _, err := k.w.Load(pin); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { k.w.Run(ctx, k.good, k.bad) })
		time.Sleep(time.Millisecond)
		story(k)
		cancel()
		wg.Wait()
	})
}

// A calendar is watched too. A bad one keeps its last good content, is told
// once, and stands in the way of no edit of the file.
func TestWatchCalendar(t *testing.T) {
	file := strings.Replace(before1, "email = \"bob@acme.example\"", "email = \"bob@acme.example\"\ncalendar = \"bob.ics\"", 1)
	files := map[string]string{"/etc/rotation.toml": file, "/etc/bob.ics": event()}
	// A bubble's clock begins at midnight UTC on 1 January 2000.
	leave := event("DTSTART;VALUE=DATE:20000103\nDTEND;VALUE=DATE:20000105")
	watchedFiles(t, files, nil, func(k *desks) {
		k.expect(time.Minute)
		k.write("/etc/bob.ics", leave)
		k.expect(7*time.Second, "good 3 [Bob Stone will be away from 3 Jan 2000 until 5 Jan 2000]")
		version := k.w.good.Version
		k.write("/etc/bob.ics", strings.Replace(leave, "VERSION:2.0", "VERSION:2.0\r\nX-EXPORTED:today", 1))
		k.expect(7*time.Second, "good 3 []")
		if k.w.good.Version != version {
			t.Error("a calendar that says the same is a new version")
		}
		broken := leave[:strings.Index(leave, "END:VEVENT")]
		k.write("/etc/bob.ics", broken)
		k.expect(7*time.Second, "good 3 []", fmt.Sprintf("bad %q bob.ics:4: the calendar is cut off: the VEVENT begun here has no end; export it again as iCalendar (.ics)", Version([]byte(broken))))
		if k.w.Trouble() == nil || len(k.w.good.Engineers[1].Calendar) != 1 {
			t.Errorf("trouble %v, calendar %v", k.w.Trouble(), k.w.good.Engineers[1].Calendar)
		}
		k.expect(time.Minute)
		k.write("/etc/rotation.toml", file+carol)
		k.expect(time.Second, "good 4 [Carol joins with weight 1]")
		k.write("/etc/bob.ics", event())
		k.expect(7*time.Second, "good 4 [Bob Stone will no longer be away from 3 Jan 2000 until 5 Jan 2000]")
		if k.w.Trouble() != nil {
			t.Errorf("trouble %v", k.w.Trouble())
		}
		k.mu.Lock()
		delete(k.files, "/etc/bob.ics")
		k.mu.Unlock()
		k.expect(7*time.Second, "good 4 []", fmt.Sprintf("bad %q calendar \"bob.ics\": file does not exist; what it said before counts", Version([]byte(os.ErrNotExist.Error()))))
	})
}

// What repeats for ever is read again and again, two years ahead.
func TestWatchCalendarGoesOn(t *testing.T) {
	file := strings.Replace(before1, "email = \"bob@acme.example\"", "email = \"bob@acme.example\"\ncalendar = \"bob.ics\"", 1)
	files := map[string]string{"/etc/rotation.toml": file, "/etc/bob.ics": event("DTSTART;VALUE=DATE:20001224\nRRULE:FREQ=YEARLY")}
	watchedEvery(t, time.Hour, files, nil, func(k *desks) {
		k.expect(29 * 24 * time.Hour)
		k.expect(2*24*time.Hour, "good 3 []")
		if last := k.w.good.Engineers[1].Calendar; len(last) != 2 {
			t.Errorf("known: %v", last)
		}
	})
}

// A rollback is in force until the file next changes, over a restart too.
func TestWatchRollback(t *testing.T) {
	old := before1 + carol
	files := map[string]string{"/etc/rotation.toml": before1}
	var pin Pin
	watchedFiles(t, files, nil, func(k *desks) {
		if err := k.w.Rollback(k.t.Context(), []byte(old), "root"); err != nil {
			t.Fatal(err)
		}
		k.expect(time.Hour, "good 4 [Carol joins with weight 1]")
		if err := k.w.Rollback(k.t.Context(), []byte(old), "root"); err == nil {
			t.Error("rolled back to what is in force")
		}
		if err := k.w.Rollback(k.t.Context(), []byte("x"), "root"); err == nil {
			t.Error("rolled back to nonsense")
		}
		pin = *k.w.Pinned()
	})
	if pin.By != "root" || pin.Over != Version([]byte(before1)) {
		t.Fatalf("pinned %+v", pin)
	}
	watchedFiles(t, files, &pin, func(k *desks) {
		if len(k.w.good.Engineers) != 4 {
			t.Fatal("the restart forgot the rollback")
		}
		k.expect(time.Hour)
		k.write("/etc/rotation.toml", "broken")
		k.expect(time.Second, fmt.Sprintf("bad %q %s", Version([]byte("broken")), `rotation.toml:1:6: "broken": expected '=' after key; write key = "value"`))
		k.write("/etc/rotation.toml", before1+"# edited\n")
		k.expect(time.Second, "good 3 [Carol is no longer in the rotation]")
		if k.w.Pinned() != nil {
			t.Error("still pinned")
		}
	})
	// Changed while it was down: the file counts.
	files["/etc/rotation.toml"] = before1 + "# edited\n"
	watchedFiles(t, files, &pin, func(k *desks) {
		if len(k.w.good.Engineers) != 3 {
			t.Error("the pin outlived the file it was made over")
		}
	})
}
