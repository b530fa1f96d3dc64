package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

const (
	journalName = "journal"
	// journalHead is the octets before the payload of a record: its length and
	// its checksum.
	journalHead = 8
	// journalStep is by how much the file grows, in octets. It is filled with
	// zeros first and written over afterwards: a sync then has nothing to tell
	// of the file but its octets.
	journalStep = 256 << 10
	// maxRecord bounds what one transaction puts into the journal, in octets. A
	// bigger one goes straight into the bbolt file.
	maxRecord = 4 << 20
	// fullJournal is the size, in octets, from which the bbolt file is brought
	// up to date. What the journal holds lies in memory too, and is read again
	// by a start after a crash.
	fullJournal = 4 << 20
)

// journal is a file of records, one for each transaction since the bbolt file
// was brought up to date, in their order. It is begun from the front each time
// that happens: a record counts only for the generation it was written in, and
// the bbolt file says which one is now.
//
//	record:   length/4 checksum/4 payload
//	checksum: CRC-32C of generation/8, the record's place/8 and the payload
type journal struct {
	f          *os.File
	generation uint64
	end        int64 // where the next record goes
	size       int64 // of the file
	sync       func(*os.File) error
}

// openJournal opens the file; begin says of which generation it is.
func openJournal(path string, flags int) (*journal, error) {
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	return &journal{f: f, size: info.Size(), sync: datasync}, nil
}

func (j *journal) close() error { return j.f.Close() }

// begin starts a generation at the front of the file.
func (j *journal) begin(generation uint64) { j.generation, j.end = generation, 0 }

// append writes a payload and, with sync, makes it durable, and all before it.
// The first octets of record are room for the head. After an error nothing is
// known of what the file holds behind end.
func (j *journal) append(record []byte, sync bool) error {
	payload := record[journalHead:]
	binary.BigEndian.PutUint32(record, uint32(len(payload)))
	binary.BigEndian.PutUint32(record[4:], j.checksum(j.end, payload))
	if err := j.grow(j.end + int64(len(record))); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	if _, err := j.f.WriteAt(record, j.end); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	if sync {
		if err := j.sync(j.f); err != nil {
			return fmt.Errorf("syncing the journal: %w", err)
		}
	}
	j.end += int64(len(record))
	return nil
}

func (j *journal) grow(end int64) error {
	if end <= j.size {
		return nil
	}
	size := (end + journalStep - 1) / journalStep * journalStep
	if _, err := j.f.WriteAt(make([]byte, size-j.size), j.size); err != nil {
		return err
	}
	j.size = size
	return nil
}

// shrink gives back what an unusually big journal took. Should it fail, the
// file stays big.
func (j *journal) shrink() {
	if j.size > 2*fullJournal && j.f.Truncate(fullJournal) == nil {
		j.size = fullJournal
	}
}

// replay hands the payloads of the present generation to f, in order, and
// sets where the next one goes. A record that was not written whole ends it:
// nobody was ever told that its transaction is durable.
func (j *journal) replay(f func(payload []byte) error) (records int, err error) {
	j.end = 0
	for {
		payload, err := j.record(j.end)
		if payload == nil || err != nil {
			return records, err
		}
		if err := f(payload); err != nil {
			return records, err
		}
		records++
		j.end += journalHead + int64(len(payload))
	}
}

// record reads the record at a place; nil where there is none.
func (j *journal) record(at int64) ([]byte, error) {
	var head [journalHead]byte
	if _, err := j.f.ReadAt(head[:], at); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	n := int64(binary.BigEndian.Uint32(head[:]))
	if n == 0 || n > maxRecord || at+journalHead+n > j.size {
		return nil, nil
	}
	payload := make([]byte, n)
	if _, err := j.f.ReadAt(payload, at+journalHead); err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	if binary.BigEndian.Uint32(head[4:]) != j.checksum(at, payload) {
		return nil, nil
	}
	return payload, nil
}

func (j *journal) checksum(at int64, payload []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // made once by the library
	var salt [16]byte
	binary.BigEndian.PutUint64(salt[:], j.generation)
	binary.BigEndian.PutUint64(salt[8:], uint64(at))
	return crc32.Update(crc32.Checksum(salt[:], table), table, payload)
}
