package gateway

import (
	"fmt"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

// setAside gives a record up: it is listed, the admins get the mail attached,
// and the ledger says so. Whatever broke must not break this, so nothing of
// the mail is read here beyond its octets.
func (g *Gateway) setAside(r store.InboxRecord, cause error) error {
	err := g.st.Update(func(tx *store.Tx) error {
		b := &batch{g: g, tx: tx, now: g.now().UTC().Round(0), rot: g.rot}
		defer b.closeRaw()
		if r.Mail == nil {
			return tx.SetAside(r, b.now, cause.Error())
		}
		if err := tx.SetOutcome(r.Mail.UID, store.Outcome{Kind: store.OutcomeAside, Note: firstLine(cause.Error())}); err != nil {
			return err
		}
		if err := tx.SetAside(r, b.now, cause.Error()); err != nil {
			return err
		}
		n := threads.Notify{OutID: fmt.Sprintf("aside.%d", r.Seq), Kind: threads.NoticeAside, Reason: firstLine(cause.Error())}
		raw, err := g.st.OpenRaw(r.Mail.Raw)
		if err != nil {
			return b.notify(threads.Conversation{}, n, nil)
		}
		b.open = append(b.open, raw)
		l := &letter{uid: r.Mail.UID, ref: r.Mail.Raw, msg: message.Unread(raw)}
		return b.notify(threads.Conversation{}, n, l)
	})
	if err != nil {
		return fmt.Errorf("setting record %d aside: %w", r.Seq, err)
	}
	g.log.Error("set_aside", "seq", r.Seq, "err", firstLine(cause.Error()))
	g.obs.SetAside(r.Seq, cause)
	return nil
}

func firstLine(s string) string {
	for i, c := range s {
		if c == '\n' || i > 300 {
			return s[:i]
		}
	}
	return s
}
