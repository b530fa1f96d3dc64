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
	var err error
	for _, tell := range []func(*batch, store.InboxRecord, error) error{tellWhole, tellAlone, tellNobody} {
		if err = g.putAside(r, cause, tell); err == nil {
			break
		}
		g.log.Error("a record cannot be set aside", "seq", r.Seq, "err", firstLine(err.Error()))
	}
	if err != nil {
		return fmt.Errorf("setting record %d aside: %w", r.Seq, err)
	}
	g.log.Error("set_aside", "seq", r.Seq, "err", firstLine(cause.Error()))
	g.obs.SetAside(r.Seq, cause)
	return nil
}

// putAside does it in one transaction, or not at all.
func (g *Gateway) putAside(r store.InboxRecord, cause error, tell func(*batch, store.InboxRecord, error) error) error {
	var b *batch
	err := g.st.Update(func(tx *store.Tx) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
		}()
		b = &batch{g: g, tx: tx, now: g.now().UTC().Round(0), rot: g.rot}
		defer b.closeRaw()
		if err := tx.SetAside(r, b.now, cause.Error()); err != nil {
			return err
		}
		if err := b.listTomorrow(); err != nil || r.Mail == nil {
			return err
		}
		_, had, err := tx.Outcome(r.Mail.UID)
		if err != nil {
			return err
		}
		if !had {
			o := store.Outcome{Kind: store.OutcomeAside, Note: firstLine(cause.Error())}
			if err := tx.SetOutcome(r.Mail.UID, o); err != nil {
				return err
			}
		}
		return tell(b, r, cause)
	})
	if err != nil {
		return err
	}
	for _, tell := range b.after {
		tell()
	}
	return nil
}

func asideNotice(r store.InboxRecord, cause error) threads.Notify {
	return threads.Notify{OutID: fmt.Sprintf("aside.%d", r.Seq), Kind: threads.NoticeAside, Reason: firstLine(cause.Error())}
}

// tellWhole sends the admins the mail, attached.
func tellWhole(b *batch, r store.InboxRecord, cause error) error {
	raw, err := b.g.st.OpenRaw(r.Mail.Raw)
	if err != nil {
		return err
	}
	b.open = append(b.open, raw)
	l := &letter{uid: r.Mail.UID, ref: r.Mail.Raw, msg: message.Unread(raw)}
	return b.notify(threads.Conversation{}, asideNotice(r, cause), l)
}

// tellAlone tells them without it, where the mail breaks that too.
func tellAlone(b *batch, r store.InboxRecord, cause error) error {
	return b.notify(threads.Conversation{}, asideNotice(r, cause), nil)
}

// tellNobody leaves it to the list of what was set aside, which status counts.
func tellNobody(*batch, store.InboxRecord, error) error { return nil }

func firstLine(s string) string {
	for i, c := range s {
		if c == '\n' || i > 300 {
			return s[:i]
		}
	}
	return s
}
