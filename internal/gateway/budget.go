package gateway

import (
	"time"

	"postroom/threads"
)

// noticesPerHour is how many notices one person gets in an hour at most.
// Behind it things are still held, recorded and listed, but no mail is sent:
// a loop ends here, whatever feeds it.
const noticesPerHour = 60

// spent is what of an address's budget is used.
type spent struct {
	Since time.Time `json:"since"`
	N     int       `json:"n"`
}

// withinBudget spends one notice of an address's budget. The last one is the
// alarm: it is let through, and the log says that no more follow.
func (b *batch) withinBudget(addr string) (bool, error) {
	key := "budget/" + threads.AddressKey(addr)
	var s spent
	if _, err := b.tx.Meta(key, &s); err != nil {
		return false, err
	}
	if b.now.Sub(s.Since) >= time.Hour {
		s = spent{Since: b.now}
	}
	s.N++
	if s.N == noticesPerHour {
		b.after = append(b.after, func() { b.g.log.Error("budget_spent", "recipient", addr, "notices", noticesPerHour) })
	}
	return s.N <= noticesPerHour, b.tx.SetMeta(key, s)
}
