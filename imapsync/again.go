package imapsync

import (
	"context"
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"postroom/internal/store"
)

// beginAgain starts over under a new UIDVALIDITY. Of all that is in the
// folder now header fields and size are read first: what is known is
// recognised by these, behind the inbox, and only what they do not decide is
// fetched. So nothing is lost, nothing is given out twice, and no body is
// fetched twice.
func (f *follower) beginAgain(s *session, old store.Cursor, data *imap.SelectData) error {
	next, err := uidNext(s, data)
	if err != nil {
		return err
	}
	err = fmt.Errorf("UIDVALIDITY of %q changed from %d to %d: the server restored or remade the folder; what is in it is looked at again",
		f.folder, old.UIDValidity, data.UIDValidity)
	f.y.log.Error("the folder was renumbered", "folder", f.folder, "old", old.UIDValidity, "new", data.UIDValidity, "below_uid", next)
	f.y.obs.Error(f.folder, err)
	f.forget()
	cur := store.Cursor{Folder: f.folder, UIDValidity: data.UIDValidity, First: 1, Next: 1, HistoryNext: 1, Again: next}
	return f.setCursor(cur, startDate{}, !f.isAlso)
}

// again brings in header fields and size of the next few UIDs that were in
// the folder when it was renumbered, or of a further folder, and says how many.
func (f *follower) again(ctx context.Context, s *session, uids []uint32) (int, error) {
	part := f.planAgain(uids)
	mails, err := f.readOld(s, part)
	if err != nil {
		var at *failedAt
		if !errors.As(err, &at) {
			return 0, err
		}
		f.oldLimit = max(1, f.oldLimit/2)
		f.strike(ctx, at.uid, meta{}, err)
		if len(part) == 1 && !f.isAlso {
			if err := f.postpone(at.uid); err != nil {
				return 0, err
			}
		}
		return 0, err
	}
	return len(part), f.commitAgain(part, mails)
}

// planAgain takes the first few UIDs, a suspect alone.
func (f *follower) planAgain(uids []uint32) []uint32 {
	for i, uid := range uids[:min(f.oldLimit, len(uids))] {
		switch {
		case uids[0] < f.cur.Again && uid >= f.cur.Again:
			return uids[:i]
		case f.suspects[uid].times > 0:
			return uids[:max(1, i)]
		}
	}
	return uids[:min(f.oldLimit, len(uids))]
}

func (f *follower) commitAgain(part []uint32, mails []store.HistoryHeader) error {
	cur := f.cur
	cur.Next = part[len(part)-1] + 1
	there := make(map[uint32]bool, len(mails))
	for _, m := range mails {
		there[m.UID] = true
	}
	at := f.y.now()
	rec := &store.InHistory{Folder: f.folder, Validity: cur.UIDValidity, Mails: mails, Again: part[0] < cur.Again, Also: f.isAlso}
	err := f.y.st.Update(func(tx *store.Tx) error {
		for _, uid := range part {
			if there[uid] {
				continue
			}
			gone := &store.InGone{UID: f.uid(uid), Why: "no longer in the folder when its header was to be read"}
			if err := tx.AddInbox(store.InboxRecord{At: at, Gone: gone}); err != nil {
				return err
			}
		}
		if err := tx.AddInbox(store.InboxRecord{At: at, History: rec}); err != nil {
			return err
		}
		return tx.SetCursor(cur)
	})
	if err != nil {
		return fmt.Errorf("storing headers of %q: %w", f.folder, err)
	}
	f.cur, f.progress = cur, true
	f.clear(part...)
	f.oldLimit = min(2*f.oldLimit, f.y.cfg.HistoryRange)
	return nil
}

// endAgain says to the inbox that all of it was seen.
func (f *follower) endAgain() error {
	cur := f.cur
	cur.Next, cur.Again = max(cur.Next, cur.Again), 0
	rec := &store.InHistory{Folder: f.folder, Validity: cur.UIDValidity, Again: true, Also: f.isAlso, Last: true}
	err := f.y.st.Update(func(tx *store.Tx) error {
		if err := tx.AddInbox(store.InboxRecord{At: f.y.now(), History: rec}); err != nil {
			return err
		}
		return tx.SetCursor(cur)
	})
	if err != nil {
		return fmt.Errorf("storing that all of %q was seen again: %w", f.folder, err)
	}
	f.cur = cur
	return nil
}
