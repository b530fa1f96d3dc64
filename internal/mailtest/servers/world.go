package servers

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// Options say what kind of servers the world has. The zero value is a friendly
// one: no TLS, AUTH offered but not demanded, any sender accepted.
type Options struct {
	// Host is the name the servers give themselves; default "mail.invalid".
	Host string
	// TLS, if set, offers STARTTLS on StartIMAP and StartSMTP and serves
	// StartIMAPS and StartSMTPS.
	TLS *tls.Config
	// RequireTLS refuses to take a password before STARTTLS.
	RequireTLS bool

	// Token, if set, says which access tokens are good. Then the servers take
	// tokens alone (XOAUTH2, OAUTHBEARER), and no passwords.
	Token func(user, token string) bool

	// RequireAuth refuses MAIL before AUTH (530 5.7.0).
	RequireAuth bool
	// Sender says which envelope senders are accepted.
	Sender SenderPolicy
	// RefuseNullSender refuses MAIL FROM:<> (501 5.1.7).
	RefuseNullSender bool
	// RewriteMessageIDs gives each submitted mail a Message-ID of the server's
	// own, as some relays do.
	RewriteMessageIDs bool
	// Relay accepts mail to domains without any account here. It goes nowhere
	// but into Transactions.
	Relay bool
	// MaxMessageBytes limits a submitted mail and is announced as SIZE; 0 is no
	// limit.
	MaxMessageBytes int64
	// SMTPUTF8 and DSN offer these extensions.
	SMTPUTF8, DSN bool

	// Caps are the capabilities the IMAP server offers beside those that cannot
	// be switched off (IDLE, SASL-IR, ENABLE, UNSELECT, LITERAL-). Nil is
	// DefaultCaps; it must contain IMAP4rev1. Leave some out to see how a client
	// does without.
	Caps imap.CapSet
	// SpecialUse announces \Sent (RFC 6154).
	SpecialUse bool
}

// DefaultCaps returns the capabilities of a current server, as far as the
// embedded one has them. The caller may change the set.
func DefaultCaps() imap.CapSet {
	return imap.CapSet{
		imap.CapIMAP4rev1: {}, imap.CapNamespace: {}, imap.CapUIDPlus: {}, imap.CapESearch: {},
		imap.CapSearchRes: {}, imap.CapListExtended: {}, imap.CapListStatus: {}, imap.CapMove: {},
		imap.CapStatusSize: {}, imap.CapBinary: {}, imap.CapLiteralPlus: {},
	}
}

// SenderPolicy is what the SMTP server thinks of an envelope sender that is not
// an address of the account that authenticated.
type SenderPolicy int

const (
	// AnySender accepts every envelope sender.
	AnySender SenderPolicy = iota
	// OwnSenderAtMail refuses a foreign one as the answer to MAIL (550 5.7.60).
	OwnSenderAtMail
	// OwnSenderAtData refuses it only after the mail was transferred
	// (554 5.2.252).
	OwnSenderAtData
	// OwnSenderAtRcpt refuses it as the answer to each RCPT (553 5.7.1).
	OwnSenderAtRcpt
	// RewriteSender takes a foreign one and puts the account's address in its
	// place.
	RewriteSender
)

// World is the accounts, their mailboxes and the servers in front of them. All
// methods may be called concurrently.
type World struct {
	log  *slog.Logger
	opts Options

	imapTraps traps[IMAPFault]
	smtpTraps traps[SMTPFault]
	changes   signal
	peeks     *peekhole

	life     sync.Mutex // one start or stop at a time
	services map[protocol][]*service

	mu           sync.Mutex
	accounts     map[string]*account // by lower-case address, aliases too
	transactions []Transaction
	rewritten    map[[sha256.Size]byte]int // how often each mail was given an id
	sessions     map[*imapSession]struct{}
	queued       int // queue ids given out
}

type protocol string

const (
	protoIMAP protocol = "imap"
	protoSMTP protocol = "smtp"
)

// New makes an empty world. Close it in the end. What the servers complain of
// goes to log.
func New(log *slog.Logger, opts Options) *World {
	if opts.Host == "" {
		opts.Host = "mail.invalid"
	}
	if opts.Caps == nil {
		opts.Caps = DefaultCaps()
	}
	if opts.SpecialUse {
		opts.Caps = opts.Caps.Copy()
		opts.Caps[imap.CapSpecialUse] = struct{}{}
	}
	w := &World{
		log:      log,
		opts:     opts,
		services: make(map[protocol][]*service),
		accounts: make(map[string]*account),
		sessions: make(map[*imapSession]struct{}),

		rewritten: make(map[[sha256.Size]byte]int),
	}
	w.peeks = newPeekhole(w)
	return w
}

// Close stops all servers and waits until every goroutine of the world has
// ended. It may be called twice.
func (w *World) Close() error {
	w.StopIMAP()
	w.StopSMTP()
	w.peeks.close()
	return nil
}

// Account is a person or a role with a mailbox.
type Account struct {
	// Address is the mail address and the login name. Mail to user+anything@domain
	// arrives here too (RFC 5233).
	Address string
	// Password is for IMAP and SMTP.
	Password string
	// Aliases are further addresses of the same mailbox.
	Aliases []string
	// Folders exist from the start beside INBOX and Sent.
	Folders []string
}

// account is an Account with its mailboxes.
type account struct {
	address string
	user    *imapmemserver.User
	own     map[string]bool // lower-case addresses
	moving  sync.Mutex      // copying between two mailboxes takes both locks: one at a time

	mu       sync.Mutex
	password string
	folders  map[string]bool
}

// AddAccount adds an account with the folders INBOX and Sent. An address that
// is taken, or is none, is an error.
func (w *World) AddAccount(a Account) error {
	acct := &account{
		address:  a.Address,
		user:     imapmemserver.NewUser(a.Address, ""),
		password: a.Password,
		own:      make(map[string]bool),
		folders:  make(map[string]bool),
	}
	for _, f := range append([]string{"INBOX", "Sent"}, a.Folders...) {
		if err := acct.user.Create(f, nil); err != nil {
			return fmt.Errorf("creating folder %q of %s: %w", f, a.Address, err)
		}
		acct.user.Subscribe(f)
		acct.folders[f] = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, addr := range append([]string{a.Address}, a.Aliases...) {
		key := strings.ToLower(addr)
		if local, domain, ok := splitAddress(key); !ok || local == "" || domain == "" {
			return fmt.Errorf("adding account %q: not an address", addr)
		}
		if w.accounts[key] != nil || acct.own[key] {
			return fmt.Errorf("adding account %s: the address is taken", addr)
		}
		acct.own[key] = true
	}
	for key := range acct.own {
		w.accounts[key] = acct
	}
	return nil
}

// SetPassword changes the password of an account; open sessions stay open.
func (w *World) SetPassword(addr, password string) error {
	acct := w.account(addr)
	if acct == nil {
		return fmt.Errorf("changing the password of %s: no such account", addr)
	}
	acct.mu.Lock()
	acct.password = password
	acct.mu.Unlock()
	return nil
}

// account finds the account with exactly this address or alias, or nil.
func (w *World) account(addr string) *account {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.accounts[strings.ToLower(addr)]
}

// recipient finds the account that mail to addr is delivered to, or nil; local
// says whether the domain is one of ours.
func (w *World) recipient(addr string) (acct *account, local bool) {
	addr = strings.ToLower(addr)
	user, domain, ok := splitAddress(addr)
	if !ok {
		return nil, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if acct := w.accounts[addr]; acct != nil {
		return acct, true
	}
	base, _, _ := strings.Cut(user, "+")
	if acct := w.accounts[base+"@"+domain]; acct != nil {
		return acct, true
	}
	for have := range w.accounts {
		if strings.HasSuffix(have, "@"+domain) {
			return nil, true
		}
	}
	return nil, false
}

// login returns the account if name and password are right, or nil.
func (w *World) login(name, password string) *account {
	acct := w.account(name)
	if acct == nil {
		return nil
	}
	acct.mu.Lock()
	defer acct.mu.Unlock()
	good := acct.password == password
	if w.opts.Token != nil {
		good = w.opts.Token(name, password)
	}
	if !good {
		return nil
	}
	return acct
}

func splitAddress(addr string) (local, domain string, ok bool) {
	i := strings.LastIndexByte(addr, '@')
	if i < 0 || strings.ContainsAny(addr, "\r\n\x00<>") {
		return "", "", false
	}
	return addr[:i], addr[i+1:], true
}

// Changed returns a channel that is closed at the next change of any mailbox or
// of Transactions.
func (w *World) Changed() <-chan struct{} { return w.changes.next() }

// Wait returns when cond is true; cond is asked at once and after each change
// of the world. It returns the error of ctx if that ends first.
func (w *World) Wait(ctx context.Context, cond func() bool) error {
	for {
		next := w.changes.next()
		if cond() {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// signal wakes everybody who waits for the next change.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

func (s *signal) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}

// run starts a service of the given protocol.
func (w *World) run(p protocol, s *service) {
	w.life.Lock()
	defer w.life.Unlock()
	w.services[p] = append(w.services[p], s)
	s.start(func(err error) {
		w.log.Error("serving mail", "protocol", string(p), "err", err)
	})
}

// stop ends the services of the given protocol.
func (w *World) stop(p protocol) {
	w.life.Lock()
	defer w.life.Unlock()
	for _, s := range w.services[p] {
		s.stop()
	}
	w.services[p] = nil
}

// slogPrinter is the log interface of both protocol libraries. Their lines
// speak of single connections, so they are details.
type slogPrinter struct {
	log   *slog.Logger
	proto protocol
}

func (l slogPrinter) Printf(format string, args ...any) {
	l.log.Debug(fmt.Sprintf(format, args...), "protocol", string(l.proto))
}

func (l slogPrinter) Println(args ...any) {
	l.log.Debug(fmt.Sprint(args...), "protocol", string(l.proto))
}
