package store

import "time"

// ChoreAppend puts our own copy of a mail into the Sent folder where nothing
// else does. It is safe to do twice: the folder is searched for the
// Message-ID first.
const ChoreAppend ChoreKind = "append"

// Append is a mail the relay has taken, with all that its octets are made
// from. The chore holds a reference to each of its Sources.
type Append struct {
	OutID     string    `json:"out_id"`
	MessageID string    `json:"message_id"`
	Sent      time.Time `json:"sent"` // for INTERNALDATE
	Recipe    []byte    `json:"recipe"`
	Sources   []Ref     `json:"sources"`
	Size      int64     `json:"size"` // octets
}

// Mail is the mail as a renderer takes it.
func (a *Append) Mail() OutMail {
	return OutMail{ID: a.OutID, MessageID: a.MessageID, Recipe: a.Recipe, Sources: a.Sources, Size: a.Size}
}

// AddAppend queues the chore that files a mail. uid names the followed folder
// and its UIDVALIDITY, and no message.
func (tx *Tx) AddAppend(m OutMail, uid UID, at time.Time) error {
	for _, ref := range m.Sources {
		if err := tx.Retain(ref); err != nil {
			return err
		}
	}
	return tx.AddChore(Chore{UID: uid, Kind: ChoreAppend, At: at, Append: &Append{
		OutID: m.ID, MessageID: m.MessageID, Sent: at, Recipe: m.Recipe, Sources: m.Sources, Size: m.Size,
	}})
}

// releaseChore gives back what a chore refers to.
func (tx *Tx) releaseChore(seq uint64) error {
	var c Chore
	ok, err := tx.get(bChores, u64(seq), &c)
	if err != nil || !ok || c.Append == nil {
		return err
	}
	for _, ref := range c.Append.Sources {
		if err := tx.Release(ref); err != nil {
			return err
		}
	}
	return nil
}

// ChoreRemove removes a mail of ours that is of no more use. Where the server
// cannot remove one message alone, it is marked \Seen and stays.
const ChoreRemove ChoreKind = "remove"
