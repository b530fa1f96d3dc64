package store

// ForgetReturned drops the mark that our own copy of a mail has been seen: it
// proves an attempt that is over and nothing about the one that begins.
func (tx *Tx) ForgetReturned(outID string) error {
	return tx.bucket(bReturned).Delete([]byte(outID))
}
