package message

import (
	"bytes"
	"strings"
)

// sameName compares field names. Most differ in length or at their start.
func sameName(a, b string) bool {
	return len(a) == len(b) && (len(a) == 0 || a[0]|0x20 == b[0]|0x20) && strings.EqualFold(a, b)
}

// Get returns the value of the first field of that name, "" when there is
// none.
func (h Header) Get(name string) string {
	for i := range h {
		if sameName(h[i].Name, name) {
			return h[i].Value
		}
	}
	return ""
}

// Has reports whether there is a field of that name.
func (h Header) Has(name string) bool {
	for i := range h {
		if sameName(h[i].Name, name) {
			return true
		}
	}
	return false
}

// All returns the values of every field of that name, in order.
func (h Header) All(name string) []string {
	var list []string
	for i := range h {
		if sameName(h[i].Name, name) {
			list = append(list, h[i].Value)
		}
	}
	return list
}

// headerScan collects the fields of one header block, line by line. A line
// that is no field and continues none is stepped over; when no field follows
// such a line, the blank line before the body is missing and the body starts
// there.
type headerScan struct {
	fields  Header
	value   []byte // of the last field, unfolded
	start   int64
	octets  int64
	stray   int64 // offset of the first line of a run that is no field; -1 for none
	skipped bool  // a stray line was stepped over
	cut     bool  // a limit was reached
	postal  bool  // an mbox From_ line was stepped over
	lost    bool  // the last field was dropped for a limit: so are its continuations
}

func newHeaderScan(start int64) *headerScan { return &headerScan{start: start, stray: -1} }

// add takes a line that is not blank.
func (s *headerScan) add(l line) {
	s.octets += l.end - l.start
	switch {
	case l.rest:
		s.extend(l)
	case l.text[0] == ' ' || l.text[0] == '\t':
		if s.stray < 0 && (len(s.fields) > 0 || s.lost) {
			s.extend(l)
			return
		}
		s.setStray(l)
	default:
		s.field(l)
	}
}

func (s *headerScan) setStray(l line) {
	if s.stray < 0 {
		s.stray = l.start
	}
}

func (s *headerScan) extend(l line) {
	if s.stray >= 0 || len(s.fields) == 0 || s.lost {
		return
	}
	f := &s.fields[len(s.fields)-1]
	f.Length = l.end - f.Offset
	if s.octets > maxHeader || len(s.value)+len(l.text) > maxField {
		s.cut = true
		return
	}
	s.value = append(s.value, l.text...)
}

func (s *headerScan) field(l line) {
	text := l.text
	if len(s.fields) == 0 && l.start == s.start {
		text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	}
	name, value, ok := splitField(text)
	if !ok {
		// The From_ line of an mbox, also quoted by another mailbox format.
		if len(s.fields) == 0 && s.stray < 0 && (bytes.HasPrefix(text, []byte("From ")) || bytes.HasPrefix(text, []byte(">From "))) {
			s.postal = true
			return
		}
		s.setStray(l)
		return
	}
	if s.stray >= 0 {
		s.stray, s.skipped = -1, true
	}
	s.flush()
	s.lost = len(s.fields) >= maxFields || s.octets > maxHeader
	if s.lost {
		s.cut = true
		return
	}
	if s.fields == nil {
		s.fields = make(Header, 0, 8)
	}
	s.fields = append(s.fields, Field{Name: name, Offset: l.start + int64(len(l.text)-len(text)), Length: l.end - l.start - int64(len(l.text)-len(text))})
	s.value = append(s.value, value...)
}

// flush gives the last field its value.
func (s *headerScan) flush() {
	if len(s.fields) > 0 && !s.lost {
		s.fields[len(s.fields)-1].Value = string(bytes.TrimRight(s.value, " \t"))
	}
	s.value = s.value[:0]
}

// splitField splits a field line, RFC 5322 §2.2; white space before the colon
// (§4.5) is taken. The value comes without its leading white space.
func splitField(text []byte) (name string, value []byte, ok bool) {
	i := bytes.IndexByte(text, ':')
	if i <= 0 || i > 200 {
		return "", nil, false
	}
	key := bytes.TrimRight(text[:i], " \t")
	for _, c := range key {
		if c <= ' ' || c >= 0x7f {
			return "", nil, false
		}
	}
	if len(key) == 0 {
		return "", nil, false
	}
	return fieldName(key), bytes.TrimLeft(text[i+1:], " \t"), true
}

// fieldName is a name as a string. Those that most mail has are constants:
// they need no memory of their own.
func fieldName(key []byte) string {
	for _, name := range [...]string{"Received", "Return-Path", "Date", "From", "To", "Subject", "Message-ID", "Message-Id", "MIME-Version", "Mime-Version",
		"Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Content-Description", "X-Mailer", "References", "In-Reply-To", "Delivered-To"} {
		if len(name) == len(key) && name == string(key) {
			return name
		}
	}
	return string(key)
}

// problems tells what was wrong with the block.
func (s *headerScan) problems(note func(string)) {
	if s.postal {
		note("mbox From_ line before the header: skipped")
	}
	if s.skipped {
		note("header line that is no field: skipped")
	}
	if s.cut {
		note("header over its limits: the rest is not read")
	}
}
