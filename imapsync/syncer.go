package imapsync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"postroom/internal/store"
)

const (
	firstDelay  = time.Second     // before the first try to reconnect, at least
	lastDelay   = 5 * time.Minute // the longest, by doubling, at most
	spread      = 0.25            // what jitter adds to a delay at most
	steadyAfter = time.Minute     // a connection that idled this long was a good one
	shutPause   = 10 * time.Second
	drainTries  = 8 // failures in a row after which CatchUp gives up
)

// Syncer follows one mailbox. Run and CatchUp are not for the same time.
type Syncer struct {
	log    *slog.Logger
	cfg    Config
	st     *store.Store
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	now    func() time.Time
	jitter func() float64
	obs    Observer
	inbox  *follower
	sent   *follower
	also   []*follower // further folders
	past   *follower   // nil where closed conversations stay
	up     atomic.Bool // the followed folder is selected
	asked  *fetcher
	// shut says that the followed folder's last login was refused. No other
	// connection is tried then: servers count refusals, and lock accounts.
	shut atomic.Bool

	// plain is why STARTTLS does not work, and until when that is known.
	plain     atomic.Pointer[plainness]
	uidBehind atomic.Bool // see uidbehind.go
	// entered is closed when the first login to the followed folder is over,
	// one way or the other. Until then there is no other: a server starts a
	// process for each, and new mail comes first.
	entered chan struct{}
	enter   func()
}

// New makes a Syncer. dial has the signature of net.Dialer.DialContext and
// makes bare connections: TLS is done here. jitter returns numbers in [0, 1)
// and, like now, is called from several goroutines.
func New(log *slog.Logger, cfg Config, st *store.Store,
	dial func(ctx context.Context, network, addr string) (net.Conn, error),
	now func() time.Time, jitter func() float64, obs Observer) *Syncer {
	y := &Syncer{log: log, cfg: cfg.withDefaults(), st: st, dial: dial, now: now, jitter: jitter, obs: obs,
		entered: make(chan struct{})}
	y.enter = sync.OnceFunc(func() { close(y.entered) })
	y.inbox = newFollower(y, y.cfg.Folder)
	y.sent = newFollower(y, y.cfg.SentFolder)
	y.sent.isSent = true
	y.also = y.further()
	if c := y.cfg.ClosedFolder; c != "" && c != y.cfg.Folder {
		y.past = newFollower(y, c)
		y.past.isPast = true
	}
	y.asked = &fetcher{y: y, wake: st.Wake(store.WakeFetch)}
	return y
}

// Run follows both folders, and fetches what is asked for, until ctx ends and then returns nil, with all its
// goroutines ended. Any failure of the mailbox is told to the observer and
// tried again; an error is returned only for a configuration that can never
// work.
func (y *Syncer) Run(ctx context.Context) error {
	if err := y.cfg.check(); err != nil {
		return fmt.Errorf("following the mailbox: %w", err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { y.inbox.follow(ctx) })
	wg.Go(func() { y.sent.follow(ctx) })
	wg.Go(func() { y.watchAlso(ctx) })
	wg.Go(func() { y.asked.follow(ctx) })
	wg.Go(func() { y.readPast(ctx) })
	wg.Wait()
	return nil
}

// CatchUp looks at both folders once, and at the further ones, imports what is
// left of the history, carries out the chores, fetches what is asked for, and
// returns. It tries again after a broken
// connection as long as something is gained, and gives up at once when the
// login or the protection of the connection is refused.
func (y *Syncer) CatchUp(ctx context.Context) error {
	if err := y.cfg.check(); err != nil {
		return fmt.Errorf("catching up: %w", err)
	}
	var wg sync.WaitGroup
	var inboxErr, sentErr error
	wg.Go(func() { inboxErr = y.inbox.catchUp(ctx) })
	wg.Go(func() { sentErr = y.sent.catchUp(ctx) })
	wg.Wait()
	if err := errors.Join(inboxErr, sentErr); err != nil {
		return err
	}
	if err := y.lookAlso(ctx); err != nil {
		y.log.Warn("looking at the further folders", "err", err) // the next time will do
	}
	if err := y.importPast(ctx); err != nil {
		y.log.Warn("reading the mail of closed conversations", "err", err)
	}
	return y.asked.catchUp(ctx)
}

// follow keeps a connection up until ctx ends.
func (f *follower) follow(ctx context.Context) {
	delay := firstDelay
	for ctx.Err() == nil {
		if f != f.y.inbox && f.y.shut.Load() {
			sleep(ctx, shutPause)
			continue
		}
		f.progress, f.steady = false, time.Time{}
		err := f.attempt(ctx, true)
		if f == f.y.inbox {
			f.y.shut.Store(errors.Is(err, ErrRefused))
		}
		switch {
		case ctx.Err() != nil || errors.Is(err, errSameFolder):
			return
		case errors.Is(err, errNoFolder):
			sleep(ctx, max(f.y.cfg.Poll, delay))
			delay = min(2*max(f.y.cfg.Poll, delay), lastDelay)
			continue
		case f.progress || !f.steady.IsZero() && f.y.now().Sub(f.steady) >= steadyAfter:
			delay = firstDelay
		}
		pause := f.pause(delay)
		f.y.obs.Error(f.folder, err)
		f.y.log.Warn("the mailbox connection ended", "folder", f.folder, "err", err, "retry_in", pause)
		sleep(ctx, pause)
		delay = min(2*delay, lastDelay)
	}
}

// catchUp is one whole look, on as many connections as it takes.
func (f *follower) catchUp(ctx context.Context) error {
	delay := firstDelay
	for failures := 0; ; {
		f.progress = false
		err := f.attempt(ctx, false)
		if err == nil || errors.Is(err, errNoFolder) || errors.Is(err, errSameFolder) {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if f.progress {
			failures, delay = 0, firstDelay
		}
		f.y.obs.Error(f.folder, err)
		if failures++; failures >= drainTries || lasting(err) {
			return fmt.Errorf("catching up with the mailbox: %w", err)
		}
		sleep(ctx, f.pause(delay))
		delay = min(2*delay, lastDelay)
	}
}

// pause spreads a delay, so that many clients of a server that comes back do
// not all knock at once. It is between firstDelay and lastDelay.
func (f *follower) pause(delay time.Duration) time.Duration {
	delay = min(delay, time.Duration(float64(lastDelay)/(1+spread)))
	return time.Duration(float64(delay) * (1 + spread*f.y.jitter()))
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
