package smtpout

import "bytes"

// bodySize is how much of a mail is gathered before it is written, in octets.
const bodySize = 32 << 10

// dots writes the octets of a mail as the data of a transaction (RFC 5321
// §4.5.2): a line that begins with a dot gets one more, and every line ends
// with CRLF. A mail has no other line ends than CRLF; a bare CR or LF, which
// one relay may take for the end of a line and the next may not, is made one
// all the same (RFC 5321 §2.3.8).
type dots struct {
	w   *wire
	mid bool  // within a line
	cr  bool  // the last octet was a CR, which is not written yet
	err error // of the connection, as opposed to the renderer's
}

// Write implements io.Writer.
func (d *dots) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if d.err != nil {
			return len(p) - len(rest), d.err
		}
		rest = rest[d.piece(rest):]
		if len(d.w.out) >= bodySize {
			d.err = d.w.flush()
		}
	}
	return len(p), d.err
}

// piece takes octets up to the end of a line, or what fits, and returns how
// many.
func (d *dots) piece(p []byte) int {
	if d.cr {
		d.cr = false
		d.end()
		if p[0] == '\n' {
			return 1
		}
	}
	if !d.mid && p[0] == '.' {
		d.w.out = append(d.w.out, '.')
	}
	p = p[:min(len(p), bodySize)]
	n := bytes.IndexByte(p, '\n')
	if n < 0 {
		n = len(p)
	}
	switch cr := bytes.IndexByte(p[:n], '\r'); {
	case cr >= 0:
		d.text(p[:cr])
		d.cr = true
		return cr + 1
	case n == len(p):
		d.text(p)
		return n
	}
	d.text(p[:n])
	d.end()
	return n + 1
}

func (d *dots) text(p []byte) {
	d.w.out = append(d.w.out, p...)
	d.mid = d.mid || len(p) > 0
}

func (d *dots) end() {
	d.w.out = append(d.w.out, '\r', '\n')
	d.mid = false
}

// finish writes what is left and the final dot, in one write where they fit.
func (d *dots) finish() error {
	if d.cr || d.mid {
		d.end()
	}
	d.w.out = append(d.w.out, '.', '\r', '\n')
	d.w.low.ending = true
	err := d.w.flush()
	d.w.low.ending = false
	return err
}
