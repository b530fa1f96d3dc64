package mailtest

import (
	"bytes"
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var rich = Mail{
	From: "Zoë Customer <zoe@customer.example>", To: "support@acme.example", Cc: "boss@customer.example",
	Subject: "Größe: is it 5 × 5?", MessageID: "a1@customer.example", InReplyTo: "<x@acme.example>",
	References: []string{"root@acme.example", "x@acme.example"},
	Date:       time.Date(2026, 5, 4, 10, 30, 0, 0, time.UTC),
	Text:       "Hello,\n.dot\nFrom here it is ünicode = fine\n\n-- \nZoë\n",
	HTML:       "<p>Hello, <b>" + strings.Repeat("long line ", 120) + "</b></p>",
	Attachments: []Attachment{
		{Name: "naïve plan.bin", Data: []byte(strings.Repeat("\x00\x01\r\n.\r\n", 100))},
		{Name: "logo.png", Type: "image/png", ContentID: "logo@x", Data: []byte("png")},
		{Type: "message/rfc822", Data: []byte("From: a@b.example\r\n\r\ninner\r\n")},
	},
	Headers: []Field{{"X-Kind", "test"}},
}

// checkRich compares a mail that has travelled with what was built.
func checkRich(t *testing.T, raw []byte) {
	t.Helper()
	p := MustParse(t, raw)
	for name, want := range map[string]string{
		"From": "Zoë Customer <zoe@customer.example>", "Subject": rich.Subject, "X-Kind": "test",
		"Message-ID": "<a1@customer.example>", "Date": "Mon, 04 May 2026 10:30:00 +0000",
	} {
		if got := strings.ReplaceAll(p.Get(name), `"`, ""); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := p.IDs("References"); !slices.Equal(got, rich.References) {
		t.Errorf("References: %q", got)
	}
	if got := p.Addresses("Cc"); !slices.Equal(got, []string{"boss@customer.example"}) {
		t.Errorf("Cc: %q", got)
	}
	if got := strings.ReplaceAll(p.Text, "\r\n", "\n"); got != rich.Text {
		t.Errorf("text: %q", got)
	}
	if p.HTML != rich.HTML {
		t.Errorf("HTML: %q", p.HTML)
	}
	want := slices.Clone(rich.Attachments)
	want[0].Type = "application/octet-stream"
	if !reflect.DeepEqual(p.Attachments, want) {
		t.Errorf("attachments: %q", p.Attachments)
	}
}

func TestBuildAndParse(t *testing.T) {
	raw := rich.Bytes()
	checkRich(t, raw)
	if !bytes.Equal(raw, rich.Bytes()) {
		t.Error("two builds differ")
	}
	if bytes.Contains(bytes.ReplaceAll(raw, []byte("\r\n"), nil), []byte("\n")) {
		t.Error("bare LF in the mail")
	}
	for line := range bytes.SplitSeq(raw, []byte("\r\n")) {
		if len(line) > 998 {
			t.Errorf("line of %d octets", len(line))
		}
	}
	plain := MustParse(t, Mail{From: "a@b.example", Text: "only\ntext"}.Bytes())
	if plain.Text != "only\r\ntext" || plain.HTML != "" || plain.Attachments != nil || len(plain.Fields) != 4 {
		t.Errorf("plain: %+v", plain)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, raw := range []string{
		" continued\r\n\r\n", "no colon\r\n\r\n", "A : b\r\n\r\n", "A: b\nC: d\r\n\r\n",
		"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nopen",
		"Content-Transfer-Encoding: base64\r\n\r\n?!",
		"Content-Type: text/plain; charset=nope\r\n\r\nx",
	} {
		if p, err := Parse([]byte(raw)); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", raw, p)
		}
	}
}

const (
	support  = "support@acme.example"
	customer = "zoe@customer.example"
)

func testUsers() []User {
	return []User{{support, "s3cret"}, {customer, "cust"}}
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func count(n int) func([]Message) bool {
	return func(list []Message) bool { return len(list) >= n }
}
