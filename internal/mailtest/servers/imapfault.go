package servers

import (
	"errors"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// IMAPFault makes the IMAP server misbehave at a command. The order of what it
// does: wait (Delay, Stall), carry the command out if Late, then CutAfter, then
// Reply or Cut. With none of CutAfter, Reply and Cut the command is carried out
// as usual.
type IMAPFault struct {
	// Command is GREETING, LOGIN (AUTHENTICATE too), SELECT (EXAMINE too), LIST, STATUS,
	// APPEND, SEARCH, FETCH, STORE, COPY, MOVE, EXPUNGE, CREATE, IDLE; the UID
	// forms go by the same names. Empty is any.
	Command string
	// Account and Mailbox, if not empty, must match. For LOGIN the mailbox is
	// empty; for COPY, MOVE and APPEND it is the destination.
	Account, Mailbox string

	// Skip lets that many matching commands pass first; Times is how often to
	// strike then: 0 is once, below 0 always.
	Skip, Times int

	// Delay waits before anything else; Stall waits until the trap is removed.
	// An IDLE that stalls is silent but can be ended; at IDLE only Stall, Reply
	// and Cut have a meaning.
	Delay time.Duration
	Stall bool
	// Late carries the command out before failing it: done, but nobody knows.
	Late bool
	// Reply refuses the command; Type NO or BAD. At GREETING it must be BYE.
	Reply *imap.Error
	// CutAfter carries the command out and cuts the connection when that many
	// bytes of the answer have been sent.
	CutAfter int64
	// Cut closes the connection without an answer.
	Cut bool
}

// errCut is what a session returns for a connection that was cut; it never
// reaches the client.
var errCut = errors.New("connection cut by a fault")

// FailIMAP sets a fault. Faults are asked in the order they were set.
func (w *World) FailIMAP(f IMAPFault) *Trap {
	f.Command = strings.ToUpper(f.Command)
	return w.imapTraps.set(f, f.Skip, f.Times)
}

// takeIMAP finds the fault that strikes now, or nil.
func (w *World) takeIMAP(command, account, mailbox string) *armed[IMAPFault] {
	return w.imapTraps.take(func(f IMAPFault) bool {
		return (f.Command == "" || f.Command == command) &&
			(f.Account == "" || strings.EqualFold(f.Account, account)) &&
			(f.Mailbox == "" || f.Mailbox == mailbox)
	})
}

// do carries out a command, or what a fault makes of it.
func (s *imapSession) do(command, mailbox string, run func() error) error {
	a := s.world.takeIMAP(command, s.name(), mailbox)
	if a == nil {
		return run()
	}
	f := a.fault
	if !hold(f.Delay, f.Stall, a.trap, s.wire, s.service) {
		return errCut
	}
	if f.Late {
		if err := run(); err != nil {
			return err
		}
	}
	switch {
	case f.CutAfter > 0:
		s.wire.cutAfter(f.CutAfter)
		return run()
	case f.Reply != nil:
		if f.Cut {
			s.wire.cutAfterWrite()
		}
		return f.Reply
	case f.Cut:
		s.wire.Close()
		return errCut
	case f.Late:
		return nil
	}
	return run()
}
