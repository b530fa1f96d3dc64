package smtpout

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestPathOf(t *testing.T) {
	good := map[string]string{
		"":                        "",
		"a@b.example":             "a@b.example",
		"a@BÜCHER.example":        "a@xn--bcher-kva.example",
		`"a b"@c.example`:         `"a b"@c.example`,
		`"a\"b>"@c.example`:       `"a\"b>"@c.example`,
		"ü@b.example":             "ü@b.example",
		"a@[192.0.2.1]":           "a@[192.0.2.1]",
		"a+b@under_score.example": "a+b@under_score.example",
		`"a@b"@c.example`:         `"a@b"@c.example`,
	}
	for addr, want := range good {
		if p, bad := pathOf(addr); bad != nil || p.text != want {
			t.Errorf("%q is the path %q (%v), want %q", addr, p.text, bad, want)
		}
	}
	for _, addr := range []string{
		"a", "@b", "a@", "a b@c", "a@b\r\nRCPT TO:<x@y>", "a>@b", "a@b>", "a@b c", `"a@b`, `"a"b"@c`, `"a\"@c`, "a@\u00a0.example",
		"a\x00@b", "\x7f@b", "a@xn--\u00e4.example", strings.Repeat("a", 600) + "@b",
	} {
		if p, bad := pathOf(addr); bad == nil {
			t.Errorf("%q passes as %q", addr, p.text)
		}
	}
}

func FuzzPathOf(f *testing.F) {
	for _, s := range []string{"a@b", `"a b"@c`, "ü@ü.example", "a@b\r\n", `"\"@b`, "a@b>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, addr string) {
		p, bad := pathOf(addr)
		if bad != nil {
			return
		}
		// Outside a quoted string nothing may end the path or the line.
		quoted, escaped := false, false
		for _, c := range p.text {
			switch {
			case unicode.IsControl(c):
				t.Fatalf("%q gives %q", addr, p.text)
			case escaped:
				escaped = false
			case quoted && c == '\\':
				escaped = true
			case c == '"':
				quoted = !quoted
			case !quoted && (c == '>' || c == '<' || c == ' '):
				t.Fatalf("%q gives %q", addr, p.text)
			}
		}
	})
}

func FuzzClean(f *testing.F) {
	f.Add("ok\r\n250 x\x1b[31m\xff\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if len(got) > maxWords || !utf8.ValidString(got) {
			t.Fatalf("%d octets: %q", len(got), got)
		}
		for _, c := range got {
			if !unicode.IsPrint(c) {
				t.Fatalf("%q is left in %q", c, got)
			}
		}
	})
}

func TestBackoff(t *testing.T) {
	want := []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute}
	for i, w := range want {
		if got := backoff(time.Minute, 4*time.Hour, i+1, 0.5); got != w {
			t.Errorf("pause %d is %v, want %v", i+1, got, w)
		}
	}
	for _, n := range []int{9, 20, 1_000_000} {
		if got := backoff(time.Minute, 4*time.Hour, n, 0.5); got != 4*time.Hour {
			t.Errorf("pause %d is %v", n, got)
		}
	}
	if low, high := backoff(time.Minute, time.Hour, 1, 0), backoff(time.Minute, time.Hour, 1, 0.999); low != 45*time.Second || high < 74*time.Second || high > 75*time.Second {
		t.Errorf("jitter spreads a minute over %v to %v", low, high)
	}
}
