package main

import (
	"bytes"
	"io"
	"log"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// sink is an SMTP relay that keeps account of each mail it took, hands it to
// its recipients, and lets a test do something at the two instants that
// matter: when a mail is whole but not yet taken, and when it is taken but
// the client does not know yet.
type sink struct {
	addr string
	// deliver brings a mail to one recipient.
	deliver func(to string, raw []byte) error
	// arrived is told of each mail that was delivered.
	arrived func(transaction)

	mu       sync.Mutex
	accepted []transaction
	trap     func(moment, *transaction) // strikes once
}

// transaction is one mail the sink took.
type transaction struct {
	from string
	to   []string
	raw  []byte
	at   time.Time
	// lost says that our own copy of it was thrown away; ownAt is when it was
	// delivered.
	lost  bool
	ownAt time.Time
}

// moment is when a trap strikes.
type moment string

const (
	beforeTaking moment = "before it was taken"
	afterTaking  moment = "after it was taken"
)

func startSink(t testing.TB, deliver func(string, []byte) error, arrived func(transaction)) *sink {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{addr: ln.Addr().String(), deliver: deliver, arrived: arrived}
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &sinkSession{sink: s}, nil }))
	srv.Domain = "relay.invalid"
	srv.ErrorLog = log.New(io.Discard, "", 0) // a client that is killed is no news
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	t.Cleanup(func() {
		srv.Close()
		<-done
	})
	return s
}

// arm sets what happens to the next mail to a person.
func (s *sink) arm(f func(moment, *transaction)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trap = f
}

// take returns the trap and disarms it.
func (s *sink) take() func(moment, *transaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.trap
	s.trap = nil
	return f
}

func (s *sink) log() []transaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.accepted)
}

// sinkSession is one connection.
type sinkSession struct {
	sink *sink
	tx   transaction
}

func (s *sinkSession) Reset()        { s.tx = transaction{} }
func (s *sinkSession) Logout() error { return nil }

func (s *sinkSession) Mail(from string, _ *smtp.MailOptions) error {
	s.tx.from = from
	return nil
}

func (s *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.tx.to = append(s.tx.to, to)
	return nil
}

func (s *sinkSession) Data(r io.Reader) error {
	var raw bytes.Buffer
	if _, err := raw.ReadFrom(r); err != nil {
		return err
	}
	s.tx.raw, s.tx.at = raw.Bytes(), time.Now().UTC()
	trap := s.sink.take()
	if trap != nil {
		trap(beforeTaking, &s.tx)
	}
	return s.sink.accept(s.tx, trap)
}

func (s *sink) accept(tx transaction, trap func(moment, *transaction)) error {
	if tx.from == refused {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "not taken"}
	}
	// Our own copy first: whoever has the mail, its proof is there too.
	own := func(to string) bool { return strings.HasPrefix(to, "support+c") }
	slices.SortStableFunc(tx.to, func(a, b string) int {
		switch {
		case own(a) == own(b):
			return 0
		case own(a):
			return -1
		}
		return 1
	})
	for _, to := range tx.to {
		if tx.lost && own(to) {
			continue
		}
		if err := s.deliver(to, tx.raw); err != nil {
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 2, 0}, Message: "delivering: " + err.Error()}
		}
		if own(to) {
			tx.ownAt = time.Now().UTC()
		}
	}
	s.mu.Lock()
	s.accepted = append(s.accepted, tx)
	s.mu.Unlock()
	s.arrived(tx)
	if trap != nil {
		trap(afterTaking, &tx)
	}
	return nil
}

// refused is the sender a trap sets to have a mail not taken.
const refused = "\x00refused"
