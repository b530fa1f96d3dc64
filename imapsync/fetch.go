package imapsync

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// meta is what is known of a message before its octets.
type meta struct {
	uid  uint32
	date time.Time // INTERNALDATE; zero: not known
	size int64     // RFC822.SIZE; -1: not known
	seen bool
	// modSeq is 0 where the server has no CONDSTORE.
	modSeq uint64
}

// Only items whose answers are simple are ever asked for. ENVELOPE and
// BODYSTRUCTURE are where servers go wrong, and one octet wrong ends the
// connection.
var (
	metaItems   = imap.FetchOptions{UID: true, Flags: true, InternalDate: true, RFC822Size: true}
	wholeBody   = imap.FetchItemBodySection{Peek: true}
	wholeHeader = imap.FetchItemBodySection{Peek: true, Specifier: imap.PartSpecifierHeader}
)

// historyFields are the header fields of old mail that are read: what threads
// need, and what tells people from machines.
var historyFields = [...]string{
	"Message-ID", "In-Reply-To", "References", "From", "Sender", "To", "Cc", "Reply-To", "Subject",
	"Date", "Auto-Submitted", "Precedence", "List-Id", "Thread-Topic", "Thread-Index",
}

// fetch runs one FETCH. f is called for each message, with its UID or 0 where
// that is one of the items, reads all the items it wants, and returns the UID.
func (s *session) fetch(uids []uint32, items *imap.FetchOptions, f func(uint32, *imapclient.FetchMessageData) (uint32, error)) error {
	if s.uidBehind.Load() && len(items.BodySection) > 0 {
		return s.fetchByNumber(uids, items, f)
	}
	return s.fetchSet(uidSet(uids), items, func(msg *imapclient.FetchMessageData) error {
		_, err := f(0, msg)
		return err
	})
}

// fetchSet is one command, one at a time: two at once block each other.
func (s *session) fetchSet(set imap.NumSet, items *imap.FetchOptions, f func(*imapclient.FetchMessageData) error) error {
	s.conn.arm(s.timeout)
	defer s.conn.arm(0)
	cmd := s.c.Fetch(set, items)
	defer cmd.Close()
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		if err := f(msg); err != nil {
			s.conn.Conn.Close() // or draining the rest could take forever
			return err
		}
	}
	if err := cmd.Close(); err != nil {
		return fmt.Errorf("fetching %s: %w", set, err)
	}
	return nil
}

// metadata asks for flags, date and size. A message the server said less of
// is not in the answer: it may have been announced by somebody else's change
// of flags, which a FETCH by UID cannot be told from.
func (s *session) metadata(uids []uint32) (map[uint32]meta, error) {
	found := make(map[uint32]meta, len(uids))
	err := s.fetchSet(uidSet(uids), s.described(), func(msg *imapclient.FetchMessageData) error {
		if m := readMeta(msg); m.uid != 0 && m.size >= 0 {
			found[m.uid] = m
		}
		return nil
	})
	return found, err
}

func readMeta(msg *imapclient.FetchMessageData) meta {
	m := meta{size: -1}
	for item := msg.Next(); item != nil; item = msg.Next() {
		m.take(item)
	}
	return m
}

func (m *meta) take(item imapclient.FetchItemData) {
	switch item := item.(type) {
	case imapclient.FetchItemDataUID:
		m.uid = uint32(item.UID)
	case imapclient.FetchItemDataInternalDate:
		m.date = item.Time
	case imapclient.FetchItemDataRFC822Size:
		m.size = item.Size
	case imapclient.FetchItemDataModSeq:
		m.modSeq = item.ModSeq
	case imapclient.FetchItemDataFlags:
		m.seen = slices.ContainsFunc(item.Flags, func(f imap.Flag) bool {
			return strings.EqualFold(string(f), string(imap.FlagSeen))
		})
	}
}

// sections fetches one section of each message and hands it to f as a stream,
// in whatever order the server has. A section that is NIL is left out. After
// errOtherMessage all f was handed counts for nothing.
func (s *session) sections(uids []uint32, section *imap.FetchItemBodySection, f func(uint32, imap.LiteralReader) error) error {
	items := &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}}
	return s.fetch(uids, items, func(uid uint32, msg *imapclient.FetchMessageData) (uint32, error) {
		for item := msg.Next(); item != nil; item = msg.Next() {
			switch item := item.(type) {
			case imapclient.FetchItemDataUID:
				uid = uint32(item.UID)
			case imapclient.FetchItemDataBodySection:
				if uid == 0 || item.Literal == nil {
					continue
				}
				if err := f(uid, item.Literal); err != nil {
					return uid, err
				}
			}
		}
		return uid, nil
	})
}

// oldMail is an old message's header fields with its metadata.
type oldMail struct {
	meta
	header []byte
}

// headers fetches the header fields of old mail, of each at most limit
// octets and never more than maxOldHeader, cut at the end of a line.
func (s *session) headers(uids []uint32, limit int64) (map[uint32]oldMail, error) {
	limit = min(limit, maxOldHeader)
	section := &imap.FetchItemBodySection{Peek: true, Specifier: imap.PartSpecifierHeader, HeaderFields: historyFields[:]}
	items := &imap.FetchOptions{UID: true, InternalDate: true, RFC822Size: true,
		BodySection: []*imap.FetchItemBodySection{section}}
	found := make(map[uint32]oldMail, len(uids))
	err := s.fetch(uids, items, func(uid uint32, msg *imapclient.FetchMessageData) (uint32, error) {
		old, whole := oldMail{meta: meta{uid: uid, size: -1}}, false
		for item := msg.Next(); item != nil; item = msg.Next() {
			if body, ok := item.(imapclient.FetchItemDataBodySection); ok && body.Literal != nil {
				var err error
				if old.header, err = readHeader(body.Literal, limit); err != nil {
					return old.uid, s.gaveUp(old.uid, err)
				}
				whole = true
				continue
			}
			old.take(item)
		}
		if whole && old.uid != 0 {
			found[old.uid] = old
		}
		return old.uid, nil
	})
	return found, err
}

// Bounds of header blocks beside Config.MaxHeader.
const (
	// maxHeaderRead is how many octets of a header are read, most of them to
	// be thrown away, to get at what stands behind it in the answer.
	maxHeaderRead = 64 << 20
	// maxOldHeader is how many octets are kept of an old mail's header fields:
	// a range of them is held at once.
	maxOldHeader = 64 << 10
)

var errEndlessHeader = fmt.Errorf("its header has more than %d octets", maxHeaderRead)

// readHeader reads a literal and keeps up to limit octets of it. It is an
// error when less came than was announced, or too slowly.
func readHeader(lit imap.LiteralReader, limit int64) ([]byte, error) {
	if lit.Size() > maxHeaderRead {
		return nil, errEndlessHeader
	}
	src := &source{r: lit, began: time.Now()}
	header, err := readUpTo(src, min(lit.Size(), limit))
	if err == nil && lit.Size() > limit {
		_, err = io.Copy(io.Discard, src)
	}
	switch {
	case errors.Is(err, errDrips):
		return nil, err
	case err != nil || src.n != lit.Size():
		return nil, errCutOff
	}
	if lit.Size() > limit {
		header = header[:bytes.LastIndexByte(header, '\n')+1]
	}
	return header, nil
}

// readUpTo reads n octets. Room is made as they come, beyond what a header
// has as a rule: n is what the server announced.
func readUpTo(r io.Reader, n int64) ([]byte, error) {
	const usual = 64 << 10
	if n <= usual {
		octets := make([]byte, n)
		_, err := io.ReadFull(r, octets)
		return octets, err
	}
	return io.ReadAll(io.LimitReader(r, n))
}

// errCutOff is the end of a connection inside a literal.
var errCutOff = errors.New("the connection ended inside a message")

// gaveUp ends reading a literal. One that goes on yet is drained by who
// closes the command, from a connection that is closed.
func (s *session) gaveUp(uid uint32, err error) error {
	if errors.Is(err, errDrips) || errors.Is(err, errEndlessHeader) {
		return fmt.Errorf("fetching uid %d: %w", uid, err)
	}
	return s.cutOff(uid)
}

// cutOff ends a connection that ended inside a literal, for which the library
// reports no error. Its reading goroutine has to be gone before the command is
// closed: that reads what is left of the literal, and the two would read at
// the same time.
func (s *session) cutOff(uid uint32) error {
	s.conn.Conn.Close()
	<-s.c.Closed()
	return fmt.Errorf("fetching uid %d: %w", uid, errCutOff)
}
