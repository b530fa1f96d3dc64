package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"

	"postroom/threads"
)

// migrations[v] brings a file of schema version v to v+1. Each runs in one
// transaction with all that follow it; a copy of the file is kept before.
var migrations = [schemaVersion]func(*Tx) error{
	1: refold,
	2: asItIs,
	3: rewriteOutbox,
	4: refold,
	5: asItIs,
	6: rekeyIDs,
	7: asItIs,
	8: asItIs,
}

// migrate brings an older file to the version this one writes. The copy is
// named after the version it has; one that is there from an earlier attempt
// is replaced.
func (s *Store) migrate() error {
	version, err := s.version()
	if err != nil || version == schemaVersion {
		return err
	}
	kept := filepath.Join(s.dir, fmt.Sprintf("%s.v%d", fileName, version))
	if err := s.Copy(kept, 0o600); err != nil {
		return fmt.Errorf("keeping a copy of the state: %w", err)
	}
	err = s.Update(func(tx *Tx) error {
		for v := version; v < schemaVersion; v++ {
			if migrations[v] == nil {
				return fmt.Errorf("no migration leads on from schema version %d", v)
			}
			if err := migrations[v](tx); err != nil {
				return fmt.Errorf("migrating from schema version %d: %w", v, err)
			}
		}
		return tx.bucket(bMeta).Put([]byte("schema"), u64(schemaVersion))
	})
	if err != nil {
		return err
	}
	s.log.Info("migrated", "from", version, "to", schemaVersion, "copy", kept)
	return nil
}

func (s *Store) version() (version uint64, err error) {
	err = s.View(func(tx *Tx) error {
		version = binary.BigEndian.Uint64(tx.bucket(bMeta).Get([]byte("schema")))
		return nil
	})
	return version, err
}

// refold makes the state of every conversation from its events anew: version
// 2 remembers more of them, and keeps an index of those that are open; version
// 5 remembers what each engineer has seen and did.
func refold(tx *Tx) error {
	var ids []threads.ID
	err := tx.bucket(bConversations).ForEach(func(k, _ []byte) error {
		ids = append(ids, threads.ID(binary.BigEndian.Uint64(k)))
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		events, err := tx.Events(id)
		if err != nil {
			return err
		}
		if err := tx.Commit(threads.Fold(id, events), nil); err != nil {
			return err
		}
	}
	return nil
}

// asItIs changes nothing: the version writes some records in a form that the
// one before it cannot read, and reads both.
func asItIs(*Tx) error { return nil }

// rekeyIDs files what ids stand for under digests of the ids, in their order:
// a bucket that grows at random places within one transaction takes quadratic
// time. A record that cannot be read is kept as it is; looking it up fails.
func rekeyIDs(tx *Tx) error {
	type entry struct {
		key  [16]byte
		data []byte
	}
	var list []entry
	var old [][]byte
	err := tx.bucket(bMessageIDs).ForEach(func(k, v []byte) error {
		key, err := keyOfOld(k)
		data := bytes.Clone(v)
		if knowns, err := decodeKnowns(v); err == nil {
			data = encodeKnowns(knowns)
		}
		list, old = append(list, entry{key, data}), append(old, bytes.Clone(k))
		return err
	})
	if err != nil {
		return err
	}
	for _, k := range old {
		if err := tx.bucket(bMessageIDs).Delete(k); err != nil {
			return err
		}
	}
	slices.SortFunc(list, func(a, b entry) int { return bytes.Compare(a.key[:], b.key[:]) })
	for i := range list {
		if err := tx.bucket(bMessageIDs).Put(list[i].key[:], list[i].data); err != nil {
			return err
		}
	}
	return nil
}

// keyOfOld is the key today of what had a key before version 7.
func keyOfOld(k []byte) (key [16]byte, err error) {
	if hashed, ok := bytes.CutPrefix(k, []byte("#")); ok {
		sum, err := hex.DecodeString(string(hashed))
		if err != nil || len(sum) != sha256.Size {
			return key, fmt.Errorf("key %q of an id is none", k)
		}
		return [16]byte(sum), nil
	}
	return idKey(string(k)), nil
}
