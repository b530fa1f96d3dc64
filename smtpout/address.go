package smtpout

import (
	"strings"

	"golang.org/x/net/idna"
)

// badMailbox is what we say of an address no relay would take.
var (
	badMailbox = reply{code: 553, enhanced: "5.1.3", words: "the address cannot be written in an SMTP command"}
	badDomain  = reply{code: 553, enhanced: "5.1.2", words: "the domain of the address is not a valid name"}
	needsUTF8  = reply{code: 553, enhanced: "5.6.7", words: "the address needs SMTPUTF8, which the relay does not offer"}
)

// path is an address as it stands in a command (RFC 5321 §4.1.2), with the
// domain in A-labels (RFC 5890 §2.3.2.1).
type path struct {
	text string
	utf8 bool // the local part needs SMTPUTF8 (RFC 6531 §3.2)
}

// pathOf writes an address as a path, or returns why it cannot. "" is the
// null path.
func pathOf(addr string) (path, *reply) {
	if addr == "" {
		return path{}, nil
	}
	at := strings.LastIndexByte(addr, '@')
	if at <= 0 || at == len(addr)-1 || len(addr) > 512 || !safe(addr[:at], addr[0] == '"') || !safe(addr[at+1:], false) {
		return path{}, &badMailbox
	}
	local, domain := addr[:at], addr[at+1:]
	if !ascii(domain) {
		var err error
		if domain, err = idna.Lookup.ToASCII(domain); err != nil {
			return path{}, &badDomain
		}
	}
	return path{text: local + "@" + domain, utf8: !ascii(local)}, nil
}

// safe reports whether s can stand within the angle brackets of a path
// without ending it.
func safe(s string, quoted bool) bool {
	for _, c := range s {
		if c < ' ' || c == 0x7f || c == '\uFFFD' || c >= 0x80 && c < 0xa0 {
			return false
		}
		if !quoted && (c == ' ' || c == '<' || c == '>' || c == '"') {
			return false
		}
	}
	return !quoted || len(s) >= 2 && closed(s)
}

// closed reports whether s is one quoted string (RFC 5321 §4.1.2).
func closed(s string) bool {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i == len(s)-1
		}
	}
	return false
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
