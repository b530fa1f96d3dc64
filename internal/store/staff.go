package store

import (
	"slices"

	"postroom/threads"
)

// metaStaff is who was in the rotation file last, and leftPrefix stands before
// those who left it since, each with how often.
const (
	metaStaff  = "staff"
	leftPrefix = "left/"
)

// Generation is the generation of an engineer's tokens for a conversation that
// counts now: how often they were burnt there, and how often she left the
// rotation. Neither ever gets less, so what counted no longer never counts
// again. The zero conversation stands for tokens about none.
func (tx *Tx) Generation(c threads.Conversation, engineer string) (int, error) {
	n := 0
	_, err := tx.Meta(leftPrefix+engineer, &n)
	return c.Generation(engineer) + n, err
}

// Staff makes keys the engineers of the rotation. Whoever was one and is none
// of them has left: no token made for her before counts again when she comes
// back. was are those before, where the store does not know them.
func (tx *Tx) Staff(keys, was []string) (left []string, err error) {
	before := was
	if _, err := tx.Meta(metaStaff, &before); err != nil {
		return nil, err
	}
	for _, key := range before {
		if slices.Contains(keys, key) {
			continue
		}
		n := 0
		if _, err := tx.Meta(leftPrefix+key, &n); err != nil {
			return nil, err
		}
		if err := tx.SetMeta(leftPrefix+key, n+1); err != nil {
			return nil, err
		}
		left = append(left, key)
	}
	return left, tx.SetMeta(metaStaff, keys)
}
