package admin

import (
	"fmt"
	"time"

	"postroom/internal/gateway"
	"postroom/internal/store"
)

// Health is the sum of a status.
type Health string

// The two.
const (
	OK       Health = "ok"
	Degraded Health = "degraded"
)

// Progress of the import of old mail, in messages.
type Progress struct {
	Done  int `json:"done"`
	Total int `json:"total"`
	// Rate is in messages a second and SecondsLeft the time it takes at that
	// rate; both are 0 while that is not known, and when nothing is left.
	Rate        float64 `json:"rate"`
	SecondsLeft int64   `json:"seconds_left"`
}

// Pace is rate and time left in words, "" when they are not known.
func (h Progress) Pace() string {
	if h.Rate == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f/s, %s left", h.Rate, time.Duration(h.SecondsLeft)*time.Second)
}

// IMAPStatus is how the mailbox is.
type IMAPStatus struct {
	Connected bool     `json:"connected"`
	Error     string   `json:"error"` // the last one since it was connected; "" for none
	History   Progress `json:"history"`
}

// SMTPStatus is how the relay is.
type SMTPStatus struct {
	Error       string     `json:"error"`
	PausedUntil *time.Time `json:"paused_until"`
	// Envelope is what the relay said when it refused our bounce addresses for
	// good; mail leaves from the support address since. "" while it takes them.
	Envelope string `json:"envelope"`
}

// Live is the part of a status only the running stages know.
type Live struct {
	IMAP     IMAPStatus
	SMTP     SMTPStatus
	Problems []string // whole sentences, for people; any makes the status degraded
}

// Tally counts what the store holds.
type Tally struct {
	Queued int `json:"queued"` // outgoing mails that are not settled
	Held   int `json:"held"`
	Aside  int `json:"aside"`
	Open   int `json:"open"`  // conversations
	Inbox  int `json:"inbox"` // records the gateway has not processed yet
}

// Status says how Postroom is. Its keys are fixed.
type Status struct {
	State    Health     `json:"state"`
	Problems []string   `json:"problems"`
	IMAP     IMAPStatus `json:"imap"`
	SMTP     SMTPStatus `json:"smtp"`
	Tally
	Running  bool       `json:"running"`
	Version  string     `json:"version"`
	Started  *time.Time `json:"started"`
	Uptime   int64      `json:"uptime"`   // seconds
	Rotation string     `json:"rotation"` // version of the rotation file in effect

	foreign time.Time // when mail of another Postroom was last found
}

// Counts counts what the store holds.
func Counts(st *store.Store) (Tally, error) {
	var n Tally
	err := st.View(func(tx *store.Tx) (err error) {
		n, err = counts(tx)
		return err
	})
	if err != nil {
		return n, fmt.Errorf("counting: %w", err)
	}
	return n, nil
}

func counts(tx *store.Tx) (Tally, error) {
	n := Tally{Inbox: tx.InboxLen()}
	holds, err := tx.Holds()
	if err != nil {
		return n, err
	}
	asides, err := tx.Asides()
	if err != nil {
		return n, err
	}
	n.Held, n.Aside, n.Queued = len(holds), len(asides), tx.Waiting()
	return n, tx.EachOpen(func(store.OpenConversation) error {
		n.Open++
		return nil
	})
}

// StatusOf sums up a running service.
func StatusOf(st *store.Store, live Live, version string, started, now time.Time) (Status, error) {
	s, err := stored(st)
	if err != nil {
		return s, err
	}
	s.Running, s.Version = true, version
	known := s.IMAP.History
	s.IMAP, s.SMTP = live.IMAP, live.SMTP
	if s.IMAP.History.Total == 0 {
		s.IMAP.History = known // nothing of it was imported since the start
	}
	s.Started, s.Uptime = stamp(started), int64(now.Sub(started).Seconds())
	s.Problems = append(append([]string{}, live.Problems...), s.Problems...)
	if s.foreign.After(now.Add(-gateway.ForeignFor)) {
		s.Problems = append(s.Problems, "another Postroom works on this mailbox; its last mail was found at "+s.foreign.UTC().Format(time.RFC3339)+": stop it")
	}
	if !live.IMAP.Connected {
		s.Problems = append(s.Problems, because("the mailbox is not connected", live.IMAP.Error))
	}
	if p := live.SMTP.PausedUntil; p != nil && p.After(now) {
		s.Problems = append(s.Problems, because("sending is paused until "+p.UTC().Format(time.RFC3339), live.SMTP.Error))
	}
	s.State = OK
	if len(s.Problems) > 0 {
		s.State = Degraded
	}
	return s, nil
}

// Stopped sums up a state directory no service runs on.
func Stopped(st *store.Store, version string) (Status, error) {
	s, err := stored(st)
	if err != nil {
		return s, err
	}
	s.State, s.Version = Degraded, version
	s.Problems = append([]string{"Postroom is not running: start it with `postroom run`"}, s.Problems...)
	return s, nil
}

// stored is the part of a status the store knows.
func stored(st *store.Store) (Status, error) {
	s := Status{Problems: []string{}}
	err := st.View(func(tx *store.Tx) error {
		var err error
		if s.Tally, err = counts(tx); err != nil {
			return err
		}
		v, _, err := tx.LastRotation()
		if err != nil {
			return err
		}
		s.Rotation = v.Version
		cursors, err := tx.Cursors()
		if err != nil {
			return err
		}
		for _, c := range cursors {
			s.IMAP.History.Done += c.HistoryDone
			s.IMAP.History.Total += c.HistoryTotal
		}
		if r, was, err := tx.Restored(); err != nil {
			return err
		} else if was && r.Phase != store.RestoreDone {
			s.Problems = append(s.Problems, "the state was put back from a backup of "+r.Taken.UTC().Format(time.RFC3339)+", and the mailbox is still being read again; nothing is handed out until that is done")
		}
		if _, err := tx.Meta(gateway.ForeignKey, &s.foreign); err != nil {
			return err
		}
		var lost []gateway.Undelivered
		if _, err := tx.Meta(gateway.UndeliveredKey, &lost); err != nil {
			return err
		}
		for _, u := range lost {
			s.Problems = append(s.Problems, because("a notice to "+u.To+" could not be delivered ("+u.Subject+")", u.Reply))
		}
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("reading the status: %w", err)
	}
	return s, nil
}

func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}
