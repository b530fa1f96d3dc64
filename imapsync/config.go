package imapsync

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"time"

	"postroom/internal/login"
	"postroom/internal/store"
)

// TLSMode says how a connection is protected.
type TLSMode string

// The modes.
const (
	// TLSImplicit speaks TLS from the first octet (RFC 8314 §3.2).
	TLSImplicit TLSMode = "implicit"
	// TLSStart demands STARTTLS (RFC 9051 §6.2.1).
	TLSStart TLSMode = "starttls"
	// TLSOpportunistic uses STARTTLS when it is offered and the certificate
	// verifies, and plain text otherwise. It is for loopback, or where an
	// operator asked for it.
	TLSOpportunistic TLSMode = "opportunistic"
)

// Start says which mail is new when a folder is followed for the first time.
// The zero value is "now": what is there already is history.
type Start struct {
	All  bool      // everything is new
	Date time.Time // what has an older INTERNALDATE is history
}

// Config says which mailbox is followed and how. Zero values of what is
// marked optional mean the default.
type Config struct {
	Server    string // host:port
	TLS       TLSMode
	TLSConfig *tls.Config // optional; ServerName defaults to the host

	Login login.Credentials

	Folder     string // optional: INBOX
	SentFolder string // optional: the one marked \Sent (RFC 6154), else one of a usual name
	// ClosedFolder is where the mail of closed conversations goes; "": it stays.
	ClosedFolder string
	// Also are further folders: what is new in them is told by its header, and
	// never fetched unless somebody asks.
	Also     []string
	MarkSeen bool // whether \Seen chores are carried out
	Start    Start

	// Render makes the octets of a mail that is appended to Sent; nil: none is.
	Render func(ctx context.Context, w io.Writer, m store.OutMail) error

	Poll      time.Duration // optional, 1 min: how often the folder is looked at whatever IDLE says
	IdleRenew time.Duration // optional, Poll: how often IDLE is renewed; at most Poll
	Timeout   time.Duration // optional, 30 s: the longest silence inside a command

	ChunkMails   int   // optional, 400: mails in one spool segment and transaction
	ChunkBytes   int64 // optional, 8 MB: octets in one, but a single mail may have more
	HistoryRange int   // optional, 250: old mails in one transaction; twice as many are in hand at most
	MaxMail      int64 // optional, 256 MB: of a bigger mail only the header is fetched
	// MaxLine, optional, 64 MB, bounds a line of what the server says, literals
	// aside: it is held in memory. The longest there is reason for lists the
	// numbers of a few million messages (SEARCH without RFC 4731).
	MaxLine   int64
	MaxHeader int64 // optional, 1 MB: of a bigger header only the beginning is kept
}

func (c Config) withDefaults() Config {
	setDefault(&c.TLS, TLSImplicit)
	setDefault(&c.Folder, "INBOX")
	setDefault(&c.Poll, time.Minute)
	setDefault(&c.IdleRenew, c.Poll)
	c.IdleRenew = min(c.IdleRenew, c.Poll)
	setDefault(&c.Timeout, 30*time.Second)
	setDefault(&c.ChunkMails, 400)
	setDefault(&c.ChunkBytes, store.BigMail)
	setDefault(&c.HistoryRange, 250)
	setDefault(&c.MaxMail, 256<<20)
	setDefault(&c.MaxHeader, 1<<20)
	setDefault(&c.MaxLine, 64<<20)
	return c
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (c Config) check() error {
	switch {
	case c.Server == "":
		return errors.New("no IMAP server is set")
	case c.TLS != TLSImplicit && c.TLS != TLSStart && c.TLS != TLSOpportunistic:
		return errors.New("unknown TLS mode " + string(c.TLS))
	}
	return nil
}

// Observer is told how things go. Its methods are called from both followers'
// goroutines and must not block. A folder is named as the server names it; it
// is "" for the Sent folder before its name is known.
type Observer interface {
	// Connected says that a folder is selected, or that its connection ended.
	Connected(folder string, up bool)
	// Error says why a connection failed or ended, or what else is wrong with
	// the mailbox. It is followed by another try.
	Error(folder string, err error)
	// CaughtUp says that a look which began at began saw all of the folder
	// and put what was new into the inbox.
	CaughtUp(folder string, began time.Time)
	// HistoryProgress says how many messages of the history are imported.
	HistoryProgress(folder string, done, total int)
}
