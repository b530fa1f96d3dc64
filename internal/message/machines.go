package message

import (
	"net/netip"
	"slices"
	"strings"
)

// maxMachines bounds the names taken from one mail.
const maxMachines = 20

// Machines are the names and public addresses of the computer a mail was
// written on, as far as the mail tells: of its first hop, of the program that
// handed it in, and of its Message-ID. They are in lower case. Names that may
// be said to anybody, such as those of the domains given, are not among them.
func (m *Message) Machines(public ...string) []string {
	var list []string
	add := func(name string) {
		name = strings.ToLower(strings.Trim(strings.TrimSpace(name), "[]().,;<>"))
		if a, err := netip.ParseAddr(strings.TrimPrefix(name, "ipv6:")); err == nil {
			if a.IsGlobalUnicast() && !a.IsPrivate() && !slices.Contains(list, a.String()) {
				list = append(list, a.String())
			}
			return
		}
		if machineName(name) && !slices.Contains(public, name) && !slices.Contains(list, name) && len(list) < maxMachines {
			list = append(list, name)
		}
	}
	if hops := m.Header.All("Received"); len(hops) > 0 {
		for _, name := range fromClause(hops[len(hops)-1]) {
			add(name)
		}
	}
	for _, field := range []string{"X-Originating-IP", "X-Originating-Host", "X-Sender-Host", "X-Source-Host"} {
		add(m.Header.Get(field))
	}
	if _, host, ok := strings.Cut(strings.Trim(m.Mail.MessageID, "<>"), "@"); ok && insideName(host) {
		add(host)
	}
	return list
}

// fromClause is what a Received field says of who handed the mail over
// (RFC 5321 §4.4): the name given, the name and address found.
func fromClause(hop string) []string {
	rest, ok := strings.CutPrefix(strings.TrimSpace(hop), "from ")
	if !ok {
		return nil
	}
	if i := strings.Index(rest, " by "); i >= 0 {
		rest = rest[:i]
	}
	rest = strings.NewReplacer("(", " ", ")", " ", "[", " ", "]", " ", "HELO ", " ", "helo=", " ", "EHLO ", " ").Replace(clip(rest, maxLine))
	return strings.Fields(rest)
}

// machineName reports a name that is no ordinary word: of several labels, or
// of one that no word looks like.
func machineName(name string) bool {
	if len(name) < 5 || len(name) > 253 || strings.HasPrefix(name, "localhost") {
		return false
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; !isAlnum(c) && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	if !strings.Contains(name, ".") {
		return strings.ContainsAny(name, "-_0123456789")
	}
	return !serviceName(name)
}

// serviceName reports the name of something everybody may be told to use.
func serviceName(name string) bool {
	label, _, _ := strings.Cut(name, ".")
	switch strings.TrimRight(label, "0123456789-") {
	case "www", "mail", "webmail", "smtp", "imap", "pop", "mx", "relay", "gateway", "support", "help", "docs", "app", "api", "portal", "cloud", "vpn", "exchange", "owa", "autodiscover", "outlook":
		return true
	}
	return false
}

// insideName reports a host name that no DNS outside knows: mail systems put
// their own, which are public, into Message-IDs too.
func insideName(host string) bool {
	if !strings.Contains(host, ".") {
		return true
	}
	for _, end := range []string{".lan", ".local", ".localdomain", ".home", ".internal", ".intranet", ".corp", ".home.arpa", ".private"} {
		if strings.HasSuffix(strings.ToLower(host), end) {
			return true
		}
	}
	return false
}

// namesIn returns those of the names that stand in a text as words of their
// own. Names are in lower case.
func namesIn(text string, names []string) []string {
	if len(names) == 0 {
		return nil
	}
	text = strings.ToLower(text)
	var list []string
	for _, name := range names {
		for at := 0; ; at++ {
			i := strings.Index(text[at:], name)
			if i < 0 {
				break
			}
			at += i
			if alone(text, at, at+len(name)) {
				list = append(list, name)
				break
			}
		}
	}
	return list
}

func alone(text string, from, to int) bool {
	part := func(c byte) bool { return isAlnum(c) || c == '-' || c == '_' || c >= 0x80 }
	if from > 0 && (part(text[from-1]) || text[from-1] == '.' && from > 1 && part(text[from-2])) {
		return false
	}
	if to < len(text) && (part(text[to]) || text[to] == '.' && to+1 < len(text) && part(text[to+1])) {
		return false
	}
	return true
}
