package imapsync_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"time"
)

// blackhole makes connections that can stop passing anything on without being
// closed, as when a cable is pulled.
type blackhole struct {
	mu    sync.Mutex
	conns []*holeConn
}

func (b *blackhole) wrap(c net.Conn) net.Conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := &holeConn{Conn: c, dead: make(chan struct{}), closed: make(chan struct{})}
	b.conns = append(b.conns, h)
	return h
}

// shut silences all connections made so far.
func (b *blackhole) shut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, h := range b.conns {
		h.once.Do(func() { close(h.dead) })
	}
	b.conns = nil
}

type holeConn struct {
	net.Conn
	dead, closed chan struct{}
	once, end    sync.Once
}

func (h *holeConn) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	select {
	case <-h.dead:
		// What arrived is lost, but not the deadline.
		for err == nil {
			_, err = h.Conn.Read(p)
		}
		return 0, err
	default:
		return n, err
	}
}

func (h *holeConn) Write(p []byte) (int, error) {
	select {
	case <-h.dead:
		return len(p), nil
	default:
		return h.Conn.Write(p)
	}
}

func (h *holeConn) Close() error {
	h.end.Do(func() { close(h.closed) })
	return h.Conn.Close()
}

// poisoned makes connections that break when a text comes over them, and
// notes when.
type poisoned struct {
	text []byte
	mu   sync.Mutex
	hits []time.Time
}

func (p *poisoned) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.hits)
}

func (p *poisoned) wrap(c net.Conn) net.Conn { return &poisonConn{Conn: c, by: p} }

type poisonConn struct {
	net.Conn
	by   *poisoned
	tail []byte
}

func (c *poisonConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	seen := append(c.tail, b[:n]...)
	if bytes.Contains(seen, c.by.text) {
		c.by.mu.Lock()
		c.by.hits = append(c.by.hits, time.Now())
		c.by.mu.Unlock()
		c.Conn.Close()
		return 0, net.ErrClosed
	}
	c.tail = bytes.Clone(seen[max(0, len(seen)-len(c.by.text)+1):])
	return n, err
}

// spyConn remembers what is written to its connections.
type spyConn struct {
	mu   sync.Mutex
	sent []byte
	n    int
}

func (s *spyConn) wrap(c net.Conn) net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	return &spiedConn{c, s}
}

// conns is how many connections there were.
func (s *spyConn) conns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

func (s *spyConn) saw(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Contains(s.sent, []byte(text))
}

type spiedConn struct {
	net.Conn
	by *spyConn
}

func (c *spiedConn) Write(p []byte) (int, error) {
	c.by.mu.Lock()
	c.by.sent = append(c.by.sent, p...)
	c.by.mu.Unlock()
	return c.Conn.Write(p)
}

func newSecret(s string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return s, nil }
}
