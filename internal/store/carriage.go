package store

import (
	"fmt"
	"sync"
)

const (
	// smallSegment is up to which size, in octets, a segment is not synced by
	// itself: it goes into the journal with the record that refers to it, which
	// makes two syncs less for a mail that comes alone.
	smallSegment = 64 << 10
	// manyCarried bounds how many of them wait for such a record.
	manyCarried = 32
)

// carriage is the small segments whose files are not synced.
type carriage struct {
	mu       sync.Mutex
	waiting  map[uint64][]byte // no record refers to them yet
	unsynced map[uint64][]byte // the journal has them
	// doubtful says that a sync failed. The kernel tells that once, and then
	// takes what it could not write for written: only a new file is believed.
	doubtful bool
}

// take keeps the octets of a segment for the journal. It reports false when
// too many wait already.
func (c *carriage) take(id uint64, octets []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) >= manyCarried {
		return false
	}
	if c.waiting == nil {
		c.waiting, c.unsynced = map[uint64][]byte{}, map[uint64][]byte{}
	}
	c.waiting[id] = octets
	return true
}

func (c *carriage) octets(id uint64) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	octets, ok := c.waiting[id]
	return octets, ok
}

// journaled says that the journal has these segments now.
func (c *carriage) journaled(ids map[uint64]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range ids {
		if octets, ok := c.waiting[id]; ok {
			delete(c.waiting, id)
			c.unsynced[id] = octets
		}
	}
}

// forget drops segments nothing refers to any more.
func (c *carriage) forget(ids []uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		delete(c.waiting, id)
		delete(c.unsynced, id)
	}
}

// sync makes the files durable, so that the journal need not stand for them.
func (c *carriage) sync(sp *spool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.unsynced)+len(c.waiting) == 0 {
		return nil
	}
	for _, files := range []map[uint64][]byte{c.unsynced, c.waiting} {
		for id, octets := range files {
			if err := c.syncOne(sp, id, octets); err != nil {
				c.doubtful = true
				return fmt.Errorf("syncing spool segment %d: %w", id, err)
			}
		}
	}
	if err := sp.syncDir(sp.dir); err != nil {
		c.doubtful = true
		return fmt.Errorf("syncing the spool: %w", err)
	}
	c.doubtful = false
	clear(c.unsynced)
	clear(c.waiting)
	return nil
}

func (c *carriage) syncOne(sp *spool, id uint64, octets []byte) error {
	if c.doubtful {
		return writeDurably(sp.path(id), octets)
	}
	return sp.syncFile(sp.path(id))
}

// carryAlong puts the segments this transaction refers to, and no one before,
// into the journal with it.
func (tx *Tx) carryAlong() {
	for id := range tx.carried {
		if octets, ok := tx.s.live.carry.octets(id); ok {
			tx.s.live.notes.segment(id, octets)
		}
	}
}

// rescue writes the segments again that the journal carried, as far as
// something refers to them: a crash may have taken their files.
func (sp *spool) rescue(carried map[uint64][]byte, counts *bucket) error {
	for id, octets := range carried {
		if counts.Get(u64(id)) == nil {
			continue
		}
		if err := writeDurably(sp.path(id), octets); err != nil {
			return fmt.Errorf("writing spool segment %d again: %w", id, err)
		}
	}
	return nil
}
