package smtpout

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

const (
	// maxLine is how long a line of a reply may be, in octets: twice what
	// RFC 5321 §4.5.3.1.5 allows, and more.
	maxLine = 2048
	// maxLines is how many lines a reply may have.
	maxLines = 128
	// groupSize is how much is written before replies are read, in octets: so
	// little that it fits into the buffers of both ends, or each could wait for
	// the other (RFC 2920 §3.1).
	groupSize = 2048
)

// wire is the SMTP connection as lines: commands, replies and mails. Each wait
// has its deadline. One goroutine uses it.
type wire struct {
	low  *conn    // below TLS
	c    net.Conn // low, or TLS over it
	in   *bufio.Reader
	out  []byte // not yet written
	tls  bool
	wait time.Duration // for a reply
}

func newWire(low *conn, wait time.Duration) *wire {
	return &wire{low: low, c: low, in: bufio.NewReaderSize(low, maxLine), wait: wait}
}

// secure goes on in TLS. The handshake happens with the first octets.
func (w *wire) secure(c *tls.Conn) { w.c, w.tls, w.in = c, true, bufio.NewReaderSize(c, maxLine) }

// put adds a command to what is to be written. An argument is safe already:
// what it is made of cannot end the line.
func (w *wire) put(parts ...string) {
	for _, p := range parts {
		w.out = append(w.out, p...)
	}
	w.out = append(w.out, '\r', '\n')
}

func (w *wire) flush() error {
	_, err := w.c.Write(w.out)
	w.out = w.out[:0]
	return err
}

// say sends one command and returns the reply to it.
func (w *wire) say(parts ...string) reply {
	w.put(parts...)
	if err := w.flush(); err != nil {
		return broke(err)
	}
	return w.reply(w.wait)
}

// ask sends several commands and returns the replies to them, in order. With
// together the replies are waited for once a group has been written
// (RFC 2920); else each command waits for the reply to the one before. It ends
// early when the session does, or where stop says of a reply that nothing more
// should be said.
func (w *wire) ask(lines []string, together bool, stop func(int, reply) bool) []reply {
	replies := make([]reply, 0, len(lines))
	for next := 0; next < len(lines); {
		first := next
		for next < len(lines) && (next == first || together && len(w.out)+len(lines[next]) < groupSize) {
			w.put(lines[next])
			next++
		}
		if err := w.flush(); err != nil {
			return append(replies, broke(err))
		}
		ended := false
		for i := first; i < next; i++ {
			r := w.reply(w.wait)
			replies = append(replies, r)
			if r.lost() || r.closing() {
				return replies
			}
			ended = ended || stop(i, r)
		}
		if ended {
			return replies
		}
	}
	return replies
}

// reply waits for one reply (RFC 5321 §4.2).
func (w *wire) reply(within time.Duration) reply {
	if err := w.c.SetReadDeadline(time.Now().Add(within)); err != nil {
		return broke(err)
	}
	var r reply
	for n := 0; ; n++ {
		line, err := w.line()
		if err != nil {
			return broke(err)
		}
		code, ok := codeOf(line)
		if !ok || n > 0 && code != r.code || n == maxLines {
			return broke(fmt.Errorf("what came is no reply: %s", clean(string(line))))
		}
		r.code = code
		last := len(line) == 3 || line[3] != '-'
		r.take(line[min(len(line), 4):], n == 0)
		if last {
			r.words = clean(r.words)
			return r
		}
	}
}

// line reads one line, without its end. It is good until the next one.
func (w *wire) line() ([]byte, error) {
	line, err := w.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("a line of more than %d octets, beginning with %q", maxLine, clean(string(line[:80])))
	case errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	}
	line = line[:len(line)-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, nil
}

// codeOf reads the reply code a line begins with.
func codeOf(line []byte) (int, bool) {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0, false
	}
	n := 0
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, n >= 200 && n < 600
}

// take adds the text of one line to the reply: the enhanced code that each may
// begin with (RFC 2034 §4), and words up to what is kept of them.
func (r *reply) take(text []byte, first bool) {
	code, rest := enhancedOf(text, r.code)
	if first {
		r.enhanced = code
	}
	if code == "" || code != r.enhanced {
		rest = text
	}
	if len(rest) == 0 || len(r.words) > 4*maxWords {
		return
	}
	if r.words == "" {
		r.words = string(rest)
		return
	}
	r.words += "\n" + string(rest)
}

// enhancedOf splits an enhanced status code (RFC 3463 §2) of the class of the
// reply off a text.
func enhancedOf(text []byte, code int) (string, []byte) {
	end := 0
	for end < len(text) && text[end] != ' ' {
		end++
	}
	dots, digits := 0, 0
	for i, c := range text[:end] {
		switch {
		case c == '.' && digits > 0:
			dots, digits = dots+1, 0
		case c >= '0' && c <= '9' && digits < 3:
			digits++
		default:
			return "", text
		}
		if i == 0 && int(c-'0') != code/100 || i == 1 && c != '.' {
			return "", text
		}
	}
	if dots != 2 || digits == 0 {
		return "", text
	}
	return string(text[:end]), text[min(len(text), end+1):]
}
