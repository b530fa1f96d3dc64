package admin

import (
	"bufio"
	"fmt"

	"postroom/internal/store"
)

// BackupPiece is a line of a backup that a running service writes: octets of the
// file in their order, and at the end what it is.
type BackupPiece struct {
	Octets []byte            `json:"octets,omitempty"`
	Head   *store.BackupHead `json:"head,omitempty"`
}

// backupPiece is how many octets a line carries.
const backupPiece = 192 << 10

func (s *Server) backup(c *call) error {
	s.log.Info("admin", "by", c.by, "verb", c.req.Verb)
	w := bufio.NewWriterSize(pieces{c}, backupPiece)
	head, err := s.st.Backup(w, s.cfg.Version, s.cfg.Answers, s.cfg.Now())
	if err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("sending the backup: %w", err)
	}
	return c.emit(BackupPiece{Head: &head})
}

// pieces sends what is written to it.
type pieces struct{ c *call }

func (p pieces) Write(octets []byte) (int, error) {
	for rest := octets; len(rest) > 0; rest = rest[min(backupPiece, len(rest)):] {
		if err := p.c.emit(BackupPiece{Octets: rest[:min(backupPiece, len(rest))]}); err != nil {
			return 0, err
		}
	}
	return len(octets), nil
}
