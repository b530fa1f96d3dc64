package message

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

const guessSample = 4 << 10

// guess decodes octets of which no charset is known, and names what it took
// them for. Letters of western text stand alone among ASCII; those of other
// scripts stand together.
func guess(raw []byte) (text, name string) {
	if utf8.Valid(raw) {
		return string(raw), "utf-8"
	}
	if bytes.Contains(raw, []byte("\x1b$")) || bytes.Contains(raw, []byte("\x1b(")) {
		return decodeWith(japanese.ISO2022JP, raw), "iso-2022-jp"
	}
	sample := raw[:min(len(raw), guessSample)]
	// Nothing else looks like many characters of UTF-8: a few octets are broken.
	if good, bad := utf8Shares(sample); good >= 4 && good > bad {
		return strings.ToValidUTF8(string(raw), "\uFFFD"), "utf-8"
	}
	if fewLetters(sample) {
		return decodeWith(charmap.Windows1252, raw), "windows-1252"
	}
	if shiftJIS(sample) {
		return decodeWith(japanese.ShiftJIS, raw), "shift_jis"
	}
	if together(sample) {
		if enc, name := guessScript(sample); enc != nil {
			return decodeWith(enc, raw), name
		}
	}
	return decodeWith(charmap.Windows1252, raw), "windows-1252"
}

// fewLetters reports text with so few octets over 127 that nothing can be
// counted, all of them letters of western languages: "äöüß" in a row would
// be two characters of Chinese.
func fewLetters(sample []byte) bool {
	n := 0
	for _, c := range sample {
		if c < 0x80 {
			continue
		}
		if n++; n > 6 || strings.IndexByte("\xe4\xf6\xfc\xdf\xc4\xd6\xdc\xe9\xe8\xea\xe0\xe2\xe7\xf1\xf3\xed\xfa\xe1\xe3\xf5\xf4\xe5\xe6\xf8\xc9\xc0\xc7\xd1\xc5\xc6\xd8\xee\xef\xfb\xf9\xf2\xec\xeb\x92\x93\x94\x96\x85\x80\xa0\xa7", c) < 0 {
			return false
		}
	}
	return true
}

// shiftJIS reports text in which Japanese letters were written in two octets
// of which the second is often ASCII.
func shiftJIS(sample []byte) bool {
	kana, other := 0, 0
	for _, r := range decodeWith(japanese.ShiftJIS, sample) {
		switch {
		case r < 0x80:
		case r == utf8.RuneError:
			return false
		case r >= 0x3000 && r < 0x3100:
			kana++
		case unicode.In(r, unicode.Han):
		default:
			other++
		}
	}
	return kana >= 2 && other*4 <= kana
}

// together reports whether most octets over 127 have one beside them.
func together(b []byte) bool {
	high, pairs := 0, 0
	for i, c := range b {
		if c < 0x80 {
			continue
		}
		high++
		if i > 0 && b[i-1] >= 0x80 || i+1 < len(b) && b[i+1] >= 0x80 {
			pairs++
		}
	}
	return high >= 4 && pairs*10 > high*7
}

func guessScript(sample []byte) (best encoding.Encoding, name string) {
	candidates := []struct {
		name string
		enc  encoding.Encoding
	}{
		{"gb18030", simplifiedchinese.GB18030},
		{"big5", traditionalchinese.Big5},
		{"shift_jis", japanese.ShiftJIS},
		{"euc-jp", japanese.EUCJP},
		{"euc-kr", korean.EUCKR},
		{"windows-1251", charmap.Windows1251},
		{"koi8-r", charmap.KOI8R},
	}
	top := 0.5
	for _, c := range candidates {
		if s := score(decodeWith(c.enc, sample), c.name, sample); s > top {
			best, name, top = c.enc, c.name, s
		}
	}
	return best, name
}

// score rates between 0 and 1 how much a decoded text looks like one.
func score(text, name string, raw []byte) float64 {
	total, good := 0, 0.0
	lower, upper := 0, 0
	turns, previous := 0, ' '
	for _, r := range text {
		if r < 0x80 {
			previous = r
			continue
		}
		total++
		if unicode.IsLower(previous) && unicode.IsUpper(r) {
			turns++
		}
		previous = r
		switch {
		case r == utf8.RuneError:
			good -= 3
		case unicode.In(r, unicode.Hiragana, unicode.Katakana):
			if r < 0xff00 { // half-width forms are what other charsets look like
				good++
			}
		case unicode.In(r, unicode.Hangul):
			good++
		case unicode.In(r, unicode.Han):
			good += 0.8
		case unicode.In(r, unicode.Cyrillic):
			if unicode.IsUpper(r) {
				upper++
			} else {
				lower++
			}
			good++
		case r >= 0x3000 && r < 0x3040, r >= 0xff01 && r < 0xff5f:
			good++
		}
	}
	if total == 0 {
		return 0
	}
	s := good / float64(total)
	switch name {
	case "windows-1251", "koi8-r":
		// The wrong one of the two turns the case around.
		if upper > lower || turns*6 > total {
			s /= 2
		}
		s *= 0.9
	case "gb18030":
		s *= 0.5 + common(raw, 0xb0, 0xd7)/2
	case "big5":
		s *= 0.5 + common(raw, 0xa4, 0xc6)/2
	case "euc-kr":
		s *= 0.5 + common(raw, 0xb0, 0xc8)/2
	}
	return s
}

// common is the share of double octets whose first lies in the range of the
// charset's common characters.
func common(raw []byte, lo, hi byte) float64 {
	n, in := 0, 0
	for i := 0; i+1 < len(raw); i++ {
		if raw[i] < 0x80 {
			continue
		}
		n++
		if raw[i] >= lo && raw[i] <= hi {
			in++
		}
		i++
	}
	if n == 0 {
		return 0
	}
	return float64(in) / float64(n)
}
