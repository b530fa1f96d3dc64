package store

import (
	"fmt"
	"time"
)

// Wanted is somebody's wish to have the mails of a conversation as they came.
// It holds a reference to each mail that is Here.
type Wanted struct {
	ID           string       `json:"id"`
	Conversation uint64       `json:"conversation"`
	For          string       `json:"for"` // engineer, or an admin's address
	Event        int          `json:"event"`
	At           time.Time    `json:"at"`
	Mails        []WantedMail `json:"mails"`
	Older        int          `json:"older,omitempty"` // mails before these that are left out, being too many
	Sent         int          `json:"sent,omitempty"`  // mails that are queued already; they hold what they need
}

// WantedMail is one of these mails.
type WantedMail struct {
	Event int  `json:"event"`
	Own   bool `json:"own,omitempty"` // it is ours, and lies in Sent if anywhere
	Here  bool `json:"here,omitempty"`
	Raw   Ref  `json:"raw,omitzero"`
	// Why says why it cannot be had; "" while it is waited for, or Here.
	Why string `json:"why,omitempty"`
}

// Open counts the mails that are still waited for.
func (w *Wanted) Open() (n int) {
	for _, m := range w.Mails {
		if !m.Here && m.Why == "" {
			n++
		}
	}
	return n
}

// SetWanted stores a wish under its ID.
func (tx *Tx) SetWanted(w Wanted) error { return tx.put(bWanted, []byte(w.ID), w) }

// Wanted returns a wish.
func (tx *Tx) Wanted(id string) (Wanted, bool, error) {
	var w Wanted
	ok, err := tx.get(bWanted, []byte(id), &w)
	return w, ok, err
}

// DropWanted removes a wish. The references it holds are the caller's to
// release.
func (tx *Tx) DropWanted(id string) error { return tx.bucket(bWanted).Delete([]byte(id)) }

// EachWanted walks the wishes that are not fulfilled.
func (tx *Tx) EachWanted(f func(Wanted) error) error {
	b := tx.bucket(bWanted)
	if b == nil {
		return nil // a file written before there were any, opened to read
	}
	return b.ForEach(func(k, v []byte) error {
		var w Wanted
		if err := decode(v, &w); err != nil {
			return fmt.Errorf("reading what is wanted, %q: %w", k, err)
		}
		return f(w)
	})
}

// Fetch is the chore to bring one message of the mailbox in whole, for
// somebody who asked. It is no mail that came: the ledger and the cursors know
// nothing of it. It may be done twice; the second result finds nobody waiting.
type Fetch struct {
	Seq    uint64 `json:"seq"`
	Wanted string `json:"wanted"` // for whom
	Event  int    `json:"event"`
	// UID is where it was when it came; the zero value where nobody knows. If
	// it is there no longer it is looked for by its MessageIDs.
	UID        UID      `json:"uid,omitzero"`
	MessageIDs []string `json:"message_ids,omitempty"`
	Own        bool     `json:"own,omitempty"` // Sent is looked into first
	Size       int64    `json:"size,omitempty"`
	Max        int64    `json:"max"` // octets; a bigger one is not fetched
	// Tries counts failures of this message, Next is when it is tried again.
	Tries int       `json:"tries,omitempty"`
	Next  time.Time `json:"next,omitzero"`
}

// AddFetch queues a fetch and sets its Seq.
func (tx *Tx) AddFetch(f Fetch) error {
	seq, err := tx.bucket(bFetch).NextSequence()
	if err != nil {
		return err
	}
	f.Seq = seq
	tx.touched(WakeFetch)
	return tx.put(bFetch, u64(seq), f)
}

// Fetches returns what is to be fetched, oldest first.
func (tx *Tx) Fetches() ([]Fetch, error) {
	var all []Fetch
	err := tx.bucket(bFetch).ForEach(func(k, v []byte) error {
		var f Fetch
		if err := decode(v, &f); err != nil {
			return fmt.Errorf("reading fetch %x: %w", k, err)
		}
		all = append(all, f)
		return nil
	})
	return all, err
}

// UpdateFetch stores a fetch again, under its Seq, unless it is crossed out.
func (tx *Tx) UpdateFetch(f Fetch) error {
	if tx.bucket(bFetch).Get(u64(f.Seq)) == nil {
		return nil
	}
	return tx.put(bFetch, u64(f.Seq), f)
}

// InFetched is what a fetch came to. The record holds a reference to Raw
// where there is one.
type InFetched struct {
	Wanted string `json:"wanted"`
	// Event is which mail; 0 for none: the next of the mails that bring what
	// is here is to be made.
	Event int    `json:"event,omitempty"`
	UID   UID    `json:"uid,omitzero"` // where it was found
	Raw   Ref    `json:"raw,omitzero"`
	Why   string `json:"why,omitempty"` // why it cannot be had; Raw is empty then
}

// AddFetched puts the result of a fetch into the inbox and crosses the fetch
// out. Of a fetch that is crossed out already nothing is told again.
func (tx *Tx) AddFetched(at time.Time, f Fetch, in InFetched) error {
	key := u64(f.Seq)
	if tx.bucket(bFetch).Get(key) == nil {
		return nil
	}
	if err := tx.bucket(bFetch).Delete(key); err != nil {
		return err
	}
	if in.Why == "" {
		if err := tx.Retain(in.Raw); err != nil {
			return err
		}
	}
	return tx.AddInbox(InboxRecord{At: at, Fetched: &in})
}

// mapFetches lets what is to be fetched be another message: the number it got
// when its folder was renumbered.
func (tx *Tx) mapFetches(from map[UID]UID) error {
	list, err := tx.Fetches()
	if err != nil {
		return err
	}
	for _, f := range list {
		to, ok := from[f.UID]
		if !ok {
			continue
		}
		f.UID = to
		if err := tx.UpdateFetch(f); err != nil {
			return err
		}
	}
	return nil
}
