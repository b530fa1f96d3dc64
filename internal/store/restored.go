package store

import (
	"encoding/base32"
	"fmt"
	"io"
	"strings"
	"time"

	"postroom/threads"
)

// RestorePhase is how far the way back from a backup has come.
type RestorePhase string

// The phases.
const (
	// RestoreGather: the mail of the lost time is being read again. What is ours
	// is taken down, everything else waits.
	RestoreGather RestorePhase = "gather"
	// RestoreReplay: what waited is handled, in its order.
	RestoreReplay RestorePhase = "replay"
	// RestoreDone: nothing is left of it but to know the mail of that time.
	RestoreDone RestorePhase = "done"
)

// Restored says that the state was put back from a backup: it does not know
// what happened between Taken and At, the lost time.
type Restored struct {
	Taken time.Time    `json:"taken"`
	At    time.Time    `json:"at"`
	Phase RestorePhase `json:"phase"`
	// Inbox and Sent say which messages of the two folders are of the lost
	// time; nil until the folder was looked at for the first time.
	Inbox *Window `json:"inbox,omitempty"`
	Sent  *Window `json:"sent,omitempty"`
	// Past says that the folder of closed conversations was begun to be read
	// again.
	Past bool `json:"past,omitempty"`
	// Era is the one in which the lost time was.
	Era string `json:"era,omitempty"`
	// Orders are commands of the lost time that were not done again, in words.
	Orders []string `json:"orders,omitempty"`
	// Held counts mails of engineers that may have gone out then.
	Held int `json:"held,omitempty"`
	// Last is the highest conversation number the backup knew.
	Last uint64 `json:"last"`
}

// Window is the messages of a folder below a UID that the state did not know
// when it was put back.
type Window struct {
	Folder   string `json:"folder"`
	Validity uint32 `json:"uidvalidity"`
	From     uint32 `json:"from"`
	Below    uint32 `json:"below"`
	Read     bool   `json:"read,omitempty"`     // all of them are in the inbox
	Look     int    `json:"look,omitempty"`     // how many times Read was said: it can be taken back
	Gathered bool   `json:"gathered,omitempty"` // all of them were gathered
}

// Holds reports whether a message is one of the window.
func (w *Window) Holds(u UID) bool {
	return w != nil && u.Folder == w.Folder && u.Validity == w.Validity && u.UID < w.Below
}

// InReread says that all mail of the lost time that lies in a folder is in the
// inbox; with End, that all of it has been handled.
type InReread struct {
	Folder string `json:"folder,omitempty"`
	Look   int    `json:"look,omitempty"` // of the folder's Window, as it was then
	End    bool   `json:"end,omitempty"`
}

const (
	metaRestored = "restored"
	metaEra      = "era"
)

// Restored returns what is left to know of a restore, false when there was none.
func (tx *Tx) Restored() (r Restored, was bool, err error) {
	was, err = tx.Meta(metaRestored, &r)
	return r, was, err
}

// SetRestored stores it.
func (tx *Tx) SetRestored(r Restored) error { return tx.SetMeta(metaRestored, r) }

// Era is the era of this state, in which names and tokens are made; "" is the
// first.
func (tx *Tx) Era() (era string, err error) {
	_, err = tx.Meta(metaEra, &era)
	return era, err
}

// drawEra names an era. It is drawn, since two states put back from one backup
// must not share one.
func drawEra(random io.Reader) (string, error) {
	var b [5]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("naming an era: %w", err)
	}
	return strings.ToLower(base32.StdEncoding.EncodeToString(b[:])), nil
}

// KeepLost takes a record out of the inbox until the mail of the lost time is
// read. It keeps its reference to the raw mail.
func (tx *Tx) KeepLost(r InboxRecord) error {
	if err := tx.DropInbox(r.Seq); err != nil {
		return err
	}
	return tx.put(bLost, u64(r.Seq), r)
}

// ReturnLost puts up to max of these records back into the inbox, behind what is
// there, in their order, and returns how many.
func (tx *Tx) ReturnLost(max int) (int, error) {
	list, err := tx.records(bLost, max)
	if err != nil {
		return 0, err
	}
	for _, r := range list {
		if err := tx.bucket(bLost).Delete(u64(r.Seq)); err != nil {
			return 0, err
		}
		if err := tx.AddInbox(r); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}

// FoundKind is what kind of mail of ours was found.
type FoundKind string

// The kinds.
const (
	FoundAnswer FoundKind = "answer"
	FoundCopy   FoundKind = "copy"   // to an engineer
	FoundNotice FoundKind = "notice" // to an engineer or admin
)

// Found is a mail of ours from the lost time, found in the mailbox.
type Found struct {
	ID         uint64            `json:"id"`
	Kind       FoundKind         `json:"kind"`
	UID        UID               `json:"uid"`
	MessageID  string            `json:"message_id"`
	InReplyTo  []string          `json:"in_reply_to,omitempty"`
	References []string          `json:"references,omitempty"`
	From       threads.Address   `json:"from"`
	To         []threads.Address `json:"to,omitempty"`
	Cc         []threads.Address `json:"cc,omitempty"`
	Subject    string            `json:"subject"`
	Date       time.Time         `json:"date,omitzero"`
	Text       string            `json:"text,omitempty"`     // of an answer, as it went out
	Engineer   string            `json:"engineer,omitempty"` // of a copy: whom it was for, where its token proves that
	Token      string            `json:"token,omitempty"`    // of a copy: her reply token, likewise
	Placed     uint64            `json:"placed,omitempty"`   // the conversation it was put into
	Event      int               `json:"event,omitempty"`
	Claimed    bool              `json:"claimed,omitempty"` // the mail it was made of was found too
}

// AddFound records one and sets its ID.
func (tx *Tx) AddFound(f Found) (Found, error) {
	seq, err := tx.bucket(bFound).NextSequence()
	if err != nil {
		return f, err
	}
	f.ID = seq
	return f, tx.SetFound(f)
}

// SetFound stores one again.
func (tx *Tx) SetFound(f Found) error { return tx.put(bFound, u64(f.ID), f) }

// FoundMail returns all of them, in the order in which they were found.
func (tx *Tx) FoundMail() ([]Found, error) {
	var all []Found
	b := tx.bucket(bFound)
	if b == nil {
		return nil, nil
	}
	err := b.ForEach(func(k, v []byte) error {
		var f Found
		if err := decode(v, &f); err != nil {
			return fmt.Errorf("reading found mail %x: %w", k, err)
		}
		all = append(all, f)
		return nil
	})
	return all, err
}

// ForgetFound removes all of them.
func (tx *Tx) ForgetFound() error {
	all, err := tx.FoundMail()
	if err != nil {
		return err
	}
	for _, f := range all {
		if err := tx.bucket(bFound).Delete(u64(f.ID)); err != nil {
			return err
		}
	}
	return nil
}

// SkipConversations leaves n numbers of conversations out: people may know
// them from the lost time.
func (tx *Tx) SkipConversations(n uint64) error {
	b := tx.bucket(bConversations)
	for range n {
		if _, err := b.NextSequence(); err != nil {
			return err
		}
	}
	return nil
}

// MarkRestored makes a state that was backed up at taken one that was put back:
// it begins an era, all mail on its way becomes unknown, since it may have
// gone out in the lost time, and what waited in the inbox waits for the mail of
// that time. What admins had asked for is dropped.
func (s *Store) MarkRestored(taken, now time.Time, random io.Reader) error {
	era, err := drawEra(random)
	if err != nil {
		return err
	}
	return s.Update(func(tx *Tx) error {
		was, err := tx.Era()
		if err != nil {
			return err
		}
		if err := tx.SetMeta(metaEra, era); err != nil {
			return err
		}
		r := Restored{Taken: taken, At: now, Era: was, Phase: RestoreGather, Last: tx.bucket(bConversations).Sequence()}
		if err := tx.SetRestored(r); err != nil {
			return err
		}
		if err := tx.ForgetFound(); err != nil {
			return err
		}
		if err := tx.doubtOutbox(now); err != nil {
			return err
		}
		return tx.setInboxApart()
	})
}

// doubtOutbox makes all mail on its way unknown.
func (tx *Tx) doubtOutbox(now time.Time) error {
	var list []string
	if err := tx.EachOut(func(m OutMail) error {
		if m.State == OutQueued || m.State == OutSending || m.State == OutUnknown {
			list = append(list, m.ID)
		}
		return nil
	}); err != nil {
		return err
	}
	for _, id := range list {
		m, _, err := tx.Out(id)
		if err != nil {
			return err
		}
		for i := range m.Recipients {
			if r := &m.Recipients[i]; r.State == OutQueued {
				r.State = OutUnknown
			}
		}
		m.State, m.AttemptEnded, m.Accepted = OutUnknown, now, nil
		if m.AttemptBegan.IsZero() {
			m.AttemptBegan = now
		}
		if err := tx.SetOut(m); err != nil {
			return err
		}
	}
	return nil
}

// setInboxApart sets apart all that waits to be handled: in the lost time it
// was.
func (tx *Tx) setInboxApart() error {
	for _, name := range []string{bInbox, bParked, bAsked} {
		list, err := tx.records(name, int(^uint(0)>>1))
		if err != nil {
			return err
		}
		for _, r := range list {
			if r.Delivery != nil || r.History != nil || r.Gone != nil {
				continue
			}
			if err := tx.bucket(name).Delete(u64(r.Seq)); err != nil {
				return err
			}
			if r.CaughtUp != nil || r.Admin != nil {
				continue // looks and requests of the past
			}
			if r.Mail != nil {
				m := *r.Mail
				m.Lost, m.Parked, m.Vouch = true, time.Time{}, nil
				r.Mail = &m
			}
			if err := tx.put(bLost, u64(r.Seq), r); err != nil {
				return err
			}
		}
	}
	return nil
}
