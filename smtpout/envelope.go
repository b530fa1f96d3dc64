package smtpout

import (
	"sync"

	"postroom/internal/store"
)

// EnvelopeKey is the name under which the store keeps an EnvelopeMemory.
const EnvelopeKey = "smtp.envelope"

// EnvelopeMemory is what the relay taught about envelope senders, kept for
// good. The words are the relay's, cleaned; "" means that it has not refused.
type EnvelopeMemory struct {
	Bounce string `json:"bounce,omitempty"` // what it said of a bounce address
	Null   string `json:"null,omitempty"`   // what it said of the null reverse-path
}

// envelope is the memory as the workers share it.
type envelope struct {
	mu sync.Mutex
	m  EnvelopeMemory
}

func (e *envelope) get() EnvelopeMemory {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.m
}

func (e *envelope) set(m EnvelopeMemory) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.m = m
}

// reversePath chooses what stands in MAIL FROM (RFC 5321 §4.1.1.2). refused
// says that this attempt's first choice was.
func (s *Sender) reversePath(m *store.OutMail, refused bool) string {
	if s.cfg.Envelope == EnvelopeBounce || m.Fallback == "" {
		return m.EnvelopeFrom
	}
	known := s.envelope.get()
	switch {
	case refused,
		m.EnvelopeFrom == "" && known.Null != "",
		m.EnvelopeFrom != "" && s.cfg.Envelope == EnvelopeSupport,
		m.EnvelopeFrom != "" && known.Bounce != "":
		return m.Fallback
	}
	return m.EnvelopeFrom
}

// mayFallBack reports whether the relay refused the sender and there is
// another one to try, and notes the refusal.
func (t *transaction) mayFallBack(why reply, atMail bool) bool {
	m := &t.result.job.mail
	if t.seen[againFallback] || t.cfg.Envelope == EnvelopeBounce || m.Fallback == "" || t.from == m.Fallback {
		return false
	}
	if !why.refusesSender(atMail) {
		return false
	}
	t.result.fellBack, t.result.refusal = true, why
	return true
}

// taught returns the memory with what an attempt adds to it: only a mail that
// left with the other sender proves that the sender was the matter.
func (e *envelope) taught(r *result) (EnvelopeMemory, bool) {
	m := e.get()
	if !r.fellBack || !r.sent() {
		return m, false
	}
	slot := &m.Bounce
	if r.job.mail.EnvelopeFrom == "" {
		slot = &m.Null
	}
	if *slot != "" {
		return m, false
	}
	*slot = r.refusal.String()
	return m, true
}
