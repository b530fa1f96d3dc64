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
		if _, _, err := k.w.Load(); err != nil {
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
		if _, _, err := k.w.Load(); err != nil {
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
}
