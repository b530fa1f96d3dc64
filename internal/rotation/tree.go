package rotation

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// kind is what a value is, in the words of a message.
type kind string

const (
	aString  kind = "text"
	aNumber  kind = "a number"
	aFloat   kind = "a fraction"
	aBool    kind = "a yes-or-no value"
	aDate    kind = "a date"
	aTime    kind = "a time"
	aList    kind = "a list"
	aTable   kind = "a table"
	unquoted      = "put it in quotes"
)

// value is a TOML value that knows where it stands.
type value struct {
	kind   kind
	offset int
	text   string   // the text of a string; everything else as written
	items  []*value // of a list
	tables bool     // a list made of [[…]] tables
	table  *table
}

// table is a TOML table with its keys in the order of the file.
type table struct {
	offset int
	header bool // has a [header] of its own, which may not come twice
	keys   []*entry
}

// entry is one key of a table.
type entry struct {
	name   string
	offset int
	value  *value
}

func (t *table) find(name string) *entry {
	for _, e := range t.keys {
		if e.name == name {
			return e
		}
	}
	return nil
}

// refuseBytes reports what is wrong with the file before it is TOML at all.
func (d *document) refuseBytes() bool {
	d.src = bytes.TrimPrefix(d.src, []byte("\xef\xbb\xbf")) // what some editors put in front
	switch {
	case len(d.src) > MaxSize:
		d.report(0, "", "", "the file has %d octets; %d are the most", len(d.src), MaxSize)
	case bytes.HasPrefix(d.src, []byte{0xff, 0xfe}), bytes.HasPrefix(d.src, []byte{0xfe, 0xff}), bytes.IndexByte(d.src, 0) >= 0:
		d.report(0, "", "save it as UTF-8", "the file is not plain text in UTF-8")
	case !utf8.Valid(d.src):
		d.report(firstInvalid(d.src), "", "save the file as UTF-8", "this character is not UTF-8")
	}
	return len(d.problems) > 0
}

func firstInvalid(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return 0
}

// readTree reads the file into a tree. A key or table that comes twice is
// reported and left out; broken syntax is reported and ends it with nil.
func (d *document) readTree() *table {
	root := &table{header: true}
	here := root
	p := unstable.Parser{}
	p.Reset(d.src)
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table:
			here = d.openTable(root, e)
		case unstable.ArrayTable:
			here = d.openItem(root, e)
		case unstable.KeyValue:
			d.addKey(here, e)
		}
	}
	if err := p.Error(); err != nil {
		d.reportSyntax(err)
		return nil
	}
	if len(d.problems) == 0 {
		d.judge()
	}
	return root
}

// judge lets the library have the last word on rules of TOML that the tree
// does not check, such as a table opened both by dots and by a header.
func (d *document) judge() {
	var all map[string]any
	if err := toml.Unmarshal(d.src, &all); err != nil {
		offset := 0
		if de := (*toml.DecodeError)(nil); errors.As(err, &de) {
			offset = d.offsetOf(de.Position())
		}
		d.report(offset, "", "", "%s", strings.TrimPrefix(err.Error(), "toml: "))
	}
}

// offsetOf is the octet at a line and an octet column, both from 1.
func (d *document) offsetOf(line, column int) int {
	offset := 0
	for ; line > 1; line-- {
		i := bytes.IndexByte(d.src[offset:], '\n')
		if i < 0 {
			break
		}
		offset += i + 1
	}
	return min(offset+max(column-1, 0), len(d.src))
}

// keyPart is one part of a dotted key.
type keyPart struct {
	name   string
	offset int
}

func keyParts(e *unstable.Node) []keyPart {
	var parts []keyPart
	for it := e.Key(); it.Next(); {
		parts = append(parts, keyPart{string(it.Node().Data), int(it.Node().Raw.Offset)})
	}
	return parts
}

// descend goes down to the table that holds the last part of a key, making
// tables on the way. In a list of tables the last one is meant.
func (d *document) descend(t *table, parts []keyPart) *table {
	for _, part := range parts[:len(parts)-1] {
		e := t.find(part.name)
		switch {
		case e == nil:
			next := &table{offset: part.offset}
			t.keys = append(t.keys, &entry{part.name, part.offset, &value{kind: aTable, offset: part.offset, table: next}})
			t = next
		case e.value.table != nil:
			t = e.value.table
		case e.value.tables:
			t = e.value.items[len(e.value.items)-1].table
		default:
			d.report(part.offset, "", "", "%q is %s already and cannot be a table too", part.name, e.value.kind)
			return &table{} // what follows is read and left out
		}
	}
	return t
}

// openTable is [name].
func (d *document) openTable(root *table, e *unstable.Node) *table {
	parts := keyParts(e)
	last := parts[len(parts)-1]
	t := d.descend(root, parts)
	old := t.find(last.name)
	if old == nil {
		next := &table{offset: last.offset, header: true}
		t.keys = append(t.keys, &entry{last.name, last.offset, &value{kind: aTable, offset: last.offset, table: next}})
		return next
	}
	if old.value.table != nil && !old.value.table.header {
		old.value.table.header = true
		return old.value.table
	}
	line, _ := d.position(old.offset)
	hint := "write all of it under one [" + last.name + "]"
	if last.name == "engineer" || last.name == "topic" {
		hint = "write each as [[" + last.name + "]], with two brackets"
	}
	d.report(last.offset, "", hint, "[%s] comes twice, first in line %d", last.name, line)
	return &table{}
}

// openItem is [[name]].
func (d *document) openItem(root *table, e *unstable.Node) *table {
	parts := keyParts(e)
	last := parts[len(parts)-1]
	t := d.descend(root, parts)
	next := &table{offset: last.offset, header: true}
	item := &value{kind: aTable, offset: last.offset, table: next}
	old := t.find(last.name)
	switch {
	case old == nil:
		list := &value{kind: aList, offset: last.offset, items: []*value{item}, tables: true}
		t.keys = append(t.keys, &entry{last.name, last.offset, list})
	case old.value.tables:
		old.value.items = append(old.value.items, item)
	default:
		line, _ := d.position(old.offset)
		hint := ""
		if old.value.table != nil {
			hint = "write that one as [[" + last.name + "]] too"
		}
		d.report(last.offset, "", hint, "[[%s]] does not go with %q in line %d, which is %s", last.name, last.name, line, old.value.kind)
	}
	return next
}

// addKey is key = value.
func (d *document) addKey(t *table, e *unstable.Node) {
	parts := keyParts(e)
	last := parts[len(parts)-1]
	t = d.descend(t, parts)
	if old := t.find(last.name); old != nil {
		line, _ := d.position(old.offset)
		d.report(last.offset, "", "keep one of them", "%q comes twice, first in line %d", last.name, line)
		return
	}
	t.keys = append(t.keys, &entry{last.name, last.offset, d.readValue(e.Value(), last.offset)})
}

// readValue copies a value out of the parser, whose memory is used again for
// the next expression. near is where to point when the value has no place of
// its own.
func (d *document) readValue(n *unstable.Node, near int) *value {
	v := &value{offset: near, text: string(n.Data)}
	if n.Raw.Length > 0 {
		v.offset = int(n.Raw.Offset)
	}
	switch n.Kind {
	case unstable.String:
		v.kind = aString
	case unstable.Integer:
		v.kind = aNumber
	case unstable.Float:
		v.kind = aFloat
	case unstable.Bool:
		v.kind = aBool
	case unstable.LocalDate:
		v.kind = aDate
	case unstable.LocalTime, unstable.LocalDateTime, unstable.DateTime:
		v.kind = aTime
	case unstable.Array:
		v.kind, v.text = aList, ""
		for it := n.Children(); it.Next(); {
			v.items = append(v.items, d.readValue(it.Node(), v.offset))
		}
	case unstable.InlineTable:
		v.kind, v.text = aTable, ""
		v.table = &table{offset: v.offset, header: true}
		for it := n.Children(); it.Next(); {
			d.addKey(v.table, it.Node())
		}
	}
	return v
}
