package imapsync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"

	"postroom/internal/store"
)

const (
	choreBatch = 500 // chores carried out at once
	// A chore is given up when it has failed so often, and for so long: a
	// server that is down at the wrong moments is no reason, and one that ends
	// the connection over it has to be let go at last.
	choreTries    = 5
	chorePatience = 24 * time.Hour
	choreRest     = time.Hour // most that the chores rest after a failure
	mapWait       = time.Hour // how long a chore waits to be told the new number of its message
)

// chores carries out what is queued, in batches, until nothing is left or
// nothing helps. Each chore may be done twice: a crash comes between doing and
// crossing out.
func (f *follower) chores(ctx context.Context, s *session) error {
	for f == f.y.inbox && !f.y.now().Before(f.choresFrom) {
		list, err := f.queued()
		if err != nil || len(list) == 0 {
			return err
		}
		todo, done := f.sort(list)
		if len(todo)+len(done) == 0 {
			return nil // all of a former UIDVALIDITY
		}
		var failed []store.Chore
		var stop error
		for _, kind := range inOrder(todo) {
			chores := todo[kind]
			if len(chores) == 0 || stop != nil {
				continue // what was not tried has not failed
			}
			ok, err := f.carryOut(ctx, s, kind, chores)
			done = append(done, ok...)
			failed = append(failed, without(chores, ok)...)
			if broken(err) || errors.Is(err, errAppended) {
				stop = err
			} else if err != nil {
				f.y.log.Warn("a chore failed", "folder", f.folder, "chore", string(kind), "err", err)
			}
		}
		if err := f.crossOut(done, failed); err != nil {
			return err
		}
		if len(failed) > 0 {
			f.choresFrom = f.y.now().Add(f.rest(failed))
		}
		if stop != nil {
			return stop
		}
	}
	return nil
}

// inOrder is the kinds of chores as they are carried out: those that failed the
// least first, so that one over which the server ends the connection keeps none
// of the others waiting.
func inOrder(todo map[store.ChoreKind][]store.Chore) []store.ChoreKind {
	kinds := []store.ChoreKind{store.ChoreSeen, store.ChoreAnswered, store.ChoreFileSent, store.ChoreRemove, store.ChoreAppend, store.ChoreClosed}
	slices.SortStableFunc(kinds, func(a, b store.ChoreKind) int { return mostTries(todo[a]) - mostTries(todo[b]) })
	return kinds
}

func mostTries(chores []store.Chore) (most int) {
	for _, c := range chores {
		most = max(most, c.Tries)
	}
	return most
}

// rest is how long chores are left alone after some failed: longer each time,
// so that one which never works costs a connection an hour at most.
func (f *follower) rest(failed []store.Chore) time.Duration {
	wait := f.y.cfg.Poll
	for tries := mostTries(failed); tries > 0 && wait < choreRest; tries-- {
		wait *= 2
	}
	return min(wait, max(choreRest, f.y.cfg.Poll))
}

// beyondHope reports a chore to be given up. One whose time lies ahead, since
// the clock was set, is judged by its failures alone.
func (f *follower) beyondHope(c store.Chore) bool {
	age := f.y.now().Sub(c.At)
	return c.Tries >= choreTries && (age >= chorePatience || age < 0)
}

func (f *follower) queued() (list []store.Chore, err error) {
	err = f.y.st.View(func(tx *store.Tx) error {
		list, err = tx.Chores(choreBatch)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading chores: %w", err)
	}
	return list, nil
}

// sort parts chores by kind from those there is nothing to do for: messages of
// another folder, and what is switched off. Those of a former UIDVALIDITY wait
// until it is known which messages theirs are now.
func (f *follower) sort(list []store.Chore) (todo map[store.ChoreKind][]store.Chore, done []store.Chore) {
	todo = map[store.ChoreKind][]store.Chore{}
	for _, c := range list {
		known := c.Kind == store.ChoreSeen || c.Kind == store.ChoreAnswered || c.Kind == store.ChoreFileSent || c.Kind == store.ChoreRemove ||
			c.Kind == store.ChoreClosed && f.y.cfg.ClosedFolder != "" ||
			c.Kind == store.ChoreAppend && f.appendable(c)
		switch {
		case c.Kind == store.ChoreAppend && known && c.UID.Folder == f.folder:
			todo[c.Kind] = append(todo[c.Kind], c) // it is of no message there is
		case c.UID.Folder == f.folder && c.UID.Validity != f.cur.UIDValidity && f.y.now().Sub(c.At) < mapWait:
		case c.UID.Folder != f.folder || c.UID.Validity != f.cur.UIDValidity || !known:
			f.y.log.Info("dropping a chore", "chore", string(c.Kind), "uid", c.UID.String())
			done = append(done, c)
		case c.Kind == store.ChoreSeen && !f.y.cfg.MarkSeen:
			done = append(done, c)
		default:
			todo[c.Kind] = append(todo[c.Kind], c)
		}
	}
	return todo, done
}

// carryOut does chores of one kind and returns those that are done. A message
// that is gone has nothing left to be done.
func (f *follower) carryOut(ctx context.Context, s *session, kind store.ChoreKind, chores []store.Chore) (done []store.Chore, err error) {
	switch kind {
	case store.ChoreSeen:
		err = f.markSeen(s, chores)
	case store.ChoreAnswered:
		err = s.addFlag(uidsOf(chores), imap.FlagAnswered)
	case store.ChoreFileSent:
		return f.file(s, chores)
	case store.ChoreClosed:
		return f.moveClosed(s, chores)
	case store.ChoreAppend:
		return f.appendSent(ctx, s, chores)
	case store.ChoreRemove:
		err = s.remove(uidsOf(chores))
	}
	if err != nil {
		return nil, err
	}
	return chores, nil
}

// crossOut records the outcome. A chore that fails too often is given up: a
// flag is never worth a mailbox that stands still. The disk is not waited for:
// what it loses is done twice.
func (f *follower) crossOut(done, failed []store.Chore) error {
	err := f.y.st.UpdateSoon(func(tx *store.Tx) error {
		for _, c := range failed {
			if c.Tries++; f.beyondHope(c) {
				f.y.log.Warn("giving up a chore", "chore", string(c.Kind), "uid", c.UID.String(), "tries", c.Tries)
				done = append(done, c)
				continue
			}
			if err := tx.UpdateChore(c); err != nil {
				return err
			}
		}
		for _, c := range done {
			if err := tx.DropChore(c.Seq); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("storing what became of chores: %w", err)
	}
	return nil
}

func uidsOf(chores []store.Chore) []uint32 {
	uids := make([]uint32, 0, len(chores))
	for _, c := range chores {
		uids = append(uids, c.UID.UID)
	}
	return uids
}

func without(all, some []store.Chore) []store.Chore {
	seqs := make(map[uint64]bool, len(some))
	for _, c := range some {
		seqs[c.Seq] = true
	}
	var rest []store.Chore
	for _, c := range all {
		if !seqs[c.Seq] {
			rest = append(rest, c)
		}
	}
	return rest
}

// addFlag sets a flag. Messages that are gone are no error.
func (s *session) addFlag(uids []uint32, flag imap.Flag) error { return s.addFlagTo(uids, flag, 0) }

// move moves messages and makes the target folder when it is not there. Only
// for servers with MOVE (RFC 6851).
func (s *session) move(uids []uint32, target string) error {
	return s.toFolder(target, func() error {
		_, err := s.c.Move(uidSet(uids), target).Wait()
		return err
	})
}

// copy copies messages and returns those the server says it copied (COPYUID,
// RFC 4315 §3).
func (s *session) copy(uids []uint32, target string) (imap.UIDSet, error) {
	var copied imap.UIDSet
	err := s.toFolder(target, func() error {
		data, err := s.c.Copy(uidSet(uids), target).Wait()
		if err == nil {
			copied = data.SourceUIDs
		}
		return err
	})
	return copied, err
}

func (s *session) toFolder(target string, transfer func() error) error {
	s.conn.arm(s.timeout)
	defer s.conn.arm(0)
	err := transfer()
	var refused *imap.Error
	if errors.As(err, &refused) && (refused.Code == imap.ResponseCodeTryCreate || refused.Code == imap.ResponseCodeNonExistent) {
		if err := s.c.Create(target, nil).Wait(); err != nil {
			return fmt.Errorf("creating %q: %w", target, err)
		}
		err = transfer()
	}
	if err != nil {
		return fmt.Errorf("filing to %q: %w", target, err)
	}
	return nil
}

// expunge removes exactly these messages (UID EXPUNGE, RFC 4315 §2.1).
func (s *session) expunge(uids []uint32) error {
	if err := s.addFlag(uids, imap.FlagDeleted); err != nil {
		return err
	}
	s.conn.arm(s.timeout)
	defer s.conn.arm(0)
	if err := s.c.UIDExpunge(uidSet(uids)).Close(); err != nil {
		return fmt.Errorf("removing copies that are filed: %w", err)
	}
	return nil
}
