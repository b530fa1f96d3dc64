package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Cursor says how far one folder has been read. Only imapsync writes it, in
// the transaction that puts what it passes into the inbox.
type Cursor struct {
	Folder      string `json:"folder"`
	UIDValidity uint32 `json:"uidvalidity"`
	// Next is the lowest UID that has not been put into the inbox yet; all
	// UIDs from First up to it have been.
	Next uint32 `json:"next"`
	// First is where new mail begins: UIDs below it are history.
	First uint32 `json:"first"`
	// HistoryNext is where the history import stands: it goes downwards, and
	// UIDs in [HistoryNext, First) are done. 1 means it is complete.
	HistoryNext  uint32 `json:"history_next"`
	HistoryDone  int    `json:"history_done"`  // messages
	HistoryTotal int    `json:"history_total"` // messages, as counted at the start
	// Again is set when the folder was renumbered: UIDs below it were there
	// already, and are looked at by their header first.
	Again uint32 `json:"again,omitempty"`
}

// HistoryComplete reports whether nothing of the history is left to import.
func (c Cursor) HistoryComplete() bool { return c.HistoryNext <= 1 }

// Cursor returns the cursor of a folder, and false before its first SELECT.
func (tx *Tx) Cursor(folder string) (Cursor, bool, error) {
	var c Cursor
	ok, err := tx.get(bCursor, []byte(folder), &c)
	return c, ok, err
}

// SetCursor stores a cursor under its folder.
func (tx *Tx) SetCursor(c Cursor) error { return tx.put(bCursor, []byte(c.Folder), c) }

// Cursors returns all cursors.
func (tx *Tx) Cursors() ([]Cursor, error) {
	var all []Cursor
	err := tx.bucket(bCursor).ForEach(func(k, v []byte) error {
		var c Cursor
		if err := decode(v, &c); err != nil {
			return fmt.Errorf("reading cursor %q: %w", k, err)
		}
		all = append(all, c)
		return nil
	})
	return all, err
}

// UID names one message of the mailbox, for good (RFC 3501 §2.3.1.1).
type UID struct {
	Folder   string `json:"folder"`
	Validity uint32 `json:"uidvalidity"`
	UID      uint32 `json:"uid"`
}

// String is "INBOX/7/42": folder, UIDVALIDITY, UID.
func (u UID) String() string { return fmt.Sprintf("%s/%d/%d", u.Folder, u.Validity, u.UID) }

func (u UID) key() []byte {
	k := append([]byte(u.Folder), 0)
	return append(append(k, u32(u.Validity)...), u32(u.UID)...)
}

// OutcomeKind is what became of a UID.
type OutcomeKind string

// The outcomes a UID can have. Each UID has exactly one.
const (
	OutcomeEvent   OutcomeKind = "event"    // it is an event of a conversation
	OutcomeSame    OutcomeKind = "same"     // it is a mail we had already
	OutcomeOwn     OutcomeKind = "own"      // our own copy
	OutcomeUnseen  OutcomeKind = "recorded" // recorded, given to nobody (bulk, spam, unmatched reports and auto-replies)
	OutcomeCommand OutcomeKind = "command"  // an engineer's mail that is about no conversation
	OutcomeAside   OutcomeKind = "aside"    // set aside
	OutcomeHistory OutcomeKind = "history"  // older than imap.start
	OutcomeGone    OutcomeKind = "gone"     // no longer there when we came to fetch it
)

// Outcome is a ledger entry.
type Outcome struct {
	Kind         OutcomeKind `json:"kind"`
	Conversation uint64      `json:"conversation,omitempty"`
	Event        int         `json:"event,omitempty"`
	Class        string      `json:"class,omitempty"`
	Note         string      `json:"note,omitempty"`
}

// SetOutcome enters what became of a UID. A second, different entry is an
// error, but for a mail that had been set aside, or had been given to nobody
// and now is in a conversation: one UID, one outcome.
func (tx *Tx) SetOutcome(uid UID, o Outcome) error {
	var old Outcome
	had, err := tx.get(bLedger, uid.key(), &old)
	if err != nil {
		return err
	}
	handedOut := old.Conversation == 0 && (old.Kind == OutcomeUnseen || old.Kind == OutcomeSame || old.Kind == OutcomeCommand) && o.Conversation != 0
	if had && old != o && old.Kind != OutcomeAside && !handedOut {
		return fmt.Errorf("entering %s as %s: it is in the ledger as %s", uid, o.Kind, old.Kind)
	}
	return tx.put(bLedger, uid.key(), o)
}

// Outcome returns the ledger entry of a UID.
func (tx *Tx) Outcome(uid UID) (Outcome, bool, error) {
	var o Outcome
	ok, err := tx.get(bLedger, uid.key(), &o)
	return o, ok, err
}

// EachOutcome walks the ledger of one folder and UIDVALIDITY in UID order.
func (tx *Tx) EachOutcome(folder string, validity uint32, f func(uid uint32, o Outcome) error) error {
	prefix := append(append([]byte(folder), 0), u32(validity)...)
	c := tx.bucket(bLedger).Cursor()
	for k, v := c.Seek(prefix); len(k) == len(prefix)+4 && string(k[:len(prefix)]) == string(prefix); k, v = c.Next() {
		var o Outcome
		if err := decode(v, &o); err != nil {
			return fmt.Errorf("reading the ledger at %x: %w", k, err)
		}
		if err := f(binary.BigEndian.Uint32(k[len(prefix):]), o); err != nil {
			return err
		}
	}
	return nil
}

// ChoreKind is something to do in the mailbox.
type ChoreKind string

// The chores. Each is safe to do twice.
const (
	ChoreSeen     ChoreKind = "seen"      // set \Seen
	ChoreAnswered ChoreKind = "answered"  // set \Answered
	ChoreFileSent ChoreKind = "file_sent" // move our own copy to the Sent folder
	ChoreClosed   ChoreKind = "closed"    // move the mail of a closed conversation away
)

// Chore is one thing to do with one message.
type Chore struct {
	Seq  uint64    `json:"seq"`
	UID  UID       `json:"uid"`
	Kind ChoreKind `json:"kind"`
	At   time.Time `json:"at"`
	// Tries counts failed attempts; imapsync gives up after a few and a
	// day, and logs it: a flag is never worth a stopped mailbox.
	Tries int `json:"tries,omitempty"`
	// Append is what a ChoreAppend files; nil for the others.
	Append *Append `json:"append,omitempty"`
}

// AddChore queues a chore and sets its Seq.
func (tx *Tx) AddChore(c Chore) error {
	seq, err := tx.bucket(bChores).NextSequence()
	if err != nil {
		return err
	}
	c.Seq = seq
	tx.touched(WakeChores)
	return tx.put(bChores, u64(seq), c)
}

// Chores returns up to max chores, oldest first.
func (tx *Tx) Chores(max int) ([]Chore, error) {
	var all []Chore
	c := tx.bucket(bChores).Cursor()
	for k, v := c.First(); k != nil && len(all) < max; k, v = c.Next() {
		var ch Chore
		if err := decode(v, &ch); err != nil {
			return nil, fmt.Errorf("reading chore %x: %w", k, err)
		}
		all = append(all, ch)
	}
	return all, nil
}

// MapChores lets the chores of one message of the mailbox be of another: the
// number it got when its folder was renumbered.
func (tx *Tx) MapChores(from map[UID]UID) error {
	if len(from) == 0 {
		return nil
	}
	list, err := tx.Chores(int(^uint(0) >> 1))
	if err != nil {
		return err
	}
	for _, c := range list {
		to, ok := from[c.UID]
		if !ok {
			continue
		}
		c.UID = to
		if err := tx.UpdateChore(c); err != nil {
			return err
		}
	}
	return tx.mapFetches(from)
}

// DropChoresBut removes the chores of a folder that are of another
// UIDVALIDITY: their messages are not what they were.
func (tx *Tx) DropChoresBut(folder string, validity uint32) error {
	list, err := tx.Chores(int(^uint(0) >> 1))
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.UID.Folder == folder && c.UID.Validity != validity && c.Append == nil {
			if err := tx.DropChore(c.Seq); err != nil {
				return err
			}
		}
	}
	return nil
}

// UpdateChore stores a chore again, under its Seq.
func (tx *Tx) UpdateChore(c Chore) error { return tx.put(bChores, u64(c.Seq), c) }

// DropChore removes a chore that is done or given up.
func (tx *Tx) DropChore(seq uint64) error {
	if err := tx.releaseChore(seq); err != nil {
		return err
	}
	return tx.bucket(bChores).Delete(u64(seq))
}

// Meta reads a named value into v and reports whether it is there.
func (tx *Tx) Meta(name string, v any) (bool, error) {
	data := tx.bucket(bMeta).Get([]byte("x-" + name))
	if data == nil {
		return false, nil
	}
	return true, json.Unmarshal(data, v)
}

// SetMeta stores a named value.
func (tx *Tx) SetMeta(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	return tx.bucket(bMeta).Put([]byte("x-"+name), data)
}

// DropMeta removes a named value.
func (tx *Tx) DropMeta(name string) error { return tx.bucket(bMeta).Delete([]byte("x-" + name)) }

// EachMeta walks the named values whose names begin with a prefix, in order.
func (tx *Tx) EachMeta(prefix string, f func(name string, data []byte) error) error {
	c := tx.bucket(bMeta).Cursor()
	for k, v := c.Seek([]byte("x-" + prefix)); strings.HasPrefix(string(k), "x-"+prefix); k, v = c.Next() {
		if err := f(string(k[2:]), v); err != nil {
			return err
		}
	}
	return nil
}

// LedgerLen counts the ledger's entries. It walks the bucket's pages: for a
// sum now and then, not for every mail.
func (tx *Tx) LedgerLen() int { return tx.bucket(bLedger).len() }
