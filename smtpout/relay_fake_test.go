package smtpout

import (
	"bufio"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// misdeed is what the fake relay does in place of what it should.
type misdeed struct {
	reply string // a line without CRLF; "" for none
	cut   bool
	stall bool // until the client goes away
	after bool // do what was asked first
	// forget drops what came in one group with the command.
	forget bool
}

// fakeRelay is an SMTP server over net.Pipe that misbehaves where a test wants
// it to.
type fakeRelay struct {
	t        testing.TB
	offers   []string // lines of the EHLO reply behind the first
	tls      *tls.Config
	user     string // demanded, with the password "secret"
	rcptMax  int
	rcptFull string // what is said to one more; "" for the usual
	misdeeds func(stage, arg string) *misdeed

	mu       sync.Mutex
	running  sync.WaitGroup
	mails    []fakeMail
	commands []string
	dialed   int
	live     int // connections that are open
	liveMax  int
	refuse   bool   // connections
	buffer   int    // of its reader, in octets; 0 for the usual
	quiet    bool   // EHLO does not list AUTH by itself
	careless bool   // DATA is taken without MAIL and RCPT
	implicit bool   // TLS from the start
	token    string // taken by XOAUTH2
}

type fakeMail struct {
	from string
	to   []string
	body string
}

func (f *fakeRelay) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dialed++
	if f.refuse {
		return nil, fmt.Errorf("dialing %s: refused", addr)
	}
	near, far := net.Pipe()
	f.live++
	f.liveMax = max(f.liveMax, f.live)
	f.running.Go(func() {
		defer func() {
			far.Close()
			f.mu.Lock()
			f.live--
			f.mu.Unlock()
		}()
		s := &fakeSession{f: f, c: far, r: bufio.NewReaderSize(far, cmp.Or(f.buffer, 4096))}
		if f.implicit {
			s.secure()
		}
		s.serve()
	})
	return near, nil
}

func (f *fakeRelay) received() []fakeMail {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]fakeMail(nil), f.mails...)
}

// got counts how often an address was sent something.
func (f *fakeRelay) got(addr string) int {
	n := 0
	for _, m := range f.received() {
		for _, to := range m.to {
			if to == addr {
				n++
			}
		}
	}
	return n
}

func (f *fakeRelay) dials() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dialed
}

// lines is every command the relay was told.
func (f *fakeRelay) lines() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.commands...)
}

func (f *fakeRelay) said(prefix string) int {
	n := 0
	for _, c := range f.lines() {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

type fakeSession struct {
	f    *fakeRelay
	c    net.Conn
	r    *bufio.Reader
	tls  bool
	auth bool
	mail *fakeMail
}

func (s *fakeSession) say(line string) bool {
	_, err := io.WriteString(s.c, line+"\r\n")
	return err == nil
}

// do answers at a stage, properly or not, and reports whether to go on. did
// says that the proper answer was given.
func (s *fakeSession) do(stage, arg, proper string) (on, did bool) {
	var m *misdeed
	if s.f.misdeeds != nil {
		s.f.mu.Lock()
		m = s.f.misdeeds(stage, arg)
		s.f.mu.Unlock()
	}
	if m == nil {
		return s.say(proper), true
	}
	if m.stall {
		io.Copy(io.Discard, s.c)
		return false, m.after
	}
	if m.forget {
		s.r.Discard(s.r.Buffered())
	}
	if m.reply != "" && !s.say(m.reply) {
		return false, m.after
	}
	return !m.cut, m.after
}

func (s *fakeSession) serve() {
	if on, _ := s.do("banner", "", "220 fake ready"); !on {
		return
	}
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.f.mu.Lock()
		s.f.commands = append(s.f.commands, line)
		s.f.mu.Unlock()
		if !s.command(line) {
			return
		}
	}
}

func (s *fakeSession) command(line string) bool {
	verb, arg, _ := strings.Cut(line, " ")
	switch strings.ToUpper(verb) {
	case "EHLO":
		return s.ehlo()
	case "HELO":
		return s.say("250 fake")
	case "STARTTLS":
		on, did := s.do("starttls", "", "220 go ahead")
		if did {
			s.secure()
		}
		return on
	case "AUTH":
		return s.login(arg)
	case "MAIL":
		return s.from(arg)
	case "RCPT":
		return s.rcpt(arg)
	case "DATA":
		return s.data()
	case "RSET":
		s.mail = nil
		return s.say("250 flushed")
	case "NOOP":
		on, _ := s.do("noop", "", "250 ok")
		return on
	case "QUIT":
		s.do("quit", "", "221 bye")
		return false
	}
	return s.say("502 not here")
}

func (s *fakeSession) secure() {
	s.c = tls.Server(s.c, s.f.tls)
	s.r, s.tls = bufio.NewReader(s.c), true
}

func (s *fakeSession) ehlo() bool {
	offers := append([]string{"fake"}, s.f.offers...)
	if s.f.tls != nil && !s.tls {
		offers = append(offers, "STARTTLS")
	}
	if s.f.user != "" && !s.f.quiet {
		offers = append(offers, "AUTH PLAIN LOGIN")
	}
	for i := range offers {
		sep := "-"
		if i == len(offers)-1 {
			sep = " "
		}
		offers[i] = "250" + sep + offers[i]
	}
	on, _ := s.do("ehlo", "", strings.Join(offers, "\r\n"))
	return on
}

func (s *fakeSession) login(arg string) bool {
	mech, initial, _ := strings.Cut(arg, " ")
	ok := false
	switch mech {
	case "PLAIN":
		raw, _ := base64.StdEncoding.DecodeString(initial)
		ok = string(raw) == "\x00"+s.f.user+"\x00secret"
	case "XOAUTH2":
		raw, _ := base64.StdEncoding.DecodeString(initial)
		ok = string(raw) == "user="+s.f.user+"\x01auth=Bearer "+s.f.token+"\x01\x01"
	case "LOGIN":
		answers := [2]string{}
		for i, q := range []string{"VXNlcm5hbWU6", "UGFzc3dvcmQ6"} {
			s.say("334 " + q)
			line, err := s.r.ReadString('\n')
			if err != nil {
				return false
			}
			raw, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
			answers[i] = string(raw)
		}
		ok = answers == [2]string{s.f.user, "secret"}
	}
	if !ok {
		return s.say("535 5.7.8 wrong")
	}
	on, did := s.do("auth", "", "235 2.7.0 welcome")
	s.auth = did
	return on
}

func inBrackets(arg string) string {
	_, rest, _ := strings.Cut(arg, "<")
	in, _, _ := strings.Cut(rest, ">")
	return in
}

func (s *fakeSession) from(arg string) bool {
	if s.f.user != "" && !s.auth {
		return s.say("530 5.7.0 log in first")
	}
	if s.mail != nil {
		return s.say("503 5.5.1 nested MAIL")
	}
	on, did := s.do("mail", inBrackets(arg), "250 ok")
	if did {
		s.mail = &fakeMail{from: inBrackets(arg)}
	}
	return on
}

func (s *fakeSession) rcpt(arg string) bool {
	if s.mail == nil {
		return s.say("503 5.5.1 MAIL first")
	}
	if s.f.rcptMax > 0 && len(s.mail.to) >= s.f.rcptMax {
		return s.say(cmp.Or(s.f.rcptFull, "452 4.5.3 too many recipients"))
	}
	on, did := s.do("rcpt", inBrackets(arg), "250 ok")
	if did {
		s.mail.to = append(s.mail.to, inBrackets(arg))
	}
	return on
}

func (s *fakeSession) data() bool {
	if s.f.careless && s.mail == nil {
		s.mail = &fakeMail{}
	}
	if !s.f.careless && (s.mail == nil || len(s.mail.to) == 0) {
		return s.say("503 5.5.1 RCPT first")
	}
	if on, did := s.do("data", "", "354 go ahead"); !did || !on {
		return on
	}
	var body strings.Builder
	for n := 0; ; n++ {
		line, err := s.r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		body.WriteString(strings.TrimPrefix(line, "."))
		if n == 3 && s.f.misdeeds != nil {
			s.f.mu.Lock()
			m := s.f.misdeeds("body", "")
			s.f.mu.Unlock()
			if m != nil && m.stall {
				<-gone(s.c)
			}
			if m != nil {
				if m.reply != "" {
					s.say(m.reply)
				}
				return false
			}
		}
	}
	s.mail.body = body.String()
	on, did := s.do("dot", strings.Join(s.mail.to[:min(1, len(s.mail.to))], ""), "250 2.0.0 queued")
	if did {
		s.f.mu.Lock()
		s.f.mails = append(s.f.mails, *s.mail)
		s.f.mu.Unlock()
	}
	s.mail = nil
	return on
}

// gone is closed when the client has closed its end, without reading from it.
func gone(c net.Conn) <-chan struct{} {
	ch := make(chan struct{})
	go func() {
		for {
			if _, err := c.Write([]byte("250-\r\n")); err != nil {
				close(ch)
				return
			}
		}
	}()
	return ch
}

// certificate makes one for "relay.example", valid whatever the clock says.
func certificate(t testing.TB) (server *tls.Config, pool *x509.CertPool) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "relay.example"}, DNSNames: []string{"relay.example"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

// loginAs demands a login without announcing mechanisms of its own.
func (f *fakeRelay) loginAs(user string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.user, f.quiet = user, true
}
