package imapsync

import (
	"bufio"
	"net"
)

// readAhead is how many octets are read from the connection at once, as far
// as there are any. The library reads 4 kB at a time.
const readAhead = 32 << 10

// lineConn stands between the library and the TLS layer.
type lineConn struct {
	net.Conn
	r *bufio.Reader
	// ahead is read first: what the server said before the library had the
	// connection or, after STARTTLS, when it sends no greeting, one in its place.
	ahead []byte
	// inSASL is set while an exchange runs, by the goroutine that writes. The
	// library sends an empty response as "=", which is right for an initial one
	// alone (RFC 4959 §3); anywhere else it is an empty line
	// (RFC 9051 §6.2.2), and Dovecot takes no other.
	inSASL bool

	limit lineLimit
	under *quietConn // told why it ends
}

// newLineConn is over under, or over the TLS connection that is.
func newLineConn(conn net.Conn, under *quietConn, ahead []byte, maxLine int64) *lineConn {
	return &lineConn{Conn: conn, under: under, ahead: ahead, limit: lineLimit{most: maxLine},
		r: bufio.NewReaderSize(conn, readAhead)}
}

func (c *lineConn) Read(b []byte) (n int, err error) {
	if len(c.ahead) > 0 {
		n = copy(b, c.ahead)
		c.ahead = c.ahead[n:]
	} else {
		n, err = c.r.Read(b)
	}
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
