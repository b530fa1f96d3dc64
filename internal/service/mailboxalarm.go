package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"postroom/imapsync"
	"postroom/internal/store"
)

// When the admins are told that the mailbox cannot be read.
const (
	// refusedTimes is after how many refused logins in a row: a server that
	// has just started may refuse one or two that are right.
	refusedTimes = 3
	// unreachableFor is after how long without one whole look for any other
	// reason: networks come back.
	unreachableFor = 30 * time.Minute
)

// mailboxKey is the name under which the store keeps what was told.
const mailboxKey = "mailbox-trouble"

// mailboxTrouble is what is wrong with the mailbox and what of it the admins
// know.
type mailboxTrouble struct {
	Since   time.Time `json:"since"`
	Told    string    `json:"told"` // mailboxRefused, mailboxUnreachable or ""
	refused int       // logins in a row
}

const (
	mailboxRefused     = "refused"
	mailboxUnreachable = "unreachable"
)

// loadTrouble reads what the admins were told before a restart.
func (s *Service) loadTrouble() error {
	err := s.st.View(func(tx *store.Tx) error {
		_, err := tx.Meta(mailboxKey, &s.trouble)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading what the admins know of the mailbox: %w", err)
	}
	return nil
}

// mailboxState is told each time the mailbox was read to its end, with nil, and
// each time a connection failed. It is called by one goroutine.
func (s *Service) mailboxState(cause error) {
	now := s.seams.Now().UTC()
	told := s.trouble.Told
	a := s.mailboxAlarm(cause, now)
	if a == nil {
		return
	}
	err := s.st.Update(func(tx *store.Tx) error {
		if err := tx.SetMeta(mailboxKey, s.trouble); err != nil {
			return err
		}
		return tx.AddInbox(store.InboxRecord{At: now, Alarm: a})
	})
	if err != nil {
		s.trouble.Told = told // the next failure tries again
		s.seams.Log.Error("telling the admins about the mailbox", "err", err)
		return
	}
	select {
	case s.alarms <- *a:
	default: // the mail to the admins is queued, and status says it too
	}
}

// mailboxAlarm is what the admins must know now, once for each trouble and
// once for its end; nil for nothing.
func (s *Service) mailboxAlarm(cause error, now time.Time) *store.InAlarm {
	t := &s.trouble
	if cause == nil {
		since, told := t.Since, t.Told
		*t = mailboxTrouble{}
		if told == "" {
			return nil
		}
		return &store.InAlarm{
			Key:     fmt.Sprintf("mailbox.works.%d", since.Unix()),
			Subject: "Postroom reads the mailbox again",
			Text: "The trouble of " + since.Format(time.RFC3339) + " is over: Postroom is logged in to " + s.cfg.IMAP.Addr() +
				" again and reads on from where it stopped, whatever has come in meanwhile.",
		}
	}
	if t.Since.IsZero() {
		t.Since = now
	}
	if !errors.Is(cause, imapsync.ErrRefused) {
		t.refused = 0
		if t.Told != "" || now.Sub(t.Since) < unreachableFor || s.watch.tokenTrouble() {
			return nil
		}
		t.Told = mailboxUnreachable
		return &store.InAlarm{
			Key:     fmt.Sprintf("mailbox.unreachable.%d", t.Since.Unix()),
			Subject: "Postroom cannot reach the mailbox",
			Text: "Since " + t.Since.Format(time.RFC3339) + " no mail has come in from " + s.cfg.IMAP.Addr() + ". The last try ended with: " + sentence(cause) + "\n" +
				"It is tried again every few minutes, and reading goes on where it stopped. You are told when it works again.",
		}
	}
	if t.refused++; t.refused < refusedTimes || t.Told == mailboxRefused {
		return nil
	}
	t.Told = mailboxRefused
	return &store.InAlarm{
		Key:     fmt.Sprintf("mailbox.refused.%d", t.Since.Unix()),
		Subject: "Postroom is refused by the mailbox",
		Text: "The mail server does not let Postroom in, so no mail comes in: " + sentence(cause) + "\n" + s.remedy() + "\n" +
			"It is tried again every few minutes, without a restart, and reading goes on where it stopped. You are told when it works again.",
	}
}

// sentence is an error with one full stop behind it, whether the server's own
// words bring one or not.
func sentence(err error) string { return strings.TrimRight(err.Error(), ".") + "." }

func (s *Service) remedy() string {
	if s.tokens != nil {
		return "Its OAuth2 provider gives tokens, and the server does not take them: see that the account " + s.cfg.IMAP.Username +
			" may still use IMAP, then run `postroom login` on the machine of the service."
	}
	return "If the password of " + s.cfg.IMAP.Username + " was changed, put the new one where postroom.toml says; `postroom check --online` tries it."
}

// tellElsewhere sends alarms over the second path, until ctx ends: where both
// servers know one password, the first may be shut as well.
func (s *Service) tellElsewhere(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case a := <-s.alarms:
			if err := s.alarm(ctx, a.Subject, a.Text); err != nil {
				s.seams.Log.Error("raising the alarm", "err", err)
			}
		}
	}
}
