package store

import (
	"fmt"
	"os"
)

// settle makes sure that the disk has the state that the file is read as,
// where that is in doubt.
//
// A commit of bbolt's ends with a page that says which pages are the state, and
// a sync. When that sync fails the page is read back all the same, from memory,
// and the next commit would write over pages of the state before, which may be
// the one the disk has. Trying the sync again proves nothing: the kernel tells
// of an error once. So the page is written again, and then synced.
func (s *Store) settle() error {
	if !s.live.unsettled {
		return nil
	}
	path := s.db.Path()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("settling %s: %w", path, err)
	}
	defer f.Close()
	pages := make([]byte, 2*s.db.Info().PageSize)
	if _, err := f.ReadAt(pages, 0); err != nil {
		return fmt.Errorf("settling %s: %w", path, err)
	}
	if _, err := f.WriteAt(pages, 0); err != nil {
		return fmt.Errorf("settling %s: %w", path, err)
	}
	if err := datasync(f); err != nil {
		return fmt.Errorf("settling %s: %w", path, err)
	}
	s.live.unsettled = false
	return nil
}
