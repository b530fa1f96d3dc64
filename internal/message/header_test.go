package message

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"postroom/threads"
)

// readText reads a mail given as text.
func readMail(s string) *Message { return Read(bytes.NewReader([]byte(s))) }

func hasProblem(m *Message, part string) bool {
	for _, p := range m.Mail.Problems {
		if strings.Contains(p, part) {
			return true
		}
	}
	return false
}

func TestHeaderScan(t *testing.T) {
	for _, c := range []struct{ name, mail, subject, text, problem string }{
		{"plain", "Subject: a\nFrom: x@y.example\n\nbody\n", "a", "body", ""},
		{"crlf", "Subject: a\r\n\r\nbody\r\n", "a", "body", ""},
		{"cr alone", "Subject: a\rX: y\r\rone\rtwo\r", "a", "one\ntwo", "CR alone"},
		{"folded", "Subject: a\n b\n\tc\n\nbody\n", "a b c", "body", ""},
		{"mbox line", "From me Thu Jan  1 00:00:00 1970\nSubject: a\n\nbody\n", "a", "body", "From_"},
		{"line without colon", "X: y\nthis is no field\nSubject: a\n\nbody\n", "a", "body", "no field"},
		{"name with blank", "Sub ject: x\nSubject: a\n\nbody\n", "a", "body", "no field"},
		{"blank before colon", "Subject : a\n\nbody\n", "a", "body", ""},
		{"no blank line", "Subject: a\nHello there,\nhow are you\n", "a", "Hello there,\nhow are you", "no blank line"},
		{"no blank line, paragraphs", "Subject: a\nHello,\n\nhow are you\n", "a", "Hello,\n\nhow are you", "no blank line"},
		{"blank lines first", "\n\nSubject: a\n\nbody\n", "a", "body", "blank line before"},
		{"byte order mark", "\xef\xbb\xbfSubject: a\n\nbody\n", "a", "body", ""},
		{"no header", "\nbody alone\n", "", "body alone", "no readable From"},
		{"header alone", "Subject: a", "a", "", ""},
		{"empty", "", "", "", "no Date"},
		{"folding before any field", " x\nSubject: a\n\nbody\n", "a", "body", "no field"},
		{"control characters", "Subject: a\x00\x1b[31mb\x07\n\nbody\n", "a[31mb", "body", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := readMail(c.mail)
			if m.Mail.Subject != c.subject || m.Mail.Text != c.text {
				t.Errorf("subject %q, text %q; want %q, %q", m.Mail.Subject, m.Mail.Text, c.subject, c.text)
			}
			if c.problem != "" && !hasProblem(m, c.problem) {
				t.Errorf("problems %q lack %q", m.Mail.Problems, c.problem)
			}
			if problem := checkMessage(m, []byte(c.mail)); problem != "" {
				t.Error(problem)
			}
		})
	}
}

func TestHeaderLimits(t *testing.T) {
	var b strings.Builder
	for i := range maxFields + 500 {
		fmt.Fprintf(&b, "X-%d: y\n", i)
	}
	m := readMail(b.String() + "\nbody\n")
	if len(m.Header) != maxFields || m.Mail.Text != "body" || !hasProblem(m, "over its limits") {
		t.Errorf("%d fields, text %q, problems %q", len(m.Header), m.Mail.Text, m.Mail.Problems)
	}
	m = readMail("Subject: " + strings.Repeat("x", 2*maxField) + "\n " + strings.Repeat("y", maxField) + "\nTo: a@b.example\n\nbody\n")
	if len(m.Mail.Subject) > maxSubject || len(m.Mail.To) != 1 || m.Mail.Text != "body" {
		t.Errorf("subject of %d octets, to %v, text %q", len(m.Mail.Subject), m.Mail.To, m.Mail.Text)
	}
}

func TestHeaderMethods(t *testing.T) {
	m := readMail("Received: 1\nreceived: 2\nSubject: a\n\n")
	if got := m.Header.All("RECEIVED"); len(got) != 2 || got[1] != "2" {
		t.Errorf("All: %q", got)
	}
	if m.Header.Get("subject") != "a" || m.Header.Get("To") != "" || !m.Header.Has("Subject") || m.Header.Has("To") {
		t.Error("Get or Has is wrong")
	}
	if f := m.Header[1]; f.Offset != 12 || f.Length != 12 {
		t.Errorf("field at %d+%d", f.Offset, f.Length)
	}
}

func TestDecodeWords(t *testing.T) {
	for _, c := range []struct{ in, hint, want string }{
		{"plain", "", "plain"},
		{"=?utf-8?q?caf=C3=A9_au_lait?=", "", "café au lait"},
		{"=?utf-8?q?caf=C3?= =?utf-8?q?=A9?=", "", "café"},
		{"=?utf-8?b?Y2Fmw6k=?= =?utf-8?b?IHg=?=", "", "café x"},
		{"a =?iso-8859-1?q?=E9?= b", "", "a é b"},
		{"=?utf-8*en?q?x?= y", "", "x y"},
		{"=?'utf-8'?q?=C3=A9?=", "", "é"},
		{"=?none?q?abc?=", "", "abc"},
		{"=?x-nonsense?q?=E9?=", "", "é"},
		{"=?utf-8?q?=E9t=E9?=", "", "été"},
		{"=?utf-8?q?cut off", "", "cut off"},
		{"=?gb2312?b?xOO6ww==?=", "", "你好"},
		{"=?ks_c_5601-1987?b?sO24v73AtM+02S4=?=", "", "고맙습니다."},
		{"=?iso-2022-jp?b?GyRCJDMbKEI=?= =?iso-2022-jp?b?GyRCJHMbKEI=?=", "", "こん"},
		{"=?utf-7?q?+AOk-?=", "", "é"},
		{"raw caf\xe9", "", "raw café"},
		{"raw caf\xc3\xa9", "", "raw café"},
		{"\xc4\xe3\xba\xc3", "gb2312", "你好"},
		{"=?utf-8?q?a?=b=?utf-8?q?c?=", "", "abc"},
		{"=? not a word ?=", "", "=? not a word ?="},
		{"=?utf-8?q?a=0D=0ABcc:_x?=", "", "a  Bcc: x"},
		{"=?utf-8?x?abc?=", "", "=?utf-8?x?abc?="},
		{"=?utf-8?q??= x", "", "x"},
		{"a\u202eb", "", "ab"},
	} {
		if got := decodeWords(c.in, c.hint); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a@b.example", "|a@b.example"},
		{"Jane Doe <a@b.example>", "Jane Doe|a@b.example"},
		{`"Doe, Jane" <a@b.example>, c@d.example`, "Doe, Jane|a@b.example |c@d.example"},
		{"Doe, Jane <a@b.example>", "Doe, Jane|a@b.example"},
		{"a@b.example; c@d.example", "|a@b.example |c@d.example"},
		{"a@b.example (Jane (the) Doe)", "Jane (the) Doe|a@b.example"},
		{"a@b.example <a@b.example>", "a@b.example|a@b.example"},
		{"'a@b.example' <a@b.example>", "a@b.example|a@b.example"},
		{"[x] <a@b.example>", "[x]|a@b.example"},
		{"a.@docomo.example", "|a.@docomo.example"},
		{"Jane Doe a@b.example", "Jane Doe|a@b.example"},
		{"Jane <a@b.example", "Jane|a@b.example"},
		{"Jane <a@b.example, c@d.example", "Jane|a@b.example |c@d.example"},
		{"Team: a@b.example, Jane <c@d.example>;, e@f.example", "|a@b.example Jane|c@d.example |e@f.example"},
		{"undisclosed-recipients:;", ""},
		{"<>", ""},
		{"nobody", ""},
		{"=?utf-8?q?J=C3=A4ne?= <a@b.example>", "Jäne|a@b.example"},
		{`"=?utf-8?q?J=C3=A4ne?=" <a@b.example>`, "Jäne|a@b.example"},
		{"=?utf-8?q?Jane_=3Ca=40b.example=3E?=", "Jane|a@b.example"},
		{"J\xe4ne <a@b.example>", "Jäne|a@b.example"},
		{"<mailto:a@b.example>", "|a@b.example"},
		{"<@relay.example:a@b.example>", "|a@b.example"},
		{"jane at b.example (Jane)", "Jane|jane@b.example"},
		{`Jane <"jane doe"@b.example>`, `Jane|"jane doe"@b.example`},
		{`jane@[192.0.2.1], <joe@[192.0.2.1]>`, `|jane@[192.0.2.1] |joe@[192.0.2.1]`},
		{`"quoted local"@b.example`, `|"quoted local"@b.example`},
		{"Jane < a@b.example >", "Jane|a@b.example"},
		{"jdöe@mächine.example", "|jdöe@mächine.example"},
		{`"unclosed <a@b.example>`, `unclosed|a@b.example`},
	} {
		var got []string
		for _, a := range parseAddresses(c.in, "") {
			got = append(got, a.Name+"|"+a.Addr)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%q: %q, want %q", c.in, s, c.want)
		}
	}
}

func TestSenderFallback(t *testing.T) {
	for _, c := range []struct{ header, want string }{
		{"From: a@b.example\nFrom: c@d.example\n", "a@b.example"},
		{"From: nobody\nFrom: c@d.example\n", "c@d.example"},
		{"Sender: s@b.example\n", "s@b.example"},
		{"From: \"Me\" <>\nReply-To: r@b.example\n", "r@b.example"},
		{"Return-Path: <p@b.example>\n", "p@b.example"},
		{"Subject: none\n", ""},
	} {
		m := readMail(c.header + "\nx\n")
		if got := m.Mail.Sender().Addr; got != c.want {
			t.Errorf("%q: %q, want %q", c.header, got, c.want)
		}
	}
}

func TestIDs(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"<a@b>", "<a@b>"},
		{"<a@b> <c@d>", "<a@b> <c@d>"},
		{"<a@b>,<c@d>", "<a@b> <c@d>"},
		{"<a@b><c@d>", "<a@b> <c@d>"},
		{"a@b", "<a@b>"},
		{"a@b c@d, e@f", "<a@b> <c@d> <e@f>"},
		{"<nodomain> <c@d>", "<nodomain> <c@d>"},
		{"<[x]@y> <\"q\"@b>", "<[x]@y> <\"q\"@b>"},
		{"Your message of Mon, 3 Mar <a@b>", "<a@b>"},
		{"Message from joe@x.example of Monday", ""},
		{"<a@b> from joe@x.example", "<a@b>"},
		{"<a@b <c@d>", "<a@b> <c@d>"},
		{"<cut@off", "<cut@off>"},
		{"<fol ded@b>", "<folded@b>"},
		{"<a@b> <a@b>", "<a@b>"},
		{"", ""},
		{"<>", ""},
	} {
		if got := strings.Join(parseIDs(c.in), " "); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
	if got := messageID("no-at-sign"); got != "<no-at-sign>" {
		t.Errorf("a single word: %q", got)
	}
	var many []string
	for i := range 2 * maxIDs {
		many = append(many, fmt.Sprintf("<%d@x>", i))
	}
	if got := parseIDs(strings.Join(many, " ")); len(got) != maxIDs {
		t.Errorf("%d ids", len(got))
	}
	m := readMail("References: <a@b>\nReferences: <c@d>\n\nx\n")
	if len(m.Mail.References) != 2 {
		t.Errorf("two References fields: %q", m.Mail.References)
	}
}

func TestDates(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"Mon, 2 Mar 2026 10:00:00 +0100", "2026-03-02T09:00:00Z"},
		{"2 Mar 2026 10:00 GMT", "2026-03-02T10:00:00Z"},
		{"Mon, 2 Mar 2026 10:00:00", "2026-03-02T10:00:00Z"},
		{"2026-03-02T10:00:00+02:00", "2026-03-02T08:00:00Z"},
		{"2026-03-02 10:00:00", "2026-03-02T10:00:00Z"},
		{"Mo, 2 Mär 2026 10:00:00 +0100", "2026-03-02T09:00:00Z"},
		{"lun., 2 mars 2026 10:00:00 +0100", "2026-03-02T09:00:00Z"},
		{"Mon, 2 Mar 2026 24:04:00 +0000", "2026-03-03T00:04:00Z"},
		{"Mon, 2 Mar 26 10:00:00 EST", "2026-03-02T15:00:00Z"},
		{"Mon Mar  2 10:00:00 2026", "2026-03-02T10:00:00Z"},
		{"Mon, 2 Mar 2026 10:00:00 GMT+2", "2026-03-02T08:00:00Z"},
		{"02.03.2026 10:00", "2026-03-02T10:00:00Z"},
		{"3/2/2026 10:00:00 PM", "2026-03-02T22:00:00Z"},
		{"nonsense", ""},
		{"", ""},
		{"Mon, 2 Mar 9999999 10:00", ""},
	} {
		got := ""
		if d := parseDate(c.in); !d.IsZero() {
			got = d.UTC().Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestSubjects(t *testing.T) {
	for _, c := range []struct {
		in, base string
		reply    bool
	}{
		{"Printer", "Printer", false},
		{"Re: Printer", "Printer", true},
		{"RE: AW: Fwd: Printer", "Printer", true},
		{"Fwd: Printer", "Printer", false},
		{"WG: Printer", "Printer", false},
		{"Re[2]: Printer", "Printer", true},
		{"Re(3): Re^2: Printer", "Printer", true},
		{"SV: Antw: RES: Ynt: Printer", "Printer", true},
		{"回复：打印机", "打印机", true},
		{"답장: 프린터", "프린터", true},
		{"Re : Printer", "Printer", true},
		{"[EXTERNAL] Re: Printer", "Printer", true},
		{"Re: [EXTERNAL] Re: Printer", "Printer", true},
		{"[list] Re: Printer", "[list] Printer", true},
		{"Re: [list] Printer", "[list] Printer", true},
		{"[list] Re: [list] Printer", "[list] Printer", true},
		{"[Fwd: Printer]", "Printer", false},
		{"Printer (fwd)", "Printer", false},
		{"Regarding: Printer", "Regarding: Printer", false},
		{"Note: Re: x", "Note: Re: x", false},
		{"Re:", "", true},
		{"", "", false},
	} {
		base, reply := baseSubject(c.in)
		if base != c.base || reply != c.reply {
			t.Errorf("%q: %q %v, want %q %v", c.in, base, reply, c.base, c.reply)
		}
	}
}

func TestEnvelopeFields(t *testing.T) {
	m := readMail("Return-Path: <p@b.example>\nDelivered-To: one@us.example\nX-Original-To: two@us.example\nEnvelope-To: one@us.example\nReply-To: R <r@b.example>\nFrom: a@b.example\nCc: c@d.example, e@f.example\n\nx\n")
	if m.Mail.ReturnPath != "p@b.example" || strings.Join(m.Mail.DeliveredTo, " ") != "one@us.example two@us.example" {
		t.Errorf("%q %q", m.Mail.ReturnPath, m.Mail.DeliveredTo)
	}
	if len(m.Mail.Cc) != 2 || m.Mail.ReplyTo[0] != (threads.Address{Name: "R", Addr: "r@b.example"}) {
		t.Errorf("%v %v", m.Mail.Cc, m.Mail.ReplyTo)
	}
}
