package service

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"
)

// bomb is a mail that is made to be too much.
type bomb struct {
	subject string // as the engineer's copy has it
	raw     string
	says    []string // in the engineer's copy, beside the text
	// nobody says that its author is beyond what is read, so that her answer
	// is held.
	nobody bool
	heap   int64 // octets the heap may grow by; 0 for the usual
}

// name is its subject in ASCII.
func (b bomb) name() string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r > '~' {
			return -1
		}
		return r
	}, b.subject))
}

const bombText = "This is the text.\r\n"

// bombHead is the header of a bomb without its end.
func bombHead(subject string) string {
	return "From: Jane Doe <jane@client.example>\r\nTo: support@acme.example\r\nSubject: " + subject +
		"\r\nMessage-ID: <" + strings.ReplaceAll(subject, " ", "-") + "@client.example>\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n"
}

// bombs are mails beyond every bound there is.
func bombs(t testing.TB) (list []bomb) {
	list = append(list, headerBombs()...)
	list = append(list, listBombs()...)
	list = append(list, shapeBombs()...)
	list = append(list, textBombs()...)
	return append(list, packedBombs(t)...)
}

// headerBombs have headers of ten megabytes.
func headerBombs() []bomb {
	long := "X-Long: " + strings.Repeat("y", 10<<20) + "\r\n"
	many := strings.Repeat("X-Many: y\r\n", 100_000)
	return []bomb{
		{subject: "Long header", raw: bombHead("Long header") + long + "\r\n" + bombText},
		{subject: "Many fields", raw: bombHead("Many fields") + many + "\r\n" + bombText},
		{subject: "Behind a long header", raw: long + bombHead("Behind a long header") + "\r\n" + bombText},
		{subject: "Behind many fields", raw: many + bombHead("Behind many fields") + "\r\n" + bombText},
		{subject: "Header of a part", raw: bombHead("Header of a part") + "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" + long + "\r\n" + bombText + "--x--\r\n"},
		{subject: "Parameters", raw: bombHead("Parameters") + "Content-Type: text/plain" + params(50_000) + "\r\n\r\n" + bombText},
	}
}

// params are the pieces of one parameter (RFC 2231 §3).
func params(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ";\r\n name*%d*=%%41", i)
	}
	return b.String()
}

// listBombs name a hundred thousand people, mails or words.
func listBombs() []bomb {
	const n = 100_000
	var people, ids, words strings.Builder
	for i := range n {
		fmt.Fprintf(&people, ",\r\n \"P %d\" <p%d@crowd.example>", i, i)
		fmt.Fprintf(&ids, "\r\n <%d@crowd.example>", i)
		words.WriteString("\r\n =?utf-8?B?w6Q=?=")
	}
	crowd, chain := people.String(), ids.String()
	headed := func(subject, field string) bomb {
		return bomb{subject: subject, raw: bombHead(subject) + field + "\r\n\r\n" + bombText}
	}
	of := func(subject, from string) bomb {
		return bomb{subject: subject, raw: strings.Replace(bombHead(subject), "Jane Doe <jane@client.example>", from, 1) + "\r\n" + bombText}
	}
	lost := of("Endless name", words.String()+" <jane@client.example>")
	lost.nobody = true
	endless := bomb{subject: "Endless ää", raw: strings.Replace(bombHead("Endless words"), "Subject: Endless words", "Subject: Endless"+words.String(), 1) + "\r\n" + bombText}
	return []bomb{
		headed("Copied to a crowd", "Cc: jane@client.example"+crowd),
		headed("Answers to a crowd", "Reply-To: jane@client.example"+crowd),
		of("From a crowd", "Jane Doe <jane@client.example>"+crowd),
		headed("Endless chain", "References:"+chain),
		headed("Answers a hundred thousand", "In-Reply-To:"+chain),
		of("Open comment", strings.Repeat("(", n)+" Jane Doe <jane@client.example>"),
		lost,
		endless,
	}
}

// shapeBombs are parts in parts, and parts beside parts.
func shapeBombs() []bomb {
	const part = "--x\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\na\r\n"
	mixed := "Content-Type: multipart/mixed; boundary=x\r\n\r\n"
	wide := bombHead("Wide") + mixed + "--x\r\nContent-Type: text/plain\r\n\r\n" + bombText + strings.Repeat(part, 100_000) + "--x--\r\n"
	return []bomb{
		{subject: "Wide", raw: wide},
		{subject: "Deep", raw: bombHead("Deep") + strings.Repeat(mixed+"--x\r\n", 5000) + "Content-Type: text/plain\r\n\r\n" + bombText},
		{subject: "Mails in mails", raw: bombHead("Mails in mails") + mixed + "--x\r\n\r\n" + bombText + "--x\r\n" + strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 50_000) + "\r\nend\r\n--x--\r\n"},
		{subject: "Endless boundary", raw: bombHead("Endless boundary") + "Content-Type: multipart/mixed; boundary=\"" + strings.Repeat("b", 1<<20) + "\"\r\n\r\n" + bombText},
		{subject: "Dashes", raw: bombHead("Dashes") + "Content-Type: multipart/mixed; boundary=-\r\n\r\n---\r\n\r\n" + bombText + strings.Repeat("---\r\n", 200_000)},
	}
}

// textBombs have a text that is more, or much less, than it seems.
func textBombs() []bomb {
	const n = 100_000
	html := func(subject, body string) bomb {
		return bomb{subject: subject, raw: bombHead(subject) + "Content-Type: text/html\r\n\r\n<p>" + bombText + "</p>" + body}
	}
	coded := func(subject, how, body string) bomb {
		return bomb{subject: subject, raw: bombHead(subject) + "Content-Type: text/plain\r\nContent-Transfer-Encoding: " + how + "\r\n\r\n" + body}
	}
	text64 := base64.StdEncoding.EncodeToString([]byte(bombText)) + "\r\n"
	in := func(subject, charset, body string) bomb {
		return bomb{subject: subject, raw: bombHead(subject) + "Content-Type: text/plain; charset=\"" + charset + "\"\r\n\r\n" + bombText + body}
	}
	return []bomb{
		html("Nested", strings.Repeat("<div>", n)),
		html("Quoted in quoted", strings.Repeat("<blockquote>", n)+"x"),
		html("Tables in tables", strings.Repeat("<table><tr><td>", n/3)+"x"),
		html("Attributes", "<p "+strings.Repeat("a=b ", n)+">x</p>"),
		html("Open tags", strings.Repeat("<a href=\"", n)),
		html("Entities", strings.Repeat("&CounterClockwiseContourIntegral;", n/4)),
		{subject: "Quotation marks", raw: bombHead("Quotation marks") + "\r\n" + bombText + strings.Repeat(">", n) + "\r\n" + strings.Repeat("> > > ", n)},
		{subject: "One line", raw: bombHead("One line") + "\r\n" + bombText + strings.Repeat("x", 2<<20)},
		coded("Padding", "base64", text64+strings.Repeat("=", 1<<20)),
		coded("Nothing in base64", "base64", text64+strings.Repeat("\r\n", 512<<10)),
		coded("Soft ends", "quoted-printable", bombText+strings.Repeat("=\r\n", 256<<10)),
		coded("Equals signs", "quoted-printable", bombText+strings.Repeat("=", 1<<20)),
		in("Shifts", "iso-2022-jp", strings.Repeat("\x1b$B\x1b(B", 100_000)),
		in("Seven bits", "utf-7", strings.Repeat("+AGE-", 50_000)),
		in("Sixteen bits", "utf-16", strings.Repeat("\xd8", 1<<20)),
		in("Endless charset", strings.Repeat("x", 1<<20), ""),
	}
}

// packedBombs carry files that unpack to a thousand times their size.
func packedBombs(t testing.TB) []bomb {
	nothing := bytes.Repeat([]byte{0}, 32<<20)
	with := func(subject, name, kind string, file []byte) bomb {
		raw := bombHead(subject) + "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n" + bombText +
			"--x\r\nContent-Type: " + kind + "; name=" + name + "\r\nContent-Disposition: attachment; filename=" + name +
			"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inLines(file) + "--x--\r\n"
		whole := inLines(file)
		return bomb{subject: subject, raw: raw, says: []string{"filename=" + name, whole[:200], whole[len(whole)-200:]}, heap: 40 << 20}
	}
	var zipped, gzipped, twice bytes.Buffer
	z := zip.NewWriter(&zipped)
	for _, name := range []string{"a", "b/../../c"} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(nothing)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	pack := func(to io.Writer, what []byte) {
		g := gzip.NewWriter(to)
		g.Write(what)
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
	}
	pack(&gzipped, nothing)
	pack(&twice, gzipped.Bytes())
	winmail := with("Winmail", "winmail.dat", "application/ms-tnef", rtfBomb())
	winmail.heap = 100 << 20
	return []bomb{
		with("Zipped nothing", "plan.zip", "application/zip", zipped.Bytes()),
		with("Gzipped nothing", "log.gz", "application/gzip", gzipped.Bytes()),
		with("Gzipped twice", "log.gz.gz", "application/gzip", twice.Bytes()),
		winmail,
	}
}

func inLines(file []byte) string {
	var b strings.Builder
	for text := base64.StdEncoding.EncodeToString(file); text != ""; {
		n := min(76, len(text))
		b.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	return b.String()
}

// rtfBomb is a winmail.dat whose text says of itself that it is four gigabytes
// long, in runs that repeat themselves (MS-OXRTFCP §2.2).
func rtfBomb() []byte {
	le := binary.LittleEndian
	runs := "\x00{\\rtf1 a" + strings.Repeat("\xff"+strings.Repeat("\x0d\x8f", 8), 50_000)
	rtf := le.AppendUint32(nil, uint32(len(runs)+12))
	rtf = le.AppendUint32(rtf, 1<<32-1)
	rtf = append(le.AppendUint32(append(rtf, "LZFu"...), 0), runs...)
	props := le.AppendUint32(nil, 1)
	props = le.AppendUint32(props, 0x10090102) // PidTagRtfCompressed
	props = le.AppendUint32(props, 1)
	props = append(le.AppendUint32(props, uint32(len(rtf))), rtf...)
	props = append(props, strings.Repeat("\x00", -len(rtf)&3)...)
	file := append([]byte("\x78\x9f\x3e\x22\x01\x00"), "\x01\x03\x90\x06\x00"...)
	file = append(le.AppendUint32(file, uint32(len(props))), props...)
	return append(file, 0, 0)
}
