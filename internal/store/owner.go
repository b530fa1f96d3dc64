package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrForeign says that a state directory is of another mailbox.
var ErrForeign = errors.New("the state is of another mailbox")

// ownerName is the file that says in words whose state this is.
const ownerName = "mailbox"

// CheckOwner refuses a state directory that is of another mailbox than owner,
// a line in words. It changes nothing; a directory that says nothing belongs to
// everybody. The error wraps ErrForeign.
func CheckOwner(dir, owner string) error {
	path := filepath.Join(dir, ownerName)
	got, err := ownerOf(dir)
	if err != nil {
		return err
	}
	if got != "" && got != owner {
		return fmt.Errorf("%w: %s is that of %q, and the configuration names %q: give it a state.dir of its own; "+
			"if it is the same mailbox under another name, remove %s", ErrForeign, dir, got, owner, path)
	}
	return nil
}

// SetOwner says whose state this is.
func (s *Store) SetOwner(owner string) error {
	path := filepath.Join(s.dir, ownerName)
	if data, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(data)) == owner {
		return nil
	}
	if err := writeDurably(path, []byte(owner+"\n")); err != nil {
		return fmt.Errorf("writing whose state this is: %w", err)
	}
	return nil
}

// ownerOf is whose state this is, "" where it does not say.
func ownerOf(dir string) (string, error) {
	data, err := os.ReadFile(filepath.Join(dir, ownerName))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) { // whoever opens it says so
		return "", nil
	} else if err != nil {
		return "", fmt.Errorf("looking whose state this is: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}
