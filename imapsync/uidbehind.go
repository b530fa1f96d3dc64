package imapsync

import (
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Work-around for go-imap v2.0.0-beta.8: a message whose UID the server names
// behind the octets reaches no UID FETCH, since the library hands a literal on
// when it begins and cannot tell yet whose it is. Such a server is within its
// rights (RFC 9051 §7.5.2 sets no order). Its messages are asked for by their
// numbers, which stand in front.

// stray sees each FETCH answer that fits no command: mostly somebody's change
// of flags. It runs in a goroutine of the library's.
func (s *session) stray(msg *imapclient.FetchMessageData) {
	named := false
	for item := msg.Next(); item != nil; item = msg.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			named = true
		case imapclient.FetchItemDataBodySection:
			if item.Literal != nil && !named {
				s.uidBehind.Store(true)
			}
		}
	}
}

// errOtherMessage is a number that came to mean another message.
var errOtherMessage = errors.New("the server numbered its messages anew meanwhile")

// numbers returns the numbers messages have now. A server must not tell of
// expunged messages in an answer to FETCH (RFC 9051 §7.5.1), so those that the
// second command confirms hold until another command than FETCH.
func (s *session) numbers(uids []uint32) (map[uint32]uint32, error) {
	var set imap.SeqSet
	only := &imap.FetchOptions{UID: true}
	err := s.fetchSet(uidSet(uids), only, func(msg *imapclient.FetchMessageData) error {
		set.AddNum(msg.SeqNum)
		return nil
	})
	if err != nil || len(set) == 0 {
		return nil, err
	}
	wanted := make(map[uint32]bool, len(uids))
	for _, uid := range uids {
		wanted[uid] = true
	}
	numbers := map[uint32]uint32{}
	err = s.fetchSet(set, only, func(msg *imapclient.FetchMessageData) error {
		if m := readMeta(msg); wanted[m.uid] {
			numbers[msg.SeqNum] = m.uid
		}
		return nil
	})
	return numbers, err
}

// fetchByNumber is fetch by numbers. f is told whose items a message's are,
// and is called for those alone that were asked for. Should the UID behind
// the items be another one, everything f was handed is void: errOtherMessage.
func (s *session) fetchByNumber(uids []uint32, items *imap.FetchOptions, f func(uint32, *imapclient.FetchMessageData) (uint32, error)) error {
	numbers, err := s.numbers(uids)
	if err != nil || len(numbers) == 0 {
		return err
	}
	var set imap.SeqSet
	for n := range numbers {
		set.AddNum(n)
	}
	return s.fetchSet(set, items, func(msg *imapclient.FetchMessageData) error {
		uid := numbers[msg.SeqNum]
		said, err := f(uid, msg)
		if err == nil && said != uid {
			err = fmt.Errorf("fetching uid %d: %w", uid, errOtherMessage)
		}
		return err
	})
}
