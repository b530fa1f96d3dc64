package rehearse

import (
	"bufio"
	"bytes"
	"strings"
)

var fromWord = []byte("From ")

// separators knows which lines "From " of an mbox begin a mail. Programs that
// forget to quote them leave such lines in mails too, so a line has to look
// the part: it names a sender and a date as ctime(3) writes it (RFC 4155), and
// stands behind an empty line or before a header field. In an mbox whose first
// separator has no date, an empty line before and a header field behind it are
// asked of the others.
type separators struct{ loose bool }

// separates reports whether a line "From " begins a mail; apart says that an
// empty line stands before it. br stands behind the line.
func (s separators) separates(line []byte, apart bool, br *bufio.Reader) bool {
	switch {
	case fromDate(line):
		return apart || headerFollows(br)
	case s.loose:
		return apart && headerFollows(br)
	}
	return false
}

// maxFromLine is how much of a separator is looked at, in octets.
const maxFromLine = 512

// headerFollows reports whether the next line begins a header field, or is one
// of the marks that stand before a header.
func headerFollows(br *bufio.Reader) bool {
	next, _ := br.Peek(200)
	if bytes.HasPrefix(bytes.TrimLeft(next, ">"), fromWord) {
		return true
	}
	for i, c := range next {
		switch {
		case c == ':':
			return i > 0
		case c <= ' ' || c >= 0x7f:
			return false
		}
	}
	return false
}

const (
	weekdays = "MonTueWedThuFriSatSun"
	months   = "JanFebMarAprMayJunJulAugSepOctNovDec"
)

// fromDate reports whether a separator ends in a date: day of the week, month
// and day in either order, time, and a year near it.
func fromDate(line []byte) bool {
	f := strings.FieldsFunc(string(line[:min(len(line), maxFromLine)]), func(r rune) bool { return r == ' ' || r == '\t' || r == ',' || r == '\r' || r == '\n' })
	for i := 1; i+3 < len(f); i++ {
		if !oneOf(weekdays, f[i]) {
			continue
		}
		month, day := f[i+1], f[i+2]
		if number(month, 1, 2) {
			month, day = day, month
		}
		if oneOf(months, month) && number(day, 1, 2) && dated(f[i+3:]) {
			return true
		}
	}
	return false
}

// dated finds a time and a year in the fields behind month and day, with a
// zone or two among them.
func dated(f []string) bool {
	clock, year := false, false
	for _, s := range f[:min(len(f), 4)] {
		clock = clock || isClock(s)
		year = year || number(s, 4, 4)
	}
	return clock && year
}

func isClock(s string) bool {
	h, rest, ok := strings.Cut(s, ":")
	m, sec, seconds := strings.Cut(rest, ":")
	return ok && number(h, 1, 2) && number(m, 2, 2) && (!seconds || number(sec, 2, 2))
}

func number(s string, least, most int) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

// oneOf reports whether s is one of the three-letter words of list.
func oneOf(list, s string) bool {
	i := strings.Index(list, s)
	return len(s) == 3 && i >= 0 && i%3 == 0
}
