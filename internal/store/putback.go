package store

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	restoreDir   = "restore.tmp" // in the state directory: what is being unpacked
	markName     = "restoring"   // there while files of it change places
	beforePrefix = "before-"     // begins the name of the folder with what was there before
)

var (
	// ErrNotEmpty says that a state directory has a state, which a restore does
	// not put aside unasked.
	ErrNotEmpty = errors.New("the state directory is not empty")
	// ErrHalfRestored says that a restore was broken off while files changed
	// places.
	ErrHalfRestored = errors.New("a restore was broken off half-way; run `postroom restore` with the same backup again")
)

// Restore is what is to be put back.
type Restore struct {
	Dir     string    // the state directory
	Backup  io.Reader // read once, from its beginning
	Mailbox string    // what the state must be about; "" for anything
	Answers string    // the folder of saved answers, where that is not in the state directory
	Replace bool      // a state that is there is put aside, into a folder of its own
	Now     time.Time
	Random  io.Reader
}

// PutBack tells what was done.
type PutBack struct {
	Head   BackupHead
	Before string // where what was there lies now, "" when nothing was
	// AnswersIn is where the saved answers of the backup lie when there were
	// others in their place; "" when there were not.
	AnswersIn string
}

// PutBack puts a backup into a state directory. Nothing there is touched before
// the whole backup is unpacked beside it and verified: its checksums, and all
// that [Store.Verify] looks at. Errors wrap ErrInUse, ErrNotEmpty, ErrNoBackup,
// ErrBadBackup, ErrNewer and ErrForeign.
func (r Restore) PutBack(log *slog.Logger) (done PutBack, err error) {
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return done, fmt.Errorf("making the state directory: %w", err)
	}
	lock, err := takeLock(r.Dir)
	if err != nil {
		return done, err
	}
	defer lock.Close()
	there, half, err := r.there()
	if err != nil {
		return done, err
	}
	if len(there) > 0 && !r.Replace && !half {
		return done, fmt.Errorf("%s has %s: %w", r.Dir, strings.Join(there[:min(len(there), 5)], ", "), ErrNotEmpty)
	}
	tmp := filepath.Join(r.Dir, restoreDir)
	if err := os.RemoveAll(tmp); err != nil {
		return done, fmt.Errorf("removing what an earlier restore left: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return done, fmt.Errorf("unpacking the backup: %w", err)
	}
	if done.Head, err = readBackup(r.Backup, tmp); err != nil {
		return done, err
	}
	if err := r.prepare(log, tmp, done.Head); err != nil {
		return done, err
	}
	if done.Before, err = r.swap(tmp, there); err != nil {
		return done, fmt.Errorf("putting the state back: %w", err)
	}
	done.AnswersIn, err = r.answers()
	return done, err
}

// there lists what the state directory has that a restore would replace, and
// whether a restore was broken off.
func (r Restore) there() (names []string, half bool, err error) {
	entries, err := os.ReadDir(r.Dir)
	if err != nil {
		return nil, false, fmt.Errorf("reading the state directory: %w", err)
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == markName:
			half = true
		case name == lockName, name == restoreDir, name == linksDir, name == "lost+found", strings.HasPrefix(name, beforePrefix),
			e.Type()&os.ModeSocket != 0:
		case name == spoolDir && empty(filepath.Join(r.Dir, name)):
			if err := os.Remove(filepath.Join(r.Dir, name)); err != nil {
				return nil, false, fmt.Errorf("reading the state directory: %w", err)
			}
		default:
			names = append(names, name)
		}
	}
	return names, half, nil
}

func empty(dir string) bool {
	list, err := os.ReadDir(dir)
	return err == nil && len(list) == 0
}

// prepare opens the unpacked state, looks whether it is whole, and makes it one
// that was put back.
func (r Restore) prepare(log *slog.Logger, tmp string, head BackupHead) error {
	if r.Mailbox != "" && head.Mailbox != "" && head.Mailbox != r.Mailbox {
		return fmt.Errorf("the backup is of %s, and the configuration names %s: %w", head.Mailbox, r.Mailbox, ErrForeign)
	}
	s, err := Open(log, tmp, r.Random)
	if err != nil {
		return fmt.Errorf("opening the backed up state: %w", err)
	}
	for _, err := range s.Verify() {
		return errors.Join(fmt.Errorf("%w: %w", ErrBadBackup, err), s.Close())
	}
	if err := errors.Join(s.MarkRestored(head.Taken, r.Now.UTC(), r.Random), s.Close()); err != nil {
		return fmt.Errorf("preparing the backed up state: %w", err)
	}
	for _, name := range []string{lockName, journalName} { // the journal is in the file by now
		if err := os.Remove(filepath.Join(tmp, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("preparing the backed up state: %w", err)
		}
	}
	return syncTree(tmp)
}

// swap puts aside what was there and puts the unpacked state in its place. A
// mark says so meanwhile: whatever happens, no state is opened that is half of
// one and half of another.
func (r Restore) swap(tmp string, there []string) (before string, err error) {
	mark := filepath.Join(r.Dir, markName)
	if err := writeDurably(mark, []byte(r.Now.UTC().Format(time.RFC3339)+"\n")); err != nil {
		return "", err
	}
	if len(there) > 0 {
		before = filepath.Join(r.Dir, beforePrefix+r.Now.UTC().Format("20060102T150405.000Z"))
		if err := os.Mkdir(before, 0o700); err != nil {
			return "", err
		}
		if err := move(r.Dir, before, there); err != nil {
			return "", err
		}
	}
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return "", err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if err := move(tmp, r.Dir, names); err != nil {
		return "", err
	}
	if err := os.Remove(mark); err != nil {
		return "", err
	}
	return before, syncDir(r.Dir)
}

func move(from, to string, names []string) error {
	for _, name := range names {
		if err := os.Rename(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return errors.Join(syncDir(to), syncDir(from))
}

// answers moves the saved answers to where the configuration has them, if
// nothing is there.
func (r Restore) answers() (left string, err error) {
	here := filepath.Join(r.Dir, answersName)
	if r.Answers == "" || filepath.Clean(r.Answers) == here || empty(here) {
		return "", nil
	}
	if _, err := os.Stat(here); errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if _, err := os.Stat(r.Answers); err == nil && !empty(r.Answers) {
		return here, nil
	}
	if err := os.MkdirAll(filepath.Dir(r.Answers), 0o700); err != nil {
		return here, nil
	}
	if err := os.Remove(r.Answers); err != nil && !errors.Is(err, os.ErrNotExist) {
		return here, nil
	}
	if os.Rename(here, r.Answers) != nil {
		return here, nil // on another file system
	}
	return "", nil
}

// halfRestored reports a restore that was broken off.
func halfRestored(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, markName)); err == nil {
		return fmt.Errorf("opening %s: %w", dir, ErrHalfRestored)
	}
	return nil
}

// syncTree syncs the directories below a folder; their files are synced.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncDir(path)
	})
}
