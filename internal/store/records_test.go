package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/threads"
)

func mail(id string, kind OutKind, due time.Time) OutMail {
	return OutMail{ID: id, Kind: kind, State: OutQueued, NextAttempt: due, Recipients: []Recipient{{Address: "a@b", State: OutQueued}}}
}

// TestAddMail: mail and cursor are there together or not at all.
func TestAddMail(t *testing.T) {
	s := open(t)
	refs := write(t, s, "one", "two")
	c := Cursor{Folder: "INBOX", UIDValidity: 7, First: 1, Next: 3}
	mails := []InMail{{UID: UID{"INBOX", 7, 1}, Raw: refs[0]}, {UID: UID{"INBOX", 7, 2}, Raw: refs[1]}}
	boom := errors.New("rolled back")
	if err := s.Update(func(tx *Tx) error { return errors.Join(tx.AddMail(noon, mails, c), boom) }); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	view(t, s, func(tx *Tx) error {
		if _, ok, _ := tx.Cursor("INBOX"); ok || tx.InboxLen() != 0 {
			t.Error("half of it is there")
		}
		return nil
	})
	update(t, s, func(tx *Tx) error { return tx.AddMail(noon, mails, c) })
	view(t, s, func(tx *Tx) error {
		got, ok, err := tx.Cursor("INBOX")
		if err != nil || !ok {
			t.Errorf("cursor: %v, %v", ok, err)
		}
		mustEqual(t, "cursor", got, c)
		records, err := tx.Inbox(10)
		if err != nil || len(records) != 2 || records[0].Mail.UID != mails[0].UID || records[1].Mail.UID != mails[1].UID || records[0].Seq >= records[1].Seq {
			t.Errorf("inbox: %+v, %v", records, err)
		}
		if one, err := tx.Inbox(1); err != nil || len(one) != 1 || one[0].Seq != records[0].Seq {
			t.Errorf("one of it: %+v, %v", one, err)
		}
		return nil
	})
	sound(t, s)
}

func TestParkAndAside(t *testing.T) {
	s := open(t)
	ref := write(t, s, "one")[0]
	update(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.AddMail(noon, []InMail{{UID: UID{"INBOX", 7, 1}, Raw: ref}}, Cursor{Folder: "INBOX", UIDValidity: 7, First: 1, Next: 2}),
			tx.AddInbox(InboxRecord{At: noon, CaughtUp: &CaughtUp{Folder: "INBOX"}}))
	})
	first := func(tx *Tx) InboxRecord {
		list, err := tx.Inbox(10)
		if err != nil || len(list) == 0 {
			t.Fatalf("inbox: %v, %v", list, err)
		}
		return list[0]
	}
	update(t, s, func(tx *Tx) error {
		if tx.AnyParked() {
			t.Error("something is parked")
		}
		return tx.Park(first(tx))
	})
	view(t, s, func(tx *Tx) error {
		if list, err := tx.Inbox(10); err != nil || len(list) != 1 || !tx.AnyParked() || tx.InboxLen() != 2 {
			t.Errorf("while it is parked: %+v, %v, %d", list, err, tx.InboxLen())
		}
		return nil
	})
	sound(t, s)
	update(t, s, func(tx *Tx) error {
		list, err := tx.Parked()
		if err != nil || len(list) != 1 {
			t.Fatalf("parked: %+v, %v", list, err)
		}
		return tx.Unpark(list[0])
	})
	update(t, s, func(tx *Tx) error {
		r := first(tx)
		if r.Mail == nil {
			t.Error("it did not get its old place back")
		}
		r.Tries, r.LastError = 3, "it breaks"
		return tx.SetAside(r, noon, "it breaks")
	})
	sound(t, s)
	update(t, s, func(tx *Tx) error {
		list, err := tx.Asides()
		if err != nil || len(list) != 1 || list[0].Error != "it breaks" || !list[0].At.Equal(noon) {
			t.Fatalf("aside: %+v, %v", list, err)
		}
		return tx.Unaside(list[0].Record)
	})
	view(t, s, func(tx *Tx) error {
		if r := first(tx); r.Mail == nil || r.Tries != 0 || r.LastError != "" {
			t.Errorf("back: %+v", r)
		}
		if list, err := tx.Asides(); err != nil || len(list) != 0 {
			t.Errorf("aside: %+v, %v", list, err)
		}
		return nil
	})
	sound(t, s)
}

func TestTimers(t *testing.T) {
	s := open(t)
	set := func(name string, after time.Duration) {
		update(t, s, func(tx *Tx) error { return tx.SetTimer(Timer{Name: name, Due: noon.Add(after), Conversation: 7}) })
	}
	next := func() (at time.Time, ok bool) {
		view(t, s, func(tx *Tx) error { at, ok = tx.NextTimer(); return nil })
		return at, ok
	}
	if at, ok := next(); ok {
		t.Errorf("a deadline out of nothing: %v", at)
	}
	set("b", time.Hour)
	set("a", time.Hour)
	set("c", time.Minute)
	set("c", 2*time.Hour) // moved
	if at, ok := next(); !ok || !at.Equal(noon.Add(time.Hour)) || at.Location() != time.UTC {
		t.Errorf("next: %v, %v", at, ok)
	}
	sound(t, s)
	update(t, s, func(tx *Tx) error { return tx.FireTimers(noon.Add(time.Hour-1), 10) })
	update(t, s, func(tx *Tx) error { return tx.FireTimers(noon.Add(time.Hour), 1) })
	update(t, s, func(tx *Tx) error { return tx.FireTimers(noon.Add(time.Hour), 10) })
	view(t, s, func(tx *Tx) error {
		list, err := tx.Inbox(10)
		if err != nil || len(list) != 2 || list[0].Timer.Name != "a" || list[1].Timer.Name != "b" || list[0].Timer.Conversation != 7 {
			t.Errorf("fired: %+v, %v", list, err)
		}
		return nil
	})
	update(t, s, func(tx *Tx) error { return errors.Join(tx.DropTimer("c"), tx.DropTimer("never")) })
	if _, ok := next(); ok {
		t.Error("a dropped deadline is left")
	}
	sound(t, s)
}

func TestLedger(t *testing.T) {
	s := open(t)
	uid := UID{"INBOX", 7, 1}
	event := Outcome{Kind: OutcomeEvent, Conversation: 1, Event: 2}
	set := func(o Outcome) error { return s.Update(func(tx *Tx) error { return tx.SetOutcome(uid, o) }) }
	if err := errors.Join(set(Outcome{Kind: OutcomeAside}), set(event), set(event)); err != nil {
		t.Fatal(err)
	}
	if err := set(Outcome{Kind: OutcomeSame}); err == nil {
		t.Error("a UID got a second outcome")
	}
	// Folders whose names begin alike, and UIDs beyond one octet, keep apart.
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.SetOutcome(UID{"INBOX", 7, 300}, event), tx.SetOutcome(UID{"INBOX", 8, 2}, event), tx.SetOutcome(UID{"INBOX2", 7, 2}, event))
	})
	view(t, s, func(tx *Tx) error {
		var uids []uint32
		err := tx.EachOutcome("INBOX", 7, func(uid uint32, _ Outcome) error { uids = append(uids, uid); return nil })
		if err != nil || !slices.Equal(uids, []uint32{1, 300}) {
			t.Errorf("ledger: %v, %v", uids, err)
		}
		if n := tx.LedgerLen(); n != 4 {
			t.Errorf("%d entries", n)
		}
		return nil
	})
}

// TestDueOrder: answers first, then by time; nothing early.
func TestDueOrder(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.Enqueue(mail("copy-early", OutCopy, noon.Add(-time.Hour))),
			tx.Enqueue(mail("answer-late", OutAnswer, noon)),
			tx.Enqueue(mail("answer-early", OutAnswer, noon.Add(-time.Minute))),
			tx.Enqueue(mail("notice", OutNotice, noon.Add(-time.Minute))),
			tx.Enqueue(mail("later", OutAnswer, noon.Add(1))),
		)
	})
	due := func(max int) (ids []string) {
		view(t, s, func(tx *Tx) error {
			list, err := tx.Due(noon, max)
			for _, m := range list {
				ids = append(ids, m.ID)
			}
			return err
		})
		return ids
	}
	if got := due(10); !slices.Equal(got, []string{"answer-early", "answer-late", "copy-early", "notice"}) {
		t.Errorf("due: %v", got)
	}
	if got := due(1); !slices.Equal(got, []string{"answer-early"}) {
		t.Errorf("one of them: %v", got)
	}
	next := func() (at time.Time, ok bool) {
		view(t, s, func(tx *Tx) error { at, ok = tx.NextDue(); return nil })
		return at, ok
	}
	if at, ok := next(); !ok || !at.Equal(noon.Add(-time.Hour)) {
		t.Errorf("next: %v, %v", at, ok)
	}
	// A claim takes it out of what is due, in whatever state it ends.
	update(t, s, func(tx *Tx) error {
		for i, st := range []OutState{OutSending, OutUnknown, OutStopped, OutDone, OutSending} {
			m, ok, err := tx.Out([]string{"copy-early", "answer-late", "answer-early", "notice", "later"}[i])
			if err != nil || !ok {
				return fmt.Errorf("claiming: %v, %w", ok, err)
			}
			m.State = st
			if err := tx.SetOut(m); err != nil {
				return err
			}
		}
		return nil
	})
	if got := due(10); len(got) != 0 {
		t.Errorf("due after the claims: %v", got)
	}
	if at, ok := next(); ok {
		t.Errorf("next after the claims: %v", at)
	}
	view(t, s, func(tx *Tx) error {
		list, err := tx.Unresolved()
		if err != nil || len(list) != 3 || !tx.AnyUnresolved() {
			t.Errorf("unresolved: %d, %v", len(list), err)
		}
		return nil
	})
	sound(t, s)
}

func TestOutbox(t *testing.T) {
	s := open(t)
	ref := write(t, s, "source")[0]
	m := mail("1", OutCopy, noon)
	m.Sources = []Ref{ref, ref}
	update(t, s, func(tx *Tx) error { return tx.Enqueue(m) })
	again := m
	again.Subject = "another"
	update(t, s, func(tx *Tx) error { return tx.Enqueue(again) })
	view(t, s, func(tx *Tx) error {
		if got, ok, err := tx.Out("1"); err != nil || !ok || got.Subject != "" {
			t.Errorf("queued twice: %+v, %v", got, err)
		}
		return nil
	})
	sound(t, s)
	// Composed anew under the same name, in one transaction.
	update(t, s, func(tx *Tx) error {
		again.Sources = []Ref{ref}
		return errors.Join(tx.MarkReturned("1"), tx.DropOut(m), tx.Enqueue(again))
	})
	if got := read(t, s, ref); got != "source" {
		t.Errorf("its source: %q", got)
	}
	view(t, s, func(tx *Tx) error {
		if got, _, _ := tx.Out("1"); got.Subject != "another" || tx.Returned("1") {
			t.Errorf("composed anew: %+v, returned %v", got, tx.Returned("1"))
		}
		return nil
	})
	sound(t, s)
	moved := again
	moved.NextAttempt, moved.State = noon.Add(time.Hour), OutQueued
	update(t, s, func(tx *Tx) error { return tx.SetOut(moved) })
	sound(t, s)
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.MarkReturned("1"), tx.ForgetReturned("1"), tx.DropOut(again), tx.DropOut(again))
	})
	if len(spooled(t, s)) != 0 {
		t.Error("its source is left")
	}
	sound(t, s)
}

func TestKnown(t *testing.T) {
	s := open(t)
	theirs := threads.Known{Kind: threads.KnownTheirs, Conversation: 1, Event: 2}
	mention := func(c threads.ID) threads.Known { return threads.Known{Kind: threads.KnownMention, Conversation: c} }
	list := func(id string) (kinds []threads.KnownKind) {
		view(t, s, func(tx *Tx) error {
			ix := tx.Index()
			for _, k := range ix.ID(id) {
				kinds = append(kinds, k.Kind)
			}
			return ix.Err()
		})
		return kinds
	}
	add := func(id string, k threads.Known) { update(t, s, func(tx *Tx) error { return tx.AddKnown(id, k) }) }
	add("<a@b>", mention(1))
	add("<a@b>", mention(2)) // named twice is as good as once
	add("<a@b>", theirs)
	add("<a@b>", theirs)
	add("<a@b>", mention(3))
	if got := list("<a@b>"); !slices.Equal(got, []threads.KnownKind{threads.KnownMention, threads.KnownTheirs}) {
		t.Errorf("known: %v", got)
	}
	for i := range 2 * threads.MaxKnown {
		add("<a@b>", threads.Known{Kind: threads.KnownTheirs, Conversation: 1, Event: 10 + i})
	}
	got := list("<a@b>")
	if len(got) != threads.MaxKnown || slices.Contains(got, threads.KnownMention) {
		t.Errorf("%d entries, mention kept: %v", len(got), slices.Contains(got, threads.KnownMention))
	}
	long := "<" + strings.Repeat("x", 40_000) + "@b>"
	add(long, theirs)
	add(long[:len(long)-3]+"y@b>", mention(9))
	add("", theirs)
	if got := list(long); len(got) != 1 || got[0] != threads.KnownTheirs {
		t.Errorf("a long id: %v", got)
	}
}

func TestTokens(t *testing.T) {
	s := open(t)
	want := threads.Token{Kind: threads.TokenReply, Engineer: "alice@acme.example", Conversation: 7, Generation: 2}
	update(t, s, func(tx *Tx) error { return tx.AddToken("rsecret", want) })
	view(t, s, func(tx *Tx) error {
		ix := tx.Index()
		if got, ok := ix.Token("rsecret"); !ok || got != want || !tx.HasToken("rsecret") {
			t.Errorf("token: %+v, %v", got, ok)
		}
		if _, ok := ix.Token("rsecreT"); ok || tx.HasToken("") {
			t.Error("a token that was never made")
		}
		return ix.Err()
	})
}

func TestTexts(t *testing.T) {
	s := open(t)
	long := strings.Repeat("ä", threads.MaxText)
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.SetText(1, 1, "short"), tx.SetText(1, 2, long), tx.SetText(1, 3, ""), tx.SetText(1, 1, "shorter"))
	})
	view(t, s, func(tx *Tx) error {
		for n, want := range map[int]string{1: "shorter", 2: long[:threads.MaxText], 3: "", 4: ""} {
			if got, err := tx.Text(1, n); err != nil || got != want {
				t.Errorf("text %d: %d octets, %v", n, len(got), err)
			}
		}
		return nil
	})
}

func TestRotationVersions(t *testing.T) {
	s := open(t)
	last := func() (v RotationVersion, ok bool) {
		view(t, s, func(tx *Tx) (err error) { v, ok, err = tx.LastRotation(); return err })
		return v, ok
	}
	if _, ok := last(); ok {
		t.Error("a version out of nothing")
	}
	update(t, s, func(tx *Tx) error { return tx.SetPointers("turns", threads.Pointers{Picks: 3}) })
	if _, ok := last(); ok {
		t.Error("pointers are no version")
	}
	for i := range 300 {
		update(t, s, func(tx *Tx) error { return tx.AddRotation(RotationVersion{Version: fmt.Sprint(i)}) })
	}
	if v, ok := last(); !ok || v.Version != "299" {
		t.Errorf("last: %+v", v)
	}
	view(t, s, func(tx *Tx) error {
		p, err := tx.Pointers("turns")
		if other, err := tx.Pointers("handed"); err != nil || other.Picks != 0 {
			t.Errorf("other pointers: %+v, %v", other, err)
		}
		if err != nil || p.Picks != 3 {
			t.Errorf("pointers: %+v, %v", p, err)
		}
		return nil
	})
}

func TestChores(t *testing.T) {
	s := open(t)
	for i := range uint32(3) {
		update(t, s, func(tx *Tx) error { return tx.AddChore(Chore{UID: UID{"INBOX", 1, i}, Kind: ChoreSeen, At: noon}) })
	}
	update(t, s, func(tx *Tx) error {
		list, err := tx.Chores(2)
		if err != nil || len(list) != 2 || list[0].UID.UID != 0 || list[1].UID.UID != 1 {
			t.Errorf("chores: %+v, %v", list, err)
		}
		list[1].Tries = 4
		return errors.Join(tx.DropChore(list[0].Seq), tx.UpdateChore(list[1]))
	})
	view(t, s, func(tx *Tx) error {
		if list, err := tx.Chores(9); err != nil || len(list) != 2 || list[0].Tries != 4 {
			t.Errorf("chores: %+v, %v", list, err)
		}
		return nil
	})
}

func TestEventsAreNeverReplaced(t *testing.T) {
	s := open(t)
	events := []threads.Event{{N: 1, At: noon, Body: threads.Opened{Subject: "x"}}}
	c := threads.Fold(1, events)
	update(t, s, func(tx *Tx) error { return tx.Commit(c, events) })
	if err := s.Update(func(tx *Tx) error { return tx.Commit(c, events) }); err == nil {
		t.Error("an event was written over")
	}
	// Conversations whose numbers share octets keep apart.
	far := threads.Fold(256, events)
	update(t, s, func(tx *Tx) error { return tx.Commit(far, events) })
	view(t, s, func(tx *Tx) error {
		if list, err := tx.Events(1); err != nil || len(list) != 1 {
			t.Errorf("events: %v, %v", list, err)
		}
		return nil
	})
	sound(t, s)
}
