package imapsync

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"

	"github.com/emersion/go-imap/v2"

	"postroom/internal/login"
)

var (
	// ErrRefused marks the server's refusal of the credentials.
	ErrRefused = errors.New("login refused")
	// errNoTLS marks the server's refusal of STARTTLS.
	errNoTLS = errors.New("STARTTLS refused")
)

// lasting says that trying again soon is pointless, and with a password may
// lock the account.
func lasting(err error) bool {
	var cert *tls.CertificateVerificationError
	return errors.Is(err, ErrRefused) || errors.Is(err, errNoTLS) || errors.As(err, &cert)
}

// login authenticates, after which the capabilities are others (RFC 9051
// §6.2.2). Most servers list them with the answer; the others are asked.
// refused is the access token the server did not take.
func (y *Syncer) login(ctx context.Context, s *session, who login.Credentials) (refused string, err error) {
	s.conn.arm(s.timeout)
	defer s.conn.arm(0)
	if who.Username != "" && s.c.State() == imap.ConnStateNotAuthenticated {
		if refused, err = y.authenticate(ctx, s, who); err != nil {
			return refused, err
		}
	}
	// The library drops those of the greeting a moment after the answer: only
	// others are new for certain.
	if caps := s.c.Caps(); caps != nil && !maps.Equal(caps, s.caps) {
		s.caps = caps
		return "", nil
	}
	if s.caps, err = s.c.Capability().Wait(); err != nil {
		return "", fmt.Errorf("reading capabilities: %w", err)
	}
	return "", nil
}

func (y *Syncer) authenticate(ctx context.Context, s *session, who login.Credentials) (refused string, err error) {
	s.conn.arm(0) // the server may wait while secrets are asked for
	e, err := who.Choose(ctx, y.cfg.Server, s.offers)
	s.conn.arm(s.timeout)
	if err != nil {
		return "", err
	}
	err = s.exchange(who.Username, e)
	if err == nil {
		return "", e.Ended()
	}
	err = e.Refused(err)
	var no *imap.Error
	switch {
	case errors.Is(err, login.ErrRefused):
		err = fmt.Errorf("%w: %w", ErrRefused, err)
	case !errors.As(err, &no) || no.Code == imap.ResponseCodeUnavailable:
		// RFC 5530 §3: nobody is let in at the moment.
	default:
		err = fmt.Errorf("%w: %w", ErrRefused, err)
		refused = e.Token
	}
	return refused, err
}

// offers reports whether the server takes a mechanism. LOGIN is the command
// here: the library cannot speak the mechanism, whose first challenge may be
// empty.
func (s *session) offers(mechanism string) bool {
	if mechanism == login.Login {
		return !s.caps.Has(imap.CapLoginDisabled)
	}
	return s.caps.Has(imap.AuthCap(mechanism))
}

func (s *session) exchange(username string, e *login.Exchange) error {
	if e.Mechanism == login.Login {
		return s.c.Login(username, e.Password).Wait()
	}
	s.line.inSASL = true
	defer func() { s.line.inSASL = false }()
	return s.c.Authenticate(e)
}
