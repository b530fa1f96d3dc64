package message

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// foundAddress is an address in a text: where it stands, and what it is with
// percent escapes undone.
type foundAddress struct {
	from, to int
	addr     string
}

// addressesIn finds what looks like an addr-spec in text or in a URL, where
// the "@" may be written "%40", even twice escaped. Behind "|" and the like an
// address may begin anew, as in the links of Outlook: "05|02|a@b". The time is in
// proportion to the text: a local part is looked for in its last 320 octets only.
func addressesIn(text string) []foundAddress {
	var list []foundAddress
	for at := 0; at < len(text); {
		i, width := nextAt(text[at:])
		if i < 0 {
			return list
		}
		i += at
		from, local, inner := localBefore(text, i, at)
		at = i + width
		if local == "" {
			continue
		}
		// A domain of other scripts, or text that follows without a space: both
		// readings count.
		ends := [2]int{domainBehind(text, at, true), domainBehind(text, at, false)}
		for j, to := range ends {
			if to <= at || j > 0 && to == ends[0] {
				continue
			}
			list = append(list, foundAddress{from, to, local + "@" + text[at:to]})
			for _, in := range inner {
				list = append(list, foundAddress{in.from, to, local[in.at:] + "@" + text[at:to]})
			}
		}
	}
	return list
}

// nextAt finds an at sign and how many octets it takes.
func nextAt(s string) (at, width int) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '@':
			return i, 1
		case '%':
			if c, n := escaped(s[i:]); c == '@' {
				return i, n
			}
		}
	}
	return -1, 0
}

// escaped reads a percent escape, also one that was escaped again: %2540.
func escaped(s string) (c byte, n int) {
	n = 1
	for len(s) >= n+4 && s[n:n+2] == "25" && isHex(s[n+2]) && isHex(s[n+3]) {
		n += 2
	}
	if len(s) < n+2 || !isHex(s[n]) || !isHex(s[n+1]) {
		return 0, 0
	}
	return byte(unhexDigit(s[n])<<4 | unhexDigit(s[n+1])), n + 2
}

func unhexDigit(c byte) int {
	switch {
	case c <= '9':
		return int(c - '0')
	case c >= 'a':
		return int(c-'a') + 10
	}
	return int(c-'A') + 10
}

// shorter is where a local part may begin as well: in the text, and in the
// local part without escapes.
type shorter struct{ from, at int }

// maxShorter bounds the readings of one local part: the shortest count.
const maxShorter = 4

// localBefore reads the local part that ends at end and begins not before
// low.
func localBefore(text string, end, low int) (from int, local string, inner []shorter) {
	low = max(low, end-addressOctets)
	start := end
	for start > low && (isLocal(text[start-1]) || text[start-1] == '%') {
		start--
	}
	var b strings.Builder
	from = start
	for i := start; i < end; {
		c, n := text[i], 1
		if c == '%' {
			if c, n = escaped(text[i:]); n == 0 {
				c, n = 0, 1
			}
		}
		i += n
		if !isLocal(c) {
			b.Reset()
			from, inner = i, inner[:0]
			continue
		}
		if b.Len() == 0 && strings.IndexByte(beforeLocal, c) >= 0 {
			from = i
			continue
		}
		b.WriteByte(c)
		if strings.IndexByte(betweenLocals, c) >= 0 && i < end {
			if len(inner) == maxShorter {
				inner = append(inner[:0], inner[1:]...)
			}
			inner = append(inner, shorter{i, b.Len()})
		}
	}
	return from, b.String(), inner
}

// beforeLocal are octets that may begin a local part, but in text rather
// stand before one, as in *a@b*.
const beforeLocal = ".!#$*+^_{|}~'-"

// betweenLocals are octets of a local part that rather stand between two.
const betweenLocals = "!#$*^{|}~'"

// isLocal reports an octet of a local part. Engineers' addresses and ours are
// ASCII, and letters of other scripts often stand before one without a space.
func isLocal(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(beforeLocal, c) >= 0
}

func domainBehind(text string, from int, letters bool) int {
	to := from
	for to < len(text) && to-from < addressOctets {
		c := text[to]
		if c >= 0x80 {
			r, n := utf8.DecodeRuneInString(text[to:])
			if !letters || !unicode.IsLetter(r) && !unicode.IsMark(r) {
				break
			}
			to += n
			continue
		}
		if !isAlnum(c) && c != '.' && c != '-' && c != '_' {
			break
		}
		to++
	}
	for to > from && (text[to-1] == '.' || text[to-1] == '-' || text[to-1] == '_') {
		to--
	}
	return to
}

// alnumRuns finds the runs of ASCII letters and digits of exactly that length.
// A percent escape before a run is not part of it.
func alnumRuns(text string, length int) [][2]int {
	var list [][2]int
	for i := 0; i < len(text); {
		if !isAlnum(text[i]) {
			if text[i] == '%' {
				if _, n := escaped(text[i:]); n > 0 {
					i += n
					continue
				}
			}
			i++
			continue
		}
		j := i
		for j < len(text) && isAlnum(text[j]) {
			j++
		}
		if j-i == length {
			list = append(list, [2]int{i, j})
		}
		i = j
	}
	return list
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
