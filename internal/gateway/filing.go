package gateway

import (
	"fmt"

	"postroom/internal/store"
)

// fileSent queues the chore that puts a mail the relay has taken into the Sent
// folder, when no copy of it will come back: because answers are to be filed
// that way, or because the relay refused our own copy of this one.
func (b *batch) fileSent(m *store.OutMail, results []store.Recipient) error {
	if m.Filed || !reached(results) || !b.filedByUs(m) {
		return nil
	}
	cursor, ok, err := b.tx.Cursor(b.g.cfg.Folder)
	if err != nil || !ok {
		return err // nothing was ever read from this mailbox
	}
	at := store.UID{Folder: cursor.Folder, Validity: cursor.UIDValidity}
	if err := b.tx.AddAppend(*m, at, b.now); err != nil {
		return fmt.Errorf("filing %s: %w", m.ID, err)
	}
	m.Filed = true
	return b.tx.SetOut(*m)
}

func (b *batch) filedByUs(m *store.OutMail) bool {
	if m.OwnRefused != "" {
		return true
	}
	return b.g.ownCopy() == CopyByAppend && m.Kind == store.OutAnswer
}
