package imapsync

import (
	"context"
	"fmt"
	"time"

	"postroom/internal/store"
)

// look brings in everything from the cursor to the end of the folder, chunk
// by chunk.
func (f *follower) look(ctx context.Context, s *session) error {
	began := f.y.now()
	select { // what was announced so far is seen by this look
	case <-s.news:
	default:
	}
	uids, err := s.list(f.cur.Next)
	if err != nil {
		return err
	}
	if f.announced && len(uids) == 0 {
		f.vain++
	} else {
		f.vain = 0
	}
	for {
		bring := f.chunk
		if f.isAlso {
			bring = f.again
		}
		if f.cur.Again > 0 {
			if len(uids) > 0 && uids[0] < f.cur.Again {
				bring = f.again
			} else if err := f.endAgain(); err != nil {
				return err
			}
		}
		if len(uids) == 0 {
			break
		}
		done, err := bring(ctx, s, uids)
		if err != nil {
			return err
		}
		uids = uids[done:]
	}
	if err := f.later(ctx, s); err != nil {
		return err
	}
	if f.isAlso {
		return nil
	}
	if err := f.rereadDone(); err != nil {
		return err
	}
	return f.caughtUp(began)
}

// caughtUp reports a whole look; to the inbox only while a mail is unresolved,
// which waits for exactly this. The disk is not waited for: the next look says
// the same.
func (f *follower) caughtUp(began time.Time) error {
	unresolved, err := f.unresolved()
	if err != nil {
		return err
	}
	if unresolved && !f.behind() {
		err := f.y.st.UpdateSoon(func(tx *store.Tx) error {
			return tx.AddInbox(store.InboxRecord{At: f.y.now(),
				CaughtUp: &store.CaughtUp{Folder: f.folder, Began: began}})
		})
		if err != nil {
			return fmt.Errorf("storing that %q is caught up: %w", f.folder, err)
		}
	}
	f.y.obs.CaughtUp(f.folder, began)
	return nil
}

// behind reports whether a message was passed that has not been fetched: it
// may be the copy somebody waits for.
func (f *follower) behind() (any bool) {
	if err := f.y.st.View(func(tx *store.Tx) error {
		any = tx.AnyLater(f.folder)
		return nil
	}); err != nil {
		return true
	}
	return any
}

func (f *follower) unresolved() (any bool, err error) {
	err = f.y.st.View(func(tx *store.Tx) error {
		any = tx.AnyUnresolved()
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("looking for unresolved mail: %w", err)
	}
	return any, nil
}

// entry is what becomes of one UID in a chunk; exactly one of the pointers is
// set.
type entry struct {
	uid  uint32
	mail *store.InMail
	gone *store.InGone
	old  *store.HistoryHeader
}

// commit makes a chunk durable: the segment first, then records and cursor in
// one transaction. done are consecutive in the listing, in UID order. seg is
// nil when nothing was fetched.
func (f *follower) commit(seg *store.Segment, done []entry) error {
	if len(done) == 0 {
		return nil
	}
	if seg != nil {
		if err := seg.Commit(); err != nil {
			return fmt.Errorf("storing mail: %w", err)
		}
	}
	cur := f.cur
	cur.Next = done[len(done)-1].uid + 1
	at := f.y.now()
	err := f.y.st.Update(func(tx *store.Tx) error {
		for _, e := range done {
			if err := f.record(tx, at, e, cur); err != nil {
				return err
			}
		}
		return tx.SetCursor(cur)
	})
	if err != nil {
		if seg != nil {
			seg.Forsake() // it is fetched again
		}
		return fmt.Errorf("storing UIDs %d to %d of %q: %w", done[0].uid, cur.Next-1, f.folder, err)
	}
	f.cur, f.progress = cur, true
	f.limit = min(2*f.limit, f.y.cfg.ChunkMails)
	f.brought(done)
	return nil
}

// brought notes what came in.
func (f *follower) brought(done []entry) {
	for _, e := range done {
		f.clear(e.uid)
		f.tell(e)
		if e.mail != nil && e.mail.Cut == "" {
			f.lastWhole = f.y.now()
		}
	}
}

func (f *follower) record(tx *store.Tx, at time.Time, e entry, cur store.Cursor) error {
	switch {
	case e.mail != nil:
		return tx.AddMail(at, []store.InMail{*e.mail}, cur)
	case e.gone != nil:
		return tx.AddInbox(store.InboxRecord{At: at, Gone: e.gone})
	}
	return tx.AddInbox(store.InboxRecord{At: at, History: &store.InHistory{
		Folder: f.folder, Validity: cur.UIDValidity, Mails: []store.HistoryHeader{*e.old}}})
}

func (f *follower) tell(e entry) {
	switch {
	case e.mail != nil && e.mail.Cut != "":
		f.y.log.Warn("received in part", "uid", e.mail.UID.String(), "octets", e.mail.Raw.Length, "why", e.mail.Cut)
	case e.mail != nil:
		f.y.log.Info("fetched", "uid", e.mail.UID.String(), "octets", e.mail.Raw.Length)
	case e.gone != nil:
		f.y.log.Info("gone before it was fetched", "uid", e.gone.UID.String())
	}
}
