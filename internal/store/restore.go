package store

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// What reading a backup can find.
var (
	// ErrNoBackup says that a file is no backup of Postroom's.
	ErrNoBackup = errors.New("it is no backup of Postroom's")
	// ErrBadBackup says that a backup is cut short, or was changed since.
	ErrBadBackup = errors.New("the backup is damaged")
)

const (
	maxHead     = 64 << 10 // octets
	maxSums     = 64 << 20
	maxNameLen  = 500
	maxFilesNum = 1 << 20
)

// CheckBackup reads a whole backup and verifies it. It writes nothing.
func CheckBackup(r io.Reader) (BackupHead, error) { return readBackup(r, "") }

// readBackup verifies a backup and, with a directory, unpacks it there: files
// that the directory must not have yet, mode 0600, synced.
func readBackup(r io.Reader, dir string) (BackupHead, error) {
	u := &unpacking{r: tar.NewReader(bufio.NewReaderSize(r, 1<<20)), dir: dir, seen: map[string]bool{}}
	head, err := u.head()
	if err != nil {
		return head, err
	}
	for {
		h, err := u.r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return head, fmt.Errorf("%w: it ends before its checksums", ErrBadBackup)
		case err != nil:
			return head, fmt.Errorf("%w: behind %d files: %w", ErrBadBackup, len(u.seen), err)
		}
		if h.Name == sumsName {
			return head, u.verify(head, h)
		}
		if err := u.file(h); err != nil {
			return head, err
		}
	}
}

type unpacking struct {
	r    *tar.Reader
	dir  string
	seen map[string]bool
	size int64
	sums strings.Builder
}

func (u *unpacking) head() (head BackupHead, err error) {
	h, err := u.r.Next()
	if err != nil || h.Name != headName || h.Size > maxHead {
		return head, ErrNoBackup
	}
	data, err := io.ReadAll(u.r)
	if err != nil {
		return head, fmt.Errorf("%w: %w", ErrBadBackup, err)
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return head, fmt.Errorf("%w: its head cannot be read: %w", ErrBadBackup, err)
	}
	if head.Format > backupFormat || head.Schema > schemaVersion {
		return head, fmt.Errorf("the backup was %w (%s, schema version %d; this one knows %d)", ErrNewer, head.Version, head.Schema, schemaVersion)
	}
	sum := sha256.New()
	sum.Write(data)
	u.sums.WriteString(sumLine(sum, h.Size, headName))
	return head, nil
}

// plainName is what files of a backup are called: nothing that could lie
// elsewhere.
var plainName = regexp.MustCompile(`^[^/\x00-\x1f\\][^/\x00-\x1f\\]*(/[^/\x00-\x1f\\]+)*$`)

func (u *unpacking) file(h *tar.Header) error {
	name := h.Name
	if h.Typeflag != tar.TypeReg || len(name) > maxNameLen || !plainName.MatchString(name) || path.Clean(name) != name ||
		strings.HasPrefix(name, "..") || u.seen[name] || len(u.seen) >= maxFilesNum || !wanted(name) {
		return fmt.Errorf("%w: it has a file %q, which no backup has", ErrBadBackup, name)
	}
	u.seen[name] = true
	sum := sha256.New()
	n, err := u.copy(name, io.TeeReader(u.r, sum))
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", name, err)
	}
	u.size += n
	u.sums.WriteString(sumLine(sum, n, name))
	return nil
}

// wanted reports whether a backup has files of this name.
func wanted(name string) bool {
	return name == fileName || strings.HasPrefix(name, spoolDir+"/") || !notBackedUp(name)
}

func (u *unpacking) copy(name string, r io.Reader) (n int64, err error) {
	if u.dir == "" {
		n, err = io.Copy(io.Discard, r)
		return n, damaged(err)
	}
	to := filepath.Join(u.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	n, err = io.Copy(f, r)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = damaged(err)
	}
	if err == nil {
		err = f.Sync()
	}
	return n, errors.Join(err, f.Close())
}

func damaged(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrBadBackup, err)
}

// verify compares what was read with the checksums.
func (u *unpacking) verify(head BackupHead, h *tar.Header) error {
	if h.Size > maxSums {
		return fmt.Errorf("%w: its checksums are %d octets", ErrBadBackup, h.Size)
	}
	data, err := io.ReadAll(u.r)
	if err != nil {
		return damaged(err)
	}
	want, got := strings.Split(string(data), "\n"), strings.Split(u.sums.String(), "\n")
	for i := range got {
		if i >= len(want) || want[i] != got[i] {
			_, what, _ := strings.Cut(got[i], " ")
			return fmt.Errorf("%w: %q is not what the checksums say", ErrBadBackup, what)
		}
	}
	if len(want) != len(got) || len(u.seen) != head.Files || u.size != head.Size || !u.seen[fileName] || !u.seen[keyName] {
		return fmt.Errorf("%w: files are missing", ErrBadBackup)
	}
	return nil
}
