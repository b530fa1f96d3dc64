package store

// ForgetReturned drops the mark that our own copy of a mail has been seen: it
// proves an attempt that is over and nothing about the one that begins.
func (tx *Tx) ForgetReturned(outID string) error {
	return tx.bucket(bReturned).Delete([]byte(outID))
}

// Commits counts the transactions that have been committed in the life of the
// state, each of which cost the disk its syncs.
func (s *Store) Commits() (n int, err error) {
	err = s.View(func(tx *Tx) error {
		n = tx.b.ID()
		return nil
	})
	return n, err
}
