package imapsync

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
)

// Bounds of what is read before TLS begins.
const (
	maxPlainLine  = 8 << 10 // octets
	maxPlainLines = 100
)

// startTLS takes a connection through the greeting and STARTTLS
// (RFC 9051 §6.2.1). The library could, but then nothing of ours would stand
// above the TLS layer, where lineConn must.
func startTLS(ctx context.Context, conn net.Conn, cfg *tls.Config) (net.Conn, error) {
	r := bufio.NewReaderSize(conn, maxPlainLine)
	greeting, err := plainLine(r)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the greeting: %w", err)
	case !strings.HasPrefix(strings.ToUpper(greeting), "* OK"):
		// PREAUTH would leave STARTTLS out of reach (RFC 9051 §7.1.4).
		return nil, fmt.Errorf("%w: the server greets with %q", errNoTLS, short(greeting))
	}
	if _, err := conn.Write([]byte("S STARTTLS\r\n")); err != nil {
		return nil, fmt.Errorf("starting TLS by STARTTLS: %w", err)
	}
	for n := 0; ; n++ {
		line, err := plainLine(r)
		if err == nil && n == maxPlainLines {
			err = errors.New("the server does not come to the point")
		}
		if err != nil {
			return nil, fmt.Errorf("starting TLS by STARTTLS: %w", err)
		}
		tag, status, _ := strings.Cut(line, " ")
		if tag != "S" {
			continue
		}
		if !strings.HasPrefix(strings.ToUpper(status), "OK") {
			return nil, fmt.Errorf("%w: %q", errNoTLS, short(status))
		}
		break
	}
	// Whatever came with that line was not protected, and may be another's.
	if r.Buffered() > 0 {
		return nil, fmt.Errorf("%w: there is plain text behind its answer", errNoTLS)
	}
	secure := tls.Client(conn, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("starting TLS by STARTTLS: %w", err)
	}
	return secure, nil
}

func plainLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", fmt.Errorf("a line has more than %d octets", maxPlainLine)
	}
	return strings.TrimRight(string(line), "\r\n"), err
}

func short(s string) string { return s[:min(len(s), 200)] }

// lineConn stands between the library and the TLS layer.
type lineConn struct {
	net.Conn
	// greeting is read first: after STARTTLS the server sends none, and the
	// library waits for one.
	greeting []byte
	// inSASL is set while an exchange runs, by the goroutine that writes. The
	// library sends an empty response as "=", which is right for an initial one
	// alone (RFC 4959 §3); anywhere else it is an empty line
	// (RFC 9051 §6.2.2), and Dovecot takes no other.
	inSASL bool

	limit lineLimit
	under *quietConn // told why it ends
}

func (c *lineConn) Read(b []byte) (int, error) {
	if len(c.greeting) > 0 {
		n := copy(b, c.greeting)
		c.greeting = c.greeting[n:]
		return n, nil
	}
	n, err := c.Conn.Read(b)
	if tooLong := c.limit.pass(b[:n]); tooLong != nil {
		c.Conn.Close()
		c.under.fail(tooLong)
		return 0, tooLong
	}
	return n, err
}

func (c *lineConn) Write(b []byte) (int, error) {
	if c.inSASL && string(b) == "=\r\n" {
		if _, err := c.Conn.Write([]byte("\r\n")); err != nil {
			return 0, err
		}
		return len(b), nil
	}
	return c.Conn.Write(b)
}
