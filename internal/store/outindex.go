package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// place is where the indexes have a mail: at most one of the two.
type place struct {
	due        bool
	priority   byte // of what is due
	at         int64
	unresolved bool
}

func placeOf(m *OutMail) place {
	switch m.State {
	case OutQueued:
		return place{due: true, priority: priority(m.Kind), at: m.NextAttempt.UnixNano()}
	case OutUnknown, OutSending:
		return place{unresolved: true}
	}
	return place{}
}

// waits is 1 for a mail that waits to be sent, or to be known to be.
func (p place) waits() int {
	if p.due || p.unresolved {
		return 1
	}
	return 0
}

func priority(k OutKind) byte {
	if k == OutAnswer {
		return 0
	}
	return 1
}

// dueKey is the key of a mail in the index of what is due.
func (p place) dueKey(id string) []byte {
	k := append(make([]byte, 0, 9+len(id)), p.priority)
	return append(binary.BigEndian.AppendUint64(k, uint64(p.at)), id...)
}

// outRecord reads the record of a mail, without its recipe unless an earlier
// version put it there. Where the indexes have it is remembered for the
// transaction: whoever changes a mail has read it.
func (tx *Tx) outRecord(id []byte) (OutMail, bool, error) {
	var m OutMail
	data := tx.bucket(bOutbox).Get(id)
	if data == nil {
		return m, false, nil
	}
	if err := decodeOut(data, &m); err != nil {
		return m, true, fmt.Errorf("reading outbox mail %q: %w", id, err)
	}
	tx.remember(m.ID, placeOf(&m))
	return m, true, nil
}

func (tx *Tx) remember(id string, p place) {
	if tx.wake == nil {
		return // it only reads
	}
	if tx.places == nil {
		tx.places = map[string]place{}
	}
	tx.places[id] = p
}

// placeOf finds where the indexes have the stored mail of this ID.
func (tx *Tx) placeOf(id string) (place, bool, error) {
	if p, ok := tx.places[id]; ok {
		return p, true, nil
	}
	m, ok, err := tx.outRecord([]byte(id))
	return placeOf(&m), ok, err
}

// reindexOut moves a mail in the indexes.
func (tx *Tx) reindexOut(id string, old place, had bool, now place) error {
	if now == (place{}) {
		delete(tx.places, id)
	} else {
		tx.remember(id, now)
	}
	if now.due {
		tx.touched(WakeOutbox)
	}
	if had && old == now {
		return nil
	}
	tx.waits += now.waits() - old.waits()
	if had && old.due {
		if err := tx.bucket(bDue).Delete(old.dueKey(id)); err != nil {
			return err
		}
	}
	if had && old.unresolved && !now.unresolved {
		if err := tx.bucket(bUnresolved).Delete([]byte(id)); err != nil {
			return err
		}
	}
	if now.due {
		return tx.bucket(bDue).Put(now.dueKey(id), nil)
	}
	if now.unresolved && !(had && old.unresolved) {
		return tx.bucket(bUnresolved).Put([]byte(id), nil)
	}
	return nil
}

// recipe finds the recipe of a mail. It lies apart: an attempt writes the
// record of a mail several times, and its recipe never.
func (tx *Tx) recipe(m *OutMail) []byte {
	b := tx.bucket(bRecipes)
	if b == nil || m.Recipe != nil {
		return m.Recipe // as earlier versions kept it
	}
	return bytes.Clone(b.Get([]byte(m.ID)))
}

// setRecipe keeps the recipe of a mail, and returns the mail without it.
func (tx *Tx) setRecipe(m OutMail) (OutMail, error) {
	b := tx.bucket(bRecipes)
	if m.Recipe != nil && !bytes.Equal(b.Get([]byte(m.ID)), m.Recipe) {
		if err := b.Put([]byte(m.ID), m.Recipe); err != nil {
			return m, err
		}
	}
	m.Recipe = nil
	return m, nil
}
