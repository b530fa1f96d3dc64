package config

import "strings"

const (
	// maxLocal is the octets of a local part, maxAddress those of an address:
	// a path of 256 less its angle brackets (RFC 5321 §4.5.3.1.1, §4.5.3.1.3).
	maxLocal   = 64
	maxAddress = 254
	// tokenLen is the most octets a token puts in the place of {token}.
	tokenLen = 27
	token    = "{token}"
)

// parseAddress reads an addr-spec whose local part is a dot-atom (RFC 5322
// §3.4.1, §3.2.3). A quoted local part is refused: too many clients break it.
func parseAddress(s string) (string, *fault) {
	const hint = `write the address alone, as "support@acme.example"`
	if strings.ContainsAny(s, "<>") {
		return "", faultf(hint+"; the name goes into support.name", "%s is more than an address", show(s))
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return "", faultf(hint, "%s has no @", show(s))
	}
	local, domain := s[:at], s[at+1:]
	if !isDotAtom(local) {
		return "", faultf(hint, "%s: what stands before the @ is not letters, digits and dots", show(s))
	}
	if len(local) > maxLocal {
		return "", faultf("write a shorter one", "%s has %d octets before the @, and %d are the most (RFC 5321 section 4.5.3.1.1)", show(s), len(local), maxLocal)
	}
	if strings.ContainsAny(domain, ":[]") || strings.HasSuffix(domain, ".") {
		return "", faultf(hint, "%s: what stands behind the @ is no domain", show(s))
	}
	host, f := canonicalHost(domain)
	if f != nil {
		return "", faultf(hint, "%s: what stands behind the @ is no domain", show(s))
	}
	if len(local)+1+len(host) > maxAddress {
		return "", faultf("write a shorter one", "it has %d octets, and %d are the most", len(local)+1+len(host), maxAddress)
	}
	return local + "@" + host, nil
}

// parseReplyAddress reads an address whose local part has {token} once, with
// room for a token in its place.
func parseReplyAddress(s string) (string, *fault) {
	const example = `"support+{token}@acme.example"`
	if s == "" {
		return "", nil
	}
	local, _, _ := strings.Cut(s, "@")
	switch n := strings.Count(s, token); {
	case n == 0:
		return "", faultf("write "+example+", or leave the line out where there is no plus-addressing", "%s has no {token}", show(s))
	case n > 1:
		return "", faultf("write it once, as "+example, "%s has {token} %d times", show(s), n)
	case !strings.Contains(local, token):
		return "", faultf("write "+example, "%s has {token} behind the @", show(s))
	}
	if strings.ContainsAny(strings.Replace(s, token, "", 1), "{}") {
		return "", faultf("{token} is the only one", "%s has another placeholder", show(s))
	}
	if n := len(local) - len(token) + tokenLen; n > maxLocal {
		return "", faultf("shorten what stands beside {token}",
			"with a token of %d octets it has %d before the @, and %d are the most (RFC 5321 section 4.5.3.1.1)", tokenLen, n, maxLocal)
	}
	filled, f := parseAddress(strings.Replace(s, token, strings.Repeat("x", tokenLen), 1))
	if f != nil {
		// Said of what was written, not of what we made of it.
		return "", faultf("write "+example, "%s is no address with a token in it", show(s))
	}
	return local + filled[strings.LastIndexByte(filled, '@'):], nil
}

func isDotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool { return !isAtext(r) }) {
			return false
		}
	}
	return true
}

// isAtext follows RFC 5322 §3.2.3, without what RFC 6532 adds: mail from an
// address that is not ASCII reaches only servers with SMTPUTF8.
func isAtext(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
		r < 0x80 && strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}
