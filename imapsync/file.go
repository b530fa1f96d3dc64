package imapsync

import (
	"bytes"
	"net/mail"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"postroom/internal/store"
)

// file moves our own copies from the followed folder to Sent and returns the
// chores that are done. With MOVE that is one step that leaves nothing to
// repeat. Without it a copy is made, unless the target has the Message-ID
// already, and ours removed, which needs UIDPLUS: a plain EXPUNGE would remove
// what other people marked. With neither, the copy stays where it is and is
// marked \Seen.
func (f *follower) file(s *session, chores []store.Chore) ([]store.Chore, error) {
	uids := uidsOf(chores)
	if err := s.addFlag(uids, imap.FlagSeen); err != nil {
		return nil, err
	}
	target, err := s.sentFolder(f.y.cfg.SentFolder)
	if err != nil {
		return nil, err
	}
	rev2 := s.caps.Has(imap.CapIMAP4rev2) // has both in it
	switch {
	case target == f.folder:
		return chores, nil
	case s.caps.Has(imap.CapMove):
		if err := s.moveAgain(chores, target); err != nil {
			return nil, err
		}
		return chores, nil
	case s.caps.Has(imap.CapUIDPlus) || rev2:
		return f.copyAndRemove(s, chores, target)
	}
	return chores, nil
}

func (f *follower) copyAndRemove(s *session, chores []store.Chore, target string) ([]store.Chore, error) {
	ids, err := s.messageIDs(uidsOf(chores))
	if err != nil {
		return nil, err
	}
	filed, err := f.lookInto(s, target, ids)
	if err != nil {
		return nil, err
	}
	var toCopy, toRemove []uint32
	for uid := range ids {
		if filed[uid] {
			toRemove = append(toRemove, uid)
		} else {
			toCopy = append(toCopy, uid)
		}
	}
	copied, err := s.copied(toCopy, target)
	if err != nil {
		return nil, err
	}
	toRemove = append(toRemove, copied...)
	if len(toRemove) > 0 {
		if err := s.expunge(toRemove); err != nil {
			return nil, err
		}
	}
	var done []store.Chore
	for _, c := range chores {
		_, there := ids[c.UID.UID]
		if !there || filed[c.UID.UID] || slices.Contains(toRemove, c.UID.UID) {
			done = append(done, c)
		}
	}
	return done, nil
}

// moveClosed moves mail of closed conversations away, and only where that is
// one step or can be done exactly: with MOVE, or with COPYUID and UID EXPUNGE.
// In the second case what the target has already, by its Message-ID, stays:
// another mail may have that id, and two copies are better than none.
func (f *follower) moveClosed(s *session, chores []store.Chore) ([]store.Chore, error) {
	target, uids := f.y.cfg.ClosedFolder, uidsOf(chores)
	switch {
	case target == f.folder:
		return chores, nil
	case s.caps.Has(imap.CapMove):
		if err := s.moveAgain(chores, target); err != nil {
			return nil, err
		}
		return chores, nil
	case !s.caps.Has(imap.CapUIDPlus) && !s.caps.Has(imap.CapIMAP4rev2):
		return chores, nil
	}
	ids, err := s.messageIDs(uids)
	if err != nil {
		return nil, err
	}
	there, err := f.lookInto(s, target, ids)
	if err != nil {
		return nil, err
	}
	var toCopy []uint32
	for uid := range ids {
		if !there[uid] {
			toCopy = append(toCopy, uid)
		}
	}
	copied, err := s.copied(toCopy, target)
	if err != nil {
		return nil, err
	}
	if len(copied) > 0 {
		err = s.expunge(copied)
	}
	return chores, err
}

// moveAgain moves the messages of chores. Where one was tried before, it asks
// first which are still there: the answer may have been lost, and some servers
// cannot say what became of a MOVE of nothing.
func (s *session) moveAgain(chores []store.Chore, target string) error {
	uids := uidsOf(chores)
	if slices.ContainsFunc(chores, func(c store.Chore) bool { return c.Tries > 0 }) {
		there, err := s.messageIDs(uids)
		if err != nil {
			return err
		}
		uids = slices.DeleteFunc(uids, func(uid uint32) bool { _, still := there[uid]; return !still })
	}
	if len(uids) == 0 {
		return nil
	}
	return s.move(uids, target)
}

// copied copies messages and returns those of them that the server says are in
// the target now: these alone may be removed.
func (s *session) copied(uids []uint32, target string) ([]uint32, error) {
	if len(uids) == 0 {
		return nil, nil
	}
	set, err := s.copy(uids, target)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(uids, func(uid uint32) bool { return !set.Contains(imap.UID(uid)) }), nil
}

// messageIDs returns the Message-IDs of those of uids that are there; "" for a
// message without one.
func (s *session) messageIDs(uids []uint32) (map[uint32]string, error) {
	section := &imap.FetchItemBodySection{Peek: true, Specifier: imap.PartSpecifierHeader, HeaderFields: []string{"Message-ID"}}
	ids := map[uint32]string{}
	err := s.sections(uids, section, func(uid uint32, lit imap.LiteralReader) error {
		h, err := readHeader(lit, 8<<10)
		if err != nil {
			return s.gaveUp(uid, err)
		}
		ids[uid] = ""
		if msg, err := mail.ReadMessage(bytes.NewReader(append(bytes.TrimRight(h, "\r\n"), "\r\n\r\n"...))); err == nil {
			ids[uid] = strings.TrimSpace(msg.Header.Get("Message-ID"))
		}
		return nil
	})
	return ids, err
}

// lookInto says which messages the target folder has by their Message-ID. It
// leaves the followed folder selected again.
func (f *follower) lookInto(s *session, target string, ids map[uint32]string) (map[uint32]bool, error) {
	filed := map[uint32]bool{}
	_, err := s.choose(target, true)
	if broken(err) {
		return nil, err
	}
	if err == nil { // else there is no such folder, and nothing in it
		for uid, id := range ids {
			if id == "" || !printable(id) {
				continue
			}
			found, err := s.listHeader("Message-ID", id)
			if err != nil {
				return nil, err
			}
			filed[uid] = len(found) > 0
		}
	}
	data, err := s.choose(f.folder, false)
	if err != nil {
		return nil, err
	}
	if data.UIDValidity != f.cur.UIDValidity {
		return nil, errRenumbered
	}
	return filed, nil
}

func printable(id string) bool {
	return !strings.ContainsFunc(id, func(r rune) bool { return r < 0x21 || r > 0x7e })
}
