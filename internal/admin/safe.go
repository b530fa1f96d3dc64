package admin

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Mail is hostile, and a terminal obeys what it is sent: escape sequences,
// overrides of the direction of writing, characters nobody sees. Everything
// that goes to a terminal passes through safe or cell.

// maxMarks bounds the combining marks that may stand on one character.
const maxMarks = 3

// safe makes a text one line a terminal shows as it is: white space becomes
// spaces, and what cannot be seen or moves the cursor is written out, as in
// \x1b or \u202e.
func safe(s string) string {
	var b strings.Builder
	marks := 0
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			fmt.Fprintf(&b, `\x%02x`, s[i])
			marks = 0
			continue
		}
		if cells(r) == 0 {
			if marks++; marks > maxMarks {
				continue
			}
		} else {
			marks = 0
		}
		b.WriteString(shown(r))
	}
	return b.String()
}

func shown(r rune) string {
	switch {
	case unicode.IsSpace(r) && r != 0x85 && r != 0x2028 && r != 0x2029, unicode.Is(unicode.Zs, r):
		return " "
	case unicode.IsPrint(r), joiner(r):
		return string(r)
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xFFFF:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// joiner reports the two invisible characters that many scripts and most
// emoji cannot do without. They move nothing.
func joiner(r rune) bool { return r == '\u200c' || r == '\u200d' }

// cells is how many columns of a terminal a character takes.
func cells(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) || joiner(r) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// columns is how many columns a safe text takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += cells(r)
	}
	return n
}

// cell is a text made safe and, where it takes more than limit columns, cut
// to that with "…" at its end.
func cell(s string, limit int) string {
	// A header may be long; what is far beyond can only be cut off anyhow.
	s = s[:min(len(s), limit*64)]
	s = strings.Join(strings.Fields(safe(s)), " ")
	if columns(s) <= limit {
		return s
	}
	head, _ := split(s, limit-1)
	return strings.TrimRight(head, " ") + "…"
}

// split cuts a safe text behind at most n columns, and behind at least one
// character.
func split(s string, n int) (head, rest string) {
	taken := 0
	for i, r := range s {
		c := cells(r)
		if taken+c > n && i > 0 {
			return s[:i], s[i:]
		}
		taken += c
	}
	return s, ""
}

// wrap breaks a safe text into lines of at most n columns, between words
// where it can.
func wrap(s string, n int) []string {
	var lines []string
	for {
		head, rest := split(s, n)
		if rest == "" {
			return append(lines, head)
		}
		if i := strings.LastIndexByte(head, ' '); i > 0 && rest[0] != ' ' {
			head, rest = s[:i], s[i:]
		}
		lines = append(lines, strings.TrimRight(head, " "))
		s = strings.TrimLeft(rest, " ")
	}
}
