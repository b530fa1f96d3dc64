package smtpout

import (
	"fmt"
	"slices"
	"time"

	"postroom/internal/store"
)

// recover finds the mails a crash left in the middle of an attempt. Nobody can
// say how far it came, so they are unknown: for the recipients known to be in
// the transaction, or for all when it is not known who was.
func (s *Sender) recover() error {
	var list []store.OutMail
	err := s.store.View(func(tx *store.Tx) (err error) {
		list, err = tx.Unresolved()
		return err
	})
	list = slices.DeleteFunc(list, func(m store.OutMail) bool { return m.State != store.OutSending })
	if err != nil {
		return fmt.Errorf("looking for interrupted attempts: %w", err)
	}
	if len(list) == 0 {
		return nil
	}
	now := s.now().UTC()
	err = s.store.Update(func(tx *store.Tx) error {
		for _, m := range list {
			for i := range m.Recipients {
				rc := &m.Recipients[i]
				if rc.State == store.OutQueued && (len(m.Accepted) == 0 || slices.Contains(m.Accepted, rc.Address)) {
					rc.State = store.OutUnknown
					rc.Attempts++
				}
			}
			m.State, m.AttemptEnded, m.LastReply = store.OutUnknown, now, "Postroom ended during the attempt"
			s.meter.count(now, m.Size) // the relay may have been handed it
			if err := tx.SetOut(m); err != nil {
				return err
			}
			if err := tell(tx, now, &m, nil, store.HurdleNone); err != nil {
				return err
			}
		}
		if s.meter.limited() {
			return s.meter.save(tx, now)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("taking up interrupted attempts: %w", err)
	}
	for _, m := range list {
		s.log.Info("attempt", "job", m.ID, "attempt", m.Attempts, "state", string(store.OutUnknown), "code", 0, "why", "interrupted")
	}
	return nil
}

// tell puts what an attempt came to into the inbox, for the gateway.
func tell(tx *store.Tx, at time.Time, m *store.OutMail, settled []store.Recipient, problem store.DeliveryHurdle) error {
	return tx.AddInbox(store.InboxRecord{At: at, Delivery: &store.Delivery{
		OutID: m.ID, Attempt: m.Attempts, State: m.State, Results: settled, Problem: problem,
	}})
}
