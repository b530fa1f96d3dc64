package admin

import (
	"fmt"
	"strconv"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// HeldMail is one mail kept back.
type HeldMail struct {
	ID           string      `json:"id"`
	Conversation *threads.ID `json:"conversation"`
	Author       string      `json:"author"` // the engineer it is from, else the address it gives
	Reason       string      `json:"reason"`
	Subject      string      `json:"subject"`
	Why          threads.Why `json:"why"`
	Asked        string      `json:"asked"` // who was asked; "" for the admins
	From         string      `json:"from"`  // as the mail has it
	At           time.Time   `json:"at"`
	UID          string      `json:"uid"`
}

// Held returns the mails that are held, by id.
func Held(st *store.Store) ([]HeldMail, error) {
	var holds []store.Hold
	err := st.View(func(tx *store.Tx) (err error) {
		holds, err = tx.Holds()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing held mail: %w", err)
	}
	list := make([]HeldMail, 0, len(holds))
	for _, h := range holds {
		m := HeldMail{
			ID: h.ID, Conversation: orNull(h.Conversation), Author: h.Engineer, Reason: h.Reason, Subject: h.Subject,
			Why: h.Why, Asked: h.Asked, From: h.From, At: time.Unix(h.At, 0).UTC(),
		}
		if m.Author == "" {
			m.Author = h.From
		}
		if h.UID != (store.UID{}) {
			m.UID = h.UID.String()
		}
		list = append(list, m)
	}
	return list, nil
}

// OutboxRow is one recipient of a mail on its way.
type OutboxRow struct {
	ID           string         `json:"id"` // of the mail
	Conversation *uint64        `json:"conversation"`
	Kind         store.OutKind  `json:"kind"`
	Recipient    string         `json:"recipient"`
	State        store.OutState `json:"state"`
	Attempts     int            `json:"attempts"`
	NextAttempt  *time.Time     `json:"next_attempt"` // null when none is due
	LastReply    string         `json:"last_reply"`
	MessageID    string         `json:"message_id"`
	Author       string         `json:"author"` // whose answer it is
	Subject      string         `json:"subject"`
	Size         int64          `json:"size"` // octets
	Queued       time.Time      `json:"queued"`
	Deadline     *time.Time     `json:"deadline"`
}

// outboxPage is how many mails are read at once: so few that nobody waits for
// it.
const outboxPage = 256

// Outbox hands the mails on their way to emit, one row for each recipient,
// however long emit takes. What leaves meanwhile may be missing.
func Outbox(st *store.Store, emit func(OutboxRow) error) error {
	for after := ""; ; {
		var page []store.OutMail
		err := st.View(func(tx *store.Tx) (err error) {
			page, err = tx.OutPage(after, outboxPage)
			return err
		})
		if err != nil {
			return fmt.Errorf("listing the outbox: %w", err)
		}
		if len(page) == 0 {
			return nil
		}
		after = page[len(page)-1].ID
		for i := range page {
			for _, r := range page[i].Recipients {
				if err := emit(outboxRow(&page[i], r)); err != nil {
					return err
				}
			}
		}
	}
}

func outboxRow(m *store.OutMail, r store.Recipient) OutboxRow {
	row := OutboxRow{
		ID: m.ID, Conversation: orNull(m.Conversation), Kind: m.Kind, Recipient: r.Address, State: r.State,
		Attempts: r.Attempts, LastReply: r.Reply, MessageID: m.MessageID, Author: m.Author, Subject: m.Subject, Size: m.Size,
		Queued: m.Queued.UTC(), Deadline: stamp(m.Deadline),
	}
	if row.State == store.OutSent || row.State == store.OutFailed {
		return row
	}
	// What is not settled stands where its mail stands.
	row.Attempts = max(row.Attempts, m.Attempts)
	if row.LastReply == "" {
		row.LastReply = m.LastReply
	}
	switch m.State {
	case store.OutQueued:
		row.NextAttempt = stamp(m.NextAttempt)
	case store.OutSending, store.OutStopped, store.OutUnknown:
		row.State = m.State
	}
	return row
}

// AsideRow is one record that could not be processed.
type AsideRow struct {
	ID       string    `json:"id"`
	Error    string    `json:"error"`
	UID      string    `json:"uid"` // "" when it is no mail
	At       time.Time `json:"at"`
	Kind     string    `json:"kind"` // mail, history, delivery, ...
	Tries    int       `json:"tries"`
	Received time.Time `json:"received"`
}

// Asides returns what was set aside, oldest first.
func Asides(st *store.Store) ([]AsideRow, error) {
	list := []AsideRow{}
	err := st.View(func(tx *store.Tx) error {
		asides, err := tx.Asides()
		for _, a := range asides {
			kind, uid := recordKind(a.Record)
			list = append(list, AsideRow{
				ID: strconv.FormatUint(a.Record.Seq, 10), Error: a.Error, UID: uid, At: a.At.UTC(), Kind: kind,
				Tries: a.Record.Tries, Received: a.Record.At.UTC(),
			})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing what was set aside: %w", err)
	}
	return list, nil
}

func recordKind(r store.InboxRecord) (kind, uid string) {
	switch {
	case r.Mail != nil:
		return "mail", r.Mail.UID.String()
	case r.Gone != nil:
		return "gone", r.Gone.UID.String()
	case r.History != nil:
		return "history", ""
	case r.Delivery != nil:
		return "delivery", ""
	case r.CaughtUp != nil:
		return "caught_up", ""
	case r.Timer != nil:
		return "timer", ""
	case r.Admin != nil:
		return "admin", ""
	case r.Rotation != nil:
		return "rotation", ""
	}
	return "empty", ""
}
