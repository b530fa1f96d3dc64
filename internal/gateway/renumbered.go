package gateway

import (
	"bytes"
	"fmt"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

// seenAgain handles messages of a folder that was renumbered. What is known by
// its header and size keeps what it is under its new number, and so do the
// chores for it; the mailbox is asked for the bodies of the others.
func (b *batch) seenAgain(h store.InHistory) error {
	moved := map[store.UID]store.UID{}
	for _, old := range h.Mails {
		uid := store.UID{Folder: h.Folder, Validity: h.Validity, UID: old.UID}
		if err := b.renumbered(uid, old, moved); err != nil {
			return fmt.Errorf("looking again at %s: %w", uid, err)
		}
	}
	if err := b.tx.MapChores(moved); err != nil {
		return err
	}
	if !h.Last {
		return nil
	}
	return b.tx.DropChoresBut(h.Folder, h.Validity)
}

func (b *batch) renumbered(uid store.UID, old store.HistoryHeader, moved map[store.UID]store.UID) error {
	if _, had, err := b.tx.Outcome(uid); err != nil || had {
		return err
	}
	k, known, err := b.recognise(old)
	if err != nil {
		return err
	}
	if !known {
		if err := b.stillToRead(uid.Folder); err != nil {
			return err
		}
		return b.tx.SetLater(store.Later{
			UID: uid, Why: "its folder was renumbered, and its header does not say what it is",
			Since: b.now, Next: b.now, Size: old.Size, Date: old.InternalDate,
		})
	}
	if k.OutID != "" && uid.Folder == b.g.cfg.Folder {
		// It would not be here if it had been filed.
		if err := b.tx.AddChore(store.Chore{UID: uid, Kind: store.ChoreFileSent, At: b.now}); err != nil {
			return err
		}
	}
	if err := b.move(k, uid, moved); err != nil {
		return err
	}
	if k.Conversation == 0 {
		if _, err := b.moveRecorded(uid, k.Header, old.Size); err != nil {
			return err
		}
	}
	return b.tx.SetOutcome(uid, store.Outcome{Kind: store.OutcomeSame, Conversation: uint64(k.Conversation), Event: k.Event})
}

// move lets an event be the message of the new number, if it was one of the
// same folder under an old one.
func (b *batch) move(k threads.Known, uid store.UID, moved map[store.UID]store.UID) error {
	if k.Conversation == 0 || k.Event == 0 || k.OutID != "" {
		return nil
	}
	was, ok, err := b.tx.UIDOf(k.Conversation, k.Event)
	if err != nil || !ok || was.Folder != uid.Folder || was.Validity == uid.Validity {
		return err
	}
	moved[was] = uid
	return b.tx.SetUIDOf(k.Conversation, k.Event, uid)
}

// recognise finds the mail with that header and size. A header that says
// nothing decides nothing.
func (b *batch) recognise(old store.HistoryHeader) (threads.Known, bool, error) {
	m := &message.Read(bytes.NewReader(old.Header)).Mail
	if m.MessageID == "" && (m.Date.IsZero() || m.Sender().Addr == "") {
		return threads.Known{}, false, nil
	}
	id := m.MessageID
	if id == "" {
		id = threads.DigestID(m)
	}
	ix := b.tx.Index()
	for _, k := range ix.ID(id) {
		// What was taken from header fields before sizes were kept has neither
		// size nor body: its header has to do.
		sized := k.Size == old.Size && old.Size > 0 || k.Size == 0 && k.Body == ""
		if k.Header != "" && k.Header == m.HeaderDigest && sized {
			return k, true, ix.Err()
		}
	}
	return threads.Known{}, false, ix.Err()
}
