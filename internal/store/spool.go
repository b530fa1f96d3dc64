package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// BigMail is the size, in octets, from which a mail gets a segment of its
// own: so that a small mail that stays does not keep a big one on disk.
const BigMail = 8 << 20

// Ref says where raw mail lies in the spool.
type Ref struct {
	Segment uint64 `json:"segment"`
	Offset  int64  `json:"offset"`
	Length  int64  `json:"length"`
}

type spool struct {
	dir  string
	next atomic.Uint64
	room Room

	// How what is there already is made durable: the disk may fail.
	syncFile, syncDir func(path string) error
}

func openSpool(dir string) (*spool, error) {
	sp := &spool{dir: dir, syncFile: syncFile, syncDir: syncDir}
	sp.next.Store(1)
	return sp, nil
}

func (sp *spool) path(seg uint64) string {
	return filepath.Join(sp.dir, fmt.Sprintf("%012d.seg", seg))
}

func (sp *spool) unlink(seg uint64) error {
	if err := os.Remove(sp.path(seg)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing spool segment %d: %w", seg, err)
	}
	return nil
}

// Segment is a spool file being written. It belongs to one goroutine.
type Segment struct {
	sp    *spool
	carry *carriage
	s     *Store
	id    uint64
	f     *os.File
	w     *bufio.Writer
	buf   []byte // for Append
	size  int64
}

// NewSegment begins a segment. End it with Commit or Abort.
func (s *Store) NewSegment() (*Segment, error) {
	id := s.spool.next.Add(1) - 1
	f, err := os.OpenFile(s.spool.path(id)+".new", os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		s.trouble.note(&s.trouble.spool, err)
		return nil, fmt.Errorf("beginning spool segment %d: %w", id, err)
	}
	return &Segment{s: s, sp: s.spool, carry: &s.live.carry, id: id, f: f, w: bufio.NewWriterSize(within{f, f.Name(), s.spool.room}, 64<<10), buf: make([]byte, 32<<10)}, nil
}

// Append copies r into the segment and returns where it lies. After an error
// the segment is good only for Truncate to an earlier Size, or Abort.
func (g *Segment) Append(r io.Reader) (Ref, error) {
	// Writer's own ReadFrom would keep the reader's error for good, and with it
	// every mail of the segment would be lost.
	n, err := io.CopyBuffer(struct{ io.Writer }{g.w}, r, g.buf)
	ref := Ref{Segment: g.id, Offset: g.size, Length: n}
	g.size += n
	if err != nil {
		if werr := g.w.Flush(); werr != nil { // it was not the reader
			g.s.trouble.note(&g.s.trouble.spool, werr)
		}
		return ref, fmt.Errorf("writing spool segment %d: %w", g.id, err)
	}
	return ref, nil
}

// Size is how many octets were appended so far.
func (g *Segment) Size() int64 { return g.size }

// Truncate takes back what was appended beyond size, a value Size returned:
// the way out when a mail broke off half-way.
func (g *Segment) Truncate(size int64) error {
	if err := g.w.Flush(); err != nil {
		return fmt.Errorf("truncating spool segment %d: %w", g.id, err)
	}
	if err := g.f.Truncate(size); err != nil {
		return fmt.Errorf("truncating spool segment %d: %w", g.id, err)
	}
	if _, err := g.f.Seek(size, io.SeekStart); err != nil {
		return fmt.Errorf("truncating spool segment %d: %w", g.id, err)
	}
	g.size = size
	return nil
}

// Commit makes the segment one that a record may refer to: synced, renamed,
// directory synced. A small one becomes durable with the transaction that first
// refers to it. One that no committed record refers to is swept at the next
// start, unless it is forsaken before.
func (g *Segment) Commit() error {
	err := g.w.Flush()
	octets := g.small()
	if err == nil && octets == nil {
		err = g.f.Sync()
	}
	if cerr := g.f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(g.sp.path(g.id)+".new", g.sp.path(g.id))
	}
	if err == nil && octets != nil && !g.carry.take(g.id, octets) {
		octets, err = nil, g.sp.syncFile(g.sp.path(g.id))
	}
	if err == nil && octets == nil {
		err = g.sp.syncDir(g.sp.dir)
	}
	g.s.trouble.note(&g.s.trouble.spool, err)
	if err != nil {
		err = fmt.Errorf("committing spool segment %d: %w", g.id, err)
		if rerr := os.Remove(g.sp.path(g.id) + ".new"); !errors.Is(rerr, os.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
		return errors.Join(err, g.sp.unlink(g.id)) // where its new name is what failed
	}
	return nil
}

// Forsake says of a committed segment that nobody will refer to it who does not
// yet. It goes when nothing does: with the next checkpoint, since before that
// a crash may still find the record of a transaction that failed.
func (g *Segment) Forsake() {
	l := &g.s.live
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forsaken = append(l.forsaken, g.id)
}

// dropForsaken removes those of them that nothing refers to. What is durable is
// what is read now.
func (s *Store) dropForsaken() {
	l := &s.live
	for _, seg := range l.forsaken {
		if l.reading[bSegments].Get(u64(seg)) == nil {
			s.unlink(seg)
		}
	}
	l.forsaken = nil
}

// unlink removes segments nothing refers to any more.
func (s *Store) unlink(segments ...uint64) {
	s.live.carry.forget(segments)
	for _, seg := range segments {
		if err := s.spool.unlink(seg); err != nil {
			s.log.Warn("a spool segment stays until the next start", "segment", seg, "err", err)
		}
	}
}

// small returns the octets of a segment, flushed, that the journal can carry,
// nil for another one.
func (g *Segment) small() []byte {
	if g.size > smallSegment {
		return nil
	}
	octets := make([]byte, g.size)
	if _, err := g.f.ReadAt(octets, 0); err != nil {
		return nil
	}
	return octets
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() // it was only read
	return f.Sync()
}

// Abort throws the segment away.
func (g *Segment) Abort() error {
	return errors.Join(g.f.Close(), os.Remove(g.sp.path(g.id)+".new"))
}

// Raw is raw mail open for reading. Close it.
type Raw struct {
	*io.SectionReader
	f *os.File
}

// Close closes the file.
func (r *Raw) Close() error { return r.f.Close() }

// OpenRaw opens raw mail. It stays readable until closed, also when its
// segment is unlinked meanwhile.
func (s *Store) OpenRaw(ref Ref) (*Raw, error) {
	f, err := os.Open(s.spool.path(ref.Segment))
	if err != nil {
		return nil, fmt.Errorf("opening spool segment %d: %w", ref.Segment, err)
	}
	return &Raw{io.NewSectionReader(f, ref.Offset, ref.Length), f}, nil
}

// Retain counts one more reference to the segment of ref.
func (tx *Tx) Retain(ref Ref) error {
	// Another record may have let the segment go in this very transaction.
	tx.dropped = slices.DeleteFunc(tx.dropped, func(seg uint64) bool { return seg == ref.Segment })
	if _, ok := tx.s.live.carry.octets(ref.Segment); ok {
		if tx.carried == nil {
			tx.carried = map[uint64]bool{}
		}
		tx.carried[ref.Segment] = true
	}
	b := tx.bucket(bSegments)
	n := uint64(0)
	if v := b.Get(u64(ref.Segment)); len(v) == 8 {
		n = binary.BigEndian.Uint64(v)
	}
	return b.Put(u64(ref.Segment), u64(n+1))
}

// Release drops one reference; the segment is unlinked after the commit when
// it was the last.
func (tx *Tx) Release(ref Ref) error {
	b := tx.bucket(bSegments)
	v := b.Get(u64(ref.Segment))
	if len(v) != 8 || binary.BigEndian.Uint64(v) == 0 {
		return fmt.Errorf("releasing spool segment %d: it has no references", ref.Segment)
	}
	n := binary.BigEndian.Uint64(v) - 1
	if n > 0 {
		return b.Put(u64(ref.Segment), u64(n))
	}
	tx.dropped = append(tx.dropped, ref.Segment)
	return b.Delete(u64(ref.Segment))
}

// sweep removes the segments no record refers to: what a crash left between
// the spool and the transaction. It runs under the lock, before any stage.
// Numbers are never used twice while a file or a count of them is left.
func (s *Store) sweep() error {
	entries, err := os.ReadDir(s.spool.dir)
	if err != nil {
		return fmt.Errorf("sweeping the spool: %w", err)
	}
	last := uint64(0)
	return s.View(func(tx *Tx) error {
		counts := tx.bucket(bSegments)
		if k, _ := counts.Cursor().Last(); k != nil {
			last = binary.BigEndian.Uint64(k)
		}
		for _, e := range entries {
			id, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSuffix(e.Name(), ".new"), ".seg"), 10, 64)
			if err != nil {
				continue // not ours; a person may have put it there
			}
			last = max(last, id)
			if strings.HasSuffix(e.Name(), ".new") || counts.Get(u64(id)) == nil {
				if err := os.Remove(filepath.Join(s.spool.dir, e.Name())); err != nil {
					return fmt.Errorf("sweeping the spool: %w", err)
				}
			}
		}
		s.spool.next.Store(last + 1)
		return s.missing(counts)
	})
}

// missing tells of segments that are gone though something refers to them. What
// lies there is still in the mailbox, and nothing else has to wait for it.
func (s *Store) missing(counts *bucket) error {
	gone, first := 0, ""
	err := counts.ForEach(func(k, _ []byte) error {
		path := s.spool.path(binary.BigEndian.Uint64(k))
		_, err := os.Stat(path)
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if gone++; gone == 1 {
			first = path
		}
		return nil
	})
	if err != nil || gone == 0 {
		return err
	}
	s.trouble.gone = fmt.Errorf("%d files of the spool are gone, %s first: put them back from a backup and start again; "+
		"the mails in them cannot be sent, and are still in the mailbox: `postroom outbox list` names them", gone, first)
	s.log.Error("files of the spool are gone", "err", s.trouble.gone)
	return nil
}
