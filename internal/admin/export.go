package admin

import (
	"fmt"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// Message is one mail that came in, an answer that went out, or a note. An
// engineer's mail that became an answer or a note is that one message, under
// the id it went out with; one that is held, or was thrown away, came in.
type Message struct {
	MessageID    string            `json:"message_id"`
	Conversation *threads.ID       `json:"conversation"` // null for mail that was given to nobody
	Class        string            `json:"class"`
	Direction    threads.Direction `json:"direction"`
	From         *threads.Address  `json:"from"` // null where it was not kept
	Date         *time.Time        `json:"date"` // of a mail its own, of an answer when it was accepted
	Subject      string            `json:"subject"`
	Owner        string            `json:"owner"` // who has the conversation now

	Event     int               `json:"event"` // its place in the conversation, 0 for none
	At        *time.Time        `json:"at"`    // when it was recorded
	To        []threads.Address `json:"to"`
	Cc        []threads.Address `json:"cc"`
	AuthorsID string            `json:"author_message_id"` // of an answer: the id the engineer's client gave it
	OutID     string            `json:"out_id"`            // of an answer: its name in the outbox
	Hold      string            `json:"hold"`              // the held mail this is or was
	History   bool              `json:"history"`
	UID       string            `json:"uid"`     // folder/UIDVALIDITY/UID where known
	Outcome   string            `json:"outcome"` // event, or what became of a mail of no conversation
}

// Export hands every message to f: conversation by conversation, each in the
// order of its events, then what belongs to none. It reads in many short
// transactions, so it sees each conversation whole, but not all at one
// instant. f runs outside of them; its error is returned as it is.
func Export(st *store.Store, f func(Message) error) error {
	err := each(st, "", messagesOf, func(list []Message) error {
		for _, m := range list {
			if err := f(m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	loose, err := looseMessages(st)
	if err != nil {
		return fmt.Errorf("exporting mail of no conversation: %w", err)
	}
	for _, m := range loose {
		if err := f(m); err != nil {
			return err
		}
	}
	return nil
}

func messagesOf(tx *store.Tx, c threads.Conversation) ([]Message, error) {
	events, err := tx.Events(c.ID)
	if err != nil {
		return nil, err
	}
	released := map[string]bool{}
	for _, e := range events {
		if b, ok := e.Body.(threads.Accepted); ok && b.Hold != "" {
			released[b.Hold] = true
		}
	}
	var list []Message
	report := ""
	for _, e := range events {
		m, ok := messageOf(e, c, released)
		if b, is := e.Body.(threads.Bounced); is {
			// A report about several recipients is one mail and several events.
			ok = ok && (b.MessageID == "" || b.MessageID != report)
			report = b.MessageID
		}
		if !ok {
			continue
		}
		uid, found, err := tx.UIDOf(c.ID, e.N)
		if err != nil {
			return nil, err
		}
		if found {
			m.UID = uid.String()
		}
		if err := m.follow(tx, c.ID, e.N); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// follow names the conversation that a message is part of now, should that
// have been merged or split.
func (m *Message) follow(tx *store.Tx, id threads.ID, event int) error {
	to, _, err := tx.Moved(id, event)
	if err != nil || to == id {
		return err
	}
	c, _, err := tx.Conversation(to)
	m.Conversation, m.Owner = &to, c.Owner
	return err
}

// messageOf makes a message of an event, false when the event is no message.
func messageOf(e threads.Event, c threads.Conversation, released map[string]bool) (Message, bool) {
	m := Message{
		Conversation: &c.ID, Class: string(threads.ClassEngineer), Direction: threads.In, Owner: c.Owner, Subject: c.Subject,
		Event: e.N, At: stamp(e.At), Date: stamp(e.At), To: []threads.Address{}, Cc: []threads.Address{}, Outcome: string(store.OutcomeEvent),
	}
	switch b := e.Body.(type) {
	case threads.Received:
		m.MessageID, m.Class, m.From, m.Subject, m.History = b.MessageID, string(b.Class), orNull(b.From), b.Subject, b.History
		m.Date, m.To, m.Cc = stamp(b.Date), orEmpty(b.To), orEmpty(b.Cc)
	case threads.Bounced:
		m.MessageID, m.Class, m.Subject = b.MessageID, string(threads.ClassBounce), ""
	case threads.Noted:
		m.MessageID, m.Direction, m.From = b.MessageID, threads.Note, byAuthor(b.Author)
	case threads.Accepted:
		m.MessageID, m.Direction, m.From, m.Subject = b.MessageID, threads.Out, byAuthor(b.Author), b.Subject
		m.To, m.Cc, m.AuthorsID, m.OutID, m.Hold = orEmpty(b.To), orEmpty(b.Cc), b.Her, b.OutID, b.Hold
		if b.Author == "" {
			m.Class = string(threads.ClassOwn)
		}
	case threads.HeldBack:
		// An answer that may have gone out is exported as the answer it is.
		if b.Kind == threads.WhyUncertain || released[b.Hold] {
			return m, false
		}
		m.MessageID, m.From, m.Hold, m.Outcome = b.MessageID, orNull(b.From), b.Hold, "held"
	default:
		return m, false
	}
	return m, true
}

func byAuthor(key string) *threads.Address {
	if key == "" {
		return nil
	}
	return &threads.Address{Addr: key}
}

// looseMessages is what came in and belongs to no conversation: held mail,
// what was recorded and given to nobody, commands, and what was set aside.
func looseMessages(st *store.Store) ([]Message, error) {
	var list []Message
	err := st.Walk(func(tx *store.Tx) error {
		held := map[store.UID]bool{}
		holds, err := tx.Holds()
		if err != nil {
			return err
		}
		for _, h := range holds {
			if h.Conversation == 0 {
				held[h.UID] = true
				list = append(list, heldMessage(h))
			}
		}
		cursors, err := tx.Cursors()
		if err != nil {
			return err
		}
		for _, c := range cursors {
			err := tx.EachOutcome(c.Folder, c.UIDValidity, func(n uint32, o store.Outcome) error {
				uid := store.UID{Folder: c.Folder, Validity: c.UIDValidity, UID: n}
				if o.Conversation == 0 && isMessage(o.Kind) && !held[uid] {
					list = append(list, unfiled(uid, o))
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

func isMessage(k store.OutcomeKind) bool {
	return k == store.OutcomeUnseen || k == store.OutcomeCommand || k == store.OutcomeAside
}

func heldMessage(h store.Hold) Message {
	at := time.Unix(h.At, 0)
	return Message{
		Class: string(threads.ClassEngineer), Direction: threads.In, From: orNull(threads.Address{Addr: h.From}), Subject: h.Subject,
		Date: nil, At: stamp(at), To: []threads.Address{}, Cc: []threads.Address{}, Hold: h.ID, UID: h.UID.String(), Outcome: "held",
	}
}

func unfiled(uid store.UID, o store.Outcome) Message {
	return Message{
		Class: o.Class, Direction: threads.In, To: []threads.Address{}, Cc: []threads.Address{}, UID: uid.String(), Outcome: string(o.Kind),
	}
}
