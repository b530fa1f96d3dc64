package store

import (
	"encoding/binary"
	"fmt"
	"time"
)

// OutKind is what kind of mail this is. Answers leave first.
type OutKind string

// The kinds of outgoing mail.
const (
	OutAnswer OutKind = "answer" // to a customer
	OutCopy   OutKind = "copy"   // a customer's mail, to an engineer
	OutNotice OutKind = "notice" // from Postroom itself, to an engineer or admin
)

// OutState is where a mail or one of its recipients stands.
type OutState string

// The states. A recipient is queued, sent, failed or unknown; a mail is
// queued while a recipient is to be tried, sending while an attempt runs,
// unknown while an attempt's end is not known, stopped by hand, else done.
const (
	OutQueued  OutState = "queued"
	OutSending OutState = "sending"
	OutUnknown OutState = "unknown"
	OutStopped OutState = "stopped"
	OutSent    OutState = "sent"
	OutFailed  OutState = "failed"
	OutDone    OutState = "done"
)

// OutMail is one mail on its way, with one chosen Message-ID for all its
// attempts. The record holds a reference to each of its Sources.
type OutMail struct {
	ID           string  `json:"id"` // chosen from conversation, step and effect: queued once
	Kind         OutKind `json:"kind"`
	Conversation uint64  `json:"conversation,omitempty"`
	Event        int     `json:"event,omitempty"`  // the event it follows from
	Author       string  `json:"author,omitempty"` // engineer whose answer it is
	To           string  `json:"to,omitempty"`     // engineer or admin a copy or notice is for
	Subject      string  `json:"subject"`
	MessageID    string  `json:"message_id"`

	// EnvelopeFrom is the reverse-path (RFC 5321 §4.1.1.2), "" the null one;
	// Fallback is used in its place once the relay refuses foreign senders.
	EnvelopeFrom string      `json:"envelope_from"`
	Fallback     string      `json:"fallback"`
	Recipients   []Recipient `json:"recipients"`
	OwnCopy      string      `json:"own_copy,omitempty"` // one more RCPT, for our own copy; "" for none
	// OwnRefused is what the relay said of our own copy in the attempt that
	// runs or ended last, when it refused it: the mail is filed by a chore.
	OwnRefused string `json:"own_refused,omitempty"`
	Filed      bool   `json:"filed,omitempty"` // that chore is queued
	// CopyNo counts the copy addresses this mail has had: each transaction that
	// may go through has its own, so that a copy says which one it proves.
	CopyNo int `json:"copy_no,omitempty"`

	Recipe   []byte `json:"recipe"`  // opaque: how the octets are made
	Sources  []Ref  `json:"sources"` // the spool the recipe draws from
	Size     int64  `json:"size"`    // octets as sent
	EightBit bool   `json:"eight_bit,omitempty"`
	// UTF8Header says that there is a second form of it, with a header in UTF-8
	// (RFC 6532), for relays with SMTPUTF8. Who renders the mail is asked for
	// that form by it, and for the first, which has the Size, without it.
	UTF8Header bool `json:"utf8_header,omitempty"`

	Originals *Originals `json:"originals,omitempty"` // set when it brings mails to somebody who asked for them

	State       OutState  `json:"state"`
	Queued      time.Time `json:"queued"`
	Deadline    time.Time `json:"deadline"` // given up behind this
	NextAttempt time.Time `json:"next_attempt"`
	Attempts    int       `json:"attempts"`
	// AttemptBegan is set when an attempt is committed, AttemptEnded when its
	// end is; Accepted lists the recipients the relay had accepted when DATA
	// was about to be sent: a returned copy proves these and no others.
	AttemptBegan time.Time `json:"attempt_began,omitzero"`
	AttemptEnded time.Time `json:"attempt_ended,omitzero"`
	Accepted     []string  `json:"accepted,omitempty"`
	// Doubt lists, by CopyNo, the recipients an earlier attempt may have
	// reached: when its copy comes back late they are not sent the mail again.
	Doubt     map[int][]string `json:"doubt,omitempty"`
	LastReply string           `json:"last_reply,omitempty"` // the relay's words, cleaned, at most 512 octets
}

// Originals is what a mail brings to somebody who asked: to make others of it
// where it is too big.
type Originals struct {
	Events  []int    `json:"events"`            // whose mails its sources are
	Missing []string `json:"missing,omitempty"` // lines about those that cannot be had
}

// Recipient is one forward-path of a mail and what became of it.
type Recipient struct {
	Address  string   `json:"address"`
	State    OutState `json:"state"`
	Attempts int      `json:"attempts,omitempty"`
	Code     int      `json:"code,omitempty"`     // SMTP reply code, 0 when there was none
	Enhanced string   `json:"enhanced,omitempty"` // RFC 3463
	Reply    string   `json:"reply,omitempty"`    // the relay's words, cleaned, bounded
}

// Delivery is what delivery tells the gateway about a mail: after each
// attempt that settled a recipient, or left the mail unknown.
type Delivery struct {
	OutID   string         `json:"out_id"`
	Attempt int            `json:"attempt"`
	State   OutState       `json:"state"`   // of the mail
	Results []Recipient    `json:"results"` // the recipients this attempt settled
	Problem DeliveryHurdle `json:"problem,omitempty"`
}

// DeliveryHurdle is a reason why a mail cannot be sent as it is composed,
// which composing it anew can cure.
type DeliveryHurdle string

// The hurdles.
const (
	HurdleNone     DeliveryHurdle = ""
	HurdleEightBit DeliveryHurdle = "8bit"     // the relay lacks 8BITMIME (RFC 6152)
	HurdleSize     DeliveryHurdle = "size"     // larger than the relay's SIZE (RFC 1870)
	HurdleUTF8     DeliveryHurdle = "smtputf8" // a local part needs SMTPUTF8 (RFC 6531)
	HurdleDeadline DeliveryHurdle = "deadline" // tried until the deadline
)

// Enqueue puts a mail into the outbox. A mail whose ID is there already is
// left as it is: an effect happens once. The sources are retained here.
func (tx *Tx) Enqueue(m OutMail) error {
	if tx.bucket(bOutbox).Get([]byte(m.ID)) != nil {
		return nil
	}
	for _, ref := range m.Sources {
		if err := tx.Retain(ref); err != nil {
			return err
		}
	}
	return tx.SetOut(m)
}

// Out returns the mail with this ID.
func (tx *Tx) Out(id string) (OutMail, bool, error) {
	m, ok, err := tx.outRecord([]byte(id))
	if err != nil || !ok {
		return m, ok, err
	}
	m.Recipe = tx.recipe(&m)
	return m, true, nil
}

// OutRecord is Out without the recipe, for who does not make the octets.
func (tx *Tx) OutRecord(id string) (OutMail, bool, error) { return tx.outRecord([]byte(id)) }

// SetOut stores a mail and keeps the indexes of what is due and what is
// unresolved. One without a recipe keeps the recipe it has.
func (tx *Tx) SetOut(m OutMail) error {
	old, had, err := tx.placeOf(m.ID)
	if err != nil {
		return err
	}
	if m, err = tx.setRecipe(m); err != nil {
		return err
	}
	if err := tx.bucket(bOutbox).Put([]byte(m.ID), encodeOut(&m)); err != nil {
		return err
	}
	return tx.reindexOut(m.ID, old, had, placeOf(&m))
}

// DropOut removes a mail and its references to the spool.
func (tx *Tx) DropOut(m OutMail) error {
	old, had, err := tx.outRecord([]byte(m.ID))
	if err != nil || !had {
		return err
	}
	if err := tx.reindexOut(m.ID, placeOf(&old), true, place{}); err != nil {
		return err
	}
	for _, ref := range old.Sources {
		if err := tx.Release(ref); err != nil {
			return err
		}
	}
	for _, name := range []string{bReturned, bRecipes, bOutbox} {
		if err := tx.bucket(name).Delete([]byte(m.ID)); err != nil {
			return err
		}
	}
	return nil
}

// Due returns up to max queued mails whose time has come: answers first, then
// by time. A claim is the caller's: it sets them sending in this transaction.
func (tx *Tx) Due(now time.Time, max int) ([]OutMail, error) {
	var all []OutMail
	limit := uint64(now.UnixNano())
	for _, prio := range []byte{0, 1} {
		c := tx.bucket(bDue).Cursor()
		for k, _ := c.Seek([]byte{prio}); len(k) > 9 && k[0] == prio && len(all) < max; k, _ = c.Next() {
			if binary.BigEndian.Uint64(k[1:9]) > limit {
				break
			}
			m, ok, err := tx.Out(string(k[9:]))
			if err != nil {
				return nil, err
			}
			if !ok {
				return nil, fmt.Errorf("reading due mail %q: it is not in the outbox", k[9:])
			}
			all = append(all, m)
		}
	}
	return all, nil
}

// NextDue is when the outbox has something to do next.
func (tx *Tx) NextDue() (time.Time, bool) {
	var next time.Time
	for _, prio := range []byte{0, 1} {
		k, _ := tx.bucket(bDue).Cursor().Seek([]byte{prio})
		if len(k) > 9 && k[0] == prio {
			t := time.Unix(0, int64(binary.BigEndian.Uint64(k[1:9]))).UTC()
			if next.IsZero() || t.Before(next) {
				next = t
			}
		}
	}
	return next, !next.IsZero()
}

// Unresolved returns the mails that are being sent, or of which it is not
// known whether the relay took them.
func (tx *Tx) Unresolved() ([]OutMail, error) {
	var all []OutMail
	err := tx.bucket(bUnresolved).ForEach(func(k, _ []byte) error {
		m, ok, err := tx.Out(string(k))
		if err == nil && !ok {
			err = fmt.Errorf("reading unresolved mail %q: it is not in the outbox", k)
		}
		all = append(all, m)
		return err
	})
	return all, err
}

// AnyUnresolved reports whether Unresolved would return a mail.
func (tx *Tx) AnyUnresolved() bool {
	k, _ := tx.bucket(bUnresolved).Cursor().First()
	return k != nil
}

// OutPage returns up to most mails of the outbox in the order of their ids,
// those behind this one; "" for the first page, and none behind the last. They
// come without their recipes.
func (tx *Tx) OutPage(after string, most int) ([]OutMail, error) {
	var list []OutMail
	c := tx.bucket(bOutbox).Cursor()
	k, v := c.Seek([]byte(after))
	if k != nil && string(k) == after {
		k, v = c.Next()
	}
	for ; k != nil && len(list) < most; k, v = c.Next() {
		var m OutMail
		if err := decodeOut(v, &m); err != nil {
			return nil, fmt.Errorf("reading outbox mail %q: %w", k, err)
		}
		list = append(list, m)
	}
	return list, nil
}

// Waiting counts the mails that are queued, sending or unknown. It is known
// without looking, but for the first time after the state was opened.
func (tx *Tx) Waiting() int {
	if tx.b != nil || tx.wake != nil { // the file alone, or in the midst of changes
		return tx.bucket(bDue).len() + tx.bucket(bUnresolved).len()
	}
	known := &tx.s.live.waiting
	if !known.known.Load() {
		known.n.Store(int64(tx.bucket(bDue).len() + tx.bucket(bUnresolved).len()))
		known.known.Store(true)
	}
	return int(known.n.Load())
}

// EachOut walks the outbox. The mails come without their recipes. It takes
// long where it is long: OutPage lets go of the state in between.
func (tx *Tx) EachOut(f func(OutMail) error) error {
	return tx.bucket(bOutbox).ForEach(func(k, v []byte) error {
		var m OutMail
		if err := decodeOut(v, &m); err != nil {
			return fmt.Errorf("reading outbox mail %q: %w", k, err)
		}
		return f(m)
	})
}
