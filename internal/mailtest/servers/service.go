package servers

import (
	"errors"
	"net"
	"sync"
)

// service is one listener being served. It is the net.Listener the protocol
// server accepts from, and it knows every connection, because neither protocol
// server waits for its connections when it is closed.
type service struct {
	net.Listener
	prepare func(*wire) // may be nil; called before the server sees the connection
	serve   func(net.Listener) error
	finish  func() // waits for the protocol server; may be nil

	stopping chan struct{} // ends every stall
	served   chan struct{} // closed when serve has returned

	mu       sync.Mutex
	stopped  bool
	conns    map[*wire]struct{}
	accepted int
	running  sync.WaitGroup // pumps, and handlers where the server reports them
}

func newService(ln net.Listener) *service {
	return &service{
		Listener: ln,
		stopping: make(chan struct{}),
		served:   make(chan struct{}),
		conns:    make(map[*wire]struct{}),
	}
}

// start serves the listener in a goroutine that stop waits for.
func (s *service) start(onError func(error)) {
	go func() {
		defer close(s.served)
		if err := s.serve(s); err != nil && !errors.Is(err, net.ErrClosed) {
			onError(err)
		}
	}()
}

// Accept waits for a connection and wraps it.
func (s *service) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	w := newWire(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		c.Close()
		return nil, net.ErrClosed
	}
	s.conns[w] = struct{}{}
	s.accepted++
	if s.prepare != nil {
		s.prepare(w)
	}
	s.running.Go(func() {
		w.pump()
		s.mu.Lock()
		delete(s.conns, w)
		s.mu.Unlock()
	})
	return w, nil
}

// stop closes the listener, cuts every connection and returns when all
// goroutines have ended.
func (s *service) stop() {
	s.mu.Lock()
	already := s.stopped
	s.stopped = true
	conns := make([]*wire, 0, len(s.conns))
	for w := range s.conns {
		conns = append(conns, w)
	}
	s.mu.Unlock()
	if !already {
		s.Listener.Close()
	}
	for _, w := range conns {
		w.abort() // before the stalls end, so that nothing more is said
	}
	if !already {
		close(s.stopping)
	}
	<-s.served
	if s.finish != nil {
		s.finish()
	}
	s.running.Wait()
}
