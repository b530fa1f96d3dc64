package imapsync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"postroom/internal/store"
)

const (
	fetchTries = 5  // failures at one message until it is given up
	fetchBatch = 50 // messages looked for before what was found is made durable
)

// fetcher brings in single messages that somebody asked for. It has a
// connection of its own, open only while there is something to fetch, so that
// it is never in the way of mail that comes; it selects folders for reading
// alone and changes nothing. It belongs to one goroutine.
type fetcher struct {
	y    *Syncer
	wake <-chan struct{}
}

// follow fetches what is asked for until ctx ends.
func (x *fetcher) follow(ctx context.Context) {
	delay := firstDelay
	for ctx.Err() == nil {
		if x.y.shut.Load() {
			sleep(ctx, shutPause)
			continue
		}
		list, next, err := x.due()
		if err == nil && len(list) == 0 {
			x.sleep(ctx, next)
			continue
		}
		progress := false
		if err == nil {
			progress, err = x.attempt(ctx)
		}
		if err == nil || progress {
			delay = firstDelay
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		x.y.log.Warn("fetching originals was cut off", "err", err)
		sleep(ctx, x.y.inbox.pause(delay))
		delay = min(2*delay, lastDelay)
	}
}

// catchUp fetches what is due now, on as many connections as it takes.
func (x *fetcher) catchUp(ctx context.Context) error {
	for failures := 0; ; {
		list, _, err := x.due()
		if err != nil || len(list) == 0 {
			return err
		}
		progress, err := x.attempt(ctx)
		if progress {
			failures = 0
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if failures++; failures >= drainTries || lasting(err) {
			return fmt.Errorf("fetching originals: %w", err)
		}
		sleep(ctx, x.y.inbox.pause(firstDelay))
	}
}

// due returns what is to be fetched now, and when there is more to do; zero
// for never.
func (x *fetcher) due() (list []store.Fetch, next time.Time, err error) {
	now := x.y.now()
	err = x.y.st.View(func(tx *store.Tx) error {
		all, err := tx.Fetches()
		for _, f := range all {
			switch {
			case f.Next.After(now):
				if next.IsZero() || f.Next.Before(next) {
					next = f.Next
				}
			case len(list) < fetchBatch:
				list = append(list, f)
			}
		}
		return err
	})
	if err != nil {
		return nil, next, fmt.Errorf("reading what is to be fetched: %w", err)
	}
	// Customers' mail and ours lie in different folders: each is selected once.
	slices.SortStableFunc(list, func(a, b store.Fetch) int {
		switch {
		case a.Own == b.Own:
			return 0
		case b.Own:
			return -1
		}
		return 1
	})
	return list, next, nil
}

// sleep waits until something is asked for, or until then where it is not
// zero.
func (x *fetcher) sleep(ctx context.Context, then time.Time) {
	var due <-chan time.Time
	if !then.IsZero() {
		t := time.NewTimer(max(0, then.Sub(x.y.now())))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-ctx.Done():
	case <-x.wake:
	case <-due:
	}
}

// attempt is the life of one connection.
func (x *fetcher) attempt(ctx context.Context) (progress bool, err error) {
	s, err := x.y.connect(ctx)
	if err != nil {
		return false, err
	}
	defer s.close()
	folders, err := x.folders(s)
	if err != nil {
		return false, s.explain(err)
	}
	for {
		list, _, err := x.due()
		if err != nil {
			return progress, err
		}
		if len(list) == 0 {
			s.logout()
			return progress, nil
		}
		h := &haul{x: x, s: s, folders: folders, lading: lading{st: x.y.st}}
		done, err := h.run(list)
		progress = progress || done > 0
		if err != nil {
			return progress, s.explain(err)
		}
	}
}

// folders are those an original may lie in: the followed one, the one for
// sent mail, and where closed conversations are moved.
func (x *fetcher) folders(s *session) ([]string, error) {
	sent, err := s.sentFolder(x.y.cfg.SentFolder)
	if err != nil {
		return nil, err
	}
	list := []string{x.y.cfg.Folder}
	for _, name := range []string{sent, x.y.cfg.ClosedFolder} {
		if name != "" && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list, nil
}

// haul is some messages being fetched, each by a command of its own: so it is
// known at which one a connection breaks.
type haul struct {
	lading
	x       *fetcher
	s       *session
	folders []string
	chosen  string // the selected folder, "" for none
	valid   uint32 // its UIDVALIDITY
	done    []fetched
	kept    int // of them, durably
}

// fetched is a fetch and what it came to.
type fetched struct {
	f  store.Fetch
	in store.InFetched
}

// run fetches and returns how many are done, durably. After a failure what was
// fetched before it is kept.
func (h *haul) run(list []store.Fetch) (done int, err error) {
	defer h.discard(h.x.y.log)
	for _, f := range list {
		err := h.one(f)
		if err == nil && h.seg != nil && h.seg.Size() >= h.x.y.cfg.ChunkBytes {
			err = h.commit()
		}
		if err != nil {
			err = errors.Join(err, h.commit(), h.strike(f, err))
			return h.kept, err
		}
	}
	err = h.commit()
	return h.kept, err
}

// one finds and fetches one message.
func (h *haul) one(f store.Fetch) error {
	where := slices.Clone(h.folders)
	if f.Own && len(where) > 1 {
		where[0], where[1] = where[1], where[0]
	}
	if at := f.UID.Folder; at != "" && !slices.Contains(where, at) {
		where = append([]string{at}, where...) // one of the further folders
	}
	for _, folder := range where {
		there, err := h.choose(folder)
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		m, err := h.find(f)
		if err != nil {
			return err
		}
		if m.uid != 0 {
			return h.bring(f, m)
		}
	}
	h.settle(f, store.InFetched{Why: "it is no longer in " + orList(where)})
	return nil
}

func orList(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// choose selects a folder for reading; false when there is none.
func (h *haul) choose(folder string) (bool, error) {
	if h.chosen == folder {
		return true, nil
	}
	h.chosen = ""
	data, err := h.s.choose(folder, true)
	if broken(err) {
		return false, err
	}
	if err != nil {
		there, lookErr := h.s.exists(folder)
		if lookErr != nil || there {
			return false, errors.Join(err, lookErr)
		}
		return false, nil
	}
	h.chosen, h.valid = folder, data.UIDValidity
	return true, nil
}

// find looks for a message in the selected folder: by its number there, else
// by its Message-ID. Of several with that id the one of its size is it.
func (h *haul) find(f store.Fetch) (meta, error) {
	if f.UID.Folder == h.chosen && f.UID.Validity == h.valid {
		found, err := h.s.metadata([]uint32{f.UID.UID})
		if m, ok := found[f.UID.UID]; ok || err != nil {
			return m, err
		}
	}
	for _, id := range f.MessageIDs {
		if !printable(id) {
			continue
		}
		uids, err := h.s.listHeader("Message-ID", id)
		if err != nil {
			return meta{}, err
		}
		if len(uids) == 0 {
			continue
		}
		found, err := h.s.metadata(uids[:min(len(uids), fetchBatch)])
		if err != nil {
			return meta{}, err
		}
		if m := likest(found, f.Size); m.uid != 0 {
			return m, nil
		}
	}
	return meta{}, nil
}

// likest is the message of that size, else the first.
func likest(found map[uint32]meta, size int64) (best meta) {
	for _, m := range found {
		fits, fitted := m.size == size, best.size == size
		if best.uid == 0 || fits && !fitted || fits == fitted && m.uid < best.uid {
			best = m
		}
	}
	return best
}

// bring fetches the message whole.
func (h *haul) bring(f store.Fetch, m meta) error {
	limit := min(f.Max, h.x.y.cfg.MaxMail)
	tooBig := func(size int64) {
		h.settle(f, store.InFetched{Why: fmt.Sprintf("it has %d octets, more than the limit of %d", size, limit)})
	}
	if m.size > limit {
		tooBig(m.size)
		return nil
	}
	if m.size >= store.BigMail {
		if err := h.commit(); err != nil { // it has a segment of its own
			return err
		}
	}
	came, before := false, len(h.done)
	err := h.s.sections([]uint32{m.uid}, &wholeBody, func(uid uint32, lit imap.LiteralReader) error {
		if uid != m.uid || came {
			return nil
		}
		if lit.Size() > limit {
			tooBig(lit.Size())
			return errTooLong
		}
		ref, whole, err := h.write(lit, lit.Size())
		switch {
		case errors.Is(err, errDrips):
			return h.s.gaveUp(uid, err)
		case err != nil:
			return err
		case !whole:
			return h.s.cutOff(uid)
		}
		came = true
		h.settle(f, store.InFetched{UID: store.UID{Folder: h.chosen, Validity: h.valid, UID: uid}, Raw: ref})
		return nil
	})
	if errors.Is(err, errOtherMessage) {
		h.done = h.done[:before]
	}
	if err == nil && !came {
		err = fmt.Errorf("fetching uid %d: %w", m.uid, errNotDelivered)
	}
	return err
}

// errTooLong ends a connection before a literal that is longer than was said:
// it would have to be read to its end.
var errTooLong = errors.New("it is longer than the server said")

func (h *haul) settle(f store.Fetch, in store.InFetched) {
	in.Wanted, in.Event = f.Wanted, f.Event
	h.done = append(h.done, fetched{f, in})
}

// commit makes durable what is done so far.
func (h *haul) commit() error {
	if len(h.done) == 0 {
		return nil
	}
	if err := h.seal(); err != nil {
		return err
	}
	at := h.x.y.now()
	err := h.x.y.st.Update(func(tx *store.Tx) error {
		for _, d := range h.done {
			if err := tx.AddFetched(at, d.f, d.in); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("storing originals: %w", err)
	}
	for _, d := range h.done {
		h.x.y.log.Info("fetched an original", "wanted", d.in.Wanted, "event", d.in.Event, "uid", d.in.UID.String(), "octets", d.in.Raw.Length, "why", d.in.Why)
	}
	h.kept += len(h.done)
	h.done = nil
	return nil
}

// strike counts a failure against the message it happened at. One that fails
// too often is told as such: who asked is not kept waiting for ever.
func (h *haul) strike(f store.Fetch, cause error) error {
	if errors.Is(cause, errLocal) || errors.Is(cause, context.Canceled) {
		return nil
	}
	f.Tries++
	f.Next = h.x.y.now().Add(min(firstRetry<<min(f.Tries-1, 10), lastRetry))
	err := h.x.y.st.Update(func(tx *store.Tx) error {
		if f.Tries < fetchTries {
			return tx.UpdateFetch(f)
		}
		why := fmt.Sprintf("fetching it failed %d times, last: %s", f.Tries, firstLine(cause))
		return tx.AddFetched(h.x.y.now(), f, store.InFetched{Wanted: f.Wanted, Event: f.Event, Why: why})
	})
	if err != nil {
		return fmt.Errorf("storing that event %d of %s cannot be fetched: %w", f.Event, f.Wanted, err)
	}
	return nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
