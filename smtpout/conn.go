package smtpout

import (
	"errors"
	"net"
	"time"
)

// pieceSize is how much is written under one write deadline, in octets.
const pieceSize = 64 << 10

// conn is the connection below TLS. It gives every write a deadline, which
// the SMTP client does not, and remembers whether the end of a mail can have
// left. One goroutine writes.
type conn struct {
	net.Conn
	patience time.Duration // for pieceSize octets
	hello    int64         // octets the relay may still say before the login is over; 0 or less: no more
	free     bool          // it is over, and wire bounds what it reads

	ending     bool // what is written now ends with the final dot
	incomplete bool // a write of it failed before its end
}

// tail is the length of ".\r\n": with so much of the last write missing, the
// relay has not seen the end of the mail. Below TLS what is missing is part of
// a record, without which nothing of the record can be read.
const tail = 3

// maxHello is how much a relay may say before the login is over, in octets, with
// its certificates: the client that reads it keeps all of it.
const maxHello = 1 << 20

var errTalks = errors.New("the relay says more than 1 MB before the login is over")

func (c *conn) Read(p []byte) (int, error) {
	if c.free {
		return c.Conn.Read(p)
	}
	if c.hello <= 0 {
		return 0, errTalks
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.hello)])
	c.hello -= int64(n)
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		piece := p[done:min(len(p), done+pieceSize)]
		if err := c.SetWriteDeadline(time.Now().Add(c.patience)); err != nil {
			c.failed(len(p) - done)
			return done, err
		}
		n, err := c.Conn.Write(piece)
		done += n
		if err != nil {
			c.failed(len(p) - done)
			return done, err
		}
	}
	return done, nil
}

func (c *conn) failed(missing int) {
	if c.ending && missing >= tail {
		c.incomplete = true
	}
}
