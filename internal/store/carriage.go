package store

import (
	"fmt"
	"maps"
	"os"
	"slices"
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
	unsynced map[uint64]bool   // the journal has them
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
		c.waiting, c.unsynced = map[uint64][]byte{}, map[uint64]bool{}
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
		if _, ok := c.waiting[id]; ok {
			delete(c.waiting, id)
			c.unsynced[id] = true
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
	ids := slices.AppendSeq(slices.Collect(maps.Keys(c.unsynced)), maps.Keys(c.waiting))
	for _, id := range ids {
		f, err := os.Open(sp.path(id))
		if err == nil {
			err = f.Sync()
			f.Close() // it was only read
		}
		if err != nil {
			return fmt.Errorf("syncing spool segment %d: %w", id, err)
		}
	}
	if err := syncDir(sp.dir); err != nil {
		return fmt.Errorf("syncing the spool: %w", err)
	}
	clear(c.unsynced)
	clear(c.waiting)
	return nil
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
