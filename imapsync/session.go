package imapsync

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// maxUIDs bounds how many messages one listing may name.
const maxUIDs = 20_000_000

// session is one authenticated connection. It belongs to one goroutine; only
// hear and stray are called by others.
type session struct {
	conn    *quietConn
	line    *lineConn
	c       *imapclient.Client // nil until greet
	caps    imap.CapSet
	timeout time.Duration
	news    chan struct{} // the server announced something; holds one
	stop    func() bool   // ends the watch over the context
	noIdle  bool          // the server refused IDLE
	// uidBehind: the server names a message's UID behind its octets. It is the
	// same for all sessions.
	uidBehind *atomic.Bool
}

// hear runs in the client's reading goroutine and must not block.
func (s *session) hear(data *imapclient.UnilateralDataMailbox) {
	if data.NumMessages == nil {
		return
	}
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// close ends the connection at once. Our end is closed first: the client's
// own Close may say goodbye to a peer that does not listen.
func (s *session) close() {
	s.stop()
	s.conn.Conn.Close()
	if s.c != nil {
		s.c.Close() // its error is that of the closed connection
	}
}

// logout says goodbye; the connection is closed by close.
func (s *session) logout() {
	s.conn.arm(s.timeout)
	defer s.conn.arm(0)
	s.c.Logout().Wait() // whether it hears us or not makes no difference
}

// explain names the reason when the connection itself broke: the library
// reports that it is closed and little more.
func (s *session) explain(err error) error {
	why := s.conn.why()
	if err == nil || why == nil || !broken(err) || errors.Is(err, why) {
		return err
	}
	return fmt.Errorf("%w (%w)", err, why)
}

// broken says whether err means the end of the connection: anything but the
// server's own NO or BAD.
func broken(err error) bool {
	var refused *imap.Error
	return err != nil && !errors.As(err, &refused)
}

// choose selects a folder.
func (s *session) choose(folder string, readOnly bool) (*imap.SelectData, error) {
	s.conn.arm(s.timeout)
	defer s.conn.arm(0)
	data, err := s.c.Select(folder, &imap.SelectOptions{ReadOnly: readOnly}).Wait()
	if err != nil {
		return nil, fmt.Errorf("selecting %q: %w", folder, err)
	}
	return data, nil
}

// list returns the UIDs from first on, ascending. The NOOP before it makes the
// server take note of what has arrived since the last command.
func (s *session) list(first uint32) ([]uint32, error) {
	s.conn.arm(s.timeout)
	defer s.conn.arm(0)
	noop := s.c.Noop()
	search := s.beginSearch(&imap.SearchCriteria{UID: []imap.UIDSet{{{Start: imap.UID(first)}}}})
	noopErr := noop.Wait()
	uids, err := endSearch(search, first, 0)
	if err == nil {
		err = noopErr
	}
	if err != nil {
		return nil, fmt.Errorf("listing UIDs from %d on: %w", first, err)
	}
	return uids, nil
}

// listBetween returns the UIDs from first to last, ascending.
func (s *session) listBetween(first, last uint32) ([]uint32, error) {
	s.conn.arm(s.timeout)
	defer s.conn.arm(0)
	set := imap.UIDSet{{Start: imap.UID(first), Stop: imap.UID(last)}}
	uids, err := endSearch(s.beginSearch(&imap.SearchCriteria{UID: []imap.UIDSet{set}}), first, last)
	if err != nil {
		return nil, fmt.Errorf("listing UIDs %d:%d: %w", first, last, err)
	}
	return uids, nil
}

// listSince returns the UIDs of mail with an INTERNALDATE of that day or
// later, as the server reckons days.
func (s *session) listSince(day time.Time) ([]uint32, error) {
	s.conn.arm(s.timeout)
	defer s.conn.arm(0)
	uids, err := endSearch(s.beginSearch(&imap.SearchCriteria{Since: day}), 1, 0)
	if err != nil {
		return nil, fmt.Errorf("listing mail since %s: %w", day.Format(time.DateOnly), err)
	}
	return uids, nil
}

// listHeader returns the UIDs of messages with that text in a header field.
func (s *session) listHeader(field, text string) ([]uint32, error) {
	s.conn.arm(s.timeout)
	defer s.conn.arm(0)
	criteria := &imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: field, Value: text}}}
	uids, err := endSearch(s.beginSearch(criteria), 1, 0)
	if err != nil {
		return nil, fmt.Errorf("searching for %s: %w", field, err)
	}
	return uids, nil
}

// present returns those of uids that are in the folder now.
func (s *session) present(uids []uint32) (map[uint32]bool, error) {
	s.conn.arm(s.timeout)
	defer s.conn.arm(0)
	noop := s.c.Noop()
	search := s.beginSearch(&imap.SearchCriteria{UID: []imap.UIDSet{uidSet(uids)}})
	noopErr := noop.Wait()
	found, err := endSearch(search, 1, 0)
	if err == nil {
		err = noopErr
	}
	if err != nil {
		return nil, fmt.Errorf("looking again for UIDs %s: %w", uidSet(uids), err)
	}
	there := make(map[uint32]bool, len(found))
	for _, uid := range found {
		there[uid] = true
	}
	return there, nil
}

func (s *session) beginSearch(criteria *imap.SearchCriteria) *imapclient.SearchCommand {
	var opts *imap.SearchOptions
	if s.caps.Has(imap.CapESearch) { // RFC 4731: ranges in place of single numbers
		opts = &imap.SearchOptions{ReturnAll: true}
	}
	return s.c.UIDSearch(criteria, opts)
}

// endSearch returns what was found between first and last (0: no limit).
// "n:*" names the last message even when its UID is below n (RFC 9051 §9). The
// greatest number there is is left out: no cursor could pass it.
func endSearch(cmd *imapclient.SearchCommand, first, last uint32) ([]uint32, error) {
	data, err := cmd.Wait()
	if err != nil {
		return nil, err
	}
	if last == 0 {
		last = ^uint32(0) - 1
	}
	set, _ := data.All.(imap.UIDSet) // absent when nothing was found
	var uids []uint32
	for _, r := range set {
		lo, hi := max(uint32(r.Start), first), min(uint32(r.Stop), last)
		if lo > hi {
			continue
		}
		if uint64(len(uids))+uint64(hi-lo) >= maxUIDs {
			return nil, fmt.Errorf("the server lists more than %d messages", maxUIDs)
		}
		for n := uint64(lo); n <= uint64(hi); n++ {
			uids = append(uids, uint32(n))
		}
	}
	slices.Sort(uids)
	return slices.Compact(uids), nil
}

// sentFolder finds the folder sent mail is kept in.
func (s *session) sentFolder(configured string) (string, error) {
	if configured != "" {
		return configured, nil
	}
	opts := &imap.ListOptions{ReturnSpecialUse: s.caps.Has(imap.CapSpecialUse)}
	folders, err := s.folders("*", opts)
	if broken(err) {
		return "", fmt.Errorf("looking for the Sent folder: %w", err)
	}
	return sentAmong(folders), nil
}

// sentAmong is the folder marked \Sent (RFC 6154), else the one of a name that
// is usual for it, else "Sent", below INBOX where the server has all folders.
func sentAmong(folders []*imap.ListData) string {
	usual := []string{"sent", "sent items", "sent messages", "sent mail"}
	best, rank := "Sent", 2*len(usual)
	below, beside := "", false
	for _, f := range folders {
		has := func(attr imap.MailboxAttr) bool {
			return slices.ContainsFunc(f.Attrs, func(a imap.MailboxAttr) bool { return strings.EqualFold(string(a), string(attr)) })
		}
		if has(imap.MailboxAttrSent) {
			return f.Mailbox
		}
		if strings.EqualFold(f.Mailbox, "INBOX") || has(imap.MailboxAttrNoSelect) || has(imap.MailboxAttrNonExistent) {
			continue
		}
		name, under := f.Mailbox, 0
		if prefix := "INBOX" + string(f.Delim); f.Delim != 0 && len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			below, name, under = name[:len(prefix)], name[len(prefix):], 1
		} else {
			beside = true
		}
		if i := slices.Index(usual, strings.ToLower(name)); i >= 0 && 2*i+under < rank {
			best, rank = f.Mailbox, 2*i+under
		}
	}
	if rank == 2*len(usual) && below != "" && !beside {
		return below + best
	}
	return best
}

// exists says whether there is a folder of that name.
func (s *session) exists(folder string) (bool, error) {
	found, err := s.folders(folder, nil)
	if err != nil {
		return false, fmt.Errorf("looking for the folder %q: %w", folder, err)
	}
	return slices.ContainsFunc(found, func(f *imap.ListData) bool {
		return f.Mailbox == folder && !slices.Contains(f.Attrs, imap.MailboxAttrNonExistent)
	}), nil
}

func (s *session) folders(pattern string, opts *imap.ListOptions) ([]*imap.ListData, error) {
	s.conn.arm(s.timeout)
	defer s.conn.arm(0)
	return s.c.List("", pattern, opts).Collect()
}

// uidSet is a set as the library wants it: in order.
func uidSet(uids []uint32) imap.UIDSet {
	uids = slices.Clone(uids)
	slices.Sort(uids)
	var set imap.UIDSet
	for _, uid := range slices.Compact(uids) {
		if n := len(set); n > 0 && set[n-1].Stop+1 == imap.UID(uid) {
			set[n-1].Stop = imap.UID(uid)
			continue
		}
		set = append(set, imap.UIDRange{Start: imap.UID(uid), Stop: imap.UID(uid)})
	}
	return set
}
