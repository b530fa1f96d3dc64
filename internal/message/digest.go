package message

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"strings"
)

// headerDigest is a digest of what the header says, the same when a relay
// folded or encoded it anew.
func (m *Message) headerDigest() string {
	h := sha256.New()
	var text []byte
	for _, name := range []string{"Message-Id", "Date", "From", "Subject", "References"} {
		io.WriteString(h, name)
		for _, v := range m.Header.All(name) {
			// Folding may put blanks anywhere.
			text = append(text[:0], '\n')
			for f := range strings.FieldsSeq(decodeWords(v, m.hint)) {
				text = append(text, f...)
			}
			h.Write(text)
		}
		io.WriteString(h, "\n\n")
	}
	return hex.EncodeToString(h.Sum(nil))
}

// leafFacts is what one pass over the decoded leaves tells of them all. Short
// texts are kept while the mail is read, so that they are decoded once.
type leafFacts struct {
	sums [][]byte // of each leaf, in order, type included; the body digest is theirs
	kept int64
	// whole is the source, while a mail that is short enough is read.
	whole []byte
}

// readLeaves decodes every leaf once: its size, and the digest of what was
// said. The digest is over type and decoded content of each leaf. Of text,
// line ends, blanks at the end of lines and empty lines at the end do not
// count: a relay that encodes anew changes these.
func (m *Message) readLeaves() {
	m.leaves.sums = make([][]byte, 0, len(m.Leaves()))
	leaf := sha256.New()
	lines := &lineHash{h: leaf}
	var buf []byte
	for _, p := range m.Leaves() {
		m.checkEncoding(p)
		leaf.Reset()
		var w io.Writer = leaf
		text := strings.HasPrefix(p.Type, "text/")
		if text || strings.HasPrefix(p.Type, "message/") {
			lines.reset()
			w = lines
		}
		if n := p.End - p.Body; text && n+m.leaves.kept <= maxDecoded {
			m.leaves.kept += n
			p.decoded, p.kept = m.keep(p, w), true
			p.size = int64(len(p.decoded))
		} else if raw, ok := m.plainBody(p); ok {
			w.Write(raw)
			p.size = int64(len(raw))
		} else {
			if want := int(min(n+1, 32<<10)); len(buf) < want {
				buf = make([]byte, want)
			}
			n, err := io.CopyBuffer(onlyWriter{w}, onlyReader{m.Open(p)}, buf)
			if err != nil {
				m.note("a part could not be read to its end")
			}
			p.size = n
		}
		m.leaves.sums = append(m.leaves.sums, leaf.Sum([]byte(p.Type+"\n")))
	}
	m.Mail.BodyDigest = bodyDigest(m.leaves.sums)
}

func bodyDigest(leaves [][]byte) string {
	sum := sha256.New()
	for _, l := range leaves {
		sum.Write(l)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// textSum is what readLeaves makes of a text part of ours.
func textSum(kind, text string) []byte {
	leaf := sha256.New()
	w := &lineHash{h: leaf}
	io.WriteString(w, text)
	return leaf.Sum([]byte(kind + "\n"))
}

// keep decodes a short text into memory.
func (m *Message) keep(p *Part, w io.Writer) []byte {
	var harm string
	if raw, ok := m.inMemory(p, &harm); ok {
		if harm != "" {
			m.note(harm)
		}
		w.Write(raw)
		return raw
	}
	raw := bytes.NewBuffer(make([]byte, 0, p.End-p.Body+bytes.MinRead))
	if _, err := raw.ReadFrom(m.open(p, &harm)); err != nil {
		m.note("a part could not be read to its end")
	}
	if harm != "" {
		m.note(harm)
	}
	w.Write(raw.Bytes())
	return raw.Bytes()
}

// inMemory decodes a leaf of a mail that is in memory as a whole; false where
// that is not so, or a stream has to do it.
func (m *Message) inMemory(p *Part, harm *string) ([]byte, bool) {
	if m.leaves.whole == nil || m.cr {
		return nil, false
	}
	raw := m.leaves.whole[p.Body:max(p.End, p.Body)]
	switch p.Encoding {
	case "base64":
		return decodeBase64(raw, harm), true
	case "quoted-printable":
		return decodeQuoted(raw), true
	case "x-uuencode":
		return nil, false
	}
	return raw, true
}

// plainBody is the body of a leaf that has no transfer encoding, of a mail
// that is in memory as a whole. It must not be changed.
func (m *Message) plainBody(p *Part) ([]byte, bool) {
	if p.Encoding == "base64" || p.Encoding == "quoted-printable" {
		return nil, false
	}
	return m.inMemory(p, nil)
}

type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)

// Leaves returns the parts without children, in order. The list must not be
// changed.
func (m *Message) Leaves() []*Part {
	if m.list == nil {
		m.list = m.listLeaves()
	}
	return m.list
}

func (m *Message) listLeaves() []*Part {
	var list []*Part
	var walk func(*Part)
	walk = func(p *Part) {
		if len(p.Children) == 0 {
			list = append(list, p)
		}
		for _, c := range p.Children {
			walk(c)
		}
	}
	walk(m.Root)
	return list
}

// lineHash hashes text with its line ends made equal. Blanks and line ends
// are held back until something follows them.
type lineHash struct {
	h      hash.Hash
	lines  int    // line ends held back
	blanks []byte // blanks held back
	cr     bool   // a CR was the last octet
	n      int    // octets of out
	out    [1024]byte
}

const maxBlanks = 4096

// reset begins a new text.
func (l *lineHash) reset() { l.lines, l.blanks, l.cr, l.n = 0, l.blanks[:0], false, 0 }

func (l *lineHash) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			l.segment(p)
			break
		}
		l.line(p[:i])
		p = p[i+1:]
	}
	l.flush()
	return n, nil
}

// line takes a line without its LF.
func (l *lineHash) line(seg []byte) {
	n := len(seg)
	if n > 0 && seg[n-1] == '\r' {
		n--
	}
	if n == 0 && l.cr || bytes.IndexByte(seg[:n], '\r') >= 0 {
		l.segment(seg)
		l.space('\n')
		return
	}
	for n > 0 && (seg[n-1] == ' ' || seg[n-1] == '\t') {
		n--
	}
	if n > 0 {
		l.release()
		l.put(seg[:n])
	}
	l.blanks, l.cr = l.blanks[:0], false
	l.lines++
}

// segment takes octets that hold no LF.
func (l *lineHash) segment(seg []byte) {
	for len(seg) > 0 {
		run := seg
		i := bytes.IndexByte(seg, '\r')
		if i >= 0 {
			run = seg[:i]
		}
		if text := bytes.TrimRight(run, " \t"); len(text) > 0 {
			l.release()
			l.put(text)
			l.cr = false
			run = run[len(text):]
		}
		for _, c := range run {
			l.space(c)
		}
		if i < 0 {
			return
		}
		l.space('\r')
		seg = seg[i+1:]
	}
}

func (l *lineHash) space(c byte) {
	switch c {
	case '\n':
		if !l.cr {
			l.lines++
		}
		l.blanks = l.blanks[:0]
	case '\r':
		l.lines++
		l.blanks = l.blanks[:0]
	default:
		if len(l.blanks) < maxBlanks {
			l.blanks = append(l.blanks, c)
		}
	}
	l.cr = c == '\r'
}

func (l *lineHash) release() {
	for ; l.lines > 0; l.lines-- {
		if l.n == len(l.out) {
			l.flush()
		}
		l.out[l.n] = '\n'
		l.n++
	}
	l.put(l.blanks)
	l.blanks = l.blanks[:0]
}

// put hashes octets as they are.
func (l *lineHash) put(b []byte) {
	if len(b) > len(l.out)-l.n {
		l.flush()
		if len(b) > len(l.out) {
			l.h.Write(b)
			return
		}
	}
	l.n += copy(l.out[l.n:], b)
}

func (l *lineHash) flush() {
	l.h.Write(l.out[:l.n])
	l.n = 0
}
