package message

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"postroom/threads"
)

const (
	nameRunes     = 128 // runes of a display name we write
	addressOctets = 320 // octets of an addr-spec: 64 + "@" + 255 (RFC 5321 §4.5.3.1)
	idOctets      = 900 // octets of a message id we repeat: it must fit a line of 998
)

// WritableAddress returns an address as it stands in a header: the domain in
// A-labels (RFC 5890), the local part quoted where it must be. It reports false
// for what is no address or would break the header.
func WritableAddress(addr string) (string, bool) {
	at := strings.LastIndexByte(addr, '@')
	if at <= 0 || len(addr) > addressOctets || !utf8.ValidString(addr) {
		return "", false
	}
	local, ok := writableLocal(addr[:at])
	if !ok {
		return "", false
	}
	domain := addr[at+1:]
	if strings.HasPrefix(domain, "[") {
		return local + "@" + domain, isLiteral(domain)
	}
	if hasEightBit([]byte(domain)) {
		ascii, err := idna.Lookup.ToASCII(domain)
		if err != nil {
			return "", false
		}
		domain = ascii
	}
	for _, label := range strings.Split(domain, ".") {
		if label == "" || strings.Trim(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", false
		}
	}
	return local + "@" + domain, true
}

// isLiteral reports whether a domain is an address literal (RFC 5321 §4.1.3).
func isLiteral(domain string) bool {
	return strings.HasSuffix(domain, "]") &&
		strings.Trim(domain[1:len(domain)-1], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.:") == ""
}

func writableLocal(local string) (string, bool) {
	if len(local) >= 2 && local[0] == '"' && local[len(local)-1] == '"' {
		unquoted, ok := unquoteLocal(local[1 : len(local)-1])
		if !ok {
			return "", false
		}
		local = unquoted
	}
	quote := strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..")
	for _, r := range local {
		switch {
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029':
			return "", false
		case r < 0x80 && strings.ContainsRune(` "(),:;<>@[\]`, r):
			quote = true
		}
	}
	if local == "" || hidesControls(local) {
		return "", false
	}
	if quote {
		return inQuotes(local), true
	}
	return local, true
}

func unquoteLocal(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
			if i == len(s) {
				return "", false
			}
		case '"':
			return "", false
		}
		b.WriteByte(s[i])
	}
	return b.String(), true
}

// mailboxTokens makes the tokens of one address with its name; nil when the
// address cannot be written.
func mailboxTokens(a threads.Address, column int) []string {
	addr, ok := WritableAddress(a.Addr)
	if !ok {
		return nil
	}
	name := shortName(a.Name)
	if name == "" {
		return []string{addr}
	}
	return append(phrase(name, column), "<"+addr+">")
}

// shortName is a name as we write it: with single blanks and without quotes
// around it, since readers take those off, and not too long.
func shortName(name string) string {
	name = unquotedName(strings.Join(strings.Fields(headText(name)), " "))
	if utf8.RuneCountInString(name) > nameRunes {
		name = strings.TrimSpace(string([]rune(name)[:nameRunes-1])) + "…"
	}
	return name
}

// addresses makes the tokens of an address list. What cannot be written is
// left out; nobody can be sent mail there either. An address whose local part
// is not ASCII can only be named where the header may not be in UTF-8: as a
// group with nobody in it (RFC 5322 §3.4, as RFC 6857 §3.1.8 has it).
func (h *headings) addresses(list []threads.Address, column int) []string {
	var tokens []string
	for _, a := range list {
		t := mailboxTokens(a, column)
		if t != nil && !h.utf8 && needsUTF8(a.Addr) {
			t = append(phrase(shortName(a.Name+" "+a.Addr), column), ":;")
		}
		if t == nil {
			continue
		}
		if len(tokens) > 0 {
			tokens[len(tokens)-1] += ","
			column = 0
		}
		tokens = append(tokens, t...)
	}
	return tokens
}

// needsUTF8 reports whether an address can stand in no header but one in UTF-8.
func needsUTF8(addr string) bool {
	return hasEightBit([]byte(addr[:max(0, strings.LastIndexByte(addr, '@'))]))
}

// shownName is how a person is called: the display name, else the local part.
func shownName(a threads.Address) string {
	if name := shortName(a.Name); name != "" {
		return name
	}
	local := a.Addr
	if at := strings.LastIndexByte(local, '@'); at > 0 {
		local = local[:at]
	}
	return shortName(local)
}

// writableID reports whether a message id can be repeated in a header.
func writableID(id string) bool {
	if len(id) < 3 || len(id) > idOctets || id[0] != '<' || id[len(id)-1] != '>' {
		return false
	}
	for _, c := range []byte(id[1 : len(id)-1]) {
		if c <= ' ' || c > 126 || c == '<' || c == '>' {
			return false
		}
	}
	return !hidesControls(id)
}

// hidesControls reports an encoded word with a control character in it. No
// encoded word belongs into an address or an id (RFC 2047 §5), but some readers
// decode it there too, and a line end would begin a field of its own.
func hidesControls(s string) bool {
	for {
		i := strings.Index(s, "=?")
		if i < 0 {
			return false
		}
		w, n, ok := parseWord(s[i:])
		if !ok {
			s = s[i+2:]
			continue
		}
		var run wordRun
		var b strings.Builder
		run.add(&b, w)
		run.flush(&b)
		if strings.ContainsFunc(b.String(), unicode.IsControl) {
			return true
		}
		s = s[i+n:]
	}
}

const lastIDs = 20 // of References that are kept, beside the first ones

// trimReferences drops what cannot be written or stands there twice, and
// keeps the first lead ids and the last 20.
func trimReferences(ids []string, lead int) []string {
	var list []string
	seen := map[string]bool{}
	for _, id := range ids {
		if writableID(id) && !seen[id] {
			seen[id] = true
			list = append(list, id)
		}
	}
	if len(list) > lead+lastIDs {
		list = slices.Concat(list[:lead], list[len(list)-lastIDs:])
	}
	return list
}
