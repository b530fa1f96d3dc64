package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// look refuses a state directory that is not as it was written, before
// anything in it is changed. A directory without state is a first start, or a
// person took the state away to have it made anew.
func (s *Store) look() error {
	path := filepath.Join(s.dir, fileName)
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return s.lookForRest(path)
	} else if err != nil {
		return fmt.Errorf("looking for the state: %w", err)
	}
	if info.Size() == 0 {
		return fmt.Errorf("reading %s: it is empty: %w", path, ErrDamaged)
	}
	key := filepath.Join(s.dir, keyName)
	if _, err := os.Stat(key); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is gone: put it back from a backup; if there is none, make another one with `head -c 32 /dev/urandom > %s`: "+
			"every answer to an older mail is asked to be confirmed once then: %w", key, key, ErrDamaged)
	}
	return checkPages(path)
}

// lookForRest: journal and spool are nothing without the file.
func (s *Store) lookForRest(path string) error {
	rest, err := filepath.Glob(filepath.Join(s.dir, spoolDir, "*.seg"))
	if err != nil {
		return fmt.Errorf("looking for the state: %w", err)
	}
	journal := filepath.Join(s.dir, journalName)
	if info, err := os.Stat(journal); err == nil && info.Size() > 0 {
		rest = append(rest, journal)
	}
	if len(rest) > 0 {
		return fmt.Errorf("%s is gone, and %s is there: %w", path, rest[len(rest)-1], ErrDamaged)
	}
	return nil
}

// wayOut says what to do about a damaged directory.
func (s *Store) wayOut(err error) error {
	if !errors.Is(err, ErrDamaged) {
		return err
	}
	return fmt.Errorf("%w; nothing was changed: keep a copy of %s, then put a backup back with `postroom restore`", err, s.dir)
}
