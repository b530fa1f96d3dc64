package servers

import (
	"bufio"
	"net"
	"slices"
	"strings"
	"sync"
)

// Answer is what a script says to a line.
type Answer struct {
	Reply string // without the last CRLF; several lines may be joined by CRLF; "" says nothing
	Cut   bool   // close the connection, after the reply if there is one
}

// Scripted is a bare SMTP server that says what its script says, for what a
// well-behaved one cannot be made to do: other extensions, other dialects,
// nonsense. All methods may be called concurrently.
type Scripted struct {
	service  *service
	greeting string
	script   func(line string) Answer

	mu     sync.Mutex
	lines  []string
	bodies []string
}

// NewScripted serves ln until Close. Each connection is greeted and each line
// of it, without CRLF, answered by script, which is called by one goroutine
// per connection. After a reply that begins with 354 the lines up to the dot
// are a body, and script is asked about the line ".".
func NewScripted(ln net.Listener, greeting string, script func(line string) Answer) *Scripted {
	s := &Scripted{service: newService(ln), greeting: greeting, script: script}
	s.service.serve = s.serve
	s.service.start(func(error) {}) // a broken listener shows when nobody answers
	return s
}

// Close stops the server and waits for its goroutines.
func (s *Scripted) Close() error {
	s.service.stop()
	return nil
}

// Lines returns all command lines seen so far.
func (s *Scripted) Lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines)
}

// Bodies returns the mails seen so far as they were on the wire, dots stuffed.
func (s *Scripted) Bodies() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.bodies)
}

func (s *Scripted) serve(ln net.Listener) error {
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		s.service.running.Go(func() {
			defer c.Close()
			s.talk(c)
		})
	}
}

func (s *Scripted) talk(c net.Conn) {
	answer := Answer{Reply: s.greeting}
	r := bufio.NewReader(c)
	for {
		if answer.Reply != "" {
			if _, err := c.Write([]byte(answer.Reply + "\r\n")); err != nil {
				return
			}
		}
		if answer.Cut {
			return
		}
		if strings.HasPrefix(answer.Reply, "354") {
			if !s.body(r) {
				return
			}
			answer = s.script(".")
			continue
		}
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.mu.Lock()
		s.lines = append(s.lines, line)
		s.mu.Unlock()
		answer = s.script(line)
	}
}

// body reads a mail up to its dot.
func (s *Scripted) body(r *bufio.Reader) bool {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		b.WriteString(line)
	}
	s.mu.Lock()
	s.bodies = append(s.bodies, b.String())
	s.mu.Unlock()
	return true
}
