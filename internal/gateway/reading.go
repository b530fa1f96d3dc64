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
	"postroom/threads"
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

// reading is one mail being read, or the headers of a range of old mail. What
// was read may be used once done is closed.
type reading struct {
	letter *letter            // nil for old mail
	old    []*message.Message // of a range of old mail
	raw    *store.Raw         // nil when the mail is held in memory
	held   int64              // octets of it
	err    error
	wait   bool // the error is the store's: the mail may be had later
	done   chan struct{}
}

// library reads mails and keeps those that were read ahead. Only the
// gateway's goroutine calls its methods.
type library struct {
	st    *store.Store
	names threads.Names
	ahead map[uint64]*reading // by record
	held  int64
	wg    sync.WaitGroup

	mu      sync.Mutex
	waiting []func() // what is to be read, oldest first
	readers int      // how many read
}

func newLibrary(st *store.Store, names threads.Names) *library {
	return &library{st: st, names: names, ahead: map[uint64]*reading{}}
}

// ask has f called by one of the readers. They end when nothing waits.
func (lib *library) ask(f func()) {
	lib.mu.Lock()
	defer lib.mu.Unlock()
	lib.waiting = append(lib.waiting, f)
	if lib.readers < readers {
		lib.readers++
		lib.wg.Go(lib.serve)
	}
}

func (lib *library) serve() {
	for {
		lib.mu.Lock()
		if len(lib.waiting) == 0 {
			lib.readers--
			lib.mu.Unlock()
			return
		}
		f := lib.waiting[0]
		lib.waiting = lib.waiting[1:]
		lib.mu.Unlock()
		f()
	}
}

// begin starts to read the mail of a record.
func (lib *library) begin(r store.InboxRecord) *reading {
	if r.Mail == nil {
		return lib.beginOld(r.History.Mails)
	}
	rd := &reading{letter: &letter{uid: r.Mail.UID, ref: r.Mail.Raw, cut: r.Mail.Cut, size: r.Mail.FullSize}, done: make(chan struct{})}
	if n := r.Mail.Raw.Length; n <= smallMail && lib.held+n <= heldAtOnce {
		rd.held = n
		lib.held += n
	}
	lib.ask(func() {
		defer close(rd.done)
		rd.err = rd.read(lib)
	})
	return rd
}

// beginOld starts to read the headers of old mail.
func (lib *library) beginOld(mails []store.HistoryHeader) *reading {
	rd := &reading{old: make([]*message.Message, len(mails)), done: make(chan struct{})}
	lib.ask(func() {
		defer close(rd.done)
		defer func() {
			if p := recover(); p != nil {
				rd.err = fmt.Errorf("reading the headers: panic: %v\n%s", p, debug.Stack())
			}
		}()
		for i := range mails {
			rd.old[i] = message.Read(bytes.NewReader(mails[i].Header))
			rd.old[i].Mail.Foresee(lib.names)
		}
	})
	return rd
}

// legible reports whether a record has something to be read.
func legible(r store.InboxRecord) bool {
	return r.Mail != nil || r.History != nil && !r.History.Again && !r.History.Also && len(r.History.Mails) > 0
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
		if _, have := lib.ahead[r.Seq]; !have && legible(r) {
			lib.ahead[r.Seq] = lib.begin(r)
		}
		if r.History != nil {
			break // a range is much
		}
	}
	return nil
}

// letters returns what is to be read of the records, nil where there is
// nothing.
// Call the function it returns when they are not needed any more.
func (lib *library) letters(records []store.InboxRecord) ([]*reading, func(), error) {
	readings := make([]*reading, len(records))
	for i, r := range records {
		if !legible(r) {
			continue
		}
		if rd := lib.ahead[r.Seq]; rd != nil && (rd.letter == nil || rd.letter.ref == r.Mail.Raw) {
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
	}
	return readings, closeAll, first
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
func (rd *reading) read(lib *library) (err error) {
	raw, err := lib.st.OpenRaw(rd.letter.ref)
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
		if rd.letter.msg, err = readWhole(raw); err == nil {
			rd.letter.msg.Mail.Foresee(lib.names)
		}
		return err
	}
	defer raw.Close()
	octets := make([]byte, rd.held)
	if _, err := io.ReadFull(raw, octets); err != nil {
		return fmt.Errorf("reading the mail: %w", err)
	}
	rd.letter.msg = message.Read(message.Octets(octets))
	rd.letter.msg.Mail.Foresee(lib.names)
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
