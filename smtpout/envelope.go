package smtpout

import (
	"fmt"
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

// slot is where the memory has the reverse-path of a mail.
func (m *EnvelopeMemory) slot(mail *store.OutMail) *string {
	if mail.EnvelopeFrom == "" {
		return &m.Null
	}
	return &m.Bounce
}

// of is what the relay said of such a reverse-path; "" when it took it.
func (m EnvelopeMemory) of(mail *store.OutMail) string { return *m.slot(mail) }

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
func (s *Sender) reversePath(j *job, refused bool) string {
	m := &j.mail
	if s.cfg.Envelope == EnvelopeBounce || m.Fallback == "" {
		return m.EnvelopeFrom
	}
	switch {
	case refused,
		m.EnvelopeFrom != "" && s.cfg.Envelope == EnvelopeSupport,
		!j.anew && s.envelope.get().of(m) != "":
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

// taught adds to the memory what an attempt showed, and reports whether it
// did: only a mail that left with the other sender proves that the sender was
// the matter.
func (e *envelope) taught(r *result) bool {
	if !r.fellBack || !r.sent() {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	words := e.m.slot(&r.job.mail)
	if *words != "" {
		return false
	}
	*words = r.refusal.String()
	return true
}

// save stores the memory.
func (e *envelope) save(tx *store.Tx) error { return tx.SetMeta(EnvelopeKey, e.get()) }

// LearnSender takes over what somebody found out with a bounce address as the
// reverse-path of a mail that came back to us: what the relay said of it, or ""
// that it took it. Where the configuration leaves no choice, it counts nothing.
// It may be called from any goroutine.
func (s *Sender) LearnSender(refusal string) error {
	if s.cfg.Envelope != EnvelopeAuto || refusal != "" && s.envelope.get().Bounce == refusal {
		return nil
	}
	if err := s.store.Update(func(tx *store.Tx) error { return s.learnSender(tx, refusal) }); err != nil {
		return fmt.Errorf("keeping what the relay said of senders: %w", err)
	}
	s.observer.EnvelopeFallback(refusal)
	return nil
}

func (s *Sender) learnSender(tx *store.Tx, refusal string) error {
	var kept EnvelopeMemory
	if _, err := tx.Meta(EnvelopeKey, &kept); err != nil {
		return err
	}
	e := &s.envelope
	e.mu.Lock()
	orElse(&e.m.Null, kept.Null) // a sender that does not run has read nothing
	e.m.Bounce = refusal
	e.mu.Unlock()
	return e.save(tx)
}
