package store

import (
	"bytes"
	"fmt"

	"postroom/threads"
)

// RotationVersion is one version of the rotation file that came into effect.
type RotationVersion struct {
	Version string   `json:"version"`
	Unix    int64    `json:"unix"` // when it came into effect, seconds
	Text    []byte   `json:"text"`
	Changes []string `json:"changes,omitempty"`
	By      string   `json:"by,omitempty"` // who rolled back to it; "" when the file was edited

	// Calendar is the absence in the calendar files it names, by engineer's
	// key, as it was read last.
	Calendar map[string][]threads.Span `json:"calendar,omitempty"`
}

var versionPrefix = []byte("version")

// AddRotation stores a version of the rotation file that is in effect now.
func (tx *Tx) AddRotation(v RotationVersion) error {
	seq, err := tx.bucket(bRotation).NextSequence()
	if err != nil {
		return err
	}
	return tx.put(bRotation, append(bytes.Clone(versionPrefix), u64(seq)...), v)
}

// LastRotation returns the version in effect.
func (tx *Tx) LastRotation() (RotationVersion, bool, error) {
	var v RotationVersion
	c := tx.bucket(bRotation).Cursor()
	k, data := c.Last() // no other key sorts behind "version"
	if !bytes.HasPrefix(k, versionPrefix) {
		return v, false, nil
	}
	return v, true, decode(data, &v)
}

// ReplaceRotation stores the version in effect anew: its calendars were read
// again.
func (tx *Tx) ReplaceRotation(v RotationVersion) error {
	k, _ := tx.bucket(bRotation).Cursor().Last()
	if !bytes.HasPrefix(k, versionPrefix) {
		return tx.AddRotation(v)
	}
	return tx.put(bRotation, bytes.Clone(k), v)
}

// EachRotation calls f with every version that was in effect, oldest first.
func (tx *Tx) EachRotation(f func(RotationVersion) error) error {
	c := tx.bucket(bRotation).Cursor()
	for k, data := c.Seek(versionPrefix); bytes.HasPrefix(k, versionPrefix); k, data = c.Next() {
		var v RotationVersion
		if err := decode(data, &v); err != nil {
			return fmt.Errorf("reading a version of the rotation file: %w", err)
		}
		if err := f(v); err != nil {
			return err
		}
	}
	return nil
}

// RotationPin says that the version in effect was rolled back to, and over
// which content of the file.
type RotationPin struct {
	Over string `json:"over"` // hash of the file's content then; "" when it could not be read
	By   string `json:"by"`
}

var pinKey = []byte("pinned") // sorts before "version"

// SetRotationPin records a rollback; nil ends it.
func (tx *Tx) SetRotationPin(pin *RotationPin) error {
	if pin == nil {
		return tx.bucket(bRotation).Delete(pinKey)
	}
	return tx.put(bRotation, pinKey, *pin)
}

// RotationPin returns the rollback in effect; nil for none.
func (tx *Tx) RotationPin() (*RotationPin, error) {
	var pin RotationPin
	ok, err := tx.get(bRotation, pinKey, &pin)
	if err != nil || !ok {
		return nil, err
	}
	return &pin, nil
}
