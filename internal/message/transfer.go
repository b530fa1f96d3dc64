package message

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"strings"
)

// base64Values holds the value of each octet as a base64 digit; noDigit for
// other octets.
const (
	base64Values = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x3e\xff\xff\xff\x3f\x34\x35\x36\x37\x38\x39\x3a\x3b\x3c\x3d\xff\xff\xff\xff\xff\xff" +
		"\xff\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\xff\xff\xff\xff\xff" +
		"\xff\x1a\x1b\x1c\x1d\x1e\x1f\x20\x21\x22\x23\x24\x25\x26\x27\x28\x29\x2a\x2b\x2c\x2d\x2e\x2f\x30\x31\x32\x33\xff\xff\xff\xff\xff" +
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
	noDigit = 0xff
)

// base64Loose decodes what can be decoded of s.
func base64Loose(s string) []byte {
	var d base64State
	out := d.digits(make([]byte, 0, len(s)*3/4+3), []byte(s))
	return d.finish(out)
}

// checkEncoding corrects a text that says it is base64 but is not encoded.
func (m *Message) checkEncoding(p *Part) {
	if p.Encoding != "base64" || !strings.HasPrefix(p.Type, "text/") {
		return
	}
	head := make([]byte, 512)
	n, _ := m.src.ReadAt(head[:min(int64(len(head)), p.End-p.Body)], p.Body)
	if plainProse(bytes.TrimSpace(head[:n])) {
		p.Encoding = ""
		m.note("text that says base64 and is not: read as it is")
	}
}

// plainProse reports a text whose first line has words of all lengths, as
// base64 with blanks in it has not.
func plainProse(b []byte) bool {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	words := bytes.Fields(line)
	uneven := 0
	for _, w := range words[:max(len(words)-1, 0)] {
		if len(w)%4 != 0 {
			uneven++
		}
	}
	return uneven > 0
}

// base64State decodes base64 across line ends, padding and stray octets.
type base64State struct {
	bits uint32
	n    int
}

func (d *base64State) digits(out, text []byte) []byte {
	for i := range text {
		v := base64Values[text[i]]
		if v == noDigit {
			if text[i] == '=' {
				out = d.finish(out)
			}
			continue
		}
		d.bits = d.bits<<6 | uint32(v)
		if d.n++; d.n == 4 {
			out = append(out, byte(d.bits>>16), byte(d.bits>>8), byte(d.bits))
			d.bits, d.n = 0, 0
		}
	}
	return out
}

// finish ends a group that padding or the end cut short.
func (d *base64State) finish(out []byte) []byte {
	switch d.n {
	case 2:
		out = append(out, byte(d.bits>>4))
	case 3:
		out = append(out, byte(d.bits>>10), byte(d.bits>>2))
	}
	d.bits, d.n = 0, 0
	return out
}

// base64Reader decodes a body, RFC 2045 §6.8. Stray octets are passed over. A
// line of prose, such as the footer a list put under the body, is left out.
type base64Reader struct {
	in     *bufio.Reader
	state  base64State
	out    []byte
	spare  []byte
	padded bool
	err    error
	harm   *string
}

func newBase64Reader(r io.Reader, window int, harm *string) io.Reader {
	return &base64Reader{in: bufio.NewReaderSize(r, window), harm: harm}
}

func (r *base64Reader) Read(p []byte) (int, error) {
	if len(r.out) == 0 {
		r.out = r.spare[:0]
		for len(r.out) < min(len(p), readAhead) && r.err == nil {
			chunk, err := r.in.ReadSlice('\n')
			if err != nil && err != bufio.ErrBufferFull {
				r.err = io.EOF
			}
			r.out = r.line(r.out, chunk)
			if r.err != nil {
				r.out = r.state.finish(r.out)
			}
		}
		if r.spare = r.out; len(r.out) == 0 {
			return 0, r.err
		}
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}

// readAhead is how many octets are decoded at a time, about.
const readAhead = 4 << 10

// decodeBase64 decodes a body that is in memory, as base64Reader does.
func decodeBase64(raw []byte, harm *string) []byte {
	r := base64Reader{harm: harm}
	out := make([]byte, 0, len(raw)*3/4+3)
	for len(raw) > 0 {
		line := raw
		if i := bytes.IndexByte(raw, '\n'); i >= 0 {
			line = raw[:i+1]
		}
		raw = raw[len(line):]
		out = r.line(out, line)
	}
	return r.state.finish(out)
}

func (r *base64Reader) line(out, chunk []byte) []byte {
	text := bytes.TrimRight(chunk, "\r\n \t")
	if len(text) == 0 {
		return out
	}
	if r.state.n == 0 && len(text)%4 == 0 && text[len(text)-1] != '=' {
		// Whole groups of digits alone, the rule.
		if more, err := base64.StdEncoding.AppendDecode(out, text); err == nil {
			return more
		}
	}
	if r.prose(text) {
		r.note("base64 with other text in it: left out")
		return out
	}
	if i := bytes.IndexByte(text, '='); i >= 0 {
		r.padded = true
	}
	return r.state.digits(out, text)
}

// prose reports a line that is not base64: it has a blank or much else
// between its digits, or digits that do not come out even behind the padding.
func (r *base64Reader) prose(text []byte) bool {
	if r.padded && len(bytes.TrimRight(text, "="))%4 == 1 {
		return true
	}
	stray := 0
	for _, c := range text {
		if base64Values[c] == noDigit && c != '=' && c != '\r' {
			if c == ' ' && r.padded {
				return true
			}
			stray++
		}
	}
	if stray > 0 {
		r.note("base64 with stray octets: passed over")
	}
	return stray*5 > len(text) || stray > 0 && r.padded
}

func (r *base64Reader) note(s string) {
	if r.harm != nil && *r.harm == "" {
		*r.harm = s
	}
}

// quotedReader decodes quoted-printable, RFC 2045 §6.7. What is no escape
// stays as it is.
type quotedReader struct {
	in    *bufio.Reader
	out   []byte
	spare []byte
	carry []byte // the start of an escape that the window cut
	mark  byte
	err   error
}

func newQuotedReader(r io.Reader, window int, mark byte) io.Reader {
	return &quotedReader{in: bufio.NewReaderSize(r, window), mark: mark}
}

func (r *quotedReader) Read(p []byte) (int, error) {
	for len(r.out) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.out = r.line(r.spare[:0])
		r.spare = r.out
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}

// decodeQuoted decodes a body that is in memory, as quotedReader does.
func decodeQuoted(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for len(raw) > 0 {
		i := bytes.IndexByte(raw, '\n')
		line, end := raw, []byte(nil)
		if i >= 0 {
			cut := i
			if cut > 0 && raw[cut-1] == '\r' {
				cut--
			}
			line, end = raw[:cut], raw[cut:i+1]
		}
		raw = raw[len(line)+len(end):]
		out = decodeQuotedLine(out, line, end)
	}
	return out
}

// decodeQuotedLine decodes a line; end is its line end.
func decodeQuotedLine(out, line, end []byte) []byte {
	// White space at the end of a line was put there on the way.
	line = bytes.TrimRight(line, " \t")
	if n := len(line); n > 0 && line[n-1] == '=' {
		return unescape(out, line[:n-1])
	}
	return append(unescape(out, line), end...)
}

func (r *quotedReader) line(out []byte) []byte {
	text, err := r.in.ReadSlice(r.mark)
	if err != nil && err != bufio.ErrBufferFull {
		r.err = io.EOF
	}
	if len(r.carry) > 0 {
		text = append(bytes.Clone(r.carry), text...)
		r.carry = r.carry[:0]
	}
	var end []byte
	switch n := len(text); {
	case n > 0 && text[n-1] == r.mark:
		cut := n - 1
		if cut > 0 && text[cut-1] == '\r' {
			cut--
		}
		text, end = text[:cut], text[cut:]
	case err == bufio.ErrBufferFull:
		from := max(0, n-3)
		if i := bytes.IndexByte(text[from:], '='); i >= 0 {
			r.carry = append(r.carry, text[from+i:]...)
			text = text[:from+i]
		}
		return unescape(out, text)
	}
	return decodeQuotedLine(out, text, end)
}

func unescape(out, text []byte) []byte {
	for len(text) > 0 {
		i := bytes.IndexByte(text, '=')
		if i < 0 {
			break
		}
		out = append(out, text[:i]...)
		text = text[i:]
		if len(text) >= 3 {
			hi, lo := unhex(text[1]), unhex(text[2])
			if hi >= 0 && lo >= 0 {
				out = append(out, byte(hi<<4|lo))
				text = text[3:]
				continue
			}
		}
		out = append(out, '=')
		text = text[1:]
	}
	return append(out, text...)
}
