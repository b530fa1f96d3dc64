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
	conn    *conn
	client  *smtp.Client
	release func() bool // ends the watch over the context

	eightBit bool  // RFC 6152
	utf8     bool  // RFC 6531
	maxSize  int64 // RFC 1870; 0 is no limit
	rcptMax  int   // recipients in one transaction, once the relay showed it; 0 is no limit

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
	ses.release()
	ses.release = context.AfterFunc(ctx, func() { ses.conn.Close() })
	ses.lastUsed = time.Now()
	return ses, "", nil
}

// secured opens a connection of the mode that was asked for and says EHLO.
func (s *Sender) secured(ctx context.Context) (*session, error) {
	if s.cfg.TLS != TLSOpportunistic {
		return s.greet(ctx, s.cfg.TLS)
	}
	ses, err := s.greet(ctx, "")
	if err != nil || s.plain.Load() {
		return ses, err
	}
	if offered, _ := ses.client.Extension("STARTTLS"); !offered {
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
	s.plain.Store(true)
	return s.greet(ctx, "")
}

// greet dials and takes the session through the greeting, TLS (none for "")
// and EHLO.
func (s *Sender) greet(ctx context.Context, mode TLSMode) (*session, error) {
	dial, cancel := context.WithTimeout(ctx, s.cfg.Timeouts.Dial)
	defer cancel()
	raw, err := s.dial(dial, "tcp", s.cfg.Server)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", s.cfg.Server, err)
	}
	ses := &session{conn: &conn{Conn: raw, patience: s.cfg.Timeouts.Write}}
	ses.release = context.AfterFunc(ctx, func() { raw.Close() })
	switch mode {
	case TLSImplicit:
		ses.client = smtp.NewClient(tls.Client(ses.conn, s.tls))
	case TLSStart:
		if ses.client, err = smtp.NewClientStartTLS(ses.conn, s.tls); err != nil {
			ses.cut()
			return nil, fmt.Errorf("beginning TLS with %s: %w", s.cfg.Server, err)
		}
	default:
		ses.client = smtp.NewClient(ses.conn)
	}
	ses.client.CommandTimeout = s.cfg.Timeouts.Command
	ses.client.SubmissionTimeout = s.cfg.Timeouts.Submit
	// The TLS handshake happens here too.
	if err := ses.client.Hello(s.cfg.Hello); err != nil {
		ses.cut()
		return nil, fmt.Errorf("greeting %s: %w", s.cfg.Server, err)
	}
	ses.learn()
	return ses, nil
}

// learn reads what the relay offers.
func (ses *session) learn() {
	ses.eightBit, _ = ses.client.Extension("8BITMIME")
	ses.utf8, _ = ses.client.Extension("SMTPUTF8")
	if n, ok := ses.client.MaxMessageSize(); ok {
		ses.maxSize = int64(n)
	}
}

// alive reports whether an idle session can be used, asking the relay when it
// has been idle for long.
func (ses *session) alive(fresh time.Duration) bool {
	return time.Since(ses.lastUsed) < fresh || ses.client.Noop() == nil
}

// quit ends the session in the polite way (RFC 5321 §4.1.1.10).
func (ses *session) quit() {
	ses.client.CommandTimeout = quitPatience
	// What the relay answers to it changes nothing.
	_ = ses.client.Quit()
	ses.cut()
}

// cut ends the session at once, in whatever state it is.
func (ses *session) cut() {
	ses.release()
	ses.conn.Close()
}

func splitHost(server string) string {
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		return server
	}
	return host
}
