package admin

import (
	"io"
	"strings"
)

// Sheet is one thing as people read it: a heading, named values, a text.
type Sheet struct {
	Title  string
	Fields []Field
	Text   string
	Faults []string
}

// Field is a value with its name; one without a value is left out.
type Field struct{ Name, Value string }

// Sheet prints a sheet. Nothing in it is trusted.
func (p Printer) Sheet(s Sheet) error {
	var b strings.Builder
	p.para(&b, "", "  ", s.Title)
	widest := 0
	for _, f := range s.Fields {
		if f.Value != "" {
			widest = max(widest, columns(f.Name))
		}
	}
	margin := strings.Repeat(" ", widest+4)
	for _, f := range s.Fields {
		if f.Value != "" {
			p.para(&b, "  "+f.Name+margin[:widest+2-columns(f.Name)], margin, f.Value)
		}
	}
	for _, fault := range s.Faults {
		p.para(&b, "  ! ", "    ", fault)
	}
	p.text(&b, "  | ", s.Text)
	_, err := io.WriteString(p.Out, b.String())
	return err
}

// Column of Columns.
type Column struct {
	Name  string
	Width int // columns of the terminal; the last takes what is left
}

// Columns prints a table whose rows come one after the other, so their widths
// are fixed before. A row with fewer cells than columns leaves the rest empty.
type Columns struct {
	p      Printer
	widths []int
}

// Columns prints the head of a table.
func (p Printer) Columns(cols ...Column) (*Columns, error) {
	c := &Columns{p: p, widths: make([]int, len(cols))}
	head := make([]string, len(cols))
	used := 0
	for i, col := range cols {
		head[i], c.widths[i] = col.Name, col.Width
		if used += col.Width + 2; i == len(cols)-1 {
			c.widths[i] = max(p.width()-used+col.Width+2, leastLast)
		}
	}
	return c, c.Row(head...)
}

// Row prints a row, each cell cut to its column. Nothing in it is trusted.
func (c *Columns) Row(cells ...string) error {
	row := make([]string, len(c.widths))
	for i := range row {
		if i < len(cells) {
			row[i] = cell(cells[i], c.widths[i])
		}
	}
	_, err := io.WriteString(c.p.Out, line(row, c.widths)+"\n")
	return err
}
