package imapsync

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"

	"postroom/internal/login"
)

// connect makes an authenticated session. It lives until it is closed or ctx
// ends. When the server does not take an access token, one other is tried.
func (y *Syncer) connect(ctx context.Context) (*session, error) {
	s, refused, err := y.authenticated(ctx, y.cfg.Login)
	if refused == "" {
		return s, err
	}
	token, renewErr := y.cfg.Login.Renew(ctx, refused)
	if renewErr != nil {
		return nil, fmt.Errorf("%w; %w", err, renewErr)
	}
	again := y.cfg.Login
	again.Token = func(context.Context) (string, error) { return token, nil }
	s, _, err = y.authenticated(ctx, again)
	return s, err
}

// authenticated connects and logs in. refused is the token the server did not take.
func (y *Syncer) authenticated(ctx context.Context, who login.Credentials) (s *session, refused string, err error) {
	s, err = y.secure(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("connecting to %s: %w", y.cfg.Server, err)
	}
	// After any error in here the connection is in an unknown state (RFC 4422
	// leaves a half-finished exchange), so it is never used again.
	if refused, err = y.login(ctx, s, who); err != nil {
		err = s.explain(err)
		s.close()
		if p := y.plain.Load(); p != nil && y.now().Before(p.until) {
			err = fmt.Errorf("%w (in plain text, for its certificate cannot be used: %s)", err, p.why)
		}
		return nil, refused, fmt.Errorf("logging in to %s: %w", y.cfg.Server, err)
	}
	return s, "", nil
}

// secure opens a session in the configured TLS mode.
func (y *Syncer) secure(ctx context.Context) (*session, error) {
	if y.cfg.TLS != TLSOpportunistic {
		return y.open(ctx, y.cfg.TLS)
	}
	if p := y.plain.Load(); p != nil && y.now().Before(p.until) {
		return y.open(ctx, tlsNone)
	}
	s, err := y.open(ctx, TLSOpportunistic)
	if !errors.Is(err, errTLSFailed) {
		return s, err
	}
	y.log.Debug("STARTTLS is offered and does not work; going on in plain text", "server", y.cfg.Server, "err", err)
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		y.plain.Store(&plainness{y.now().Add(plainFor), cert.Error()})
	}
	return y.open(ctx, tlsNone)
}

// plainness is that a server is spoken to in plain text, whose certificate does
// not verify.
type plainness struct {
	until time.Time
	why   string
}

// plainFor is how long a certificate that does not verify is remembered, so
// that not every connection is made twice.
const plainFor = time.Hour

// tlsNone is plain text.
const tlsNone TLSMode = ""

// open dials and reads the greeting and the capabilities. After errTLSFailed
// another connection in plain text may be worth trying.
func (y *Syncer) open(ctx context.Context, mode TLSMode) (*session, error) {
	dctx, cancel := context.WithTimeout(ctx, y.cfg.Timeout)
	defer cancel()
	raw, err := y.dial(dctx, "tcp", y.cfg.Server)
	if err != nil {
		return nil, err
	}
	conn := &quietConn{Conn: raw, quiet: y.cfg.Timeout, write: y.cfg.Timeout}
	s := &session{conn: conn, timeout: y.cfg.Timeout, news: make(chan struct{}, 1), uidBehind: &y.uidBehind}
	s.stop = context.AfterFunc(ctx, func() { raw.Close() })
	if err := s.greet(dctx, mode, y.tlsConfig(), y.cfg.MaxLine); err != nil {
		err = s.explain(err)
		s.close()
		return nil, err
	}
	return s, nil
}

func (y *Syncer) tlsConfig() *tls.Config {
	cfg := &tls.Config{}
	if y.cfg.TLSConfig != nil {
		cfg = y.cfg.TLSConfig.Clone()
	}
	if cfg.ServerName == "" {
		if host, _, err := net.SplitHostPort(y.cfg.Server); err == nil {
			cfg.ServerName = host
		}
	}
	return cfg
}

func (s *session) greet(ctx context.Context, mode TLSMode, tlsCfg *tls.Config, maxLine int64) error {
	opts := &imapclient.Options{
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{Mailbox: s.hear, Fetch: s.stray},
	}
	s.conn.arm(s.timeout)
	defer s.conn.arm(0)
	var err error
	if s.line, err = s.protect(ctx, mode, tlsCfg, maxLine); err != nil {
		return err
	}
	s.c = imapclient.New(s.line, opts)
	if err := s.c.WaitGreeting(); err != nil {
		return fmt.Errorf("reading the greeting: %w", err)
	}
	if s.caps = s.c.Caps(); s.caps == nil {
		return errors.New("the server does not say its capabilities")
	}
	return nil
}

// protect brings the connection to where the library takes over.
func (s *session) protect(ctx context.Context, mode TLSMode, tlsCfg *tls.Config, maxLine int64) (*lineConn, error) {
	switch mode {
	case TLSImplicit:
		conn := tls.Client(s.conn, tlsCfg)
		if err := conn.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("starting TLS: %w", err)
		}
		return newLineConn(conn, s.conn, nil, maxLine), nil
	case tlsNone:
		return newLineConn(s.conn, s.conn, nil, maxLine), nil
	}
	p, err := newPreface(s.conn)
	if err != nil {
		return nil, err
	}
	if mode == TLSOpportunistic {
		if there, err := p.offered(); err != nil {
			return nil, fmt.Errorf("reading capabilities: %w", err)
		} else if !there {
			return newLineConn(s.conn, s.conn, p.ahead(), maxLine), nil
		}
	}
	conn, err := p.startTLS(ctx, tlsCfg)
	if err != nil {
		return nil, err
	}
	return newLineConn(conn, s.conn, []byte("* OK TLS\r\n"), maxLine), nil
}
