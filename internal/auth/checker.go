package auth

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

const (
	atOnce     = 4 // mails checked at the same time
	checkTime  = 15 * time.Second
	tries      = 3               // until DNS is given up
	againAfter = 5 * time.Second // doubled each time
	storeRetry = time.Second     // until a store that fails is tried again
)

// Checker answers the mails that wait in the store to be asked who vouches
// for them. Of Run and Drain one may run at a time.
type Checker struct {
	log    *slog.Logger
	st     *store.Store
	server string
	names  names
	wake   <-chan struct{}
}

// NewChecker makes a checker. server is whose Authentication-Results are
// believed (RFC 8601 §2.5), "" for nobody's, Exchange for Microsoft 365.
func NewChecker(log *slog.Logger, st *store.Store, ask LookupTXT, now func() time.Time, server string) *Checker {
	return &Checker{
		log: log, st: st, server: server, wake: st.Wake(store.WakeAsked),
		names: names{ask: ask, now: now, kept: map[string]answer{}},
	}
}

// Run answers mails until ctx ends, and then returns nil.
func (c *Checker) Run(ctx context.Context) error {
	for {
		pause := time.Duration(0)
		if _, err := c.Drain(ctx); err != nil && ctx.Err() == nil {
			c.log.Error("checking engineers' mail", "err", err)
			pause = storeRetry
		}
		var again <-chan time.Time
		if pause > 0 {
			again = time.After(pause)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		case <-again:
		}
	}
}

// Drain answers all that wait now and returns how many.
func (c *Checker) Drain(ctx context.Context) (int, error) {
	for n := 0; ; {
		var list []store.InboxRecord
		err := c.st.View(func(tx *store.Tx) (err error) {
			list, err = tx.Asked(atOnce)
			return err
		})
		if err == nil && len(list) > 0 {
			c.check(ctx, list)
			err = ctx.Err()
		}
		if err != nil || len(list) == 0 {
			return n, err
		}
		err = c.st.Update(func(tx *store.Tx) error {
			for _, r := range list {
				if err := tx.Answer(r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return n, fmt.Errorf("storing who vouches: %w", err)
		}
		n += len(list)
	}
}

func (c *Checker) check(ctx context.Context, list []store.InboxRecord) {
	var wg sync.WaitGroup
	for i := range list {
		m := *list[i].Mail
		list[i].Mail = &m
		wg.Go(func() {
			v := c.one(ctx, m.Raw)
			m.Vouch = &v
			c.log.Info("vouched", "uid", m.UID.String(), "result", v.Result, "by", v.By, "why", v.Why)
		})
	}
	wg.Wait()
}

// one checks one mail, a few times while DNS does not answer.
func (c *Checker) one(ctx context.Context, ref store.Ref) (v threads.Vouch) {
	defer func() {
		if p := recover(); p != nil {
			v = threads.Vouch{Result: threads.VouchFail, Why: "checking it failed"}
			c.log.Error("checking a mail", "panic", p)
		}
	}()
	raw, err := c.st.OpenRaw(ref)
	if err != nil {
		return threads.Vouch{Result: threads.VouchUnknown, Why: "it could not be read again"}
	}
	defer raw.Close()
	msg := message.Read(raw)
	pause := againAfter
	for n := 1; ; n++ {
		tctx, cancel := context.WithTimeout(ctx, checkTime)
		v = c.vouch(tctx, msg, io.NewSectionReader(raw, 0, raw.Size()))
		cancel()
		if v.Result != threads.VouchUnknown || n == tries {
			return v
		}
		select {
		case <-ctx.Done():
			return v
		case <-time.After(pause):
		}
		pause *= 2
	}
}
