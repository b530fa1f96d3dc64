package imapsync

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// quietConn is a connection that is closed when the peer is silent for longer
// than the owner allows at the moment. The IMAP library sets deadlines of its
// own, which leave gaps and retry; they are ignored here.
type quietConn struct {
	net.Conn

	mu    sync.Mutex
	quiet time.Duration // longest silence allowed; 0: no limit
	write time.Duration // longest time one write may take
	cause error         // why the first read failed
}

// arm allows a silence of d from now on, 0 any. The owner arms before each
// command and disarms after it.
func (c *quietConn) arm(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet = d
	c.rearm()
}

func (c *quietConn) rearm() {
	var t time.Time
	if c.quiet > 0 {
		t = time.Now().Add(c.quiet)
	}
	c.Conn.SetReadDeadline(t) // fails only on a closed connection, and so does the read
}

// Read reads; a silence that is too long closes the connection.
func (c *quietConn) Read(b []byte) (int, error) {
	c.mu.Lock()
	c.rearm()
	d := c.quiet
	c.mu.Unlock()
	n, err := c.Conn.Read(b)
	if err == nil {
		return n, nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.Conn.Close()
		err = fmt.Errorf("the server was silent for %v: %w", d, err)
	}
	c.fail(err)
	return n, err
}

// fail keeps the first reason why nothing can be read any more.
func (c *quietConn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.cause = err
	}
}

// Write writes within the limit.
func (c *quietConn) Write(b []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(c.write)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// why is what made the first read fail, or nil.
func (c *quietConn) why() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// SetReadDeadline does nothing: see arm.
func (c *quietConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing: see Write.
func (c *quietConn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline does nothing.
func (c *quietConn) SetDeadline(time.Time) error { return nil }
