package imapsync

import (
	"bytes"
	"fmt"

	"github.com/emersion/go-imap/v2"
)

// stub hands a mail on that cannot be had whole: its header, or nothing when
// even that is hopeless, and the reason.
func (b *batch) stub(m meta, why string) error {
	var header []byte
	if !b.f.hopeless(m.uid) {
		err := b.s.sections([]uint32{m.uid}, &wholeHeader, func(uid uint32, lit imap.LiteralReader) error {
			h, err := readHeader(lit, b.f.y.cfg.MaxHeader)
			if err != nil {
				return b.s.gaveUp(uid, err)
			}
			header = h
			return nil
		})
		switch {
		case broken(err):
			return err
		case header == nil:
			return b.stubLeftOut(m, err)
		}
	}
	ref, _, err := b.write(bytes.NewReader(header), int64(len(header)))
	if err != nil {
		return err
	}
	b.done[m.uid] = entry{uid: m.uid, mail: b.mail(m, ref, why)}
	return nil
}

// stubLeftOut is for a header that was asked for and did not come.
func (b *batch) stubLeftOut(m meta, err error) error {
	if err := b.dropGone([]uint32{m.uid}); err != nil {
		return err
	}
	if _, gone := b.done[m.uid]; gone {
		return nil
	}
	if err == nil {
		err = errNotDelivered
	}
	return fmt.Errorf("fetching the header of uid %d: %w", m.uid, err)
}

// oldHeaders takes mail that lies above the start but is older than its date:
// history, of which header fields are enough.
func (b *batch) oldHeaders() error {
	found, err := b.s.headers(b.missing(), b.f.y.cfg.MaxHeader)
	for uid, old := range found {
		h := old.record()
		b.done[uid] = entry{uid: uid, old: &h}
	}
	if err != nil {
		return err
	}
	if err := b.dropGone(b.missing()); err != nil {
		return err
	}
	if left := b.missing(); len(left) > 0 {
		return fmt.Errorf("fetching header fields of uid %d: %w", left[0], errNotDelivered)
	}
	return nil
}
