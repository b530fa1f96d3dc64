package service

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"postroom/internal/admin"
	"postroom/internal/store"
)

// Sum is what a drain came to.
type Sum struct {
	Seen          int     `json:"seen"`          // messages taken from the mailbox, our own copies aside
	Conversations int     `json:"conversations"` // that are open
	Sent          int     `json:"sent"`
	Queued        int     `json:"queued"` // still to be sent, later
	Held          int     `json:"held"`
	Seconds       float64 `json:"seconds"`
}

// maxRounds bounds a drain: mail that makes mail must not keep it for ever.
const maxRounds = 50

// Drain catches up, thinks, sends everything that is due, and does it again
// until nothing moves.
func (s *Service) Drain(ctx context.Context) (Sum, error) {
	began := s.seams.Now()
	before, err := s.ledgered()
	if err != nil {
		return Sum{}, err
	}
	sum, outbox := Sum{}, s.st.Wake(store.WakeOutbox)
	for range maxRounds {
		moved, err := s.round(ctx, outbox)
		sum.Sent += moved.sent
		if err != nil {
			return sum, err
		}
		due, err := s.due()
		if err != nil {
			return sum, err
		}
		if moved.idle() && !due {
			break
		}
	}
	after, err := s.ledgered()
	if err != nil {
		return sum, err
	}
	counts, err := admin.Counts(s.st)
	if err != nil {
		return sum, err
	}
	sum.Seen, sum.Conversations, sum.Held, sum.Queued = after-before-s.watch.ownCopies(), counts.Open, counts.Held, counts.Queued
	sum.Seconds = float64(s.seams.Now().Sub(began).Milliseconds()) / 1000
	return sum, nil
}

// motion is what one round moved.
type motion struct{ seen, sent int }

func (m motion) idle() bool { return m.seen == 0 && m.sent == 0 }

func (s *Service) round(ctx context.Context, outbox <-chan struct{}) (motion, error) {
	var m motion
	before, err := s.ledgered()
	if err != nil {
		return m, err
	}
	m.sent, err = s.flow(ctx, outbox)
	if err != nil {
		return m, err
	}
	sent, err := s.out.Drain(ctx)
	m.sent += sent
	if err != nil {
		return m, fmt.Errorf("sending: %w", err)
	}
	if err := s.thinkAll(ctx); err != nil {
		return m, err
	}
	after, err := s.ledgered()
	m.seen = after - before
	return m, err
}

// flow catches up with the mailbox while what has come in is thought about,
// and what follows from it is sent: each of the three waits for something else
// most of the time. What is left behind it is thought about to the end.
func (s *Service) flow(ctx context.Context, outbox <-chan struct{}) (sent int, err error) {
	flowing, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	var inErr, thinkErr, outErr error
	wg.Go(func() { thinkErr = s.think.Run(flowing) })
	wg.Go(func() {
		for flowing.Err() == nil && outErr == nil {
			select {
			case <-flowing.Done():
			case <-outbox:
				var n int
				n, outErr = s.out.Drain(ctx)
				sent += n
			}
		}
	})
	if err := s.in.CatchUp(ctx); err != nil {
		inErr = fmt.Errorf("catching up: %w", err)
	}
	stop()
	wg.Wait()
	if thinkErr != nil {
		thinkErr = fmt.Errorf("thinking: %w", thinkErr)
	} else {
		thinkErr = s.thinkAll(ctx)
	}
	if outErr != nil {
		outErr = fmt.Errorf("sending: %w", outErr)
	}
	return sent, errors.Join(inErr, thinkErr, outErr)
}

// thinkAll thinks until no mail waits to be told who vouches for it.
func (s *Service) thinkAll(ctx context.Context) error {
	for {
		if err := s.think.Drain(ctx); err != nil {
			return fmt.Errorf("thinking: %w", err)
		}
		if s.vouch == nil {
			return nil
		}
		n, err := s.vouch.Drain(ctx)
		if err != nil {
			return fmt.Errorf("checking engineers' mail: %w", err)
		}
		if n == 0 {
			return nil
		}
	}
}

// due reports whether a mail waits to be sent now: thinking about what became
// of others may have made one.
func (s *Service) due() (due bool, err error) {
	err = s.st.View(func(tx *store.Tx) error {
		at, ok := tx.NextDue()
		due = ok && !at.After(s.seams.Now())
		return nil
	})
	return due, err
}

// ledgered counts the messages of the mailbox that have an outcome.
func (s *Service) ledgered() (n int, err error) {
	err = s.st.View(func(tx *store.Tx) error {
		n = tx.LedgerLen()
		return nil
	})
	return n, err
}
