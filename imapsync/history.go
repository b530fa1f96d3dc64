package imapsync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"postroom/internal/store"
)

// rangesAtOnce is how many ranges of the history are read until the folder is
// looked at again.
const rangesAtOnce = 8

// importSome reads the newest ranges of the history that are left, by header
// fields, and commits each with the progress, while the next is being fetched.
// It ends early when something new is announced.
func (f *follower) importSome(ctx context.Context, s *session) error {
	if !f.listed {
		if err := f.listHistory(s); err != nil {
			return err
		}
	}
	c := &committer{f: f, cur: f.cur, rest: f.history}
	for range rangesAtOnce {
		part := f.planHistory(c.rest)
		mails, err := f.readOld(s, part)
		if commitErr := c.wait(); commitErr != nil {
			return commitErr
		}
		if err != nil {
			var at *failedAt
			if errors.As(err, &at) {
				f.oldLimit = max(1, f.oldLimit/2)
				f.strike(ctx, at.uid, meta{}, err)
			}
			return err
		}
		c.begin(part, mails)
		if len(c.rest) == 0 || len(s.news) > 0 {
			break
		}
	}
	return c.wait()
}

func (f *follower) listHistory(s *session) (err error) {
	f.history = nil
	if f.cur.HistoryNext > 1 {
		if f.history, err = s.listBetween(1, f.cur.HistoryNext-1); err != nil {
			return err
		}
	}
	f.listed = true
	return nil
}

// planHistory takes the next UIDs from the top, a suspect alone.
func (f *follower) planHistory(left []uint32) []uint32 {
	from := max(0, len(left)-f.oldLimit)
	for i := len(left) - 1; i >= from; i-- {
		if f.suspects[left[i]].times > 0 {
			from = min(i+1, len(left)-1)
			break
		}
	}
	return left[from:]
}

// failedAt says at which UID reading header fields failed.
type failedAt struct {
	uid uint32
	err error
}

// Error names the UID.
func (e *failedAt) Error() string {
	return fmt.Sprintf("reading the header fields of uid %d: %v", e.uid, e.err)
}

// Unwrap is the reason.
func (e *failedAt) Unwrap() error { return e.err }

// readOld reads header fields, newest first. A message that is hopeless is
// entered without any; one that is gone is left out.
func (f *follower) readOld(s *session, part []uint32) ([]store.HistoryHeader, error) {
	if f.hopelessOld(part[0]) { // a suspect is alone
		return []store.HistoryHeader{{UID: part[0]}}, nil
	}
	found := map[uint32]oldMail{}
	for range bodyTries {
		more, err := s.headers(lacking(part, found), f.y.cfg.MaxHeader)
		maps.Copy(found, more)
		missing := lacking(part, found)
		switch {
		case err != nil && len(missing) > 0:
			return nil, &failedAt{missing[0], err}
		case err != nil:
			return nil, err
		case len(missing) == 0:
			return newestFirst(part, found), nil
		}
		there, err := s.present(missing)
		if err != nil {
			return nil, err
		}
		part = slices.DeleteFunc(slices.Clone(part), func(uid uint32) bool {
			_, have := found[uid]
			return !have && !there[uid]
		})
		if missing = lacking(part, found); len(missing) == 0 {
			return newestFirst(part, found), nil
		}
	}
	return nil, &failedAt{lacking(part, found)[0], errNotDelivered}
}

func newestFirst(part []uint32, found map[uint32]oldMail) []store.HistoryHeader {
	mails := make([]store.HistoryHeader, 0, len(part))
	for _, uid := range slices.Backward(part) {
		mails = append(mails, found[uid].record())
	}
	return mails
}

func lacking(uids []uint32, found map[uint32]oldMail) []uint32 {
	var list []uint32
	for _, uid := range uids {
		if _, ok := found[uid]; !ok {
			list = append(list, uid)
		}
	}
	return list
}

func (o oldMail) record() store.HistoryHeader {
	return store.HistoryHeader{UID: o.uid, InternalDate: o.date, Size: max(0, o.size), Header: o.header}
}

// committer makes ranges of the history durable, one at a time, beside the
// follower's goroutine.
type committer struct {
	f    *follower
	cur  store.Cursor // with all that was begun
	rest []uint32     // what was not
	done chan error   // of the range under way; nil for none
	part []uint32     // that range
}

// begin commits a range. The one before it has been waited for.
func (c *committer) begin(part []uint32, mails []store.HistoryHeader) {
	c.rest, c.part = c.rest[:len(c.rest)-len(part)], part
	c.cur.HistoryDone += len(part)
	c.cur.HistoryNext = 1
	if len(c.rest) > 0 {
		c.cur.HistoryNext = part[0]
	}
	rec := store.InboxRecord{At: c.f.y.now(), History: &store.InHistory{Folder: c.f.folder, Validity: c.cur.UIDValidity,
		Mails: mails, Last: len(c.rest) == 0}}
	cur, st, done := c.cur, c.f.y.st, make(chan error, 1)
	c.done = done
	go func() {
		done <- st.Update(func(tx *store.Tx) error {
			if err := tx.AddInbox(rec); err != nil {
				return err
			}
			return tx.SetCursor(cur)
		})
	}()
}

// wait returns when the range under way is durable, and notes the progress.
func (c *committer) wait() error {
	if c.done == nil {
		return nil
	}
	err := <-c.done
	c.done = nil
	f := c.f
	if err != nil {
		return fmt.Errorf("storing history of %q: %w", f.folder, err)
	}
	f.cur, f.history, f.progress = c.cur, c.rest, true
	f.clear(c.part...)
	f.oldLimit = min(2*f.oldLimit, f.y.cfg.HistoryRange)
	f.y.obs.HistoryProgress(f.folder, f.cur.HistoryDone, max(f.cur.HistoryTotal, f.cur.HistoryDone))
	return nil
}
