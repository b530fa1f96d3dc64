package gateway

import (
	"strings"
	"testing"

	"postroom/internal/store"
)

// headOf is the header of a mail as it is fetched again.
func headOf(raw string) (header []byte, size int64) {
	raw = strings.ReplaceAll(raw, "\n", "\r\n")
	head, _, _ := strings.Cut(raw, "\r\n\r\n")
	return []byte(head + "\r\n\r\n"), int64(len(raw))
}

// renumber tells the gateway of a folder that has these mails now.
func (r *rig) renumber(validity uint32, raws ...string) {
	r.t.Helper()
	rec := store.InHistory{Folder: "INBOX", Validity: validity, Again: true}
	for i, raw := range raws {
		h := store.HistoryHeader{UID: uint32(i + 1)}
		h.Header, h.Size = headOf(raw)
		rec.Mails = append(rec.Mails, h)
	}
	r.update(func(tx *store.Tx) error {
		if err := tx.SetCursor(store.Cursor{Folder: "INBOX", UIDValidity: validity, First: 1, Next: uint32(len(raws) + 1), HistoryNext: 1}); err != nil {
			return err
		}
		if err := tx.AddInbox(store.InboxRecord{At: r.now, History: &rec}); err != nil {
			return err
		}
		return tx.AddInbox(store.InboxRecord{At: r.now, History: &store.InHistory{Folder: "INBOX", Validity: validity, Again: true, Last: true}})
	})
	r.think()
}

func (r *rig) laters() (uids []uint32) {
	r.t.Helper()
	r.view(func(tx *store.Tx) error {
		list, err := tx.Laters("INBOX")
		for _, l := range list {
			uids = append(uids, l.UID.UID)
		}
		return err
	})
	return uids
}

// TestRenumbered: what header and size tell is neither fetched nor handed out
// again, and its chores go with it; the rest is asked for.
func TestRenumbered(t *testing.T) {
	r := newRig(t, nil)
	first := r.wrote("Jane Doe <"+jane+">", "Printer on fire", "It burns.")
	second := r.wrote("Joe <joe@shop.example>", "Invoice", "Where is it?")
	r.comes(first)
	lost := r.comes(second)
	before := len(r.queue())
	grown := strings.Replace(second, "Where is it?", "Where is it, please?", 1)
	stranger := r.wrote("Kim <kim@third.example>", "New", "Hello")
	r.renumber(2, first, grown, stranger)

	if o := r.outcome(store.UID{Folder: "INBOX", Validity: 2, UID: 1}); o.Kind != store.OutcomeSame || o.Conversation != 1 || o.Event == 0 {
		t.Errorf("the known one: %+v", o)
	}
	if got := r.laters(); len(got) != 2 || got[0] != 2 || got[1] != 3 {
		t.Errorf("asked for: %v, want 2 and 3", got)
	}
	if n := len(r.queue()); n != before {
		t.Errorf("%d mails are in the outbox, %d were", n, before)
	}
	r.view(func(tx *store.Tx) error {
		list, err := tx.Chores(100)
		for _, c := range list {
			if c.UID == lost || c.UID.Validity != 2 || c.UID.UID != 1 {
				t.Errorf("the chore %s is of %s", c.Kind, c.UID)
			}
		}
		if len(list) != 1 || list[0].Kind != store.ChoreSeen {
			t.Errorf("%d chores are left: %+v", len(list), list)
		}
		uid, _, err2 := tx.UIDOf(1, r.outcome(store.UID{Folder: "INBOX", Validity: 2, UID: 1}).Event)
		if uid.Validity != 2 || uid.UID != 1 {
			t.Errorf("the event is %s", uid)
		}
		if err != nil {
			return err
		}
		return err2
	})
}

// TestRenumberedCopy: a copy of our own is told by its header, and filed.
func TestRenumberedCopy(t *testing.T) {
	r := newRig(t, nil)
	r.comes(r.wrote(jane, "Printer on fire", "It burns."))
	cp := r.one(store.OutCopy, alice)
	raw := "Return-Path: <x@y.example>\n" + strings.ReplaceAll(cp.raw, "\r\n", "\n")
	if o := r.outcome(r.comes(raw)); o.Kind != store.OutcomeOwn {
		t.Fatalf("the copy: %+v", o)
	}
	r.renumber(3, raw)
	if o := r.outcome(store.UID{Folder: "INBOX", Validity: 3, UID: 1}); o.Kind != store.OutcomeSame {
		t.Errorf("the copy, renumbered: %+v; asked for %v", o, r.laters())
	}
	r.view(func(tx *store.Tx) error {
		list, err := tx.Chores(100)
		for _, c := range list {
			if c.Kind == store.ChoreFileSent && c.UID.Validity == 3 {
				return err
			}
		}
		t.Errorf("no chore files it: %+v", list)
		return err
	})
}
