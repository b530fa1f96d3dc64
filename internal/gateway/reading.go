package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime/debug"

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
	sideBySide = 16 // mails taken from the disk together, up to the size of a small one
)

// reading is one mail being read, or the headers of a range of old mail. What
// was read may be used once done is closed.
type reading struct {
	letter *letter            // nil for old mail
	old    []*message.Message // of a range of old mail
	raw    *store.Raw         // nil when the mail is held in memory
	octets []byte             // of one that is
	room   *room              // where these lie, with those of others
	held   int64              // how many there are
	err    error
	wait   bool // the error is the store's: the mail may be had later
	done   chan struct{}
}

// begin starts to read the mails of records, which are not nil where there is
// something to read. Small mails that lie side by side are taken from the disk
// together.
func (lib *library) begin(records []store.InboxRecord) []*reading {
	list := make([]*reading, len(records))
	var side []*reading
	for i, r := range records {
		switch {
		case !legible(r):
		case r.Mail == nil:
			list[i] = lib.beginOld(r.History.Mails)
		default:
			rd := lib.reading(r.Mail)
			if len(side) > 0 && !adjoins(side, rd) {
				lib.beginSide(side)
				side = nil
			}
			list[i], side = rd, append(side, rd)
		}
	}
	if len(side) > 0 {
		lib.beginSide(side)
	}
	return list
}

// reading makes room for a mail.
func (lib *library) reading(m *store.InMail) *reading {
	rd := &reading{letter: &letter{uid: m.UID, ref: m.Raw, cut: m.Cut, size: m.FullSize}, done: make(chan struct{})}
	if n := m.Raw.Length; n <= smallMail && lib.held+n <= heldAtOnce {
		rd.held = n
		lib.held += n
	}
	return rd
}

// adjoins reports whether a mail can be taken from the disk with those of a
// list.
func adjoins(list []*reading, rd *reading) bool {
	first, last, ref := list[0].letter.ref, list[len(list)-1].letter.ref, rd.letter.ref
	return len(list) < sideBySide && list[0].held > 0 && rd.held > 0 && ref.Segment == last.Segment &&
		ref.Offset == last.Offset+last.Length && ref.Offset+ref.Length-first.Offset <= smallMail
}

// beginSide starts to read mails that adjoin, or one.
func (lib *library) beginSide(list []*reading) {
	if list[0].held == 0 {
		lib.ask(func() {
			list[0].open(lib.st)
			lib.finish(list[0])
		})
		return
	}
	rm := lib.room(list)
	lib.ask(func() {
		octets, wait, err := lib.octets(list, rm)
		for _, rd := range list {
			if rd.err, rd.wait = err, wait; err == nil {
				n := rd.letter.ref.Length
				rd.octets, octets = octets[:n:n], octets[n:]
			}
			lib.finish(rd)
		}
	})
}

// octets takes mails that adjoin from the disk. wait says of an error that they
// may be had later.
func (lib *library) octets(list []*reading, rm *room) (octets []byte, wait bool, err error) {
	ref := list[0].letter.ref
	for _, rd := range list[1:] {
		ref.Length += rd.letter.ref.Length
	}
	raw, err := lib.st.OpenRaw(ref)
	if err != nil {
		return nil, comesBack(err), err
	}
	defer raw.Close() // it was only read
	octets = rm.octets[:ref.Length]
	if _, err := io.ReadFull(raw, octets); err != nil {
		return nil, false, fmt.Errorf("reading the mail: %w", err)
	}
	return octets, false, nil
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

// open opens a mail that is not held in memory: it is read from the spool again
// and again.
func (rd *reading) open(st *store.Store) {
	raw, err := st.OpenRaw(rd.letter.ref)
	if err != nil {
		rd.err, rd.wait = err, comesBack(err)
		return
	}
	rd.raw = raw
}

// comesBack reports an error in opening a mail that waiting may cure.
func comesBack(err error) bool { return !errors.Is(err, fs.ErrNotExist) }

// finish reads the mail, unless it could not be had, and says that it is done.
// Reading never fails by design; should it panic all the same, that is this one
// mail's end, not the service's.
func (lib *library) finish(rd *reading) {
	defer close(rd.done)
	if rd.err != nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			rd.err = fmt.Errorf("reading the mail: panic: %v\n%s", p, debug.Stack())
		}
	}()
	if rd.raw == nil {
		rd.letter.msg = message.Read(message.Octets(rd.octets))
	} else if rd.letter.msg, rd.err = readWhole(rd.raw); rd.err != nil {
		return
	}
	m := &rd.letter.msg.Mail
	m.Foresee(lib.names)
	packer := lib.packers.Get().(*store.Packer)
	rd.letter.packed, rd.err = packer.Pack(m.Text)
	lib.packers.Put(packer)
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
