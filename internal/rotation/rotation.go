// Package rotation reads the rotation file: the one text file that says who
// answers support.
//
// It owns the file's syntax and rules (Parse), the watching of it (Watcher)
// and the words for what an edit changed (Describe). What it hands out is a
// threads.Rotation; who is picked from it is decided in package threads.
//
// It guarantees that a file is taken as a whole or not at all, and that a
// refusal names every mistake at once: file, line, column, what was read,
// what is wrong and what was probably meant, in words for somebody who has
// never seen the file. A bad edit leaves the last good version in force.
//
// It never writes the file, never guesses a value, and keeps nothing on disk.
// Calendars are read for when somebody is away and for nothing else: what an
// event is called goes into no message.
//
// The way through it: readTree turns bytes into a tree of values that know
// where they stand; read… fills raw values from tables and reports keys and
// types that do not fit; check… turns those into the rotation and reports
// what does not fit together. The files named ical_* read calendars: lines,
// zones, times, rules and events become spans of absence. source.go joins it
// all.
package rotation

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"postroom/threads"
)

// MaxSize is the largest rotation file that is read, in octets: some ten
// thousand engineers.
const MaxSize = 1 << 20

// maxProblems is how many mistakes a refusal lists; more would not be read.
const maxProblems = 50

// Problem is one mistake in a file, or one thing in it worth a warning.
type Problem struct {
	File   string
	Line   int    // from 1; 0 when it concerns no line
	Column int    // in characters, from 1; 0 when it concerns no line, or a line of a calendar
	Where  string // `engineer "Bob"`; "" at the top of the file
	Text   string // what was read and what is wrong with it
	Hint   string // what was probably meant, or what to do; may be ""
}

// Warning is a Problem that does not make the file unusable.
type Warning = Problem

// Error is the whole of it on one line. Everything in it that comes from the
// file is quoted, so it can go to a terminal, a log or a mail as it is.
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Line > 0 && p.Column > 0 {
		fmt.Fprintf(&b, ":%d", p.Column)
	}
	b.WriteString(": ")
	if p.Where != "" {
		b.WriteString(p.Where + ": ")
	}
	b.WriteString(p.Text)
	if p.Hint != "" {
		b.WriteString("; " + p.Hint)
	}
	return b.String()
}

// Errors is the refusal of a file: all its mistakes in the order of its
// lines. It is never empty.
type Errors []Problem

// Error has one line for each mistake.
func (e Errors) Error() string {
	lines := make([]string, 0, maxProblems+1)
	for i, p := range e {
		if i == maxProblems {
			lines = append(lines, fmt.Sprintf("%s: and %d more", p.File, len(e)-i))
			break
		}
		lines = append(lines, p.Error())
	}
	return strings.Join(lines, "\n")
}

// Version names a content of the file: the start of its SHA-256.
func Version(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}

// Parse reads a rotation file. name is what messages call it. The error, when
// there is one, is an Errors with every mistake, and there is no rotation.
//
// own are the support mailbox's own addresses, which no engineer or admin may
// have: mail to her would come straight back. An address with "{token}" in it
// stands for all that can be made of it. A file that names calendars cannot be
// read so; see Source.
func Parse(name string, data []byte, own ...string) (*threads.Rotation, []Warning, error) {
	return Source{Name: name, Text: data, Own: own}.Parse()
}

// CheckAgainst says which engineer's or admin's address is the support
// address, or one that can be made of the reply address template (which may
// be ""). It is for when the configuration changed and the file did not.
func CheckAgainst(r *threads.Rotation, supportAddress, replyTemplate string) error {
	o := newOwn([]string{supportAddress, replyTemplate})
	var found []error
	for _, e := range r.Engineers {
		for _, a := range append([]string{e.Email}, e.Aliases...) {
			if o.has(a) {
				found = append(found, fmt.Errorf("engineer %q: %q is an address of the support mailbox; write her own", e.Name, a))
			}
		}
	}
	for _, a := range r.Admins {
		if o.has(a) {
			found = append(found, fmt.Errorf("admins: %q is an address of the support mailbox; write a person's own", a))
		}
	}
	return errors.Join(found...)
}

// document is one file being read, with what was found wrong so far.
type document struct {
	name     string
	src      []byte
	problems []placed
	warnings []Warning
}

// placed is a problem with the octet it stands at, for sorting.
type placed struct {
	Problem
	offset int
}

// report notes a mistake at an octet of the file.
func (d *document) report(offset int, where, hint, format string, args ...any) {
	p := Problem{File: d.name, Where: where, Text: fmt.Sprintf(format, args...), Hint: hint}
	p.Line, p.Column = d.position(offset)
	d.problems = append(d.problems, placed{p, offset})
}

// errors is everything reported, in the order of the file; nil for nothing.
func (d *document) errors() error {
	if len(d.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(d.problems, func(a, b placed) int { return a.offset - b.offset })
	list := make(Errors, len(d.problems))
	for i, p := range d.problems {
		list[i] = p.Problem
	}
	return list
}

func (d *document) sort(list []Warning) {
	slices.SortStableFunc(list, func(a, b Warning) int { return a.Line - b.Line })
}

// position turns an octet offset into line and column, the column counted in
// characters as editors do.
func (d *document) position(offset int) (line, column int) {
	before := string(d.src[:min(max(offset, 0), len(d.src))])
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, len([]rune(before[start:])) + 1
}
