package admin

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// TestOtherPrints holds what people read of single things: a mail on its way, a
// sheet, a table whose rows come one by one, and the shorter lists.
func TestOtherPrints(t *testing.T) {
	var b bytes.Buffer
	p := Printer{Out: &b, Width: 90, Zone: time.FixedZone("", 3600)}
	conv, id, later := uint64(3), threads.ID(9), noon.Add(time.Hour)
	mail := OutboxRow{ID: "3.5.0", Conversation: &conv, Kind: store.OutAnswer, Subject: "Re: Pump", Author: alice, MessageID: "<m@x>", Size: 4711, Queued: noon,
		Deadline: &later, Recipient: "a@x", State: store.OutQueued, Attempts: 2, NextAttempt: &later, LastReply: "421 busy"}
	other := mail
	other.Recipient, other.State, other.NextAttempt, other.LastReply = "b@x", store.OutSent, nil, ""
	notice := OutboxRow{ID: "n.1", Kind: store.OutNotice, Queued: noon, Recipient: "ops@x", State: store.OutStopped}
	rows := []Row{
		{Conversation: 1, State: threads.StateOpen, Waits: true, Unanswered: true, Customer: threads.Address{Name: "Jo", Addr: "jo@x"}, Tags: []string{"vip"}},
		{Conversation: 2, State: threads.StateClosed, MergedInto: &id}, {Conversation: 3, State: threads.StateClosed, Spam: true, Owner: bob},
	}
	missing := make([]store.UID, maxMissing+2)
	broken := make([]Broken, maxMissing+1)
	for i := range missing {
		missing[i] = store.UID{Folder: "INBOX", Validity: 1, UID: uint32(i + 1)}
	}
	for i := range broken {
		broken[i] = Broken{UID: missing[i], Why: "it has two outcomes"}
	}
	for _, print := range []func() error{
		func() error { return p.OutboxMail([]OutboxRow{mail, other}) },
		func() error { return p.OutboxMail([]OutboxRow{notice}) },
		func() error { return p.OutboxMail(nil) },
		func() error { return p.List(rows) },
		func() error {
			return p.Recorded([]RecordedRow{{ID: "4", Class: "bulk", At: noon, From: "news@x", Subject: "News"}, {ID: "5", Class: "spam", At: noon, From: "x@y"}})
		},
		func() error { return p.Recorded(nil) },
		func() error {
			return p.Answers([]SavedAnswer{{Name: "reset", Text: "\n Hold the button.\nThen wait."}})
		},
		func() error { return p.Answers(nil) },
		func() error { return p.Asides([]AsideRow{{ID: "8", Kind: "timer", At: noon, Error: "it broke"}}) },
		func() error {
			return p.Status(Status{State: OK, Running: true, Uptime: 90061, IMAP: IMAPStatus{Connected: true, History: Progress{Done: 5, Total: 9, Rate: 2, SecondsLeft: 2}},
				SMTP: SMTPStatus{PausedUntil: &later, Envelope: "550 not yours"}, Rotation: "abb222"})
		},
		func() error {
			return p.Timeline(&Timeline{Row: Row{Conversation: 4, State: threads.StateOpen, Waits: true, Unanswered: true}, Linked: &id, TextsCut: 2, Events: []Moment{
				{N: 1, At: noon, What: "Mail from Jo", Problems: []string{"a part could not be read"}, Text: strings.Repeat("\tx\r\n", maxTextLines+3)}}})
		},
		func() error {
			return p.Sheet(Sheet{Title: "Mail of Jo", Fields: []Field{{"From", "jo@x"}, {"Nothing", ""}, {"Reply address", strings.Repeat("word ", 20)}}, Faults: []string{"no date"}, Text: "Hello\n"})
		},
		func() error {
			c, err := p.Columns(Column{"N", 3}, Column{"WHO", 10}, Column{"WHAT", 0})
			if err != nil {
				return err
			}
			return errors.Join(c.Row("1", "somebody with a long name", strings.Repeat("y", 100)), c.Row("2"))
		},
		func() error { return p.Audit(&Audit{Missing: missing, Broken: broken}) },
	} {
		if err := print(); err != nil {
			t.Fatal(err)
		}
		b.WriteString("----\n")
	}
	text := b.String()
	for _, l := range strings.Split(text, "\n") {
		if columns(l) > 90 {
			t.Errorf("a line of %d columns: %q", columns(l), l)
		}
	}
	golden(t, "others.txt", text)

	fails := Printer{Out: failing{}}
	_, err := fails.Columns(Column{"N", 3})
	for i, err := range []error{err, fails.OutboxMail([]OutboxRow{mail}), fails.Recorded(nil), fails.Sheet(Sheet{}), fails.RotationStatus(RotationStatus{}),
		fails.Turns(nil), fails.Decisions(nil), fails.Decisions([]Decision{{}}), fails.RotationLog([]RotationRow{{}}), fails.Trust(nil), fails.Report(nil)} {
		if err != io.ErrShortWrite {
			t.Errorf("an output that fails, print %d: %v", i+1, err)
		}
	}
}

// TestRecordedMails: what was given to nobody, as a machine reads it.
func TestRecordedMails(t *testing.T) {
	r := newRig(t)
	r.update(func(tx *store.Tx) error {
		return errors.Join(
			tx.AddRecorded(store.Recorded{UID: at(3), At: noon, Class: "bulk", From: "news@x", Subject: "News", Note: "List-Id", Listed: true}),
			tx.AddRecorded(store.Recorded{UID: at(4), At: noon, Class: "spam", From: "x@y", Asked: "root"}))
	})
	list, err := RecordedMails(r.st)
	want := []RecordedRow{
		{ID: "1", At: noon, Class: "bulk", From: "news@x", Subject: "News", UID: "Support/3/3", Reason: "List-Id", Listed: true},
		{ID: "2", At: noon, Class: "spam", From: "x@y", UID: "Support/3/4", Asked: "root"},
	}
	if err != nil || len(list) != 2 || list[0] != want[0] || list[1] != want[1] {
		t.Errorf("got %+v, %v\nwant %+v", list, err, want)
	}
}
