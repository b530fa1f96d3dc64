package imapsync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

const (
	// unresolvedPoll is how often the folder is looked at at least while a
	// mail waits for its copy to come back.
	unresolvedPoll = time.Minute
	// choreDelay is how long chores gather before they interrupt IDLE.
	choreDelay = time.Second
	// vainLooks is how many announcements in a row may turn out to announce
	// nothing until the server's word is waited for: some say with each answer
	// that there is something.
	vainLooks = 3
)

// vainPause is how long an announcement is let lie behind so many vain ones.
func vainPause(vain int) time.Duration {
	if vain < vainLooks {
		return 0
	}
	return time.Second << min(vain-vainLooks, 5)
}

// wait returns when it is time to look again: the server announced something,
// chores are due, or the poll interval is over. IDLE only saves waiting, so a
// server that loses a notification delays a mail by one interval at most.
func (f *follower) wait(ctx context.Context, s *session) error {
	idle, err := f.idle(s)
	if err != nil {
		return err
	}
	if err := f.sleepUntilDue(ctx, s, idle != nil); err != nil {
		return err
	}
	if idle == nil {
		return nil
	}
	s.conn.arm(s.timeout)
	defer s.conn.arm(0)
	if err := idle.Close(); err != nil {
		return fmt.Errorf("ending IDLE: %w", err)
	}
	if err := idle.Wait(); broken(err) {
		return fmt.Errorf("ending IDLE: %w", err)
	} else if err != nil {
		s.noIdle = true
	}
	return nil
}

// idle begins IDLE (RFC 2177), or returns nil where the server has none.
func (f *follower) idle(s *session) (*imapclient.IdleCommand, error) {
	if s.noIdle || !hasIdle(s) {
		return nil, nil
	}
	s.conn.arm(s.timeout)
	idle, err := s.c.Idle()
	switch {
	case broken(err):
		return nil, fmt.Errorf("beginning IDLE: %w", err)
	case err != nil:
		f.y.log.Info("the server refuses IDLE; polling", "folder", f.folder, "err", err)
		s.noIdle = true
		s.conn.arm(0)
		return nil, nil
	}
	s.conn.arm(f.y.cfg.IdleRenew + s.timeout)
	return idle, nil
}

func (f *follower) sleepUntilDue(ctx context.Context, s *session, idling bool) error {
	began := time.Now()
	news := s.news
	f.announced = false
	every := f.y.cfg.Poll
	if idling {
		every = f.y.cfg.IdleRenew
	}
	timer := time.NewTimer(every)
	defer timer.Stop()
	shorten := func(d time.Duration) {
		if d < every {
			every = d
			timer.Reset(max(0, d-time.Since(began)))
		}
	}
	choreWake := f.choreWake
	if f.isSent {
		choreWake = nil
	}
	for {
		unresolved, err := f.unresolved()
		if err != nil {
			return err
		}
		if unresolved {
			shorten(unresolvedPoll)
		}
		if next, ok := f.nextLater(); ok {
			shorten(time.Since(began) + max(0, next.Sub(f.y.now())))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.c.Closed():
			return errHungUp
		case <-timer.C:
			return nil
		case <-news:
			f.announced = true
			pause := vainPause(f.vain)
			if pause == 0 {
				return nil
			}
			shorten(time.Since(began) + pause)
			news = nil
		case <-choreWake:
			shorten(time.Since(began) + choreDelay)
			choreWake = nil // they are due already
		case <-f.inboxWake: // an outcome may have become unknown
		}
	}
}

// errHungUp is the end of a connection nothing was asked of.
var errHungUp = errors.New("the server closed the connection")

func hasIdle(s *session) bool {
	return s.caps.Has(imap.CapIdle) || s.caps.Has(imap.CapIMAP4rev2)
}
