package store

import "sync"

// trouble is how the disk does: what failed last, until it has worked again.
type trouble struct {
	mu      sync.Mutex
	journal error
	spool   error
	gone    error // found at the start
}

// note keeps what became of something: an error, or that it worked.
func (t *trouble) note(of *error, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*of = err
}

// Trouble is what is wrong with the disk, as far as is known: its last error,
// nil when it has worked since, or what was missing at the start. Nothing that
// was to be stored is lost by an error: who wanted to tries again.
func (s *Store) Trouble() error {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	if s.trouble.journal != nil {
		return s.trouble.journal
	}
	if s.trouble.spool != nil {
		return s.trouble.spool
	}
	return s.trouble.gone
}
