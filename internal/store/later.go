package store

import (
	"bytes"
	"fmt"
	"time"
)

// Later is a message of the mailbox that the cursor has passed and that is
// still to be fetched: the entry stands for it, as a record of the inbox
// would. The entry goes only in the transaction that puts the mail into the
// inbox, or says that it is gone.
type Later struct {
	UID UID    `json:"uid"`
	Why string `json:"why"` // why it was not fetched in its turn
	// For is who asked for a mail that was recorded, "" for nobody.
	For string `json:"for,omitempty"`
	// Tries counts the attempts that failed, Counted those of them that
	// failed while other mail came whole.
	Tries   int       `json:"tries,omitempty"`
	Counted int       `json:"counted,omitempty"`
	Since   time.Time `json:"since"` // the first failure, or the entry
	Next    time.Time `json:"next"`  // not tried before
	// What is known of it; Size -1: nothing.
	Size int64     `json:"size"`
	Date time.Time `json:"date,omitzero"`
}

// SetLater stores an entry under its UID.
func (tx *Tx) SetLater(l Later) error {
	tx.touched(WakeChores)
	return tx.put(bLater, l.UID.key(), l)
}

// DropLater removes an entry.
func (tx *Tx) DropLater(uid UID) error { return tx.bucket(bLater).Delete(uid.key()) }

// Laters returns the entries of a folder, of whatever UIDVALIDITY, in order.
func (tx *Tx) Laters(folder string) ([]Later, error) {
	var all []Later
	b := tx.bucket(bLater)
	if b == nil {
		return nil, nil // a file written before there were any, opened to read
	}
	prefix := append([]byte(folder), 0)
	c := b.Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		var l Later
		if err := decode(v, &l); err != nil {
			return nil, fmt.Errorf("reading what is to be fetched, %x: %w", k, err)
		}
		all = append(all, l)
	}
	return all, nil
}

// AnyLater reports whether Laters would return an entry.
func (tx *Tx) AnyLater(folder string) bool {
	b := tx.bucket(bLater)
	if b == nil {
		return false
	}
	prefix := append([]byte(folder), 0)
	k, _ := b.Cursor().Seek(prefix)
	return bytes.HasPrefix(k, prefix)
}
