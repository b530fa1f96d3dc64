package smtpout

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"postroom/internal/store"
)

// Dial opens a connection, as net.Dialer.DialContext does.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Render writes the octets of a mail: lines end with CRLF, no dot is stuffed. A
// mail with UTF8Header is asked for in the form with a header in UTF-8.
// It is called once for each time the mail is sent, from several goroutines.
type Render func(ctx context.Context, w io.Writer, m store.OutMail) error

// Observer is told about the relay. Its methods are called from one goroutine,
// but for EnvelopeFallback, and should return at once.
type Observer interface {
	// RelayError tells why the relay as a whole does not work, and nil once it
	// does again.
	RelayError(err error)
	// Paused tells until when the relay is left alone; the zero time once it
	// works again.
	Paused(until time.Time)
	// EnvelopeFallback tells what the relay said when it refused a reverse-path
	// of ours, and "" when it is found to take bounce addresses. It is told
	// again after a restart, and by LearnSender.
	EnvelopeFallback(words string)
}

// Sender sends what is in the outbox of a store. Of Run and Drain one may run
// at a time, and only one Sender over a store.
type Sender struct {
	log      *slog.Logger
	cfg      Config
	tls      *tls.Config
	store    *store.Store
	dial     Dial
	render   Render
	now      func() time.Time
	jitter   func() float64
	observer Observer
	wake     <-chan struct{}

	plain    atomic.Pointer[string] // why the relay's TLS is of no use, where it need not be
	lockstep atomic.Bool            // the relay says that it does PIPELINING, and does not
	envelope envelope
	relay    relay
	meter    meter
}

// New makes a sender; nothing happens before Run or Drain. jitter returns
// numbers in [0, 1) and is called from one goroutine.
func New(log *slog.Logger, cfg Config, st *store.Store, dial Dial, render Render,
	now func() time.Time, jitter func() float64, o Observer) *Sender {
	cfg = cfg.withDefaults()
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.TLSConfig != nil {
		tlsConfig = cfg.TLSConfig.Clone()
	}
	orElse(&tlsConfig.ServerName, splitHost(cfg.Server))
	return &Sender{
		log: log, cfg: cfg, tls: tlsConfig, store: st, dial: dial, render: render,
		now: now, jitter: jitter, observer: o, wake: st.Wake(store.WakeOutbox),
		meter: meter{rate: cfg.Rate},
	}
}

// Run sends what becomes due until ctx ends. Then mails in hand have a short
// grace, what was claimed and not begun is queued again, and every goroutine
// has ended when Run returns. It returns nil: trouble with the relay or the
// store is waited out.
func (s *Sender) Run(ctx context.Context) error {
	_, err := s.serve(ctx, false)
	return err
}

// Drain sends until nothing is due now and returns how many mails reached at
// least one recipient. It gives up, with the relay's error, when the relay
// fails several times in a row.
func (s *Sender) Drain(ctx context.Context) (sent int, err error) {
	return s.serve(ctx, true)
}

func (s *Sender) serve(ctx context.Context, drain bool) (int, error) {
	for {
		err := s.begin()
		if err == nil {
			break
		}
		if drain {
			return 0, err
		}
		s.log.Error("reading the outbox", "err", err)
		if !pause(ctx, storeRetry) {
			return 0, nil
		}
	}
	sendCtx, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	d := &dispatcher{Sender: s, drain: drain, cut: cut, look: true}
	d.results = make(chan *result, s.cfg.UnclearLimit)
	var workers sync.WaitGroup
	for range s.cfg.Connections {
		w := &worker{Sender: s, jobs: make(chan *job, s.cfg.UnclearLimit)}
		d.workers, d.idle = append(d.workers, w), append(d.idle, w)
		workers.Go(func() { w.run(sendCtx, d.results) })
	}
	err := d.run(ctx)
	for _, w := range d.workers {
		close(w.jobs)
	}
	workers.Wait()
	return d.sent, err
}

// begin takes up what an earlier run left.
func (s *Sender) begin() error {
	var m EnvelopeMemory
	err := s.store.View(func(tx *store.Tx) error {
		if _, err := tx.Meta(EnvelopeKey, &m); err != nil {
			return err
		}
		return s.meter.load(tx, s.now())
	})
	if err != nil {
		return fmt.Errorf("reading what the relay said of senders, and what was sent: %w", err)
	}
	s.envelope.set(m)
	for _, words := range []string{m.Bounce, m.Null} {
		if words != "" {
			s.observer.EnvelopeFallback(words)
		}
	}
	return s.recover()
}

// pause waits, and reports whether ctx is still good.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
