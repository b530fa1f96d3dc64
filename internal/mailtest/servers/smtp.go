package servers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// smtpTimeout is how long the server waits for a client (RFC 5321 §4.5.3.2.7).
const smtpTimeout = 5 * time.Minute

// StartSMTP serves SMTP submission on ln, with STARTTLS if Options.TLS is set.
// It may be called several times, and again after StopSMTP.
func (w *World) StartSMTP(ln net.Listener) {
	w.serveSMTP(ln, w.opts.TLS, !w.opts.RequireTLS, false)
}

// StartSMTPS serves SMTP over TLS on ln. It needs Options.TLS.
func (w *World) StartSMTPS(ln net.Listener) error {
	if w.opts.TLS == nil {
		return errors.New("starting SMTP over TLS: no TLS configuration")
	}
	// The server does not see the TLS layer, so it must take the password.
	w.serveSMTP(tls.NewListener(ln, w.opts.TLS), nil, true, true)
	return nil
}

// StopSMTP closes the SMTP listeners, cuts all connections and returns when
// their goroutines have ended.
func (w *World) StopSMTP() { w.stop(protoSMTP) }

func (w *World) serveSMTP(ln net.Listener, starttls *tls.Config, plainAuth, implicit bool) {
	s := newService(ln)
	s.prepare = func(wi *wire) {
		c := &smtpWire{wire: wi, world: w, service: s, number: s.accepted}
		wi.onWrite = c.write
		wi.owner = c
	}
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		sw := wireOf(c.Conn()).owner
		if a := w.takeSMTP(AtHello, ""); a != nil {
			if err := sw.strike(a); err != nil {
				return nil, err
			}
		}
		return &smtpSession{world: w, conn: c, wire: sw, implicitTLS: implicit}, nil
	}))
	srv.Domain = w.opts.Host
	srv.TLSConfig = starttls
	srv.AllowInsecureAuth = plainAuth
	srv.MaxMessageBytes = w.opts.MaxMessageBytes
	srv.EnableSMTPUTF8 = w.opts.SMTPUTF8
	srv.EnableDSN = w.opts.DSN
	srv.ReadTimeout = smtpTimeout
	srv.WriteTimeout = smtpTimeout
	srv.ErrorLog = slogPrinter{w.log, protoSMTP}
	s.serve = srv.Serve
	s.finish = func() {
		// All connections are cut: this only waits for their goroutines.
		if err := srv.Shutdown(context.Background()); err != nil && !errors.Is(err, net.ErrClosed) {
			w.log.Error("stopping the SMTP server", "err", err)
		}
	}
	w.run(protoSMTP, s)
}

// AuthMechanisms lists what Auth knows.
func (s *smtpSession) AuthMechanisms() []string {
	return s.world.mechanisms(sasl.Plain, sasl.Login)
}

// Auth begins an AUTH exchange (RFC 4954).
func (s *smtpSession) Auth(mech string) (sasl.Server, error) {
	if s.world.opts.Token != nil {
		return s.tokenAuth(mech)
	}
	switch mech {
	case sasl.Plain:
		return sasl.NewPlainServer(func(identity, user, password string) error {
			if identity != "" && identity != user {
				return smtp.ErrAuthFailed
			}
			return s.authenticate(user, password)
		}), nil
	case sasl.Login:
		return &loginServer{authenticate: s.authenticate}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

func (s *smtpSession) authenticate(user, password string) error {
	if err := s.fault(AtAuth, user); err != nil {
		return err
	}
	acct := s.world.login(user, password)
	if acct == nil {
		return smtp.ErrAuthFailed
	}
	s.acct = acct
	return nil
}

// loginServer is the server side of the LOGIN mechanism.
type loginServer struct {
	authenticate func(user, password string) error
	asked        int
	user         string
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case l.asked == 0 && response == nil:
		l.asked = 1
		return []byte("Username:"), false, nil
	case l.asked <= 1: // the answer, or an initial response
		l.user, l.asked = string(response), 2
		return []byte("Password:"), false, nil
	case l.asked == 2:
		l.asked = 3
		return nil, true, l.authenticate(l.user, string(response))
	}
	return nil, false, fmt.Errorf("LOGIN: %w", sasl.ErrUnexpectedClientResponse)
}
