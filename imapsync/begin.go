package imapsync

import (
	"time"

	"github.com/emersion/go-imap/v2"

	"postroom/internal/store"
)

// begin makes the first cursor of a folder. Where new mail begins is fixed
// before anything else is done: what arrives from now on is new.
func (f *follower) begin(s *session, data *imap.SelectData) error {
	next, err := uidNext(s, data)
	if err != nil {
		return err
	}
	first, start := next, startDate{}
	switch begin := f.y.cfg.Start; {
	case f.isAlso, f.isPast: // what lies there is nobody's business, or was handled
	case begin.All:
		first = 1
	case !begin.Date.IsZero():
		if first, err = firstSince(s, begin.Date, next); err != nil {
			return err
		}
		start = startDate{Validity: data.UIDValidity, Below: next, Date: begin.Date}
	}
	total := 0
	if first > 1 && !f.isAlso {
		old, err := s.listBetween(1, first-1)
		if err != nil {
			return err
		}
		total = len(old)
	}
	f.forget()
	cur := store.Cursor{Folder: f.folder, UIDValidity: data.UIDValidity, First: first, Next: first,
		HistoryNext: first, HistoryTotal: total}
	if total == 0 {
		cur.HistoryNext = 1
	}
	f.y.log.Info("first look at the folder", "folder", f.folder, "new_from_uid", first, "history", total)
	return f.setCursor(cur, start, total == 0 && !f.isAlso)
}

// firstSince is the lowest UID that may be of that date or later, or next.
// SEARCH knows days only, in the server's own zone (RFC 9051 §6.4.4), so a
// day more is asked for and the rest decided by INTERNALDATE.
func firstSince(s *session, date time.Time, next uint32) (uint32, error) {
	uids, err := s.listSince(date.AddDate(0, 0, -1))
	if err != nil {
		return 0, err
	}
	if len(uids) > 0 {
		return min(uids[0], next), nil
	}
	return next, nil
}

// uidNext is the UID the next message will get at least. Servers older than
// RFC 3501 may not say.
func uidNext(s *session, data *imap.SelectData) (uint32, error) {
	if data.UIDNext != 0 {
		return uint32(data.UIDNext), nil
	}
	uids, err := s.list(1)
	if err != nil || len(uids) == 0 {
		return 1, err
	}
	return uids[len(uids)-1] + 1, nil
}
