package lab

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// smallDisk makes a disk of that many octets at a folder, or skips the test.
func smallDisk(t *testing.T, dir, size string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", dir, "tmpfs", 0, "mode=0700,size="+size); err != nil {
		t.Skipf("skipped: this machine lets nobody mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// fill takes what a disk has left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
}

// until waits for something, looking now and then.
func (d *day) until(what string, is func() bool) {
	d.t.Helper()
	tick, end := time.NewTicker(100*time.Millisecond), time.After(45*time.Second)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-end:
			d.t.Fatalf("waited too long: %s\n%s", what, d.said.String()[max(0, d.said.Len()-4000):])
		}
	}
}

// copies counts the mails of customers that engineers hold.
func (d *day) copies() (n int) {
	for _, who := range people[1:4] {
		for _, p := range d.box(who, "INBOX") {
			if p.Get("Auto-Submitted") == "" && strings.Contains(p.Text, "Ref: ") {
				n++
			}
		}
	}
	return n
}

var full = regexp.MustCompile(`"state":"degraded","problems":\[[^\]]*the disk of [^\]]*no space left on device`)

// TestDiskFull fills the disk under the running program. It stays up and says
// so, loses nothing, and goes on by itself when there is room again.
func TestDiskFull(t *testing.T) {
	d := newDay(t)
	defer d.world.Close()
	state := filepath.Join(d.dir, "state")
	smallDisk(t, state, "8m")
	path := d.postroom()
	run := exec.Command(path, "run")
	run.Dir = d.dir
	var log bytes.Buffer
	run.Stderr = &log
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- run.Wait() }()
	status := func() string {
		out, err := d.command(path, "status", "--json")
		if err == nil {
			return "fine"
		}
		return out
	}
	d.until("for the start", func() bool { return status() == "fine" })
	ballast := filepath.Join(state, "ballast")
	fill(t, ballast)
	d.customersWrite()
	d.until("for the program to say that the disk is full", func() bool { return full.MatchString(status()) })
	if n := d.copies(); n > 0 {
		t.Errorf("%d mails were handed out that cannot have been stored", n)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	d.until("for the mails to be handed out", func() bool { return d.copies() == 3 })
	d.until("for all to be fine again", func() bool { return status() == "fine" })
	fill(t, ballast)
	d.answer()
	d.until("for the program to say that the disk is full again", func() bool { return full.MatchString(status()) })
	if err := run.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-ended // on a full disk it may say that something could not be stored
	if strings.Contains(log.String(), "goroutine ") {
		t.Errorf("it broke:\n%s", log.String())
	}
	if out, err := d.command(path, "run", "--drain"); err == nil || !strings.Contains(out, "no space left on device") {
		t.Errorf("draining on a full disk: %v\n%s", err, out)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	d.drain()
	d.judge("a disk that was full")
}
