package message

import (
	"strings"
	"unicode/utf8"
)

// decodeWords decodes a header value for people: encoded words (RFC 2047),
// also such as stand where they may not or are cut, and raw 8-bit text, for
// which hint is the charset of the mail. The result is one line of valid
// UTF-8 without control characters.
func decodeWords(value, hint string) string {
	if !strings.Contains(value, "=?") {
		return oneLine(decodeRaw(value, hint))
	}
	var b strings.Builder
	var run wordRun
	for len(value) > 0 {
		i := strings.Index(value, "=?")
		if i < 0 {
			break
		}
		w, n, ok := parseWord(value[i:])
		before := value[:i]
		if !ok {
			run.flush(&b)
			b.WriteString(decodeRaw(value[:i+2], hint))
			value = value[i+2:]
			continue
		}
		// White space between two encoded words is not shown (RFC 2047 §6.2).
		if strings.TrimSpace(before) != "" || run.empty() {
			run.flush(&b)
			b.WriteString(decodeRaw(before, hint))
		}
		run.add(&b, w)
		value = value[i+n:]
	}
	run.flush(&b)
	b.WriteString(decodeRaw(value, hint))
	return oneLine(b.String())
}

func decodeRaw(s, hint string) string {
	if utf8.ValidString(s) && !strings.Contains(s, "\x1b") {
		return s
	}
	if western(hint) || hint == "utf-8" {
		hint = "" // says nothing that a guess would not find
	}
	text, _ := decodeCharset([]byte(s), hint)
	return text
}

// word is one encoded word, its transfer encoding undone.
type word struct {
	charset string
	raw     []byte
}

// maxWord bounds the search for the end of an encoded word, in octets. RFC
// 2047 §2 allows 75; some programs put a whole subject into one.
const maxWord = 8 << 10

// parseWord reads the encoded word at the start of s and its length.
func parseWord(s string) (w word, n int, ok bool) {
	rest := s[2:]
	charset, rest, ok := strings.Cut(rest, "?")
	if !ok || charset == "" || len(charset) > 60 || strings.ContainsAny(charset, " \t=") || len(rest) < 2 || rest[1] != '?' {
		return word{}, 0, false
	}
	enc := rest[0] | 0x20
	if enc != 'q' && enc != 'b' {
		return word{}, 0, false
	}
	rest = rest[2:]
	text, _, closed := strings.Cut(rest[:min(len(rest), maxWord)], "?=")
	used := len(s) - len(rest) + len(text) + 2
	if enc == 'q' {
		// "=?x?q?=41?=" : the first "?=" may be the start of the text.
		if text == "" && strings.HasPrefix(rest, "?=") && len(rest) > 2 && unhex(rest[2]) >= 0 {
			if more, _, found := strings.Cut(rest[2:], "?="); found {
				text, used = rest[:2+len(more)], used+2+len(more)-len(text)
			}
		}
	}
	if !closed {
		// Cut off: the word reaches to the next blank.
		if i := strings.IndexAny(text, " \t"); i >= 0 {
			text = text[:i]
		}
		used = len(s) - len(rest) + len(text)
	} else if i := strings.Index(text, "=?"); i >= 0 && enc == 'b' {
		// Another word begins before this one ends.
		text = text[:i]
		used = len(s) - len(rest) + i
	}
	w.charset = cleanLabel(charset) // cuts the language of RFC 2231 §5
	if enc == 'b' {
		w.raw = base64Loose(text)
	} else {
		w.raw = decodeQ(text)
	}
	return w, used, true
}

// decodeQ undoes the Q encoding, RFC 2047 §4.2.
func decodeQ(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '_':
			out = append(out, ' ')
		case c == '=' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0:
			out = append(out, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return out
}

// wordRun joins adjacent words of one charset before they are decoded: some
// writers cut inside a character.
type wordRun struct {
	charset string
	raw     []byte
	any     bool
}

func (r *wordRun) empty() bool { return !r.any }

func (r *wordRun) add(b *strings.Builder, w word) {
	if r.any && r.charset != w.charset {
		r.flush(b)
	}
	r.any, r.charset, r.raw = true, w.charset, append(r.raw, w.raw...)
}

func (r *wordRun) flush(b *strings.Builder) {
	if r.any {
		text, _ := decodeCharset(r.raw, r.charset)
		b.WriteString(text)
	}
	*r = wordRun{raw: r.raw[:0]}
}

// oneLine makes text fit for a header, a log or a terminal: one line, valid
// UTF-8, no control characters, none that turn the direction of writing.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	clean := true
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] >= 0x7f {
			clean = false
			break
		}
	}
	if clean {
		return strings.TrimSpace(s)
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\ufeff':
			return -1
		case r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, s))
}

// clip cuts s to at most n octets, between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
