package smtpout

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/emersion/go-smtp"
)

// A session is begun by go-smtp's client: the greeting, EHLO, what is offered,
// the login. Transactions are not, for it waits for each reply before it says
// the next command, writes a mail in pieces of 4 kB and its final dot apart,
// and says EHLO again behind each RSET: from the login on the wire has the
// connection alone. Nothing gets lost between the two, since a relay says
// nothing that it was not asked.
//
// STARTTLS is the wire's as well. The client keeps the connection it makes to
// itself, and drops unseen what came before TLS did.

// greet dials and takes the session through the greeting, TLS (none for "")
// and EHLO.
func (s *Sender) greet(ctx context.Context, mode TLSMode) (*session, error) {
	dial, cancel := context.WithTimeout(ctx, s.cfg.Timeouts.Dial)
	defer cancel()
	raw, err := s.dial(dial, "tcp", s.cfg.Server)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", s.cfg.Server, err)
	}
	low := &conn{Conn: raw, patience: s.cfg.Timeouts.Write, hello: maxHello}
	ses := &session{wire: newWire(low, s.cfg.Timeouts.Command)}
	ses.release = context.AfterFunc(ctx, func() { raw.Close() })
	if mode == TLSImplicit {
		ses.wire.secure(tls.Client(low, s.tls)) // RFC 8314 §3.3
	}
	err = ses.hello(ses.wire.c, s.cfg.Hello)
	if err == nil && mode == TLSStart {
		err = ses.startTLS(s.tls, s.cfg.Hello)
	}
	if err != nil {
		ses.cut()
		return nil, fmt.Errorf("greeting %s: %w", s.cfg.Server, err)
	}
	ses.learn()
	return ses, nil
}

// hello reads the greeting from c and introduces us, with HELO where EHLO is
// not known (RFC 5321 §3.2). A TLS handshake happens here too.
func (ses *session) hello(c net.Conn, name string) error {
	ses.client = smtp.NewClient(c)
	ses.client.CommandTimeout = ses.wire.wait
	return ses.client.Hello(name)
}

// errEarly says that more came than the go-ahead for TLS, before it. Somebody
// in between may have put it there, to have it taken for what the relay says
// in TLS.
var errEarly = errors.New("more came in plain text than the go-ahead for TLS")

// startTLS goes on in TLS (RFC 3207). Nothing that was said before it counts
// behind it.
func (ses *session) startTLS(cfg *tls.Config, name string) error {
	if !ses.offers("STARTTLS") {
		return errors.New("the relay does not offer STARTTLS, which is demanded")
	}
	if r := ses.wire.say("STARTTLS"); r.code != 220 {
		return fmt.Errorf("STARTTLS: %w", r)
	}
	if ses.wire.in.Buffered() > 0 {
		return errEarly
	}
	ses.wire.secure(tls.Client(ses.wire.low, cfg))
	return ses.hello(&greeted{ses.wire.c, strings.NewReader("220 \r\n")}, name)
}

// greeted is a connection with a greeting before what comes over it: the client
// waits for one, and behind STARTTLS there is none.
type greeted struct {
	net.Conn
	greeting *strings.Reader
}

func (g *greeted) Read(p []byte) (int, error) {
	if g.greeting.Len() > 0 {
		return g.greeting.Read(p)
	}
	return g.Conn.Read(p)
}

func (ses *session) offers(extension string) bool {
	ok, _ := ses.client.Extension(extension)
	return ok
}

// learn reads what matters of what is offered.
func (ses *session) learn() {
	ses.eightBit, ses.utf8 = ses.offers("8BITMIME"), ses.offers("SMTPUTF8")
	ses.pipelines, ses.sizes = ses.offers("PIPELINING"), ses.offers("SIZE")
	if n, ok := ses.client.MaxMessageSize(); ok {
		ses.maxSize = int64(n)
	}
}
