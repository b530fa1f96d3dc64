package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// What opening a state directory can find.
var (
	// ErrInUse says that another process holds the state directory.
	ErrInUse = errors.New("in use by another process")
	// ErrNewer says that a newer Postroom wrote the state directory.
	ErrNewer = errors.New("written by a newer version of Postroom")
	// ErrAbsent says that there is no state yet.
	ErrAbsent = errors.New("no state yet; `postroom run` begins one")
	// ErrDamaged says that the state directory is not as it was written.
	ErrDamaged = errors.New("the state directory is damaged")
)

const (
	fileName = "postroom.db"
	lockName = "lock"
	keyName  = "instance.key"
	spoolDir = "spool"
)

// mmapSize is the address space bbolt maps at once, in bytes: growing the map
// later waits for every open read transaction.
const mmapSize = 1 << 30

// openPatience is how long the service waits for a reading command to let go
// of the file.
const openPatience = 10 * time.Second

// readPatience is how long a reading command waits for the file.
const readPatience = time.Second

// Store is an open state directory. Its methods may be called from any
// goroutine; transactions that write run one at a time.
type Store struct {
	log      *slog.Logger
	dir      string
	db       *bolt.DB
	lock     *os.File // nil when read-only
	key      []byte
	spool    *spool
	live     live
	trouble  trouble
	packer   Packer // used in transactions that write
	wakeLock sync.Mutex
	wakes    map[string][]chan struct{}

	backingUp sync.Mutex
}

// Open opens the state directory for the service, making it (mode 0700) when
// it is not there, and holds its lock until Close. Orphaned spool segments
// are swept. random makes the instance key at the very first start.
//
// Errors wrap ErrInUse, ErrNewer and ErrDamaged; after these nothing was
// changed.
func Open(log *slog.Logger, dir string, random io.Reader) (*Store, error) {
	if err := os.MkdirAll(filepath.Join(dir, spoolDir), 0o700); err != nil {
		return nil, fmt.Errorf("making the state directory: %w", err)
	}
	lock, err := takeLock(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{log: log, dir: dir, lock: lock, wakes: map[string][]chan struct{}{}}
	if err := errors.Join(halfRestored(dir), os.RemoveAll(filepath.Join(dir, linksDir))); err != nil {
		s.Close()
		return nil, err
	}
	if err := s.open(random); err != nil {
		s.Close()
		return nil, s.wayOut(err)
	}
	return s, nil
}

func (s *Store) open(random io.Reader) error {
	if err := s.look(); err != nil {
		return err
	}
	key, made, err := instanceKey(s.dir, random)
	if err != nil {
		return err
	}
	s.key = key
	path, era := filepath.Join(s.dir, fileName), ""
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) && !made { // the key has outlived its state
		if era, err = drawEra(random); err != nil {
			return err
		}
	}
	if err := s.openFile(path, era); err != nil {
		return err
	}
	if s.spool, err = openSpool(filepath.Join(s.dir, spoolDir)); err != nil {
		return err
	}
	if s.live.journal, err = openJournal(filepath.Join(s.dir, journalName), os.O_CREATE|os.O_RDWR); err != nil {
		return err
	}
	// Syncing a file does not sync its name: at the first start journal and
	// spool are new.
	if err := syncDir(s.dir); err != nil {
		return fmt.Errorf("syncing the state directory: %w", err)
	}
	if err := s.goLive(); err != nil {
		return fmt.Errorf("preparing %s: %w", path, err)
	}
	if err := s.migrate(); err != nil {
		return fmt.Errorf("preparing %s: %w", path, err)
	}
	return s.sweep()
}

// OpenReadOnly opens the state for commands that read while no service runs.
// It takes a shared lock on the database alone, for as short as the caller
// keeps it open, and never makes or changes a file. The error wraps ErrAbsent
// when nothing is there and ErrInUse while a service holds the file.
func OpenReadOnly(log *slog.Logger, dir string) (*Store, error) {
	path := filepath.Join(dir, fileName)
	if err := halfRestored(dir); err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("reading %s: %w", path, ErrAbsent)
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: readPatience})
	if err != nil {
		if errors.Is(err, bolterrors.ErrTimeout) {
			err = ErrInUse
		}
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	s := &Store{log: log, dir: dir, db: db, wakes: map[string][]chan struct{}{}}
	if err := db.View(checkVersion); err != nil {
		s.Close()
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	s.spool = &spool{dir: filepath.Join(dir, spoolDir)}
	if err := s.readBehind(); err != nil {
		s.Close()
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return s, nil
}

// Close brings the file up to date, closes it and gives the lock back. No
// transaction may be open.
func (s *Store) Close() error {
	errs := []error{s.endLive()}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// Dir is the state directory.
func (s *Store) Dir() string { return s.dir }

// InstanceKey is the secret that tokens and ids are made from (32 octets).
func (s *Store) InstanceKey() []byte { return bytes.Clone(s.key) }

// Tx is one transaction. It is good until the function it was handed to
// returns, and belongs to that goroutine.
type Tx struct {
	b       *bolt.Tx           // of the file alone, or
	buckets map[string]*bucket // of the state as it is now
	s       *Store
	dropped []uint64
	carried map[uint64]bool // segments referred to that go into the journal too
	wake    map[string]bool
	places  map[string]place // of mails read or written here; see outRecord
	waits   int              // so many more mails wait to be sent
	full    bool             // behind it a checkpoint is due
}

// bucket returns nil for one that the file does not have: an earlier version
// wrote it.
func (tx *Tx) bucket(name string) *bucket {
	if tx.b == nil {
		return tx.buckets[name]
	}
	if b := tx.b.Bucket([]byte(name)); b != nil {
		return &bucket{Bucket: b, name: name}
	}
	return nil
}

// Wake-up channels: what a commit touched. They only save waiting; every
// stage also looks by itself at start.
const (
	WakeInbox  = "inbox"
	WakeOutbox = "outbox"
	WakeChores = "chores"
	WakeAsked  = "asked"
	WakeFetch  = "fetch"
)

// Wake returns a channel that receives after each commit that touched name.
// One value is kept when nobody listens.
func (s *Store) Wake(name string) <-chan struct{} {
	c := make(chan struct{}, 1)
	s.wakeLock.Lock()
	defer s.wakeLock.Unlock()
	s.wakes[name] = append(s.wakes[name], c)
	return c
}

func (s *Store) wakeUp(name string) {
	s.wakeLock.Lock()
	defer s.wakeLock.Unlock()
	for _, c := range s.wakes[name] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (tx *Tx) touched(name string) {
	if tx.wake != nil {
		tx.wake[name] = true
	}
}

func takeLock(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrInUse
		}
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return f, nil
}

// instanceKey reads the key, or makes it durably when it is missing.
func instanceKey(dir string, random io.Reader) (key []byte, made bool, err error) {
	path := filepath.Join(dir, keyName)
	key, err = os.ReadFile(path)
	switch {
	case err == nil && len(key) == 32:
		return key, false, nil
	case err == nil:
		return nil, false, fmt.Errorf("reading %s: it has %d octets, and must have 32: %w", path, len(key), ErrDamaged)
	case !errors.Is(err, os.ErrNotExist):
		return nil, false, fmt.Errorf("reading the instance key: %w", err)
	}
	key = make([]byte, 32)
	if _, err := io.ReadFull(random, key); err != nil {
		return nil, false, fmt.Errorf("making the instance key: %w", err)
	}
	if err := writeDurably(path, key); err != nil {
		return nil, false, fmt.Errorf("writing the instance key: %w", err)
	}
	return key, true, nil
}

// writeDurably replaces a file: written beside, synced, renamed, directory
// synced.
func writeDurably(path string, data []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
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
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
func u32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// encode writes a record: the version octet, then JSON, unless it is compact.
// The records are structs of this module without channels, functions or cycles,
// so that marshalling cannot fail.
func encode(v any) ([]byte, error) {
	if data, ok := encodeCompact(v); ok {
		return data, nil
	}
	var buf bytes.Buffer
	buf.WriteByte(recordVersion)
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding %T: %w", v, err)
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}

func decode(data []byte, v any) error {
	if len(data) > 0 && data[0] == compactVersion {
		return decodeCompact(data, v)
	}
	if len(data) == 0 || data[0] != recordVersion {
		return fmt.Errorf("decoding %T: record version %x is not known", v, data[:min(1, len(data))])
	}
	if err := json.Unmarshal(data[1:], v); err != nil {
		return fmt.Errorf("decoding %T: %w", v, err)
	}
	return nil
}

// put stores v under key.
func (tx *Tx) put(bucket string, key []byte, v any) error {
	data, err := encode(v)
	if err != nil {
		return err
	}
	return tx.bucket(bucket).Put(key, data)
}

// get reads the record under key into v and reports whether it is there.
func (tx *Tx) get(bucket string, key []byte, v any) (bool, error) {
	data := tx.bucket(bucket).Get(key)
	if data == nil {
		return false, nil
	}
	if err := decode(data, v); err != nil {
		return true, fmt.Errorf("reading %s %x: %w", bucket, key, err)
	}
	return true, nil
}
