package message

import (
	"bytes"
	"strings"

	"postroom/threads"
)

// parseAddresses reads an address list (RFC 5322 §3.4) as people and programs
// write it: groups are dissolved, names may hold commas and stand without
// quotes, brackets may be missing. What has no address in it is dropped.
func parseAddresses(value, hint string) []threads.Address {
	if value == "" {
		return nil
	}
	if !strings.ContainsRune(value, '@') && strings.Contains(value, "=?") && !strings.Contains(value, ":;") {
		// Everything, the address too, in encoded words. What names a group with
		// nobody in it (RFC 6857 §3.1.8) is not that.
		value = decodeWords(value, hint)
	}
	var room [64]byte
	p := addressParser{hint: hint, name: room[:0]}
	p.parse(value)
	return p.list
}

// addressParser collects one mailbox at a time. name is what stood before
// the bracket, still encoded.
type addressParser struct {
	hint    string
	list    []threads.Address
	name    []byte
	comment string
	angle   string
	angled  bool
	before  string
	// Set when a quote or comment never closes: then none is looked for again,
	// which would take quadratic time.
	openQuote, openComment bool
}

func (p *addressParser) parse(s string) {
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '"' && !p.openQuote:
			text, n := quotedString(s[i:])
			p.openQuote = n == 1
			p.name = append(p.name, text...)
			i += n
		case c == '(' && !p.openComment:
			text, n := commentText(s[i:])
			if p.openComment = n == 1; p.openComment {
				p.name = append(p.name, c)
			} else if text != "" {
				p.comment = text
			}
			i += n
		case c == '<':
			i += p.bracket(s[i:])
		case c == ',' || c == ';':
			p.end(c)
			i++
		case c == ':' && !p.angled && bytes.IndexByte(p.name, '@') < 0 && bytes.IndexByte(p.name, '[') < 0 && !mailto(string(p.name)):
			// A group: its name is nobody's.
			p.reset()
			p.before = ""
			i++
		default:
			p.name = append(p.name, c)
			i++
		}
		if len(p.list) >= maxAddresses {
			return
		}
	}
	p.end(0)
}

func mailto(s string) bool { return strings.EqualFold(strings.TrimSpace(s), "mailto") }

// bracket reads what stands in angle brackets, and returns how much it took.
func (p *addressParser) bracket(s string) int {
	s = s[:min(len(s), 2*maxAddress)]
	end := strings.IndexByte(s, '>')
	if next := strings.IndexByte(s[1:], '<'); next >= 0 && (end < 0 || next+1 < end) {
		// "<Name <a@b>>" or a stray bracket: the inner one counts.
		p.name = append(p.name, s[1:next+1]...)
		return next + 1
	}
	n := end + 1
	if end < 0 {
		end = len(s)
		if i := strings.IndexAny(s, ",;"); i >= 0 {
			end = i
		}
		n = end
	}
	inner := strings.TrimSpace(s[1:end])
	if !strings.HasPrefix(inner, `"`) || !strings.Contains(inner, "\"@") {
		inner = strings.Map(dropSpace, inner) // a quoted local part keeps its blanks
	}
	if !p.angled || strings.ContainsRune(inner, '@') {
		p.angle, p.angled = inner, true
	}
	return n
}

func dropSpace(r rune) rune {
	if r <= ' ' || r == 0x7f {
		return -1
	}
	return r
}

// end closes the mailbox at hand. Without an address it was the first half of
// a name with a comma in it.
func (p *addressParser) end(sep byte) {
	name := string(p.name)
	if !p.angled {
		addr, rest := bareAddress(name)
		if addr == "" {
			if strings.TrimSpace(name) != "" && sep == ',' && len(p.before) < maxName {
				p.before += name + ","
			} else {
				p.before = ""
			}
			p.reset()
			return
		}
		p.angle, name = addr, rest
	}
	p.add(p.before + name)
	p.before = ""
	p.reset()
}

func (p *addressParser) reset() {
	p.name = p.name[:0]
	p.comment, p.angle, p.angled = "", "", false
}

func (p *addressParser) add(name string) {
	addr := cleanAddress(p.angle)
	if !strings.ContainsRune(addr, '@') && strings.ContainsRune(name, '@') {
		if bare, rest := bareAddress(name); bare != "" {
			addr, name = cleanAddress(bare), rest
		}
	}
	if addr == "" || len(addr) > maxAddress || !strings.ContainsRune(addr, '@') {
		return
	}
	shown := p.show(name)
	if shown == "" && p.comment != "" {
		shown = p.show(p.comment)
	}
	// The list outlives the header it was read from.
	p.list = append(p.list, threads.Address{Name: strings.Clone(shown), Addr: strings.Clone(addr)})
}

func (p *addressParser) show(name string) string {
	s := decodeWords(name, p.hint)
	if strings.Contains(s, "  ") || !asciiText(s) {
		s = strings.Join(strings.Fields(s), " ")
	}
	s = unquotedName(s)
	if strings.Trim(s, `<>"',;`) == "" {
		return "" // stray marks name nobody
	}
	return clip(s, maxName)
}

// unquotedName is a name without the quotes around it that some programs take
// for a part of it.
func unquotedName(s string) string {
	for len(s) > 1 && (s[0] == '\'' || s[0] == '"') && s[len(s)-1] == s[0] {
		s = strings.TrimSpace(s[1 : len(s)-1])
	}
	return s
}

// cleanAddress is an addr-spec without what does not belong to it: a source
// route (RFC 5322 §4.4), a scheme, quotes, stray octets.
func cleanAddress(s string) string {
	if n := len(s); n > 1 && isAlnum(s[0]) && isAlnum(s[n-1]) && isClean(s) && s[0]|0x20 != 'm' {
		return s // nothing to take off
	}
	s = oneLine(decodeRaw(s, ""))
	if !strings.Contains(s, "\"@") {
		s = strings.Trim(s, "<>'\"`, \t")
	}
	if len(s) > 7 && strings.EqualFold(s[:7], "mailto:") {
		s = s[7:]
	}
	if strings.HasPrefix(s, "@") {
		if i := strings.LastIndexByte(s, ':'); i >= 0 {
			s = s[i+1:]
		}
	}
	if strings.HasPrefix(s, "=?") && !strings.Contains(s, "?=@") {
		s = decodeWords(s, "")
	}
	if strings.HasPrefix(s, `"`) {
		return s
	}
	return strings.Map(dropSpace, s)
}

// bareAddress finds an address that stands without brackets among other
// words; of several the last.
func bareAddress(s string) (addr, rest string) {
	if !strings.ContainsRune(s, '@') {
		return archiveAddress(s)
	}
	if q := strings.Index(s, "\"@"); q > 0 {
		// A quoted local part may hold blanks.
		if start := strings.IndexByte(s[:q], '"'); start >= 0 {
			end := q + 2
			for end < len(s) && s[end] > ' ' && s[end] != '>' {
				end++
			}
			return s[start:end], strings.TrimSpace(s[:start] + s[end:])
		}
	}
	fields := strings.Fields(s)
	for i := len(fields) - 1; i >= 0; i-- {
		f := strings.Trim(fields[i], "<>[]{}'\"")
		if strings.Contains(f, "@[") {
			f += "]" // it belongs to the address
		}
		at := strings.IndexByte(f, '@')
		if at > 0 && at < len(f)-1 {
			others := append(append([]string{}, fields[:i]...), fields[i+1:]...)
			return f, strings.Join(others, " ")
		}
	}
	// A quoted local part may hold a blank.
	if at := strings.LastIndexByte(s, '@'); at > 0 && at < len(s)-1 {
		return strings.TrimSpace(s), ""
	}
	return "", s
}

// archiveAddress reads "name at host.example", as list archives write
// addresses.
func archiveAddress(s string) (addr, rest string) {
	f := strings.Fields(s)
	for i := 1; i+1 < len(f); i++ {
		if f[i] == "at" && strings.Contains(f[i+1], ".") && i == 1 {
			return f[0] + "@" + f[2], strings.Join(f[3:], " ")
		}
	}
	return "", s
}

// quotedString reads a quoted string (RFC 5322 §3.2.4) and its length; one
// that never closes is an ordinary quote.
func quotedString(s string) (text string, n int) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i+1 < len(s) {
				i++
				b.WriteByte(s[i])
			}
		case '"':
			// A quoted local part keeps its quotes.
			if i+1 < len(s) && s[i+1] == '@' {
				return s[:i+1], i + 1
			}
			return b.String(), i + 1
		default:
			b.WriteByte(s[i])
		}
	}
	return "", 1
}

// commentText reads a comment (RFC 5322 §3.2.2) and its length; one that
// never closes is an ordinary bracket.
func commentText(s string) (text string, n int) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return s[1:i], i + 1
			}
		}
	}
	return "", 1
}
