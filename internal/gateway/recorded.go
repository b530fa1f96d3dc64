package gateway

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"postroom/internal/store"
	"postroom/threads"
)

// classJunk is the class under which mail of the further folders is recorded.
const classJunk = "junk"

// maxRecordedText bounds each text of an entry, in octets.
const maxRecordedText = 200

// recordListed records a mail that is given to nobody, and has the admins told
// with the daily list.
func (b *batch) recordListed(l *letter, class threads.Class) (*store.Outcome, error) {
	m := &l.msg.Mail
	if !b.ours(m.Sender().Addr) {
		if err := b.list(l.uid, m, l.size, string(class), m.Evidence); err != nil {
			return nil, err
		}
	}
	return b.recordUnseen(l, class)
}

// ours reports whether an address is an engineer's or an admin's: automatic
// answers of theirs are no news.
func (b *batch) ours(addr string) bool {
	_, engineer := b.rot.ByAddress(addr)
	return engineer || b.rot.IsAdmin(addr) || b.g.names.Ours(addr)
}

// list keeps what the daily list says of a mail.
func (b *batch) list(uid store.UID, m *threads.Mail, size int64, class, note string) error {
	err := b.tx.AddRecorded(store.Recorded{
		UID: uid, At: b.now, Class: class, Note: bounded(note), From: bounded(shown(m.Sender())), Subject: bounded(m.Subject),
		Header: m.HeaderDigest, Size: size,
	})
	if err != nil {
		return err
	}
	return b.listTomorrow()
}

func bounded(s string) string { return clipped(s, maxRecordedText) }

// clipped is one line of at most so many octets.
func clipped(s string, most int) string {
	s = oneLine(s)
	if len(s) <= most {
		return s
	}
	s = s[:most]
	for !utf8.ValidString(s) && s != "" {
		s = s[:len(s)-1]
	}
	return s + "…"
}

// wanted reports whether a mail that has an outcome was asked for, and that
// outcome is that nobody got it.
func wanted(m *store.InMail, o store.Outcome) bool {
	return m.For != "" && o.Conversation == 0 && (o.Kind == store.OutcomeUnseen || o.Kind == store.OutcomeSame || o.Kind == store.OutcomeCommand)
}

// distribute has a recorded mail fetched, to be handed out like a customer's.
func (b *batch) distribute(id, by string) error {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is no number of a recorded mail; `postroom recorded` lists them", id)
	}
	r, ok, err := b.tx.RecordedMail(n)
	switch {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("no recorded mail has the number %d: it was handed out, or is too old; `postroom recorded` lists them", n)
	case r.Asked != "":
		return fmt.Errorf("%s has asked for it already; it is being fetched from the mailbox", r.Asked)
	}
	r.Asked, r.Listed = by, true
	if err := b.tx.SetRecorded(r); err != nil {
		return err
	}
	return b.tx.SetLater(store.Later{
		UID: r.UID, Why: "it was recorded, and " + by + " wants it handed out", For: by, Since: b.now, Next: b.now, Size: -1,
	})
}

// handOut gives a mail that had been recorded to a person, whatever it is.
func (b *batch) handOut(l *letter, by string, found threads.Found) (*store.Outcome, error) {
	if err := b.forget(l.uid); err != nil {
		return nil, err
	}
	return b.received(l, threads.MailIn{
		Mail: &l.msg.Mail, Class: threads.ClassCustomer, Evidence: "customer: " + by + " wants it handed out", Found: found,
	})
}

// forget drops the entry of a mail.
func (b *batch) forget(uid store.UID) error {
	r, ok, err := b.recordedAs(func(r store.Recorded) bool { return r.UID == uid })
	if err != nil || !ok {
		return err
	}
	return b.tx.DropRecorded(r.ID)
}

func (b *batch) recordedAs(is func(store.Recorded) bool) (found store.Recorded, ok bool, err error) {
	err = b.tx.EachRecorded(func(r store.Recorded) error {
		if !ok && is(r) {
			found, ok = r, true
		}
		return nil
	})
	return found, ok, err
}

// gone records a message that is no longer there. One that somebody had asked
// for has its outcome; who asked is told.
func (b *batch) gone(g store.InGone) error {
	o, had, err := b.tx.Outcome(g.UID)
	if err != nil {
		return err
	}
	if g.For != "" {
		if err := b.forget(g.UID); err != nil {
			return err
		}
		words := fmt.Sprintf("The mail you asked for cannot be handed out: %s.", g.Why)
		if err := b.tellAdmin(g.For, words, "gone."+g.UID.String()); err != nil {
			return err
		}
	}
	if had && (o.Kind != store.OutcomeGone || g.For != "") {
		return nil
	}
	return b.tx.SetOutcome(g.UID, store.Outcome{Kind: store.OutcomeGone, Note: g.Why})
}

// moveRecorded lets an entry be of the number its message has now.
func (b *batch) moveRecorded(uid store.UID, header string, size int64) (bool, error) {
	r, ok, err := b.recordedAs(func(r store.Recorded) bool {
		return r.UID.Folder == uid.Folder && r.UID.Validity != uid.Validity && r.Header == header && r.Size == size && header != ""
	})
	if err != nil || !ok {
		return false, err
	}
	r.UID, r.Asked = uid, ""
	return true, b.tx.SetRecorded(r)
}

// inSent reports whether a message lies in the Sent folder.
func (g *Gateway) inSent(uid store.UID) bool {
	if uid.Folder == g.cfg.Folder {
		return false
	}
	for _, folder := range g.cfg.Also {
		if strings.EqualFold(folder, uid.Folder) {
			return false
		}
	}
	return true
}
