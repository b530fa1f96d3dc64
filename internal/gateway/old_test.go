package gateway

import (
	"fmt"
	"strings"
	"testing"

	"postroom/internal/store"
	"postroom/threads"
)

// TestOldMailOfOurs: of old mail that our side wrote the customer is who it was
// to, colleagues and our own addresses left out; it is no mail that waits for an
// answer, and what a folder has twice, or that is read twice, is one event.
func TestOldMailOfOurs(t *testing.T) {
	r := newRig(t, nil)
	old := func(uid uint32, fields ...string) store.HistoryHeader {
		return store.HistoryHeader{UID: uid, Size: 100 + int64(uid), InternalDate: r.now,
			Header: []byte(strings.Join(append(fields, fmt.Sprintf("Date: %s", r.at(-1000*time1)), "", ""), "\r\n"))}
	}
	mails := []store.HistoryHeader{
		old(1, "From: Alice <"+alice+">", "To: "+bob+", support@acme.example", "Cc: "+ops+", Jane <"+jane+">", "Subject: A", "Message-ID: <a@acme.example>"),
		old(2, "From: support@acme.example", "To: Joe <joe@shop.example>", "Subject: B", "Message-ID: <b@acme.example>"),
		old(3, "From: "+alice, "To: "+bob, "Subject: C", "Message-ID: <c@acme.example>"),
		old(4, "From: Mia <mia@studio.example>", "To: support@acme.example", "Subject: D", "Message-ID: <d@studio.example>"),
		old(5, "From: support@acme.example", "To: Joe <joe@shop.example>", "Subject: B", "Message-ID: <b@acme.example>"),
		old(6, "From: Jane <"+jane+">", "To: support@acme.example", "Subject: Re: A", "Message-ID: <e@client.example>", "In-Reply-To: <a@acme.example>"),
	}
	mails[4].Size = mails[1].Size
	r.uid = 6
	r.update(func(tx *store.Tx) error {
		return tx.SetCursor(store.Cursor{Folder: "INBOX", UIDValidity: 1, First: 7, Next: 7, HistoryNext: 1})
	})
	for range 2 {
		r.say(store.InboxRecord{At: r.now, History: &store.InHistory{Folder: "INBOX", Validity: 1, Mails: mails, Last: true}})
	}
	for n, want := range map[uint32]store.Outcome{
		1: {Kind: store.OutcomeHistory, Conversation: 1, Event: 2}, 2: {Kind: store.OutcomeHistory, Conversation: 2, Event: 2},
		3: {Kind: store.OutcomeHistory, Conversation: 3, Event: 2}, 4: {Kind: store.OutcomeHistory, Conversation: 4, Event: 2},
		5: {Kind: store.OutcomeSame, Conversation: 2, Event: 2}, 6: {Kind: store.OutcomeHistory, Conversation: 1, Event: 3},
	} {
		if got := r.outcome(r.inboxUID(n)); got != want {
			t.Errorf("mail %d: %+v, want %+v", n, got, want)
		}
	}
	for id, want := range map[threads.ID]string{1: jane, 2: "joe@shop.example", 3: "", 4: "mia@studio.example"} {
		if got := r.conversation(id).Customer.Addr; got != want {
			t.Errorf("the customer of conversation %d is %q, want %q", id, got, want)
		}
	}
	r.view(func(tx *store.Tx) error {
		for id, class := range map[threads.ID]threads.Class{1: threads.ClassEngineer, 2: threads.ClassOwn, 4: threads.ClassCustomer} {
			e, _, err := tx.Event(id, 2)
			got, _ := e.Body.(threads.Received)
			if err != nil || got.Class != class || got.Silent != (class != threads.ClassCustomer) {
				t.Errorf("conversation %d: %+v, %v", id, got, err)
			}
		}
		return nil
	})
	if q := r.queue(); len(q) != 0 {
		t.Errorf("old mail was sent to somebody: %s", r.dump())
	}
}

// TestAlarm: what a stage found out is told to the admins, once for each key.
func TestAlarm(t *testing.T) {
	r := newRig(t, nil)
	for range 2 {
		r.say(store.InboxRecord{At: r.now, Alarm: &store.InAlarm{Key: "folder-gone", Subject: "The folder is gone", Text: "Sent is not there.\nMake it anew."}})
	}
	n := r.one(store.OutNotice, ops)
	if n.OutMail.Subject != "The folder is gone" || !strings.Contains(n.Mail.Text, "Sent is not there.") || !strings.Contains(n.Mail.Text, "Make it anew.") {
		t.Errorf("%q:\n%s", n.OutMail.Subject, n.Mail.Text)
	}
	r.say(store.InboxRecord{At: r.now, Alarm: &store.InAlarm{Key: "disk-full", Subject: "The disk is full", Text: "x"}})
	if list := r.to(store.OutNotice, ops); len(list) != 2 {
		t.Errorf("another alarm: %s", r.dump())
	}
}

// TestInForce: the rotation in effect is what the store has, and one it cannot
// be made of is told.
func TestInForce(t *testing.T) {
	r := newRig(t, nil)
	inForce := func() (rot *threads.Rotation, ok bool, err error) {
		r.view(func(tx *store.Tx) error { rot, _, ok, err = InForce(tx); return nil })
		return rot, ok, err
	}
	r.rotate(strings.Replace(twoEngineers, bob, "mia@acme.example", 1), "Mia comes, Bob goes")
	rot, ok, err := inForce()
	if err != nil || !ok || rot.Version == "" {
		t.Fatalf("%+v, %t, %v", rot, ok, err)
	}
	if _, hers := rot.ByAddress("mia@acme.example"); !hers {
		t.Error("it is another one")
	}
	r.update(func(tx *store.Tx) error {
		return tx.AddRotation(store.RotationVersion{Version: "broken", Text: []byte("[[engineer")})
	})
	if _, ok, err := inForce(); err == nil || ok || !strings.Contains(err.Error(), "version broken") {
		t.Errorf("a broken one: %t, %v", ok, err)
	}
}

// TestAdopt: what the mail servers were seen to do counts from the next record
// on: a relay's own ids are learnt from its words, and no copy is asked for
// where the provider files one itself.
func TestAdopt(t *testing.T) {
	r := newRig(t, func(c *Config) { c.OwnCopyOpen = true })
	r.comes(r.wrote("Jane <"+jane+">", "Pump", "It is broken."))
	cp := r.one(store.OutCopy, alice)
	if cp.OwnCopy == "" {
		t.Error("no copy of ours is asked for at first")
	}
	r.g.Adopt(Habits{FilesSent: true, NoTokens: true, Rewrites: Rewriting{Word: 1, Domain: "relay.example"}})
	r.attempt(cp.ID, func(m *store.OutMail) []store.Recipient {
		m.State = store.OutDone
		m.Recipients[0].State, m.Recipients[0].Reply = store.OutSent, "250 ok queued as NEXT12345"
		return m.Recipients
	})
	r.think()
	r.view(func(tx *store.Tx) error {
		ix := tx.Index()
		list := ix.ID("<NEXT12345@relay.example>")
		if len(list) != 1 || list[0].OutID != cp.ID || list[0].MessageID != cp.MessageID {
			t.Errorf("the relay's id stands for %+v", list)
		}
		return ix.Err()
	})
	r.comes(r.wrote(alice, "Re: Pump", "Use water.", "In-Reply-To: <NEXT12345@relay.example>"))
	a := r.one(store.OutAnswer, jane)
	if a.OwnCopy != "" || a.EnvelopeFrom != r.cfg.Support.Addr || strings.Contains(a.raw, "support+") {
		t.Errorf("the answer asks for a copy to %q, and comes from %q\n%s", a.OwnCopy, a.EnvelopeFrom, a.raw)
	}
}
