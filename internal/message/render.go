package message

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
)

const (
	renderBuffer = 64 << 10 // octets written at once
	readBuffer   = 32 << 10
	base64Line   = 76 // columns, RFC 2045 §6.8
	softLine     = 76 // columns, RFC 2045 §6.7
)

// Render writes the mail to w in pieces of at most 64 kB. The same sources
// must be given, in the same order, as when the recipe was made; a source
// that changed since is an error. All line ends are CRLF. Memory does not
// grow with the mail.
func (r *Recipe) Render(w io.Writer, sources []Source) error {
	size := int64(0) // a small mail needs no big buffers
	for _, p := range r.Pieces {
		size += int64(len(p.Literal)) + p.Length
	}
	bw := bufio.NewWriterSize(boundedWriter{w}, int(min(renderBuffer, max(size, 512))))
	buf := make([]byte, min(readBuffer, max(size, 1)))
	for i, p := range r.Pieces {
		if err := p.render(bw, sources, buf); err != nil {
			return fmt.Errorf("rendering piece %d: %w", i, err)
		}
	}
	if err := bw.Flush(); err != nil {
		return fmt.Errorf("rendering a mail: %w", err)
	}
	return nil
}

// boundedWriter hides ReadFrom and keeps what is written at once bounded: a
// large write would pass bufio by.
type boundedWriter struct{ w io.Writer }

func (o boundedWriter) Write(p []byte) (int, error) {
	done := 0
	for len(p) > renderBuffer {
		n, err := o.w.Write(p[:renderBuffer])
		done += n
		if err != nil {
			return done, err
		}
		p = p[renderBuffer:]
	}
	n, err := o.w.Write(p)
	return done + n, err
}

func (p Piece) render(w *bufio.Writer, sources []Source, buf []byte) error {
	if p.Literal != nil {
		_, err := w.Write(p.Literal)
		return err
	}
	if p.Source < 0 || p.Source >= len(sources) {
		return fmt.Errorf("source %d of %d: %w", p.Source, len(sources), ErrRecipe)
	}
	m := &meter{w: w}
	out := bufio.NewWriterSize(m, int(min(readBuffer, max(p.Length, 512))))
	if err := p.transform(out, sources[p.Source], buf); err != nil {
		return err
	}
	if m.size != p.Size {
		return fmt.Errorf("source %d gave %d octets where %d were measured: it changed", p.Source, m.size, p.Size)
	}
	return nil
}

// transform reads the range and writes it as the piece says.
func (p Piece) transform(w *bufio.Writer, src Source, buf []byte) error {
	t := p.Transform.begin()
	if err := p.ranges(src, buf, func(b []byte) { t.feed(w, b) }); err != nil {
		return err
	}
	t.end(w)
	return w.Flush() // reports the first error of all the writes
}

// measure fills in what a piece will come to.
func (p *Piece) measure(src Source) error {
	var buf []byte
	if _, memory := src.(Octets); !memory {
		buf = make([]byte, min(readBuffer, p.Length))
	}
	if p.Transform == TransformLines {
		return p.measureLines(src, buf)
	}
	m := &meter{}
	if err := p.transform(bufio.NewWriterSize(m, readBuffer), src, buf); err != nil {
		return err
	}
	p.Size, p.EightBit = m.size, m.eightBit
	return nil
}

// measureLines measures without writing: each line end that is not CRLF comes
// out one octet longer.
func (p *Piece) measureLines(src Source, buf []byte) error {
	ends, cr := 0, false
	err := p.ranges(src, buf, func(b []byte) {
		crlf := bytes.Count(b, []byte("\r\n"))
		ends += bytes.Count(b, []byte{'\n'}) + bytes.Count(b, []byte{'\r'}) - 2*crlf
		if cr && b[0] == '\n' {
			ends -= 2 // a CRLF that lies across two pieces
		}
		cr = b[len(b)-1] == '\r'
		p.EightBit = p.EightBit || high(b)
	})
	p.Size = p.Length + int64(ends)
	return err
}

// ranges hands the octets of the range to f, a bufferful at a time.
func (p *Piece) ranges(src Source, buf []byte, f func([]byte)) error {
	at, end := p.Offset, p.Offset+p.Length
	if o, ok := src.(Octets); ok && at < end && end <= o.Size() {
		f(o[at:end])
		return nil
	}
	for at < end {
		n, err := src.ReadAt(buf[:min(int64(len(buf)), end-at)], at)
		if n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("reading source %d at octet %d: %w", p.Source, at, err)
		}
		at += int64(n)
		f(buf[:n])
	}
	return nil
}

// meter counts what is written through it.
type meter struct {
	w        io.Writer // nil: nowhere
	size     int64
	eightBit bool
}

func (m *meter) Write(p []byte) (int, error) {
	m.size += int64(len(p))
	if m.w == nil {
		m.eightBit = m.eightBit || hasEightBit(p)
		return len(p), nil
	}
	return m.w.Write(p)
}

// transformer is one transform at work. Errors stay in the writer.
type transformer interface {
	feed(w *bufio.Writer, p []byte)
	end(w *bufio.Writer)
}

func (t Transform) begin() transformer {
	switch t {
	case TransformBase64:
		return &toBase64{}
	case TransformRewrap:
		return &rewrapBase64{}
	case TransformSoften:
		return &soften{}
	default:
		return &toCRLF{}
	}
}

// toCRLF makes every line end CRLF: a bare LF and a bare CR are line ends.
type toCRLF struct{ cr bool }

func (t *toCRLF) feed(w *bufio.Writer, p []byte) {
	if t.cr && len(p) > 0 {
		t.slow(w, p[:1])
		p = p[1:]
	}
	for len(p) > 0 {
		line := p
		lf := bytes.IndexByte(p, '\n')
		if lf >= 0 {
			line = p[:lf+1]
		}
		p = p[len(line):]
		cr := bytes.IndexByte(line, '\r')
		switch {
		case cr < 0 && lf < 0, lf >= 0 && cr >= 0 && cr == len(line)-2:
			w.Write(line)
		case cr < 0:
			w.Write(line[:len(line)-1])
			w.WriteString("\r\n")
		default:
			t.slow(w, line)
		}
	}
}

func (t *toCRLF) slow(w *bufio.Writer, p []byte) {
	for _, c := range p {
		if t.cr {
			t.cr = false
			w.WriteString("\r\n")
			if c == '\n' {
				continue
			}
		}
		switch c {
		case '\r':
			t.cr = true
		case '\n':
			w.WriteString("\r\n")
		default:
			w.WriteByte(c)
		}
	}
}

func (t *toCRLF) end(w *bufio.Writer) {
	if t.cr {
		w.WriteString("\r\n")
		t.cr = false
	}
}

// toBase64 encodes octets. The last line has no line end.
type toBase64 struct {
	held  [base64Line / 4 * 3]byte
	out   [base64Line]byte
	n     int
	begun bool
}

func (t *toBase64) feed(w *bufio.Writer, p []byte) {
	for len(p) > 0 {
		n := copy(t.held[t.n:], p)
		t.n += n
		p = p[n:]
		if t.n == len(t.held) {
			t.line(w)
		}
	}
}

func (t *toBase64) line(w *bufio.Writer) {
	if t.begun {
		w.WriteString("\r\n")
	}
	t.begun = true
	base64.StdEncoding.Encode(t.out[:], t.held[:t.n])
	w.Write(t.out[:base64.StdEncoding.EncodedLen(t.n)])
	t.n = 0
}

func (t *toBase64) end(w *bufio.Writer) {
	if t.n > 0 {
		t.line(w)
	}
}

// rewrapBase64 keeps the letters of base64 and breaks them into lines anew.
type rewrapBase64 struct{ column int }

func (t *rewrapBase64) feed(w *bufio.Writer, p []byte) {
	for _, c := range p {
		if !isBase64(c) {
			continue
		}
		if t.column == base64Line {
			w.WriteString("\r\n")
			t.column = 0
		}
		w.WriteByte(c)
		t.column++
	}
}

func (t *rewrapBase64) end(*bufio.Writer) {}

func isBase64(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '='
}
