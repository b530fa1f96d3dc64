package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"postroom/threads"
)

// Verify walks the whole state and returns what is broken, nil when nothing
// is. It reads in one transaction: for a stopped service, and for tests at
// their end.
func (s *Store) Verify() []error {
	v := &verifier{pending: map[string]bool{}, holds: map[string]threads.ID{}, refs: map[uint64]uint64{}, ends: map[uint64]int64{}}
	v.add(s.View(func(tx *Tx) error {
		v.conversations(tx)
		v.openings(tx)
		v.references(tx)
		v.outbox(tx)
		v.timers(tx)
		v.ledger(tx)
		return nil
	}))
	v.segments(s)
	return v.found
}

type verifier struct {
	found []error
	// What conversations say: events that wait for an engineer, and held mails.
	pending map[string]bool
	holds   map[string]threads.ID

	refs  map[uint64]uint64 // references found, by segment
	count map[uint64]uint64 // references counted
	ends  map[uint64]int64  // how long a segment must be, in octets
}

func (v *verifier) add(err error) {
	if err != nil {
		v.found = append(v.found, err)
	}
}

func (v *verifier) addf(format string, args ...any) { v.add(fmt.Errorf(format, args...)) }

// conversations: each state is the fold of its events, which have no gap.
func (v *verifier) conversations(tx *Tx) {
	seen := map[uint64]bool{}
	v.add(tx.EachConversation(func(c threads.Conversation) error {
		seen[uint64(c.ID)] = true
		events, err := tx.Events(c.ID)
		if err != nil {
			return err
		}
		for i, e := range events {
			if e.N != i+1 {
				v.addf("conversation %d: event %d stands in place %d", c.ID, e.N, i+1)
			}
		}
		want, err1 := json.Marshal(threads.Fold(c.ID, events))
		got, err2 := json.Marshal(c)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if !bytes.Equal(want, got) {
			v.addf("conversation %d: its state is not what its events say:\n got %s\nwant %s", c.ID, got, want)
		}
		for _, n := range c.Pending {
			v.pending[string(eventKey(c.ID, n))] = true
		}
		for _, h := range c.Holds {
			v.holds[h] = c.ID
		}
		return nil
	}))
	v.add(tx.bucket(bEvents).ForEach(func(k, _ []byte) error {
		if id := conversationOf(k); !seen[id] {
			v.addf("event %x belongs to no conversation", k)
			seen[id] = true
		}
		return nil
	}))
}

// references: every record that refers to the spool, against the counts.
func (v *verifier) references(tx *Tx) {
	for _, name := range []string{bInbox, bParked, bAsked, bLost} {
		records, err := tx.records(name, int(^uint(0)>>1))
		v.add(err)
		for _, r := range records {
			v.mail(r)
		}
	}
	asides, err := tx.Asides()
	v.add(err)
	for _, a := range asides {
		v.mail(a.Record)
	}
	holds, err := tx.Holds()
	v.add(err)
	for _, h := range holds {
		if h.OutID == "" {
			v.ref(h.Raw)
		}
		if v.holds[h.ID] != h.Conversation {
			v.addf("held mail %s: conversation %d does not know it", h.ID, h.Conversation)
		}
		delete(v.holds, h.ID)
	}
	for id, c := range v.holds {
		v.addf("held mail %s of conversation %d is not there", id, c)
	}
	v.add(tx.bucket(bKept).ForEach(func(k, data []byte) error {
		var ref Ref
		if err := decode(data, &ref); err != nil {
			return err
		}
		v.ref(ref)
		if !v.pending[string(k)] {
			v.addf("raw mail of event %x is kept for nobody", k)
		}
		delete(v.pending, string(k))
		return nil
	}))
	for k := range v.pending {
		v.addf("event %x waits for an engineer, but its raw mail is not kept", k)
	}
	v.add(tx.EachOut(func(m OutMail) error {
		for _, ref := range m.Sources {
			v.ref(ref)
		}
		return nil
	}))
	chores, err := tx.Chores(int(^uint(0) >> 1))
	v.add(err)
	for _, c := range chores {
		if c.Append != nil {
			for _, ref := range c.Append.Sources {
				v.ref(ref)
			}
		}
	}
	v.add(tx.EachWanted(func(w Wanted) error {
		for _, m := range w.Mails[min(w.Sent, len(w.Mails)):] {
			if m.Here {
				v.ref(m.Raw)
			}
		}
		return nil
	}))
	v.count = map[uint64]uint64{}
	v.add(tx.bucket(bSegments).ForEach(func(k, n []byte) error {
		v.count[binary.BigEndian.Uint64(k)] = binary.BigEndian.Uint64(n)
		return nil
	}))
	for seg, n := range v.refs {
		if v.count[seg] != n {
			v.addf("spool segment %d: %d references, %d counted", seg, n, v.count[seg])
		}
	}
	for seg, n := range v.count {
		if v.refs[seg] == 0 {
			v.addf("spool segment %d: no references, %d counted", seg, n)
		}
	}
}

func (v *verifier) ref(ref Ref) {
	v.refs[ref.Segment]++
	v.ends[ref.Segment] = max(v.ends[ref.Segment], ref.Offset+ref.Length)
}

func (v *verifier) mail(r InboxRecord) {
	if r.Mail != nil {
		v.ref(r.Mail.Raw)
	}
	if r.Fetched != nil && r.Fetched.Event != 0 && r.Fetched.Why == "" {
		v.ref(r.Fetched.Raw)
	}
}

// outbox: its indexes say what its records say.
func (v *verifier) outbox(tx *Tx) {
	due, unresolved := 0, 0
	v.add(tx.EachOut(func(m OutMail) error {
		switch m.State {
		case OutQueued:
			due++
			if tx.bucket(bDue).Get(placeOf(&m).dueKey(m.ID)) == nil {
				v.addf("outbox mail %s is queued but not due", m.ID)
			}
		case OutSending, OutUnknown:
			unresolved++
			if tx.bucket(bUnresolved).Get([]byte(m.ID)) == nil {
				v.addf("outbox mail %s is %s but not listed", m.ID, m.State)
			}
		}
		return nil
	}))
	if n := tx.bucket(bDue).len(); n != due {
		v.addf("outbox: %d mails queued, %d due", due, n)
	}
	if n := tx.bucket(bUnresolved).len(); n != unresolved {
		v.addf("outbox: %d mails unresolved, %d listed", unresolved, n)
	}
	recipes := tx.bucket(bRecipes)
	if recipes == nil {
		return // an earlier version wrote this, and it is only being read
	}
	v.add(recipes.ForEach(func(k, _ []byte) error {
		if tx.bucket(bOutbox).Get(k) == nil {
			v.addf("recipe %q is of no mail", k)
		}
		return nil
	}))
}

func (v *verifier) timers(tx *Tx) {
	if a, b := tx.bucket(bTimers).len(), tx.bucket(bTimerNames).len(); a != b {
		v.addf("timers: %d deadlines, %d names", a, b)
	}
}

// ledger: every UID a cursor has passed is in the ledger or still waits.
func (v *verifier) ledger(tx *Tx) {
	waiting := map[UID]bool{}
	for _, name := range []string{bInbox, bParked, bAsked, bLost} {
		records, err := tx.records(name, int(^uint(0)>>1))
		v.add(err)
		for _, r := range records {
			switch {
			case r.Mail != nil:
				waiting[r.Mail.UID] = true
			case r.Gone != nil:
				waiting[r.Gone.UID] = true
			case r.History != nil:
				for _, h := range r.History.Mails {
					waiting[UID{r.History.Folder, r.History.Validity, h.UID}] = true
				}
			}
		}
	}
	cursors, err := tx.Cursors()
	v.add(err)
	for _, c := range cursors {
		v.add(tx.EachOutcome(c.Folder, c.UIDValidity, func(uid uint32, o Outcome) error {
			u := UID{c.Folder, c.UIDValidity, uid}
			if waiting[u] {
				v.addf("%s is in the ledger as %s and waits in the inbox", u, o.Kind)
			}
			if uid >= c.Next {
				v.addf("%s is in the ledger, but the cursor stands at %d", u, c.Next)
			}
			return nil
		}))
	}
}

// segments: the files are those that are counted, and long enough.
func (v *verifier) segments(s *Store) {
	for seg := range v.count {
		info, err := os.Stat(s.spool.path(seg))
		if err != nil {
			v.addf("spool segment %d: %w", seg, err)
		} else if info.Size() < v.ends[seg] {
			v.addf("spool segment %d: %s is cut short: it has %d octets, and must have %d", seg, s.spool.path(seg), info.Size(), v.ends[seg])
		}
	}
}
