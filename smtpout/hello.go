package smtpout

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// greet dials and takes the session through the greeting, TLS (none for "")
// and EHLO.
func (s *Sender) greet(ctx context.Context, mode TLSMode) (*session, error) {
	dial, cancel := context.WithTimeout(ctx, s.cfg.Timeouts.Dial)
	defer cancel()
	raw, err := s.dial(dial, "tcp", s.cfg.Server)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", s.cfg.Server, err)
	}
	low := &conn{Conn: raw, patience: s.cfg.Timeouts.Write}
	ses := &session{wire: newWire(low, s.cfg.Timeouts.Command)}
	ses.release = context.AfterFunc(ctx, func() { raw.Close() })
	if mode == TLSImplicit {
		ses.wire.secure(tls.Client(low, s.tls)) // RFC 8314 §3.3
	}
	err = ses.hello(s.cfg.Hello)
	if err == nil && mode == TLSStart {
		err = ses.startTLS(s.tls, s.cfg.Hello)
	}
	if err != nil {
		ses.cut()
		return nil, fmt.Errorf("greeting %s: %w", s.cfg.Server, err)
	}
	return ses, nil
}

// hello reads the greeting (RFC 5321 §3.1) and introduces us.
func (ses *session) hello(name string) error {
	if r := ses.wire.reply(ses.wire.wait); r.code != 220 {
		return r
	}
	return ses.introduce(name)
}

// introduce says EHLO, or HELO where that is not known (RFC 5321 §3.2), and
// reads what is offered.
func (ses *session) introduce(name string) error {
	ses.ext = map[string]string{}
	w := ses.wire
	w.put("EHLO ", name)
	err := w.flush()
	if err != nil {
		return err
	}
	r := w.replyLines(w.wait, func(n int, line string) {
		if n > 0 {
			word, args, _ := strings.Cut(line, " ")
			ses.ext[strings.ToUpper(word)] = args
		}
	})
	if r.code == 500 || r.code == 502 {
		clear(ses.ext)
		r = w.say("HELO ", name)
	}
	if r.code != 250 {
		return r
	}
	ses.learn()
	return nil
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
	return ses.introduce(name)
}

func (ses *session) offers(extension string) bool {
	_, ok := ses.ext[extension]
	return ok
}

// offersLogin reports whether a mechanism is offered (RFC 4954 §3).
func (ses *session) offersLogin(mechanism string) bool {
	for _, m := range strings.Fields(ses.ext["AUTH"]) {
		if strings.EqualFold(m, mechanism) {
			return true
		}
	}
	return false
}

// learn reads what matters of what is offered.
func (ses *session) learn() {
	ses.eightBit, ses.utf8 = ses.offers("8BITMIME"), ses.offers("SMTPUTF8")
	ses.pipelines, ses.sizes = ses.offers("PIPELINING"), ses.offers("SIZE")
	ses.maxSize = 0
	if n, err := strconv.ParseInt(strings.TrimSpace(ses.ext["SIZE"]), 10, 64); err == nil && n > 0 {
		ses.maxSize = n
	}
}
