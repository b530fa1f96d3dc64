package store

import (
	"fmt"
	"math"
	"time"

	"postroom/threads"
)

// InboxRecord is one thing that happened and waits for the gateway. Exactly
// one of the pointers is set. There is one door: mail, delivery outcomes,
// timers and admins all come in here, so one goroutine sees them in order.
type InboxRecord struct {
	Seq uint64    `json:"seq"`
	At  time.Time `json:"at"`

	Mail     *InMail       `json:"mail,omitempty"`
	History  *InHistory    `json:"history,omitempty"`
	Gone     *InGone       `json:"gone,omitempty"`
	Delivery *Delivery     `json:"delivery,omitempty"`
	CaughtUp *CaughtUp     `json:"caught_up,omitempty"`
	Timer    *Timer        `json:"timer,omitempty"`
	Admin    *AdminRequest `json:"admin,omitempty"`
	Rotation *InRotation   `json:"rotation,omitempty"`
	Alarm    *InAlarm      `json:"alarm,omitempty"`
	Fetched  *InFetched    `json:"fetched,omitempty"`
	Reread   *InReread     `json:"reread,omitempty"`

	Tries     int    `json:"tries,omitempty"` // failed attempts to process it
	LastError string `json:"last_error,omitempty"`
}

// InMail is a mail taken from the mailbox, its raw octets in the spool. The
// record holds one reference to Raw.
type InMail struct {
	UID          UID       `json:"uid"`
	InternalDate time.Time `json:"internal_date"`
	Seen         bool      `json:"seen,omitempty"`
	Raw          Ref       `json:"raw"`
	// Cut says why Raw is not the whole mail: a limit and its value, or what
	// the server did. "" means whole. FullSize is RFC822.SIZE.
	Cut      string `json:"cut,omitempty"`
	FullSize int64  `json:"full_size"`
	// For is who wants it handed out though it was recorded, "" for nobody.
	For string `json:"for,omitempty"`
	// Parked is when a mail began to wait for the history import; zero when
	// it never did.
	Parked time.Time `json:"parked,omitzero"`
	// Lost says that the mail was there before the state was put back from a
	// backup that does not know it.
	Lost bool `json:"lost,omitempty"`
	// Vouch is who answers for the mail; nil until that was asked.
	Vouch *threads.Vouch `json:"vouch,omitempty"`
}

// InHistory is a range of old mail of which only header fields were read.
type InHistory struct {
	Folder   string          `json:"folder"`
	Validity uint32          `json:"uidvalidity"`
	Mails    []HistoryHeader `json:"mails"` // newest first
	// Again says that the folder was renumbered and these are its messages:
	// most are known.
	Again bool `json:"again,omitempty"`
	// Also says that these are new, and in a folder of which mail is recorded
	// and not handed out.
	Also bool `json:"also,omitempty"`
	// Last says that with this range the import is complete.
	Last bool `json:"last,omitempty"`
}

// HistoryHeader is an old mail: the header fields threading needs, raw.
type HistoryHeader struct {
	UID          uint32    `json:"uid"`
	InternalDate time.Time `json:"internal_date"`
	Size         int64     `json:"size"`
	Header       []byte    `json:"header"` // the fields as the server gave them, bounded by imapsync
}

// InGone is a UID that was announced but could not be fetched any more.
type InGone struct {
	UID UID    `json:"uid"`
	Why string `json:"why"`
	For string `json:"for,omitempty"` // who had asked for it, "" for nobody
}

// CaughtUp says that a look at a folder which began at Began saw everything
// up to the folder's end. It is written only while an outbox mail is
// unresolved: it is what decides whether our own copy can still come.
type CaughtUp struct {
	Folder string    `json:"folder"`
	Began  time.Time `json:"began"`
}

// AdminRequest is what an admin asked for over the control socket.
type AdminRequest struct {
	ID   string            `json:"id"` // chosen by the caller, to find the answer
	By   string            `json:"by"` // the acting user
	Verb string            `json:"verb"`
	Args map[string]string `json:"args,omitempty"`
	Tell string            `json:"tell,omitempty"` // the admin who asked by mail and is told by mail
}

// InRotation says that the rotation file changed: a good version is in the
// rotation bucket, a bad one comes with its error text.
type InRotation struct {
	Version string   `json:"version"`
	Changes []string `json:"changes,omitempty"`
	Error   string   `json:"error,omitempty"`
	By      string   `json:"by,omitempty"` // who rolled back to it
}

// InAlarm is something the admins must know and nobody else can tell them.
type InAlarm struct {
	// Key tells alarms apart: of two with the same one the second is not told.
	Key     string `json:"key"`
	Subject string `json:"subject"`
	Text    string `json:"text"` // paragraphs, one a line
}

// AddInbox appends a record to the inbox and sets its Seq. The caller has
// retained the raw mail a record refers to.
func (tx *Tx) AddInbox(r InboxRecord) error {
	seq, err := tx.bucket(bInbox).NextSequence()
	if err != nil {
		return err
	}
	r.Seq = seq
	tx.touched(WakeInbox)
	return tx.put(bInbox, u64(seq), r)
}

// AddMail puts fetched mail into the inbox, in the given order, and moves the
// cursor, in this transaction. Each record takes its reference to the spool.
func (tx *Tx) AddMail(at time.Time, mails []InMail, c Cursor) error {
	for i := range mails {
		if err := tx.Retain(mails[i].Raw); err != nil {
			return err
		}
		if err := tx.AddInbox(InboxRecord{At: at, Mail: &mails[i]}); err != nil {
			return err
		}
	}
	return tx.SetCursor(c)
}

// Inbox returns up to max records, oldest first.
func (tx *Tx) Inbox(max int) ([]InboxRecord, error) { return tx.records(bInbox, max) }

// InboxAfter returns up to max records behind a Seq, oldest first, and fewer
// when they are big.
func (tx *Tx) InboxAfter(seq uint64, max int) ([]InboxRecord, error) {
	return tx.recordsFrom(bInbox, u64(seq+1), max, inboxAtOnce)
}

// inboxAtOnce is from how many octets of records on no more are returned: a
// range of old mail is many mails.
const inboxAtOnce = 64 << 10

// InboxLen counts the records that wait, parked and asked ones included.
func (tx *Tx) InboxLen() int {
	n := tx.bucket(bInbox).len() + tx.bucket(bParked).len() + tx.bucket(bAsked).len()
	if lost := tx.bucket(bLost); lost != nil {
		n += lost.len()
	}
	return n
}

// UpdateInbox stores a record again, under its Seq.
func (tx *Tx) UpdateInbox(r InboxRecord) error { return tx.put(bInbox, u64(r.Seq), r) }

// DropInbox removes a record. What it said must be recorded in the same
// transaction; a mail's reference to the spool is the caller's to release.
func (tx *Tx) DropInbox(seq uint64) error { return tx.bucket(bInbox).Delete(u64(seq)) }

// Park takes a record out of the inbox until Unpark.
func (tx *Tx) Park(r InboxRecord) error {
	if err := tx.DropInbox(r.Seq); err != nil {
		return err
	}
	return tx.put(bParked, u64(r.Seq), r)
}

// Parked returns the parked records, oldest first.
func (tx *Tx) Parked() ([]InboxRecord, error) { return tx.records(bParked, int(^uint(0)>>1)) }

// AnyParked reports whether Parked would return a record.
func (tx *Tx) AnyParked() bool {
	k, _ := tx.bucket(bParked).Cursor().First()
	return k != nil
}

// Unpark puts a parked record back into its old place of the inbox.
func (tx *Tx) Unpark(r InboxRecord) error {
	if err := tx.bucket(bParked).Delete(u64(r.Seq)); err != nil {
		return err
	}
	tx.touched(WakeInbox)
	return tx.UpdateInbox(r)
}

func (tx *Tx) records(bucket string, max int) ([]InboxRecord, error) {
	return tx.recordsFrom(bucket, nil, max, math.MaxInt)
}

func (tx *Tx) recordsFrom(bucket string, key []byte, max, octets int) ([]InboxRecord, error) {
	var all []InboxRecord
	b := tx.bucket(bucket)
	if b == nil {
		return nil, nil // an older file, opened to be read alone
	}
	c := b.Cursor()
	for k, v := c.Seek(key); k != nil && len(all) < max && octets > 0; k, v = c.Next() {
		octets -= len(v)
		var r InboxRecord
		if err := decode(v, &r); err != nil {
			return nil, fmt.Errorf("reading %s record %x: %w", bucket, k, err)
		}
		all = append(all, r)
	}
	return all, nil
}

// Aside is a record the gateway gave up on. It keeps the reference to the raw
// mail.
type Aside struct {
	Record InboxRecord `json:"record"`
	At     time.Time   `json:"at"`
	Error  string      `json:"error"`
}

// SetAside moves a record from the inbox to the asides, under its Seq.
func (tx *Tx) SetAside(r InboxRecord, at time.Time, why string) error {
	if err := tx.DropInbox(r.Seq); err != nil {
		return err
	}
	return tx.put(bAside, u64(r.Seq), Aside{Record: r, At: at, Error: why})
}

// Asides returns what was set aside, oldest first.
func (tx *Tx) Asides() ([]Aside, error) {
	var all []Aside
	err := tx.bucket(bAside).ForEach(func(k, v []byte) error {
		var a Aside
		if err := decode(v, &a); err != nil {
			return fmt.Errorf("reading aside %x: %w", k, err)
		}
		all = append(all, a)
		return nil
	})
	return all, err
}

// Unaside puts a record that was set aside back into the inbox, with no tries
// counted against it.
func (tx *Tx) Unaside(r InboxRecord) error {
	if err := tx.bucket(bAside).Delete(u64(r.Seq)); err != nil {
		return err
	}
	r.Tries, r.LastError = 0, ""
	tx.touched(WakeInbox)
	return tx.UpdateInbox(r)
}
