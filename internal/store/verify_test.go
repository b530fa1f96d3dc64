package store

import (
	"errors"
	"os"
	"strings"
	"testing"

	"postroom/threads"
)

// whole is a store with one of everything, in which verify finds nothing.
func whole(t *testing.T) *Store {
	t.Helper()
	s := open(t)
	refs := write(t, s, "one", "two")
	update(t, s, func(tx *Tx) error {
		id, err := tx.NewConversation()
		if err != nil || id != 1 {
			t.Fatalf("first conversation: %d, %v", id, err)
		}
		events := []threads.Event{
			{N: 1, At: noon, Body: threads.Opened{Subject: "x", Customer: threads.Address{Addr: "jane@client.example"}}},
			{N: 2, At: noon, Body: threads.Received{MessageID: "<1@x>", From: threads.Address{Addr: "jane@client.example"}}},
			{N: 3, At: noon, Body: threads.HeldBack{Hold: "1-3"}},
		}
		out := mail("1.1.0", OutCopy, noon)
		out.Sources = refs[:1]
		unknown := mail("1.2.0", OutAnswer, noon)
		unknown.State = OutUnknown
		return errors.Join(
			tx.Commit(threads.Fold(1, events), events),
			tx.KeepRaw(1, 2, refs[0]),
			tx.SetHold(Hold{ID: "1-3", Conversation: 1, Raw: refs[1]}),
			tx.SetHold(Hold{ID: "0-INBOX-1-9", Raw: refs[1]}),
			tx.Enqueue(out), tx.Enqueue(unknown),
			tx.AddMail(noon, []InMail{{UID: UID{"INBOX", 1, 2}, Raw: refs[1]}}, Cursor{Folder: "INBOX", UIDValidity: 1, First: 1, Next: 3}),
			tx.SetOutcome(UID{"INBOX", 1, 1}, Outcome{Kind: OutcomeEvent}),
			tx.SetTimer(Timer{Name: "wait/1", Due: noon}),
		)
	})
	sound(t, s)
	return s
}

// TestVerifyFinds: each kind of breakage, by what it says.
func TestVerifyFinds(t *testing.T) {
	del := func(bucket string, key []byte) func(*Tx) error {
		return func(tx *Tx) error {
			if tx.bucket(bucket).Get(key) == nil {
				return errors.New("nothing to break there")
			}
			return tx.bucket(bucket).Delete(key)
		}
	}
	put := func(bucket string, key, value []byte) func(*Tx) error {
		return func(tx *Tx) error { return tx.bucket(bucket).Put(key, value) }
	}
	out := mail("1.1.0", OutCopy, noon)
	for _, tt := range []struct {
		name  string
		wreck func(*Tx) error
		says  string
	}{
		{"a state that is not the fold", func(tx *Tx) error {
			c, _, err := tx.Conversation(1)
			c.Owner = "mallory@evil.example"
			return errors.Join(err, tx.put(bConversations, u64(1), c))
		}, "not what its events say"},
		{"a gap in the events", del(bEvents, eventKey(1, 2)), "stands in place"},
		{"the newest event lost", del(bEvents, eventKey(1, 3)), "not what its events say"},
		{"events of no conversation", put(bEvents, eventKey(9, 1), []byte("\x01{}")), "belongs to no conversation"},
		{"a conversation gone", del(bConversations, u64(1)), "belongs to no conversation"},
		{"an event that cannot be read", put(bEvents, eventKey(1, 2), []byte("\x01{")), "reading the events"},
		{"a record of another version", put(bEvents, eventKey(1, 2), []byte("\x09{}")), "version"},
		{"a reference too many", func(tx *Tx) error { return tx.Retain(Ref{Segment: 1}) }, "references"},
		{"a reference too few", func(tx *Tx) error { return tx.Release(Ref{Segment: 1}) }, "references"},
		{"a count of nothing", put(bSegments, u64(77), u64(1)), "no references"},
		{"queued but not due", del(bDue, placeOf(&out).dueKey(out.ID)), "not due"},
		{"due but not there", put(bDue, []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x09ghost"), nil), "due"},
		{"unknown but not listed", del(bUnresolved, []byte("1.2.0")), "not listed"},
		{"listed but not there", put(bUnresolved, []byte("ghost"), nil), "listed"},
		{"a deadline without a name", del(bTimerNames, []byte("wait/1")), "timers"},
		{"in the ledger and in the inbox", func(tx *Tx) error {
			return tx.SetOutcome(UID{"INBOX", 1, 2}, Outcome{Kind: OutcomeEvent})
		}, "waits in the inbox"},
		{"in the ledger beyond the cursor", func(tx *Tx) error {
			return tx.SetOutcome(UID{"INBOX", 1, 8}, Outcome{Kind: OutcomeEvent})
		}, "cursor stands at"},
		{"a held mail its conversation does not know", func(tx *Tx) error {
			return tx.SetHold(Hold{ID: "1-9", Conversation: 1, OutID: "x"})
		}, "does not know it"},
		{"a held mail that is not there", func(tx *Tx) error { return tx.DropHold("1-3") }, "is not there"},
		{"kept for nobody", func(tx *Tx) error { return tx.KeepRaw(1, 3, Ref{Segment: 1}) }, "kept for nobody"},
		{"waiting, but not kept", func(tx *Tx) error { return tx.DropRaw(1, 2) }, "is not kept"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := whole(t)
			update(t, s, tt.wreck)
			found := s.Verify()
			for _, err := range found {
				if strings.Contains(err.Error(), tt.says) {
					return
				}
			}
			t.Errorf("verify says %v", found)
		})
	}
	t.Run("a segment gone", func(t *testing.T) {
		s := whole(t)
		if err := os.Remove(s.spool.path(1)); err != nil {
			t.Fatal(err)
		}
		if found := s.Verify(); len(found) == 0 || !strings.Contains(found[0].Error(), "segment 1") {
			t.Errorf("verify says %v", found)
		}
	})
	t.Run("a segment cut short", func(t *testing.T) {
		s := whole(t)
		if err := os.Truncate(s.spool.path(1), 5); err != nil {
			t.Fatal(err)
		}
		if found := s.Verify(); len(found) != 1 || !strings.Contains(found[0].Error(), "5 octets, and must have 6") {
			t.Errorf("verify says %v", found)
		}
	})
}
