package imapsync

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// Bounds of what is read before TLS begins.
const (
	maxPlainLine  = 8 << 10 // octets
	maxPlainLines = 100
)

// errTLSFailed marks a connection on which STARTTLS was begun and did not end
// in TLS.
var errTLSFailed = errors.New("starting TLS by STARTTLS")

// preface is a connection before the library has it: as far as the greeting
// and STARTTLS (RFC 9051 §6.2.1). The library could do that too, but then
// nothing of ours would stand above the TLS layer, where lineConn must.
type preface struct {
	conn     net.Conn
	r        *bufio.Reader
	greeting string // the line, with its end
}

// newPreface reads the greeting.
func newPreface(conn net.Conn) (*preface, error) {
	p := &preface{conn: conn, r: bufio.NewReaderSize(conn, maxPlainLine)}
	line, err := p.line()
	if err != nil {
		return nil, fmt.Errorf("reading the greeting: %w", err)
	}
	p.greeting = line + "\r\n"
	return p, nil
}

// ahead is what was read and is for the library.
func (p *preface) ahead() []byte {
	behind, _ := p.r.Peek(p.r.Buffered()) // it is there
	return append([]byte(p.greeting), behind...)
}

// open reports whether the server waits for somebody to log in. PREAUTH would
// leave STARTTLS out of reach (RFC 9051 §7.1.4).
func (p *preface) open() bool {
	return strings.HasPrefix(strings.ToUpper(p.greeting), "* OK")
}

// offered reports whether the server has STARTTLS: by its greeting, where that
// lists the capabilities, else it is asked.
func (p *preface) offered() (bool, error) {
	if !p.open() {
		return false, nil
	}
	if _, list, listed := strings.Cut(strings.ToUpper(p.greeting), "[CAPABILITY "); listed {
		list, _, _ = strings.Cut(list, "]")
		return slices.Contains(strings.Fields(list), "STARTTLS"), nil
	}
	has := false
	status, err := p.ask("CAPABILITY", func(untagged string) {
		words := strings.Fields(strings.ToUpper(untagged))
		has = has || len(words) > 1 && words[1] == "CAPABILITY" && slices.Contains(words, "STARTTLS")
	})
	return has && isOK(status), err
}

// ask sends a command and returns its status; each line before that is told.
func (p *preface) ask(command string, untagged func(string)) (status string, err error) {
	if _, err := p.conn.Write([]byte("S " + command + "\r\n")); err != nil {
		return "", err
	}
	for range maxPlainLines {
		line, err := p.line()
		if err != nil {
			return "", err
		}
		tag, status, _ := strings.Cut(line, " ")
		if tag == "S" {
			return status, nil
		}
		untagged(line)
	}
	return "", errors.New("the server does not come to the point")
}

// startTLS goes on over TLS. After an error the connection is of no more use.
func (p *preface) startTLS(ctx context.Context, cfg *tls.Config) (net.Conn, error) {
	if !p.open() {
		return nil, fmt.Errorf("%w: the server greets with %q", errNoTLS, short(p.greeting))
	}
	status, err := p.ask("STARTTLS", func(string) {})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errTLSFailed, err)
	case !isOK(status):
		return nil, fmt.Errorf("%w: %w: %q", errTLSFailed, errNoTLS, short(status))
	case p.r.Buffered() > 0:
		// Whatever came with that line was not protected, and may be another's.
		return nil, fmt.Errorf("%w: %w: there is plain text behind its answer", errTLSFailed, errNoTLS)
	}
	secure := tls.Client(p.conn, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", errTLSFailed, err)
	}
	return secure, nil
}

func (p *preface) line() (string, error) {
	line, err := p.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", fmt.Errorf("a line has more than %d octets", maxPlainLine)
	}
	return strings.TrimRight(string(line), "\r\n"), err
}

func isOK(status string) bool { return strings.HasPrefix(strings.ToUpper(status), "OK") }

func short(s string) string { return strings.TrimRight(s[:min(len(s), 200)], "\r\n") }
