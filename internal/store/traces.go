package store

import (
	"encoding/binary"
	"fmt"
	"time"

	"postroom/threads"
)

// AddTrace implements threads.Recorder.
func (tx *Tx) AddTrace(t threads.Trace, conv threads.ID) error {
	list, err := tx.tracedAlone(t)
	if err != nil {
		return err
	}
	list, changed := threads.WithTrace(list, conv)
	if !changed {
		return nil
	}
	data := make([]byte, 1, 1+len(list)*binary.MaxVarintLen64)
	data[0] = recordVersion
	for _, id := range list {
		data = binary.AppendUvarint(data, uint64(id))
	}
	return tx.bucket(bTraces).Put([]byte(t), data)
}

// traced returns the conversations of a trace. Those a whole text was kept of
// come first.
func (tx *Tx) traced(t threads.Trace) ([]threads.ID, error) {
	list, err := tx.tracedAlone(t)
	if err != nil {
		return nil, err
	}
	said, err := tx.said(t)
	if err != nil || len(said) == 0 {
		return list, err
	}
	for _, conv := range list {
		said, _ = threads.WithTrace(said, conv)
	}
	return said, nil
}

func (tx *Tx) tracedAlone(t threads.Trace) ([]threads.ID, error) {
	b := tx.bucket(bTraces)
	if b == nil || t == "" {
		return nil, nil // a state directory that was never opened for writing since
	}
	data := b.Get([]byte(t))
	if len(data) == 0 {
		return nil, nil
	}
	if data[0] != recordVersion {
		return nil, fmt.Errorf("reading trace %x: record version %x is not known", t, data[0])
	}
	var list []threads.ID
	for rest := data[1:]; len(rest) > 0; {
		id, n := binary.Uvarint(rest)
		if n <= 0 {
			return nil, fmt.Errorf("reading trace %x: %x is no list of numbers", t, data)
		}
		list, rest = append(list, threads.ID(id)), rest[n:]
	}
	return list, nil
}

// SetActive implements threads.Recorder.
func (tx *Tx) SetActive(conv threads.ID, at time.Time) error {
	old, err := tx.activity(conv)
	if err != nil || !at.After(old) {
		return err
	}
	data := append([]byte{recordVersion}, u64(uint64(at.Unix()))...)
	return tx.bucket(bActive).Put(u64(uint64(conv)), data)
}

func (tx *Tx) activity(conv threads.ID) (time.Time, error) {
	b := tx.bucket(bActive)
	if b == nil {
		return time.Time{}, nil
	}
	data := b.Get(u64(uint64(conv)))
	switch {
	case data == nil:
		return time.Time{}, nil
	case len(data) != 9 || data[0] != recordVersion:
		return time.Time{}, fmt.Errorf("reading when conversation %d was active: %x is not known", conv, data)
	}
	return time.Unix(int64(binary.BigEndian.Uint64(data[1:])), 0).UTC(), nil
}

// Traces implements threads.Index.
func (ix *Index) Traces(t threads.Trace) []threads.ID {
	list, err := ix.tx.traced(t)
	ix.failed(err)
	return ix.whole(list)
}

// Active implements threads.Index.
func (ix *Index) Active(conv threads.ID) time.Time {
	at, err := ix.tx.activity(conv)
	ix.failed(err)
	return at
}
