package lab

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"postroom/internal/mailtest"
	"postroom/internal/store"
)

var (
	powerImages = flag.Int("power.images", 30, "how many images of a disk TestPowerCut makes from a recorded trace")
	powerFailed = flag.Int("power.failed", 1, "how many failed syncs TestPowerCutBehindFailedSync tries")
	powerCuts   = flag.Int("power.cuts", 1, "how many times TestPowerCut cuts the power of the running program")
	powerSeed   = flag.Uint64("power.seed", 0, "which instants and images TestPowerCut takes; 0: others each time")
)

// patrons are who writes on a day.
var patrons = []string{"jane@client.example", "joe@shop.example", "kim@third.example"}

// record runs a day under strace and returns its calls, of all runs of the
// program in turn. inject is what strace does to the second run.
func (d *day) record(inject ...string) (calls []call) {
	d.t.Helper()
	base := 0
	run := func(inject []string) {
		d.t.Helper()
		s := &strace{calls: traced, octets: 32 << 20, inject: inject, see: func(c *call) bool {
			again := *c
			again.id += base
			calls = append(calls, again)
			return false
		}}
		_, out, err := s.run(d.t.Context(), d.dir, d.postroom(), "run", "--drain")
		if err != nil && inject == nil {
			d.t.Fatalf("recording: %v\n%s", err, out)
		}
		base = len(calls)
	}
	d.customersWrite()
	for run(nil); !d.idle(); run(nil) {
	}
	d.answer()
	run(inject)
	for run(nil); !d.idle(); run(nil) {
	}
	run(nil) // our own last copies
	return calls
}

// idle reports whether nothing waits to be sent.
func (d *day) idle() bool {
	d.t.Helper()
	out, err := d.command(d.postroom(), "outbox", "list", "--json")
	if err != nil {
		d.t.Fatalf("listing: %v\n%s", err, out)
	}
	return strings.TrimSpace(out) == ""
}

// customersWrite has each write a mail, one of them a big one.
func (d *day) customersWrite() {
	for i, c := range patrons {
		text := "Ref: " + c + "\nIt burns.\n"
		if i == 1 {
			text += strings.Repeat("And it burns, and burns.\n", 4000)
		}
		d.write(mailtest.Mail{From: c, To: support, Subject: "Printer of " + c, Text: text})
	}
}

// contents opens a state directory as the service does, verifies it, and
// returns a digest of all it holds but for what changes with each start, and
// its spool.
func contents(dir string) (digest string, spool map[string][]byte, err error) {
	st, err := store.Open(slog.New(slog.DiscardHandler), dir, bytes.NewReader(bytes.Repeat([]byte("key!"), 8)))
	if err != nil {
		return "", nil, err
	}
	err = errors.Join(errors.Join(st.Verify()...), st.Close())
	if err != nil {
		return "", nil, err
	}
	db, err := bolt.Open(filepath.Join(dir, "postroom.db"), 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		return "", nil, err
	}
	defer db.Close()
	h := sha256.New()
	err = db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			fmt.Fprintf(h, "%q counts %d\n", name, b.Sequence())
			return b.ForEach(func(k, v []byte) error {
				if string(name) != "meta" || !strings.HasPrefix(string(k), "journal") {
					fmt.Fprintf(h, "%q %q %q\n", name, k, v)
				}
				return nil
			})
		})
	})
	if err != nil {
		return "", nil, err
	}
	spool = map[string][]byte{}
	paths, err := filepath.Glob(filepath.Join(dir, "spool", "*.seg"))
	for _, path := range paths {
		octets, rerr := os.ReadFile(path)
		spool[filepath.Base(path)], err = octets, errors.Join(err, rerr)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), spool, err
}

// history is what the state was in turn, and what each spool segment held.
type history struct {
	t       *testing.T
	dir     string // to work in
	disk    *disk
	digests []string
	spool   map[string][]byte
	floor   int         // the oldest of the digests that the disk must have
	marks   map[int]int // which was the newest when a sync began
	head    bool        // what was written to the file last was its head
}

// step takes in a call. It reports whether it changed something.
func (h *history) step(c *call) bool {
	h.t.Helper()
	changed, err := h.disk.learn(c)
	if err != nil {
		h.t.Fatal(err)
	}
	file := filepath.Base(c.file())
	sync := strings.HasSuffix(c.name, "sync") && (file == "journal" || file == "postroom.db" && h.head)
	if file == "postroom.db" && c.name == "pwrite64" {
		at := lastNumber.FindString(c.args)
		h.head = at == "0" || at == strconv.Itoa(os.Getpagesize()) // those say which pages are the state
	}
	if sync && c.ret == "" {
		h.marks[c.id] = len(h.digests) - 1
	}
	if c.name == "writev" && c.ret != "" && !c.error {
		h.said(c)
	}
	if !changed {
		return false
	}
	if file == "journal" && !sync || sync && file == "postroom.db" || strings.HasPrefix(c.name, "rename") {
		h.look()
	}
	if sync && !c.error {
		h.floor = max(h.floor, h.marks[c.id])
	}
	if sync {
		h.head = h.head && file != "postroom.db"
	}
	return true
}

// said takes in that the script says a step is done: the disk must have it then,
// whatever was synced. Only each sixth step does not wait for the disk.
func (h *history) said(c *call) {
	for _, line := range c.texts() {
		var n int
		if _, err := fmt.Sscanf(line, "did %d", &n); err == nil && n%6 != 0 {
			h.floor = max(h.floor, len(h.digests)-1)
		}
	}
}

// look notes what a reader would see now.
func (h *history) look() {
	h.t.Helper()
	dir := h.fresh()
	if err := h.disk.all(dir); err != nil {
		h.t.Fatal(err)
	}
	digest, spool, err := contents(dir)
	if err != nil {
		h.t.Fatalf("reading the state that nothing happened to: %v", err)
	}
	for name, octets := range spool {
		h.spool[name] = octets
	}
	if n := len(h.digests); n == 0 || h.digests[n-1] != digest {
		h.digests = append(h.digests, digest)
	}
}

func (h *history) fresh() string {
	h.t.Helper()
	dir := filepath.Join(h.dir, "state")
	if err := os.RemoveAll(dir); err != nil {
		h.t.Fatal(err)
	}
	return dir
}

// judge makes an image of the disk now and opens it.
func (h *history) judge(l luck) error {
	h.t.Helper()
	dir := h.fresh()
	if err := h.disk.image(dir, l); err != nil {
		h.t.Fatal(err)
	}
	digest, spool, err := contents(dir)
	if err != nil {
		return err
	}
	for name, octets := range spool {
		if !bytes.Equal(octets, h.spool[name]) {
			return fmt.Errorf("%s has %d octets, not those that were written", name, len(octets))
		}
	}
	for _, d := range h.digests[max(h.floor, 0):] {
		if d == digest {
			return nil
		}
	}
	for i, d := range h.digests[:max(h.floor, 0)] {
		if d == digest {
			return fmt.Errorf("the state is one that was left %d steps ago, and that was durable", h.floor-i)
		}
	}
	return errors.New("the state is one that never was")
}

// TestPowerCut records what the real program writes, syncs and renames on a
// small day, and makes images of its state directory as a power cut at any
// instant may leave it: with any part of what was not synced. Each must open,
// hold what verify looks for, and be a state that was, not older than what had
// been synced. Then it cuts the power for real: the program is killed at some
// call, goes on from an image, and everybody must hold what was written to
// them, once.
func TestPowerCut(t *testing.T) {
	needStrace(t)
	seed := *powerSeed
	if seed == 0 {
		seed = mathrand.Uint64()
	}
	t.Logf("-power.seed=%d", seed)
	rng := mathrand.New(mathrand.NewPCG(seed, 1))
	d := newDay(t)
	calls := d.record()
	d.judge("no power cut")
	d.world.Close()
	images(t, rng, filepath.Join(d.dir, "state"), calls)
	for range *powerCuts {
		if !t.Failed() {
			cutPower(t, rng, len(calls))
		}
	}
}

// TestPowerCutBehindFailedSync: a sync that fails is told once, and what it was
// for is never written: the kernel takes it for written. When the power is cut
// later, the disk must have what was said to be stored all the same.
func TestPowerCutBehindFailedSync(t *testing.T) {
	needStrace(t)
	seed := *powerSeed
	if seed == 0 {
		seed = mathrand.Uint64()
	}
	t.Logf("-power.seed=%d", seed)
	rng := mathrand.New(mathrand.NewPCG(seed, 3))
	for i := range *powerFailed {
		odd := i + int(seed%2)
		state := filepath.Join(t.TempDir(), "state")
		kind := []string{"fdatasync", "fsync"}[odd%2]
		fault := fmt.Sprintf("%s:error=EIO:when=%d", kind, 1+rng.IntN(25))
		var calls []call
		s := &strace{calls: traced, octets: 32 << 20, env: []string{scriptIn + "=" + state}, inject: []string{fault},
			see: func(c *call) bool { calls = append(calls, *c); return false }}
		if _, said, err := s.run(t.Context(), t.TempDir(), os.Args[0]); err != nil {
			t.Fatalf("%s: %v\n%s", fault, err, said)
		}
		images(t, rng, state, calls)
		if t.Failed() {
			t.Fatalf("with %s", fault)
		}
	}
}

// images makes images at instants spread over a recorded trace.
func images(t *testing.T, rng *mathrand.Rand, state string, calls []call) {
	h := &history{t: t, dir: t.TempDir(), disk: newDisk(state), spool: map[string][]byte{}, floor: -1, marks: map[int]int{}}
	h.look()
	changes, left := 0, *powerImages
	began := time.Now()
	share := float64(*powerImages) / float64(len(calls)/4)
	for i := range calls {
		if !h.step(&calls[i]) {
			continue
		}
		changes++
		for p := share; left > 0 && rng.Float64() < p; p-- {
			left--
			l := lucks(rng)
			if err := h.judge(l); err != nil {
				t.Errorf("power cut behind call %d, %s of %s (%v): %v", i, calls[i].name, calls[i].file(), l, err)
				if t.Failed() {
					return
				}
			}
		}
	}
	t.Logf("%d calls that changed something, %d states, %d images in %v", changes, len(h.digests), *powerImages-left, time.Since(began).Round(time.Millisecond))
}

// cutPower kills the program at a call of about that many, and goes on from an
// image of its disk.
func cutPower(t *testing.T, rng *mathrand.Rand, calls int) {
	d := newDay(t)
	defer d.world.Close()
	disk := newDisk(filepath.Join(d.dir, "state"))
	at, n := rng.IntN(calls), 0
	base, last := 0, ""
	learn := func(c *call) {
		again := *c
		again.id += base
		if _, err := disk.learn(&again); err != nil {
			t.Error(err)
		}
		n++
		last = fmt.Sprintf("%s %s = %s", c.name, c.file(), c.ret)
	}
	run := func() bool {
		t.Helper()
		// The program goes on until it is killed, and may make something durable
		// and tell the relay of it: the power goes where it did its last call.
		s := &strace{calls: traced, octets: 32 << 20, rest: learn, see: func(c *call) bool {
			learn(c)
			return n == at
		}}
		killed, out, err := s.run(t.Context(), d.dir, d.postroom(), "run", "--drain")
		fmt.Fprintf(&d.said, "$ strace run\n%s", out)
		if err != nil {
			t.Fatalf("under strace: %v\n%s", err, out)
		}
		base = n
		return killed
	}
	d.customersWrite()
	killed := run()
	l := lucks(rng)
	onward := func() {
		state := filepath.Join(d.dir, "state")
		if err := errors.Join(os.RemoveAll(state), disk.image(state, l)); err != nil {
			t.Fatal(err)
		}
		d.drain()
	}
	if killed {
		onward()
	}
	d.answer()
	if !killed && run() {
		onward()
	}
	d.drain()
	d.judge(fmt.Sprintf("power cut at call %d (%v)", at, l))
	if t.Failed() {
		t.Logf("behind %s\n%s", last, d.said.String())
	}
}
