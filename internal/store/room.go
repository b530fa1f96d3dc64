package store

import (
	"io"
	"log/slog"
)

// Room says whether there is room on the disk: it is asked before octets are
// written to a file of the state, and an error of it counts as the disk's own.
// octets is 0 where nobody can say how many it will be. It may be called from
// several goroutines, and must not wait.
type Room func(path string, octets int) error

// OpenWithin is Open with a say of its own about how much is written; nil for
// none. While the state is being opened nobody asks.
func OpenWithin(log *slog.Logger, dir string, random io.Reader, room Room) (*Store, error) {
	s, err := Open(log, dir, random)
	if err == nil && room != nil {
		s.live.mu.Lock()
		defer s.live.mu.Unlock()
		s.live.room, s.spool.room = room, room
	}
	return s, err
}

func (r Room) ask(path string, octets int) error {
	if r == nil {
		return nil
	}
	return r(path, octets)
}

// within asks for room before it writes.
type within struct {
	w    io.Writer
	path string
	room Room
}

func (w within) Write(octets []byte) (int, error) {
	if err := w.room.ask(w.path, len(octets)); err != nil {
		return 0, err
	}
	return w.w.Write(octets)
}
