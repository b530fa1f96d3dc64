package store

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// TestRecipeLiesApart: the record of a mail is written without its recipe,
// which is there all the same until the mail is gone.
func TestRecipeLiesApart(t *testing.T) {
	s := open(t)
	m := mail("1", OutCopy, noon)
	m.Recipe = bytes.Repeat([]byte("how it is made "), 100)
	update(t, s, func(tx *Tx) error { return tx.Enqueue(m) })
	update(t, s, func(tx *Tx) error {
		got, _, err := tx.Out("1")
		got.State = OutSending
		return errors.Join(err, tx.SetOut(got))
	})
	view(t, s, func(tx *Tx) error {
		if n := len(tx.bucket(bOutbox).Get([]byte("1"))); n > len(m.Recipe) {
			t.Errorf("the record has %d octets", n)
		}
		got, ok, err := tx.Out("1")
		if !ok || !bytes.Equal(got.Recipe, m.Recipe) || got.State != OutSending {
			t.Errorf("read back %+v, %v", got, ok)
		}
		return err
	})
	sound(t, s)
	update(t, s, func(tx *Tx) error { return tx.DropOut(m) })
	view(t, s, func(tx *Tx) error {
		if tx.bucket(bRecipes).Get([]byte("1")) != nil {
			t.Error("the recipe outlives its mail")
		}
		return nil
	})
}

// TestRecipeInTheRecord: a mail queued by a version that kept the recipe in
// the record is sent as it was composed.
func TestRecipeInTheRecord(t *testing.T) {
	s := open(t)
	m := mail("1", OutCopy, noon)
	m.Recipe = []byte("how it is made")
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.put(bOutbox, []byte("1"), m), tx.bucket(bDue).Put(placeOf(&m).dueKey(m.ID), nil))
	})
	for range 2 {
		update(t, s, func(tx *Tx) error {
			list, err := tx.Due(noon, 1)
			if err != nil || len(list) != 1 || string(list[0].Recipe) != "how it is made" {
				t.Fatalf("due: %+v, %v", list, err)
			}
			list[0].Attempts++
			return tx.SetOut(list[0])
		})
	}
	sound(t, s)
}

// TestMovesInOneTransaction: whatever is done with a mail in a transaction,
// the indexes say in the end where it stands.
func TestMovesInOneTransaction(t *testing.T) {
	s := open(t)
	m := mail("1", OutCopy, noon)
	set := func(tx *Tx, state OutState, at time.Time) error {
		m.State, m.NextAttempt = state, at
		return tx.SetOut(m)
	}
	update(t, s, func(tx *Tx) error { return tx.Enqueue(m) })
	update(t, s, func(tx *Tx) error {
		return errors.Join(set(tx, OutSending, noon), set(tx, OutUnknown, noon), set(tx, OutQueued, noon.Add(time.Hour)),
			set(tx, OutDone, noon), set(tx, OutQueued, noon.Add(time.Minute)))
	})
	sound(t, s)
	update(t, s, func(tx *Tx) error {
		return errors.Join(set(tx, OutStopped, noon), tx.DropOut(m), tx.Enqueue(m), set(tx, OutQueued, noon.Add(time.Second)))
	})
	sound(t, s)
	view(t, s, func(tx *Tx) error {
		if at, ok := tx.NextDue(); !ok || !at.Equal(noon.Add(time.Second)) {
			t.Errorf("due at %v, %v", at, ok)
		}
		return nil
	})
}
