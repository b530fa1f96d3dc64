package servers

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// Stage is a moment of an SMTP session.
type Stage string

const (
	// AtBanner is before the greeting.
	AtBanner Stage = "banner"
	// AtHello is the first EHLO or HELO of a connection, and of its TLS layer. A
	// client that is refused EHLO may try HELO, which counts again.
	AtHello Stage = "hello"
	// AtAuth is AUTH; Match is compared to the user name.
	AtAuth Stage = "auth"
	// AtMail is MAIL; Match is compared to the sender.
	AtMail Stage = "mail"
	// AtRcpt is each RCPT; Match is compared to the recipient.
	AtRcpt Stage = "rcpt"
	// AtData is the DATA command, before the client may send. Behind STARTTLS it
	// cannot strike; use StartSMTPS or no TLS.
	AtData Stage = "data"
	// AtBody is within the mail, after After bytes of it.
	AtBody Stage = "body"
	// AtDot is after the whole mail was read and before it is accepted.
	AtDot Stage = "dot"
	// AtAccepted is after the mail was accepted and delivered and before the
	// client is told: with Cut its outcome is unknown to the client.
	AtAccepted Stage = "accepted"
	// AtDelivery is when a mail that was accepted reaches the mailbox of a
	// recipient here: a fault loses it on the way there, and nobody is told.
	// Match is compared to the recipient.
	AtDelivery Stage = "delivery"
)

// Reply is an SMTP reply of one line. A zero Enhanced stands for X.0.0.
type Reply struct {
	Code     int
	Enhanced [3]int // RFC 3463
	Text     string
}

func (r *Reply) smtpError() *smtp.SMTPError {
	return &smtp.SMTPError{Code: r.Code, EnhancedCode: smtp.EnhancedCode(r.Enhanced), Message: r.Text}
}

// line is the reply as it stands on the wire.
func (r *Reply) line() []byte {
	if r.Enhanced == [3]int{} {
		return fmt.Appendf(nil, "%d %s\r\n", r.Code, r.Text)
	}
	return fmt.Appendf(nil, "%d %d.%d.%d %s\r\n", r.Code, r.Enhanced[0], r.Enhanced[1], r.Enhanced[2], r.Text)
}

// SMTPFault makes the SMTP server misbehave at a stage. It waits (Delay,
// Stall), then replies (Reply), then closes the connection (Cut). With neither
// Reply nor Cut the session goes on as usual.
type SMTPFault struct {
	Stage Stage
	// Match, if not empty, must be the address of the stage (case ignored), or a
	// whole domain when it begins with "@".
	Match string
	// Skip lets that many matching moments pass first; Times is how often to
	// strike then: 0 is once, below 0 always.
	Skip, Times int

	Delay time.Duration
	Stall bool // until the trap is removed or the server stopped
	Reply *Reply
	Cut   bool
	After int64 // AtBody only: bytes to read first
}

// FailSMTP sets a fault. Faults are asked in the order they were set.
func (w *World) FailSMTP(f SMTPFault) *Trap {
	return w.smtpTraps.set(f, f.Skip, f.Times)
}

// ClearFaults removes all faults of both servers.
func (w *World) ClearFaults() {
	w.imapTraps.clear()
	w.smtpTraps.clear()
}

func (w *World) takeSMTP(stage Stage, addr string) *armed[SMTPFault] {
	return w.smtpTraps.take(func(f SMTPFault) bool {
		return f.Stage == stage && matchAddress(f.Match, addr)
	})
}

func matchAddress(pattern, addr string) bool {
	if strings.HasPrefix(pattern, "@") {
		i := strings.LastIndexByte(addr, '@')
		return i >= 0 && strings.EqualFold(addr[i:], pattern)
	}
	return pattern == "" || strings.EqualFold(pattern, addr)
}

// smtpWire is an SMTP connection below the protocol library: the places the
// library has no hook for.
type smtpWire struct {
	*wire
	world   *World
	service *service
	number  int // of the connection, from 1

	greeted bool
	refused bool // DATA was refused on the wire; the library does not know
	swallow bool // the library's next write does not reach the client
}

// strike lets a fault happen. It returns the reply to give, if any; after a cut
// without a reply nothing reaches the client whatever is replied.
func (c *smtpWire) strike(a *armed[SMTPFault]) *smtp.SMTPError {
	f := a.fault
	if !hold(f.Delay, f.Stall, a.trap, c.wire, c.service) {
		return cutReply()
	}
	switch {
	case f.Reply != nil:
		if f.Cut {
			c.cutAfterWrite()
		}
		return f.Reply.smtpError()
	case f.Cut:
		c.wire.Close()
		return cutReply()
	}
	return nil
}

// cutReply ends the command for the library on a connection that is closed or
// about to be.
func cutReply() *smtp.SMTPError {
	return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 4, 2}, Message: errCut.Error()}
}

// write sees each write of the library; it is wire.onWrite.
func (c *smtpWire) write(p []byte) []byte {
	switch {
	case c.swallow:
		c.swallow = false
		return nil
	case !c.greeted:
		c.greeted = true
		return c.replace(p, AtBanner)
	case bytes.HasPrefix(p, []byte("354 ")):
		out := c.replace(p, AtData)
		if !bytes.Equal(out, p) {
			// The library waits for a mail now: give it an empty one, and keep
			// its answer to that from the client.
			c.refused, c.swallow = true, true
			c.inject = []byte(".\r\n")
		}
		return out
	}
	return p
}

func (c *smtpWire) replace(p []byte, stage Stage) []byte {
	a := c.world.takeSMTP(stage, "")
	if a == nil {
		return p
	}
	err := c.strike(a)
	select {
	case <-c.gone:
		return p // it does not arrive
	default:
	}
	if err == nil {
		return p
	}
	return a.fault.Reply.line()
}
