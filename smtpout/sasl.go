package smtpout

import (
	"context"
	"errors"
	"fmt"

	"github.com/emersion/go-smtp"

	"postroom/internal/login"
)

// login logs in where a name was configured. Plain text reaches this only in
// the mode that allows it. refused is the access token the relay did not take.
func (s *Sender) login(ctx context.Context, ses *session, who login.Credentials) (refused string, err error) {
	if who.Username == "" {
		return "", nil
	}
	e, err := who.Choose(ctx, s.cfg.Server, ses.client.SupportsAuth)
	if err == nil {
		refused, err = ses.exchange(e)
	}
	if err != nil {
		return refused, fmt.Errorf("logging in to %s as %s: %w", s.cfg.Server, who.Username, err)
	}
	return "", nil
}

// exchange runs the exchange (RFC 4954 §4). That it ended without an error is
// not yet success: Ended says.
func (ses *session) exchange(e *login.Exchange) (refused string, err error) {
	if err := ses.client.Auth(e); err != nil {
		var no *smtp.SMTPError
		// 454 is about the relay, not about us (RFC 4954 §6).
		if errors.As(err, &no) && no.Code/100 == 5 {
			refused = e.Token
		}
		return refused, e.Refused(err)
	}
	return "", e.Ended()
}
