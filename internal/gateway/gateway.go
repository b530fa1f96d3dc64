package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

// OwnCopy says how a copy of what we send comes back to the mailbox.
type OwnCopy string

// The ways.
const (
	CopyByBcc   OwnCopy = "bcc"   // one more recipient of the same transaction
	CopyByRelay OwnCopy = "relay" // the provider files sent mail itself
	CopyNone    OwnCopy = "none"  // nothing comes back
	// CopyByAppend files answers to Sent once the relay has taken them: nothing
	// comes back that would prove an attempt.
	CopyByAppend OwnCopy = "append"
)

// Config is what the gateway needs of the configuration.
type Config struct {
	Support       threads.Address
	ReplyTemplate string   // "" where the mailbox takes no plus-addresses
	FromName      string   // "{engineer} at {support}"
	Footer        string   // full, line, none
	Folder        string   // the followed folder
	Also          []string // further folders, mail of which is recorded
	OwnCopy       OwnCopy
	OwnCopyOpen   bool // OwnCopy is a guess, until the provider is known
	MarkSeen      bool
	FileClosed    bool // whether the mail of closed conversations is moved away
	Stale         threads.Stale
	Vouch         bool          // somebody answers who vouches for a mail (store.Tx.Ask)
	AuthservID    string        // whose word is taken for it, "" for nobody's
	Demand        bool          // an engineer's mail counts only when somebody vouches for it
	Deadline      time.Duration // how long delivery tries
	WarnAfter     time.Duration // when an author is told that her answer still waits; 0 for never
	UnknownWait   time.Duration // how long to look for our own copy
	HistoryWait   time.Duration // how long a mail waits for the history import
	AnswersDir    string        // where saved answers lie; "" for nowhere
	Parcel        int64         // octets of originals in one mail of ours; default 10 MB
	Retry         time.Duration // the first pause between attempts whose end is unknown; default 1 minute
}

// Observer is told what the gateway does; its methods must not block.
type Observer interface {
	// Processed is called after each commit with the number of records done.
	Processed(records int)
	// CameBack is called for each copy of our own that was recognised.
	CameBack()
	// SetAside is called when a record was given up.
	SetAside(seq uint64, err error)
}

// Gateway is the thinking stage. Run may be called once.
type Gateway struct {
	log      *slog.Logger
	cfg      Config
	st       *store.Store
	now      func() time.Time
	obs      Observer
	names    threads.Names
	minter   threads.Minter
	era      string // of this state; see threads.Minter.In
	composer *message.Composer
	answers  Answers

	// Owned by the goroutine that runs; a batch works on copies and hands
	// them back when it has committed.
	rot    *threads.Rotation
	turns  threads.Pointers
	handed threads.Pointers
	absent threads.Absences
	// restored is the return from a backup, if there was one.
	restored store.Restored
	roots    roots
	clock    time.Time // the newest time seen
	load     map[string]int
	lib      *library
	habits   Habits
	// wary is how many of the records that were there at the start are still
	// taken one by one: one of them may be what ended the process before.
	wary int

	adopted atomic.Pointer[Habits]

	mu      sync.Mutex
	waiters map[string]chan error // admin requests that wait for their end
}

// batchSize is how many records one transaction takes at most: one sync pays
// for them, and a crash repeats at most their thinking.
const batchSize = 128

// New makes a Gateway over an open store. rot is the rotation in effect; a
// newer one comes in by the inbox.
func New(log *slog.Logger, cfg Config, st *store.Store, rot *threads.Rotation, now func() time.Time, obs Observer) (*Gateway, error) {
	names := threads.NewNames(cfg.Support.Addr, cfg.ReplyTemplate)
	g := &Gateway{
		log: log, cfg: cfg, st: st, now: now, obs: obs, rot: rot,
		names:    names,
		minter:   threads.NewMinter(st.InstanceKey()),
		composer: message.NewComposer(cfg.Support, cfg.FromName, names.Domain),
		answers:  NewAnswers(cfg.AnswersDir),
		load:     map[string]int{},
		waiters:  map[string]chan error{},
		lib:      newLibrary(st, names),
	}
	err := st.View(func(tx *store.Tx) error {
		var err error
		if g.turns, err = tx.Pointers("turns"); err != nil {
			return err
		}
		if g.handed, err = tx.Pointers("handed"); err != nil {
			return err
		}
		waiting, err := tx.Inbox(batchSize)
		if err != nil {
			return err
		}
		g.wary = len(waiting)
		if g.absent, err = tx.Absences(); err != nil {
			return err
		}
		if g.era, err = tx.Era(); err != nil {
			return err
		}
		if g.restored, _, err = tx.Restored(); err != nil {
			return err
		}
		return tx.EachOpen(func(o store.OpenConversation) error {
			if o.Owner != "" {
				g.load[o.Owner]++
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	log.Info("rotation", "version", rot.Version, "changes", "")
	return g, nil
}

// Run processes the inbox until ctx ends.
func (g *Gateway) Run(ctx context.Context) error {
	wake := g.st.Wake(store.WakeInbox)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if err := g.Drain(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			// The disk is full or fails: nothing is lost by waiting.
			g.log.Error("the inbox cannot be processed; trying again", "err", err)
			timer.Reset(retryPause)
		} else if at, ok := g.nextTimer(); ok && !g.restoring() {
			timer.Reset(min(max(at.Sub(g.now()), 0), clockPause))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-timer.C:
		}
	}
}

// clockPause is how long the gateway sleeps at most before a deadline: the
// clock may be set meanwhile, which no timer notices.
const clockPause = 10 * time.Minute

// retryPause is how long the gateway waits after the store failed.
const retryPause = 5 * time.Second

func (g *Gateway) nextTimer() (at time.Time, ok bool) {
	if err := g.st.Glance(func(tx *store.Tx) error {
		at, ok = tx.NextTimer()
		return nil
	}); err != nil {
		g.log.Error("reading the timers", "err", err)
	}
	return at, ok
}

// Drain processes the inbox until it is empty. It must not run beside Run.
func (g *Gateway) Drain(ctx context.Context) error {
	defer g.lib.close()
	for ctx.Err() == nil {
		records, err := g.take()
		if err != nil {
			return err
		}
		if len(records) == 0 {
			return nil
		}
		if err := g.process(ctx, records); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// take fires the timers that are due and returns the next records.
func (g *Gateway) take() (records []store.InboxRecord, err error) {
	g.adopt()
	if err := g.clockSet(); err != nil {
		return nil, fmt.Errorf("looking at the clock: %w", err)
	}
	if at, ok := g.nextTimer(); ok && !at.After(g.now()) && !g.restoring() {
		err = g.st.Update(func(tx *store.Tx) error { return tx.FireTimers(g.now(), batchSize) })
		if err != nil {
			return nil, fmt.Errorf("firing timers: %w", err)
		}
	}
	err = g.st.Glance(func(tx *store.Tx) error {
		records, err = tx.InboxAfter(0, batchSize)
		return err
	})
	return enough(records), err
}

// enough is as many of the records as one transaction should take: a range of
// old mail is one by itself, or new mail would wait for many of them.
func enough(records []store.InboxRecord) []store.InboxRecord {
	for i, r := range records {
		if r.History != nil && len(r.History.Mails) > 1 {
			return records[:max(1, i)]
		}
	}
	return records
}

// process runs a batch. When one record of it breaks, each is run alone, so
// that only the broken one is counted against.
func (g *Gateway) process(ctx context.Context, records []store.InboxRecord) error {
	if g.wary == 0 {
		err := g.batch(records)
		var bad *recordError
		if err == nil || !errors.As(err, &bad) {
			return err
		}
	}
	for _, r := range records {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := g.alone(r); err != nil {
			return err
		}
		g.wary = max(0, g.wary-1)
	}
	return nil
}

// errEnded is what a record is set aside for that was in hand each time the
// process ended.
var errEnded = errors.New("the process ended each time while it was being handled")

// mark counts a try before it is made, so that one which ends the process
// counts too.
func (g *Gateway) mark(r *store.InboxRecord) error {
	if r.LastError == "" {
		r.LastError = errEnded.Error()
	}
	r.Tries++
	return g.st.Update(func(tx *store.Tx) error { return tx.UpdateInbox(*r) })
}

// maxTries is how often a record may break before it is set aside.
const maxTries = 3

func (g *Gateway) alone(r store.InboxRecord) error {
	for {
		if g.wary > 0 {
			if r.Tries >= maxTries && r.Admin == nil {
				return g.setAside(r, errors.New(r.LastError))
			}
			if err := g.mark(&r); err != nil {
				return err
			}
		}
		err := g.batch([]store.InboxRecord{r})
		var bad *recordError
		if !errors.As(err, &bad) {
			return err
		}
		if r.Admin != nil {
			return g.refuse(r, bad.err)
		}
		if g.wary == 0 {
			r.Tries++
		}
		r.LastError = bad.Error()
		g.log.Error("a record broke the step", "seq", r.Seq, "try", r.Tries, "err", bad)
		if r.Tries < maxTries {
			if err := g.st.Update(func(tx *store.Tx) error { return tx.UpdateInbox(r) }); err != nil {
				return err
			}
			continue
		}
		return g.setAside(r, bad)
	}
}

// recordError is an error that one record caused, not the store.
type recordError struct {
	seq uint64
	err error
}

func (e *recordError) Error() string { return fmt.Sprintf("processing record %d: %v", e.seq, e.err) }
func (e *recordError) Unwrap() error { return e.err }
