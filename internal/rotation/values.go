package rotation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText bounds a name or any other single text of the file, in characters.
const maxText = 200

// text is a text of the file with its place.
type text struct {
	s      string
	offset int
}

// text reads a value that must be text: not empty, one line, nothing in it
// that could end a header line or turn a terminal's writing round.
func (d *document) text(where, key string, v *value) (text, bool) {
	if v.kind != aString {
		d.wrongKind(where, key, v, "text in quotes")
		return text{}, false
	}
	s := strings.TrimSpace(v.text)
	switch bad := strings.IndexFunc(s, unprintable); {
	case s == "":
		d.report(v.offset, where, "write something or take the key out", "%s: is empty", key)
	case bad >= 0:
		r, _ := utf8.DecodeRuneInString(s[bad:])
		d.report(v.offset, where, "take it out", "%s: %q has the character %U, which must not be in it", key, clip(s, 60), r)
	case utf8.RuneCountInString(s) > maxText:
		d.report(v.offset, where, "make it shorter", "%s: %q has %d characters; %d are the most", key, clip(s, 40), utf8.RuneCountInString(s), maxText)
	default:
		return text{s, v.offset}, true
	}
	return text{}, false
}

// unprintable is what would break a header line (RFC 5322 §2.2), and the
// marks that change the direction of the text behind them.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError ||
		r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

func printable(r rune) rune {
	if unprintable(r) {
		return -1
	}
	return r
}

// list reads a list of texts, leaving out those that are wrong.
func (d *document) list(where, key string, v *value) []text {
	if v.kind != aList || v.tables {
		d.wrongKind(where, key, v, "a list of texts")
		return nil
	}
	var list []text
	for _, item := range v.items {
		if t, ok := d.text(where, key, item); ok {
			list = append(list, t)
		}
	}
	return list
}

// number reads a whole number from lo to hi. hint says what to do about one
// that is not in range.
func (d *document) number(where, key string, v *value, lo, hi int, hint string) int {
	if v.kind != aNumber {
		d.wrongKind(where, key, v, "a whole number")
		return 0
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(v.text, "_", ""), 0, 64)
	if err != nil || n < int64(lo) || n > int64(hi) {
		d.report(v.offset, where, hint, "%s: %s is not from %d to %d", key, clip(v.text, 30), lo, hi)
		return 0
	}
	return int(n)
}

// wrongKind reports a value of another type than wanted.
func (d *document) wrongKind(where, key string, v *value, want string) {
	hint := "it must be " + want
	switch {
	case want == "a list of texts" && v.kind == aString:
		hint = fmt.Sprintf("write it as a list: [%q]", clip(v.text, 60))
	case want == "a whole number" && v.kind == aString && digits(v.text):
		hint = "leave out the quotes"
	case want == "text in quotes" && v.kind != aList && v.kind != aTable:
		hint = fmt.Sprintf("%s: %q", unquoted, clip(v.text, 60))
	case want == "text in quotes" && v.kind == aList:
		hint = "write one text, without [ and ]"
	}
	d.report(v.offset, where, hint, "%s: %s", key, sayValue(v))
}

func digits(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

func sayValue(v *value) string {
	switch v.kind {
	case aList, aTable:
		return "this is " + string(v.kind)
	case aString:
		return fmt.Sprintf("%q is text", clip(v.text, 60))
	}
	return fmt.Sprintf("%s is %s", clip(v.text, 60), v.kind)
}

// choice reads one of a few words.
func (d *document) choice(where, key string, v *value, words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	hint := "it can be " + strings.Join(quoted, ", ")
	if v.kind != aString {
		d.report(v.offset, where, hint, "%s: %s", key, sayValue(v))
		return ""
	}
	t, ok := d.text(where, key, v)
	if !ok || slices.Contains(words, t.s) {
		return t.s
	}
	if near := nearest(strings.ReplaceAll(t.s, "_", "-"), words); near != "" {
		hint = didYouMean(near)
	}
	d.report(t.offset, where, hint, "%s: %q is not known", key, clip(t.s, 60))
	return ""
}
