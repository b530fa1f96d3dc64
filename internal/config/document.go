package config

import (
	"bytes"
	"errors"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// maxDepth bounds how far into tables within tables we look. No setting lies
// deeper than two.
const maxDepth = 8

// place is a position in the file; line and column count from 1, the column in
// characters.
type place struct{ line, column int }

// entry is one value of the file: where it stood and what it is.
type entry struct {
	parts   []string // of its key, tables included
	path    string   // the same as one says it: imap.server
	keyAt   place
	valueAt place
	kind    unstable.Kind
	text    string  // a string decoded, anything else as it was written
	items   []entry // of an array; only kind, text and valueAt are set
}

// header is one table: [imap], [[imap]], or imap = { ... }.
type header struct {
	parts []string
	path  string
	at    place
	list  bool // [[imap]]
}

// document is the TOML taken apart, flat and in the order of the file.
type document struct {
	data  []byte
	lines []int // offset of each line's first octet
	// the last place asked for
	last       place
	lastOffset int
	headers    []header
	entries    []entry
}

func newDocument(data []byte) *document {
	d := &document{data: data, lines: []int{0}}
	for i, c := range data {
		if c == '\n' {
			d.lines = append(d.lines, i+1)
		}
	}
	return d
}

// read takes the text apart up to its end or its first syntax error, which it
// returns with its place. What stood before is kept.
func (d *document) read() (*unstable.ParserError, place) {
	var p unstable.Parser
	p.Reset(d.data)
	var table []string
	for p.NextExpression() {
		n := p.Expression()
		switch n.Kind {
		case unstable.Table, unstable.ArrayTable:
			var at place
			table, at = d.key(n.Key())
			d.headers = append(d.headers, header{table, joinKey(table), at, n.Kind == unstable.ArrayTable})
		case unstable.KeyValue:
			d.keyValue(table, n)
		}
	}
	pe, ok := errors.AsType[*unstable.ParserError](p.Error())
	if !ok {
		return nil, place{}
	}
	return pe, d.place(int(p.Range(pe.Highlight).Offset))
}

func (d *document) key(it unstable.Iterator) (parts []string, at place) {
	for it.Next() {
		n := it.Node()
		if len(parts) == 0 {
			at = d.place(int(n.Raw.Offset))
		}
		if len(parts) < maxDepth {
			parts = append(parts, string(n.Data))
		}
	}
	return parts, at
}

func (d *document) keyValue(table []string, n *unstable.Node) {
	own, at := d.key(n.Key())
	if len(table) >= maxDepth {
		return // the outermost of these tables is refused as a whole
	}
	parts := append(append([]string{}, table...), own...)
	v := n.Value()
	if v.Kind == unstable.InlineTable {
		d.headers = append(d.headers, header{parts: parts, path: joinKey(parts), at: at})
		for it := v.Children(); it.Next(); {
			d.keyValue(parts, it.Node())
		}
		return
	}
	e := d.value(v, at)
	e.parts, e.path, e.keyAt = parts, joinKey(parts), at
	d.entries = append(d.entries, e)
}

func (d *document) value(n *unstable.Node, keyAt place) entry {
	e := entry{kind: n.Kind, text: string(n.Data), valueAt: keyAt}
	if n.Raw.Length > 0 {
		e.valueAt = d.place(int(n.Raw.Offset))
	}
	if n.Kind == unstable.Array {
		for it := n.Children(); it.Next(); {
			c := it.Node()
			item := entry{kind: c.Kind, text: string(c.Data), valueAt: keyAt}
			if c.Raw.Length > 0 {
				item.valueAt = d.place(int(c.Raw.Offset))
			}
			e.items = append(e.items, item)
		}
	}
	return e
}

// verify decodes the text a second time, with the whole of TOML's rules: which
// tables may be opened twice, which numbers and dates there are. The parser of
// read knows the grammar only.
func (d *document) verify() (string, place) {
	var discard map[string]any
	err := toml.Unmarshal(d.data, &discard)
	if err == nil {
		return "", place{}
	}
	problem := strings.TrimPrefix(err.Error(), "toml: ")
	at := d.end()
	if de, ok := errors.AsType[*toml.DecodeError](err); ok {
		if row, col := de.Position(); row >= 1 && row <= len(d.lines) && col >= 1 {
			at = d.place(d.lines[row-1] + col - 1)
		}
	}
	return problem, at
}

func (d *document) place(offset int) place {
	offset = min(max(offset, 0), len(d.data))
	line := sort.SearchInts(d.lines, offset+1)
	from, column := d.lines[line-1], 1
	// Places are asked for mostly in order: a long line is counted once.
	if d.last.line == line && d.lastOffset <= offset {
		from, column = d.lastOffset, d.last.column
	}
	d.last = place{line, column + utf8.RuneCount(d.data[from:offset])}
	d.lastOffset = offset
	return d.last
}

// end is where one would write the next line.
func (d *document) end() place {
	text := bytes.TrimRight(d.data, " \t\r\n")
	if len(text) == 0 {
		return place{1, 1}
	}
	return place{d.place(len(text)).line + 1, 1}
}

// table is where the table with this path opens first.
func (d *document) table(path string) (place, bool) {
	for _, h := range d.headers {
		if h.path == path {
			return h.at, true
		}
	}
	return place{}, false
}

// joinKey writes a key as TOML would: parts that are no bare keys in quotes,
// which also keeps control characters out of what we print.
func joinKey(parts []string) string {
	const most = 8
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteByte('.')
		}
		if i == most {
			b.WriteString("…")
			break
		}
		if isBare(part) {
			b.WriteString(part)
			continue
		}
		b.WriteString(show(part))
	}
	return b.String()
}

func isBare(s string) bool {
	const most = 80
	ok := s != "" && len(s) <= most
	for i := 0; ok && i < len(s); i++ {
		c := s[i]
		ok = c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	return ok
}

// describe says what kind of thing an entry is, and the thing where that is
// short.
func (e entry) describe() string {
	switch e.kind {
	case unstable.String:
		return "text"
	case unstable.Integer, unstable.Float:
		return "the number " + e.text
	case unstable.Bool:
		return strconv.Quote(e.text) + " without quotes"
	case unstable.Array:
		return "a list"
	case unstable.LocalDate, unstable.LocalTime, unstable.LocalDateTime, unstable.DateTime:
		return "the date or time " + e.text
	}
	return "a table"
}
