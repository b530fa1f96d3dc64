package imapsync

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// Lookup is a connection of its own for looking at single messages. It needs
// no state beside the configuration, so it may be open beside Run. One
// goroutine uses it.
type Lookup struct {
	y *Syncer
	s *session
}

// Hit is a message that was found.
type Hit struct {
	UID      uint32
	Arrived  time.Time // INTERNALDATE
	Header   []byte    // the whole header block, at most lookupHeader octets of it
	Validity uint32
}

// lookupHeader bounds the header block of a Hit.
const lookupHeader = 64 << 10

// Lookup connects and logs in. The connection ends with ctx, or with Close.
func (y *Syncer) Lookup(ctx context.Context) (*Lookup, error) {
	if err := y.cfg.check(); err != nil {
		return nil, fmt.Errorf("looking into the mailbox: %w", err)
	}
	s, err := y.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking into the mailbox: %w", err)
	}
	return &Lookup{y, s}, nil
}

// Close ends the connection.
func (l *Lookup) Close() {
	l.s.logout()
	l.s.close()
}

// Absent says which of the folders that are read are not in the mailbox: the
// followed one, the further ones, and what there is in their place. Sent is
// made where it is missing.
func (l *Lookup) Absent() (followed bool, further, there []string, err error) {
	list, err := l.s.folders("*", nil)
	if err != nil {
		return false, nil, nil, l.s.explain(fmt.Errorf("listing the folders: %w", err))
	}
	for _, f := range list {
		if !slices.Contains(f.Attrs, imap.MailboxAttrNonExistent) && !slices.Contains(f.Attrs, imap.MailboxAttrNoSelect) {
			there = append(there, f.Mailbox)
		}
	}
	missing := func(name string) bool {
		return !strings.EqualFold(name, "INBOX") && !slices.Contains(there, name) // RFC 9051 §5.1
	}
	for _, name := range l.y.cfg.Also {
		if missing(name) {
			further = append(further, name)
		}
	}
	return missing(l.y.cfg.Folder), further, there, nil
}

// Find returns the messages of a folder that have text in a header field;
// folder "" is the followed one, and sent the one for sent mail.
func (l *Lookup) Find(sent bool, field, text string) ([]Hit, error) {
	folder := l.y.cfg.Folder
	if sent {
		var err error
		if folder, err = l.s.sentFolder(l.y.cfg.SentFolder); err != nil {
			return nil, l.s.explain(err)
		}
		if there, err := l.s.exists(folder); err != nil || !there {
			return nil, l.s.explain(err)
		}
	}
	data, err := l.s.choose(folder, true)
	if err != nil {
		return nil, l.s.explain(err)
	}
	uids, err := l.s.listHeader(field, text)
	if err != nil || len(uids) == 0 {
		return nil, l.s.explain(err)
	}
	arrived, err := l.s.metadata(uids)
	if err != nil {
		return nil, l.s.explain(err)
	}
	var hits []Hit
	err = l.s.sections(uids, &wholeHeader, func(uid uint32, lit imap.LiteralReader) error {
		h, err := readHeader(lit, lookupHeader)
		if err != nil {
			return l.s.gaveUp(uid, err)
		}
		hits = append(hits, Hit{UID: uid, Arrived: arrived[uid].date, Header: h, Validity: data.UIDValidity})
		return nil
	})
	return hits, l.s.explain(err)
}

// Remove removes messages of ours from the followed folder, where the server
// can remove them alone, and reports whether it did.
func (l *Lookup) Remove(hits []Hit) (bool, error) {
	data, err := l.s.choose(l.y.cfg.Folder, false)
	if err != nil {
		return false, l.s.explain(err)
	}
	var uids []uint32
	for _, h := range hits {
		if h.Validity == data.UIDValidity {
			uids = append(uids, h.UID)
		}
	}
	if len(uids) == 0 {
		return false, nil
	}
	return l.s.removes(), l.s.explain(l.s.remove(uids))
}

// removes reports whether the server can expunge single messages (RFC 4315
// §2.1, which IMAP4rev2 has in it).
func (s *session) removes() bool { return s.caps.Has(imap.CapUIDPlus) || s.caps.Has(imap.CapIMAP4rev2) }

// remove removes exactly these messages. A plain EXPUNGE would take with it
// what other people marked: where there is nothing else, they are marked \Seen
// and stay.
func (s *session) remove(uids []uint32) error {
	if !s.removes() {
		return s.addFlag(uids, imap.FlagSeen)
	}
	return s.expunge(uids)
}
