package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime/debug"
	"sync"

	"postroom/internal/message"
	"postroom/internal/store"
)

// Reading a mail is the one part of the work that needs no transaction, so it
// is done by several goroutines, and of the next batch while the one before
// it is being committed.
const (
	readers = 4 // mails read at once
	// smallMail is up to which size, in octets, a mail is held in memory while
	// it is in hand, and heldAtOnce is for how much of that there is room.
	// Other mail is read from the spool, again and again.
	smallMail  = 256 << 10
	heldAtOnce = 6 << 20
)

// reading is one mail being read. The letter may be used once done is closed.
type reading struct {
	letter *letter
	raw    *store.Raw // nil when the mail is held in memory
	held   int64      // octets of it
	err    error
	wait   bool // the error is the store's: the mail may be had later
	done   chan struct{}
}

// library reads mails and keeps those that were read ahead. Only the
// gateway's goroutine calls its methods.
type library struct {
	st    *store.Store
	slots chan struct{}
	ahead map[uint64]*reading // by record
	held  int64
	wg    sync.WaitGroup
}

func newLibrary(st *store.Store) *library {
	return &library{st: st, slots: make(chan struct{}, readers), ahead: map[uint64]*reading{}}
}

// begin starts to read the mail of a record.
func (lib *library) begin(r store.InboxRecord) *reading {
	rd := &reading{letter: &letter{uid: r.Mail.UID, ref: r.Mail.Raw, cut: r.Mail.Cut, size: r.Mail.FullSize}, done: make(chan struct{})}
	if n := r.Mail.Raw.Length; n <= smallMail && lib.held+n <= heldAtOnce {
		rd.held = n
		lib.held += n
	}
	lib.wg.Go(func() {
		defer close(rd.done)
		lib.slots <- struct{}{}
		defer func() { <-lib.slots }()
		rd.err = rd.read(lib.st)
	})
	return rd
}

// lookAhead starts to read what comes behind a record.
func (lib *library) lookAhead(seq uint64) error {
	var next []store.InboxRecord
	err := lib.st.View(func(tx *store.Tx) (err error) {
		next, err = tx.InboxAfter(seq, batchSize)
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range next {
		if _, have := lib.ahead[r.Seq]; !have && r.Mail != nil {
			lib.ahead[r.Seq] = lib.begin(r)
		}
	}
	return nil
}

// letters returns the mails of the records, nil for a record without one.
// Call the function it returns when they are not needed any more.
func (lib *library) letters(records []store.InboxRecord) ([]*letter, func(), error) {
	readings := make([]*reading, len(records))
	for i, r := range records {
		if r.Mail == nil {
			continue
		}
		if rd := lib.ahead[r.Seq]; rd != nil && rd.letter.ref == r.Mail.Raw {
			readings[i] = rd
			delete(lib.ahead, r.Seq)
			continue
		}
		readings[i] = lib.begin(r)
	}
	closeAll := func() {
		for _, rd := range readings {
			lib.put(rd)
		}
	}
	letters := make([]*letter, len(records))
	var first error
	for i, rd := range readings {
		if rd == nil {
			continue
		}
		<-rd.done
		switch {
		case rd.err == nil || first != nil:
		case rd.wait:
			first = rd.err
		default:
			first = &recordError{records[i].Seq, rd.err}
		}
		letters[i] = rd.letter
	}
	return letters, closeAll, first
}

// put takes a mail back.
func (lib *library) put(rd *reading) {
	if rd == nil {
		return
	}
	<-rd.done
	lib.held -= rd.held
	if rd.raw != nil {
		rd.raw.Close() // it was only read
	}
}

// close takes back what was read ahead and not needed.
func (lib *library) close() {
	for seq, rd := range lib.ahead {
		lib.put(rd)
		delete(lib.ahead, seq)
	}
	lib.wg.Wait()
}

// read reads the mail. Reading never fails by design; should it panic all
// the same, that is this one mail's end, not the service's.
func (rd *reading) read(st *store.Store) (err error) {
	raw, err := st.OpenRaw(rd.letter.ref)
	if err != nil {
		rd.wait = !errors.Is(err, fs.ErrNotExist) // waiting will not bring that back
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("reading the mail: panic: %v\n%s", p, debug.Stack())
		}
	}()
	if rd.held == 0 {
		rd.raw = raw
		rd.letter.msg, err = readWhole(raw)
		return err
	}
	defer raw.Close()
	octets := make([]byte, rd.held)
	if _, err := io.ReadFull(raw, octets); err != nil {
		return fmt.Errorf("reading the mail: %w", err)
	}
	rd.letter.msg = message.Read(bytes.NewReader(octets))
	return nil
}

// readWhole reads a mail. Reading never fails, but the disk may: then what was
// read is not the mail.
func readWhole(raw message.Source) (*message.Message, error) {
	src := &careful{Source: raw}
	msg := message.Read(src)
	if src.err != nil {
		return nil, fmt.Errorf("reading the mail: %w", src.err)
	}
	return msg, nil
}

// careful remembers that octets could not be read.
type careful struct {
	message.Source
	err error
}

// ReadAt implements io.ReaderAt.
func (c *careful) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.Source.ReadAt(p, off)
	if err != nil && off+int64(n) < c.Size() {
		c.err = err
	}
	return n, err
}
