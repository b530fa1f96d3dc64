package smtpout

import (
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

	ending     bool // what is written now ends with the final dot
	incomplete bool // a write of it failed before its end
}

// tail is the length of ".\r\n": with so much of the last write missing, the
// relay has not seen the end of the mail. Below TLS what is missing is part of
// a record, without which nothing of the record can be read.
const tail = 3

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
