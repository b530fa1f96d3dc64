package admin

import (
	"context"
	"fmt"
	"math"
	"slices"

	"postroom/internal/store"
	"postroom/threads"
)

// Listing is what one folder of the mailbox holds at an instant.
type Listing struct {
	Folder   string
	Validity uint32 // UIDVALIDITY
	UIDs     []uint32
}

// Lister lists the followed folders of the mailbox.
type Lister func(context.Context) ([]Listing, error)

// Audit compares the mailbox with the ledger: every UID the cursor has passed
// has one outcome, or waits in the inbox.
type Audit struct {
	UIDs      int         `json:"uids"`      // looked at
	Accounted int         `json:"accounted"` // have their outcome, or wait for it
	Missing   []store.UID `json:"missing"`   // passed, and nothing is known of them
	Pending   int         `json:"pending"`   // not fetched yet: newer than the cursor, or history still to come
	Broken    []Broken    `json:"broken"`
	Mailbox   bool        `json:"mailbox"` // the mailbox was looked at, not the ledger alone
}

// Broken is a UID of which the ledger says what the rest of the store
// contradicts.
type Broken struct {
	UID store.UID `json:"uid"`
	Why string    `json:"why"`
}

// Fine reports whether nothing is missing and nothing contradicts.
func (a *Audit) Fine() bool { return len(a.Missing) == 0 && len(a.Broken) == 0 }

// AuditMailbox lists the mailbox and compares it with the store.
func AuditMailbox(ctx context.Context, st *store.Store, list Lister) (*Audit, error) {
	// The mailbox first: what arrives in between is in the ledger and not in
	// the listing, which does no harm.
	folders, err := list(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the mailbox: %w", err)
	}
	a := newAudit()
	a.Mailbox = true
	err = st.Walk(func(tx *store.Tx) error {
		w, err := waitingIn(tx)
		if err != nil {
			return err
		}
		for _, l := range folders {
			if err := a.folder(tx, l, w); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("auditing: %w", err)
	}
	return a, nil
}

// AuditLedger checks the ledger against the cursors and the conversations,
// for when the mailbox cannot be reached: nothing can be found missing so,
// but what contradicts.
func AuditLedger(st *store.Store) (*Audit, error) {
	a := newAudit()
	err := st.Walk(func(tx *store.Tx) error {
		w, err := waitingIn(tx)
		if err != nil {
			return err
		}
		cursors, err := tx.Cursors()
		if err != nil {
			return err
		}
		for _, c := range cursors {
			waits := w[folderKey{c.Folder, c.UIDValidity}]
			a.UIDs += len(waits)
			a.Accounted += len(waits)
			err := a.ledger(tx, c, func(n uint32, ok bool) {
				if waits[n] {
					return
				}
				a.UIDs++
				if ok {
					a.Accounted++
				}
			}, waits)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("auditing: %w", err)
	}
	return a, nil
}

func newAudit() *Audit { return &Audit{Missing: []store.UID{}, Broken: []Broken{}} }

type folderKey struct {
	folder   string
	validity uint32
}

// waiting is the UIDs that are in the inbox or parked, or were passed and are
// still to be fetched.
type waiting map[folderKey]map[uint32]bool

func (w waiting) add(folder string, validity, uid uint32) {
	k := folderKey{folder, validity}
	if w[k] == nil {
		w[k] = map[uint32]bool{}
	}
	w[k][uid] = true
}

func waitingIn(tx *store.Tx) (waiting, error) {
	inbox, err := tx.Inbox(math.MaxInt)
	if err != nil {
		return nil, err
	}
	parked, err := tx.Parked()
	if err != nil {
		return nil, err
	}
	asked, err := tx.Asked(math.MaxInt)
	if err != nil {
		return nil, err
	}
	asides, err := tx.Asides()
	if err != nil {
		return nil, err
	}
	w := waiting{}
	for _, r := range slices.Concat(inbox, parked, asked) {
		w.record(r)
	}
	for _, a := range asides {
		w.record(a.Record)
	}
	cursors, err := tx.Cursors()
	if err != nil {
		return nil, err
	}
	for _, c := range cursors {
		laters, err := tx.Laters(c.Folder)
		if err != nil {
			return nil, err
		}
		for _, l := range laters {
			w.add(l.UID.Folder, l.UID.Validity, l.UID.UID)
		}
	}
	return w, nil
}

func (w waiting) record(r store.InboxRecord) {
	switch {
	case r.Mail != nil:
		w.add(r.Mail.UID.Folder, r.Mail.UID.Validity, r.Mail.UID.UID)
	case r.Gone != nil:
		w.add(r.Gone.UID.Folder, r.Gone.UID.Validity, r.Gone.UID.UID)
	case r.History != nil:
		for _, h := range r.History.Mails {
			w.add(r.History.Folder, r.History.Validity, h.UID)
		}
	}
}

// folder compares one folder: the listing and the ledger are both in UID
// order, and are walked side by side.
func (a *Audit) folder(tx *store.Tx, l Listing, w waiting) error {
	uids := slices.Clone(l.UIDs)
	slices.Sort(uids)
	uids = slices.Compact(uids)
	a.UIDs += len(uids)
	c, ok, err := tx.Cursor(l.Folder)
	if err != nil {
		return err
	}
	if !ok || c.UIDValidity != l.Validity {
		a.Pending += len(uids) // the folder has not been looked at since
		return nil
	}
	waits := w[folderKey{l.Folder, l.Validity}]
	miss := func(n uint32) {
		switch {
		case waits[n]:
			a.Accounted++
		case n >= c.Next, n < c.First && n < c.HistoryNext:
			a.Pending++
		default:
			a.Missing = append(a.Missing, store.UID{Folder: l.Folder, Validity: l.Validity, UID: n})
		}
	}
	err = a.ledger(tx, c, func(n uint32, ok bool) {
		for len(uids) > 0 && uids[0] < n {
			miss(uids[0])
			uids = uids[1:]
		}
		if len(uids) > 0 && uids[0] == n {
			if ok {
				a.Accounted++
			}
			uids = uids[1:]
		}
	}, waits)
	if err != nil {
		return err
	}
	for _, n := range uids {
		miss(n)
	}
	return nil
}

// ledger walks the ledger of a folder and tells of each UID whether its entry
// holds; what does not is kept as broken.
func (a *Audit) ledger(tx *store.Tx, c store.Cursor, f func(uid uint32, ok bool), waits map[uint32]bool) error {
	return tx.EachOutcome(c.Folder, c.UIDValidity, func(n uint32, o store.Outcome) error {
		why, err := contradiction(tx, c, n, o)
		if err != nil {
			return err
		}
		if waits[n] && o.Kind != store.OutcomeAside {
			why = "it has the outcome " + string(o.Kind) + " and waits in the inbox"
		}
		if why != "" {
			a.Broken = append(a.Broken, Broken{UID: store.UID{Folder: c.Folder, Validity: c.UIDValidity, UID: n}, Why: why})
		}
		f(n, why == "")
		return nil
	})
}

// contradiction says what is wrong with a ledger entry, "" for nothing.
func contradiction(tx *store.Tx, c store.Cursor, n uint32, o store.Outcome) (string, error) {
	if n >= c.Next {
		return fmt.Sprintf("it has the outcome %s, but the cursor stands at %d", o.Kind, c.Next), nil
	}
	if o.Conversation == 0 {
		return "", nil
	}
	if tx.HasEvent(threads.ID(o.Conversation), max(1, o.Event)) {
		return "", nil
	}
	conv, _, err := tx.Conversation(threads.ID(o.Conversation))
	return fmt.Sprintf("it is event %d of conversation %d, which has %d", o.Event, o.Conversation, conv.N), err
}
