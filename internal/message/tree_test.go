package message

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

func outline(p *Part) string {
	if len(p.Children) == 0 {
		return p.Type
	}
	var list []string
	for _, c := range p.Children {
		list = append(list, outline(c))
	}
	return p.Type + "(" + strings.Join(list, " ") + ")"
}

func TestTree(t *testing.T) {
	for _, c := range []struct{ name, mail, want, problem string }{
		{"default", "Subject: a\n\nx", "text/plain", ""},
		{"broken type", "Content-Type: nonsense\n\nx", "text/plain", ""},
		{"two parts", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n1\n--b\nContent-Type: image/png\n\n2\n--b--\n", "multipart/mixed(text/plain image/png)", ""},
		{"quoted boundary", "Content-Type: multipart/mixed; boundary=\"a b\"\n\n--a b\n\n1\n--a b--\n", "multipart/mixed(text/plain)", ""},
		{"no last boundary", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n1\n", "multipart/mixed(text/plain)", "last boundary"},
		{"no boundary parameter", "Content-Type: multipart/mixed\n\n--b\nContent-Type: text/html\n\n1\n--b--\n", "multipart/mixed(text/html)", "boundary parameter"},
		{"no boundary at all", "Content-Type: multipart/mixed\n\nhello\n", "text/plain", "without a boundary"},
		{"boundary never comes", "Content-Type: multipart/mixed; boundary=b\n\nhello\n", "text/plain", "never comes"},
		{"nested", "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/alternative; boundary=i\n\n--i\n\n1\n--i\nContent-Type: text/html\n\n2\n--i--\n\n--o\n\n3\n--o--\n",
			"multipart/mixed(multipart/alternative(text/plain text/html) text/plain)", ""},
		{"inner end missing", "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/alternative; boundary=i\n\n--i\n\n1\n--o\n\n3\n--o--\n",
			"multipart/mixed(multipart/alternative(text/plain) text/plain)", "last boundary"},
		{"one boundary begins as the other", "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/alternative; boundary=oo\n\n--oo\n\n1\n--oo--\n--o\n\n2\n--o--\n",
			"multipart/mixed(multipart/alternative(text/plain) text/plain)", ""},
		{"part without blank line", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n--b\n\n2\n--b--\n", "multipart/mixed(text/html text/plain)", ""},
		{"bad part header", "Content-Type: multipart/mixed; boundary=b\n\n--b\nno field\nContent-Type: text/html\n\n1\n--b--\n", "multipart/mixed(text/html)", "no field"},
		{"digest", "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: in\n\nx\n--b--\n", "multipart/digest(message/rfc822)", ""},
		{"attached mail is a leaf", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\n1\n--i--\n--b--\n", "multipart/mixed(message/rfc822)", ""},
		{"a line that only begins as a boundary", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n1\n--bx\nstill\n--b--\n", "multipart/mixed(text/plain)", ""},
		{"text behind the boundary", "Content-Type: multipart/mixed; boundary=b\n\n--b ignored\n\n1\n--b-- ignored\n", "multipart/mixed(text/plain)", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, raw := range []string{c.mail, strings.ReplaceAll(c.mail, "\n", "\r\n"), strings.ReplaceAll(c.mail, "\n", "\r")} {
				m := readMail(raw)
				if got := outline(m.Root); got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
				if c.problem != "" && !hasProblem(m, c.problem) {
					t.Errorf("problems %q lack %q", m.Mail.Problems, c.problem)
				}
				if problem := checkMessage(m, []byte(raw)); problem != "" {
					t.Error(problem)
				}
			}
		})
	}
}

func TestOffsets(t *testing.T) {
	raw := "Content-Type: multipart/mixed; boundary=b\r\n\r\npre\r\n--b\r\nContent-Type: text/plain\r\n\r\none\r\ntwo\r\n--b\r\n\r\n\r\n--b--\r\nend\r\n"
	m := readMail(raw)
	p := m.Root.Children[0]
	if got := raw[p.Start:p.End]; got != "Content-Type: text/plain\r\n\r\none\r\ntwo" {
		t.Errorf("part %q", got)
	}
	if got := raw[p.Body:p.End]; got != "one\r\ntwo" {
		t.Errorf("body %q", got)
	}
	if p = m.Root.Children[1]; raw[p.Start:p.End] != "\r\n" {
		t.Errorf("empty part %q", raw[p.Start:p.End])
	}
}

func TestPartFlags(t *testing.T) {
	for _, c := range []struct {
		body         string
		eight, lines bool
	}{
		{"plain\r\ntext\r\n", false, false},
		{"caf\xe9\r\n", true, false},
		{"bare\rcr\r\n", false, true},
		{"nul\x00\r\n", false, true},
		{strings.Repeat("x", maxLine) + "\r\n", false, false},
		{strings.Repeat("x", maxLine+1) + "\r\n", false, true},
	} {
		p := readMail("Subject: a\r\n\r\n" + c.body).Root
		if p.EightBit != c.eight || p.Lines != c.lines {
			t.Errorf("%.20q: %v %v", c.body, p.EightBit, p.Lines)
		}
	}
}

func TestDepthAndCount(t *testing.T) {
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	b.WriteString("\ndeep\n")
	start := time.Now()
	m := readMail(b.String())
	if !hasProblem(m, "too deep") || time.Since(start) > time.Minute {
		t.Errorf("%v %q", time.Since(start), m.Mail.Problems)
	}
	m = readMail("Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", 100000))
	if n := len(m.Leaves()); n >= maxParts || !hasProblem(m, "too many parts") {
		t.Errorf("%d parts, problems %q", n, m.Mail.Problems)
	}
	last := m.Root.Children[len(m.Root.Children)-1]
	if last.End < m.Root.End-2 {
		t.Error("what was not split is lost")
	}
}

// endless is a source of a size that no memory should hold.
type endless struct {
	head string
	size int64
	tail string
}

func (e endless) Size() int64 { return e.size }

func (e endless) ReadAt(p []byte, at int64) (int, error) {
	line := "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\r\n"
	n := 0
	for n < len(p) && at < e.size {
		var from string
		switch back := e.size - int64(len(e.tail)); {
		case at < int64(len(e.head)):
			from = e.head[at:]
		case at >= back:
			from = e.tail[at-back:]
		default:
			from = line[(at-int64(len(e.head)))%int64(len(line)):]
			from = from[:min(int64(len(from)), back-at)]
		}
		c := copy(p[n:], from)
		n, at = n+c, at+int64(c)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func TestLargeMailStaysOnDisk(t *testing.T) {
	src := endless{
		head: "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\nContent-Type: application/pdf; name=big.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n",
		size: 40 << 20,
		tail: "\r\n--b\r\n\r\nbye\r\n--b--\r\n",
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m := Read(src)
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("%d octets allocated for a mail of %d", used, src.size)
	}
	if m.Mail.Text != "hello\n\nbye" || len(m.Mail.Attachments) != 1 || m.Mail.Attachments[0].Size < 28<<20 {
		t.Errorf("%q %v", m.Mail.Text, m.Mail.Attachments)
	}
}

func TestHostileSizesTakeLinearTime(t *testing.T) {
	const n = 1 << 20
	for name, raw := range map[string]string{
		"no line end":       "Subject: a\n\n" + strings.Repeat("x", 4*n),
		"dashes":            "Content-Type: multipart/mixed; boundary=--\n\n" + strings.Repeat("--\n", n),
		"brackets in To":    "To: " + strings.Repeat("(", maxField) + "\n\n",
		"angles in To":      "To: " + strings.Repeat("<", maxField) + "\n\n",
		"quotes in To":      "To: \"" + strings.Repeat(`\"`, maxField/2) + "\n\n",
		"open words":        "Subject: " + strings.Repeat("=?u?q? ", maxField/8) + "\n\n",
		"angles in ids":     "References: " + strings.Repeat("<a ", maxField/3) + "\n\n",
		"soft line breaks":  "Content-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat("=", 4*n),
		"base64 of nothing": "Content-Transfer-Encoding: base64\n\n" + strings.Repeat("=", 4*n),
		"attributions":      "Subject: a\n\n" + strings.Repeat("On 1 Jan 2026 at 10:00 a@b.example\n", n/40),
		"header blocks":     "Subject: a\n\n" + strings.Repeat("From: x\nTo: y\n", n/14),
		"tags":              "Content-Type: text/html\n\n" + strings.Repeat("<div><blockquote>", n/17),
		"links":             "Content-Type: text/html\n\n" + strings.Repeat("<a href=http://x>", n/17) + "x" + strings.Repeat("</a>", 1000),
		"uuencode":          "Subject: a\n\n" + strings.Repeat("begin 644 a\n#AAAA\n", n/18),
		"report fields":     "From: MAILER-DAEMON@x.example\nContent-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nA: b\n" + strings.Repeat(" <a\n", n/4) + "\n--b--\n",
		"codes in a report": hostileReport(strings.Repeat("a2.1.5 2.1.5 x2.1.5\n", n/20)),
		"report addresses":  hostileReport(strings.Repeat("<a@b.example>\n", n/14)),
		"report sentences":  hostileReport(strings.Repeat("to a@b.example: 550 ", n/20)),
		"reports inside":    hostileReport("x\n") + "\n" + strings.Repeat(mixed("report", "\nx", "Content-Type: message/rfc822\n\n"), n/200),
		"colons":            "Subject: a\n\n" + strings.Repeat("On 2026-03-02 10:02, a@b.example wrote:\n\n", n/42),
		"rules":             "Subject: a\n\n" + strings.Repeat("-----Original Message-----\n\n>\n", n/32),
		"parameters":        "Content-Type: text/plain" + strings.Repeat("; a*1=b", maxField/8) + "\n\nx",
		"fields":            strings.Repeat("a:\n", n),
	} {
		start := time.Now()
		m := readMail(raw)
		if d := time.Since(start); d > time.Minute {
			t.Errorf("%s: %v", name, d)
		}
		if problem := checkMessage(m, []byte(raw)); problem != "" {
			t.Errorf("%s: %s", name, problem)
		}
	}
}

func hostileReport(text string) string {
	return "Return-Path: <>\nFrom: MAILER-DAEMON@x.example\nSubject: failure notice\n\ncould not be delivered\n" + text
}

// TestNewTextTakesLinearTime: a mail shows 64 KiB of its text at most, but
// what judges its lines must bear more.
func TestNewTextTakesLinearTime(t *testing.T) {
	const n = 1 << 18
	for _, s := range []string{"On 1 Jan 2026 at 10:00 a@b.example\n", "a: b\nFrom: x\n\n", "Von: x\nAn: y\n\n", "> \nOn 2026-03-02 10:02, x@y wrote:\n", "____\nmailing list\n", "-----Original Message-----\n\n", "\n", "wrote: ", ">", "5 wrote\n", "----\nBetreff: x\n"} {
		start := time.Now()
		newText(strings.Repeat(s, n/len(s)))
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%q: %v", s, d)
		}
	}
}

func TestTransferEncodings(t *testing.T) {
	for _, c := range []struct{ encoding, body, want string }{
		{"7bit", "a b\n", "a b\n"},
		{"quoted-printable", "caf=C3=A9 =\nand=20\ntail  \nbad =zz =", "café and \ntail\nbad =zz "},
		{"Quoted-Printable;", "=41", "A"},
		{"base64", "aGVs\nbG8=\n", "hello"},
		{"BASE64", "aGVsbG8", "hello"},
		{"base64", "aG*Vs-bG8=", "hello"},
		{"base64", "aGk=\naGk=\n", "hihi"},
		{"base64", "aGVs bG8=\n", "hello"},
		{"base64", "It is no base64\nat all.\n", "It is no base64\nat all.\n"},
		{"base64", "aGVsbG8=\n_______\nA list about nothing\nhttp://lists.example/\n", "hello"},
		{"x-uuencode", "junk\nbegin 644 a.txt\n#86)C\n`\nend\n", "abc"},
		{"nonsense", "as it is", "as it is"},
	} {
		m := readMail("Content-Transfer-Encoding: " + c.encoding + "\n\n" + c.body)
		got, err := io.ReadAll(m.Open(m.Root))
		if err != nil || string(got) != c.want {
			t.Errorf("%s %q: %q %v, want %q", c.encoding, c.body, got, err, c.want)
		}
	}
}

func TestQuotedPrintableAcrossWindows(t *testing.T) {
	for shift := range 4 {
		body := strings.Repeat("x", shift) + strings.Repeat("=C3=A9", 20000)
		m := readMail("Content-Transfer-Encoding: quoted-printable\n\n" + body)
		got, _ := io.ReadAll(m.Open(m.Root))
		if want := strings.Repeat("x", shift) + strings.Repeat("é", 20000); !bytes.Equal(got, []byte(want)) {
			t.Errorf("shift %d: an escape was cut", shift)
		}
	}
}

func TestCharsets(t *testing.T) {
	for _, c := range []struct{ label, body, want, problem string }{
		{"utf-8", "caf\xc3\xa9", "café", ""},
		{"utf-8", "caf\xe9 au lait", "café au lait", "wrong"},
		{"iso-8859-1", "caf\xe9 \x80", "café €", ""},
		{"iso-8859-1", "caf\xc3\xa9", "café", "really utf-8"},
		{"us-ascii", "caf\xe9", "café", "8-bit"},
		{"'utf-8'", "caf\xc3\xa9", "café", ""},
		{"cp-850", "caf\x82", "café", ""},
		{"unicode-1-1-utf-7", "caf+AOk- a+-b", "café a+b", ""},
		{"ks_c_5601-1987", "\xb0\xed\xb8\xbf", "고맙", ""},
		{"gb2312", "\xc4\xe3\xba\xc3", "你好", ""},
		{"iso-2022-kr", "\x1b$)C\x0e0m8?\x0f ok", "고맙 ok", ""},
		{"iso-2022-cn", "\x1b$)A\x0eDc:C\x0f ok", "你好 ok", ""},
		{"iso-gb2312", "\xc4\xe3\xba\xc3", "你好", ""},
		{"gb2312", "\xe4\xbd\xa0\xe5\xa5\xbd\xe4\xb8\x96\xe7\x95\x8c\xff", "你好世界\uFFFD", "really utf-8"},
		{"", "sch\xf6n \xe4\xf6\xfc\xdf", "schön äöüß", "windows-1252"},
		{"utf-16", "\xff\xfea\x00\xe9\x00", "aé", ""},
		{"utf-16le", "a\x00\xe9\x00", "aé", ""},
		{"utf-16", "\x00a\x00\xe9", "aé", ""},
		{"iso-8859-15", "\xa4", "€", ""},
		{"windows-1250", "\x9aum", "šum", ""},
		{"windows-1251", "\xef\xf0\xe8\xe2\xe5\xf2", "привет", ""},
		{"koi8-r", "\xd0\xd2\xc9\xd7\xc5\xd4", "привет", ""},
		{"", "\xef\xf0\xe8\xe2\xe5\xf2 \xec\xe8\xf0", "привет мир", "windows-1251"},
		{"", "\xf0\xd2\xc9\xd7\xc5\xd4 \xcd\xc9\xd2, \xcb\xc1\xcb \xc4\xc5\xcc\xc1", "Привет мир, как дела", "koi8-r"},
		{"iso-8859-1", "\xc1\xf1\xee \x93quoted\x94", "Áñî “quoted”", ""},
		{"windows-1253", "\xe3\xe5\xe9\xe1", "γεια", ""},
		{"windows-1256", "\xe3\xd1\xcd\xc8\xc7", "مرحبا", ""},
		{"windows-874", "\xca\xc7\xd1\xca\xb4\xd5", "สวัสดี", ""},
		{"iso-8859-8-i", "\xf9\xec\xe5\xed", "שלום", ""},
		{"big5", "\xa7A\xa6n", "你好", ""},
		{"euc-jp", "\xa4\xb3\xa4\xf3", "こん", ""},
		{"shift_jis", "\x82\xb1\x82\xf1", "こん", ""},
		{"x-sjis", "\x82\xb1\x82\xf1", "こん", ""},
		{"iso-2022-jp", "\x1b$B$3$s\x1b(B ok", "こん ok", ""},
		{"x-mac-roman", "caf\x8e", "café", ""},
		{"ibm852", "\xe7um", "šum", ""},
		{"x-nonsense", "\xd6\xd0\xb9\xfa\xca\xc0\xbd\xe7", "中国世界", "unknown charset"},
		{"", "\xcf\xf0\xe8\xe2\xe5\xf2, \xea\xe0\xea \xe4\xe5\xeb\xe0", "Привет, как дела", "no charset"},
		{"utf-8", "ab\x00c", "abc", ""},
	} {
		m := readMail("Content-Type: text/plain; charset=\"" + c.label + "\"\n\n" + c.body + "\n")
		if m.Mail.Text != c.want {
			t.Errorf("%s %q: %q, want %q", c.label, c.body, m.Mail.Text, c.want)
		}
		if c.problem != "" && !hasProblem(m, c.problem) {
			t.Errorf("%s: problems %q lack %q", c.label, m.Mail.Problems, c.problem)
		}
	}
}

func TestParams(t *testing.T) {
	for _, c := range []struct{ in, key, want string }{
		{`text/plain; name="a b.txt"`, "name", "a b.txt"},
		{`text/plain; name=a.txt; x`, "name", "a.txt"},
		{`text/plain; name*=utf-8''%E2%82%AC.txt`, "name", "€.txt"},
		{`text/plain; name*0="a "; name*1="b.txt"`, "name", "a b.txt"},
		{`text/plain; name*1*=%AC.txt; name*0*=utf-8''%E2%82`, "name", "€.txt"},
		{`text/plain; NAME="a\"b"`, "name", `a"b`},
		{`text/plain; name="C:\dir\a.txt"`, "name", `C:\dir\a.txt`},
		{`text/plain; name="unclosed; charset=utf-8`, "charset", "utf-8"},
	} {
		if _, params := parseParams(c.in, ""); params[c.key] != c.want {
			t.Errorf("%s: %q, want %q", c.in, params[c.key], c.want)
		}
	}
}
