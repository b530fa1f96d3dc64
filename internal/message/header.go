package message

import (
	"bytes"
	"slices"
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
// there. Names and values are gathered in one run of octets, so that a block
// takes two pieces of memory however many fields it has.
type headerScan struct {
	fields  []fieldSpan
	text    []byte                 // names and unfolded values
	sieve   func(name []byte) bool // fields that are not wanted are passed over; nil: all are
	seen    int                    // fields, wanted or not
	start   int64
	octets  int64
	stray   int64 // offset of the first line of a run that is no field; -1 for none
	skipped bool  // a stray line was stepped over
	cut     bool  // a limit was reached
	postal  bool  // an mbox From_ line was stepped over
	lost    bool  // the last field was not kept: nor are its continuations
	vital   bool  // the last field is kept beyond the limits
}

// fieldSpan says where a field lies in the text of a scan, and in the source.
type fieldSpan struct {
	known            string // the name, if it is a common one
	name, value, end int
	offset, length   int64
}

// reset begins a new block; the memory is used again.
func (s *headerScan) reset(start int64) {
	*s = headerScan{fields: s.fields[:0], text: s.text[:0], sieve: s.sieve, start: start, stray: -1}
}

// add takes a line that is not blank.
func (s *headerScan) add(l *line) {
	s.octets += l.end - l.start
	switch {
	case l.rest:
		s.extend(l)
	case l.text[0] == ' ' || l.text[0] == '\t':
		if s.stray < 0 && s.seen > 0 {
			s.extend(l)
			return
		}
		s.setStray(l)
	default:
		s.field(l)
	}
}

func (s *headerScan) setStray(l *line) {
	if s.stray < 0 {
		s.stray = l.start
	}
}

func (s *headerScan) extend(l *line) {
	if s.stray >= 0 || len(s.fields) == 0 || s.lost {
		return
	}
	f := &s.fields[len(s.fields)-1]
	f.length = l.end - f.offset
	if s.octets > maxHeader && !s.vital || len(s.text)-f.value+len(l.text) > maxField {
		s.cut = true
		return
	}
	s.text = append(s.text, l.text...)
}

func (s *headerScan) field(l *line) {
	text := l.text
	if s.seen == 0 && l.start == s.start {
		text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	}
	name, value, ok := cutField(text)
	if !ok {
		// The From_ line of an mbox, also quoted by another mailbox format.
		if s.seen == 0 && s.stray < 0 && (bytes.HasPrefix(text, []byte("From ")) || bytes.HasPrefix(text, []byte(">From "))) {
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
	s.seen++
	s.vital = false
	if s.lost = len(s.fields) >= maxFields || s.octets > maxHeader; s.lost {
		s.cut = true
		if s.vital = s.needs(name); !s.vital {
			return
		}
		s.lost = false
	}
	if s.sieve != nil && !s.sieve(name) {
		s.lost = true
		return
	}
	s.append(name, value, l, int64(len(l.text)-len(text)))
}

// vitalFields are kept once wherever they stand: without them nobody knows
// whose mail it is, and what it answers. They are as long as maxField allows,
// so that this, too, has its bound.
var vitalFields = [...]string{
	"From", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References",
	"Content-Type", "Content-Transfer-Encoding", "Auto-Submitted",
}

// needs reports whether a field is a vital one that is not there yet.
func (s *headerScan) needs(name []byte) bool {
	for _, vital := range vitalFields {
		if !strings.EqualFold(string(name), vital) {
			continue
		}
		return !slices.ContainsFunc(s.fields, func(f fieldSpan) bool {
			return strings.EqualFold(f.known, vital) || f.known == "" && strings.EqualFold(string(s.text[f.name:f.value]), vital)
		})
	}
	return false
}

// append keeps a field; mark is how many octets of the line stand before it.
func (s *headerScan) append(name, value []byte, l *line, mark int64) {
	f := fieldSpan{known: commonName(name), name: len(s.text), offset: l.start + mark, length: l.end - l.start - mark}
	if f.known == "" {
		s.text = append(s.text, name...)
	}
	f.value = len(s.text)
	s.text = append(s.text, value...)
	s.fields = append(s.fields, f)
}

// flush ends the last field.
func (s *headerScan) flush() {
	if len(s.fields) == 0 || s.lost {
		return
	}
	f := &s.fields[len(s.fields)-1]
	n := len(s.text)
	for n > f.value && (s.text[n-1] == ' ' || s.text[n-1] == '\t') {
		n--
	}
	s.text = s.text[:n]
	f.end = n
}

// header is what was collected.
func (s *headerScan) header() Header {
	s.flush()
	if len(s.fields) == 0 {
		return nil
	}
	text := string(s.text)
	h := make(Header, len(s.fields))
	for i := range s.fields {
		f := &s.fields[i]
		name := f.known
		if name == "" {
			name = text[f.name:f.value]
		}
		h[i] = Field{Name: name, Value: text[f.value:f.end], Offset: f.offset, Length: f.length}
	}
	return h
}

// splitField splits a field line, RFC 5322 §2.2; white space before the colon
// (§4.5) is taken. The value comes without its leading white space.
func splitField(text []byte) (name string, value []byte, ok bool) {
	key, value, ok := cutField(text)
	if !ok {
		return "", nil, false
	}
	return string(key), value, true
}

func cutField(text []byte) (name, value []byte, ok bool) {
	i := bytes.IndexByte(text, ':')
	if i <= 0 || i > 200 {
		return nil, nil, false
	}
	key := text[:i]
	for n := i; n > 0 && (key[n-1] == ' ' || key[n-1] == '\t'); n-- {
		key = key[:n-1]
	}
	for _, c := range key {
		if c <= ' ' || c >= 0x7f {
			return nil, nil, false
		}
	}
	for i++; i < len(text) && (text[i] == ' ' || text[i] == '\t'); i++ {
	}
	return key, text[i:], len(key) > 0
}

// commonName is a name that most mail has, "" for another: these need no
// memory of their own.
func commonName(key []byte) string {
	switch string(key) {
	case "Received":
		return "Received"
	case "Return-Path":
		return "Return-Path"
	case "Date":
		return "Date"
	case "From":
		return "From"
	case "To":
		return "To"
	case "Cc":
		return "Cc"
	case "Subject":
		return "Subject"
	case "Message-ID":
		return "Message-ID"
	case "Message-Id":
		return "Message-Id"
	case "MIME-Version":
		return "MIME-Version"
	case "Mime-Version":
		return "Mime-Version"
	case "Content-Type":
		return "Content-Type"
	case "Content-Transfer-Encoding":
		return "Content-Transfer-Encoding"
	case "Content-Disposition":
		return "Content-Disposition"
	case "Content-Description":
		return "Content-Description"
	case "Content-ID":
		return "Content-ID"
	case "X-Mailer":
		return "X-Mailer"
	case "References":
		return "References"
	case "In-Reply-To":
		return "In-Reply-To"
	case "Delivered-To":
		return "Delivered-To"
	case "Reply-To":
		return "Reply-To"
	case "Auto-Submitted":
		return "Auto-Submitted"
	case "DKIM-Signature":
		return "DKIM-Signature"
	case "User-Agent":
		return "User-Agent"
	case "Precedence":
		return "Precedence"
	}
	return ""
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
