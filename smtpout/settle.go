package smtpout

import (
	"time"

	"postroom/internal/store"
)

// settle records what became of a mail, and tells the gateway of what is final
// in it and of what nobody knows.
func (b *batch) settle(r *result) error {
	if r.end == endBack {
		return b.giveBack(r.job, r)
	}
	m, ok, err := b.tx.OutRecord(r.job.mail.ID)
	if err != nil {
		return err
	}
	if !ok || !claimedBy(&m, r.job) {
		b.line(r, "taken away")
		return nil
	}
	m.AttemptEnded, m.LastReply = b.now, r.last.String()
	if r.hurdle == store.HurdleEightBit || r.hurdle == store.HurdleSize {
		return b.hindered(&m, r)
	}
	settled := b.apply(&m, r)
	switch {
	case r.end == endUnknown:
		m.State = store.OutUnknown
	case open(&m) && !b.now.Before(b.deadline(&m)):
		return b.expire(&m, settled)
	case open(&m):
		m.State, m.Accepted = store.OutQueued, nil
		m.NextAttempt = b.retryAt(&m, r)
		if r.sent() {
			// Its copy is on the way and proves these recipients; the rest
			// must not be taken for proven by it. Gateway gives it another.
			m.OwnCopy = ""
		}
	default:
		m.State, m.Accepted = store.OutDone, nil
	}
	if err := b.tx.SetOut(m); err != nil {
		return err
	}
	if r.sent() {
		b.sent++
	}
	b.line(r, string(m.State))
	if len(settled) == 0 && m.State != store.OutUnknown && m.State != store.OutDone {
		return nil
	}
	return tell(b.tx, b.now, &m, settled, r.hurdle)
}

// apply writes the verdicts into the mail and returns the recipients that are
// settled by them.
func (b *batch) apply(m *store.OutMail, r *result) []store.Recipient {
	var settled []store.Recipient
	for i, v := range r.verdicts {
		rc := &m.Recipients[i]
		if rc.State != store.OutQueued || v.state == "" {
			continue
		}
		rc.Attempts++
		rc.State, rc.Code, rc.Enhanced, rc.Reply = v.state, v.reply.code, v.reply.enhanced, v.reply.words
		if v.state != store.OutQueued {
			settled = append(settled, *rc)
		}
	}
	if r.end != endUnknown {
		return settled
	}
	for _, i := range r.accepted {
		rc := &m.Recipients[i]
		if rc.State == store.OutSent {
			continue // a late copy of an earlier attempt has proven it meanwhile
		}
		rc.State, rc.Code, rc.Enhanced, rc.Reply = store.OutUnknown, r.last.code, r.last.enhanced, r.last.words
		rc.Attempts++
	}
	if r.ownRefused != "" {
		m.OwnCopy = "" // no copy can come back
	}
	return settled
}

// open reports whether a recipient is left to be tried.
func open(m *store.OutMail) bool {
	for i := range m.Recipients {
		if m.Recipients[i].State == store.OutQueued {
			return true
		}
	}
	return false
}

// retryAt is when a mail is tried again: at once when the transaction was full
// and went through, else after a pause, and at its deadline at the latest.
func (b *batch) retryAt(m *store.OutMail, r *result) time.Time {
	if r.more && r.sent() {
		return b.now
	}
	at := b.now.Add(backoff(b.cfg.Retry, b.cfg.RetryMax, m.Attempts, b.jitter()))
	if deadline := b.deadline(m); at.After(deadline) {
		return deadline
	}
	return at
}

// giveBack queues a mail again as if this attempt had not been. The one the
// relay failed with goes behind the others, so that it cannot be the only one
// the relay is ever tried with; r is nil for the others.
func (b *batch) giveBack(j *job, r *result) error {
	m, ok, err := b.tx.OutRecord(j.mail.ID)
	if err != nil || !ok || !claimedBy(&m, j) {
		return err
	}
	m.State, m.Accepted, m.AttemptEnded = store.OutQueued, nil, b.now
	m.Attempts--
	if r != nil && r.trouble != troubleNone {
		m.NextAttempt, m.LastReply = b.now, r.last.String()
		b.line(r, "relay failed")
	}
	return b.tx.SetOut(m)
}

// hindered records that the relay cannot take the mail as it is composed. The
// gateway can compose a copy anew; it replaces the mail then. Nothing can be
// left out of an answer or a notice: these fail.
func (b *batch) hindered(m *store.OutMail, r *result) error {
	m.Accepted = nil
	settled := b.apply(m, r)
	m.State = store.OutStopped
	if m.Kind != store.OutCopy {
		m.State = store.OutDone
		settled = append(settled, failOpen(m, r.last)...)
	}
	if err := b.tx.SetOut(*m); err != nil {
		return err
	}
	b.line(r, string(r.hurdle))
	return tell(b.tx, b.now, m, settled, r.hurdle)
}

// expire gives up the recipients that are left at the deadline. settled are
// those the last attempt has settled.
func (b *batch) expire(m *store.OutMail, settled []store.Recipient) error {
	m.State, m.Accepted = store.OutDone, nil
	last := reply{words: m.LastReply}
	if last.words == "" && b.relay.err != nil {
		last.words = clean(b.relay.err.Error())
	}
	for i := range m.Recipients {
		rc := &m.Recipients[i]
		if rc.State == store.OutQueued {
			rc.State = store.OutFailed
			if rc.Reply == "" {
				rc.Reply = last.words
			}
			settled = append(settled, *rc)
		}
	}
	if err := b.tx.SetOut(*m); err != nil {
		return err
	}
	b.lines = append(b.lines, []any{"job", m.ID, "attempt", m.Attempts, "state", "expired", "code", 0})
	return tell(b.tx, b.now, m, settled, store.HurdleDeadline)
}

// failOpen fails the recipients that are left, for one reason.
func failOpen(m *store.OutMail, why reply) []store.Recipient {
	var failed []store.Recipient
	for i := range m.Recipients {
		rc := &m.Recipients[i]
		if rc.State != store.OutQueued {
			continue
		}
		rc.State, rc.Code, rc.Enhanced, rc.Reply = store.OutFailed, why.code, why.enhanced, why.words
		rc.Attempts++
		failed = append(failed, *rc)
	}
	return failed
}

// line notes an attempt for the log.
func (b *batch) line(r *result, state string) {
	b.lines = append(b.lines, []any{
		"job", r.job.mail.ID, "attempt", r.job.mail.Attempts, "state", state, "code", r.last.code, "reply", r.last.String(),
	})
	if r.ownRefused != "" {
		b.lines = append(b.lines, []any{"job", r.job.mail.ID, "attempt", r.job.mail.Attempts, "state", "own copy refused", "reply", r.ownRefused})
	}
}
