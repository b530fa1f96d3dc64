package imapsync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postroom/internal/store"
)

// Where the mail of closed conversations is moved away, the folder it goes to is
// part of the history: its header fields are read once by a new state, and once
// more by one that was put back from a backup. What is moved there later is
// known, so it is not followed.
const (
	pastFirst = 2 * time.Second // from the start; the followed folder goes first
)

// readPast imports that folder, if it was not, and returns when that is done.
func (y *Syncer) readPast(ctx context.Context) {
	for delay := pastFirst; ctx.Err() == nil; delay = min(2*delay, lastDelay) {
		if due, err := y.pastDue(); err == nil && !due {
			return
		}
		sleep(ctx, delay)
		if !y.up.Load() {
			continue
		}
		if err := y.importPast(ctx); err != nil && ctx.Err() == nil {
			y.log.Warn("reading the mail of closed conversations; trying again", "folder", y.past.folder, "err", err)
		}
	}
}

// pastDue reports whether the folder is still to be read.
func (y *Syncer) pastDue() (due bool, err error) {
	if y.past == nil {
		return false, nil
	}
	err = y.st.View(func(tx *store.Tx) error {
		cur, had, err := tx.Cursor(y.past.folder)
		if err != nil {
			return err
		}
		r, was, err := tx.Restored()
		due = !had || !cur.HistoryComplete() || was && !r.Past
		return err
	})
	return due, err
}

// importPast reads what is left of that folder, over a connection of its own.
func (y *Syncer) importPast(ctx context.Context) error {
	due, err := y.pastDue()
	if err != nil || !due {
		return err
	}
	s, err := y.connect(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := y.past.readAll(ctx, s); err != nil {
		return s.explain(err)
	}
	s.logout()
	return nil
}

func (f *follower) readAll(ctx context.Context, s *session) error {
	sent, err := s.sentFolder(f.y.cfg.SentFolder)
	if err != nil {
		return err
	}
	data, err := s.choose(f.folder, true)
	if err != nil && !broken(err) {
		if there, lookErr := s.exists(f.folder); lookErr == nil && !there {
			return f.noPast()
		}
	}
	if err != nil {
		return err
	}
	if data.UIDValidity == 0 || f.folder == sent {
		return f.noPast()
	}
	anew, err := f.pastAnew(data.UIDValidity)
	if err != nil {
		return err
	}
	if anew {
		err = errors.Join(f.begin(s, data), f.pastRead())
	} else {
		err = f.place(s, data)
	}
	for err == nil && !f.cur.HistoryComplete() {
		err = f.importSome(ctx, s)
	}
	return err
}

// pastAnew reports whether reading begins: for the first time, because the
// folder was numbered anew meanwhile, or because the state was put back.
func (f *follower) pastAnew(validity uint32) (anew bool, err error) {
	err = f.y.st.View(func(tx *store.Tx) error {
		cur, had, err := tx.Cursor(f.folder)
		if err != nil {
			return err
		}
		r, was, err := tx.Restored()
		anew = !had || cur.UIDValidity != validity || was && !r.Past
		return err
	})
	if err != nil {
		return false, fmt.Errorf("reading the cursor of %q: %w", f.folder, err)
	}
	return anew, nil
}

// pastRead remembers that a state that was put back has begun to read it again.
func (f *follower) pastRead() error {
	return f.y.st.Update(func(tx *store.Tx) error {
		r, was, err := tx.Restored()
		if err != nil || !was {
			return err
		}
		r.Past = true
		return tx.SetRestored(r)
	})
}

// noPast says that there is nothing to read.
func (f *follower) noPast() error {
	err := f.y.st.Update(func(tx *store.Tx) error {
		return tx.SetCursor(store.Cursor{Folder: f.folder, First: 1, Next: 1, HistoryNext: 1})
	})
	return errors.Join(err, f.pastRead())
}
