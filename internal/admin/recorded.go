package admin

import (
	"fmt"
	"strconv"
	"time"

	"postroom/internal/store"
)

// RecordedRow is one mail that was recorded and given to nobody.
type RecordedRow struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Class   string    `json:"class"` // bulk, spam, auto_reply, bounce, junk, or own: of another Postroom
	From    string    `json:"from"`
	Subject string    `json:"subject"`
	UID     string    `json:"uid"`
	Reason  string    `json:"reason"`
	Listed  bool      `json:"listed"` // the admins have been told of it
	Asked   string    `json:"asked"`  // who wants it handed out; "" for nobody yet
}

// RecordedMails returns what was recorded in the last weeks, oldest first.
func RecordedMails(st *store.Store) ([]RecordedRow, error) {
	list := []RecordedRow{}
	err := st.View(func(tx *store.Tx) error {
		return tx.EachRecorded(func(r store.Recorded) error {
			list = append(list, RecordedRow{
				ID: strconv.FormatUint(r.ID, 10), At: r.At.UTC(), Class: r.Class, From: r.From, Subject: r.Subject,
				UID: r.UID.String(), Reason: r.Note, Listed: r.Listed, Asked: r.Asked,
			})
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("listing recorded mail: %w", err)
	}
	return list, nil
}

// Recorded prints what was recorded.
func (p Printer) Recorded(list []RecordedRow) error {
	rows := make([][]string, 0, len(list))
	for _, r := range list {
		rows = append(rows, []string{r.ID, r.Class, p.at(r.At), r.From, orDash(r.Subject)})
	}
	cols := []column{{"ID", 8}, {"CLASS", 11}, {"SINCE", 16}, {"FROM", 34}, {"SUBJECT", 0}}
	return p.table(cols, rows, "Nothing was recorded without being given to somebody.")
}
