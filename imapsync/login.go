package imapsync

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"
)

var (
	// errLogin marks the server's refusal of the credentials.
	errLogin = errors.New("login refused")
	// errNoTLS marks the server's refusal of STARTTLS.
	errNoTLS = errors.New("STARTTLS refused")
)

// lasting says that trying again soon is pointless, and with a password may
// lock the account.
func lasting(err error) bool {
	var cert *tls.CertificateVerificationError
	return errors.Is(err, errLogin) || errors.Is(err, errNoTLS) || errors.As(err, &cert)
}

// login authenticates and reads the capabilities anew: RFC 9051 §6.2.2 lets
// them change.
func (y *Syncer) login(ctx context.Context, s *session) error {
	s.conn.arm(s.timeout)
	defer s.conn.arm(0)
	if y.cfg.Username != "" && s.c.State() == imap.ConnStateNotAuthenticated {
		if err := y.authenticate(ctx, s); err != nil {
			var refused *imap.Error
			if errors.As(err, &refused) {
				return fmt.Errorf("%w: %w", errLogin, err)
			}
			return err
		}
	}
	caps, err := s.c.Capability().Wait()
	if err != nil {
		return fmt.Errorf("reading capabilities: %w", err)
	}
	s.caps = caps
	return nil
}

func (y *Syncer) authenticate(ctx context.Context, s *session) error {
	if y.cfg.Token != nil {
		token, err := y.secret(ctx, s, y.cfg.Token)
		if err != nil {
			return fmt.Errorf("getting the access token: %w", err)
		}
		return s.c.Authenticate(y.bearer(s, token))
	}
	password := ""
	if y.cfg.Password != nil {
		var err error
		if password, err = y.secret(ctx, s, y.cfg.Password); err != nil {
			return fmt.Errorf("getting the password: %w", err)
		}
	}
	switch {
	case s.caps.Has(imap.AuthCap(sasl.Plain)):
		return s.c.Authenticate(sasl.NewPlainClient("", y.cfg.Username, password))
	case s.caps.Has(imap.CapLoginDisabled):
		return errors.New("the server takes neither LOGIN nor AUTHENTICATE PLAIN")
	}
	return s.c.Login(y.cfg.Username, password).Wait()
}

// secret asks for a secret; the server may wait meanwhile.
func (y *Syncer) secret(ctx context.Context, s *session, get func(context.Context) (string, error)) (string, error) {
	s.conn.arm(0)
	defer s.conn.arm(s.timeout)
	return get(ctx)
}

func (y *Syncer) bearer(s *session, token string) sasl.Client {
	if s.caps.Has(imap.AuthCap(sasl.OAuthBearer)) {
		return sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{Username: y.cfg.Username, Token: token})
	}
	return &xoauth2{y.cfg.Username, token}
}

// xoauth2 is the mechanism of Gmail and Microsoft 365 that came before
// OAUTHBEARER.
type xoauth2 struct{ user, token string }

// Start sends everything there is to send.
func (x *xoauth2) Start() (string, []byte, error) {
	return "XOAUTH2", []byte("user=" + x.user + "\x01auth=Bearer " + x.token + "\x01\x01"), nil
}

// Next answers the error report, which the server wants before it says NO.
func (x *xoauth2) Next([]byte) ([]byte, error) { return []byte{}, nil }
