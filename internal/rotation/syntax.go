package rotation

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"
)

// reportSyntax reports the one place at which the file stops being TOML, in
// the parser's words, with a guess at the cause.
func (d *document) reportSyntax(err error) {
	offset, text := len(d.src), err.Error()
	if pe := (*unstable.ParserError)(nil); errors.As(err, &pe) {
		text = pe.Message
		// The highlight is a piece of the source and shares its memory, so
		// capacities tell where it begins.
		if o := cap(d.src) - cap(pe.Highlight); pe.Highlight != nil && o >= 0 && o <= len(d.src) {
			offset = o
		}
	}
	line := d.lineAt(offset)
	if r, n := utf8.DecodeRune(d.src[offset:]); n > 1 { // the parser names the first octet of it alone
		text = regexp.MustCompile(`U\+[0-9A-F]{4}( '.')?`).ReplaceAllLiteralString(text, fmt.Sprintf("%#U", r))
	}
	d.report(offset, "", syntaxHint(line, text), "%q: %s", clip(strings.TrimSpace(line), 60), text)
}

// lineAt is the line an octet is in, without its end.
func (d *document) lineAt(offset int) string {
	start := bytes.LastIndexByte(d.src[:offset], '\n') + 1
	end := bytes.IndexByte(d.src[start:], '\n')
	if end < 0 {
		end = len(d.src) - start
	}
	return strings.TrimSuffix(string(d.src[start:start+end]), "\r")
}

// syntaxHint guesses what was meant by a line that is not TOML.
func syntaxHint(line, text string) string {
	trimmed := strings.TrimSpace(line)
	key, val, equals := strings.Cut(trimmed, "=")
	key, val = strings.TrimSpace(key), strings.TrimSpace(val)
	switch {
	case strings.HasPrefix(trimmed, "{"):
		return `the file is TOML: write [[engineer]], and key = "value" on the lines below it`
	case strings.Contains(text, "after array value") && (strings.HasPrefix(trimmed, "[") || isKey(key) && equals && !strings.HasPrefix(val, "[")):
		return "the list that begins above has no closing ]"
	case strings.ContainsAny(line, "“”„‘’«»"):
		return `use straight quotes: "`
	case strings.HasPrefix(trimmed, "//"), strings.HasPrefix(trimmed, ";"), strings.HasPrefix(trimmed, "--"):
		return "a comment begins with #"
	case strings.HasPrefix(trimmed, "[[") && !strings.Contains(trimmed, "]]"):
		return "write it as [[engineer]], with two brackets on each side"
	case strings.HasPrefix(trimmed, "[") && !strings.Contains(trimmed, "]"):
		return "the closing bracket ] is missing"
	case !equals && isKey(before(trimmed, ":")) && strings.Contains(trimmed, ":"):
		return `write key = "value", with = and not :`
	case !equals:
		return `write key = "value"`
	case key == "":
		return "the key before = is missing"
	case val == "":
		return "the value after = is missing"
	case strings.Count(val, `"`)%2 == 1, strings.Count(val, `'`)%2 == 1 && !strings.Contains(val, `"`):
		return "a quote is missing"
	case !isKey(key):
		return "a key has letters, digits, _ and - only"
	case strings.HasPrefix(val, "[") && !strings.Contains(val, "]"):
		return `a list is written ["one", "two"]; look for a missing comma or ]`
	case key == "weight", key == "max_open":
		return "it must be a whole number"
	case !strings.ContainsAny(val, `"'`) && !strings.HasPrefix(val, "["):
		return unquoted + ": " + key + ` = "` + strings.Map(printable, val) + `"`
	case strings.HasPrefix(val, "["):
		return `a list is written ["one", "two"]`
	case strings.Contains(text, "escape"):
		return `write \\ for a backslash`
	}
	return "one key = value on each line"
}

func before(s, sep string) string { b, _, _ := strings.Cut(s, sep); return b }

func isKey(s string) bool {
	ok := func(r rune) bool {
		return r == '_' || r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	}
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return !ok(r) }) < 0
}

// clip shortens s to n characters.
func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
