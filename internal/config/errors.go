package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxErrors bounds what is said about one file: who has a hundred mistakes
// mends those first.
const maxErrors = 100

// Error is one thing that is wrong, in words for the person who has to mend it.
type Error struct {
	// File is the file as it was named to us.
	File string
	// Line and Column count from 1, Column in characters; both are 0 where the
	// file as a whole is meant.
	Line, Column int
	// Key is the setting ("imap.server"), "" where none is concerned.
	Key string
	// Problem says what was read and what is wrong with it.
	Problem string
	// Hint says what to do; "" where the problem says it.
	Hint string
	// Excerpt is the line and a mark below the column, for a person to look
	// at; "" where it would not help or might show a password.
	Excerpt string
	// Err is the cause, nil where it is the text itself.
	Err error
}

// Error gives "file:line:column: key: problem; hint", and the excerpt on lines
// of its own.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	b.WriteString(": ")
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Problem)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	if e.Excerpt != "" {
		b.WriteString("\n" + e.Excerpt)
	}
	return b.String()
}

// Unwrap gives the cause, for errors.Is.
func (e *Error) Unwrap() error { return e.Err }

// Errors is everything that is wrong with a configuration, in the order of the
// file. It is the type of every error of Find, Load, Parse and CheckSecrets.
type Errors []*Error

// Error gives one mistake after the other, each on its line.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the single mistakes, for errors.As and errors.Is.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}

func (es Errors) sorted() Errors {
	slices.SortStableFunc(es, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return es
}

// fault is what is wrong with a value, before it is known where it stood.
type fault struct {
	problem, hint string
	err           error
}

func faultf(hint, format string, args ...any) *fault {
	return &fault{problem: fmt.Sprintf(format, args...), hint: hint}
}

// show quotes what was read: control characters escaped, long text cut.
func show(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
