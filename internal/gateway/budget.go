package gateway

import (
	"fmt"
	"slices"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// The budgets of automatic mail. Behind them things are still held, recorded
// and listed, but no notice is sent: a loop ends here, whatever feeds it. What
// customers write is no automatic mail; how much of that one conversation
// passes on in an hour is package threads' to say.
const (
	noticesPerHour = 60  // to one person
	noticesPerDay  = 100 // about one conversation
	opensPerHour   = 50  // conversations begun by one address that we hand mail to
)

// The names under which the store keeps what is spent.
const (
	addressBudget      = "budget/"
	conversationBudget = "budget/conversation/"
	opensBudget        = "budget/opens/"
)

// spent is what of a budget is used.
type spent struct {
	Since time.Time `json:"since"`
	N     int       `json:"n"`
}

// spend takes one notice from a budget and returns how many it has had.
func (b *batch) spend(key string, period time.Duration) (spent, error) {
	var s spent
	if _, err := b.tx.Meta(key, &s); err != nil {
		return s, err
	}
	if since := b.now.Sub(s.Since); since < 0 || since >= period {
		s = spent{Since: b.now}
	}
	s.N++
	return s, b.tx.SetMeta(key, s)
}

// courteous reports whether there is room for a notice that only confirms what
// an engineer asked for: half of each budget is kept for what she must know.
func (b *batch) courteous(c threads.Conversation, addr string) bool {
	room := func(key string, period time.Duration, most int) bool {
		var s spent
		if _, err := b.tx.Meta(key, &s); err != nil {
			return true // the budget itself will say so
		}
		since := b.now.Sub(s.Since)
		return since < 0 || since >= period || s.N < most/2
	}
	return room(addressBudget+threads.AddressKey(addr), time.Hour, noticesPerHour) &&
		(c.ID == 0 || room(conversationBudget+c.ID.String(), 24*time.Hour, noticesPerDay))
}

// fallsSilent is what the last notice that leaves room for courtesies says: an
// engineer who tries things out would wonder why nothing answers any more.
func (b *batch) fallsSilent(engineer string) string {
	if engineer == "" {
		return ""
	}
	var s spent
	if ok, err := b.tx.Meta(addressBudget+threads.AddressKey(engineer), &s); err != nil || !ok || s.N != noticesPerHour/2 {
		return ""
	}
	return fmt.Sprintf("This is the %dth mail from Postroom to you within an hour. Until %s it does what you ask for without a word, and tells you only what you have to know.",
		s.N, b.rot.Say(engineer, s.Since.Add(time.Hour)))
}

// afford reports whether a notice about c may be sent to an address. The first
// that may not is told to the admins, once for each budget that is spent.
func (b *batch) afford(c threads.Conversation, addr string) (bool, error) {
	if c.ID != 0 {
		s, err := b.spend(conversationBudget+c.ID.String(), 24*time.Hour)
		if err != nil {
			return false, err
		}
		if s.N == noticesPerDay+1 {
			err = b.budgetAlarm(c, "conversation-"+c.ID.String(), s,
				fmt.Sprintf("Too many notices about conversation %s\n%d notices about it were sent within a day. No more follow until the day is over; something may be going round in circles.", c.ID, noticesPerDay))
		}
		if err != nil || s.N > noticesPerDay {
			return false, err
		}
	}
	s, err := b.spend(addressBudget+threads.AddressKey(addr), time.Hour)
	if err != nil {
		return false, err
	}
	if s.N == noticesPerHour+1 {
		err = b.budgetAlarm(threads.Conversation{}, threads.AddressKey(addr), s,
			fmt.Sprintf("Too many notices to one person\n%s got %d notices within an hour. No more follow until the hour is over; `postroom held` and `postroom show` say what would have been told.", addr, noticesPerHour))
	}
	return s.N <= noticesPerHour, err
}

// budgetAlarm tells the admins that a budget is spent. It spends none itself: there
// is one for each budget and period. An admin whose own budget it is gets it
// as her last notice.
func (b *batch) budgetAlarm(c threads.Conversation, what string, s spent, words string) error {
	b.after = append(b.after, func() { b.g.log.Error("budget_spent", "of", what, "conv", c.ID, "notices", s.N-1) })
	return b.spentAlarm(c, "budget."+what, s, words)
}

// spentAlarm is one mail to each admin for each period of a budget.
func (b *batch) spentAlarm(c threads.Conversation, what string, s spent, words string) error {
	n := threads.Notify{OutID: what + "." + s.Since.Format("20060102150405"), Kind: threads.NoticeAlarm, Reason: words}
	for i, admin := range b.rot.Admins {
		if err := b.sendNotice(c, n, nil, threads.Address{Addr: admin}, fmt.Sprintf("%s.%d", n.OutID, i)); err != nil {
			return err
		}
	}
	return nil
}

// crowded reports that an address we hand mail to, an engineer's or an
// admin's, has begun so many conversations within the hour that what it sends
// must be an echo: another Postroom that has ours for its engineer, a ticket
// system, a forwarding. What comes now is set aside, where an admin can let it
// go on, and the admins are told once.
func (b *batch) crowded(r store.InboxRecord, l *letter) (bool, error) {
	from := l.msg.Mail.Sender()
	_, engineer := b.rot.ByAddress(from.Addr)
	admin := slices.ContainsFunc(b.rot.Admins, func(a string) bool { return threads.AddressKey(a) == from.Key() })
	if !engineer && !admin {
		return false, nil
	}
	s, err := b.spend(opensBudget+from.Key(), time.Hour)
	if err != nil || s.N <= opensPerHour {
		return false, err
	}
	why := fmt.Sprintf("%s, to whom mail is handed, began more than %d conversations within an hour: something goes round in circles", from.Key(), opensPerHour)
	if s.N == opensPerHour+1 {
		err = b.budgetAlarm(threads.Conversation{}, "opens."+from.Key(), s, "Mail goes round in circles\n"+capital(why)+". "+
			"What it sends now is set aside: `postroom aside` lists it, `postroom aside retry` hands it out. Is it another support mailbox, or a ticket system?")
	}
	if err == nil {
		err = b.tx.SetAside(r, b.now, why)
	}
	if err == nil {
		err = b.tx.SetOutcome(l.uid, store.Outcome{Kind: store.OutcomeAside, Note: why})
	}
	return true, err
}
