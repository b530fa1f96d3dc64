package imapsync_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postroom/imapsync"
	"postroom/internal/login"
	"postroom/internal/mailtest/servers"
	"postroom/internal/store"
)

const (
	addr     = "support@acme.example"
	password = "correct horse"
	host     = "imap.acme.example:143"
)

// rig is a mailbox, a store and a Syncer between them.
type rig struct {
	t     *testing.T
	world *servers.World
	net   servers.Network
	st    *store.Store
	cfg   imapsync.Config
	obs   *recorder
	wrap  func(net.Conn) net.Conn // what dialing makes of a connection
	dials []time.Time
	mu    sync.Mutex
	sent  map[uint32][]byte // what was put into INBOX, by UID
	liars []func()          // ends servers that lie
}

type recorder struct {
	mu     sync.Mutex
	errors []error
	caught map[string]int
	up     map[string]int
	done   map[string][2]int
}

func (r *recorder) Connected(folder string, up bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if up {
		r.up[folder]++
	}
}

func (r *recorder) Error(_ string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, err)
}

func (r *recorder) CaughtUp(folder string, _ time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.caught[folder]++
}

func (r *recorder) HistoryProgress(folder string, done, total int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done[folder] = [2]int{done, total}
}

func (r *recorder) errs() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.errors)
}

func (r *recorder) looks(folder string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.caught[folder]
}

func (r *recorder) progress(folder string) [2]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done[folder]
}

// bubble runs f in a bubble of its own; when it ends, no goroutine may be
// left in it.
func bubble(t *testing.T, opts servers.Options, f func(r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, opts)
		defer r.end()
		f(r)
	})
}

func newRig(t *testing.T, opts servers.Options) *rig {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	r := &rig{t: t, world: servers.New(log, opts), sent: map[uint32][]byte{}, obs: &recorder{
		caught: map[string]int{}, up: map[string]int{}, done: map[string][2]int{}}}
	if err := r.world.AddAccount(servers.Account{Address: addr, Password: password, Folders: []string{"Junk"}}); err != nil {
		t.Fatal(err)
	}
	r.listen()
	var err error
	if r.st, err = store.Open(log, t.TempDir(), bytes.NewReader(make([]byte, 64))); err != nil {
		t.Fatal(err)
	}
	r.cfg = imapsync.Config{
		Server: host, TLS: imapsync.TLSOpportunistic, Login: login.Credentials{Username: addr,
			Password: func(context.Context) (string, error) { return password, nil }},
		MarkSeen: true, Start: imapsync.Start{All: true},
	}
	return r
}

func (r *rig) listen() {
	r.t.Helper()
	ln, err := r.net.Listen(host)
	if err != nil {
		r.t.Fatal(err)
	}
	r.world.StartIMAP(ln)
}

func (r *rig) end() {
	for _, end := range r.liars {
		end()
	}
	r.world.Close()
	if err := r.st.Close(); err != nil {
		r.t.Error(err)
	}
}

func (r *rig) dial(ctx context.Context, network, address string) (net.Conn, error) {
	r.mu.Lock()
	r.dials = append(r.dials, time.Now())
	wrap := r.wrap
	r.mu.Unlock()
	c, err := r.net.DialContext(ctx, network, address)
	if err == nil && wrap != nil {
		c = wrap(c)
	}
	return c, err
}

func (r *rig) dialed() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.dials)
}

func (r *rig) syncer() *imapsync.Syncer { return r.syncerOver(r.dial) }

func (r *rig) syncerOver(dial dialFunc) *imapsync.Syncer {
	log := slog.New(slog.NewTextHandler(testWriter{r.t}, nil))
	return imapsync.New(log, r.cfg, r.st, dial, time.Now, func() float64 { return 0.5 }, r.obs)
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", bytes.TrimRight(p, "\n"))
	return len(p), nil
}

// run starts Run and returns what ends it, which demands that it ends within
// a second.
func (r *rig) run() (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan error, 1)
	y := r.syncer()
	go func() { ended <- y.Run(ctx) }()
	return sync.OnceFunc(func() {
		r.t.Helper()
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				r.t.Errorf("Run: %v", err)
			}
		case <-time.After(time.Second):
			r.t.Error("Run had not ended after a second")
			<-ended
		}
	})
}

func raw(n int) []byte {
	return fmt.Appendf(nil, "From: c%d@customer.example\r\nTo: %s\r\nMessage-ID: <m%d@customer.example>\r\n"+
		"Subject: question %d\r\nDate: Mon, 02 Jan 2006 15:04:05 +0000\r\nX-Fill: %d\r\n\r\n%s\r\n",
		n, addr, n, n, n, bytes.Repeat([]byte("text of the mail\r\n"), 20+n))
}

// add puts mails of the given numbers into INBOX.
func (r *rig) add(flags []string, numbers ...int) {
	r.t.Helper()
	for _, n := range numbers {
		r.addRaw(raw(n), flags, time.Time{})
	}
}

func (r *rig) addRaw(data []byte, flags []string, at time.Time) uint32 {
	r.t.Helper()
	uid, err := r.world.Append(addr, "INBOX", data, flags, at)
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	r.sent[uid] = data
	r.mu.Unlock()
	return uid
}

func (r *rig) view(f func(*store.Tx) error) {
	r.t.Helper()
	if err := r.st.View(f); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) update(f func(*store.Tx) error) {
	r.t.Helper()
	if err := r.st.Update(f); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) inbox() (list []store.InboxRecord) {
	r.t.Helper()
	r.view(func(tx *store.Tx) (err error) {
		list, err = tx.Inbox(1 << 20)
		return err
	})
	return list
}

// mails are the mails in the inbox that came from a folder, in order.
func (r *rig) mails(folder string) (list []store.InMail) {
	r.t.Helper()
	for _, rec := range r.inbox() {
		if rec.Mail != nil && rec.Mail.UID.Folder == folder {
			list = append(list, *rec.Mail)
		}
	}
	return list
}

func (r *rig) cursor(folder string) (cur store.Cursor) {
	r.t.Helper()
	r.view(func(tx *store.Tx) (err error) {
		cur, _, err = tx.Cursor(folder)
		return err
	})
	return cur
}

func (r *rig) read(m store.InMail) []byte {
	r.t.Helper()
	f, err := r.st.OpenRaw(m.Raw)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		r.t.Fatal(err)
	}
	return data
}

// until waits, at most for so long, that cond comes true; it is asked every
// quarter of a second of the bubble's time.
func (r *rig) until(what string, patience time.Duration, cond func() bool) {
	r.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Second / 4)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("after %v still not: %s (errors: %v)", patience, what, r.obs.errs())
		}
	}
}

func (r *rig) untilMails(n int, patience time.Duration) {
	r.t.Helper()
	r.until(fmt.Sprintf("%d mails in the inbox", n), patience, func() bool { return len(r.mails("INBOX")) >= n })
}

// pass lets time pass.
func (r *rig) pass(d time.Duration) { <-time.After(d); synctest.Wait() }

// complete checks that all that was put into INBOX has come in once, whole,
// in the order of UIDs.
func (r *rig) complete() {
	r.t.Helper()
	var uids []uint32
	for _, m := range r.mails("INBOX") {
		uids = append(uids, m.UID.UID)
		if m.Cut != "" {
			r.t.Errorf("%s is cut: %s", m.UID, m.Cut)
		}
		if got := r.read(m); !bytes.Equal(got, r.sent[m.UID.UID]) {
			r.t.Errorf("%s: %d octets that are not the %d sent", m.UID, len(got), len(r.sent[m.UID.UID]))
		}
	}
	want := make([]uint32, 0, len(r.sent))
	for uid := range r.sent {
		want = append(want, uid)
	}
	slices.Sort(want)
	if !slices.Equal(uids, want) {
		r.t.Errorf("UIDs in the inbox: %v, want %v", uids, want)
	}
	if next := r.cursor("INBOX").Next; len(want) > 0 && next != want[len(want)-1]+1 {
		r.t.Errorf("the cursor stands at %d behind %v", next, want)
	}
}
