package servers

import (
	"crypto/tls"
	"errors"
	"net"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// StartIMAP serves IMAP on ln, with STARTTLS if Options.TLS is set. It may be
// called several times, and again after StopIMAP: the mailboxes stay.
func (w *World) StartIMAP(ln net.Listener) {
	w.serveIMAP(ln, w.opts.TLS, !w.opts.RequireTLS)
}

// StartIMAPS serves IMAP over TLS on ln. It needs Options.TLS.
func (w *World) StartIMAPS(ln net.Listener) error {
	if w.opts.TLS == nil {
		return errors.New("starting IMAP over TLS: no TLS configuration")
	}
	// The server does not see the TLS layer, so it must take the password.
	w.serveIMAP(tls.NewListener(ln, w.opts.TLS), nil, true)
	return nil
}

// StopIMAP closes the IMAP listeners, cuts all connections and returns when
// their goroutines have ended.
func (w *World) StopIMAP() { w.stop(protoIMAP) }

func (w *World) serveIMAP(ln net.Listener, starttls *tls.Config, plainAuth bool) {
	s := newService(ln)
	srv := imapserver.New(&imapserver.Options{
		NewSession: func(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return w.newIMAPSession(c, s)
		},
		Caps:         w.opts.Caps,
		Logger:       slogPrinter{w.log, protoIMAP},
		TLSConfig:    starttls,
		InsecureAuth: plainAuth,
	})
	s.serve = srv.Serve
	w.run(protoIMAP, s)
}

func (w *World) newIMAPSession(c *imapserver.Conn, s *service) (imapserver.Session, *imapserver.GreetingData, error) {
	s.running.Add(1)
	sess := &imapSession{world: w, service: s, wire: wireOf(c.NetConn())}
	if err := sess.do("GREETING", "", func() error { return nil }); err != nil {
		s.running.Done()
		return nil, nil, err
	}
	w.mu.Lock()
	w.sessions[sess] = struct{}{}
	w.mu.Unlock()
	return sess, nil, nil
}

// Login checks the password against the account's.
func (s *imapSession) Login(name, password string) error {
	s.mu.Lock()
	s.login = name
	s.mu.Unlock()
	return s.do("LOGIN", "", func() error {
		acct := s.world.login(name, password)
		if acct == nil {
			return imapserver.ErrAuthFailed
		}
		s.mu.Lock()
		s.acct = acct
		s.login = acct.address
		s.mu.Unlock()
		s.UserSession = imapmemserver.NewUserSession(acct.user)
		return nil
	})
}

// Close ends the session after a running IDLE has ended.
func (s *imapSession) Close() error {
	defer s.service.running.Done()
	s.world.mu.Lock()
	delete(s.world.sessions, s)
	s.world.mu.Unlock()
	s.idling.Lock()
	defer s.idling.Unlock()
	return s.UserSession.Close()
}

// cutSelected closes the connections that have the folder selected.
func (w *World) cutSelected(acct *account, folder string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := range w.sessions {
		s.mu.Lock()
		if s.acct == acct && s.selected == folder {
			s.wire.abort()
		}
		s.mu.Unlock()
	}
}

// Idle announces changes until stop is closed. It asks for pending ones first
// and after every change of the world, so none is missed.
func (s *imapSession) Idle(u *imapserver.UpdateWriter, stop <-chan struct{}) error {
	s.idling.Lock()
	defer s.idling.Unlock()
	if a := s.world.takeIMAP("IDLE", s.name(), s.folder()); a != nil {
		switch {
		case a.fault.Cut:
			s.wire.Close()
			return errCut
		case a.fault.Reply != nil:
			return a.fault.Reply
		case a.fault.Stall:
			select {
			case <-stop:
				return nil
			case <-a.trap.removed:
			}
		}
	}
	for {
		next := s.world.changes.next()
		if err := s.Poll(u, true); err != nil {
			return err
		}
		select {
		case <-next:
		case <-stop:
			return nil
		}
	}
}

// List announces \Sent where the options say so; the in-memory mailboxes
// cannot.
func (s *imapSession) List(w *imapserver.ListWriter, ref string, patterns []string, options *imap.ListOptions) error {
	return s.do("LIST", "", func() error {
		if !s.world.opts.SpecialUse || options.SelectSubscribed || len(patterns) == 0 {
			return s.UserSession.List(w, ref, patterns, options)
		}
		for _, name := range s.acct.folderNames() {
			data := &imap.ListData{Mailbox: name, Delim: '/'}
			if name == "Sent" {
				data.Attrs = append(data.Attrs, imap.MailboxAttrSent)
			}
			if !matchAny(name, ref, patterns) || (options.SelectSpecialUse && len(data.Attrs) == 0) {
				continue
			}
			if options.ReturnStatus != nil {
				var err error
				if data.Status, err = s.UserSession.Status(name, options.ReturnStatus); err != nil {
					return err
				}
			}
			if err := w.WriteList(data); err != nil {
				return err
			}
		}
		return nil
	})
}

func matchAny(name, ref string, patterns []string) bool {
	for _, p := range patterns {
		if imapserver.MatchList(name, '/', ref, p) {
			return true
		}
	}
	return false
}
