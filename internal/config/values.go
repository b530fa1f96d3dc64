package config

import (
	"fmt"
	"math"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/pelletier/go-toml/v2/unstable"
)

// text reads text through a function that understands it.
func text[T any](dst *T, understand func(string) (T, *fault)) setter {
	return func(p *parser, e entry) {
		v, f := understand(e.text)
		if e.kind != unstable.String {
			hint := "write it as text in quotes"
			switch {
			case len(e.items) > 0 || e.text == "":
			case f == nil:
				hint = fmt.Sprintf("write %q", e.text)
			default:
				hint = f.hint
			}
			p.wrongKind(e, "text in quotes", hint)
			return
		}
		if f != nil {
			p.addValue(e, f)
			return
		}
		*dst = v
	}
}

// texts reads a list of text.
func texts[T any](dst *[]T, understand func(string) (T, *fault)) setter {
	return func(p *parser, e entry) {
		if e.kind != unstable.Array {
			p.wrongKind(e, "a list", `write ["one", "another"]`)
			return
		}
		var list []T
		for _, item := range e.items {
			item.path = e.path
			var v T
			text(&v, understand)(p, item)
			list = append(list, v)
		}
		*dst = list
	}
}

func boolean(dst *bool) setter {
	return func(p *parser, e entry) {
		if e.kind != unstable.Bool {
			p.wrongKind(e, "true or false", "write true or false, without quotes")
			return
		}
		*dst = e.text == "true"
	}
}

func integer(dst *int, least, most int64) setter {
	return func(p *parser, e entry) {
		if e.kind != unstable.Integer {
			p.wrongKind(e, "a number", fmt.Sprintf("write a number from %d to %d, without quotes", least, most))
			return
		}
		n, err := strconv.ParseInt(e.text, 0, 64)
		if err != nil || n < least || n > most {
			p.addValue(e, faultf(fmt.Sprintf("write a number from %d to %d", least, most), "%s is out of range", e.text))
			return
		}
		*dst = int(n)
	}
}

// duration reads a span of time. A bare number is refused: nobody can tell its
// unit.
func duration(dst *time.Duration, understand func(string) (time.Duration, *fault)) setter {
	return func(p *parser, e entry) {
		if e.kind == unstable.Integer || e.kind == unstable.Float {
			p.addValue(e, faultf(fmt.Sprintf("write %q", strings.TrimLeft(e.text, "+-")+"s"), "the number %s has no unit", e.text))
			return
		}
		text(dst, understand)(p, e)
	}
}

// parseDuration reads "90s", "1h30m", and "2d" or "1w", which time does not
// know: 24 hours and 7 times that.
func parseDuration(s string) (time.Duration, *fault) {
	const hint = `write a number and a unit, as "30s", "5m", "48h" or "2d"`
	d, err := time.ParseDuration(s)
	if err != nil {
		var ok bool
		if d, ok = parseDays(s); !ok {
			return 0, faultf(hint, "%s is no span of time", show(s))
		}
	}
	if d <= 0 {
		return 0, faultf(hint, "%s is not over 0", show(s))
	}
	return d, nil
}

func parseDays(s string) (time.Duration, bool) {
	day := 24 * time.Hour
	number, found := strings.CutSuffix(s, "d")
	if !found {
		if number, found = strings.CutSuffix(s, "w"); !found {
			return 0, false
		}
		day *= 7
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n > math.MaxInt64/int64(day) || n < math.MinInt64/int64(day) {
		return 0, false
	}
	return time.Duration(n) * day, true
}

// parseProbe lets a probe be switched off.
func parseProbe(s string) (time.Duration, *fault) {
	if s == "off" || s == "0" || s == "0s" {
		return 0, nil
	}
	return parseDuration(s)
}

// start reads "now", "all", or a day, which TOML may know as one.
func start(dst *Start) setter {
	return func(p *parser, e entry) {
		if e.kind == unstable.LocalDate {
			e.kind = unstable.String
		}
		text(dst, parseStart)(p, e)
	}
}

func parseStart(s string) (Start, *fault) {
	switch s {
	case string(StartNow), string(StartAll):
		return Start{Mode: StartMode(s)}, nil
	}
	day, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Start{}, faultf(`write "now", "all", or a day as "2026-01-31"`, "%s is no way to start, and no day", show(s))
	}
	return Start{Mode: StartDate, Date: day}, nil
}

// oneOf reads one of a few words.
func oneOf[T ~string](allowed ...T) func(string) (T, *fault) {
	return func(s string) (T, *fault) {
		var words, quoted []string
		for _, a := range allowed {
			if string(a) == s {
				return a, nil
			}
			words = append(words, string(a))
			quoted = append(quoted, strconv.Quote(string(a)))
		}
		last := len(quoted) - 1
		hint := "write " + strings.Join(quoted[:last], ", ") + " or " + quoted[last]
		if near := nearest(s, words); near != "" {
			hint = fmt.Sprintf("did you mean %q? (%s)", near, hint)
		}
		return "", faultf(hint, "%s is not one of the words it knows", show(s))
	}
}

// parsePlain reads a name that goes onto the wire or the disk.
func parsePlain(s string) (string, *fault) {
	switch {
	case strings.TrimSpace(s) == "":
		return "", faultf("write something, or leave the line out", "it is empty")
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", faultf("write it without", "%s has a control character", show(s))
	}
	return s, nil
}

// optional lets "" stand for the line left out.
func optional(understand func(string) (string, *fault)) func(string) (string, *fault) {
	return func(s string) (string, *fault) {
		if s == "" {
			return "", nil
		}
		return understand(s)
	}
}

// parsePhrase reads a display name. Its length is bounded so that it fits into
// one header line with the address (RFC 5322 §2.1.1).
func parsePhrase(s string) (string, *fault) {
	const most = 200
	s = strings.TrimSpace(s)
	if len(s) > most {
		return "", faultf("write a shorter one", "it has %d octets, and %d are the most", len(s), most)
	}
	return parsePlain(s)
}

// parseFromName reads the template of the name customers read.
func parseFromName(s string) (string, *fault) {
	s, f := parsePhrase(s)
	if f != nil {
		return "", f
	}
	const hint = "it may have {engineer} and {support}"
	for _, name := range regexp.MustCompile(`\{[^{}]*\}`).FindAllString(s, -1) {
		if name != "{engineer}" && name != "{support}" {
			return "", faultf(hint, "%s is no placeholder", show(name))
		}
	}
	if strings.ContainsAny(strings.NewReplacer("{engineer}", "", "{support}", "").Replace(s), "{}") {
		return "", faultf(hint, "%s has a brace that is none's partner", show(s))
	}
	return s, nil
}

// filePath reads a path, which counts from the file's directory.
func (p *parser) filePath(s string) (string, *fault) {
	s, f := parsePlain(s)
	switch {
	case f != nil:
		return "", f
	case s == "~" || strings.HasPrefix(s, "~/"):
		return "", faultf("write the whole path", "%s: ~ is not understood here", show(s))
	case filepath.IsAbs(s):
		return filepath.Clean(s), nil
	}
	return filepath.Join(p.dir, s), nil
}

func parseListen(s string) (string, *fault) {
	if s == "" {
		return "", nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil || host != "" && hostFault(host) != nil || portFault(port) != nil {
		return "", faultf(`write "127.0.0.1:9130"`, "%s is not host and port", show(s))
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// loopback reports whether a host and port is one that only this machine
// reaches.
func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// wrongKind reports a number where text should be, and the like. Where a
// password is near, what was read is not said.
func (p *parser) wrongKind(e entry, want, hint string) {
	if key := bareKey(e.path); strings.HasPrefix(key, "password_") || strings.HasPrefix(key, "client_secret_") {
		p.addValue(e, faultf("write "+want, "it should be %s", want))
		return
	}
	p.addValue(e, faultf(hint, "it is %s, and should be %s", e.describe(), want))
}
