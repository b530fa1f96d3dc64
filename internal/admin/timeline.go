package admin

import (
	"fmt"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// maxTexts bounds the texts of mails in one timeline, in octets: a
// conversation may be of any length. The oldest are left out.
const maxTexts = 2 << 20

// Timeline is a conversation as a story: what happened, and why.
type Timeline struct {
	Row
	Linked       *threads.ID       `json:"linked"` // the old conversation it continues
	Participants []threads.Address `json:"participants"`
	TextsCut     int               `json:"texts_cut"` // texts left out because there are too many
	Events       []Moment          `json:"events"`
}

// Moment is one event of a timeline.
type Moment struct {
	N         int       `json:"n"`
	At        time.Time `json:"at"`
	Kind      string    `json:"kind"`
	Who       string    `json:"who"`    // whose doing it was, as an email address or user name; "" for Postroom's
	What      string    `json:"what"`   // one plain sentence
	Reason    string    `json:"reason"` // why it was decided so; "" where nothing was decided
	MessageID string    `json:"message_id"`
	Text      string    `json:"text"` // of its mail
	Problems  []string  `json:"problems"`
}

// Show returns a conversation with its whole history. The error wraps
// ErrNoConversation.
func Show(st *store.Store, id threads.ID) (*Timeline, error) {
	var t *Timeline
	err := st.View(func(tx *store.Tx) error {
		c, ok, err := tx.Conversation(id)
		if err != nil {
			return err
		}
		if !ok {
			return ErrNoConversation
		}
		events, err := tx.Events(id)
		if err != nil {
			return err
		}
		t = &Timeline{Row: rowOf(c), Linked: orNull(c.Linked), Participants: orEmpty(c.Participants)}
		t.Events = make([]Moment, 0, len(events))
		for _, e := range events {
			t.Events = append(t.Events, momentOf(e))
		}
		return t.texts(tx)
	})
	if err != nil {
		return nil, fmt.Errorf("showing conversation %d: %w", id, err)
	}
	return t, nil
}

// texts fills in what the mails say, the newest first until there is too much.
func (t *Timeline) texts(tx *store.Tx) error {
	left := maxTexts
	for i := len(t.Events) - 1; i >= 0; i-- {
		m := &t.Events[i]
		text, err := tx.Text(t.Conversation, m.N)
		if err != nil {
			return err
		}
		if len(text) > left {
			t.TextsCut++
			left = 0
			continue
		}
		m.Text = text
		left -= len(text)
	}
	return nil
}

func momentOf(e threads.Event) Moment {
	m := Moment{N: e.N, At: e.At.UTC(), Kind: e.Kind()}
	m.tell(e.Body)
	m.Problems = orEmpty(m.Problems)
	return m
}
