package store

import "bytes"

// place is where the indexes have a mail: at most one of the two.
type place struct {
	due        string // its key there
	unresolved bool
}

func placeOf(m *OutMail) place {
	switch m.State {
	case OutQueued:
		return place{due: string(dueKey(m))}
	case OutUnknown, OutSending:
		return place{unresolved: true}
	}
	return place{}
}

func priority(k OutKind) byte {
	if k == OutAnswer {
		return 0
	}
	return 1
}

func dueKey(m *OutMail) []byte {
	k := append([]byte{priority(m.Kind)}, u64(uint64(m.NextAttempt.UnixNano()))...)
	return append(k, m.ID...)
}

// outRecord reads the record of a mail, without its recipe unless an earlier
// version put it there. Where the indexes have it is remembered for the
// transaction: whoever changes a mail has read it.
func (tx *Tx) outRecord(id []byte) (OutMail, bool, error) {
	var m OutMail
	ok, err := tx.get(bOutbox, id, &m)
	if err != nil || !ok {
		return m, ok, err
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
	if now.due != "" {
		tx.touched(WakeOutbox)
	}
	if had && old == now {
		return nil
	}
	if had && old.due != "" {
		if err := tx.bucket(bDue).Delete([]byte(old.due)); err != nil {
			return err
		}
	}
	if had && old.unresolved && !now.unresolved {
		if err := tx.bucket(bUnresolved).Delete([]byte(id)); err != nil {
			return err
		}
	}
	if now.due != "" {
		return tx.bucket(bDue).Put([]byte(now.due), nil)
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
