package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// View runs f in a transaction that reads. f must copy out what it wants and
// end soon, since all that writes waits for it, and must not begin another
// transaction. What goes through many records has Walk.
func (s *Store) View(f func(*Tx) error) error {
	p, err := s.read(f)
	if err != nil {
		return err
	}
	if err := s.await(p); err != nil {
		return fmt.Errorf("reading the state: %w", err)
	}
	return nil
}

// Glance is View for who does nothing with what is read but change the state,
// or look again: it does not wait for the disk, so that what it sees may yet
// be lost. An Update behind it is durable only together with that.
func (s *Store) Glance(f func(*Tx) error) error {
	_, err := s.read(f)
	return err
}

// read reads, and returns the promise that what was read hangs on.
func (s *Store) read(f func(*Tx) error) (*promise, error) {
	if s.lock == nil && s.live.tx == nil {
		return nil, s.db.View(func(b *bolt.Tx) error { return f(&Tx{b: b, s: s}) })
	}
	s.live.mu.RLock()
	defer s.live.mu.RUnlock()
	if s.live.tx == nil {
		return nil, fmt.Errorf("reading the state: %w", errNotLive)
	}
	return s.live.tail.last(), f(&Tx{buckets: s.live.reading, s: s})
}

// Walk is View for what takes long: it reads what is durable at its beginning,
// and nobody waits for it. It costs the disk a checkpoint.
func (s *Store) Walk(f func(*Tx) error) error {
	if s.lock == nil {
		return s.View(f)
	}
	read, err := s.snapshot()
	if err != nil {
		return err
	}
	defer read.Rollback()
	return f(&Tx{b: read, s: s})
}

// Copy writes the state file as it is now to another one. Everything else goes
// on meanwhile.
func (s *Store) Copy(path string, mode os.FileMode) error {
	read, err := s.snapshot()
	if err != nil {
		return err
	}
	defer read.Rollback()
	if err := read.CopyFile(path, mode); err != nil {
		return fmt.Errorf("copying the state to %s: %w", path, err)
	}
	return nil
}

// snapshot begins a transaction of bbolt's own over all that is durable now.
func (s *Store) snapshot() (*bolt.Tx, error) {
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	return s.snapshotLocked()
}

func (s *Store) snapshotLocked() (*bolt.Tx, error) {
	if s.lock != nil {
		if err := s.recover(); err != nil {
			return nil, err
		}
		if s.live.journal.end > 0 {
			if err := s.checkpoint(); err != nil {
				return nil, err
			}
		}
	}
	return s.db.Begin(false)
}

// Commits counts the transactions that were waited for since the state was
// opened. Each of them cost the disk at most one sync.
func (s *Store) Commits() (n int, err error) {
	err = s.View(func(*Tx) error {
		n = s.live.commits
		return nil
	})
	return n, err
}

// readBehind looks whether a service that was ended hard left something in the
// journal. Then it is read too, in memory: who only reads changes no file.
func (s *Store) readBehind() error {
	j, err := openJournal(filepath.Join(s.dir, journalName), os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if err := s.db.View(func(tx *bolt.Tx) error {
		meta := &bucket{Bucket: tx.Bucket([]byte(bMeta))}
		j.begin(number(meta, keyGeneration), number(meta, keySecret))
		return nil
	}); err != nil {
		return errors.Join(err, j.close())
	}
	records, err := j.replay(func([]byte) error { return nil })
	if err != nil || records == 0 {
		return errors.Join(err, j.close())
	}
	s.live.journal = j
	path := s.db.Path()
	if err := s.db.Close(); err != nil {
		return err
	}
	opts := &bolt.Options{Timeout: readPatience, FreelistType: bolt.FreelistMapType, NoFreelistSync: true}
	if s.db, err = bolt.Open(path, 0o600, opts); errors.Is(err, bolterrors.ErrTimeout) {
		return ErrInUse // since a moment ago
	} else if err != nil {
		return err
	}
	return s.reread()
}
