package config

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// text gives the file's text without a byte order mark, or says why the octets
// are no text.
func (p *parser) text(data []byte) ([]byte, bool) {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		p.addAt(place{1, 1}, "", faultf("save it as UTF-8", "the file is UTF-16"))
		return nil, false
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if utf8.Valid(data) {
		return data, true
	}
	offset := 0
	for {
		r, n := utf8.DecodeRune(data[offset:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		offset += n
	}
	p.addAt(newDocument(data).place(offset), "", faultf("save it as UTF-8",
		"the octet 0x%02X is not UTF-8; perhaps the file is Latin-1 or Windows-1252", data[offset]))
	return nil, false
}

// syntax reports a text that is not TOML, in other words than the parser's
// where a person new to TOML would not know what to do.
func (p *parser) syntax(message string, at place) {
	line := p.doc.line(at.line)
	rest := string([]rune(line)[min(at.column-1, utf8.RuneCountInString(line)):])
	f := explain(message, rest)
	e := &Error{
		File: p.name, Line: at.line, Column: at.column,
		Problem: f.problem, Hint: f.hint,
	}
	if !mayShowPassword(p.doc.data) {
		e.Excerpt = excerpt(line, at)
	}
	p.errs = append(p.errs, e)
}

// explain knows the parser's messages by how they begin. Rest is the line from
// the place of the mistake on.
func explain(message, rest string) *fault {
	word := rest[:len(rest)-len(strings.TrimLeftFunc(rest, unicode.IsLetter))]
	switch strings.ToLower(word) {
	case "true", "false", "yes", "no", "on", "off":
		if isValueMessage(message) {
			return faultf("write true or false, in small letters and without quotes", "%s is no value", word)
		}
	}
	if isValueMessage(message) && (strings.TrimSpace(rest) == "" || rest[0] == '#') {
		message = "expected value"
	}
	for _, known := range phrases() {
		if strings.HasPrefix(message, known.begins) {
			return &fault{problem: known.problem, hint: known.hint}
		}
	}
	if strings.HasPrefix(message, "expected '=' after key") {
		if strings.HasPrefix(rest, ":") {
			return &fault{problem: `":" stands behind the key`, hint: `write key = "text"`}
		}
		return &fault{problem: `"=" is missing behind the key`, hint: `write key = "text", or [name] for a table`}
	}
	if strings.Contains(message, "already") {
		return &fault{problem: printable(message), hint: "put both together"}
	}
	return &fault{problem: "this is not TOML: " + printable(message), hint: `write key = "text", one setting on a line`}
}

// phrase is how a message of the parser begins, and what we say instead.
type phrase struct{ begins, problem, hint string }

func phrases() []phrase {
	return []phrase{
		{"unexpected character", "the value is not text in quotes, nor a number, true or false", `put text in quotes: key = "text"`},
		{"expected keyword", "the value is not text in quotes, nor a number, true or false", `put text in quotes: key = "text"`},
		{"expected value", "the value is missing", `write key = "text"`},
		{"expected newline", "something follows a value that is complete", `put text in quotes, one setting on a line, and # before a comment`},
		{"strings must be quoted", "the value is not a number, and has no quotes", `put text in quotes, times too: key = "30s"`},
		{"unterminated", "text that a quote opens is never closed", "close it with the same quote"},
		{"literal strings cannot have new lines", "text that a quote opens is not closed on its line", "close it with the same quote"},
		{"basic strings cannot have new lines", "text that a quote opens is not closed on its line", "close it with the same quote"},
		{"invalid escape", `the backslash begins an escape that TOML does not know`, `write \\ for a backslash, or put the text in single quotes`},
		{"expected ']' to close table name", "the name of the table is not closed", "write [name]"},
		{"expected ']]'", "the name of the table is not closed", "write [name]"},
		{"array is incomplete", "the list is never closed", `close it with ]`},
		{"expected ',' or ']'", "the list goes on without a comma", `write ["a", "b"]`},
		{"integers cannot have leading zeroes", "a number begins with 0", "leave out the 0"},
		{"invalid character at start of key", "here a setting should begin", `write key = "text", [table], or # before a comment`},
	}
}

func isValueMessage(message string) bool {
	return strings.HasPrefix(message, "unexpected character") || strings.HasPrefix(message, "expected keyword")
}

// line gives one line without its end, "" behind the last.
func (d *document) line(n int) string {
	if n < 1 || n > len(d.lines) {
		return ""
	}
	line := d.data[d.lines[n-1]:]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	return string(bytes.TrimSuffix(line, []byte("\r")))
}

// excerpt shows the line with a mark below the column; of a long line the
// surroundings.
func excerpt(line string, at place) string {
	const before, width = 60, 100
	r := []rune(printable(line))
	col := min(at.column-1, len(r))
	if col > before {
		r, col = r[col-before:], before
	}
	r = r[:min(len(r), width)]
	number := fmt.Sprint(at.line)
	margin := strings.Repeat(" ", len(number))
	return fmt.Sprintf("  %s | %s\n  %s | %s^", number, string(r), margin, strings.Repeat(" ", col))
}

// printable puts a space for every character that a terminal would not print.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// mayShowPassword says whether an excerpt could put a password on somebody's
// screen: one that was written into the file against our advice.
func mayShowPassword(data []byte) bool {
	const name = `([\w-]*(?:pass|pwd|secret|token)[\w-]*)`
	for _, pattern := range []string{
		`(?i)` + name + `["']?[ \t]*[=:]`,
		`(?im)^[ \t"']*(?:\w+\.)?["']?` + name, // the "=" forgotten
	} {
		for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(data, -1) {
			switch string(m[1]) {
			case "password_file", "password_env", "password_command":
			default:
				return true
			}
		}
	}
	return regexp.MustCompile(`://[^\s/"']*@`).Match(data)
}
