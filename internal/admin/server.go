package admin

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"postroom/internal/store"
)

// Patience of the server.
const (
	requestPatience = 10 * time.Second // for the line of the request
	writePatience   = 30 * time.Second // for the client to take what is written
	askPatience     = time.Minute      // for the gateway to act
	callPatience    = 10 * time.Minute // for a whole call, an audit of a slow mailbox
	acceptPause     = time.Second      // after a failure to accept, when files have run out
)

// maxCalls bounds the calls that are answered at once; more wait their turn.
const maxCalls = 16

// Config is what the server draws on.
type Config struct {
	Version string
	Answers string      // the folder of saved answers, for backups; "" for none
	Live    func() Live // how the stages are; from any goroutine, and must not block
	Asker   Asker       // acts on requests that change something
	Mailbox Lister      // for audit; nil where there is none
	// Probe sends a mail to ourselves; nil where that cannot be.
	Probe  func(context.Context) (any, error)
	Reload func(context.Context) error // reads configuration and rotation anew; nil where there is none
	// Rollback puts an earlier content of the rotation file in force, in the
	// name of a user, until the file next changes; nil where that cannot be.
	Rollback func(ctx context.Context, text []byte, by string) error
	Now      func() time.Time
	Random   io.Reader // names requests; safe for calls at the same time, as crypto/rand's is
	// Peer names the user at the other end of a connection: PeerUser over
	// user.LookupId in a real service.
	Peer func(net.Conn) string
}

// Server answers the control socket.
type Server struct {
	log     *slog.Logger
	cfg     Config
	st      *store.Store
	started time.Time
}

// NewServer makes a Server over an open store. Its uptime counts from here.
func NewServer(log *slog.Logger, cfg Config, st *store.Store) *Server {
	return &Server{log: log, cfg: cfg, st: st, started: cfg.Now()}
}

// Serve answers connections of ln until ctx ends, and returns when all its
// goroutines have. It closes ln. A listener that fails for good is an error.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		<-ctx.Done()
		ln.Close()
	})
	slots := make(chan struct{}, maxCalls)
	for {
		conn, err := ln.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF):
			return fmt.Errorf("accepting on the control socket: %w", err)
		case err != nil:
			s.log.Warn("the control socket takes no connection; trying again", "err", err)
			pause(ctx, acceptPause)
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			conn.Close()
			return nil
		}
		wg.Go(func() {
			defer func() { <-slots }()
			s.serveConn(ctx, conn)
		})
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// serveConn answers the one request of a connection and closes it.
func (s *Server) serveConn(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel()
	watch.Go(func() {
		<-ctx.Done()
		conn.Close()
	})
	out := &answer{conn: conn, w: bufio.NewWriterSize(conn, 32<<10)}
	err := s.answer(ctx, conn, out)
	if out.err != nil {
		s.log.Debug("the control socket's client is gone", "err", out.err)
		return
	}
	last := ending{Done: err == nil}
	if err != nil {
		last.Error = err.Error()
	}
	if err := out.line(last); err == nil {
		out.flush()
	}
}

// answer reads the request and runs its verb. A panic is this call's error.
func (s *Server) answer(ctx context.Context, conn net.Conn, out *answer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("a call of the control socket broke", "panic", p, "stack", string(debug.Stack()))
			err = errors.New("the service failed to answer; its log says more")
		}
	}()
	line, err := readRequest(conn)
	if err != nil {
		return err
	}
	req, err := parseRequest(line)
	if err != nil {
		return err
	}
	v, err := check(req)
	if err != nil {
		return err
	}
	return v.run(s, &call{ctx: ctx, by: s.cfg.Peer(conn), req: req, emit: out.line})
}

// readRequest reads one line, bounded in time and size. The end of what the
// client writes ends the line too.
func readRequest(conn net.Conn) ([]byte, error) {
	if err := conn.SetReadDeadline(time.Now().Add(requestPatience)); err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	r := bufio.NewReaderSize(conn, maxRequest)
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("reading the request: %w: %d octets are the most", errTooLong, maxRequest)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("reading the request: no whole line came within %s", requestPatience)
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("reading the request: %w", err)
	case len(bytes.TrimSpace(line)) == 0:
		return nil, errors.New("reading the request: the line is empty")
	}
	return line, nil
}

// answer writes lines to a client, and gives up on one that does not read.
type answer struct {
	conn net.Conn
	w    *bufio.Writer
	err  error // the first
}

func (a *answer) line(v any) error {
	line, err := encodeLine(v)
	if err != nil {
		return err // the client is told by the last line
	}
	if a.err != nil {
		return a.err
	}
	if a.err = a.conn.SetWriteDeadline(time.Now().Add(writePatience)); a.err == nil {
		_, a.err = a.w.Write(line)
	}
	return a.err
}

func (a *answer) flush() {
	if a.err == nil {
		a.err = a.w.Flush()
	}
}
