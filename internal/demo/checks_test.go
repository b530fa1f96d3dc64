package demo

import (
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"postroom/internal/mailtest/servers"
)

func letterOf(t *testing.T, lines ...string) *letter {
	t.Helper()
	l, err := read(servers.Message{UID: 1, Raw: []byte(strings.Join(lines, "\r\n"))})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestDiscreet hides what is the engineer's alone where programs look.
func TestDiscreet(t *testing.T) {
	d := &demo{say: &narrator{out: io.Discard}, cast: newCast()}
	cp := letterOf(t, "Message-ID: <copy@acme.example>", "References: <root@acme.example> <token@acme.example>", "", "")
	const hers = "<hers@alice-laptop.acme.example>"
	trace := []string{
		"Return-Path: <support+bounce@acme.example>", "Delivered-To: jane@client.example", "Received: from acme.example by mail.acme.example",
	}
	plain := []string{"From: Alice Ng at Acme Support <support@acme.example>", "MIME-Version: 1.0"}
	for _, tc := range []struct {
		name  string
		lines []string
		want  string // "" for nothing to be found
	}{
		{"clean", []string{"Content-Type: text/plain", "", "Hello Jane"}, ""},
		{"client", []string{"User-Agent: x", "", ""}, "User-Agent"},
		{"network", []string{"Received: from alice by mail", "", ""}, "network"},
		{"address in text", []string{"", "write to Alice@ACME.example"}, "the engineer's address"},
		{"address in the code of the text", []string{"Content-Transfer-Encoding: quoted-printable", "", "alice=40acme.example"}, "the engineer's address"},
		{"token in HTML", []string{"Content-Type: text/html", "Content-Transfer-Encoding: base64", "",
			base64.StdEncoding.EncodeToString([]byte("<a href='mailto:support+r1@acme.example'>"))}, "a reply token"},
		{"token id", []string{"References: <root@acme.example> <token@acme.example>", "", ""}, "the token id"},
		{"her id", []string{"In-Reply-To: " + hers, "", ""}, "the engineer's"},
		{"encoded header", []string{"Subject: =?utf-8?q?alice=40acme.example?=", "", ""}, "the engineer's address"},
		{"in a file", []string{"Content-Disposition: attachment; filename=x", "", "bcc alice@acme.example"}, "the engineer's address"},
		{"footer", []string{"", "> :.: Alice, it is your turn."}, "the footer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := d.checks()
			c.discreet(letterOf(t, append(append(append([]string{}, trace...), plain...), tc.lines...)...), d.cast.alice, cp, hers)
			switch {
			case tc.want == "" && c.err != nil:
				t.Error(c.err)
			case tc.want != "" && (c.err == nil || !strings.Contains(c.err.Error(), tc.want)):
				t.Errorf("got %v, want an error about %s", c.err, tc.want)
			}
		})
	}
}

// TestDiffer compares mailboxes with what they should hold.
func TestDiffer(t *testing.T) {
	d := &demo{say: &narrator{out: io.Discard}}
	a, b := letterOf(t, "Message-ID: <a@x>", "", ""), letterOf(t, "Message-ID: <b@x>", "", "")
	for _, tc := range []struct {
		name string
		want map[string]int
		got  []*letter
		err  string
	}{
		{"the same", map[string]int{"<a@x>": 1, "<b@x>": 1}, []*letter{b, a}, ""},
		{"one missing", map[string]int{"<a@x>": 1, "<b@x>": 1}, []*letter{a}, "<b@x>"},
		{"one twice", map[string]int{"<a@x>": 1}, []*letter{a, a}, "once more"},
		{"one too many", map[string]int{"<a@x>": 1}, []*letter{a, b}, "<b@x>"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := d.differ("INBOX", tc.want, tc.got)
			if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("got %v, want %q", err, tc.err)
			}
		})
	}
}
