package message

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// decodeCharset turns octets into valid UTF-8: by the label, else by what the
// octets look like, else as windows-1252. It says what was wrong, "" when
// nothing was.
func decodeCharset(raw []byte, label string) (text, problem string) {
	label = cleanLabel(label)
	if ascii(raw) && !stateful(label) {
		return string(raw), ""
	}
	switch {
	case label == "utf-7":
		return decodeUTF7(raw), ""
	case label == "utf-8" || label == "":
		return decodeUnlabelled(raw, label)
	case western(label):
		// Nothing but UTF-8 looks like UTF-8.
		if utf8.Valid(raw) {
			if label == "us-ascii" {
				return string(raw), ""
			}
			return string(raw), "charset " + label + " is really utf-8"
		}
		if label == "us-ascii" {
			text, name := guess(raw)
			return text, "8-bit octets in us-ascii: read as " + name
		}
	}
	if strings.HasPrefix(label, "iso-2022-kr") || strings.HasPrefix(label, "iso-2022-cn") {
		return decodeShifted(raw, label), ""
	}
	if strings.HasPrefix(label, "utf-16") {
		raw = raw[:len(raw)&^1] // an octet left over is the line end of the mail
		if bytes.HasPrefix(raw, []byte("\xff\xfe")) {
			label = "utf-16le" // its mark says so, whatever the label
		}
	}
	enc := lookupCharset(label)
	if enc == nil {
		text, name := guess(raw)
		return text, "unknown charset " + printable(label) + ": read as " + name
	}
	if good, bad := utf8Shares(raw[:min(len(raw), guessSample)]); good >= 4 && good > bad {
		text, name := guess(raw)
		return text, "charset " + label + " is really " + name
	}
	if label == "iso-2022-jp" && high(raw) {
		text, name := guess(raw)
		return text, "8-bit octets in iso-2022-jp: read as " + name
	}
	text = decodeWith(enc, raw)
	if damage(text)*4 > len(text)/3 {
		better, name := guess(raw)
		if damage(better) < damage(text) {
			return better, "charset " + label + " is wrong: read as " + name
		}
	}
	return text, ""
}

// decodeUnlabelled reads what says it is UTF-8, or says nothing.
func decodeUnlabelled(raw []byte, label string) (text, problem string) {
	if utf8.Valid(raw) {
		return string(raw), ""
	}
	good, bad := utf8Shares(raw)
	if good > bad {
		return strings.ToValidUTF8(string(raw), "\uFFFD"), "invalid utf-8: replaced"
	}
	text, name := guess(raw)
	if label == "" {
		return text, "no charset: read as " + name
	}
	return text, "charset " + label + " is wrong: read as " + name
}

// cleanLabel is the label as charset tables know it.
func cleanLabel(label string) string {
	label = strings.ToLower(strings.Trim(strings.TrimSpace(label), `"'`))
	if i := strings.IndexAny(label, "; \t*,"); i >= 0 {
		label = label[:i]
	}
	switch label {
	case "utf8", "utf_8", "x-utf-8", "unicode-utf-8", "utf-8mb4", "unicode-1-1-utf-8", "x-utf_8j":
		return "utf-8"
	case "unicode-1-1-utf-7", "unicode-2-0-utf-7", "x-unicode-2-0-utf-7", "utf7", "csunicode11utf7":
		return "utf-7"
	case "ascii", "us_ascii", "usascii", "ansi_x3.4-1968", "ansi_x3.4-1986", "iso646-us", "iso-ir-6", "7bit", "646":
		return "us-ascii"
	case "iso-8859-8-i", "iso-8859-8-e":
		return "iso-8859-8"
	case "default", "none", "unknown", "x-unknown", "unknown-8bit", "x-user-defined", "binary", "8bit", "_autodetect", "auto", "charset":
		return ""
	}
	return label
}

// stateful reports charsets whose text is not what its ASCII octets say.
func stateful(label string) bool {
	return strings.HasPrefix(label, "iso-2022") || label == "utf-7" || strings.HasPrefix(label, "hz") ||
		strings.HasPrefix(label, "utf-16") || strings.HasPrefix(label, "utf-32") || strings.HasPrefix(label, "ucs") || label == "csiso2022jp"
}

func western(label string) bool {
	switch label {
	case "us-ascii", "iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "windows-1252", "cp1252", "iso-8859-15":
		return true
	}
	return false
}

// lookupCharset finds the decoder of a cleaned label, nil for none. The tables
// of browsers come first: they read iso-8859-1 as windows-1252, gb2312 as GBK
// and ks_c_5601-1987 as its superset, as the senders of such mail do.
func lookupCharset(label string) encoding.Encoding {
	switch label {
	case "hz-gb-2312", "hz":
		return simplifiedchinese.HZGB2312
	case "cp850", "cp-850", "ibm850":
		return charmap.CodePage850
	case "cp437", "cp-437", "ibm437":
		return charmap.CodePage437
	case "iso-gb2312", "gb-2312", "gb_2312", "chinese", "gb_2312-80", "euc-cn", "x-gbk", "cp936", "ms936", "x-cp936":
		label = "gbk"
	case "cp949", "ms949", "x-windows-949", "ksc5601", "ks_c_5601", "uhc":
		label = "euc-kr"
	case "cp932", "ms932", "windows-31j", "shift-jis", "x-ms-cp932", "sjis":
		label = "shift_jis"
	case "cp950", "ms950", "x-big5", "big-5":
		label = "big5"
	case "iso-2022-jp-ms", "iso-2022-jp-1", "iso-2022-jp-2", "iso-2022-jp-3", "iso-2022-jp-2004", "cp50220", "cp50221", "x-iso-2022-jp":
		label = "iso-2022-jp"
	case "utf-16":
		label = "utf-16be"
	}
	if strings.HasPrefix(label, "cp125") {
		label = "windows-" + label[2:]
	}
	if enc, err := htmlindex.Get(label); err == nil {
		if name, err := htmlindex.Name(enc); err != nil || name != "replacement" {
			return enc
		}
		return nil
	}
	if enc, err := ianaindex.MIME.Encoding(label); err == nil && enc != nil {
		return enc
	}
	return nil
}

func decodeWith(enc encoding.Encoding, raw []byte) string {
	out, err := enc.NewDecoder().Bytes(raw)
	if err != nil {
		return strings.ToValidUTF8(string(raw), "\uFFFD")
	}
	return strings.ToValidUTF8(strings.TrimPrefix(string(out), "\uFEFF"), "\uFFFD")
}

// decodeShifted reads ISO-2022-KR (RFC 1557) and ISO-2022-CN (RFC 1922):
// between SO and SI stand the octets of EUC-KR or GB 2312 without their high
// bit. Designations are passed over.
func decodeShifted(raw []byte, label string) string {
	out := make([]byte, 0, len(raw))
	shifted := false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == 0x0e || c == 0x0f:
			shifted = c == 0x0e
		case c == 0x1b && i+3 < len(raw) && raw[i+1] == '$':
			i += 3
		case c == '\n':
			shifted = false // both begin anew with each line
			out = append(out, c)
		case shifted && c > ' ' && c < 0x7f:
			out = append(out, c|0x80)
		default:
			out = append(out, c)
		}
	}
	if strings.HasPrefix(label, "iso-2022-kr") {
		return decodeWith(korean.EUCKR, out)
	}
	return decodeWith(simplifiedchinese.GBK, out)
}

func damage(s string) int { return strings.Count(s, "\uFFFD") }

func high(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return true
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= 0x80 {
			return true
		}
	}
	return false
}

// ascii reports octets that are text whatever the charset, but for the
// stateful ones.
func ascii(b []byte) bool { return !high(b) && bytes.IndexByte(b, 0x1b) < 0 }

// utf8Shares counts the characters over 127 that are UTF-8, and the octets
// over 127 that are not.
func utf8Shares(raw []byte) (good, bad int) {
	for len(raw) > 0 {
		if raw[0] < 0x80 {
			raw = raw[1:]
			continue
		}
		r, n := utf8.DecodeRune(raw)
		if r == utf8.RuneError && n == 1 {
			bad++
		} else {
			good++
		}
		raw = raw[n:]
	}
	return good, bad
}

// decodeUTF7 reads UTF-7 (RFC 2152): runs of base64 of UTF-16 between + and -.
func decodeUTF7(raw []byte) string {
	var b strings.Builder
	for len(raw) > 0 {
		i := bytes.IndexByte(raw, '+')
		if i < 0 {
			b.Write(raw)
			break
		}
		b.Write(raw[:i])
		raw = raw[i+1:]
		n := 0
		for n < len(raw) && base64Values[raw[n]] != noDigit {
			n++
		}
		if n == 0 {
			b.WriteByte('+')
		} else {
			b.WriteString(utf7Run(raw[:n]))
		}
		raw = raw[n:]
		if len(raw) > 0 && raw[0] == '-' {
			raw = raw[1:]
		}
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

func utf7Run(run []byte) string {
	var units []uint16
	bits, n := uint32(0), 0
	for _, c := range run {
		bits = bits<<6 | uint32(base64Values[c])
		n += 6
		if n >= 16 {
			n -= 16
			units = append(units, uint16(bits>>n))
		}
	}
	return string(utf16.Decode(units))
}

// printable is a label from outside, fit to be shown in a problem.
func printable(s string) string { return clip(oneLine(s), 60) }
