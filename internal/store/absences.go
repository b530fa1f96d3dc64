package store

import (
	"bytes"
	"fmt"

	"postroom/threads"
)

// Absences are kept beside the pointers: who is off duty for another reason
// than the file's. "absent-" sorts before "version", which LastRotation needs.
var absentPrefix = []byte("absent-")

// Absences returns who is off duty for another reason than the file's, by the
// engineer's key. One whose end has passed stays until it is dropped.
func (tx *Tx) Absences() (threads.Absences, error) {
	all := threads.Absences{}
	c := tx.bucket(bRotation).Cursor()
	for k, v := c.Seek(absentPrefix); bytes.HasPrefix(k, absentPrefix); k, v = c.Next() {
		var a threads.Absence
		if err := decode(v, &a); err != nil {
			return nil, fmt.Errorf("reading the absence of %s: %w", k[len(absentPrefix):], err)
		}
		all[string(k[len(absentPrefix):])] = a
	}
	return all, nil
}

// SetAbsence records that an engineer is off duty.
func (tx *Tx) SetAbsence(engineer string, a threads.Absence) error {
	return tx.put(bRotation, append(bytes.Clone(absentPrefix), engineer...), a)
}

// DropAbsence ends an engineer's absence.
func (tx *Tx) DropAbsence(engineer string) error {
	return tx.bucket(bRotation).Delete(append(bytes.Clone(absentPrefix), engineer...))
}
