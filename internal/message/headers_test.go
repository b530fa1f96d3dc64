package message

import (
	"fmt"
	"mime"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"postroom/threads"
)

// scripts are sample words of twelve scripts.
func scripts() map[string]string {
	return map[string]string{
		"latin": "Grüße aus Köln, señor Łódź", "greek": "Καλημέρα κόσμε", "cyrillic": "Здравствуйте, как дела",
		"hebrew": "שלום עולם", "arabic": "مرحبا بالعالم", "devanagari": "नमस्ते दुनिया", "thai": "สวัสดีชาวโลก",
		"han": "你好，世界，请问这个问题怎么解决", "kana": "こんにちは、せかい", "hangul": "안녕하세요 세계", "georgian": "გამარჯობა მსოფლიო",
		"emoji": "👩‍💻 🎉 wow",
	}
}

func drawText(t *rapid.T, label string) string {
	all := scripts()
	names := make([]string, 0, len(all))
	for n := range all {
		names = append(names, n)
	}
	slices.Sort(names)
	var parts []string
	for range rapid.IntRange(1, 6).Draw(t, label+" parts") {
		switch rapid.IntRange(0, 4).Draw(t, label+" kind") {
		case 0:
			parts = append(parts, rapid.StringMatching(`[ -~]{1,40}`).Draw(t, label))
		case 1:
			parts = append(parts, rapid.SampledFrom([]string{"=?UTF-8?Q?=0D=0ABcc:_x@y.example?=", `a "quoted" \ word`, "x,y;z", "Jane (home)", "<jane@x.example>", strings.Repeat("long", 120)}).Draw(t, label))
		default:
			parts = append(parts, all[rapid.SampledFrom(names).Draw(t, label+" script")])
		}
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

func testHeadings() *headings {
	return &headings{
		support: threads.Address{Name: "Acme Support", Addr: "support@acme.example"}, template: "{engineer} at {support}",
		author: "Alice Ng", customer: threads.Address{Name: "Jane Doe", Addr: "jane@x.example"},
		to:      []threads.Address{{Name: "Alice Ng", Addr: "alice@acme.example"}},
		replyTo: "support+rabc@acme.example", subject: "Broken", messageID: "<m.1@acme.example>", inReplyTo: "<1@x.example>",
		references: []string{"<o.1@acme.example>"}, date: time.Date(2026, 11, 24, 9, 30, 0, 0, time.FixedZone("", 3600)),
	}
}

// parseHeader reads a header block with net/mail and checks its form.
func parseHeader(t interface {
	Fatalf(string, ...any)
}, block string) mail.Header {
	for l := range strings.SplitSeq(strings.TrimSuffix(block, "\r\n"), "\r\n") {
		if len(l) > maxLine || strings.ContainsAny(l, "\r\n") || strings.TrimSpace(l) == "" {
			t.Fatalf("line %q of %d octets in %q", l, len(l), block)
		}
		if strings.Contains(l, "=?UTF-8?") && len(l) > 78 {
			t.Fatalf("a line with an encoded word has %d octets: %q", len(l), l)
		}
	}
	m, err := mail.ReadMessage(strings.NewReader(block + "\r\n"))
	if err != nil {
		t.Fatalf("%v in %q", err, block)
	}
	return m.Header
}

func TestHeaderScripts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := testHeadings()
		h.subject = drawText(t, "subject")
		h.customer.Name = drawText(t, "name")
		h.author = drawText(t, "author")
		h.to[0].Name = drawText(t, "to")
		h.cc = []threads.Address{{Name: drawText(t, "cc"), Addr: "cc@x.example"}, {Addr: "plain@x.example"}}
		for _, c := range []column{columnCopy, columnAnswer, columnNotice} {
			block, err := h.write(c)
			if err != nil {
				t.Fatalf("%v", err)
			}
			got := parseHeader(t, block)
			checkText(t, c, h, got)
			checkNames(t, c, h, got)
		}
	})
}

func checkText(t *rapid.T, c column, h *headings, got mail.Header) {
	want := headText(h.subject)
	if c == columnAnswer {
		for {
			rest, m := cutMark(want)
			if m != replyMark {
				break
			}
			want = rest
		}
		want = strings.TrimSpace("Re: " + want)
	}
	dec := new(mime.WordDecoder)
	subject, err := dec.DecodeHeader(got.Get("Subject"))
	if err != nil || subject != want {
		t.Fatalf("subject %q came back as %q (%v) from %q", want, subject, err, got.Get("Subject"))
	}
}

func checkNames(t *rapid.T, c column, h *headings, got mail.Header) {
	want := map[column]string{
		columnCopy:   bareName(shownName(h.customer)) + " via Acme Support",
		columnAnswer: headText(h.author) + " at Acme Support",
		columnNotice: "Postroom",
	}
	from, err := got.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Address != h.support.Addr || from[0].Name != shortName(want[c]) {
		t.Fatalf("From %q: %v, %v, not %q", got.Get("From"), from, err, want[c])
	}
	to, err := got.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Address != h.to[0].Addr || to[0].Name != shortName(h.to[0].Name) {
		t.Fatalf("To %q: %v, %v", got.Get("To"), to, err)
	}
	if c != columnAnswer {
		return
	}
	cc, err := got.AddressList("Cc")
	if err != nil || len(cc) != 2 || cc[0].Name != shortName(h.cc[0].Name) || cc[1].Address != "plain@x.example" {
		t.Fatalf("Cc %q: %v, %v", got.Get("Cc"), cc, err)
	}
}

func TestHeaderTable(t *testing.T) {
	for _, tc := range []struct {
		column column
		names  string
	}{
		{columnCopy, "Date From To Reply-To Subject Message-Id In-Reply-To References Thread-Topic Thread-Index Mime-Version"},
		{columnAnswer, "Date From To Cc Subject Message-Id In-Reply-To References Thread-Topic Thread-Index Mime-Version"},
		{columnNotice, "Date From To Reply-To Subject Message-Id In-Reply-To References Auto-Submitted Precedence X-Auto-Response-Suppress Mime-Version"},
	} {
		h := testHeadings()
		h.cc = []threads.Address{{Addr: "cc@x.example"}}
		h.topic, h.index = "Broken", "Ac0abc=="
		block, err := h.write(tc.column)
		if err != nil {
			t.Fatal(err)
		}
		got := parseHeader(t, block)
		var names []string
		for name := range got {
			names = append(names, name)
		}
		want := strings.Fields(tc.names)
		slices.Sort(names)
		slices.Sort(want)
		if !slices.Equal(names, want) {
			t.Errorf("column %d has %v, not %v", tc.column, names, want)
		}
		if d := got.Get("Date"); d != "Tue, 24 Nov 2026 08:30:00 +0000" {
			t.Errorf("Date is %q", d)
		}
	}
}

// injections are what a hostile mail may hold in any field.
func injections() []string {
	return []string{
		"x\r\nBcc: evil@y.example", "x\nBcc: evil@y.example\n\nbody", "x\rBcc: evil@y.example", "x\x00y\x1b[31m\x7f",
		"=?UTF-8?Q?x=0D=0ABcc:_evil@y.example?=", "=?utf-8?b?DQpCY2M6IGV2aWxAeS5leGFtcGxl?=",
		"\"\r\nBcc: evil@y.example\r\n\"", "a\u2028Bcc: evil@y.example", "a\u0085Bcc: evil@y.example", strings.Repeat("y", 5000),
		`x" <evil@y.example>, "`, "x>, <evil@y.example", "evil@y.example,", "\xff\xfe", "",
	}
}

func TestHeaderInjection(t *testing.T) {
	for _, bad := range injections() {
		h := testHeadings()
		h.subject, h.author, h.customer.Name, h.to[0].Name, h.topic, h.index = bad, bad, bad, bad, bad, bad
		h.support.Name, h.template = "Acme"+bad, "{engineer}"+bad
		h.replyTo = "a" + bad + "@x.example"
		h.cc = []threads.Address{{Name: bad, Addr: "cc@x.example"}, {Addr: bad}, {Addr: bad + "@x.example"}, {Addr: "a@" + bad}}
		h.inReplyTo = "<" + bad + "@x.example>"
		h.references = []string{"<1@x.example>", "<" + bad + "@x.example>", bad, "<2@x.example>"}
		for _, c := range []column{columnCopy, columnAnswer, columnNotice} {
			block, err := h.write(c)
			if err != nil {
				t.Fatal(err)
			}
			got := parseHeader(t, block)
			if got.Get("Bcc") != "" {
				t.Errorf("%q gave a Bcc: %q", bad, block)
			}
			checkOneLine(t, got, bad)
			for _, name := range []string{"From", "To", "Cc", "Reply-To"} {
				checkNoStranger(t, got, name, bad)
			}
		}
	}
}

// checkOneLine wants no line end or control character in what a reader makes of
// the fields: some make a header of it again.
func checkOneLine(t *testing.T, h mail.Header, bad string) {
	t.Helper()
	for name, values := range h {
		for _, v := range values {
			text, err := new(mime.WordDecoder).DecodeHeader(v)
			if err != nil || strings.ContainsFunc(text, unicode.IsControl) {
				t.Errorf("%s %q from %q reads %q (%v)", name, v, bad, text, err)
			}
		}
	}
}

func checkNoStranger(t *testing.T, h mail.Header, name, bad string) {
	t.Helper()
	if h.Get(name) == "" {
		return
	}
	list, err := h.AddressList(name)
	if err != nil {
		t.Errorf("%s %q from %q: %v", name, h.Get(name), bad, err)
	}
	for _, a := range list {
		if strings.EqualFold(a.Address, "evil@y.example") {
			t.Errorf("%s %q goes to %s", name, h.Get(name), a.Address)
		}
	}
}

func TestHeaderRefuses(t *testing.T) {
	for name, change := range map[string]func(*headings){
		"no id":       func(h *headings) { h.messageID = "" },
		"bad id":      func(h *headings) { h.messageID = "<a b@c>" },
		"no To":       func(h *headings) { h.to = nil },
		"bad To":      func(h *headings) { h.to = []threads.Address{{Addr: "nobody"}, {Addr: "a\r\nb@c.example"}} },
		"bad support": func(h *headings) { h.support.Addr = "support" },
	} {
		h := testHeadings()
		change(h)
		if block, err := h.write(columnAnswer); err == nil {
			t.Errorf("%s: wrote %q", name, block)
		}
	}
}

func TestTrimReferences(t *testing.T) {
	var ids []string
	for i := range 60 {
		ids = append(ids, "<"+itoa(i)+"@x.example>", "<bad id"+itoa(i)+"@x.example>")
	}
	ids = append(ids, "<"+strings.Repeat("x", 1000)+"@x.example>", "<59@x.example>")
	got := trimReferences(ids, 2)
	if len(got) != 22 || got[0] != ids[0] || got[1] != "<1@x.example>" || got[2] != "<40@x.example>" || got[21] != "<59@x.example>" {
		t.Errorf("got %v", got)
	}
	for l := range strings.SplitSeq(foldField("References", got), "\r\n") {
		if len(l) > 78 {
			t.Errorf("line of %d octets", len(l))
		}
	}
}

func TestOneRe(t *testing.T) {
	for in, want := range map[string]string{
		"Broken": "Re: Broken", "Re: Broken": "Re: Broken", "RE: re: AW: Broken": "Re: Broken", "回复：坏了": "Re: 坏了",
		"": "Re:", "Fwd: Broken": "Re: Fwd: Broken", "Re[2]: Broken": "Re: Broken",
	} {
		dec := new(mime.WordDecoder)
		got, err := dec.DecodeHeader(strings.Join(oneRe(&headings{subject: in}), " "))
		if err != nil || got != want {
			t.Errorf("%q became %q, not %q (%v)", in, got, want, err)
		}
	}
}

// TestNoAddressInTheName: a copy's From shows no address but ours.
func TestNoAddressInTheName(t *testing.T) {
	for name, want := range map[string]string{
		"Jane Doe": "Jane Doe", "jane@x.example": "jane", "'jane@x.example' via Help": "jane via Help", "Jane <jane@x.example>": "Jane jane", "@home": "@home", "": "jane.doe",
	} {
		h := testHeadings()
		h.customer = threads.Address{Name: name, Addr: "jane.doe@x.example"}
		block, err := h.write(columnCopy)
		if err != nil {
			t.Fatal(err)
		}
		from, err := parseHeader(t, block).AddressList("From")
		if err != nil || from[0].Name != want+" via Acme Support" {
			t.Errorf("%q became %v (%v)", name, from, err)
		}
	}
}

// TestHeaderTableGolden shows the whole table: the fields of each kind of mail
// with all that can stand in them.
func TestHeaderTableGolden(t *testing.T) {
	h := testHeadings()
	h.subject, h.cc = "RE: AW: Re[2]: Drucker brennt – schon wieder", []threads.Address{{Name: "李雷", Addr: "li@x.example"}}
	h.topic, h.index = "Drucker brennt – schon wieder", "Ac0abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ+/A"
	for i := range 30 {
		h.references = append(h.references, fmt.Sprintf("<%d.%s@x.example>", i, strings.Repeat("r", 20)))
	}
	var all strings.Builder
	for _, c := range []struct {
		name string
		column
	}{{"to an engineer: a customer's mail", columnCopy}, {"to a customer: an answer", columnAnswer}, {"to an engineer or admin: a notice", columnNotice}} {
		block, err := h.write(c.column)
		if err != nil {
			t.Fatal(err)
		}
		if err := strictHeader(block); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		all.WriteString("=== " + c.name + "\r\n" + block + "\r\n")
	}
	golden(t, "table", all.String())
}

func TestWritableAddress(t *testing.T) {
	for in, want := range map[string]string{
		"jane@x.example": "jane@x.example", "a..b@docomo.ne.jp": `"a..b"@docomo.ne.jp`, "john doe@x.example": `"john doe"@x.example`,
		`"john doe"@x.example`: `"john doe"@x.example`, "jane@bücher.example": "jane@xn--bcher-kva.example", "jörg@x.example": "jörg@x.example",
		"a@[192.0.2.1]": "a@[192.0.2.1]", `a"b@x.example`: `"a\"b"@x.example`,
		"nobody": "", "@x.example": "", "a@": "", "a@b c": "", "a\n@x.example": "", "a@x..example": "", "a@[<>]": "", "=?utf-8?q?a=0D=0Ab?=@x.example": "", "=?utf-7?q?+AA0-?=@x.example": "",
		"=?utf-8?q?a?=@x.example": "=?utf-8?q?a?=@x.example", strings.Repeat("a", 400) + "@x.example": "",
	} {
		got, ok := WritableAddress(in)
		if got != want && want != "" || ok != (want != "") {
			t.Errorf("%q: %q, %v; want %q", in, got, ok, want)
		}
		if ok && !hasEightBit([]byte(got)) {
			if _, err := mail.ParseAddress("<" + got + ">"); err != nil && !strings.Contains(got, "[") {
				t.Errorf("%q: %v", got, err)
			}
		}
	}
}

func TestParameter(t *testing.T) {
	for _, name := range []string{"a.pdf", "my file.pdf", `a"b\c.pdf`, "Übersicht.pdf", strings.Repeat("слово ", 20) + ".pdf", strings.Repeat("x", 200), "a\r\nX-Evil: 1.pdf"} {
		field := foldField("Content-Disposition", append([]string{"attachment;"}, parameter("filename", name)...))
		for l := range strings.SplitSeq(field, "\r\n") {
			if len(l) > 78 {
				t.Errorf("line of %d octets in %q", len(l), field)
			}
		}
		value := strings.TrimPrefix(strings.ReplaceAll(strings.TrimSuffix(field, "\r\n"), "\r\n ", " "), "Content-Disposition: ")
		_, params, err := mime.ParseMediaType(value)
		if err != nil || params["filename"] != oneLine(name) {
			t.Errorf("%q came back as %q (%v) from %q", name, params["filename"], err, field)
		}
	}
}

func TestCheckAnswerHeaders(t *testing.T) {
	h := Header{{Name: "From"}, {Name: "Content-Type"}, {Name: "DKIM-Signature"}, {Name: "dkim-signature"}}
	if got := CheckAnswerHeaders(h); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	for _, name := range []string{"Received", "User-Agent", "X-Mailer", "Reply-To", "Autocrypt", "Sender", "Bcc", "Auto-Submitted", "Precedence", "Return-Path", "From"} {
		if got := CheckAnswerHeaders(append(slices.Clone(h), Field{Name: name})); len(got) != 1 {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
