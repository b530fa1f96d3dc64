package gateway

import "slices"

// room is where mails that were taken from the disk together lie, until none
// of them is in hand any more. It is used again then: new memory has to be
// cleared, and the old collected.
type room struct {
	octets []byte
	users  int
}

const (
	roomStep   = 32 << 10 // rooms are multiples of this, in octets, so that one fits the next
	spareRooms = 24       // kept at most
)

// room finds room for mails that adjoin.
func (lib *library) room(list []*reading) *room {
	size := int64(0)
	for _, rd := range list {
		size += rd.letter.ref.Length
	}
	rm := &room{users: len(list)}
	for _, rd := range list {
		rd.room = rm
	}
	if i := slices.IndexFunc(lib.spare, func(o []byte) bool { return int64(len(o)) >= size }); i >= 0 {
		rm.octets = lib.spare[i]
		lib.spare = slices.Delete(lib.spare, i, i+1)
	} else {
		rm.octets = make([]byte, (size+roomStep-1)/roomStep*roomStep)
	}
	return rm
}

// leave says that one mail in a room is not needed any more; a room of nil is
// none.
func (lib *library) leave(rm *room) {
	if rm == nil {
		return
	}
	if rm.users--; rm.users == 0 && len(lib.spare) < spareRooms {
		lib.spare = append(lib.spare, rm.octets)
	}
}
