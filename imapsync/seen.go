package imapsync

import (
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"postroom/internal/store"
)

// What a person has done to a message since we read of it is not undone: where
// the server knows CONDSTORE (RFC 7162), \Seen is set only on what is as it was.
// That is remembered for as long as a process runs; without it, and without
// CONDSTORE, the flag is set anyway, as it was decided.

// maxMarks bounds the messages of which it is remembered.
const maxMarks = 20_000

// codeModified is how a server says that a conditional STORE left something
// out (RFC 7162 §3.1.3).
const codeModified imap.ResponseCode = "MODIFIED"

// mark remembers how far the folder's changes had come when these messages
// were read of: any later one has a greater MODSEQ.
func (f *follower) mark(metas map[uint32]meta) {
	var newest uint64
	for _, m := range metas {
		newest = max(newest, m.modSeq)
	}
	if newest == 0 {
		return
	}
	if f.marks == nil || len(f.marks)+len(metas) > maxMarks {
		f.marks = map[uint32]uint64{}
	}
	for uid := range metas {
		f.marks[uid] = newest
	}
}

// markSeen sets \Seen on the messages of chores.
func (f *follower) markSeen(s *session, chores []store.Chore) error {
	groups := map[uint64][]uint32{}
	for _, uid := range uidsOf(chores) {
		groups[f.marks[uid]] = append(groups[f.marks[uid]], uid)
	}
	for since, uids := range groups {
		if err := s.addFlagTo(uids, imap.FlagSeen, since); err != nil {
			return err
		}
	}
	return nil
}

// addFlagTo sets a flag on those messages that nobody changed since a MODSEQ;
// 0 sets it on all of them. Messages that are gone are no error.
func (s *session) addFlagTo(uids []uint32, flag imap.Flag, unchangedSince uint64) error {
	s.conn.arm(s.timeout)
	defer s.conn.arm(0)
	var opts *imap.StoreOptions
	if unchangedSince > 0 {
		opts = &imap.StoreOptions{UnchangedSince: unchangedSince}
	}
	flags := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{flag}}
	err := s.c.Store(uidSet(uids), flags, opts).Close()
	var refused *imap.Error
	if errors.As(err, &refused) && refused.Code == codeModified {
		return nil
	}
	if err != nil {
		return fmt.Errorf("setting %s: %w", flag, err)
	}
	return nil
}

// described is what metadata is asked for.
func (s *session) described() *imap.FetchOptions {
	items := metaItems
	items.ModSeq = s.caps.Has(imap.CapCondStore)
	return &items
}
