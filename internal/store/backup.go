package store

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
)

// A backup is one tar file: what it is about first, then the state, and the
// checksums of all of it last, so that one which was cut short is known by
// their absence.
//
//	postroom-backup.json   BackupHead
//	postroom.db            the state file as it was at one instant
//	instance.key           what tokens are made from
//	spool/N.seg            the segments that the state refers to
//	answers/…, token.json  what else lies in the state directory
//	checksums              SHA-256, octets and name of each, a line for each
const (
	backupFormat = 1
	headName     = "postroom-backup.json"
	sumsName     = "checksums"
	answersName  = "answers"
	linksDir     = "backup.tmp" // in the state directory: names that keep segments while they are copied
)

// BackupHead is what a backup says of itself.
type BackupHead struct {
	Format        int       `json:"format"`
	Version       string    `json:"version"` // of the Postroom that wrote it
	Schema        uint64    `json:"schema"`
	Taken         time.Time `json:"taken"`
	Mailbox       string    `json:"mailbox"`
	Conversations int       `json:"conversations"`
	Files         int       `json:"files"` // beside head and checksums
	Size          int64     `json:"size"`  // their octets
}

// Backup writes the state as it is now to w, with its key and what the spool
// holds for it. Everything else goes on meanwhile: the state is read as it was
// at one instant, and the segments it refers to are kept until they are copied.
// answers is the folder of saved answers, "" for none. version goes into the
// head. One backup is made at a time.
func (s *Store) Backup(w io.Writer, version, answers string, now time.Time) (BackupHead, error) {
	s.backingUp.Lock()
	defer s.backingUp.Unlock()
	head := BackupHead{Format: backupFormat, Version: version, Schema: schemaVersion, Taken: now.UTC()}
	links := filepath.Join(s.dir, linksDir)
	defer os.RemoveAll(links)
	read, segments, err := s.freeze(links)
	if err != nil {
		return head, fmt.Errorf("backing up the state: %w", err)
	}
	defer read.Rollback()
	tx := &Tx{b: read, s: s}
	if head.Mailbox, err = ownerOf(s.dir); err != nil {
		return head, fmt.Errorf("backing up the state: %w", err)
	}
	head.Conversations = tx.bucket(bConversations).len()
	files, err := s.beside(answers)
	if err != nil {
		return head, fmt.Errorf("backing up the state: %w", err)
	}
	for _, seg := range segments {
		name := filepath.Base(s.spool.path(seg))
		files = append(files, backupFile{spoolDir + "/" + name, filepath.Join(links, name)})
	}
	head.Files = len(files) + 1
	if head.Size, err = totalSize(files); err != nil {
		return head, fmt.Errorf("backing up the state: %w", err)
	}
	head.Size += read.Size()
	a := &archive{w: tar.NewWriter(w), at: head.Taken}
	if err := a.state(head, read, files); err != nil {
		return head, fmt.Errorf("backing up the state: %w", err)
	}
	return head, nil
}

// freeze begins to read the state as it is now, and gives the segments it
// refers to second names in dir: what is let go meanwhile is still there.
func (s *Store) freeze(dir string) (*bolt.Tx, []uint64, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, nil, err
	}
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	read, err := s.snapshotLocked()
	if err != nil {
		return nil, nil, err
	}
	var segments []uint64
	err = read.Bucket([]byte(bSegments)).ForEach(func(k, _ []byte) error {
		seg := binary.BigEndian.Uint64(k)
		segments = append(segments, seg)
		path := s.spool.path(seg)
		return os.Link(path, filepath.Join(dir, filepath.Base(path)))
	})
	if err != nil {
		_ = read.Rollback() // it only read
		return nil, nil, err
	}
	return read, segments, nil
}

type backupFile struct{ name, path string }

func totalSize(files []backupFile) (n int64, err error) {
	for _, f := range files {
		info, err := os.Stat(f.path)
		if err != nil {
			return 0, err
		}
		n += info.Size()
	}
	return n, nil
}

// beside lists what lies in the state directory beside the state itself: the
// key, tokens for the mail server, saved answers.
func (s *Store) beside(answers string) (files []backupFile, err error) {
	add := func(root, prefix string) error {
		return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			name := filepath.ToSlash(filepath.Join(prefix, rel))
			switch {
			case d.IsDir() && (notBackedUp(name) || answers != "" && prefix == "" && filepath.Clean(path) == filepath.Clean(answers)):
				return fs.SkipDir
			case d.Type().IsRegular() && !notBackedUp(name):
				files = append(files, backupFile{name, path})
			}
			return nil
		})
	}
	if err := add(s.dir, ""); err != nil {
		return nil, err
	}
	if answers != "" {
		if err := add(answers, answersName); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return files, nil
}

// notBackedUp reports what of a state directory goes into no backup: the state,
// which is taken apart, what belongs to the process, and what is half done.
func notBackedUp(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	switch top {
	case spoolDir, linksDir, restoreDir, lockName, journalName, markName, headName, sumsName:
		return true
	}
	return strings.HasPrefix(top, fileName) || strings.HasPrefix(top, beforePrefix) || strings.HasSuffix(name, ".new") || strings.HasSuffix(top, ".sock")
}

// archive writes a backup.
type archive struct {
	w    *tar.Writer
	at   time.Time
	sums strings.Builder
}

func (a *archive) state(head BackupHead, read *bolt.Tx, files []backupFile) error {
	data, err := json.MarshalIndent(head, "", "  ")
	if err != nil {
		return err
	}
	if err := a.octets(headName, append(data, '\n')); err != nil {
		return err
	}
	if err := a.add(fileName, read.Size(), func(w io.Writer) error { _, err := read.WriteTo(w); return err }); err != nil {
		return err
	}
	for _, f := range files {
		if err := a.file(f); err != nil {
			return err
		}
	}
	if err := a.octets(sumsName, []byte(a.sums.String())); err != nil {
		return err
	}
	return a.w.Close()
}

func (a *archive) octets(name string, data []byte) error {
	return a.add(name, int64(len(data)), func(w io.Writer) error { _, err := w.Write(data); return err })
}

func (a *archive) file(f backupFile) error {
	in, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	return a.add(f.name, info.Size(), func(w io.Writer) error {
		_, err := io.Copy(w, io.LimitReader(in, info.Size())) // one that grows is as long as it was
		return err
	})
}

// add writes one file and notes its checksum.
func (a *archive) add(name string, size int64, write func(io.Writer) error) error {
	if err := a.w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600, Size: size, ModTime: a.at, Format: tar.FormatPAX}); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	sum := sha256.New()
	if err := write(io.MultiWriter(a.w, sum)); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if name != sumsName {
		a.sums.WriteString(sumLine(sum, size, name))
	}
	return nil
}

func sumLine(sum hash.Hash, size int64, name string) string {
	return fmt.Sprintf("%s %d %s\n", hex.EncodeToString(sum.Sum(nil)), size, name)
}
