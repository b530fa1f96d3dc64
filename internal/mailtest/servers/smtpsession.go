package servers

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// Transaction is one mail the SMTP server has accepted.
type Transaction struct {
	ID   string // the queue id, as told to the client
	Time time.Time
	From string   // envelope sender, "" for the null sender
	To   []string // envelope recipients
	Raw  []byte   // as the client sent it, dots unstuffed
	// Rewritten is the Message-ID it was delivered under, in angle brackets,
	// where the relay gives mails ids of its own.
	Rewritten string

	User string // who authenticated, or ""
	Helo string
	TLS  bool
	Conn int // number of the connection, from 1 for each listener
}

// Transactions returns what was accepted so far, oldest first. The raw bytes
// are shared: do not change them.
func (w *World) Transactions() []Transaction {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.transactions)
}

// smtpSession is one SMTP connection. The library asserts the type of errors:
// an *smtp.SMTPError must not be wrapped.
type smtpSession struct {
	world       *World
	conn        *smtp.Conn
	wire        *smtpWire
	implicitTLS bool
	acct        *account // who authenticated, or nil

	began bool
	from  string
	rcpts []string
}

var _ smtp.AuthSession = (*smtpSession)(nil)

func refusal(code int, a, b, c int, text string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{a, b, c}, Message: text}
}

// fault lets a fault of this stage happen; nil means go on.
func (s *smtpSession) fault(stage Stage, addr string) error {
	if a := s.world.takeSMTP(stage, addr); a != nil {
		if err := s.wire.strike(a); err != nil {
			return err
		}
	}
	return nil
}

// Reset forgets the transaction.
func (s *smtpSession) Reset() { s.began, s.from, s.rcpts = false, "", nil }

// Logout has nothing to free.
func (s *smtpSession) Logout() error { return nil }

// Mail begins a transaction. A second MAIL without RSET is refused, as by most
// servers (RFC 5321 §4.1.4).
func (s *smtpSession) Mail(from string, _ *smtp.MailOptions) error {
	if err := s.fault(AtMail, from); err != nil {
		return err
	}
	opts := s.world.opts
	switch {
	case s.began:
		return refusal(503, 5, 5, 1, "Nested MAIL command")
	case opts.RequireAuth && s.acct == nil:
		return refusal(530, 5, 7, 0, "Authentication required")
	case from == "" && opts.RefuseNullSender:
		return refusal(501, 5, 1, 7, "The null sender is not accepted here")
	case opts.Sender == OwnSenderAtMail && s.foreign(from):
		return refusal(550, 5, 7, 60, "Client does not have permissions to send as this sender")
	}
	s.began, s.from = true, from
	return nil
}

// foreign says whether an authenticated client uses a sender that is not its
// own; the null sender is everybody's.
func (s *smtpSession) foreign(from string) bool {
	return s.acct != nil && from != "" && !s.acct.own[strings.ToLower(from)]
}

// Rcpt adds a recipient.
func (s *smtpSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.fault(AtRcpt, to); err != nil {
		return err
	}
	acct, local := s.world.recipient(to)
	switch {
	case s.world.opts.Sender == OwnSenderAtRcpt && s.foreign(s.from):
		return refusal(553, 5, 7, 1, "<"+s.from+">: Sender address rejected: not owned by user "+s.acct.address)
	case acct != nil:
	case local:
		return refusal(550, 5, 1, 1, "User unknown")
	case s.world.opts.Relay:
	default:
		return refusal(550, 5, 1, 1, "No such domain here")
	}
	s.rcpts = append(s.rcpts, to)
	return nil
}

// Data takes the mail and delivers it.
func (s *smtpSession) Data(r io.Reader) error {
	if s.wire.refused {
		s.wire.refused = false
		return refusal(451, 4, 0, 0, "DATA was refused")
	}
	var raw bytes.Buffer
	if a := s.world.takeSMTP(AtBody, ""); a != nil {
		if _, err := io.CopyN(&raw, r, a.fault.After); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err := s.wire.strike(a); err != nil {
			return err
		}
	}
	if _, err := raw.ReadFrom(r); err != nil {
		return err // a *smtp.SMTPError when the mail is too large
	}
	if err := s.fault(AtDot, ""); err != nil {
		return err
	}
	if s.world.opts.Sender == OwnSenderAtData && s.foreign(s.from) {
		return refusal(554, 5, 2, 252, "SendAsDenied; not allowed to send as this sender")
	}
	if s.world.opts.Sender == RewriteSender && s.foreign(s.from) {
		s.from = s.acct.address
	}
	id, err := s.world.accept(s.transaction(raw.Bytes()), s.how())
	if err != nil {
		return refusal(451, 4, 3, 0, "Delivery failed: "+err.Error())
	}
	if err := s.fault(AtAccepted, ""); err != nil {
		return err
	}
	return refusal(250, 2, 0, 0, "Ok: queued as "+id) // an "error" is the only way to a text of our own
}

func (s *smtpSession) transaction(raw []byte) Transaction {
	t := Transaction{
		Time: time.Now(), From: s.from, To: slices.Clone(s.rcpts), Raw: raw,
		Helo: s.conn.Hostname(), Conn: s.wire.number,
	}
	_, tls := s.conn.TLSConnectionState()
	t.TLS = tls || s.implicitTLS
	if s.acct != nil {
		t.User = s.acct.address
	}
	return t
}

func (s *smtpSession) how() peer {
	return peer{helo: s.conn.Hostname(), addr: s.conn.Conn().RemoteAddr().String()}
}
