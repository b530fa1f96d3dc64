package servers

import (
	"crypto/tls"
	"net"
	"sync"
	"time"
)

const (
	// maxUnsent bounds what is kept in memory for a client that does not read.
	maxUnsent = 64 << 20
	// lastWords is how long a closing connection waits for the client to read
	// what was written before.
	lastWords = 2 * time.Second
)

// wire is the server's end of one connection. Its writes never wait for the
// client (up to maxUnsent): the in-memory mailboxes write a FETCH under their
// lock, and a client that reads slowly must not hold up deliveries to it. It is
// also where connections are cut.
type wire struct {
	net.Conn
	gone chan struct{} // closed when the connection is, or is about to be

	// onWrite sees each write first and may replace or swallow it (nil). It is
	// set before the server sees the connection; called by one goroutine.
	onWrite func(p []byte) []byte
	owner   *smtpWire // on SMTP connections
	inject  []byte    // read before anything else; touched by the reading goroutine only

	mu      sync.Mutex
	cond    sync.Cond
	unsent  []byte
	closing bool
	limit   int64 // bytes that may still be written before the cut; < 0: no limit
	last    bool  // the next write is the last
}

func newWire(c net.Conn) *wire {
	w := &wire{Conn: c, gone: make(chan struct{}), limit: -1}
	w.cond.L = &w.mu
	return w
}

// Read reads from the client, or what the server is made to believe it sent.
func (w *wire) Read(p []byte) (int, error) {
	if len(w.inject) > 0 {
		n := copy(p, w.inject)
		w.inject = w.inject[n:]
		return n, nil
	}
	select {
	case <-w.gone: // what the client sent before the cut does not count
		return 0, net.ErrClosed
	default:
		return w.Conn.Read(p)
	}
}

// Write queues p for the client, or drops it once the connection is closed or
// its byte limit is reached. It never fails: the IMAP server keeps a lock for
// good when a write of a message does. Read tells the server of the end.
func (w *wire) Write(p []byte) (int, error) {
	out := p
	if w.onWrite != nil {
		if out = w.onWrite(p); out == nil {
			return len(p), nil
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.unsent) >= maxUnsent && !w.closing {
		w.cond.Wait()
	}
	if w.closing {
		return len(p), nil
	}
	last := w.last
	if w.limit >= 0 {
		if int64(len(out)) >= w.limit {
			out, last = out[:w.limit], true
		}
		w.limit -= int64(len(out))
	}
	w.unsent = append(w.unsent, out...)
	if last {
		w.closeLocked()
	}
	w.cond.Broadcast()
	return len(p), nil
}

// pump hands what was written to the client and ends with the connection.
func (w *wire) pump() {
	for {
		w.mu.Lock()
		for len(w.unsent) == 0 && !w.closing {
			w.cond.Wait()
		}
		out, closing := w.unsent, w.closing
		w.unsent = nil
		w.cond.Broadcast()
		w.mu.Unlock()
		if len(out) > 0 {
			if _, err := w.Conn.Write(out); err == nil {
				continue
			}
			w.abort()
		} else if closing {
			w.Conn.Close()
			return
		}
	}
}

// Close ends the connection after what was written has been sent, or after
// lastWords.
func (w *wire) Close() error {
	w.mu.Lock()
	w.closeLocked()
	w.mu.Unlock()
	return nil
}

func (w *wire) closeLocked() {
	if w.closing {
		return
	}
	w.closing = true
	close(w.gone)
	w.Conn.SetWriteDeadline(time.Now().Add(lastWords))
	w.cond.Broadcast()
}

// abort ends the connection at once; what was not yet sent is dropped.
func (w *wire) abort() {
	w.mu.Lock()
	w.closeLocked()
	w.unsent = nil
	w.mu.Unlock()
	if t, ok := w.Conn.(*tls.Conn); ok {
		t.NetConn().Close() // without waiting for a close_notify to be read
		return
	}
	w.Conn.Close()
}

// cutAfter cuts the connection when n more bytes have been written to it.
func (w *wire) cutAfter(n int64) {
	w.mu.Lock()
	w.limit = n
	w.mu.Unlock()
}

// cutAfterWrite makes the next write the last.
func (w *wire) cutAfterWrite() {
	w.mu.Lock()
	w.last = true
	w.mu.Unlock()
}

// SetDeadline sets the read deadline: writes do not wait.
func (w *wire) SetDeadline(t time.Time) error { return w.Conn.SetReadDeadline(t) }

// SetWriteDeadline does nothing: writes do not wait.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// wireOf finds the wire below c, through a STARTTLS layer if there is one.
func wireOf(c net.Conn) *wire {
	for {
		switch v := c.(type) {
		case *wire:
			return v
		case *tls.Conn:
			c = v.NetConn()
		default:
			return nil
		}
	}
}
