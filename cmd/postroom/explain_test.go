package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"postroom/internal/admin"
	"postroom/internal/rehearse"
)

// hostile is a mail whose every field tries to get at the terminal: escape
// sequences, raw, encoded and by charset, a changed direction of writing, a
// bell, a carriage return, lines that pretend to be ours.
const hostile = "From: \"\x1b]0;owned\x07\" <a\x1b[2J@customer.example>\r\nReply-To: =?utf-8?q?=1B[31m?= <b@customer.example>\r\n" +
	"To: =?utf-8?b?4oCuZ25w?= <c@customer.example>\r\nCc: x\x9b31m <d@customer.example>\r\nSubject: =?utf-8?q?=1B[2J=0D=0Apostroom:_fine=C2=9B31m?=\r\n" +
	"Message-ID: <\x1b[5m@customer.example>\r\nReferences: <\x07@customer.example>\r\nAuto-Submitted: auto-replied; \x1b[7m\r\nDate: \x1b[8m\r\n" +
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nText\x1b[1A\rover\x08\x08 \xe2\x80\xaegnp\r\n--b\r\nContent-Type: a/\x1b[b\r\n" +
	"Content-Disposition: attachment; filename=\"\x1b[2K\xe2\x80\xaefdp.exe\"\r\n\r\nx\r\n--b--\r\n"

// wantTame sees that a terminal shows a text as it is.
func wantTame(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Cf, r)) {
			t.Errorf("%U reaches the terminal: %q", r, text)
			return
		}
	}
}

func TestExplainIsSafe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a\x1b[2J\n.eml")
	if err := os.WriteFile(file, []byte(hostile), 0o600); err != nil {
		t.Fatal(err)
	}
	x, err := rehearse.Explain(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	x.Problems = append(x.Problems, "bad \x1b[1m")
	var b strings.Builder
	if err := (admin.Printer{Out: &b, Zone: time.UTC, Width: 80}).Sheet(explained(x)); err != nil {
		t.Fatal(err)
	}
	wantTame(t, b.String())
	for _, want := range []string{"\n  from ", "\n  subject ", `\x1b[2J`, "\n  | Text", "attached"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in %s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "\npostroom: fine") {
		t.Errorf("a header made a line of its own: %s", b.String())
	}
}

func TestExplainForPeople(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mail.eml")
	mail := "From: Jane Doe <jane@customer.example>\nTo: support@acme.example\nSubject: Re: Printer\nDate: Mon, 2 Mar 2026 10:00:00 +0100\n\n" +
		"It burns.\n\nOn Mon, 2 Mar 2026, Acme wrote:\n> Does it burn?\n"
	if err := os.WriteFile(file, []byte(mail), 0o600); err != nil {
		t.Fatal(err)
	}
	x, err := rehearse.Explain(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	x.File = "mail.eml"
	var b strings.Builder
	if err := (admin.Printer{Out: &b, Zone: time.UTC, Width: 80}).Sheet(explained(x)); err != nil {
		t.Fatal(err)
	}
	const want = `mail.eml, 182 octets
  from     Jane Doe <jane@customer.example>
  to       support@acme.example
  subject  Re: Printer
  date     Mon, 02 Mar 2026 10:00:00 +0100
  class    customer
  quoted   49 octets of the text, not shown here
  ! no Message-ID
  | It burns.
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}
