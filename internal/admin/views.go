package admin

import (
	"errors"
	"fmt"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// ErrNoConversation says that there is no conversation with this number.
var ErrNoConversation = errors.New("there is no such conversation; `postroom list` shows those there are")

// chunk is how many conversations one read transaction takes.
const chunk = 256

// Row is one conversation of the list.
type Row struct {
	Conversation threads.ID      `json:"conversation"`
	State        threads.State   `json:"state"`
	Owner        string          `json:"owner"` // "" for nobody
	Customer     threads.Address `json:"customer"`
	Subject      string          `json:"subject"`
	Updated      time.Time       `json:"updated"`
	Opened       time.Time       `json:"opened"`
	Unanswered   bool            `json:"unanswered"` // the customer wrote last
	Waits        bool            `json:"waits"`      // nobody could be given it
	Held         []string        `json:"held"`       // ids of its held mails
	Tags         []string        `json:"tags"`
	Spam         bool            `json:"spam"`        // an engineer put it away as that
	MergedInto   *threads.ID     `json:"merged_into"` // the conversation it is part of now, null for none
}

func rowOf(c threads.Conversation) Row {
	return Row{
		Conversation: c.ID, State: c.State, Owner: c.Owner, Customer: c.Customer, Subject: c.Subject,
		Updated: c.Updated.UTC(), Opened: c.Opened.UTC(), Unanswered: c.Unanswered, Waits: c.Waits, Held: orEmpty(c.Holds), Tags: orEmpty(c.Tags), Spam: c.Spam, MergedInto: orNull(c.Into),
	}
}

// List hands every conversation to f, by number. state, when not empty, keeps
// those in that state. f runs outside of any transaction; its error ends the
// walk and is returned as it is.
func List(st *store.Store, state threads.State, f func(Row) error) error {
	return each(st, state, func(_ *store.Tx, c threads.Conversation) (Row, error) { return rowOf(c), nil }, f)
}

// each walks the conversations in short transactions: read makes a value of
// one inside, f gets it outside.
func each[T any](st *store.Store, state threads.State, read func(*store.Tx, threads.Conversation) (T, error), f func(T) error) error {
	ids, err := numbers(st, state)
	if err != nil {
		return err
	}
	for len(ids) > 0 {
		part := ids[:min(chunk, len(ids))]
		ids = ids[len(part):]
		values := make([]T, 0, len(part))
		err := st.View(func(tx *store.Tx) error {
			for _, id := range part {
				c, ok, err := tx.Conversation(id)
				if err != nil {
					return err
				}
				if !ok {
					continue
				}
				v, err := read(tx, c)
				if err != nil {
					return fmt.Errorf("reading conversation %d: %w", id, err)
				}
				values = append(values, v)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, v := range values {
			if err := f(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// numbers is the numbers of all conversations: eight octets each, so that the
// walk over them can let go of the store in between.
func numbers(st *store.Store, state threads.State) (ids []threads.ID, err error) {
	err = st.Walk(func(tx *store.Tx) error {
		return tx.EachConversation(func(c threads.Conversation) error {
			if state == "" || c.State == state {
				ids = append(ids, c.ID)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("listing the conversations: %w", err)
	}
	return ids, nil
}

// orEmpty makes an absent list an empty one: [] in JSON, not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// orNull makes an absent value nil: null in JSON.
func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// stamp is a time as JSON has it: null for none. Times are shown in UTC.
func stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
