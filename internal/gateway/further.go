package gateway

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

// further records what is new in a folder beside the followed one, Junk for
// example. Nothing of it is handed out; but what was written in answer to us,
// or by us, is ours wherever a filter has put it, and is fetched.
func (b *batch) further(h store.InHistory) error {
	for _, mail := range h.Mails {
		uid := store.UID{Folder: h.Folder, Validity: h.Validity, UID: mail.UID}
		if err := b.furtherMail(uid, mail, h.Again); err != nil {
			return fmt.Errorf("recording %s: %w", uid, err)
		}
	}
	return nil
}

func (b *batch) furtherMail(uid store.UID, mail store.HistoryHeader, again bool) error {
	if _, had, err := b.tx.Outcome(uid); err != nil || had {
		return err
	}
	known, is, err := b.recognise(mail)
	if err != nil {
		return err
	}
	m := &message.Read(bytes.NewReader(mail.Header)).Mail
	ix := b.tx.Index()
	switch {
	case is && known.OutID == "":
		// Somebody moved it here, and what is to be done about it is done.
		return b.tx.SetOutcome(uid, store.Outcome{Kind: store.OutcomeSame, Conversation: uint64(known.Conversation), Event: known.Event})
	case b.answersUs(ix, m):
		return b.tx.SetLater(store.Later{
			UID: uid, Why: "it is ours, or answers a mail of ours", Since: b.now, Next: b.now, Size: mail.Size, Date: mail.InternalDate,
		})
	case ix.Err() != nil:
		return ix.Err()
	}
	o := store.Outcome{Kind: store.OutcomeUnseen, Class: classJunk, Note: "it came into " + uid.Folder}
	if err := b.tx.SetOutcome(uid, o); err != nil {
		return err
	}
	if again {
		// The folder was numbered anew: most was told before, and what is older
		// than what is remembered is no news.
		moved, err := b.moveRecorded(uid, m.HeaderDigest, mail.Size)
		if err != nil || moved || b.now.Sub(mail.InternalDate) > keepRecorded {
			return err
		}
	}
	// Not entered as known: somebody may move it to the followed folder, and
	// then it is a customer's.
	return b.list(uid, m, mail.Size, classJunk, o.Note)
}

// answersUs reports whether a mail is one of ours, or carries something that
// only who has mail of ours can know.
func (b *batch) answersUs(ix *store.Index, m *threads.Mail) bool {
	for _, a := range slices.Concat(m.To, m.Cc) {
		if token, ok := b.g.names.Token(a.Addr); ok {
			if _, made := ix.Token(token); made {
				return true
			}
		}
	}
	for _, id := range slices.Concat([]string{m.MessageID}, m.InReplyTo, m.References) {
		if id == "" {
			continue
		}
		for _, k := range append(ix.ID(id), ix.ID(strings.ToLower(id))...) {
			switch k.Kind {
			case threads.KnownAnswer, threads.KnownCopy, threads.KnownNotice, threads.KnownToken, threads.KnownRoot:
				return true
			}
		}
	}
	return false
}
