package admin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"postroom/internal/store"
)

// ledgerRig has a folder whose cursor stands at 20, with 10 the first new
// mail and history imported down to 5: 5 to 15 are in the ledger, but 12;
// 16 waits in the inbox, 17 is parked, 18 set aside.
func ledgerRig(t *testing.T) *rig {
	r := newRig(t)
	id := r.customer(0, jane, "<1@x>", "s", "x")
	r.update(func(tx *store.Tx) error {
		err := tx.SetCursor(store.Cursor{Folder: "Support", UIDValidity: 3, First: 10, HistoryNext: 5, Next: 20})
		for n := uint32(5); n <= 15; n++ {
			o := store.Outcome{Kind: store.OutcomeEvent, Conversation: uint64(id), Event: 2}
			if n < 10 {
				o.Kind = store.OutcomeHistory
			}
			if n != 12 {
				err = errors.Join(err, tx.SetOutcome(at(n), o))
			}
		}
		for n := uint32(16); n <= 18; n++ {
			err = errors.Join(err, tx.AddInbox(store.InboxRecord{At: noon, Gone: &store.InGone{UID: at(n)}}))
		}
		list, e := tx.Inbox(10)
		return errors.Join(err, e, tx.Park(list[1]), tx.SetAside(list[2], noon, "broke"), tx.SetOutcome(at(18), store.Outcome{Kind: store.OutcomeAside}))
	})
	return r
}

func at(n uint32) store.UID { return store.UID{Folder: "Support", Validity: 3, UID: n} }

func TestAuditMailbox(t *testing.T) {
	r := ledgerRig(t)
	upTo := func(last uint32) (list []uint32) {
		for n := last; n >= 1; n-- { // any order will do
			list = append(list, n)
		}
		return list
	}
	tests := []struct {
		name    string
		listing Listing
		want    Audit
	}{
		{"all of it", Listing{"Support", 3, upTo(22)}, Audit{UIDs: 22, Accounted: 13, Pending: 7, Missing: []store.UID{at(12), at(19)}}},
		{"some were expunged", Listing{"Support", 3, []uint32{5, 11, 16, 18}}, Audit{UIDs: 4, Accounted: 4}},
		{"twice is once", Listing{"Support", 3, []uint32{5, 5}}, Audit{UIDs: 1, Accounted: 1}},
		{"another UIDVALIDITY", Listing{"Support", 4, []uint32{1, 2}}, Audit{UIDs: 2, Pending: 2}},
		{"a folder not looked at yet", Listing{"Sent", 1, []uint32{1}}, Audit{UIDs: 1, Pending: 1}},
		{"empty", Listing{"Support", 3, nil}, Audit{}},
	}
	for _, tt := range tests {
		a, err := AuditMailbox(context.Background(), r.st, func(context.Context) ([]Listing, error) { return []Listing{tt.listing}, nil })
		if err != nil {
			t.Fatal(err)
		}
		if a.UIDs != tt.want.UIDs || a.Accounted != tt.want.Accounted || a.Pending != tt.want.Pending || !slices.Equal(a.Missing, tt.want.Missing) || len(a.Broken) != 0 {
			t.Errorf("%s: got %+v, want %+v", tt.name, a, tt.want)
		}
		if a.Fine() != (len(tt.want.Missing) == 0) {
			t.Errorf("%s: fine is %t", tt.name, a.Fine())
		}
	}
	fails := errors.New("no mailbox")
	if _, err := AuditMailbox(context.Background(), r.st, func(context.Context) ([]Listing, error) { return nil, fails }); !errors.Is(err, fails) {
		t.Errorf("a mailbox that cannot be listed: %v", err)
	}
}

func TestAuditLedger(t *testing.T) {
	r := ledgerRig(t)
	a, err := AuditLedger(r.st)
	if err != nil || !a.Fine() || a.UIDs != 14 || a.Accounted != 14 || a.Mailbox {
		t.Fatalf("a sound ledger: %+v, %v", a, err)
	}
	breaking := errors.New("rolled back by the test")
	tests := []struct {
		name string
		harm func(*store.Tx) error
		uid  uint32
		why  string
	}{
		{"an event that is not there", func(tx *store.Tx) error {
			return tx.SetOutcome(at(12), store.Outcome{Kind: store.OutcomeEvent, Conversation: 1, Event: 77})
		}, 12, "event 77 of conversation 1, which has 4"},
		{"a conversation that is not there", func(tx *store.Tx) error {
			return tx.SetOutcome(at(12), store.Outcome{Kind: store.OutcomeEvent, Conversation: 9, Event: 1})
		}, 12, "conversation 9"},
		{"beyond the cursor", func(tx *store.Tx) error {
			return tx.SetOutcome(at(25), store.Outcome{Kind: store.OutcomeUnseen})
		}, 25, "the cursor stands at 20"},
		{"done and waiting", func(tx *store.Tx) error {
			return tx.SetOutcome(at(16), store.Outcome{Kind: store.OutcomeUnseen})
		}, 16, "waits in the inbox"},
	}
	for _, tt := range tests {
		err := r.st.Update(func(tx *store.Tx) error {
			if err := tt.harm(tx); err != nil {
				return err
			}
			a := newAudit()
			w, err := waitingIn(tx)
			if err != nil {
				return err
			}
			c, _, err := tx.Cursor("Support")
			if err != nil {
				return err
			}
			if err := a.ledger(tx, c, func(uint32, bool) {}, w[folderKey{"Support", 3}]); err != nil {
				return err
			}
			if len(a.Broken) != 1 || a.Broken[0].UID != at(tt.uid) || !strings.Contains(a.Broken[0].Why, tt.why) || a.Fine() {
				t.Errorf("%s: %+v", tt.name, a.Broken)
			}
			return breaking
		})
		if !errors.Is(err, breaking) {
			t.Fatalf("%s: %v", tt.name, err)
		}
	}
}
