package message

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// seeds are small mails of our own, each with something wrong or rare in it.
func seeds() []string {
	return []string{
		"From: a@b.example\r\nSubject: hi\r\n\r\nhello\r\n",
		"From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\npre\n--x\n\none\n--x\nContent-Type: text/html\n\n<p>two</p>\n--x--\nend\n",
		"From nobody Thu Jan  1 00:00:00 1970\nno colon here\nSubject: =?utf-8?q?caf=C3?= =?utf-8?q?=A9?=\n\nbody\n",
		"Subject: cr only\rFrom: a@b.example\r\rline one\rline two\r",
		"Content-Type: multipart/alternative; boundary=\"y \"\n\n--y\nContent-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n=C3=A9=\n=\n--y\nContent-Transfer-Encoding: base64\n\naGVsbG8\n--y\n",
		"Content-Type: multipart/mixed\n\n--z\nContent-Type: text/plain\n\nfound\n--z--\n",
		"Content-Type: text/plain; charset*0=iso-; charset*1=2022-jp; name*=utf-8''%E2%82%AC.txt\n\n\x1b$B$3$s\x1b(B\n",
		"Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=r\n\n--r\n\nfailed\n--r\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; x@y.example\nAction: failed\nStatus: 5.1.1\n\n--r\nContent-Type: message/rfc822\n\nMessage-ID: <1@our.example>\n\n--r--\n",
		"\n\nSubject: after blank lines\n\nbegin 644 a.txt\n#86)C\n`\nend\n",
		"Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: in\n\nx\n--d--",
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := Read(bytes.NewReader(raw))
		if problem := checkMessage(m, raw); problem != "" {
			t.Fatal(problem)
		}
		var rebuilt []byte
		at := int64(0)
		for _, p := range m.Leaves() {
			part, err := io.ReadAll(m.Raw(p.Start, p.End))
			if err != nil || !bytes.Equal(part, raw[p.Start:p.End]) {
				t.Fatalf("a part does not come back as it came: %v", err)
			}
			rebuilt = append(append(rebuilt, raw[at:p.Start]...), part...)
			at = p.End
			if !utf8.ValidString(m.TextOf(p)) {
				t.Fatal("text of a part is not valid UTF-8")
			}
		}
		if rebuilt = append(rebuilt, raw[at:]...); !bytes.Equal(rebuilt, raw) {
			t.Fatal("the parts do not make up the mail")
		}
		again := Read(bytes.NewReader(raw))
		if again.Mail.BodyDigest != m.Mail.BodyDigest || again.Mail.HeaderDigest != m.Mail.HeaderDigest {
			t.Fatal("digests differ between two readings")
		}
	})
}

func FuzzAddresses(f *testing.F) {
	for _, s := range []string{"a@b.example", "Doe, J <a@b.example>, x@y.example", "Group: a@b.example, \"c, d\" <c@d.example>;", "a@b.example (Name)", "<a@b.example", "=?utf-8?q?a=40b?=", "\"q r\"@b.example", "a at b.example (N)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, a := range parseAddresses(s, "") {
			if !utf8.ValidString(a.Addr+a.Name) || strings.ContainsAny(a.Addr+a.Name, "\r\n\x00") || !strings.ContainsRune(a.Addr, '@') {
				t.Fatalf("%q", a)
			}
			if len(a.Addr) > maxAddress || len(a.Name) > maxName {
				t.Fatalf("too long: %d %d", len(a.Addr), len(a.Name))
			}
		}
	})
}

func FuzzIDs(f *testing.F) {
	for _, s := range []string{"<a@b>", "<a@b>,<c@d>", "a@b c@d", "Message of Monday <a@b>", "<a@b <c@d>", "<a\r\n b@c>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		seen := map[string]bool{}
		for _, id := range parseIDs(s) {
			if !strings.HasPrefix(id, "<") || !strings.HasSuffix(id, ">") || len(id) > maxID || !utf8.ValidString(id) || strings.ContainsAny(id, " \r\n\x00") || seen[id] {
				t.Fatalf("%q", id)
			}
			seen[id] = true
			if again := parseIDs(id); len(again) != 1 || again[0] != id {
				t.Fatalf("%q reads as %q", id, again)
			}
		}
	})
}

func FuzzNewText(f *testing.F) {
	for _, s := range []string{"hi\n\nOn Mon, 1 Jan 2026 at 10:00, A <a@b.example> wrote:\n> q\n", "x\n\n-----Original Message-----\nFrom: a\nSent: b\nSubject: c\n\nq", "> q\nanswer\n> q", "/close\n\n-- \nme", "____\nFrom: a\nDate: b\nTo: c\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			t.Skip()
		}
		have := map[string]int{}
		for l := range strings.SplitSeq(s, "\n") {
			have[strings.TrimRight(l, " \t\r\u00a0\n")]++
		}
		got := newText(s)
		for l := range strings.SplitSeq(got, "\n") {
			if l = strings.TrimRight(l, " \t\r\u00a0\n"); l != "" && have[l] == 0 {
				t.Fatalf("line %q is new", l)
			}
			have[l]--
		}
		if answer := StripAnswer(s); StripAnswer(answer) != answer && !isCommand(firstLine(answer)) {
			t.Fatalf("%q is stripped further to %q", answer, StripAnswer(answer))
		}
	})
}

func firstLine(s string) string {
	for l := range strings.SplitSeq(s, "\n") {
		if !invisible(l) {
			return l
		}
	}
	return ""
}

func FuzzSubject(f *testing.F) {
	for _, s := range []string{"Re: a", "[EXTERNAL] AW: Re[2]: a", "回复：你好", "Fwd: (fwd)", "[fwd: x]", "[list] Re: [list] x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = oneLine(s)
		base, _ := baseSubject(s)
		if !utf8.ValidString(base) || len(base) > len(s)+8 {
			t.Fatalf("%q from %q", base, s)
		}
		if len(s) > maxSubject-10 {
			return
		}
		again, reply := baseSubject("Re: " + s)
		if again != base || !reply {
			t.Fatalf("a reply to %q has the base %q, not %q", s, again, base)
		}
	})
}
