package smtpout

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postroom/internal/store"
)

// body is more than the SMTP client buffers, so that a relay can break off in
// the middle of it.
var body = strings.Repeat("a line of the mail, and not the last one\r\n", 400)

// rig is a sender over a fresh store and a fake relay.
type rig struct {
	t      testing.TB
	dir    string
	store  *store.Store
	relay  *fakeRelay
	cfg    Config
	sender *Sender
	seen   *observed
	render Render
	queued int
}

type observed struct {
	mu       sync.Mutex
	errs     []error
	pauses   []time.Time
	envelope []string
}

func (o *observed) RelayError(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.errs = append(o.errs, err)
}

func (o *observed) Paused(until time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pauses = append(o.pauses, until)
}

func (o *observed) EnvelopeFallback(words string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.envelope = append(o.envelope, words)
}

func newRig(t testing.TB, change func(*rig)) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), relay: &fakeRelay{t: t, offers: []string{"8BITMIME", "SIZE 1000000"}}}
	r.cfg = Config{Server: "relay.example:587", TLS: TLSOpportunistic, Hello: "us.example", Connections: 1}
	r.render = func(_ context.Context, w io.Writer, m store.OutMail) error {
		_, err := io.WriteString(w, "Message-ID: "+m.MessageID+"\r\n\r\n"+body)
		return err
	}
	if change != nil {
		change(r)
	}
	r.open()
	t.Cleanup(func() {
		for _, err := range r.store.Verify() {
			t.Errorf("verify: %v", err)
		}
		r.store.Close()
		r.relay.running.Wait()
	})
	return r
}

// open opens the store and makes a sender over it.
func (r *rig) open() {
	r.t.Helper()
	log := slog.New(slog.DiscardHandler)
	var err error
	if r.store, err = store.Open(log, r.dir, zeros{}); err != nil {
		r.t.Fatal(err)
	}
	r.seen = &observed{}
	render := func(ctx context.Context, w io.Writer, m store.OutMail) error { return r.render(ctx, w, m) }
	r.sender = New(log, r.cfg, r.store, r.relay.dial, render, time.Now, func() float64 { return 0.5 }, r.seen)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func (r *rig) trust(pool *x509.CertPool) { r.cfg.TLSConfig = &tls.Config{RootCAs: pool} }

func (r *rig) update(f func(*store.Tx) error) {
	r.t.Helper()
	if err := r.store.Update(f); err != nil {
		r.t.Fatal(err)
	}
}

// mail is a mail to these addresses, as the gateway would queue it.
func (r *rig) mail(to ...string) store.OutMail {
	now := time.Now().UTC()
	r.queued++
	id := fmt.Sprintf("out-%04d", r.queued)
	m := store.OutMail{
		ID: id, Kind: store.OutAnswer, MessageID: "<" + id + "@us.example>",
		EnvelopeFrom: "support+b" + id + "@us.example", Fallback: "support@us.example",
		State: store.OutQueued, Queued: now, NextAttempt: now, Deadline: now.Add(48 * time.Hour), Size: int64(len(body)) + 40,
	}
	for _, a := range to {
		m.Recipients = append(m.Recipients, store.Recipient{Address: a, State: store.OutQueued})
	}
	return m
}

func (r *rig) enqueue(mails ...store.OutMail) {
	r.t.Helper()
	r.update(func(tx *store.Tx) error {
		for _, m := range mails {
			if err := tx.Enqueue(m); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *rig) drain() int {
	r.t.Helper()
	n, err := r.sender.Drain(context.Background())
	if err != nil {
		r.t.Fatalf("draining: %v", err)
	}
	return n
}

func (r *rig) out(id string) store.OutMail {
	r.t.Helper()
	var m store.OutMail
	err := r.store.View(func(tx *store.Tx) error {
		var ok bool
		var err error
		if m, ok, err = tx.Out(id); err == nil && !ok {
			err = fmt.Errorf("no mail %s", id)
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// states is the state of the mail and of each recipient, in one string.
func (r *rig) states(id string) string {
	m := r.out(id)
	s := string(m.State) + ":"
	for _, rc := range m.Recipients {
		s += " " + string(rc.State)
	}
	return s
}

func (r *rig) want(id, states string) {
	r.t.Helper()
	if got := r.states(id); got != states {
		m := r.out(id)
		r.t.Errorf("%s is %q, want %q (last reply %q)", id, got, states, m.LastReply)
	}
}

// told returns what the gateway would read, and takes it away.
func (r *rig) told() []store.Delivery {
	r.t.Helper()
	var all []store.Delivery
	r.update(func(tx *store.Tx) error {
		records, err := tx.Inbox(1000)
		if err != nil {
			return err
		}
		for _, rec := range records {
			all = append(all, *rec.Delivery)
			if err := tx.DropInbox(rec.Seq); err != nil {
				return err
			}
		}
		return nil
	})
	return all
}

// stateFiles are what a crash leaves of the state, but for the spool.
var stateFiles = [...]string{"postroom.db", "journal"}

// stateImage is their octets.
type stateImage [len(stateFiles)][]byte

// snapshot is these files as they are on disk.
func (r *rig) snapshot() (image stateImage) {
	r.t.Helper()
	for i, name := range stateFiles {
		data, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil {
			r.t.Fatal(err)
		}
		image[i] = data
	}
	return image
}

// restore goes on from a snapshot, in a process of its own as it were.
func (r *rig) restore(image stateImage) {
	r.t.Helper()
	if err := r.store.Close(); err != nil {
		r.t.Fatal(err)
	}
	for i, name := range stateFiles {
		if err := os.WriteFile(filepath.Join(r.dir, name), image[i], 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	r.open()
}

// reopen goes on as another process would behind a proper end.
func (r *rig) reopen() {
	r.t.Helper()
	if err := r.store.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.open()
}

// messageID is the one the rig's renderer wrote.
func messageID(raw string) string {
	line, _, _ := strings.Cut(raw, "\r\n")
	return strings.TrimPrefix(line, "Message-ID: ")
}

// resolve does what the gateway does with unknown mails, knowing what the
// relay has.
func (r *rig) resolve() {
	r.t.Helper()
	has := map[string]bool{}
	for _, m := range r.relay.received() {
		for _, to := range m.to {
			has[messageID(m.body)+to] = true
		}
	}
	any := false
	if err := r.store.View(func(tx *store.Tx) error {
		any = tx.AnyUnresolved()
		return nil
	}); err != nil {
		r.t.Fatal(err)
	}
	if !any {
		return
	}
	r.update(func(tx *store.Tx) error {
		list, err := tx.Unresolved()
		if err != nil {
			return err
		}
		for _, m := range list {
			if m.State != store.OutUnknown {
				continue
			}
			m.State = store.OutDone
			for i := range m.Recipients {
				rc := &m.Recipients[i]
				switch {
				case rc.State == store.OutUnknown && has[m.MessageID+rc.Address]:
					rc.State = store.OutSent
				case rc.State == store.OutUnknown || rc.State == store.OutQueued:
					rc.State, m.State, m.NextAttempt = store.OutQueued, store.OutQueued, time.Now().UTC()
				}
			}
			if err := tx.SetOut(m); err != nil {
				return err
			}
		}
		return nil
	})
}
