package store

import (
	"fmt"
	"time"
)

// Recorded is a mail that was recorded and given to nobody: what the admins'
// daily list is made of. It lets go of a mail that is in the mailbox still, and
// may be forgotten; the ledger keeps the outcome.
type Recorded struct {
	ID      uint64    `json:"id"`
	UID     UID       `json:"uid"`
	At      time.Time `json:"at"`
	Class   string    `json:"class"`
	Note    string    `json:"note,omitempty"` // why, for people
	From    string    `json:"from"`
	Subject string    `json:"subject"`
	// Header and Size tell it again when its folder is numbered anew.
	Header string `json:"header,omitempty"`
	Size   int64  `json:"size,omitempty"`
	Listed bool   `json:"listed,omitempty"` // the admins have been told of it
	Asked  string `json:"asked,omitempty"`  // who wants it handed out; it is being fetched
}

// AddRecorded keeps an entry and sets its ID.
func (tx *Tx) AddRecorded(r Recorded) error {
	id, err := tx.bucket(bRecorded).NextSequence()
	if err != nil {
		return err
	}
	r.ID = id
	return tx.SetRecorded(r)
}

// SetRecorded stores an entry again, under its ID.
func (tx *Tx) SetRecorded(r Recorded) error { return tx.put(bRecorded, u64(r.ID), r) }

// RecordedMail returns the entry of an ID.
func (tx *Tx) RecordedMail(id uint64) (Recorded, bool, error) {
	var r Recorded
	ok, err := tx.get(bRecorded, u64(id), &r)
	return r, ok, err
}

// DropRecorded forgets an entry.
func (tx *Tx) DropRecorded(id uint64) error { return tx.bucket(bRecorded).Delete(u64(id)) }

// EachRecorded walks the entries, oldest first. f must change nothing.
func (tx *Tx) EachRecorded(f func(Recorded) error) error {
	b := tx.bucket(bRecorded)
	if b == nil {
		return nil // a file written before there were any, opened to read
	}
	return b.ForEach(func(k, v []byte) error {
		var r Recorded
		if err := decode(v, &r); err != nil {
			return fmt.Errorf("reading recorded mail %x: %w", k, err)
		}
		return f(r)
	})
}
