package gateway

import (
	"fmt"
	"slices"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// history takes a range of old mail into the index: it is threaded, and
// assigned to nobody. The range comes newest first, so a reply is there before
// the mail it answers; that one then joins by being named.
func (b *batch) history(h store.InHistory, rd *reading) error {
	if h.Also {
		return b.further(h)
	}
	if h.Again {
		return b.seenAgain(h)
	}
	for i, old := range h.Mails {
		uid := store.UID{Folder: h.Folder, Validity: h.Validity, UID: old.UID}
		if err := b.remembered(uid, old, &rd.old[i].Mail); err != nil {
			return fmt.Errorf("importing %s: %w", uid, err)
		}
	}
	if !h.Last {
		return nil
	}
	return b.unpark(true)
}

func (b *batch) remembered(uid store.UID, old store.HistoryHeader, m *threads.Mail) error {
	m.BodyDigest = "" // only the header was read
	if b.restored.Phase != "" {
		if _, had, err := b.tx.Outcome(uid); had || err != nil {
			return err // of a folder that is read again
		}
	}
	ix := b.tx.Index()
	at := b.when(m)
	found := threads.Match(ix, b.g.names, m, at)
	if o, ok := b.had(ix, m, found, uid); ok {
		return b.tx.SetOutcome(uid, o)
	}
	if err := ix.Err(); err != nil {
		return err
	}
	c, res := threads.Conversation{ID: found.Conversation}, []threads.Event(nil)
	if found.Conversation == 0 {
		id, err := b.tx.NewConversation()
		if err != nil {
			return err
		}
		c.ID = id
		c, res = appendEvent(c, res, b, threads.Opened{
			Subject: m.Subject, SubjectBase: m.SubjectBase, Customer: b.stranger(m), History: true, Era: b.g.era,
		})
	} else {
		var err error
		if c, _, err = b.tx.Conversation(found.Conversation); err != nil {
			return err
		}
	}
	class, ours := b.classOfOld(m)
	c, res = appendEvent(c, res, b, threads.Received{
		MessageID: m.MessageID, Class: class, Silent: ours, Matched: found.Reason, From: m.Sender(),
		ReplyTo: m.ReplyTo, To: m.To, Cc: m.Cc, Subject: m.Subject, Date: m.Date, Size: old.Size, History: true,
		Outlook: threads.Outlook{Topic: m.ThreadTopic, Index: m.ThreadIndex},
	})
	if err := b.tx.Commit(c, res); err != nil {
		return err
	}
	k := threads.Known{Kind: threads.KnownTheirs, Conversation: c.ID, Event: c.N, Header: m.HeaderDigest, Size: old.Size}
	if err := threads.Learn(b.tx, b.g.names, m, k, at); err != nil {
		return err
	}
	if err := b.tx.SetUIDOf(c.ID, c.N, uid); err != nil {
		return err
	}
	if ours {
		if err := b.recall(m, c); err != nil {
			return err
		}
	}
	return b.tx.SetOutcome(uid, store.Outcome{Kind: store.OutcomeHistory, Conversation: uint64(c.ID), Event: c.N})
}

// when is the time of an old mail: what its Date says, never later than now.
// It is the clock by which a conversation was active then.
func (b *batch) when(m *threads.Mail) time.Time {
	if m.Date.After(b.now) {
		return b.now
	}
	return m.Date
}

// had reports what an old mail is that is known already: one of ours, or the
// same mail once more. Then it is no second event.
func (b *batch) had(ix *store.Index, m *threads.Mail, found threads.Found, uid store.UID) (store.Outcome, bool) {
	where := threads.Where{Sent: uid.Folder != b.g.cfg.Folder}
	if k, ok := threads.Own(ix, b.g.names, m, found, where); ok {
		return store.Outcome{Kind: store.OutcomeOwn, Conversation: uint64(k.Conversation), Event: k.Event}, true
	}
	if k, ok := threads.Twin(ix, m); ok {
		return store.Outcome{Kind: store.OutcomeSame, Conversation: uint64(k.Conversation), Event: k.Event}, true
	}
	return store.Outcome{}, false
}

// stranger is the person on the other side of an old mail: who wrote it, or
// whom somebody of ours wrote to. The zero Address when that was a colleague: a
// mail that is still to come tells it then.
func (b *batch) stranger(m *threads.Mail) threads.Address {
	if _, ours := b.classOfOld(m); !ours {
		return m.Sender()
	}
	for _, a := range slices.Concat(m.To, m.Cc) {
		if _, colleague := b.rot.ByAddress(a.Addr); !colleague && !b.g.names.Ours(a.Addr) && !b.rot.IsAdmin(a.Addr) {
			return a
		}
	}
	return threads.Address{}
}

func appendEvent(c threads.Conversation, list []threads.Event, b *batch, body threads.EventBody) (threads.Conversation, []threads.Event) {
	e := threads.Event{N: c.N + 1, At: b.now, Body: body}
	return c.Apply(e), append(list, e)
}

// classOfOld is what an old mail is, and whether our side wrote it: nobody
// answers that.
func (b *batch) classOfOld(m *threads.Mail) (class threads.Class, ours bool) {
	if b.g.names.Ours(m.Sender().Addr) {
		return threads.ClassOwn, true
	}
	if _, hers := b.rot.ByAddress(m.Sender().Addr); hers {
		return threads.ClassEngineer, true
	}
	return threads.ClassCustomer, false
}

// recall makes an old copy to an engineer known for what it is, where a state
// before this one had made it with our key: her answers to it count.
func (b *batch) recall(m *threads.Mail, c threads.Conversation) error {
	if b.g.era == "" || len(m.References) < 2 || !b.g.names.Ours(m.Sender().Addr) || !b.g.names.InternalID(m.References[1]) {
		return nil
	}
	f := store.Found{MessageID: m.MessageID, References: m.References, To: m.To}
	if err := b.prove(&f); err != nil || f.Token == "" {
		return err
	}
	return b.adoptToken(&f, c, 0)
}
