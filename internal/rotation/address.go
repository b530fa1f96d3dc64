package rotation

import (
	"fmt"
	"strings"
	"unicode"

	"postroom/threads"
)

// address reads an e-mail address: the addr-spec of RFC 5322 §3.4.1 as people
// have them, without comments, quoted local parts and address literals.
func (d *document) address(where, key string, t text) bool {
	wrong, hint := badAddress(t.s)
	if wrong != "" {
		d.report(t.offset, where, hint, "%s: %q %s", key, clip(t.s, 80), wrong)
	}
	return wrong == ""
}

// badAddress says what is wrong with an address; "" when nothing is.
func badAddress(s string) (wrong, hint string) {
	if open := strings.IndexByte(s, '<'); open >= 0 {
		inner := before(s[open+1:], ">")
		if w, _ := badAddress(inner); w == "" {
			hint = fmt.Sprintf("write %q", inner)
		}
		return "has a name in it; only the address belongs here", hint
	}
	if rest, ok := strings.CutPrefix(s, "mailto:"); ok {
		return "is a link", fmt.Sprintf("write %q", rest)
	}
	local, domain, at := strings.Cut(s, "@")
	switch {
	case strings.ContainsAny(s, ",;"):
		return "looks like several addresses", `write each in quotes of its own: ["one", "two"]`
	case strings.ContainsFunc(s, unicode.IsSpace):
		return "has a space in it", fmt.Sprintf("did you mean %q?", strings.Join(strings.Fields(s), ""))
	case !at:
		return "is no e-mail address: it has no @", ""
	case local == "" || domain == "":
		return "is no e-mail address: there is nothing on one side of the @", ""
	case strings.Contains(domain, "@"):
		return "is no e-mail address: it has more than one @", ""
	case strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, ".."):
		return "is no e-mail address: a dot stands alone before the @", ""
	case strings.ContainsAny(local, `()<>[]:\"`):
		return "is no e-mail address: it has a character that cannot stand before the @", ""
	case len(local) > 64 || len(s) > 254: // RFC 5321 §4.5.3.1
		return "is too long for an e-mail address", ""
	}
	return badDomain(domain)
}

// badDomain checks the host name behind the @. Letters of other scripts are
// left to the mail system (RFC 6531).
func badDomain(domain string) (wrong, hint string) {
	for label := range strings.SplitSeq(domain, ".") {
		bad := func(r rune) bool { return r < 0x80 && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }
		switch {
		case label == "":
			return "is no e-mail address: a dot too many behind the @", ""
		case len(label) > 63, strings.HasPrefix(label, "-"), strings.HasSuffix(label, "-"), strings.ContainsFunc(label, bad):
			return fmt.Sprintf("is no e-mail address: %q cannot be part of a domain", clip(label, 70)), ""
		}
	}
	return "", ""
}

// own is the set of the support mailbox's own addresses.
type own struct {
	exact  map[string]bool
	around [][2]string // what stands before and behind a token
}

func newOwn(addresses []string) own {
	o := own{exact: map[string]bool{}}
	for _, a := range addresses {
		a = threads.AddressKey(a)
		head, tail, template := strings.Cut(a, "{token}")
		switch {
		case a == "":
		case template:
			o.around = append(o.around, [2]string{head, tail})
			o.exact[strings.TrimRight(head, "+-=.")+tail] = true
		default:
			o.exact[a] = true
		}
	}
	return o
}

func (o own) has(addr string) bool {
	a := threads.AddressKey(addr)
	if o.exact[a] {
		return true
	}
	for _, t := range o.around {
		if len(a) > len(t[0])+len(t[1]) && strings.HasPrefix(a, t[0]) && strings.HasSuffix(a, t[1]) {
			return true
		}
	}
	return false
}
