package message

import (
	"bytes"
	"io"
	"strings"
)

// treeScan reads a source once, line by line, and notes where its parts lie.
// A line that starts with two hyphens is compared with the boundaries open at
// that place, so the cost grows with the size of the mail alone.
type treeScan struct {
	r     *lineReader
	h     headerScan
	open  [][]byte // boundaries of the multiparts around, outermost first
	last  []byte   // the line that was the last delimiter
	parts int
	note  func(string)
	hint  string // charset for raw 8-bit header text
}

// delimiter is what ended a part: the boundary of a multipart around it, or
// the end of the source.
type delimiter struct {
	level   int // index in open, -1 for the end of the source
	closing bool
	end     int64 // where the part before it ends
	start   int64 // where the line starts
}

// scanTree reads the whole source. whole is the source in memory, if it is
// short enough.
func scanTree(src io.ReaderAt, size int64, note func(string)) (root *Part, cr bool, whole []byte) {
	s := &treeScan{r: newLineReader(src, size), note: note}
	root = &Part{}
	s.part(root, "text/plain", 0)
	root.End = size
	if s.r.mark == '\r' {
		note("lines end with CR alone")
	}
	if int64(len(s.r.buf)) == size {
		whole = s.r.buf
	}
	return root, s.r.mark == '\r', whole
}

// part reads one part to its end.
func (s *treeScan) part(p *Part, defaultType string, depth int) delimiter {
	s.parts++
	p.Start = s.r.offset()
	d, ended := s.header(p, depth == 0)
	s.describe(p, defaultType, depth)
	if ended {
		p.Body, p.End = d.start, d.start
		return d
	}
	switch {
	case !strings.HasPrefix(p.Type, "multipart/"):
		d = s.body(p)
	case depth >= maxDepth:
		s.note("multiparts nested too deep: the innermost is left whole")
		d = s.body(p)
	default:
		d = s.multipart(p, depth)
	}
	p.End = max(d.end, p.Body)
	return d
}

// header reads the header block of p and sets where its body begins. ended is
// true when a boundary, or the end, came first.
func (s *treeScan) header(p *Part, root bool) (d delimiter, ended bool) {
	h := &s.h
	h.reset(p.Start)
	blank, width := 0, int64(0)
	var l line
	for {
		if !s.r.next(&l) {
			d = delimiter{level: -1, start: s.r.offset(), end: s.r.offset()}
			break
		}
		if len(l.text) == 0 && !l.rest {
			// Blank lines before the header of a mail are the mailbox's.
			if root && h.seen == 0 && h.stray < 0 && blank < 5 && s.fieldFollows() {
				blank++
				s.note("blank line before the header: skipped")
				continue
			}
			p.Header, p.Body = h.header(), l.end
			h.problems(s.note)
			return s.startBody(p, h)
		}
		if level, closing := s.match(&l); level >= 0 {
			d = delimiter{level: level, closing: closing, start: l.start, end: l.start}
			break
		}
		if !l.rest {
			width = 0
		}
		if width += int64(len(l.text)); width > maxLine && !root { // the header of the mail itself is never sent on
			p.Lines, p.LongHeader = true, true
		}
		h.add(&l)
	}
	p.Header = h.header()
	h.problems(s.note)
	if h.stray >= 0 {
		// A body without the blank line before it.
		s.missingBlank(p, h.stray)
		return d, false
	}
	return d, true
}

// missingBlank lets the body of p begin at the line that is no field.
func (s *treeScan) missingBlank(p *Part, stray int64) {
	s.note("no blank line between header and body")
	p.Body = stray
	s.r.rewind(stray)
}

// fieldFollows reports whether the next line that is not blank is one of the
// fields that mail begins with.
func (s *treeScan) fieldFollows() bool {
	defer s.r.rewind(s.r.offset())
	var l line
	ok := s.r.next(&l)
	for i := 0; ok && len(l.text) == 0 && i < 5; i++ {
		ok = s.r.next(&l)
	}
	if !ok || len(l.text) == 0 {
		return false
	}
	name, _, ok := splitField(l.text)
	if !ok {
		return bytes.HasPrefix(l.text, []byte("From "))
	}
	switch strings.ToLower(name) {
	case "return-path", "received", "from", "to", "subject", "date", "message-id", "mime-version", "content-type", "delivered-to",
		"x-original-to", "envelope-to", "reply-to", "sender", "dkim-signature":
		return true
	}
	return false
}

// startBody settles where the body begins when lines that are no fields stood
// at the end of the block: they are text whose blank line is missing, unless
// they would spoil an encoded body.
func (s *treeScan) startBody(p *Part, h *headerScan) (delimiter, bool) {
	if h.stray < 0 {
		return delimiter{}, false
	}
	if cleanEncoding(p.Header.Get("Content-Transfer-Encoding")) == "base64" {
		s.note("header line that is no field: skipped")
		return delimiter{}, false
	}
	s.missingBlank(p, h.stray)
	return delimiter{}, false
}

// match compares a line with the open boundaries, innermost first: those that
// the line is, then those that other text follows (RFC 2046 §5.1.1: it is
// enough that the line begins with it).
func (s *treeScan) match(l *line) (level int, closing bool) {
	if t := l.text; len(t) < 3 || t[0] != '-' || t[1] != '-' || len(s.open) == 0 || l.rest || l.more {
		return -1, false
	}
	return s.matchBoundary(l.text)
}

func (s *treeScan) matchBoundary(t []byte) (level int, closing bool) {
	for _, loose := range []bool{false, true} {
		for i := len(s.open) - 1; i >= 0; i-- {
			rest, ok := bytes.CutPrefix(t[2:], s.open[i])
			if !ok {
				continue
			}
			tail, closing := bytes.CutPrefix(rest, []byte("--"))
			if len(tail) > 0 && tail[0] > ' ' || !loose && len(bytes.TrimRight(tail, " \t\r")) > 0 {
				continue
			}
			if !closing && s.parts >= maxParts {
				s.note("too many parts: the rest is left in the last one")
				return -1, false
			}
			s.last = t
			return i, closing
		}
	}
	return -1, false
}

// body reads a leaf, or what stands around the parts of a multipart, to the
// next delimiter.
func (s *treeScan) body(p *Part) delimiter {
	end := s.r.offset()
	var width int64
	var l line
	for {
		if !s.r.next(&l) {
			return delimiter{level: -1, start: s.r.offset(), end: s.r.offset()}
		}
		if level, closing := s.match(&l); level >= 0 {
			return delimiter{level: level, closing: closing, start: l.start, end: end}
		}
		if !l.rest {
			width = 0
		}
		width += int64(len(l.text))
		if !p.EightBit && high(l.text) {
			p.EightBit = true
		}
		if !p.Lines {
			p.Lines = width > maxLine || s.r.mark == '\r' || bytes.IndexByte(l.text, 0) >= 0 ||
				bytes.IndexByte(l.text, '\r') >= 0 || l.eol > 2
		}
		end = l.end - int64(l.eol)
	}
}

// multipart reads the parts of p, RFC 2046 §5.1.
func (s *treeScan) multipart(p *Part, depth int) delimiter {
	boundary := p.Params["boundary"]
	level := len(s.open)
	if boundary == "" {
		boundary = s.findBoundary()
		if boundary == "" {
			p.Type = "text/plain"
			s.note("multipart without a boundary: read as text")
			return s.body(p)
		}
		s.note("multipart without a boundary parameter: taken from the body")
	}
	// Blanks at the end of a boundary are a mistake of its writer, or of those
	// who stripped them off the lines: the first line tells.
	s.open = append(s.open, bytes.TrimRight([]byte(boundary), " \t"))
	d := s.body(p) // preamble
	if full := []byte(boundary); d.level == level && bytes.HasPrefix(s.last, append([]byte("--"), full...)) {
		s.open[level] = full
	}
	for d.level == level && !d.closing {
		child := &Part{}
		p.Children = append(p.Children, child)
		d = s.part(child, childType(p.Type), depth+1)
		p.EightBit = p.EightBit || child.EightBit
		p.Lines = p.Lines || child.Lines
	}
	s.open = s.open[:level]
	if d.level == level {
		d = s.body(p) // epilogue
		if len(p.Children) == 0 {
			s.note("multipart without parts")
		}
		return d
	}
	if len(p.Children) == 0 {
		p.Type = "text/plain"
		s.note("multipart whose boundary never comes: read as text")
	} else {
		s.note("multipart without its last boundary")
	}
	return d
}

func childType(parent string) string {
	if parent == "multipart/digest" {
		return "message/rfc822"
	}
	return "text/plain"
}

// findBoundary looks at the first lines of a body for a boundary that was not
// declared: a line of two hyphens and more, with a content field below it.
func (s *treeScan) findBoundary() string {
	at := s.r.offset()
	defer s.r.rewind(at)
	previous := ""
	var l line
	for range 200 {
		if !s.r.next(&l) {
			return ""
		}
		if level, _ := s.match(&l); level >= 0 {
			return ""
		}
		if previous != "" && len(l.text) > 8 && strings.EqualFold(string(l.text[:8]), "content-") {
			return previous
		}
		previous = ""
		if t := bytes.TrimRight(l.text, " \t"); len(t) > 2 && len(t) < 200 && t[0] == '-' && t[1] == '-' && bytes.IndexByte(t, ' ') < 0 {
			previous = string(t[2:])
		}
	}
	return ""
}
