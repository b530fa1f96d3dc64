package servers

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
)

// backlog is how many dialed connections may wait for Accept, as the listen
// queue of a kernel would hold them.
const backlog = 128

// Network is a network in memory: names like "imap.acme.example:143" to
// listeners, connections made by net.Pipe. It needs no sockets, so it works
// inside a testing/synctest bubble, and deadlines work on its connections.
// The zero value is ready. All methods may be called concurrently.
type Network struct {
	mu        sync.Mutex
	listeners map[string]*PipeListener
}

// Listen binds the name addr. Like a port it can be bound once at a time; after
// the listener is closed it can be bound again.
func (n *Network) Listen(addr string) (*PipeListener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[addr] != nil {
		return nil, &net.OpError{Op: "listen", Net: "pipe", Addr: pipeAddr(addr), Err: syscall.EADDRINUSE}
	}
	l := &PipeListener{
		addr:    pipeAddr(addr),
		conns:   make(chan net.Conn, backlog),
		closed:  make(chan struct{}),
		release: func() { n.unbind(addr) },
	}
	if n.listeners == nil {
		n.listeners = make(map[string]*PipeListener)
	}
	n.listeners[addr] = l
	return l, nil
}

func (n *Network) unbind(addr string) {
	n.mu.Lock()
	delete(n.listeners, addr)
	n.mu.Unlock()
}

// DialContext connects to the listener bound to addr; it has the signature of
// net.Dialer.DialContext, and network is ignored. Nobody listening gives an
// error that is syscall.ECONNREFUSED.
func (n *Network) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: pipeAddr(addr), Err: err}
	}
	n.mu.Lock()
	l := n.listeners[addr]
	n.mu.Unlock()
	if l == nil {
		return nil, refused(network, addr)
	}
	return l.dial(network)
}

func refused(network, addr string) error {
	return &net.OpError{Op: "dial", Net: network, Addr: pipeAddr(addr),
		Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

// PipeListener is a net.Listener of a Network.
type PipeListener struct {
	addr    pipeAddr
	conns   chan net.Conn
	release func()

	mu     sync.Mutex // held while a connection enters conns, so that Close sees all of them
	done   bool
	dialed int
	closed chan struct{}
}

func (l *PipeListener) dial(network string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return nil, refused(network, string(l.addr))
	}
	l.dialed++
	near, far := net.Pipe()
	client := pipeAddr(fmt.Sprintf("client-%d.invalid:0", l.dialed))
	select {
	case l.conns <- &pipeConn{Conn: far, local: l.addr, remote: client}:
		return &pipeConn{Conn: near, local: client, remote: l.addr}, nil
	default: // the backlog is full: nobody accepts
		near.Close()
		far.Close()
		return nil, refused(network, string(l.addr))
	}
}

// Accept waits for the next connection. After Close it returns an error that is
// net.ErrClosed.
func (l *PipeListener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, l.closedError()
	default:
	}
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, l.closedError()
	}
}

func (l *PipeListener) closedError() error {
	return &net.OpError{Op: "accept", Net: "pipe", Addr: l.addr, Err: net.ErrClosed}
}

// Close frees the name and closes the connections nobody has accepted yet.
func (l *PipeListener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return l.closedError()
	}
	l.done = true
	close(l.closed)
	l.release()
	for {
		select { // Accept may be taking the last one at this moment
		case c := <-l.conns:
			c.Close()
		default:
			return nil
		}
	}
}

// Addr is the name the listener is bound to.
func (l *PipeListener) Addr() net.Addr { return l.addr }

// pipeConn gives the two ends of a net.Pipe their names.
type pipeConn struct {
	net.Conn
	local, remote pipeAddr
}

func (c *pipeConn) LocalAddr() net.Addr  { return c.local }
func (c *pipeConn) RemoteAddr() net.Addr { return c.remote }

type pipeAddr string

func (a pipeAddr) Network() string { return "pipe" }
func (a pipeAddr) String() string  { return string(a) }
