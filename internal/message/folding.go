package message

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Columns of header lines.
const (
	foldColumn  = 76   // RFC 2047 §2 wants lines with encoded words this short; RFC 5322 §2.1.1 prefers 78
	wordLimit   = 75   // an encoded word, RFC 2047 §2
	plainLimit  = 200  // a longer run without a space is encoded, so that it can be folded
	maxHeadText = 4000 // octets of a text we put into a header
)

// foldField writes one header field. Tokens are what may not be broken. No
// line is longer than foldColumn unless a single token is.
func foldField(name string, tokens []string) string {
	var b strings.Builder
	b.WriteString(name)
	b.WriteByte(':')
	column := len(name) + 1
	for i, t := range tokens {
		if i > 0 && column+1+len(t) > foldColumn {
			b.WriteString("\r\n")
			column = 0
		}
		b.WriteByte(' ')
		b.WriteString(t)
		column += 1 + len(t)
	}
	b.WriteString("\r\n")
	return b.String()
}

// headText makes text fit for a header: one line without control characters,
// of bounded length.
func headText(s string) string {
	return strings.TrimSpace(clip(oneLine(clip(s, 4*maxHeadText)), maxHeadText))
}

// unstructured makes the tokens of a text such as a subject. Column is where
// the first stands. Words that are not ASCII, or could be taken for encoded
// words, are encoded, and so is what stands between two of them.
func unstructured(text string, column int) []string {
	text = headText(text)
	if strings.Contains(text, "  ") {
		return encodeWords(text, column) // readers fold runs of spaces
	}
	words := strings.Split(text, " ")
	first, last := -1, -1
	for i, w := range words {
		if needsEncoding(w) {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return words
	}
	if first > 0 {
		column = 0
	}
	list := append([]string{}, words[:first]...)
	list = append(list, encodeWords(strings.Join(words[first:last+1], " "), column)...)
	return append(list, words[last+1:]...)
}

func needsEncoding(word string) bool {
	if len(word) > plainLimit || strings.Contains(word, "=?") {
		return true
	}
	for i := 0; i < len(word); i++ {
		if word[i] > 126 || word[i] < ' ' {
			return true
		}
	}
	return false
}

// encodeWords writes text as encoded words (RFC 2047 §4), in the shorter of
// the two encodings. No character is broken across two words. Only letters
// that may stand in a display name are left as they are (§5 rule 3).
func encodeWords(text string, column int) []string {
	if quotedLength(text) <= base64.StdEncoding.EncodedLen(len(text)) {
		return chunkWords(text, column, "Q", quotedLength, quoteWord)
	}
	return chunkWords(text, column, "B",
		func(s string) int { return base64.StdEncoding.EncodedLen(len(s)) },
		func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) })
}

func chunkWords(text string, column int, kind string, length func(string) int, encode func(string) string) []string {
	open, end := "=?UTF-8?"+kind+"?", "?="
	room := min(wordLimit, foldColumn-1-column) - len(open) - len(end)
	var list []string
	for text != "" {
		n := 0
		for n < len(text) {
			_, size := utf8.DecodeRuneInString(text[n:])
			if n > 0 && length(text[:n+size]) > room {
				break
			}
			n += size
		}
		list = append(list, open+encode(text[:n])+end)
		text = text[n:]
		room = wordLimit - len(open) - len(end)
	}
	return list
}

func quotedLength(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] == ' ' || isPhraseLetter(s[i]) {
			n++
			continue
		}
		n += 3
	}
	return n
}

func quoteWord(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == ' ':
			b.WriteByte('_')
		case isPhraseLetter(c):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

func isPhraseLetter(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("!*+-/", c) >= 0
}

// phrase makes the tokens of a display name: a quoted string, or encoded
// words where that cannot be.
func phrase(name string, column int) []string {
	if needsEncoding(name) || strings.Contains(name, "  ") {
		return encodeWords(name, column)
	}
	return strings.Split(inQuotes(name), " ")
}

// inQuotes puts quotes around a text (RFC 5322 §3.2.4).
func inQuotes(s string) string {
	if strings.ContainsAny(s, `\"`) {
		s = strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`)
	}
	return `"` + s + `"`
}

// parameter makes the tokens of one parameter of a Content-* field, in the
// forms of RFC 2231 where its value is long or not ASCII.
func parameter(key, value string) []string {
	value = headText(value)
	if len(value) <= 60 && !needsEncoding(value) {
		if value != "" && strings.Trim(value, tokenOctets) == "" {
			return []string{key + "=" + value}
		}
		return []string{key + "=" + inQuotes(value)}
	}
	const room = 60
	chunks := []string{""}
	for _, r := range value {
		e := percent(string(r))
		if last := len(chunks) - 1; len(chunks[last])+len(e) > room-12*btoi(last == 0) {
			chunks = append(chunks, e)
		} else {
			chunks[last] += e
		}
	}
	if len(chunks) == 1 {
		return []string{key + "*=UTF-8''" + chunks[0]}
	}
	list := make([]string, 0, len(chunks))
	for i, c := range chunks {
		charset := ""
		if i == 0 {
			charset = "UTF-8''"
		}
		semicolon := ";"
		if i == len(chunks)-1 {
			semicolon = ""
		}
		list = append(list, fmt.Sprintf("%s*%d*=%s%s%s", key, i, charset, c, semicolon))
	}
	return list
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// tokenOctets may stand in a parameter value without quotes (RFC 2045 §5.1).
const tokenOctets = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`{|}~"

func percent(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s) + len(s)/4)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}
