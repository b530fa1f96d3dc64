package message

import (
	"bufio"
	"bytes"
	"io"
	"strings"
)

// Open reads the decoded octets of a leaf: its transfer encoding undone, its
// charset as it came. Damage ends nothing: what can be decoded is. The reader
// must not be used by two goroutines at once; several readers may be.
func (m *Message) Open(p *Part) io.Reader { return m.open(p, nil) }

func (m *Message) open(p *Part, harm *string) io.Reader {
	raw := m.Raw(p.Body, p.End)
	window := int(min(p.End-p.Body+16, 16<<10))
	switch p.Encoding {
	case "base64":
		return newBase64Reader(m.crToLF(raw), window, harm)
	case "quoted-printable":
		mark := byte('\n')
		if m.cr {
			mark = '\r'
		}
		return newQuotedReader(raw, window, mark)
	case "x-uuencode":
		return &uuReader{in: bufio.NewReader(m.crToLF(raw))}
	}
	return raw
}

// Raw reads the octets of the source between two offsets.
func (m *Message) Raw(start, end int64) io.Reader {
	return io.NewSectionReader(m.src, start, max(end-start, 0))
}

// crToLF turns the line ends of a mail that has CR alone.
func (m *Message) crToLF(r io.Reader) io.Reader {
	if !m.cr {
		return r
	}
	return crReader{r}
}

type crReader struct{ r io.Reader }

func (c crReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	for i := range p[:n] {
		if p[i] == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

// TextOf is the text of a part in UTF-8 with LF line ends, at most 1 MiB of
// its beginning. It is valid UTF-8 without NUL whatever the part holds.
func (m *Message) TextOf(p *Part) string {
	text, _ := m.textOf(p)
	return text
}

func (m *Message) textOf(p *Part) (text string, problems []string) {
	var harm string
	raw, kept := p.decoded, p.kept
	if !kept {
		var err error
		raw, err = io.ReadAll(io.LimitReader(m.open(p, &harm), maxDecoded+1))
		if err != nil {
			problems = append(problems, "a part could not be read to its end")
		}
	}
	if len(raw) > maxDecoded {
		raw = raw[:maxDecoded]
		problems = append(problems, endNotShown)
		m.cut = true
	}
	if harm != "" {
		problems = append(problems, harm)
	}
	label := p.Params["charset"]
	if cleanLabel(label) == "" && p.Type == "text/html" {
		label = metaCharset(raw)
	}
	text, problem := decodeLines(raw, label)
	if problem != "" {
		problems = append(problems, problem)
	}
	return text, problems
}

// decodeLines is the text of octets with LF line ends.
func decodeLines(raw []byte, label string) (text, problem string) {
	if ascii(raw) && !stateful(cleanLabel(label)) {
		return asciiLines(raw), ""
	}
	text, problem = decodeCharset(raw, label)
	return plainLines(text), problem
}

// asciiLines is plainLines of ASCII, without a second copy.
func asciiLines(raw []byte) string {
	var b strings.Builder
	b.Grow(len(raw))
	for len(raw) > 0 {
		i := bytes.IndexByte(raw, '\r')
		if i < 0 {
			b.Write(raw)
			break
		}
		b.Write(raw[:i])
		if raw = raw[i+1:]; len(raw) == 0 || raw[0] != '\n' {
			b.WriteByte('\n')
		}
	}
	if s := b.String(); hasControl(s) {
		return strings.Map(plainRune, s)
	}
	return b.String()
}

// plainLines gives text LF line ends and takes NUL and escape out.
func plainLines(s string) string {
	if strings.IndexByte(s, '\r') >= 0 {
		s = strings.ReplaceAll(s, "\r\n", "\n")
		s = strings.ReplaceAll(s, "\r", "\n")
	}
	if !hasControl(s) {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.ToValidUTF8(strings.Map(plainRune, s), "\uFFFD")
}

// plainRune leaves out control characters.
func plainRune(r rune) rune {
	if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
		return -1
	}
	return r
}

func hasControl(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c == 0xc2 && i+1 < len(s) && s[i+1] < 0xa0 {
			return true
		}
	}
	return false
}

// metaCharset finds the charset that HTML states of itself.
func metaCharset(raw []byte) string {
	head := bytes.ToLower(raw[:min(len(raw), 2048)])
	i := bytes.Index(head, []byte("charset="))
	if i < 0 {
		return ""
	}
	rest := bytes.TrimLeft(head[i+8:], `"' `)
	if j := bytes.IndexAny(rest, `"'>;/ `); j >= 0 {
		rest = rest[:j]
	}
	return string(rest)
}

// uuReader decodes a uuencoded body: the first file in it.
type uuReader struct {
	in    *bufio.Reader
	out   []byte
	begun bool
	err   error
}

func (r *uuReader) Read(p []byte) (int, error) {
	for len(r.out) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		text, err := r.in.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			r.err = io.EOF
		}
		text = bytes.TrimRight(text, "\r\n")
		switch {
		case !r.begun:
			_, r.begun = uuBegin(string(text))
		case string(text) == "end":
			r.err = io.EOF
		default:
			r.out = uuLine(nil, text)
		}
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}

// uuBegin reads the line that starts a uuencoded file.
func uuBegin(s string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(s, "begin ")
	if !ok {
		return "", false
	}
	mode, name, ok := strings.Cut(rest, " ")
	if !ok || len(mode) < 3 || len(mode) > 4 || strings.Trim(mode, "01234567") != "" || strings.TrimSpace(name) == "" {
		return "", false
	}
	return strings.TrimSpace(name), true
}

func uuLine(out, text []byte) []byte {
	if len(text) == 0 || text[0] < ' ' || text[0] > '`' {
		return out
	}
	n := int(text[0]-' ') & 63
	text = text[1:]
	at := func(i int) byte {
		if i >= len(text) {
			return 0
		}
		return (text[i] - ' ') & 63
	}
	for i := 0; n > 0; i += 4 {
		a, b, c, d := at(i), at(i+1), at(i+2), at(i+3)
		three := [3]byte{a<<2 | b>>4, b<<4 | c>>2, c<<6 | d}
		out = append(out, three[:min(n, 3)]...)
		n -= 3
	}
	return out
}
