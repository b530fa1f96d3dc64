package imapsync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/emersion/go-imap/v2"

	"postroom/internal/store"
)

// bodyTries is how often in a row a server may leave out a message that is
// there.
const bodyTries = 3

// chunk brings in the next few of the listed UIDs, in one segment and one
// transaction, and says how many. After a failure what came before the message
// it happened at is kept.
func (f *follower) chunk(ctx context.Context, s *session, uids []uint32) (int, error) {
	b := &batch{lading: lading{st: f.y.st}, f: f, s: s, uids: f.plan(uids, f.limit), done: map[uint32]entry{}}
	defer b.end()
	err := b.run()
	done := b.prefix()
	if commitErr := f.commit(b.take(), done); commitErr != nil {
		return 0, commitErr
	}
	if err != nil {
		f.limit = max(1, f.limit/2)
	}
	if err != nil && b.at != 0 && !errors.Is(err, errLocal) {
		f.strike(ctx, b.at, b.metas[b.at], err)
		b.noteUndescribed()
		if b.alone() {
			if err := f.postpone(b.at); err != nil {
				return 0, err
			}
		}
	}
	return len(done), err
}

// errLocal marks an error of our own disk, which says nothing about a mail.
var errLocal = errors.New("on our side")

// plan takes the first few UIDs. A UID that a connection broke at is fetched
// alone, so that it harms nothing but itself.
func (f *follower) plan(uids []uint32, limit int) []uint32 {
	for i, uid := range uids[:min(limit, len(uids))] {
		if f.suspects[uid].times > 0 {
			return uids[:max(1, i)]
		}
	}
	return uids[:min(limit, len(uids))]
}

// batch is one chunk being fetched.
type batch struct {
	lading
	f     *follower
	s     *session
	uids  []uint32 // shortened to what one segment takes
	metas map[uint32]meta
	done  map[uint32]entry
	at    uint32 // the UID a failure happened at, as far as we can tell
	// describing: the failure happened before any octets were asked for.
	describing bool
}

// alone reports whether the batch was that one mail.
func (b *batch) alone() bool { return len(b.uids) == 1 && b.uids[0] == b.at }

// end throws away a segment that was not taken.
func (b *batch) end() { b.discard(b.f.y.log) }

// take hands over the segment, if what is kept of the batch needs one.
func (b *batch) take() *store.Segment {
	for _, e := range b.prefix() {
		if e.mail != nil {
			seg := b.seg
			b.seg = nil
			return seg
		}
	}
	return nil
}

// prefix is what is done without a gap from the first UID on.
func (b *batch) prefix() []entry {
	var list []entry
	for _, uid := range b.uids {
		e, ok := b.done[uid]
		if !ok {
			break
		}
		list = append(list, e)
	}
	return list
}

// missing is what is not done yet.
func (b *batch) missing() []uint32 {
	var list []uint32
	for _, uid := range b.uids {
		if _, ok := b.done[uid]; !ok {
			list = append(list, uid)
		}
	}
	return list
}

func (b *batch) run() error {
	if err := b.describe(); err != nil {
		b.at, b.describing = firstOf(b.undescribed()), true
		return err
	}
	b.cut()
	err := b.fetch()
	if err != nil {
		b.at = firstOf(b.missing())
	}
	return err
}

func firstOf(uids []uint32) uint32 {
	if len(uids) == 0 {
		return 0
	}
	return uids[0]
}

func (b *batch) fetch() error {
	first := b.metas[b.uids[0]]
	sus := b.f.suspects[first.uid]
	switch {
	case len(b.missing()) == 0:
		return nil
	case first.size > b.f.y.cfg.MaxMail:
		return b.stub(first, fmt.Sprintf("it has %d octets, more than the limit of %d", first.size, b.f.y.cfg.MaxMail))
	case b.f.headerWillDo(first.uid):
		return b.stub(first, fmt.Sprintf("fetching it failed %d times, last: %s", sus.times, sus.why))
	case b.f.start.old(b.f.cur.UIDValidity, first):
		return b.oldHeaders()
	}
	return b.bodies()
}

// noteUndescribed remembers that a mail's metadata broke the connection: its
// octets may come all the same.
func (b *batch) noteUndescribed() {
	if s, is := b.f.suspects[b.at]; is && b.describing && b.alone() {
		s.undescribed = true
		b.f.suspects[b.at] = s
	}
}

// describe gets the metadata and records what is gone. Of a suspect that has
// failed often, or fails at just this, it asks nothing more.
func (b *batch) describe() error {
	b.metas = map[uint32]meta{}
	if first := b.uids[0]; b.f.headerWillDo(first) || b.f.suspects[first].undescribed {
		m := b.f.suspects[first].meta
		if m.uid == 0 {
			m = meta{uid: first, size: -1}
		}
		b.metas[first] = m
		return nil
	}
	var err error
	if b.metas, err = b.s.metadata(b.uids); err != nil {
		return err
	}
	b.f.mark(b.metas)
	if err := b.dropGone(b.undescribed()); err != nil {
		return err
	}
	for _, uid := range b.undescribed() {
		if _, gone := b.done[uid]; !gone {
			b.metas[uid] = meta{uid: uid, size: -1}
		}
	}
	return nil
}

func (b *batch) undescribed() []uint32 {
	var list []uint32
	for _, uid := range b.uids {
		if _, ok := b.metas[uid]; !ok {
			list = append(list, uid)
		}
	}
	return list
}

// dropGone records those of uids that have left the folder.
func (b *batch) dropGone(uids []uint32) error {
	if len(uids) == 0 {
		return nil
	}
	there, err := b.s.present(uids)
	if err != nil {
		return err
	}
	for _, uid := range uids {
		if !there[uid] {
			b.done[uid] = entry{uid: uid, gone: &store.InGone{UID: b.f.uid(uid),
				Why: "no longer in the folder when it was to be fetched", For: b.f.askers[uid]}}
		}
	}
	return nil
}

// cut ends the batch where the segment would grow too big, and before and
// after a mail that is fetched by itself: a big one or, when the start is a
// date, a change between history and new mail.
func (b *batch) cut() {
	sum, kind := int64(0), 0
	for i, uid := range b.uids {
		m, ok := b.metas[uid]
		if !ok {
			continue // gone: it takes no room
		}
		k := b.kind(m)
		switch {
		case kind == 0:
			kind = k
		case k != kind || kind == kindAlone || sum+m.size > b.f.y.cfg.ChunkBytes:
			b.uids = b.uids[:i]
			return
		}
		sum += max(0, m.size)
	}
}

const (
	kindMail = iota + 1
	kindAlone
	kindOld
)

func (b *batch) kind(m meta) int {
	switch {
	case b.f.start.old(b.f.cur.UIDValidity, m):
		return kindOld
	case m.size < 0 || m.size >= store.BigMail || m.size > b.f.y.cfg.MaxMail:
		return kindAlone
	}
	return kindMail
}

// bodies fetches whole mails. What the server leaves out is looked for again:
// it may be gone, or the answer was taken for somebody's change of flags.
func (b *batch) bodies() error {
	var err error
	for range bodyTries {
		before := maps.Clone(b.done)
		if err = b.s.sections(b.missing(), &wholeBody, b.receive); errors.Is(err, errOtherMessage) {
			b.done = before
		}
		missing := b.missing()
		if broken(err) || len(missing) == 0 {
			return err
		}
		if err := b.dropGone(missing); err != nil {
			return err
		}
		if len(b.missing()) == 0 {
			return nil
		}
	}
	if err == nil {
		err = errNotDelivered
	}
	return fmt.Errorf("fetching uid %d: %w", b.missing()[0], err)
}

// errNotDelivered is an answer that lacks what was asked for.
var errNotDelivered = errors.New("the server says it is there and does not deliver it")

// receive streams one mail into the segment. A literal that ends early counts
// for nothing: the library reports no error for it.
func (b *batch) receive(uid uint32, lit imap.LiteralReader) error {
	m, wanted := b.metas[uid]
	if _, have := b.done[uid]; have || !wanted {
		return nil
	}
	if lit.Size() > b.f.y.cfg.MaxMail {
		return b.tooLong(m, lit.Size())
	}
	if lit.Size() == 0 && m.size > 0 {
		return nil // how some servers say that it is gone
	}
	ref, whole, err := b.write(lit, lit.Size())
	if errors.Is(err, errDrips) {
		return b.s.gaveUp(uid, err)
	}
	if err != nil {
		return err
	}
	if !whole {
		return b.s.cutOff(uid)
	}
	b.done[uid] = entry{uid: uid, mail: b.mail(m, ref, "")}
	return nil
}

// tooLong ends the connection before a literal that is longer than RFC822.SIZE
// said and than the limit: it would have to be read to its end. The next try
// asks for the header alone.
func (b *batch) tooLong(m meta, size int64) error {
	m.size = size
	b.metas[m.uid] = m
	b.f.suspects[m.uid] = suspect{times: 1, since: b.f.y.now(), meta: m, tooBig: true}
	return fmt.Errorf("fetching uid %d: it has %d octets, more than the limit of %d", m.uid, size, b.f.y.cfg.MaxMail)
}

// A mail that comes slower than slowest octets a second, once slowAfter has
// passed, counts as one that never ends: the line is not silent, but nothing
// behind it would ever come.
const (
	slowest   = 512
	slowAfter = 2 * time.Minute
)

// errDrips is a mail that comes too slowly.
var errDrips = fmt.Errorf("it comes slower than %d octets a second", slowest)

// source remembers the error of reading, to tell it from one of writing.
type source struct {
	r     io.Reader
	err   error
	began time.Time
	n     int64
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	if took := time.Since(s.began); err == nil && took > slowAfter && float64(s.n) < slowest*took.Seconds() {
		err = errDrips
	}
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func (b *batch) mail(m meta, ref store.Ref, cut string) *store.InMail {
	date := m.date
	if date.IsZero() {
		date = b.f.y.now()
	}
	return &store.InMail{UID: b.f.uid(m.uid), InternalDate: date, Seen: m.seen, Raw: ref, Cut: cut,
		FullSize: max(m.size, ref.Length), For: b.f.askers[m.uid]}
}
