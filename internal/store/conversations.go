package store

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"

	"postroom/threads"
)

// NewConversation takes the next conversation number.
func (tx *Tx) NewConversation() (threads.ID, error) {
	n, err := tx.bucket(bConversations).NextSequence()
	return threads.ID(n), err
}

// NextConversation is the number that NewConversation will take.
func (tx *Tx) NextConversation() threads.ID {
	return threads.ID(tx.bucket(bConversations).Sequence() + 1)
}

// Conversation returns the state of a conversation.
func (tx *Tx) Conversation(id threads.ID) (threads.Conversation, bool, error) {
	var h headRecord
	ok, err := tx.get(bConversations, u64(uint64(id)), &h)
	return h.Conversation, ok, err
}

// Commit appends events to a conversation and stores the state that follows
// from them.
func (tx *Tx) Commit(c threads.Conversation, events []threads.Event) error {
	for _, e := range events {
		data, err := e.AppendBinary(append(make([]byte, 0, 256), compactVersion))
		if err != nil {
			return fmt.Errorf("storing event %d of conversation %d: %w", e.N, c.ID, err)
		}
		key := eventKey(c.ID, e.N)
		if tx.bucket(bEvents).Get(key) != nil {
			return fmt.Errorf("storing event %d of conversation %d: there is one", e.N, c.ID)
		}
		if err := tx.bucket(bEvents).Put(key, data); err != nil {
			return err
		}
	}
	if err := tx.index(c); err != nil {
		return err
	}
	return tx.put(bConversations, u64(uint64(c.ID)), headRecord{c})
}

// Events returns the history of a conversation.
func (tx *Tx) Events(id threads.ID) ([]threads.Event, error) {
	var all []threads.Event
	prefix := u64(uint64(id))
	c := tx.bucket(bEvents).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		e, err := decodeEvent(v)
		if err != nil {
			return nil, fmt.Errorf("reading the events of conversation %d: %w", id, err)
		}
		all = append(all, e)
	}
	return all, nil
}

// EachConversation walks all conversations by number.
func (tx *Tx) EachConversation(f func(threads.Conversation) error) error {
	return tx.bucket(bConversations).ForEach(func(k, v []byte) error {
		var h headRecord
		if err := decode(v, &h); err != nil {
			return fmt.Errorf("reading conversation %x: %w", k, err)
		}
		return f(h.Conversation)
	})
}

func eventKey(id threads.ID, n int) []byte { return append(u64(uint64(id)), u32(uint32(n))...) }

// Text returns the text kept of an event's mail, "" when there is none.
func (tx *Tx) Text(id threads.ID, n int) (string, error) {
	data := tx.bucket(bTexts).Get(eventKey(id, n))
	if data == nil {
		return "", nil
	}
	if len(data) == 0 || data[0] != recordVersion {
		return "", fmt.Errorf("reading the text of event %d.%d: record version %x is not known", id, n, data[:min(1, len(data))])
	}
	r := io.LimitReader(flate.NewReader(bytes.NewReader(data[1:])), threads.MaxText+1)
	text, err := io.ReadAll(r)
	if err != nil {
		return "", fmt.Errorf("reading the text of event %d.%d: %w", id, n, err)
	}
	return string(text), nil
}

// KeepRaw keeps the raw mail of an event, with a reference of its own.
func (tx *Tx) KeepRaw(id threads.ID, n int, ref Ref) error {
	if err := tx.Retain(ref); err != nil {
		return err
	}
	return tx.put(bKept, eventKey(id, n), ref)
}

// Kept returns the raw mail kept for an event.
func (tx *Tx) Kept(id threads.ID, n int) (Ref, bool, error) {
	var ref Ref
	ok, err := tx.get(bKept, eventKey(id, n), &ref)
	return ref, ok, err
}

// DropRaw lets the raw mail kept for an event go.
func (tx *Tx) DropRaw(id threads.ID, n int) error {
	ref, ok, err := tx.Kept(id, n)
	if err != nil || !ok {
		return err
	}
	if err := tx.bucket(bKept).Delete(eventKey(id, n)); err != nil {
		return err
	}
	return tx.Release(ref)
}

// Hold is a mail kept back. It holds a reference to its raw mail.
type Hold struct {
	ID           string      `json:"id"`
	Conversation threads.ID  `json:"conversation,omitempty"` // 0: of none
	Event        int         `json:"event,omitempty"`
	Engineer     string      `json:"engineer,omitempty"` // whose address it is from
	Asked        string      `json:"asked,omitempty"`    // who may release it
	From         string      `json:"from"`               // as the mail has it
	Subject      string      `json:"subject"`
	Why          threads.Why `json:"why"`
	Reason       string      `json:"reason"`
	Answers      int         `json:"answers,omitempty"`
	// To and Cc are whom it would go to, as its notice says; none in records
	// of older versions.
	To    []threads.Address `json:"to,omitempty"`
	Cc    []threads.Address `json:"cc,omitempty"`
	OutID string            `json:"out_id,omitempty"` // a mail of ours that may have gone out; Raw is empty then
	Raw   Ref               `json:"raw"`
	UID   UID               `json:"uid"`
	At    int64             `json:"at"` // Unix seconds
	// Lines are the first of it, by which it is recognised.
	Lines string `json:"lines,omitempty"`
	// Confirm is set when nothing shows that the engineer who is asked wrote it,
	// Untold while she has not been asked yet.
	Confirm bool `json:"confirm,omitempty"`
	Untold  bool `json:"untold,omitempty"`
	// Spent says that it carries what only Asked was sent, and counts no longer.
	Spent bool `json:"spent,omitempty"`
}

// SetHold stores a held mail and, when it is new, takes its reference.
func (tx *Tx) SetHold(h Hold) error {
	if tx.bucket(bHolds).Get([]byte(h.ID)) == nil && h.OutID == "" {
		if err := tx.Retain(h.Raw); err != nil {
			return err
		}
	}
	return tx.put(bHolds, []byte(h.ID), h)
}

// Hold returns a held mail.
func (tx *Tx) Hold(id string) (Hold, bool, error) {
	var h Hold
	ok, err := tx.get(bHolds, []byte(id), &h)
	return h, ok, err
}

// DropHold removes a held mail and its reference.
func (tx *Tx) DropHold(id string) error {
	h, ok, err := tx.Hold(id)
	if err != nil || !ok {
		return err
	}
	if err := tx.bucket(bHolds).Delete([]byte(id)); err != nil {
		return err
	}
	if h.OutID != "" {
		return nil
	}
	return tx.Release(h.Raw)
}

// Holds returns all held mails, by id.
func (tx *Tx) Holds() ([]Hold, error) {
	var all []Hold
	err := tx.EachHold(func(h Hold) bool {
		all = append(all, h)
		return true
	})
	return all, err
}

// EachHold calls f for each held mail, by id, until it says false. f must
// change nothing.
func (tx *Tx) EachHold(f func(Hold) bool) error {
	c := tx.bucket(bHolds).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		var h Hold
		if err := decode(v, &h); err != nil {
			return fmt.Errorf("reading hold %q: %w", k, err)
		}
		if !f(h) {
			break
		}
	}
	return nil
}

// Pointers returns whose turn it is under a name; the zero value before the
// first pick.
func (tx *Tx) Pointers(name string) (threads.Pointers, error) {
	var p threads.Pointers
	_, err := tx.get(bRotation, []byte("pointers-"+name), &p)
	return p, err
}

// SetPointers stores whose turn it is, in the transaction that assigns.
func (tx *Tx) SetPointers(name string, p threads.Pointers) error {
	return tx.put(bRotation, []byte("pointers-"+name), p)
}

// conversationOf reads the number in an event's key.
func conversationOf(key []byte) uint64 { return binary.BigEndian.Uint64(key) }

// Event returns one event of a conversation.
func (tx *Tx) Event(id threads.ID, n int) (threads.Event, bool, error) {
	data := tx.bucket(bEvents).Get(eventKey(id, n))
	if data == nil {
		return threads.Event{}, false, nil
	}
	e, err := decodeEvent(data)
	if err != nil {
		return e, true, fmt.Errorf("reading event %d of conversation %d: %w", n, id, err)
	}
	return e, true, nil
}

// decodeEvent reads an event; of version 1 it is JSON.
func decodeEvent(data []byte) (e threads.Event, err error) {
	if len(data) > 0 && data[0] == compactVersion {
		err = e.UnmarshalBinary(data[1:])
	} else {
		err = decode(data, &e)
	}
	return e, err
}

// HasEvent reports whether a conversation has an event of that number.
func (tx *Tx) HasEvent(id threads.ID, n int) bool {
	return tx.bucket(bEvents).Get(eventKey(id, n)) != nil
}

// SetUIDOf records which message of the mailbox an event is.
func (tx *Tx) SetUIDOf(id threads.ID, n int, uid UID) error {
	return tx.put(bUIDs, eventKey(id, n), uid)
}

// UIDOf returns which message of the mailbox an event is.
func (tx *Tx) UIDOf(id threads.ID, n int) (UID, bool, error) {
	var uid UID
	ok, err := tx.get(bUIDs, eventKey(id, n), &uid)
	return uid, ok, err
}
