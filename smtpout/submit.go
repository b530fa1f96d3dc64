package smtpout

import (
	"context"
	"fmt"
	"time"

	"postroom/internal/store"
)

// Submission is what the relay did with a mail that was handed to it at once.
type Submission struct {
	Recipients []store.Recipient // as they were asked for, with the relay's replies
	Offers     []string          // the service extensions it named (RFC 5321 §4.1.1.1)
	MaxSize    int64             // octets; 0 is no limit
	TLS        bool
	From       string // the reverse-path that was used last
	// FellBack is what the relay said of the reverse-path of the mail, now or
	// when it refused one before, where the fallback stood in its place.
	FellBack string
	Took     time.Duration
}

// Sent reports whether the relay took the mail for somebody.
func (s Submission) Sent() bool {
	for _, r := range s.Recipients {
		if r.State == store.OutSent {
			return true
		}
	}
	return false
}

// Submit hands one mail to the relay on a connection of its own, beside the
// outbox and its rates and pauses. Nothing is recorded, nothing is tried
// again. The error is that of the connection or the login; what the relay says
// of the mail stands with its recipients.
func (s *Sender) Submit(ctx context.Context, m store.OutMail) (Submission, error) {
	return s.submit(ctx, &job{mail: m, direct: true})
}

// SubmitAnew is Submit as if the relay had never refused a reverse-path.
func (s *Sender) SubmitAnew(ctx context.Context, m store.OutMail) (Submission, error) {
	return s.submit(ctx, &job{mail: m, direct: true, anew: true})
}

func (s *Sender) submit(ctx context.Context, j *job) (Submission, error) {
	began, m := time.Now(), &j.mail
	w := &worker{Sender: s}
	defer w.quit()
	r := w.try(ctx, j)
	sub := Submission{Took: time.Since(began), From: r.from}
	if w.session != nil {
		sub.Offers, sub.MaxSize = w.session.offered(), w.session.maxSize
		sub.TLS = w.session.wire.tls
	}
	switch {
	case r.fellBack:
		sub.FellBack = r.refusal.String()
	case r.from != m.EnvelopeFrom:
		sub.FellBack = s.envelope.get().of(m) // "" where the configuration wants it
	}
	if r.end != endTried {
		if r.err == nil {
			r.err = ctx.Err()
		}
		return sub, fmt.Errorf("handing over %s: %w", m.ID, r.err)
	}
	for i, v := range r.verdicts {
		rc := m.Recipients[i]
		rc.State, rc.Code, rc.Enhanced, rc.Reply = v.state, v.reply.code, v.reply.enhanced, v.reply.words
		if v.state == "" {
			rc.State, rc.Code, rc.Enhanced, rc.Reply = store.OutFailed, r.last.code, r.last.enhanced, r.last.words
		}
		sub.Recipients = append(sub.Recipients, rc)
	}
	return sub, nil
}

// extensions are those that matter here.
var extensions = [...]string{"8BITMIME", "SMTPUTF8", "SIZE", "STARTTLS", "AUTH", "PIPELINING", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES"}

func (ses *session) offered() []string {
	list := []string{}
	for _, name := range extensions {
		if ses.offers(name) {
			list = append(list, name)
		}
	}
	return list
}
