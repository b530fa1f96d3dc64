package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync/atomic"
)

const (
	journalName = "journal"
	// journalHead is the octets before the payload of a record, and journalHead1
	// those of a record of an earlier version.
	journalHead  = 24
	journalHead1 = 8
	// journalVersion is the first octet of a record. Those of an earlier version
	// begin with 0.
	journalVersion = 2
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
	fullJournal = 8 << 20
)

// journal is a file of records, one for each transaction since the bbolt file
// was brought up to date, in their order. It is begun from the front each time
// that happens: a record counts only for the generation it was written in, and
// the bbolt file says which one is now.
//
//	record:   version/1 length/3 checksum/4 mark/8 synced/8 payload
//	checksum: CRC-32C of mark/8, the record's place/8, synced/8 and the payload
//	mark:     the generation XOR a secret of the file: mail cannot look like a record
//	synced:   up to where the journal was durable when the record was written
//
// The last tells a record that was never written whole, behind which nothing
// stands that was written after a sync, from one that was damaged later.
//
// An earlier version wrote length/4 checksum/4 payload, with a checksum of
// generation/8, place/8 and the payload.
type journal struct {
	f          *os.File
	generation uint64
	secret     uint64
	end        int64 // where the next record goes
	// synced: what lies before is durable.
	synced atomic.Int64
	// cut: behind synced there is nothing any more, whatever the file holds.
	cut  bool
	size int64 // of the file
	sync func(*os.File) error
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

// begin goes to the front of the file; what is there counts if it is of this
// generation.
func (j *journal) begin(generation, secret uint64) {
	if generation != j.generation {
		j.synced.Store(0)
		j.cut = false
	}
	j.generation, j.secret, j.end = generation, secret, 0
}

// append writes a payload; it is durable with the next sync. The first octets
// of record are room for the head. After an error nothing is known of what the
// file holds behind end.
func (j *journal) append(record []byte) error {
	payload := record[journalHead:]
	binary.BigEndian.PutUint32(record, journalVersion<<24|uint32(len(payload)))
	binary.BigEndian.PutUint64(record[8:], j.generation^j.secret)
	binary.BigEndian.PutUint64(record[16:], uint64(j.synced.Load()))
	binary.BigEndian.PutUint32(record[4:], checksum(record[8:16], j.end, record[16:]))
	if err := j.grow(j.end + int64(len(record))); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	if _, err := j.f.WriteAt(record, j.end); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
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
// nobody was ever told that its transaction is durable. One that was damaged
// later is an error, which wraps ErrDamaged.
func (j *journal) replay(f func(payload []byte) error) (records int, err error) {
	data, err := j.read()
	if err != nil {
		return 0, err
	}
	j.end = 0
	for {
		if j.cut && j.end >= j.synced.Load() {
			return records, nil
		}
		payload, size := j.record(data, j.end)
		if payload == nil {
			return records, j.intact(data)
		}
		if err := f(payload); err != nil {
			return records, err
		}
		records++
		j.end += size
	}
}

// read returns the whole file.
func (j *journal) read() ([]byte, error) {
	data := make([]byte, j.size)
	n, err := j.f.ReadAt(data, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	return data[:n], nil
}

// record returns the payload and the size of the record at a place of data; nil
// where there is none.
func (j *journal) record(data []byte, at int64) ([]byte, int64) {
	rest := data[at:]
	if len(rest) < journalHead1 {
		return nil, 0
	}
	if rest[0] == 0 {
		return j.record1(rest, at)
	}
	_, mark, ok := header(rest)
	if !ok || mark != j.generation^j.secret {
		return nil, 0
	}
	return sealed(rest, at)
}

// header reads the version, the length and the mark of what may be a record.
func header(rest []byte) (size int, mark uint64, ok bool) {
	if len(rest) < journalHead || rest[0] != journalVersion {
		return 0, 0, false
	}
	n := int(binary.BigEndian.Uint32(rest) & 0xffffff)
	if n == 0 || n > maxRecord || n > len(rest)-journalHead {
		return 0, 0, false
	}
	return journalHead + n, binary.BigEndian.Uint64(rest[8:]), true
}

// sealed returns the payload and the size of a record if its checksum holds.
func sealed(rest []byte, at int64) ([]byte, int64) {
	size, _, ok := header(rest)
	if !ok || binary.BigEndian.Uint32(rest[4:]) != checksum(rest[8:16], at, rest[16:size]) {
		return nil, 0
	}
	return rest[journalHead:size], int64(size)
}

// record1 is record for one that an earlier version wrote.
func (j *journal) record1(rest []byte, at int64) ([]byte, int64) {
	n := int64(binary.BigEndian.Uint32(rest))
	if n == 0 || n > maxRecord || n > int64(len(rest)-journalHead1) {
		return nil, 0
	}
	payload := rest[journalHead1 : journalHead1+n]
	if binary.BigEndian.Uint32(rest[4:]) != checksum(u64(j.generation), at, payload) {
		return nil, 0
	}
	return payload, journalHead1 + n
}

// generationsAhead is how many generations ahead of the file's a record is
// looked for.
const generationsAhead = 1 << 20

// intact looks behind the end for what cannot stand there after a crash: a
// record that was written when more than this was durable, or one of a
// generation that the file does not know yet.
func (j *journal) intact(data []byte) error {
	for at := int64(0); at < int64(len(data)); at++ {
		next := bytes.IndexByte(data[at:], journalVersion)
		if next < 0 {
			return nil
		}
		at += int64(next)
		_, mark, ok := header(data[at:])
		if !ok {
			continue
		}
		synced := int64(binary.BigEndian.Uint64(data[at+16:]))
		ahead := (mark ^ j.secret) - j.generation
		lost := ahead == 0 && at >= j.end && synced > j.end
		if !lost && (ahead == 0 || ahead > generationsAhead) {
			continue
		}
		if payload, _ := sealed(data[at:], at); payload == nil {
			continue
		}
		if lost {
			return fmt.Errorf("the journal cannot be read at octet %d, and what follows at octet %d was written later: %w", j.end, at, ErrDamaged)
		}
		return fmt.Errorf("the journal goes on from a newer state than the file has (%d, and the file %d): %w", mark^j.secret, j.generation, ErrDamaged)
	}
	return nil
}

func checksum(mark []byte, at int64, rest []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // made once by the library
	var salt [16]byte
	copy(salt[:], mark)
	binary.BigEndian.PutUint64(salt[8:], uint64(at))
	return crc32.Update(crc32.Checksum(salt[:], table), table, rest)
}
