package oauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	// margin is how long a token that is handed out is good for at least.
	margin = time.Minute
	// forceAgain is how soon after one forced refresh another is made.
	forceAgain = 5 * time.Minute
	// firstRetry, doubled to lastRetry, is how long a failing provider is left
	// alone; loginRetry how long one that wants a person to log in, as some
	// say so for a while and then do not.
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
	loginRetry = 15 * time.Minute
)

// State is how the tokens stand.
type State struct {
	// Err is why there was no new token at the last try; nil when there was.
	Err error
	// Login says that only a person can mend it.
	Login bool
	// Until is when the access token in hand ends; what failed must be mended
	// by then. Zero when there is none.
	Until time.Time
	// RefreshExpires is when the login itself ends; zero when the provider
	// does not say. LoggedIn is when a person made it; zero when unknown.
	RefreshExpires, LoggedIn time.Time
}

// Source hands out access tokens. Its methods may be called from any number
// of goroutines.
type Source struct {
	log    *slog.Logger
	cfg    Config
	http   *http.Client
	now    func() time.Time
	notify func(State)

	mu       sync.Mutex
	rec      record
	pending  *record       // newer than the file: it could not be stored, and is not used before
	flight   chan struct{} // closed when the refresh under way ends; nil for none
	err      error         // of the last refresh
	failures int           // in a row
	retryAt  time.Time
	forced   time.Time // when a refused token was last replaced
}

// New makes a source; nothing is read or asked yet. transport speaks HTTP and
// should bound the header it reads. notify, which may be nil, is called after
// each refresh, one at a time, and must not ask the source.
func New(log *slog.Logger, cfg Config, transport http.RoundTripper, now func() time.Time, notify func(State)) *Source {
	if notify == nil {
		notify = func(State) {}
	}
	return &Source{log: log, cfg: cfg, http: httpClient(transport), now: now, notify: notify}
}

// Token returns an access token that is good for a minute at least, asking
// the provider when there is none. ctx bounds the wait. The error wraps
// ErrLogin when a person has to log in.
func (s *Source) Token(ctx context.Context) (string, error) {
	return s.get(ctx, want{margin: margin})
}

// Renew returns a token other than the refused one, which a server did not
// take though it should be good. One refresh is forced for that; when the new
// token is refused too, an error says so until a while has passed.
func (s *Source) Renew(ctx context.Context, refused string) (string, error) {
	return s.get(ctx, want{margin: margin, other: refused})
}

// want says which token will do.
type want struct {
	margin time.Duration // good for so long
	other  string        // not this one
}

func (s *Source) get(ctx context.Context, w want) (string, error) {
	for {
		if err := ctx.Err(); err != nil {
			return "", fmt.Errorf("getting an access token: %w", err)
		}
		s.mu.Lock()
		token, wait, err := s.ready(w)
		mine := token == "" && err == nil && wait == nil
		if mine {
			s.flight = make(chan struct{})
		}
		s.mu.Unlock()
		switch {
		case mine:
			s.fly(ctx, w)
		case wait != nil:
			select {
			case <-wait:
			case <-ctx.Done():
			}
		default:
			return token, err
		}
	}
}

// ready looks for an answer that takes no refresh: a token, an error, or a
// refresh under way to wait for. With none of the three the caller refreshes.
func (s *Source) ready(w want) (token string, wait <-chan struct{}, err error) {
	now := s.now()
	if s.rec.Access != w.other && s.rec.good(now, w.margin) {
		return s.rec.Access, nil, nil
	}
	if s.flight != nil {
		return "", s.flight, nil
	}
	if s.err != nil && now.Before(s.retryAt) && !s.replaced() {
		return "", nil, s.err
	}
	if w.other != "" && w.other == s.rec.Access && now.Sub(s.forced) < forceAgain && !now.Before(s.forced) {
		return "", nil, fmt.Errorf("the server refuses a token that was renewed %v ago: the login may lack a scope, or the account is another's",
			now.Sub(s.forced).Round(time.Second))
	}
	return "", nil, nil
}

// replaced reports whether somebody logged in anew while we failed.
func (s *Source) replaced() bool {
	r, err := readFile(s.cfg.File, s.cfg.ClientID)
	return err == nil && r.Refresh != s.rec.Refresh
}

// good reports whether the access token can be used for so long. A token from
// the future tells of a clock that was set back: its age is unknown.
func (r record) good(now time.Time, margin time.Duration) bool {
	return r.Access != "" && now.Add(min(margin, r.lifetime()/4)).Before(r.Expires) && !now.Before(r.Obtained.Add(-time.Minute))
}

func (r record) lifetime() time.Duration { return r.Expires.Sub(r.Obtained) }

// fly refreshes, as the only one of this process, and ends the flight.
func (s *Source) fly(ctx context.Context, w want) {
	s.mu.Lock()
	old, pending := s.rec, s.pending
	s.mu.Unlock()

	fctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTime)
	// When the caller has gone, the answer may still come and hold a new
	// refresh token.
	leave := context.AfterFunc(ctx, func() { sleep(fctx, grace); cancel() })
	l, err := s.refresh(fctx, w, old, pending)
	leave()
	cancel()

	s.mu.Lock()
	s.landed(ctx, w, l, err)
	state := s.state()
	s.mu.Unlock()
	s.notify(state) // before the next flight can begin: states are told in order
	s.mu.Lock()
	close(s.flight)
	s.flight = nil
	s.mu.Unlock()
}

// landed takes over what a flight brought. It is called with mu held.
func (s *Source) landed(ctx context.Context, w want, l landing, err error) {
	now := s.now()
	switch {
	case l.unstored:
		s.pending = &l.rec
		if l.disk.Refresh != "" {
			s.rec = l.disk
		}
	case l.rec.Refresh != "":
		s.rec, s.pending = l.rec, nil
	}
	if err == nil {
		if w.other != "" {
			s.forced = now
		}
		if s.failures > 0 {
			s.log.Info("there are access tokens again")
		}
		s.err, s.failures = nil, 0
		return
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return // given up by the caller, not failed
	}
	s.failures++
	pause := min(lastRetry, firstRetry<<min(s.failures-1, 20))
	if errors.Is(err, ErrLogin) {
		pause = loginRetry
	}
	s.err, s.retryAt = err, now.Add(pause)
	s.log.Warn("no new access token", "err", err, "retry_in", pause)
}

func (s *Source) state() State {
	st := State{Err: s.err, Login: errors.Is(s.err, ErrLogin), RefreshExpires: s.rec.RefreshExpires, LoggedIn: s.rec.LoggedIn}
	if s.rec.good(s.now(), 0) {
		st.Until = s.rec.Expires
	}
	return st
}
