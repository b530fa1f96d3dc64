package store

import (
	"encoding/binary"
	"fmt"
	"slices"

	"postroom/threads"
)

// maxHops bounds how often a conversation, or a mail of it, can have moved on.
const maxHops = 64

// Redirect records that an event of a conversation is one of another now, since
// the conversation became part of that or was split. Event 0 stands for the
// conversation as a whole. What ids and addresses stood for follows.
func (tx *Tx) Redirect(from threads.ID, event int, to threads.ID, toEvent int) error {
	data := append([]byte{recordVersion}, eventKey(to, toEvent)...)
	return tx.bucket(bRedirects).Put(eventKey(from, event), data)
}

// Moved is where an event of a conversation is now: as it is, where it never
// moved. Event 0 is the conversation as a whole.
func (tx *Tx) Moved(id threads.ID, event int) (threads.ID, int, error) {
	b := tx.bucket(bRedirects)
	if b == nil {
		return id, event, nil // a state directory that was never opened for writing since
	}
	for range maxHops {
		data := b.Get(eventKey(id, event))
		if data == nil && event != 0 {
			if data = b.Get(eventKey(id, 0)); data == nil {
				return id, event, nil
			}
		}
		if data == nil {
			return id, event, nil
		}
		if len(data) != 13 || data[0] != recordVersion {
			return 0, 0, fmt.Errorf("reading where event %d.%d is now: %x is not known", id, event, data)
		}
		id, event = threads.ID(binary.BigEndian.Uint64(data[1:])), int(binary.BigEndian.Uint32(data[9:]))
	}
	return 0, 0, fmt.Errorf("conversation %d was moved more than %d times", id, maxHops)
}

// follow makes what an id stands for true again after its conversation moved.
// Tokens keep their generation: the conversation took over those of the other.
func (ix *Index) follow(k *threads.Known) {
	if k.Conversation == 0 {
		return
	}
	id, event, err := ix.tx.Moved(k.Conversation, k.Event)
	ix.failed(err)
	if err != nil || id == k.Conversation {
		return
	}
	k.Was = k.Conversation
	k.Conversation, k.Event = id, event
}

// whole are conversations as they are now, the newest of those that became one
// at its place.
func (ix *Index) whole(list []threads.ID) []threads.ID {
	for i, id := range list {
		to, _, err := ix.tx.Moved(id, 0)
		ix.failed(err)
		list[i] = to
	}
	for i := len(list) - 1; i > 0; i-- {
		if j := slices.Index(list[:i], list[i]); j >= 0 {
			list = slices.Delete(list, j, j+1)
			i--
		}
	}
	return list
}
