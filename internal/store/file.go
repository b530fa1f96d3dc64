package store

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	bolt "go.etcd.io/bbolt"
)

// openFile opens the bbolt file. A new one is made under another name, so that
// the file is there as a whole or not at all.
func (s *Store) openFile(path, era string) (err error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := makeFile(path, s.key, era); err != nil {
			return fmt.Errorf("making %s: %w", path, err)
		}
	}
	opts := &bolt.Options{
		Timeout:         openPatience,
		FreelistType:    bolt.FreelistMapType,
		InitialMmapSize: mmapSize,
	}
	if s.db, err = bolt.Open(path, 0o600, opts); err != nil {
		return fmt.Errorf("opening %s: %w", path, err)
	}
	s.live.unsettled = true // an earlier process may have seen its sync fail
	if err := s.settle(); err != nil {
		return err
	}
	if err := prepare(s.db, s.key); err != nil {
		return fmt.Errorf("preparing %s: %w", path, err)
	}
	return nil
}

func makeFile(path string, key []byte, era string) error {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	db, err := bolt.Open(fresh, 0o600, nil)
	if err != nil {
		return err
	}
	if err := errors.Join(prepare(db, key), begin(db, era), db.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// begin begins an era in a new file; "" is the first.
func begin(db *bolt.DB, era string) error {
	if era == "" {
		return nil
	}
	return db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(bMeta)).Put([]byte("x-"+metaEra), []byte(strconv.Quote(era)))
	})
}

// prepare makes what the file does not have yet. A file that has it all is left
// as it is.
func prepare(db *bolt.DB, key []byte) error {
	whole := false
	err := db.View(func(tx *bolt.Tx) error {
		if err := checkVersion(tx); err != nil && !errors.Is(err, ErrAbsent) {
			return err
		}
		whole = prepared(tx)
		return nil
	})
	if err != nil || whole {
		return err
	}
	return db.Update(func(tx *bolt.Tx) error {
		for _, name := range allBuckets {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		meta := tx.Bucket([]byte(bMeta))
		if meta.Get([]byte("schema")) == nil {
			if err := meta.Put([]byte("schema"), u64(schemaVersion)); err != nil {
				return err
			}
		}
		if meta.Get(keySecret) != nil {
			return nil
		}
		// It is kept here, since the journal must outlive the key.
		secret := sha256.Sum256(append([]byte("the marks of the journal, from "), key...))
		return meta.Put(keySecret, secret[:8])
	})
}

func prepared(tx *bolt.Tx) bool {
	for _, name := range allBuckets {
		if tx.Bucket([]byte(name)) == nil {
			return false
		}
	}
	meta := tx.Bucket([]byte(bMeta))
	return meta.Get(keySecret) != nil && meta.Get([]byte("schema")) != nil
}

func checkVersion(tx *bolt.Tx) error {
	meta := tx.Bucket([]byte(bMeta))
	if meta == nil {
		return ErrAbsent
	}
	v := meta.Get([]byte("schema"))
	if len(v) != 8 {
		return fmt.Errorf("the schema version is not readable: %x", v)
	}
	if got := binary.BigEndian.Uint64(v); got > schemaVersion {
		return fmt.Errorf("schema version %d, this one knows %d: %w", got, schemaVersion, ErrNewer)
	}
	return nil
}
