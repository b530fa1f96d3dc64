package oauth

import (
	"context"
	"time"
)

const (
	// mostAhead is how long before its end a token is renewed at most; a
	// quarter of its life, where that is less. When renewing fails, the old
	// one still serves to tell somebody.
	mostAhead = 15 * time.Minute
	// lookAgain bounds one sleep: the clock may be set, or the machine sleep.
	lookAgain = 5 * time.Minute
)

// Run renews the token ahead of its expiry until ctx ends, so that a login
// that has ended is known while the last token still works, and one that is
// not used for weeks stays alive. It returns nil.
func (s *Source) Run(ctx context.Context) error {
	for {
		// What went wrong was told already.
		_, _ = s.get(ctx, want{margin: mostAhead})
		if !sleep(ctx, s.untilNext()) {
			return nil
		}
	}
}

// untilNext is how long there is nothing to do for Run.
func (s *Source) untilNext() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	next := s.rec.Expires.Add(-min(mostAhead, s.rec.lifetime()/4))
	if s.err != nil {
		next = s.retryAt
	}
	return max(time.Second, min(next.Sub(now), lookAgain))
}
