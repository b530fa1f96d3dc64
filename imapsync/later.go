package imapsync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postroom/internal/store"
)

const (
	postponeAfter  = 3                // failures until a mail no longer stops those behind it
	firstRetry     = 20 * time.Second // until a postponed mail is tried again,
	lastRetry      = 10 * time.Minute // doubling up to this
	notInItsTurn   = "fetching it failed"
	laterAtOnce    = 100
	renumberedGone = "its folder was renumbered before it was fetched"
)

// postpone lets the cursor pass a mail that cannot be fetched, once it has
// failed three times: a durable entry stands for it from then on, in the
// transaction that moves the cursor, and those behind it go on.
func (f *follower) postpone(uid uint32) error {
	s := f.suspects[uid]
	if s.times < postponeAfter || s.tooBig {
		return nil
	}
	cur := f.cur
	cur.Next = uid + 1
	err := f.y.st.Update(func(tx *store.Tx) error {
		if err := tx.SetLater(s.later(f.uid(uid), f.y.now())); err != nil {
			return err
		}
		return tx.SetCursor(cur)
	})
	if err != nil {
		return fmt.Errorf("postponing uid %d: %w", uid, err)
	}
	f.y.log.Warn("postponed", "uid", f.uid(uid).String(), "tries", s.times, "err", s.why)
	f.cur = cur
	f.limit, f.oldLimit = f.y.cfg.ChunkMails, f.y.cfg.HistoryRange
	return nil
}

// later is the entry of a suspect.
func (s suspect) later(uid store.UID, now time.Time) store.Later {
	l := store.Later{UID: uid, Why: notInItsTurn + ": " + s.why, Tries: s.times, Counted: s.counted, Since: s.since,
		Size: -1, Date: s.meta.date}
	if s.meta.uid != 0 {
		l.Size = s.meta.size
	}
	pause := firstRetry
	for n := postponeAfter; n < s.times && pause < lastRetry; n++ {
		pause *= 2
	}
	l.Next = now.Add(min(pause, lastRetry))
	return l
}

// suspectOf is what an entry says of its mail.
func suspectOf(l store.Later) suspect {
	s := suspect{times: l.Tries, counted: l.Counted, since: l.Since, why: l.Why, meta: meta{uid: l.UID.UID, size: l.Size, date: l.Date}}
	if l.Size < 0 && l.Date.IsZero() {
		s.meta = meta{}
	}
	return s
}

// later fetches what was passed and is due: mail that the header did not
// decide, many at once, and suspects each alone.
func (f *follower) later(ctx context.Context, s *session) error {
	for {
		uids, err := f.laterDue()
		if err != nil || len(uids) == 0 {
			return err
		}
		if err := f.fetchLater(ctx, s, uids); err != nil {
			return err
		}
	}
}

// laterDue takes the next entries. Those of a former UIDVALIDITY are of
// messages that have another number now.
func (f *follower) laterDue() ([]uint32, error) {
	list, err := f.laters()
	if err != nil {
		return nil, err
	}
	var uids []uint32
	var stale []store.Later
	now := f.y.now()
	f.askers = map[uint32]string{}
	for _, l := range list {
		if l.For != "" && l.UID.Validity == f.cur.UIDValidity {
			f.askers[l.UID.UID] = l.For
		}
		switch {
		case l.UID.Validity != f.cur.UIDValidity:
			stale = append(stale, l)
		case l.Next.After(now) || len(uids) == laterAtOnce:
		case l.Tries > 0:
			if len(uids) == 0 {
				f.suspects[l.UID.UID] = suspectOf(l)
				return []uint32{l.UID.UID}, f.dropLaters(stale)
			}
		default:
			uids = append(uids, l.UID.UID)
		}
	}
	return uids, f.dropLaters(stale)
}

func (f *follower) laters() (list []store.Later, err error) {
	err = f.y.st.View(func(tx *store.Tx) error {
		list, err = tx.Laters(f.folder)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading what is to be fetched: %w", err)
	}
	return list, nil
}

// nextLater is when an entry is due, false for never.
func (f *follower) nextLater() (next time.Time, any bool) {
	list, err := f.laters()
	if err != nil {
		return next, false // the next look says so
	}
	for _, l := range list {
		if !any || l.Next.Before(next) {
			next, any = l.Next, true
		}
	}
	return next, any
}

func (f *follower) dropLaters(stale []store.Later) error {
	if len(stale) == 0 {
		return nil
	}
	err := f.y.st.Update(func(tx *store.Tx) error {
		for _, l := range stale {
			gone := store.InboxRecord{At: f.y.now(), Gone: &store.InGone{UID: l.UID, Why: renumberedGone, For: l.For}}
			if err := tx.AddInbox(gone); err != nil {
				return err
			}
			if err := tx.DropLater(l.UID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("dropping what was renumbered: %w", err)
	}
	return nil
}

func (f *follower) fetchLater(ctx context.Context, s *session, uids []uint32) error {
	b := &batch{lading: lading{st: f.y.st}, f: f, s: s, uids: f.plan(uids, f.limit), done: map[uint32]entry{}}
	defer b.end()
	err := b.run()
	done := b.prefix()
	if commitErr := f.commitLater(b.take(), done); commitErr != nil {
		return commitErr
	}
	if err == nil || b.at == 0 || errors.Is(err, errLocal) || ctx.Err() != nil {
		return err
	}
	f.strike(ctx, b.at, b.metas[b.at], err)
	b.noteUndescribed()
	bad := f.suspects[b.at]
	entry := bad.later(f.uid(b.at), f.y.now())
	entry.For = f.askers[b.at]
	if bad.tooBig {
		entry.Next = f.y.now() // the header alone is asked for
	}
	if storeErr := f.y.st.Update(func(tx *store.Tx) error { return tx.SetLater(entry) }); storeErr != nil {
		return errors.Join(err, fmt.Errorf("storing what became of uid %d: %w", b.at, storeErr))
	}
	return err
}

// commitLater makes durable what was fetched out of its turn.
func (f *follower) commitLater(seg *store.Segment, done []entry) error {
	if len(done) == 0 {
		return nil
	}
	if seg != nil {
		if err := seg.Commit(); err != nil {
			return fmt.Errorf("storing mail: %w", err)
		}
	}
	at := f.y.now()
	err := f.y.st.Update(func(tx *store.Tx) error {
		for _, e := range done {
			if err := f.record(tx, at, e, f.cur); err != nil {
				return err
			}
			if err := tx.DropLater(f.uid(e.uid)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		if seg != nil {
			seg.Forsake() // it is fetched again
		}
		return fmt.Errorf("storing UIDs of %q that were passed: %w", f.folder, err)
	}
	f.progress = true
	f.brought(done)
	return nil
}
