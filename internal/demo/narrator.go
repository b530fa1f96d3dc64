package demo

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// narrator writes the story. What comes from mail is made printable first:
// nothing in it may speak to the terminal.
type narrator struct {
	out    io.Writer
	colour bool
	step   int
	title  string
}

// The colours, as ANSI escapes (ECMA-48 §8.3.117).
const (
	bold  = "\x1b[1m"
	faint = "\x1b[2m"
	red   = "\x1b[31m"
	green = "\x1b[32m"
	plain = "\x1b[0m"
)

func (n *narrator) paint(colour, s string) string {
	if !n.colour {
		return s
	}
	return colour + s + plain
}

// begin names the step that comes next; errors carry the name.
func (n *narrator) begin(title string) { n.title = title }

// told prints the step that has happened, one plain line.
func (n *narrator) told(format string, args ...any) {
	n.step++
	fmt.Fprintf(n.out, "%s  %s\n", n.paint(bold, fmt.Sprintf("%2d", n.step)), printable(fmt.Sprintf(format, args...)))
}

// detail prints a line that belongs to the step above.
func (n *narrator) detail(format string, args ...any) {
	fmt.Fprintf(n.out, "    %s\n", n.paint(faint, printable(fmt.Sprintf(format, args...))))
}

// checked prints what was looked at and found right.
func (n *narrator) checked(format string, args ...any) {
	fmt.Fprintf(n.out, "    %s %s\n", n.paint(green, "checked:"), printable(fmt.Sprintf(format, args...)))
}

func (n *narrator) line(format string, args ...any) {
	fmt.Fprintln(n.out, printable(fmt.Sprintf(format, args...)))
}

func (n *narrator) gap() { fmt.Fprintln(n.out) }

// quote prints lines of a mail.
func (n *narrator) quote(lines []string) {
	for _, line := range lines {
		fmt.Fprintf(n.out, "      %s %s\n", n.paint(faint, "|"), printable(line))
	}
}

// trouble prints what the service complained of, when the story has failed.
func (n *narrator) trouble(complaints []string) {
	if len(complaints) == 0 {
		return
	}
	fmt.Fprintln(n.out, n.paint(red, "The service said meanwhile:"))
	n.quote(complaints)
}

// failed is a step that did not come out as it must.
func (n *narrator) failed(expected, found string) error {
	return fmt.Errorf("step %d, %s:\n  expected: %s\n  found:    %s", n.step+1, n.title, printable(expected), printable(found))
}

// printable replaces what is no visible character.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}

func firstWord(s string) string {
	first, _, _ := strings.Cut(s, " ")
	return first
}

func localPart(addr string) string {
	local, _, _ := strings.Cut(addr, "@")
	return local
}
