package gateway

import (
	"slices"
	"sync"

	"postroom/internal/store"
	"postroom/threads"
)

// library reads mails and keeps those that were read ahead. Only the
// gateway's goroutine calls its methods.
type library struct {
	st    *store.Store
	names threads.Names
	ahead map[uint64]*reading // by record
	held  int64
	spare [][]byte // rooms that nobody needs
	wg    sync.WaitGroup
	// packers compress what will be kept of the mails.
	packers sync.Pool

	mu      sync.Mutex
	waiting []func() // what is to be read, oldest first
	readers int      // how many read
}

func newLibrary(st *store.Store, names threads.Names) *library {
	return &library{
		st: st, names: names, ahead: map[uint64]*reading{},
		packers: sync.Pool{New: func() any { return &store.Packer{} }},
	}
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

// legible reports whether a record has something to be read.
func legible(r store.InboxRecord) bool {
	return r.Mail != nil || r.History != nil && !r.History.Again && !r.History.Also && len(r.History.Mails) > 0
}

// lookAhead starts to read what comes behind a record.
func (lib *library) lookAhead(seq uint64) error {
	var next []store.InboxRecord
	err := lib.st.Glance(func(tx *store.Tx) (err error) {
		next, err = tx.InboxAfter(seq, batchSize)
		return err
	})
	if err != nil {
		return err
	}
	next = slices.DeleteFunc(enoughAhead(next), func(r store.InboxRecord) bool {
		_, have := lib.ahead[r.Seq]
		return have
	})
	for i, rd := range lib.begin(next) {
		if rd != nil {
			lib.ahead[next[i].Seq] = rd
		}
	}
	return nil
}

// enoughAhead are the records up to a range of old mail: that is much.
func enoughAhead(records []store.InboxRecord) []store.InboxRecord {
	for i, r := range records {
		if r.History != nil {
			return records[:i+1]
		}
	}
	return records
}

// letters returns what is to be read of the records, nil where there is
// nothing.
// Call the function it returns when they are not needed any more.
func (lib *library) letters(records []store.InboxRecord) ([]*reading, func(), error) {
	readings, unread := make([]*reading, len(records)), make([]store.InboxRecord, len(records))
	for i, r := range records {
		rd := lib.ahead[r.Seq]
		if rd == nil || rd.letter != nil && rd.letter.ref != r.Mail.Raw {
			unread[i] = r
			continue
		}
		readings[i] = rd
		delete(lib.ahead, r.Seq)
	}
	for i, rd := range lib.begin(unread) {
		if rd != nil {
			readings[i] = rd
		}
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
	lib.leave(rd.room)
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
	lib.spare = nil
}
