package message

import "strings"

// SoleFrom reports whether the mail has one From field with one address in it,
// read without guessing: not a second field or address, no group
// (RFC 5322 §3.4), no other field that stands in for it. Only then does From
// say who wrote the mail.
func (m *Message) SoleFrom() bool {
	fields := m.Header.All("From")
	if len(fields) != 1 || len(m.Mail.From) != 1 {
		return false
	}
	bare := withoutQuotes(fields[0])
	if strings.ContainsAny(bare, ":;") {
		return false
	}
	return strings.Contains(strings.ToLower(bare), strings.ToLower(m.Mail.From[0].Addr))
}

// withoutQuotes takes quoted strings and comments out (RFC 5322 §3.2.2,
// §3.2.4). One that is not closed hides the rest.
func withoutQuotes(s string) string {
	var b strings.Builder
	quoted, depth := false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && (quoted || depth > 0):
			i++
		case quoted:
			quoted = c != '"'
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth > 0:
		case c == '"':
			quoted = true
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
