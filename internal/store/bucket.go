package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// errReading is returned for a change where only reading is allowed.
var errReading = errors.New("the transaction only reads")

// bucket is a bucket of the file in a transaction. What changes it is noted.
type bucket struct {
	*bolt.Bucket
	name  string
	notes *notes // nil where there is only reading

	// The rest is for the one goroutine that changes things: who changes a
	// record has mostly looked at it just before.
	cursor *bolt.Cursor // used again and again, since a new one takes memory
	asked  []byte       // the key that was looked up or changed last; empty: none
	found  []byte       // its value
}

// Get returns the value of a key, nil for none. It is good until the next
// change of the bucket.
func (b *bucket) Get(key []byte) []byte {
	switch {
	case b.notes == nil:
		return b.Bucket.Get(key)
	case len(b.asked) > 0 && bytes.Equal(b.asked, key):
		return b.found
	case b.cursor == nil:
		b.cursor = b.Cursor()
	}
	k, v := b.cursor.Seek(key)
	if !bytes.Equal(k, key) {
		v = nil
	}
	b.is(key, v)
	return v
}

// is remembers the value of a key.
func (b *bucket) is(key, value []byte) { b.asked, b.found = append(b.asked[:0], key...), value }

// Put sets the value of a key. The value belongs to the store from here on.
func (b *bucket) Put(key, value []byte) error {
	if b.notes == nil {
		return errReading
	}
	if value == nil {
		value = []byte{} // nil would look like no value until the next checkpoint
	}
	old := b.Get(key)
	if err := b.Bucket.Put(key, value); err != nil {
		return fmt.Errorf("putting into %s: %w", b.name, err)
	}
	b.notes.put(b, key, value, old)
	b.is(key, value)
	return nil
}

// Delete removes a key, if it is there.
func (b *bucket) Delete(key []byte) error {
	if b.notes == nil {
		return errReading
	}
	old := b.Get(key)
	if old == nil {
		return nil
	}
	if err := b.Bucket.Delete(key); err != nil {
		return fmt.Errorf("deleting from %s: %w", b.name, err)
	}
	b.notes.delete(b, key, old)
	b.is(key, nil)
	return nil
}

// NextSequence counts the bucket's own number up.
func (b *bucket) NextSequence() (uint64, error) {
	if b.notes == nil {
		return 0, errReading
	}
	n, err := b.Bucket.NextSequence()
	if err != nil {
		return 0, fmt.Errorf("counting in %s: %w", b.name, err)
	}
	b.notes.sequence(b, n)
	return n, nil
}

// len counts the keys.
func (b *bucket) len() (n int) {
	c := b.Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		n++
	}
	return n
}

// The kinds of change in a journal.
const (
	changePut = iota + 1
	changeDelete
	changeSequence
	changeSegment // a spool segment that was not synced: its number and octets
)

// notes are the changes of one transaction: as they go into the journal, and
// how to take them back. They are used anew by each transaction.
type notes struct {
	record []byte // room for the journal's head, then the changes
	undo   []undo
}

// undo is what was there before a change.
type undo struct {
	b        *bucket
	kind     byte
	key      []byte
	old      []byte // nil: there was none
	sequence uint64
}

func (n *notes) begin() {
	const kept = 1 << 20 // octets of memory worth keeping for the next one
	if cap(n.record) > kept {
		n.record = nil
	}
	if n.record == nil {
		n.record = make([]byte, journalHead, 4<<10)
	}
	n.record = n.record[:journalHead]
	clear(n.undo)
	n.undo = n.undo[:0]
}

func (n *notes) empty() bool { return len(n.record) == journalHead }

func (n *notes) put(b *bucket, key, value, old []byte) {
	n.record = append(n.record, changePut)
	n.text([]byte(b.name))
	key = n.text(key)
	n.text(value)
	n.undo = append(n.undo, undo{b: b, kind: changePut, key: key, old: old})
}

func (n *notes) delete(b *bucket, key, old []byte) {
	n.record = append(n.record, changeDelete)
	n.text([]byte(b.name))
	key = n.text(key)
	n.undo = append(n.undo, undo{b: b, kind: changeDelete, key: key, old: old})
}

func (n *notes) sequence(b *bucket, now uint64) {
	n.record = append(n.record, changeSequence)
	n.text([]byte(b.name))
	n.record = binary.AppendUvarint(n.record, now)
	n.undo = append(n.undo, undo{b: b, kind: changeSequence, sequence: now - 1})
}

func (n *notes) segment(id uint64, octets []byte) {
	n.record = append(n.record, changeSegment)
	n.record = binary.AppendUvarint(n.record, id)
	n.text(octets)
}

// text appends octets and returns them as they lie in the record: there they
// stay as they are until the next begin.
func (n *notes) text(s []byte) []byte {
	n.record = binary.AppendUvarint(n.record, uint64(len(s)))
	n.record = append(n.record, s...)
	return n.record[len(n.record)-len(s) : len(n.record) : len(n.record)]
}

// takeBack puts everything back as it was.
func (n *notes) takeBack() error {
	for i := len(n.undo) - 1; i >= 0; i-- {
		if err := n.undo[i].undo(); err != nil {
			return fmt.Errorf("taking a change back: %w", err)
		}
	}
	return nil
}

func (u *undo) undo() error {
	u.b.is(nil, nil)
	switch {
	case u.kind == changeSequence:
		return u.b.SetSequence(u.sequence)
	case u.old == nil:
		return u.b.Bucket.Delete(u.key)
	}
	return u.b.Bucket.Put(u.key, u.old)
}

// again does the changes of a record once more. segment is given the segments
// it carries.
func again(payload []byte, buckets map[string]*bucket, segment func(id uint64, octets []byte)) error {
	r := recordReader{rest: string(payload)}
	for r.rest != "" {
		kind := r.rest[0]
		r.rest = r.rest[1:]
		if kind == changeSegment {
			id, octets := r.number(), []byte(r.text())
			if !r.broken {
				segment(id, octets)
			}
			continue
		}
		name := r.text()
		b := buckets[name]
		if b == nil {
			return fmt.Errorf("replaying the journal: it names a bucket %q", name)
		}
		var err error
		switch kind {
		case changePut:
			key, value := r.text(), r.text()
			if !r.broken {
				err = b.Bucket.Put([]byte(key), []byte(value))
			}
		case changeDelete:
			err = b.Bucket.Delete([]byte(r.text()))
		case changeSequence:
			err = b.SetSequence(r.number())
		default:
			return fmt.Errorf("replaying the journal: a change of kind %d", kind)
		}
		if err != nil {
			return fmt.Errorf("replaying the journal: %w", err)
		}
	}
	if r.broken {
		return errors.New("replaying the journal: a record is cut short")
	}
	return nil
}
