package message

import (
	"sort"
	"strconv"
	"strings"
)

// parseParams reads a value with parameters, as Content-Type and
// Content-Disposition have (RFC 2045 §5.1, RFC 2231), whatever is wrong with
// it. The first value comes in lower case.
func parseParams(value, hint string) (first string, params map[string]string) {
	if value == "" {
		return "", nil
	}
	quotes := quotesClose(value)
	head, rest, more := cutParam(value, quotes)
	first = strings.ToLower(strings.Trim(strings.TrimSpace(head), `"'`))
	if i := strings.IndexAny(first, " \t"); i >= 0 {
		first = first[:i]
	}
	var parts []paramPiece
	params = map[string]string{}
	for more {
		var p string
		p, rest, more = cutParam(rest, quotes)
		key, val, ok := strings.Cut(p, "=")
		key = strings.ToLower(strings.TrimSpace(key))
		if !ok || key == "" || len(key) > 100 || len(parts) > 100 {
			continue
		}
		val = unquote(strings.TrimSpace(val))
		if name, n, extended := splitParamName(key); n >= 0 || extended {
			parts = append(parts, paramPiece{name, n, extended, val})
			continue
		}
		if _, dup := params[key]; !dup {
			params[key] = val
		}
	}
	if len(parts) > 0 {
		for k, v := range joinPieces(parts, hint) {
			params[k] = v
		}
	}
	return first, params
}

// quotesClose reports whether the quoted strings of a value end. A quote that
// never closes hides everything behind it: then none counts.
func quotesClose(value string) bool {
	quoted := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		}
	}
	return !quoted
}

// cutParam cuts a value at its first semicolon outside quoted strings.
func cutParam(value string, quotes bool) (param, rest string, more bool) {
	quoted := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = quotes && !quoted
		case c == ';' && !quoted:
			return value[:i], value[i+1:], true
		}
	}
	return value, "", false
}

// unquote takes the quotes off a quoted string; what follows it is dropped. A
// value without quotes is returned as it is.
func unquote(s string) string {
	if !strings.HasPrefix(s, `"`) {
		if i := strings.IndexByte(s, ' '); i > 0 && strings.HasPrefix(s[i:], " (") {
			return s[:i]
		}
		return s
	}
	if i := strings.IndexAny(s[1:], `"\`); i >= 0 && s[1+i] == '"' {
		return s[1 : 1+i]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String()
		case '\\':
			// A Windows path keeps its backslashes, an escaped quote is one.
			if i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\') {
				i++
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// paramPiece is one piece of a parameter, RFC 2231 §3 and §4.
type paramPiece struct {
	name     string
	n        int // -1: not numbered
	extended bool
	value    string
}

func splitParamName(key string) (name string, n int, extended bool) {
	name, rest, ok := strings.Cut(key, "*")
	if !ok {
		return key, -1, false
	}
	if rest == "" {
		return name, -1, true
	}
	extended = strings.HasSuffix(rest, "*")
	n, err := strconv.Atoi(strings.TrimSuffix(rest, "*"))
	if err != nil || n < 0 {
		return name, -1, extended
	}
	return name, n, extended
}

func joinPieces(parts []paramPiece, hint string) map[string]string {
	byName := map[string][]paramPiece{}
	for _, p := range parts {
		byName[p.name] = append(byName[p.name], p)
	}
	out := map[string]string{}
	for name, list := range byName {
		sort.SliceStable(list, func(i, j int) bool { return list[i].n < list[j].n })
		label := ""
		var raw []byte
		for i, p := range list {
			v := p.value
			if p.extended && i == 0 {
				if charset, rest, ok := strings.Cut(v, "'"); ok {
					if _, text, ok := strings.Cut(rest, "'"); ok {
						label, v = charset, text
					}
				}
			}
			if p.extended {
				raw = append(raw, percentDecode(v)...)
			} else {
				raw = append(raw, v...)
			}
		}
		if label == "" {
			label = hint
		}
		text, _ := decodeCharset(raw, label)
		out[name] = text
	}
	return out
}

func percentDecode(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi >= 0 && lo >= 0 {
				out = append(out, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return out
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}
