package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
)

// live is the state as it is now: the bbolt file with one transaction that
// stays open, and the journal of what that transaction has changed. A change is
// durable once it is in the journal, which takes one sync of octets that lie
// together; the pages of the file are written by a checkpoint, once for
// thousands of changes, and what came and went between two of them is never
// written there at all.
//
// Reading goes through the open transaction too, so it waits while something
// is being changed. What it sees may be on its way to the disk yet: then who
// reads waits for that, but for what UpdateSoon left, and for Glance.
type live struct {
	mu      sync.RWMutex
	tx      *bolt.Tx // nil when it could not be begun anew
	journal *journal
	notes   notes
	reading map[string]*bucket // the buckets, to be read
	writing map[string]*bucket // the buckets, their changes noted
	suspect error              // why the journal cannot be relied on; nil: it can
	// unsettled says that a commit of the file failed: what of it the disk has
	// nobody knows.
	unsettled bool
	changes   int // since the last checkpoint
	commits   int // since the state was opened

	tail    tail
	room    Room
	carry   carriage
	dropped []uint64 // segments whose last reference went without a sync
	// forsaken: segments that will have no other reference than they have.
	forsaken []uint64

	waiting waiting

	commit func(*bolt.Tx) error // of the file: the disk may fail
}

// waiting is how many mails wait to be sent, once somebody has asked.
type waiting struct {
	n     atomic.Int64
	known atomic.Bool
}

// manyChanges is from how many changes on a checkpoint is made: the keys they
// touch lie in memory, and finding a place among them takes time.
const manyChanges = 40_000

// errNotLive is what reading comes to after a failure of the disk that left
// nothing to read from.
var errNotLive = errors.New("it could not be read again after an error of the disk")

// keyGeneration is where the file says which generation of the journal goes on
// from it.
var keyGeneration = []byte("journal")

// keySecret is where the file keeps what marks the records of its journal.
var keySecret = []byte("journal-secret")

// goLive begins the open transaction and brings it up to what the journal says.
func (s *Store) goLive() error {
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	s.live.commit = (*bolt.Tx).Commit
	return s.restart()
}

// restart begins the open transaction from what is on disk.
func (s *Store) restart() error {
	l := &s.live
	l.dropped = nil // what is read may refer to them
	if err := s.begin(); err != nil {
		return err
	}
	lost := map[uint64][]byte{}
	records, err := l.journal.replay(func(payload []byte) error {
		return again(payload, l.reading, func(id uint64, octets []byte) { lost[id] = octets })
	})
	if err != nil {
		l.rollback()
		return err
	}
	if records == 0 {
		return nil
	}
	if err := s.spool.rescue(lost, l.reading[bSegments]); err != nil {
		l.rollback()
		return err
	}
	s.log.Info("replayed the journal of a service that was ended hard")
	return s.checkpoint()
}

// begin opens a transaction and its buckets, and the journal at its front.
func (s *Store) begin() error {
	l := &s.live
	tx, err := s.db.Begin(true)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	l.tx = tx
	l.reading, l.writing = map[string]*bucket{}, map[string]*bucket{}
	for _, name := range allBuckets {
		b := tx.Bucket([]byte(name))
		if b == nil {
			continue // a file that was never opened for writing since there is one
		}
		l.reading[name] = &bucket{Bucket: b, name: name}
		l.writing[name] = &bucket{Bucket: b, name: name, notes: &l.notes}
	}
	generation := number(l.reading[bMeta], keyGeneration)
	if l.unsettled && generation > l.journal.generation {
		// A commit that failed can be read all the same. Nobody may see it who
		// could not see it behind a crash.
		if err := s.settle(); err != nil {
			l.rollback()
			return err
		}
		l.tail.all(nil)
	}
	l.journal.begin(generation, number(l.reading[bMeta], keySecret))
	l.changes = 0
	return nil
}

func (l *live) rollback() {
	l.waiting.known.Store(false) // what is read anew may be older
	if l.tx != nil {
		_ = l.tx.Rollback() // it only forgets
		l.tx, l.reading, l.writing = nil, nil, nil
	}
}

func number(meta *bucket, key []byte) uint64 {
	if v := meta.Get(key); len(v) == 8 {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

// Update runs f in a transaction that writes, and makes it durable when f
// returns nil. When it returns an error, nothing of it is left. Spool segments
// that lost their last reference are unlinked afterwards. Slow work has no
// place in f: every other stage waits for it. f must not begin another
// transaction.
func (s *Store) Update(f func(*Tx) error) error { return s.change(f, true) }

// UpdateSoon is Update for what does no harm when it is lost: it does not wait
// for the disk, and becomes durable with whatever is made durable next. The end
// of the process alone loses nothing of it. The end of the power does, and so
// does a sync that fails, whoever waited for that: it is taken back with the
// rest, and who wrote it is not told. So it is for what comes again by itself:
// chores that are safe to do twice, and what every look at the mailbox says anew.
func (s *Store) UpdateSoon(f func(*Tx) error) error { return s.change(f, false) }

func (s *Store) change(f func(*Tx) error, sync bool) error {
	if s.lock == nil {
		return errReading
	}
	tx, p, err := s.update(f, sync)
	if err == nil {
		err = s.await(p)
	}
	if err != nil {
		return err
	}
	s.unlink(tx.dropped...)
	for name := range tx.wake {
		s.wakeUp(name)
	}
	if tx.full {
		s.checkpointIfFull()
	}
	return nil
}

func (l *live) full() bool { return l.journal.end >= fullJournal || l.changes >= manyChanges }

// checkpointIfFull brings the file up to date when the journal has grown long.
func (s *Store) checkpointIfFull() {
	l := &s.live
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tx == nil || !l.full() {
		return // somebody was faster
	}
	if err := s.checkpoint(); err != nil {
		// What was asked for is durable in the journal all the same.
		s.trouble.note(&s.trouble.journal, err)
		s.log.Error("the state file cannot be brought up to date; trying again", "err", err)
	}
}

// update does a change. It is durable once the promise is kept; there is none
// where nothing is to be waited for.
func (s *Store) update(f func(*Tx) error, sync bool) (*Tx, *promise, error) {
	l := &s.live
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := s.recover(); err != nil {
		s.trouble.note(&s.trouble.journal, err)
		return nil, nil, err
	}
	l.notes.begin()
	tx := &Tx{buckets: l.writing, s: s, wake: map[string]bool{}}
	if err := s.attempt(tx, f); err != nil {
		return nil, nil, err
	}
	if l.notes.empty() {
		return tx, l.tail.last(), nil // it may go by what is not durable yet
	}
	p, err := s.keep(sync)
	if err != nil {
		s.trouble.note(&s.trouble.journal, err)
		return nil, nil, err
	}
	if sync {
		l.commits++
	}
	l.waiting.n.Add(int64(tx.waits))
	l.carry.journaled(tx.carried)
	l.dropped = append(l.dropped, tx.dropped...)
	tx.dropped = nil
	if sync {
		// Before, the record that dropped them may yet be lost, and they needed.
		tx.dropped, l.dropped = l.dropped, nil
	}
	tx.full = l.full()
	return tx, p, nil
}

// recover tries to go on where something failed before.
func (s *Store) recover() error {
	l := &s.live
	if l.tx == nil {
		if err := s.restart(); err != nil {
			return err
		}
	}
	if before := l.suspect; before != nil {
		if err := s.checkpoint(); err != nil {
			return fmt.Errorf("%w (before: %w)", err, before)
		}
	}
	return l.suspect // there may be no journal to go on with yet
}

// attempt runs f, and takes back what it did when it fails or panics.
func (s *Store) attempt(tx *Tx, f func(*Tx) error) (err error) {
	done := false
	defer func() {
		if !done {
			s.takeBack()
		}
	}()
	if err := f(tx); err != nil {
		return err
	}
	tx.carryAlong()
	done = true
	return nil
}

// takeBack undoes what is noted. Should even that fail, the state is read from
// disk again.
func (s *Store) takeBack() {
	if err := s.live.notes.takeBack(); err != nil {
		s.log.Error("the state is read again", "err", err)
		s.live.rollback()
	}
}

// keep writes what is noted into the journal, or, where it is too much for
// that, into the file. With sync somebody waits for it.
func (s *Store) keep(sync bool) (*promise, error) {
	l := &s.live
	l.changes += len(l.notes.undo)
	if len(l.notes.record) > maxRecord {
		err := s.checkpoint()
		s.trouble.note(&s.trouble.journal, err)
		return nil, err
	}
	err := l.room.ask(l.journal.f.Name(), len(l.notes.record))
	if err == nil {
		err = l.journal.append(l.notes.record)
	}
	if err != nil {
		l.suspect = err
		s.takeBack()
		return nil, err
	}
	if !sync {
		return nil, nil
	}
	return l.tail.add(l.journal), nil
}

// checkpoint writes the file, so that the journal begins anew. When it fails,
// everything goes on from what the disk has: what was in the journal. Whether
// there is a journal to go on with, suspect says.
func (s *Store) checkpoint() error {
	l := &s.live
	err := s.settle()
	if err == nil {
		err = l.carry.sync(s.spool)
	}
	if err == nil {
		err = l.room.ask(s.db.Path(), 0)
	}
	if err == nil {
		err = l.reading[bMeta].Bucket.Put(keyGeneration, u64(l.journal.generation+1))
	}
	if err == nil {
		if err = l.commit(l.tx); err == nil {
			l.tx = nil
		}
	}
	if err != nil {
		before := l.journal.generation
		l.rollback()
		// How much of it reached the disk nobody knows: nothing may be written
		// over what the journal has until a checkpoint is made.
		l.suspect, l.unsettled = err, true
		if again := s.reread(); again != nil {
			err = fmt.Errorf("%w; %w", err, again)
		}
		if l.tx == nil || l.journal.generation == before {
			return fmt.Errorf("writing the state file: %w", err)
		}
		s.goOn() // it was made after all
		return nil
	}
	l.tail.all(nil)
	if err := s.begin(); err != nil {
		return err
	}
	s.goOn()
	return nil
}

// goOn follows a checkpoint: what was of use only until then goes.
func (s *Store) goOn() {
	s.mendJournal()
	s.dropForsaken()
}

// reread begins the open transaction from what is on disk, and changes nothing
// there.
func (s *Store) reread() error {
	l := &s.live
	l.dropped = nil // what is read may refer to them
	if err := s.begin(); err != nil {
		return err
	}
	_, err := l.journal.replay(func(payload []byte) error {
		return again(payload, l.reading, func(uint64, []byte) {})
	})
	if err != nil {
		l.rollback()
	}
	return err
}

// mendJournal takes a new file in place of a journal that failed. Where none can
// be had the failed one stays suspect; it holds nothing any more.
func (s *Store) mendJournal() {
	l := &s.live
	if l.suspect == nil {
		l.journal.shrink()
		return
	}
	fresh, err := openJournal(l.journal.f.Name(), os.O_CREATE|os.O_RDWR)
	if err != nil {
		l.suspect = err
		return
	}
	l.journal.close() // it failed before
	fresh.begin(l.journal.generation, l.journal.secret)
	l.journal, l.suspect = fresh, nil
}

// endLive brings the file up to date and ends the open transaction.
func (s *Store) endLive() error {
	l := &s.live
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	if s.lock != nil && l.tx != nil && l.journal.end > 0 {
		errs = append(errs, s.checkpoint())
	}
	if errors.Join(errs...) == nil {
		for _, seg := range l.dropped {
			errs = append(errs, s.spool.unlink(seg))
		}
		l.dropped = nil
	}
	l.rollback()
	if l.journal != nil {
		errs = append(errs, l.journal.close())
		l.journal = nil
	}
	return errors.Join(errs...)
}
