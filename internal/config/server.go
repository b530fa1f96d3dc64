package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// scheme is one way to write a server.
type scheme struct {
	name string
	port int
	tls  TLS
	says string
}

// schemes are the ways to write the server of a table, the advised one first.
// Ports: RFC 8314 §3.2 and §3.3, RFC 9051 §2.1, RFC 6409 §3.1.
func schemes(table string) []scheme {
	if table == "imap" {
		return []scheme{
			{"imaps", 993, TLSImplicit, "TLS from the start, port 993"},
			{"imap", 143, TLSStart, "STARTTLS, port 143"},
		}
	}
	return []scheme{
		{"smtp", 587, TLSStart, "STARTTLS, port 587"},
		{"smtps", 465, TLSImplicit, "TLS from the start, port 465"},
	}
}

// exampleServer is what to write where nothing is known.
func exampleServer(table string) string {
	if table == "imap" {
		return "imaps://imap.acme.example"
	}
	return "smtp://smtp.acme.example:587"
}

// serverURL reads the server alone: what else the table says of it may stand
// before or behind.
func serverURL(dst *Server, understand func(string) (Server, *fault)) setter {
	return func(p *parser, e entry) {
		var s Server
		text(&s, understand)(p, e)
		dst.Host, dst.Port, dst.TLS = s.Host, s.Port, s.TLS
	}
}

// parseServer reads a server URL: a scheme, a host, perhaps a port. The result
// has Host, Port and TLS alone.
func parseServer(table string) func(string) (Server, *fault) {
	return func(s string) (Server, *fault) {
		// First, so that no other complaint prints what may be a password.
		if strings.Contains(s, "@") {
			return Server{}, faultf("take out what stands up to @; the name goes into username, the password into a file that password_file names",
				"a name or password stands in the URL")
		}
		how, rest, f := cutScheme(table, s)
		if f != nil {
			return Server{}, f
		}
		rest = strings.TrimSuffix(rest, "/")
		if i := strings.IndexAny(rest, "/?#"); i >= 0 {
			return Server{}, faultf("write scheme, host and port alone", "%s has %s behind host and port", show(s), show(rest[i:]))
		}
		host, port, f := cutPort(rest)
		if f != nil {
			return Server{}, f
		}
		if port == "" {
			port = strconv.Itoa(how.port)
		}
		if f := portFault(port); f != nil {
			return Server{}, f
		}
		n, _ := strconv.Atoi(port) // portFault looked at it
		host, f = canonicalHost(host)
		return Server{Host: host, Port: n, TLS: how.tls}, f
	}
}

func cutScheme(table, s string) (scheme, string, *fault) {
	name, rest, found := strings.Cut(s, "://")
	var ways []string
	for _, how := range schemes(table) {
		if found && strings.EqualFold(name, how.name) {
			return how, rest, nil
		}
		ways = append(ways, fmt.Sprintf("%s:// (%s)", how.name, how.says))
	}
	hint := "it begins with " + strings.Join(ways, " or ")
	if !found {
		return scheme{}, "", faultf(hint, "%s has no scheme", show(s))
	}
	return scheme{}, "", faultf(hint, "%s is no scheme for this server", show(name+"://"))
}

// cutPort takes host and port apart; an IPv6 address stands in brackets
// (RFC 3986 §3.2.2) and comes out without.
func cutPort(s string) (host, port string, f *fault) {
	rest := s
	if inner, ok := strings.CutPrefix(s, "["); ok {
		var closed bool
		host, rest, closed = strings.Cut(inner, "]")
		if a, err := netip.ParseAddr(host); !closed || err != nil || !a.Is6() || rest != "" && rest[0] != ':' {
			return "", "", faultf("write [::1] or [::1]:143", "%s is no IPv6 address in brackets", show(s))
		}
	} else {
		if strings.Count(s, ":") > 1 {
			return "", "", faultf("an IPv6 address stands in brackets: [::1]:143", "%s has more than one colon", show(s))
		}
		host, _, _ = strings.Cut(s, ":")
		rest = s[len(host):]
	}
	if rest == ":" {
		return "", "", faultf("write the port, or leave out the colon", "there is no port behind the colon")
	}
	return host, strings.TrimPrefix(rest, ":"), nil
}

func portFault(port string) *fault {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return faultf("write a number from 1 to 65535", "%s is no port", show(port))
	}
	return nil
}

func hostFault(host string) *fault {
	_, f := canonicalHost(host)
	return f
}

// canonicalHost gives a host as it is dialed and as certificates name it: an
// address, or a name in A-labels (RFC 5890 §2.3.2.1). Underscores pass, as
// container networks use them.
func canonicalHost(host string) (string, *fault) {
	if host == "" {
		return "", faultf("write it behind the scheme", "the host is missing")
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return host, nil
	}
	bad := faultf("write a name like mail.acme.example, or an IP address", "%s is no host", show(host))
	name := host
	if strings.ContainsFunc(host, func(r rune) bool { return r > 0x7f }) {
		var err error
		if name, err = idna.Lookup.ToASCII(host); err != nil {
			return "", bad
		}
	}
	// RFC 1035 §2.3.4 for the lengths.
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	ok := len(name) <= 253
	for _, label := range labels {
		ok = ok && isBare(label) && len(label) <= 63 && label[0] != '-' && label[len(label)-1] != '-'
	}
	// A last label of digits is a broken address, not a name (RFC 3696 §2).
	if !ok || strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return "", bad
	}
	return name, nil
}

// effectiveTLS lets plain text pass where nobody can listen, or where the file
// says that it may.
func (s Server) effectiveTLS() TLS {
	if s.TLS == TLSStart && (s.Insecure || isLoopback(s.Host)) {
		return TLSOpportunistic
	}
	return s.TLS
}

// isLoopback goes by what is written: asking the resolver would let it decide
// who may read our password.
func isLoopback(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().IsLoopback()
	}
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
}
