package imapsync

import (
	"fmt"

	"github.com/emersion/go-imap/v2"

	"postroom/internal/store"
)

// A state that was put back from a backup does not know what lies in the folders
// since. At the first look after its return it is fixed which messages these
// are, and the inbox is told when all of them are in it.

// window is where a restored state keeps that of this folder; nil for a further
// folder.
func (f *follower) window(r *store.Restored) **store.Window {
	switch {
	case f.isAlso, f.isPast:
		return nil
	case f.isSent:
		return &r.Sent
	}
	return &r.Inbox
}

// returning calls change with the window of this folder when the state was put
// back and not all of the lost time was read yet. It stores what change makes
// of it.
func (f *follower) returning(change func(*store.Tx, **store.Window) error) error {
	var r store.Restored
	var was bool
	read := func(tx *store.Tx) (err error) {
		r, was, err = tx.Restored()
		return err
	}
	if err := f.y.st.View(read); err != nil {
		return fmt.Errorf("reading what was restored: %w", err)
	}
	w := f.window(&r)
	if !was || r.Phase != store.RestoreGather || w == nil || *w != nil && (*w).Read {
		return nil
	}
	err := f.y.st.Update(func(tx *store.Tx) error {
		if err := read(tx); err != nil {
			return err
		}
		if err := change(tx, f.window(&r)); err != nil {
			return err
		}
		return tx.SetRestored(r)
	})
	if err != nil {
		return fmt.Errorf("storing what was restored: %w", err)
	}
	return nil
}

// fixWindow fixes which messages of the folder are of the lost time. A folder
// that is numbered anew meanwhile has another window.
func (f *follower) fixWindow(s *session, data *imap.SelectData) error {
	next, err := uidNext(s, data)
	if err != nil {
		return err
	}
	return f.returning(func(_ *store.Tx, w **store.Window) error {
		if *w != nil && (*w).Folder == f.folder && (*w).Validity == f.cur.UIDValidity {
			return nil
		}
		*w = &store.Window{Folder: f.folder, Validity: f.cur.UIDValidity, From: f.cur.Next, Below: max(next, f.cur.Next)}
		f.y.log.Info("reading the lost time again", "folder", f.folder, "from_uid", (*w).From, "below_uid", (*w).Below)
		return nil
	})
}

// rereadDone tells the inbox that all messages of the window are in it, once
// they are: at the end of a look.
func (f *follower) rereadDone() error {
	if f.behind() {
		return nil // one of them was passed, and is fetched later
	}
	return f.returning(func(tx *store.Tx, w **store.Window) error {
		if *w == nil {
			return nil
		}
		(*w).Read = true
		(*w).Look++
		return tx.AddInbox(store.InboxRecord{At: f.y.now(), Reread: &store.InReread{Folder: f.folder, Look: (*w).Look}})
	})
}

// nothingLost says that there is no such folder, or none of its own.
func (f *follower) nothingLost() error {
	return f.returning(func(tx *store.Tx, w **store.Window) error {
		*w = &store.Window{Folder: f.folder, Read: true}
		return tx.AddInbox(store.InboxRecord{At: f.y.now(), Reread: &store.InReread{Folder: f.folder}})
	})
}
