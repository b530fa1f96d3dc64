package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"postroom/threads"
)

// idKey is the key of an id: short, and of one length however long the id is,
// so that the pages that lead to it are few.
func idKey(id string) [16]byte {
	sum := sha256.Sum256([]byte(id))
	return [16]byte(sum[:])
}

// maxOldID bounded an id as a key before version 7: longer ones were hashed.
const maxOldID = 500

func oldIDKey(id string) []byte {
	if len(id) <= maxOldID {
		return []byte(id)
	}
	sum := sha256.Sum256([]byte(id))
	return []byte("#" + hex.EncodeToString(sum[:]))
}

// AddKnown implements threads.Recorder.
func (tx *Tx) AddKnown(id string, k threads.Known) error {
	if id == "" {
		return nil
	}
	list, err := tx.knowns(id)
	if err != nil {
		return err
	}
	list, changed := threads.WithKnown(list, k)
	if !changed {
		return nil
	}
	key := idKey(id)
	return tx.bucket(bMessageIDs).Put(key[:], encodeKnowns(list))
}

func (tx *Tx) knowns(id string) ([]threads.Known, error) {
	data := tx.idRecord(id)
	if data == nil {
		return nil, nil
	}
	list, err := decodeKnowns(data)
	if err != nil {
		return nil, fmt.Errorf("reading what %q stands for: %w", id, err)
	}
	return list, nil
}

// idRecord is the record of an id. A file of an older version that is only read
// has them under the ids themselves.
func (tx *Tx) idRecord(id string) []byte {
	key := idKey(id)
	data := tx.bucket(bMessageIDs).Get(key[:])
	if data == nil && tx.b != nil {
		data = tx.bucket(bMessageIDs).Get(oldIDKey(id))
	}
	return data
}

func tokenKey(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:16]
}

// AddToken records what a token stands for. Tokens are kept as digests: the
// file does not give them away, and looking one up takes no time that tells
// anything of it.
func (tx *Tx) AddToken(token string, t threads.Token) error {
	return tx.put(bTokens, tokenKey(token), tokenRecord{t})
}

// HasToken reports whether a token is recorded.
func (tx *Tx) HasToken(token string) bool { return tx.bucket(bTokens).Get(tokenKey(token)) != nil }

// Index answers questions of package threads from this transaction. A broken
// record makes it remember the error, which Err returns.
type Index struct {
	tx  *Tx
	err error
}

// Index returns the transaction's index.
func (tx *Tx) Index() *Index { return &Index{tx: tx} }

var (
	_ threads.Index    = (*Index)(nil)
	_ threads.Recorder = (*Tx)(nil)
)

// Err is the first error met.
func (ix *Index) Err() error { return ix.err }

func (ix *Index) failed(err error) {
	if ix.err == nil && err != nil {
		ix.err = fmt.Errorf("looking up: %w", err)
	}
}

// Token implements threads.Index.
func (ix *Index) Token(token string) (threads.Token, bool) {
	var record tokenRecord
	ok, err := ix.tx.get(bTokens, tokenKey(token), &record)
	ix.failed(err)
	t := record.Token
	if t.Conversation == 0 || !ok || err != nil {
		return t, ok && err == nil
	}
	id, _, err := ix.tx.Moved(t.Conversation, 0)
	ix.failed(err)
	t.Conversation = id
	return t, err == nil
}

// ID implements threads.Index.
func (ix *Index) ID(id string) []threads.Known {
	list, err := ix.tx.knowns(id)
	ix.failed(err)
	for i := range list {
		ix.follow(&list[i])
	}
	return list
}

// Generation implements threads.Index.
func (ix *Index) Generation(id threads.ID, engineer string) int {
	c, _, err := ix.tx.Conversation(id)
	ix.failed(err)
	n, err := ix.tx.Generation(c, engineer)
	ix.failed(err)
	return n
}

// Participant implements threads.Index.
func (ix *Index) Participant(id threads.ID, addr string) bool {
	c, _, err := ix.tx.Conversation(id)
	ix.failed(err)
	return c.Participant(addr)
}

// MarkReturned records that our own copy of a mail was seen while the mail
// was still being sent; Returned asks for it. DropOut forgets it.
func (tx *Tx) MarkReturned(outID string) error {
	return tx.bucket(bReturned).Put([]byte(outID), []byte{recordVersion})
}

// Returned reports whether our own copy of a mail has been seen.
func (tx *Tx) Returned(outID string) bool { return tx.bucket(bReturned).Get([]byte(outID)) != nil }
