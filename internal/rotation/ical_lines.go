package rotation

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds on a calendar file. Real ones have some hundred events; a calendar
// beyond these is refused, not read in part.
const (
	// MaxCalendar is the largest calendar file that is read, in octets.
	MaxCalendar      = 4 << 20
	maxIcalLine      = 64 << 10 // octets of a content line, unfolded
	maxIcalDepth     = 8        // components within components
	maxEvents        = 20_000
	maxRecurring     = 1_000  // events that repeat
	maxOccurrences   = 20_000 // within the time that is looked at
	maxIcalListItems = 10_000 // dates of one EXDATE or RDATE line
)

// icalProp is one content line of RFC 5545 §3.1, its parameters' names in
// upper case.
type icalProp struct {
	line   int
	name   string
	params map[string]string // the first value of each
	value  string
}

// icalComponent is what stands between BEGIN and END.
type icalComponent struct {
	line     int
	name     string
	props    []icalProp
	children []*icalComponent
}

// get is the first property of a name.
func (c *icalComponent) get(name string) (icalProp, bool) {
	for _, p := range c.props {
		if p.name == name {
			return p, true
		}
	}
	return icalProp{}, false
}

// text is the value of a property in upper case; "" when it is not there.
func (c *icalComponent) text(name string) string {
	p, _ := c.get(name)
	return strings.ToUpper(strings.TrimSpace(p.value))
}

// icalError is what is wrong with a calendar, and in which line.
type icalError struct {
	line int // 0 when it concerns no line
	text string
	hint string
}

func (e *icalError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.text) }

// icalWrong makes an error that is safe to print, whatever args hold.
func icalWrong(line int, hint, format string, args ...any) *icalError {
	return &icalError{line: line, text: strings.Map(printable, fmt.Sprintf(format, args...)), hint: hint}
}

// readIcal reads the calendars of a file. A file that stops before the END of
// what it began is refused: it was caught half written.
func readIcal(data []byte) ([]*icalComponent, *icalError) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	const export = "export it again as iCalendar (.ics)"
	if len(data) > MaxCalendar {
		return nil, icalWrong(0, "export fewer years", "the calendar has %d octets; %d are the most", len(data), MaxCalendar)
	}
	if !utf8.Valid(data) {
		return nil, icalWrong(0, export, "the calendar is not UTF-8")
	}
	root := &icalComponent{}
	open := []*icalComponent{root}
	for s := (icalScanner{rest: data}); ; {
		p, ok, err := s.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		here := open[len(open)-1]
		switch {
		case p.name == "BEGIN":
			if len(open) > maxIcalDepth {
				return nil, icalWrong(p.line, export, "the calendar has components within components beyond %d", maxIcalDepth)
			}
			child := &icalComponent{line: p.line, name: strings.ToUpper(strings.TrimSpace(p.value))}
			here.children = append(here.children, child)
			open = append(open, child)
		case here == root:
			return nil, icalWrong(p.line, export, "%q is no calendar: it must begin with BEGIN:VCALENDAR", clip(p.name, 40))
		case p.name == "END" && !strings.EqualFold(strings.TrimSpace(p.value), here.name):
			return nil, icalWrong(p.line, export, "END:%s does not end the %s begun in line %d", clip(p.value, 40), clip(here.name, 40), here.line)
		case p.name == "END":
			open = open[:len(open)-1]
		default:
			here.props = append(here.props, p)
		}
	}
	switch {
	case len(open) > 1:
		return nil, icalWrong(open[len(open)-1].line, export, "the calendar is cut off: the %s begun here has no end", clip(open[len(open)-1].name, 40))
	case len(root.children) == 0:
		return nil, icalWrong(0, export, "the calendar is empty")
	}
	for _, c := range root.children {
		if c.name != "VCALENDAR" {
			return nil, icalWrong(c.line, export, "BEGIN:%s is no calendar: it must be BEGIN:VCALENDAR", clip(c.name, 40))
		}
	}
	return root.children, nil
}

// icalScanner cuts content lines, joining those that are folded.
type icalScanner struct {
	rest []byte
	line int // of the last line cut
}

func (s *icalScanner) cut() (string, bool) {
	if len(s.rest) == 0 {
		return "", false
	}
	s.line++
	text, rest, _ := bytes.Cut(s.rest, []byte("\n"))
	s.rest = rest
	return string(bytes.TrimSuffix(text, []byte("\r"))), true
}

func (s *icalScanner) next() (p icalProp, ok bool, err *icalError) {
	text := ""
	for text == "" {
		if text, ok = s.cut(); !ok {
			return p, false, nil
		}
		text = strings.TrimRight(text, " \t")
	}
	p.line = s.line
	var folded strings.Builder
	folded.WriteString(text)
	for len(s.rest) > 0 && (s.rest[0] == ' ' || s.rest[0] == '\t') {
		more, _ := s.cut()
		folded.WriteString(more[1:])
		if folded.Len() > maxIcalLine {
			// Attachments and pictures stand in such lines: not for us to read.
			folded.Reset()
			folded.WriteString("X-TOO-LONG:")
		}
	}
	return s.parse(folded.String(), p)
}

// parse splits name, parameters and value (RFC 5545 §3.1).
func (s *icalScanner) parse(text string, p icalProp) (icalProp, bool, *icalError) {
	const hint = "a line of a calendar is NAME:value; a long one goes on with a blank at the start of the next"
	end := strings.IndexAny(text, ";:")
	if end <= 0 || text[0] == '<' {
		if text[0] == '<' {
			return p, false, icalWrong(p.line, "save the .ics file itself", "%q: this is a web page, no calendar", clip(text, 60))
		}
		return p, false, icalWrong(p.line, hint, "%q is no line of a calendar", clip(text, 60))
	}
	p.name = strings.ToUpper(text[:end])
	for text = text[end:]; text != "" && text[0] == ';'; {
		name, rest, found := strings.Cut(text[1:], "=")
		if !found {
			break
		}
		var value string
		value, text = paramValue(rest)
		if p.params == nil {
			p.params = map[string]string{}
		}
		if name = strings.ToUpper(name); p.params[name] == "" {
			p.params[name] = value
		}
	}
	if text == "" || text[0] != ':' {
		return p, false, icalWrong(p.line, hint, "%q has no value", clip(p.name, 60))
	}
	p.value = text[1:]
	return p, true, nil
}

// paramValue cuts the values of a parameter and returns the first, without
// quotes.
func paramValue(s string) (first, rest string) {
	quoted, end := false, len(s)
loop:
	for i := range len(s) {
		switch s[i] {
		case '"':
			quoted = !quoted
		case ';', ':':
			if !quoted {
				end = i
				break loop
			}
		}
	}
	first = s[:end]
	if strings.HasPrefix(first, `"`) {
		return before(first[1:], `"`), s[end:]
	}
	return before(first, ","), s[end:]
}
