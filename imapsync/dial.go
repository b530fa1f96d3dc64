package imapsync

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// connect makes an authenticated session. It lives until it is closed or ctx
// ends.
func (y *Syncer) connect(ctx context.Context) (*session, error) {
	s, err := y.secure(ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", y.cfg.Server, err)
	}
	// After any error in here the connection is in an unknown state (RFC 4422
	// leaves a half-finished exchange), so it is never used again.
	if err := y.login(ctx, s); err != nil {
		err = s.explain(err)
		s.close()
		return nil, fmt.Errorf("logging in to %s: %w", y.cfg.Server, err)
	}
	return s, nil
}

// secure opens a session in the configured TLS mode.
func (y *Syncer) secure(ctx context.Context) (*session, error) {
	if y.cfg.TLS != TLSOpportunistic {
		return y.open(ctx, y.cfg.TLS)
	}
	s, err := y.open(ctx, "")
	if err != nil || !s.caps.Has(imap.CapStartTLS) {
		return s, err
	}
	s.close()
	if s, err = y.open(ctx, TLSStart); err == nil {
		return s, nil
	}
	y.log.Debug("STARTTLS is offered and does not work; going on in plain text", "server", y.cfg.Server, "err", err)
	return y.open(ctx, "")
}

// open dials and reads the greeting and the capabilities; mode "" is plain
// text.
func (y *Syncer) open(ctx context.Context, mode TLSMode) (*session, error) {
	dctx, cancel := context.WithTimeout(ctx, y.cfg.Timeout)
	defer cancel()
	raw, err := y.dial(dctx, "tcp", y.cfg.Server)
	if err != nil {
		return nil, err
	}
	conn := &quietConn{Conn: raw, quiet: y.cfg.Timeout, write: y.cfg.Timeout}
	s := &session{conn: conn, timeout: y.cfg.Timeout, news: make(chan struct{}, 1)}
	s.stop = context.AfterFunc(ctx, func() { raw.Close() })
	if err := s.greet(dctx, mode, y.tlsConfig()); err != nil {
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

func (s *session) greet(ctx context.Context, mode TLSMode, tlsCfg *tls.Config) error {
	opts := &imapclient.Options{
		TLSConfig:             tlsCfg,
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{Mailbox: s.hear},
	}
	s.conn.arm(s.timeout)
	defer s.conn.arm(0)
	switch mode {
	case TLSImplicit:
		conn := tls.Client(s.conn, tlsCfg)
		if err := conn.HandshakeContext(ctx); err != nil {
			return fmt.Errorf("starting TLS: %w", err)
		}
		s.c = imapclient.New(conn, opts)
	case TLSStart:
		c, err := imapclient.NewStartTLS(s.conn, opts)
		if err != nil && !broken(err) {
			return fmt.Errorf("%w: %w", errNoTLS, err)
		}
		if err != nil {
			return fmt.Errorf("starting TLS by STARTTLS: %w", err)
		}
		s.c = c
	default:
		s.c = imapclient.New(s.conn, opts)
	}
	if err := s.c.WaitGreeting(); err != nil {
		return fmt.Errorf("reading the greeting: %w", err)
	}
	if s.caps = s.c.Caps(); s.caps == nil {
		return errors.New("the server does not say its capabilities")
	}
	return nil
}
