package lab

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// wires is the network as the service sees it: each connection has a speed of
// its own, so that what happens on two of them hardly ever happens at one
// instant, and the same seed is the same order of things.
type wires struct {
	seed uint64
	dial func(ctx context.Context, network, addr string) (net.Conn, error)

	mu    sync.Mutex
	known map[string]int // connections of each role, so far
}

func (w *wires) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := w.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	s := &slowConn{Conn: c, wires: w}
	if addr == smtpAddr {
		s.role = w.role(addr)
	}
	return s, nil
}

// role names the n-th connection of its kind.
func (w *wires) role(kind string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known[kind]++
	return fmt.Sprintf("%d %s %d", w.seed, kind, w.known[kind])
}

// slowConn is a connection that takes its time. What it is for shows when it
// selects a folder; until then all are equally slow.
type slowConn struct {
	net.Conn
	wires   *wires
	mu      sync.Mutex
	role    string
	in, out int // octets so far
}

func (c *slowConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	time.Sleep(c.delay("in", &c.in, n))
	return n, err
}

func (c *slowConn) Write(p []byte) (int, error) {
	c.listen(p)
	time.Sleep(c.delay("out", &c.out, len(p)))
	return c.Conn.Write(p)
}

// listen finds out what the connection is for.
func (c *slowConn) listen(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.role != "" {
		return
	}
	for _, folder := range []string{"INBOX", "Sent"} {
		if bytes.Contains(p, []byte("SELECT "+folder)) || bytes.Contains(p, []byte("SELECT \""+folder)) {
			c.role = c.wires.role(folder)
		}
	}
}

// delay is between 0.2 and 2 ms, to the nanosecond. It hangs on how many
// octets went that way, not on the pieces they went in.
func (c *slowConn) delay(way string, octets *int, n int) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	*octets += n
	if c.role == "" {
		return time.Millisecond
	}
	return 200*time.Microsecond + time.Duration(hash(fmt.Sprint(c.role, way, *octets))%uint64(1800*time.Microsecond))
}
