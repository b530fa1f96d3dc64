package store

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Timer is a deadline. Setting a name again moves its deadline.
type Timer struct {
	Name         string    `json:"name"`
	Due          time.Time `json:"due"`
	Conversation uint64    `json:"conversation,omitempty"`
}

// SetTimer sets or moves the deadline of a name.
func (tx *Tx) SetTimer(t Timer) error {
	if err := tx.DropTimer(t.Name); err != nil {
		return err
	}
	due := u64(uint64(t.Due.UnixNano()))
	if err := tx.bucket(bTimerNames).Put([]byte(t.Name), due); err != nil {
		return err
	}
	tx.touched(WakeInbox)
	return tx.put(bTimers, append(due, t.Name...), t)
}

// DropTimer removes the deadline of a name, if it has one.
func (tx *Tx) DropTimer(name string) error {
	due := tx.bucket(bTimerNames).Get([]byte(name))
	if due == nil {
		return nil
	}
	key := append(append([]byte(nil), due...), name...)
	if err := tx.bucket(bTimers).Delete(key); err != nil {
		return err
	}
	return tx.bucket(bTimerNames).Delete([]byte(name))
}

// TimerDue returns the deadline of a name.
func (tx *Tx) TimerDue(name string) (time.Time, bool) {
	due := tx.bucket(bTimerNames).Get([]byte(name))
	if len(due) != 8 {
		return time.Time{}, false
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(due))).UTC(), true
}

// NextTimer returns the earliest deadline.
func (tx *Tx) NextTimer() (time.Time, bool) {
	k, _ := tx.bucket(bTimers).Cursor().First()
	if len(k) < 8 {
		return time.Time{}, false
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(k))).UTC(), true
}

// FireTimers moves the deadlines that have passed into the inbox.
func (tx *Tx) FireTimers(now time.Time, max int) error {
	var due []Timer
	c := tx.bucket(bTimers).Cursor()
	limit := uint64(now.UnixNano())
	for k, v := c.First(); len(k) >= 8 && binary.BigEndian.Uint64(k) <= limit && len(due) < max; k, v = c.Next() {
		var t Timer
		if err := decode(v, &t); err != nil {
			return fmt.Errorf("reading timer %x: %w", k, err)
		}
		due = append(due, t)
	}
	for i := range due {
		if err := tx.DropTimer(due[i].Name); err != nil {
			return err
		}
		if err := tx.AddInbox(InboxRecord{At: now, Timer: &due[i]}); err != nil {
			return err
		}
	}
	return nil
}

// ShiftTimers moves every deadline by d: what is left to wait stays what it
// was when the clock was set.
func (tx *Tx) ShiftTimers(d time.Duration) error {
	var all []Timer
	err := tx.bucket(bTimers).ForEach(func(k, v []byte) error {
		var t Timer
		if err := decode(v, &t); err != nil {
			return fmt.Errorf("reading timer %x: %w", k, err)
		}
		all = append(all, t)
		return nil
	})
	if err != nil {
		return err
	}
	for _, t := range all {
		t.Due = t.Due.Add(d)
		if err := tx.SetTimer(t); err != nil {
			return err
		}
	}
	return nil
}
