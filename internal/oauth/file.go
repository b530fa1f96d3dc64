package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// maxFile bounds what is read of a token file, in octets.
const maxFile = 256 << 10

// fileVersion is what this program writes and reads.
const fileVersion = 1

// record is what is known of one login.
type record struct {
	Version  int    `json:"version"`
	ClientID string `json:"client_id"`

	Access   string    `json:"access_token,omitempty"`
	Obtained time.Time `json:"obtained"` // when the access token was asked for
	Expires  time.Time `json:"expires"`

	LoggedIn       time.Time `json:"logged_in,omitzero"` // when a person did
	Refresh        string    `json:"refresh_token"`
	RefreshExpires time.Time `json:"refresh_expires,omitzero"` // zero: the provider does not say
}

// readFile reads the token file. fs.ErrNotExist is wrapped in ErrLogin.
func readFile(path, clientID string) (record, error) {
	data, err := readAll(path)
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, fmt.Errorf("there is no token file %s yet: %w", path, ErrLogin)
	}
	if err != nil {
		return record{}, fmt.Errorf("reading the token file: %w", err)
	}
	var r record
	// The decoder's error may quote what it read.
	if json.Unmarshal(data, &r) != nil || r.Version < 1 || r.Refresh == "" {
		return record{}, fmt.Errorf("the token file %s is damaged: %w", path, ErrLogin)
	}
	if r.Version > fileVersion {
		return record{}, fmt.Errorf("the token file %s is of a newer version of the program", path)
	}
	if r.ClientID != clientID {
		return record{}, fmt.Errorf("the token file %s belongs to another client_id: %w", path, ErrLogin)
	}
	return r, nil
}

func readAll(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// writeFile makes a record durable: when it returns nil, the record is what
// the file holds after any crash; when it does not, the file holds what it
// held before.
func writeFile(path string, r record) error {
	r.Version = fileVersion
	data, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = replace(path, append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("storing the tokens: %w", err)
	}
	return nil
}

func replace(path string, data []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// lockEvery is how often a lock another process holds is tried again.
const lockEvery = 50 * time.Millisecond

// lock takes the lock beside the token file, so that no two processes refresh
// at once: the second would spend a refresh token the first has replaced.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of the token file: %w", err)
	}
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the token file: %w", err)
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("locking the token file: %w", err)
		}
		if !sleep(ctx, lockEvery) {
			f.Close()
			return nil, fmt.Errorf("waiting for another process that refreshes the tokens: %w", ctx.Err())
		}
	}
}

// sleep waits, and reports whether ctx is still good.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
