package mailtest

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Seed writes n mails straight into the INBOX of a user, where Dovecot finds
// them at the next look, in order: a mailbox of 100,000 mails takes seconds.
// raw makes the i-th mail; date is its INTERNALDATE.
func (d *Dovecot) Seed(address string, n int, raw func(i int) []byte, date func(i int) time.Time) error {
	box := filepath.Join(d.dir, "mail", address)
	info, err := os.Stat(filepath.Dir(box))
	if err != nil {
		return fmt.Errorf("seeding %s: %w", address, err)
	}
	uid, gid := ownerOf(info)
	for _, dir := range []string{box, filepath.Join(box, "cur"), filepath.Join(box, "new"), filepath.Join(box, "tmp")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("seeding %s: %w", address, err)
		}
		if err := os.Chown(dir, uid, gid); err != nil {
			return fmt.Errorf("seeding %s: %w", address, err)
		}
	}
	d.seeded++
	for i := range n {
		mail, at := raw(i), date(i)
		// Dovecot orders by the time and the M part of the name.
		name := fmt.Sprintf("%d.M%06dP%d.seed,S=%d,W=%d:2,", at.Unix(), i%1_000_000, d.seeded, len(mail), len(mail))
		path := filepath.Join(box, "cur", name)
		if err := os.WriteFile(path, mail, 0o600); err != nil {
			return fmt.Errorf("seeding %s: %w", address, err)
		}
		if err := os.Chown(path, uid, gid); err != nil {
			return fmt.Errorf("seeding %s: %w", address, err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			return fmt.Errorf("seeding %s: %w", address, err)
		}
	}
	return nil
}
