package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"sync"
	"syscall"
	"time"
)

// ErrNotRunning says that no service answers on the control socket: there is
// none, or one that a crash has left.
var ErrNotRunning = errors.New("no service is running on this state directory; start it with `postroom run`")

// Refused is an error the service gave as its answer: the request was heard
// and not done.
type Refused struct{ Reason string }

func (r *Refused) Error() string { return r.Reason }

// Client asks a running service. Its calls may run at the same time, each
// over a connection of its own.
type Client struct {
	dial func(context.Context) (net.Conn, error)
}

// NewClient makes a Client that reaches the service by dial.
func NewClient(dial func(context.Context) (net.Conn, error)) *Client { return &Client{dial: dial} }

// Dial makes a Client for the service of a state directory. It connects when
// it is asked something, and only then finds that nothing runs.
func Dial(dir string) (*Client, error) {
	path, err := SocketPath(dir)
	if err != nil {
		return nil, err
	}
	return NewClient(func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}), nil
}

// Call asks for a verb and hands each line of the answer to f, which may keep
// it; f may be nil where no lines are wanted. The error is *Refused when the
// service said no, wraps ErrNotRunning when there is none, and is f's own
// when f ended the call. A silent service is left after callPatience.
func (c *Client) Call(ctx context.Context, verb string, args map[string]string, f func(json.RawMessage) error) error {
	line, err := json.Marshal(Request{Verb: verb, Args: args})
	if err != nil {
		return fmt.Errorf("asking for %s: %w", verb, err)
	}
	if len(line) >= maxRequest {
		return fmt.Errorf("asking for %s: %w: %d octets are the most", verb, errTooLong, maxRequest)
	}
	conn, err := c.dial(ctx)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			err = ErrNotRunning
		}
		return fmt.Errorf("reaching the service: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel()
	watch.Go(func() {
		<-ctx.Done()
		conn.Close()
	})
	err = converse(conn, append(line, '\n'), f)
	if ctx.Err() != nil && err != nil {
		return ctx.Err()
	}
	return err
}

// converse writes the request and reads the answer.
func converse(conn net.Conn, line []byte, f func(json.RawMessage) error) error {
	if err := conn.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
		return fmt.Errorf("asking the service: %w", err)
	}
	if _, err := conn.Write(line); err != nil {
		return fmt.Errorf("asking the service: %w", err)
	}
	r := bufio.NewReaderSize(patientReader{conn}, 64<<10)
	for {
		line, err := readLine(r, maxLine)
		if errors.Is(err, io.EOF) {
			return errors.New("reading the answer: the service ended before it was done")
		}
		if err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		if e, ok := parseEnding(line); ok {
			if e.Error != "" {
				return &Refused{Reason: e.Error}
			}
			return nil
		}
		if !json.Valid(line) {
			return errors.New("reading the answer: the service sent a line that is no JSON")
		}
		if f != nil {
			if err := f(line); err != nil {
				return err
			}
		}
	}
}

// patientReader gives up on a service that is silent for callPatience.
type patientReader struct{ conn net.Conn }

func (r patientReader) Read(b []byte) (int, error) {
	// Where this fails the connection is closed, and reading says how.
	_ = r.conn.SetReadDeadline(time.Now().Add(callPatience))
	return r.conn.Read(b)
}

// readLine reads a line of at most limit octets, without its end. A last line
// without an end is cut off, and io.EOF.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, errTooLong
		}
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return line[:len(line)-1], nil
	}
}
