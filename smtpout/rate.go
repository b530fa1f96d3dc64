package smtpout

import "time"

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

// meter holds the sending to a rate: in any stretch, wherever it begins, no
// more is sent than the rate allows. It belongs to the dispatcher's goroutine
// and forgets with the process.
type meter struct {
	rate  Rate
	sum   amount
	parts []part // oldest first
	until time.Time
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

func (m *meter) slot(now time.Time) int64 {
	return now.UnixNano() / max(1, int64(m.rate.Per/slots))
}

// count notes a mail the relay was handed.
func (m *meter) count(now time.Time, size int64) {
	if !m.limited() {
		return
	}
	s := m.slot(now)
	if n := len(m.parts); n == 0 || m.parts[n-1].slot != s {
		m.parts = append(m.parts, part{slot: s})
	}
	last := &m.parts[len(m.parts)-1]
	last.mails++
	last.bytes += size
	m.sum.mails++
	m.sum.bytes += size
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
