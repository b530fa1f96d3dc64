package smtpout

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/emersion/go-smtp"

	"postroom/internal/login"
)

// quitPatience is how long a relay may take to say good-bye.
const quitPatience = time.Second

// session is a connection to the relay, logged in. It belongs to one worker.
type session struct {
	wire    *wire
	client  *smtp.Client // over the same connection, up to the login; see hello.go
	release func() bool  // ends the watch over the context

	eightBit  bool  // RFC 6152
	utf8      bool  // RFC 6531
	pipelines bool  // RFC 2920
	sizes     bool  // RFC 1870
	maxSize   int64 // likewise; 0 is no limit
	rcptMax   int   // recipients in one transaction, once the relay showed it; 0 is no limit

	used     bool // a transaction was begun
	lastUsed time.Time
}

// open connects, secures the connection and logs in. An error is the relay's,
// never a mail's. When the relay does not take an access token, one other is
// tried. The connection is cut when ctx ends.
func (s *Sender) open(ctx context.Context) (*session, error) {
	ses, refused, err := s.enter(ctx, s.cfg.Login)
	if refused == "" {
		return ses, err
	}
	token, renewErr := s.cfg.Login.Renew(ctx, refused)
	if renewErr != nil {
		return nil, fmt.Errorf("%w; %w", err, renewErr)
	}
	again := s.cfg.Login
	again.Token = func(context.Context) (string, error) { return token, nil }
	ses, _, err = s.enter(ctx, again)
	return ses, err
}

// enter is one try of open. refused is the token the relay did not take.
func (s *Sender) enter(ctx context.Context, who login.Credentials) (ses *session, refused string, err error) {
	setup, cancel := context.WithTimeout(ctx, s.cfg.Timeouts.Command)
	defer cancel()
	ses, err = s.secured(setup)
	if err == nil {
		refused, err = s.login(setup, ses, who)
		if why := s.plain.Load(); err != nil && why != nil {
			err = fmt.Errorf("%w (in plain text, for its certificate cannot be used: %s)", err, *why)
		}
	}
	if err != nil {
		if ses != nil {
			ses.cut()
		}
		if setup.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w (it took longer than %v)", err, s.cfg.Timeouts.Command)
		}
		return nil, refused, err
	}
	ses.wire.low.free = true
	ses.release()
	ses.release = context.AfterFunc(ctx, func() { ses.wire.low.Close() })
	ses.lastUsed = time.Now()
	return ses, "", nil
}

// secured opens a connection of the mode that was asked for and says EHLO.
func (s *Sender) secured(ctx context.Context) (*session, error) {
	if s.cfg.TLS != TLSOpportunistic {
		return s.greet(ctx, s.cfg.TLS)
	}
	ses, err := s.greet(ctx, "")
	if err != nil || s.plain.Load() != nil {
		return ses, err
	}
	if !ses.offers("STARTTLS") {
		return ses, nil
	}
	ses.quit()
	if ses, err = s.greet(ctx, TLSStart); err == nil {
		return ses, nil
	}
	var cert *tls.CertificateVerificationError
	if !errors.As(err, &cert) {
		return nil, err
	}
	s.log.Warn("the relay's certificate does not verify; going on in plain text, as is allowed", "server", s.cfg.Server, "err", err)
	why := cert.Error()
	s.plain.Store(&why)
	return s.greet(ctx, "")
}

// alive reports whether an idle session can be used, asking the relay when it
// has been idle for long.
func (ses *session) alive(fresh time.Duration) bool {
	return time.Since(ses.lastUsed) < fresh || ses.wire.say("NOOP").ok()
}

// reset ends a transaction that came to nothing (RFC 5321 §4.1.1.5), and
// reports whether the session is of further use.
func (ses *session) reset() bool { return ses.wire.say("RSET").ok() }

// quit ends the session in the polite way (RFC 5321 §4.1.1.10). What the relay
// answers to it changes nothing.
func (ses *session) quit() {
	ses.wire.low.patience = quitPatience
	ses.wire.put("QUIT")
	if ses.wire.flush() == nil {
		ses.wire.reply(quitPatience)
	}
	ses.cut()
}

// cut ends the session at once, in whatever state it is.
func (ses *session) cut() {
	ses.release()
	ses.wire.low.Close()
}

func splitHost(server string) string {
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		return server
	}
	return host
}
