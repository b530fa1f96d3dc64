package servers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// peekhole is a private IMAP server without faults: the in-memory mailboxes
// give out messages over IMAP only. It listens on a network of its own that
// nobody else can dial, so it asks for no password.
type peekhole struct {
	world *World
	net   Network

	looking sync.RWMutex // read-held during a look, so that close does not cut it
	mu      sync.Mutex
	serv    *service // nil until the first look
	shut    bool
}

const peekAddr = "peek.invalid:143"

func newPeekhole(w *World) *peekhole { return &peekhole{world: w} }

func (p *peekhole) open() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		return errors.New("the world is closed")
	}
	if p.serv != nil {
		return nil
	}
	ln, err := p.net.Listen(peekAddr)
	if err != nil {
		return err
	}
	s := newService(ln)
	srv := imapserver.New(&imapserver.Options{
		InsecureAuth: true,
		Caps:         imap.CapSet{imap.CapIMAP4rev1: {}},
		Logger:       slogPrinter{p.world.log, protoIMAP},
		NewSession: func(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			s.running.Add(1)
			return &peekSession{world: p.world, done: s.running.Done}, nil, nil
		},
	})
	s.serve = srv.Serve
	s.start(func(err error) { p.world.log.Error("serving the peekhole", "err", err) })
	p.serv = s
	return nil
}

func (p *peekhole) close() {
	p.looking.Lock()
	defer p.looking.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = true
	if p.serv != nil {
		p.serv.stop()
		p.serv = nil
	}
}

// messages fetches a folder from the UID first on.
func (p *peekhole) messages(acct *account, folder string, first uint32) ([]Message, error) {
	p.looking.RLock()
	defer p.looking.RUnlock()
	if err := p.open(); err != nil {
		return nil, err
	}
	conn, err := p.net.DialContext(context.Background(), "pipe", peekAddr)
	if err != nil {
		return nil, err
	}
	c := imapclient.New(conn, nil)
	defer c.Close()
	if err := c.Login(acct.address, "peek").Wait(); err != nil {
		return nil, fmt.Errorf("logging in: %w", err)
	}
	sel, err := c.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		return nil, fmt.Errorf("selecting: %w", err)
	}
	if sel.NumMessages == 0 || imap.UID(first) >= sel.UIDNext {
		return nil, nil // "first:*" would give the last message (RFC 9051 §6.4.9)
	}
	return fetchFrom(c, first)
}

func fetchFrom(c *imapclient.Client, first uint32) ([]Message, error) {
	section := &imap.FetchItemBodySection{Peek: true}
	all := imap.UIDSet{imap.UIDRange{Start: imap.UID(first), Stop: 0}}
	found, err := c.Fetch(all, &imap.FetchOptions{
		UID: true, Flags: true, InternalDate: true,
		BodySection: []*imap.FetchItemBodySection{section},
	}).Collect()
	if err != nil {
		return nil, fmt.Errorf("fetching: %w", err)
	}
	list := make([]Message, 0, len(found))
	for _, m := range found {
		list = append(list, Message{
			UID:   uint32(m.UID),
			Flags: flagNames(m.Flags),
			Time:  m.InternalDate,
			Raw:   m.FindBodySection(section),
		})
	}
	return list, nil
}

// flagNames restores the spelling of system flags: the in-memory mailboxes
// keep all flags in lower case.
func flagNames(flags []imap.Flag) []string {
	system := []imap.Flag{imap.FlagSeen, imap.FlagAnswered, imap.FlagFlagged, imap.FlagDeleted, imap.FlagDraft}
	names := make([]string, 0, len(flags))
	for _, f := range flags {
		name := string(f)
		for _, s := range system {
			if strings.EqualFold(name, string(s)) {
				name = string(s)
			}
		}
		names = append(names, name)
	}
	return names
}

// peekSession lets everybody in who names an account.
type peekSession struct {
	*imapmemserver.UserSession
	world *World
	done  func()
}

func (s *peekSession) Login(name, _ string) error {
	acct := s.world.account(name)
	if acct == nil {
		return imapserver.ErrAuthFailed
	}
	s.UserSession = imapmemserver.NewUserSession(acct.user)
	return nil
}

func (s *peekSession) Close() error {
	defer s.done()
	return s.UserSession.Close()
}
