package store

import (
	"encoding/binary"
	"fmt"
	"time"

	"postroom/threads"
)

// OpenConversation is what the index of open conversations says of one: all
// that is asked of many at once. It is derived from the conversation, in the
// transaction that commits it.
type OpenConversation struct {
	ID         threads.ID `json:"-"`
	Owner      string     `json:"owner,omitempty"`
	Waits      bool       `json:"waits,omitempty"`
	Unanswered bool       `json:"unanswered,omitempty"`
	Pending    bool       `json:"pending,omitempty"` // an engineer has still to be sent a mail of it
	Since      time.Time  `json:"since,omitzero"`    // when the customer began to wait
}

// index keeps the entry of a conversation true.
func (tx *Tx) index(c threads.Conversation) error {
	key := u64(uint64(c.ID))
	if c.State != threads.StateOpen {
		return tx.bucket(bOpen).Delete(key)
	}
	return tx.put(bOpen, key, openOf(c))
}

func openOf(c threads.Conversation) OpenConversation {
	return OpenConversation{
		Owner: c.Owner, Waits: c.Waits, Unanswered: c.Unanswered, Pending: len(c.Pending) > 0, Since: c.WaitingSince(),
	}
}

// EachOpen walks the open conversations by number.
func (tx *Tx) EachOpen(f func(OpenConversation) error) error {
	b := tx.bucket(bOpen)
	if b == nil { // an older file, opened to be read alone
		return tx.eachOpenSlowly(f)
	}
	return b.ForEach(func(k, v []byte) error {
		var o OpenConversation
		if err := decode(v, &o); err != nil {
			return fmt.Errorf("reading open conversation %x: %w", k, err)
		}
		o.ID = threads.ID(binary.BigEndian.Uint64(k))
		return f(o)
	})
}

func (tx *Tx) eachOpenSlowly(f func(OpenConversation) error) error {
	return tx.EachConversation(func(c threads.Conversation) error {
		if c.State != threads.StateOpen {
			return nil
		}
		o := openOf(c)
		o.ID = c.ID
		return f(o)
	})
}

// openings: the index says of each conversation what it is.
func (v *verifier) openings(tx *Tx) {
	want := map[threads.ID]OpenConversation{}
	v.add(tx.EachConversation(func(c threads.Conversation) error {
		if c.State == threads.StateOpen {
			want[c.ID] = openOf(c)
		}
		return nil
	}))
	v.add(tx.EachOpen(func(o OpenConversation) error {
		id := o.ID
		w, ok := want[id]
		delete(want, id)
		o.ID = 0
		if !ok || !w.Since.Equal(o.Since) {
			v.addf("conversation %d: the index of open conversations is wrong about it", id)
			return nil
		}
		w.Since = o.Since
		if w != o {
			v.addf("conversation %d: the index says %+v, it is %+v", id, o, w)
		}
		return nil
	}))
	for id := range want {
		v.addf("conversation %d is open, and not in the index of those", id)
	}
}
