package imapsync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"postroom/internal/store"
)

// importRange reads the newest part of the history that is left, by header
// fields, and commits it with the progress.
func (f *follower) importRange(ctx context.Context, s *session) error {
	if !f.listed {
		if err := f.listHistory(s); err != nil {
			return err
		}
	}
	part := f.planHistory()
	mails, err := f.readOld(s, part)
	if err != nil {
		var at *failedAt
		if errors.As(err, &at) {
			f.oldLimit = max(1, f.oldLimit/2)
			f.strike(ctx, at.uid, meta{}, err)
		}
		return err
	}
	return f.commitHistory(part, mails)
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
func (f *follower) planHistory() []uint32 {
	from := max(0, len(f.history)-f.oldLimit)
	for i := len(f.history) - 1; i >= from; i-- {
		if f.suspects[f.history[i]].times > 0 {
			from = min(i+1, len(f.history)-1)
			break
		}
	}
	return f.history[from:]
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

func (f *follower) commitHistory(part []uint32, mails []store.HistoryHeader) error {
	cur := f.cur
	rest := f.history[:len(f.history)-len(part)]
	cur.HistoryDone += len(part)
	cur.HistoryNext = 1
	if len(rest) > 0 {
		cur.HistoryNext = part[0]
	}
	rec := &store.InHistory{Folder: f.folder, Validity: cur.UIDValidity, Mails: mails, Last: len(rest) == 0}
	err := f.y.st.Update(func(tx *store.Tx) error {
		if err := tx.AddInbox(store.InboxRecord{At: f.y.now(), History: rec}); err != nil {
			return err
		}
		return tx.SetCursor(cur)
	})
	if err != nil {
		return fmt.Errorf("storing history of %q: %w", f.folder, err)
	}
	f.cur, f.history, f.progress = cur, rest, true
	f.clear(part...)
	f.oldLimit = min(2*f.oldLimit, f.y.cfg.HistoryRange)
	f.y.obs.HistoryProgress(f.folder, cur.HistoryDone, max(cur.HistoryTotal, cur.HistoryDone))
	return nil
}
