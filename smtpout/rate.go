package smtpout

import (
	"time"

	"postroom/internal/store"
)

// Rate is how much the relay may be handed in a stretch of time; the zero
// value, and a zero in it, is no limit.
type Rate struct {
	Mails int           // transactions that came as far as DATA
	Bytes int64         // octets of these mails
	Per   time.Duration // how long the stretch is
}

// slots is into how many parts a stretch is divided: so much more than a
// stretch is what a mail counts for.
const slots = 60

// RateKey is the name under which the store keeps what was sent lately.
const RateKey = "smtp.rate"

// meter holds the sending to a rate: in any stretch, wherever it begins, no
// more is sent than the rate allows. It belongs to the dispatcher's goroutine.
// What it counted is stored with the outcomes, so that a restart gives no new
// stretch.
type meter struct {
	rate    Rate
	sum     amount
	parts   []part // oldest first
	until   time.Time
	unsaved bool
}

// sentLately is one part of what was sent, as it is stored.
type sentLately struct {
	From  time.Time `json:"from"`
	Mails int       `json:"mails"`
	Bytes int64     `json:"bytes"`
}

// save stores what was sent within a stretch.
func (m *meter) save(tx *store.Tx, now time.Time) error {
	m.forget(now)
	list := make([]sentLately, len(m.parts))
	for i, p := range m.parts {
		list[i] = sentLately{time.Unix(0, p.slot*m.width()).UTC(), p.mails, p.bytes}
	}
	return tx.SetMeta(RateKey, list)
}

// load takes up what an earlier run stored, at whatever rate. What lies in the
// future, because the clock was set back, counts as sent now.
func (m *meter) load(tx *store.Tx, now time.Time) error {
	var list []sentLately
	if _, err := tx.Meta(RateKey, &list); err != nil || !m.limited() {
		return err
	}
	m.sum, m.parts, m.until = amount{}, nil, time.Time{}
	for _, p := range list {
		at := p.From
		if at.After(now) {
			at = now
		}
		m.add(at, amount{p.Mails, p.Bytes})
	}
	m.forget(now)
	return nil
}

// amount is so many mails of so many octets.
type amount struct {
	mails int
	bytes int64
}

func (a *amount) add(j *job) { a.mails, a.bytes = a.mails+1, a.bytes+j.mail.Size }
func (a *amount) sub(j *job) { a.mails, a.bytes = a.mails-1, a.bytes-j.mail.Size }

// part is what was sent in a slot.
type part struct {
	slot int64
	amount
}

func (m *meter) limited() bool { return m.rate.Mails > 0 || m.rate.Bytes > 0 }

// width is how long a slot is, in nanoseconds.
func (m *meter) width() int64 { return max(1, int64(m.rate.Per/slots)) }

func (m *meter) slot(now time.Time) int64 { return now.UnixNano() / m.width() }

// count notes a mail the relay was handed.
func (m *meter) count(now time.Time, size int64) {
	if !m.limited() {
		return
	}
	m.add(now, amount{1, size})
	m.unsaved = true
}

func (m *meter) add(at time.Time, a amount) {
	s := m.slot(at)
	if n := len(m.parts); n == 0 || m.parts[n-1].slot < s {
		m.parts = append(m.parts, part{slot: s})
	}
	last := &m.parts[len(m.parts)-1]
	last.mails += a.mails
	last.bytes += a.bytes
	m.sum.mails += a.mails
	m.sum.bytes += a.bytes
}

// forget drops what lies more than a stretch back.
func (m *meter) forget(now time.Time) {
	oldest := m.slot(now) - slots
	for len(m.parts) > 0 && m.parts[0].slot < oldest {
		m.sum.mails -= m.parts[0].mails
		m.sum.bytes -= m.parts[0].bytes
		m.parts = m.parts[1:]
	}
}

// allows reports whether one more mail may be begun, while others are in
// hand. A mail that is larger than a whole stretch may have goes alone.
func (m *meter) allows(now time.Time, inHand amount, size int64) bool {
	if !m.limited() {
		return true
	}
	m.forget(now)
	mails, bytes := m.sum.mails+inHand.mails, m.sum.bytes+inHand.bytes
	switch {
	case m.rate.Mails > 0 && mails >= m.rate.Mails:
	case m.rate.Bytes > 0 && mails > 0 && bytes+size > m.rate.Bytes:
	default:
		return true
	}
	m.until = now.Add(m.rate.Per / slots)
	return false
}

// full reports whether the sender is to wait, and does not spin meanwhile.
func (m *meter) full(now time.Time) bool { return now.Before(m.until) }
