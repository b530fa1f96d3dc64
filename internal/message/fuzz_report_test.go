package message

import (
	"bytes"
	"encoding/base64"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"postroom/threads"
)

func FuzzCharset(f *testing.F) {
	for _, s := range [][2]string{
		{"caf\xc3\xa9", "utf-8"}, {"caf\xe9", "iso-8859-1"}, {"\x1b$B$3$s\x1b(B", "iso-2022-jp"}, {"\x1b$)C\x0e0!\x0f", "iso-2022-kr"},
		{"+AGEAYg-", "utf-7"}, {"~{<:Ky2;~}", "hz-gb-2312"}, {"\xb0\xa1", "ks_c_5601-1987"}, {"\xcf\xf0\xe8", "koi8-r"}, {"\xff\xfea\x00", "utf-16"}, {"\x82\xb1", "none"},
	} {
		f.Add([]byte(s[0]), s[1])
	}
	f.Fuzz(func(t *testing.T, raw []byte, label string) {
		text, problem := decodeCharset(raw, label)
		if !utf8.ValidString(text) || !utf8.ValidString(problem) {
			t.Fatalf("%q as %q: not valid UTF-8", raw, label)
		}
		if len(text) > 12*len(raw)+12 {
			t.Fatalf("%q as %q grows to %d octets", raw, label, len(text))
		}
		if utf8.Valid(raw) && cleanLabel(label) == "utf-8" && !bytes.ContainsRune(raw, 0x1b) && text != string(raw) {
			t.Fatalf("%q changed to %q", raw, text)
		}
		if again, _ := decodeCharset(raw, label); again != text {
			t.Fatal("read twice, read differently")
		}
	})
}

// FuzzTransfer compares the two ways in which bodies are decoded.
func FuzzTransfer(f *testing.F) {
	f.Add([]byte("=C3=A9=\r\n=\r\nx  \r\n"))
	f.Add([]byte("aGVs bG8=\r\nlist footer\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 8<<10 {
			t.Skip() // longer lines come in pieces
		}
		quoted, err := io.ReadAll(newQuotedReader(bytes.NewReader(raw), 16<<10, '\n'))
		if memory := decodeQuoted(raw); err != nil || !bytes.Equal(quoted, memory) {
			t.Fatalf("%q or %q: %v", quoted, memory, err)
		}
		var harm string
		decoded, err := io.ReadAll(newBase64Reader(bytes.NewReader(raw), 16<<10, &harm))
		var other string
		if memory := decodeBase64(raw, &other); err != nil || !bytes.Equal(decoded, memory) || harm != other {
			t.Fatalf("%q or %q, %q or %q: %v", decoded, memory, harm, other, err)
		}
		if back := decodeBase64([]byte(base64.StdEncoding.EncodeToString(raw)), &other); !bytes.Equal(back, raw) {
			t.Fatalf("%q comes back as %q", raw, back)
		}
	})
}

// FuzzReport reads delivery reports with odd fields and odd text.
func FuzzReport(f *testing.F) {
	f.Add("Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no\n", "could not be delivered")
	f.Add("Original-Recipient: rfc822; <a@b.example>\n\nAction: delayed\n\tmore\nStatus: 4.4.1 (busy)\n", "<a@b.example>:\n550 5.1.1 no such user")
	f.Add("", "The following address failed:\n\n  a@b.example\n    550 5.2.2 full\n\nOriginal message follows.\n\nTo: c@d.example\nMessage-ID: <1@us.example>\n")
	f.Add("", ">>> RCPT TO:<a@b.example>\n<<< 550 5.1.1 <a@b.example>... no\n")
	f.Fuzz(func(t *testing.T, fields, text string) {
		for _, mail := range []string{
			report("\n"+text, "Content-Type: message/delivery-status\n\n"+fields),
			"From: MAILER-DAEMON@x.example\nReturn-Path: <>\nSubject: failure notice\n\n" + text,
		} {
			m := readMail(mail).Mail
			if m.Class != threads.ClassBounce {
				continue
			}
			if !slices.Contains([]string{"failed", "delayed", "complaint", "delivered"}, m.Bounce.Action) || len(m.Bounce.Recipients) > maxRecipients {
				t.Fatalf("%+v", m.Bounce)
			}
			for _, r := range m.Bounce.Recipients {
				if s := r.Address + r.Diagnostic + r.Status; !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\x00\x1b") {
					t.Fatalf("%+q", r)
				}
				if r.Status != "" && (len(r.Status) < 5 || strings.Count(r.Status, ".") != 2 || statusCode(r.Status) != r.Status) {
					t.Fatalf("status %q", r.Status)
				}
			}
		}
	})
}

// conversation is an index that knows one id.
type conversation struct {
	threads.Index
	id string
}

func (c conversation) Token(string) (threads.Token, bool) { return threads.Token{}, false }

func (c conversation) ID(id string) []threads.Known {
	if id != c.id {
		return nil
	}
	return []threads.Known{{Kind: threads.KnownAnswer, Conversation: 7}}
}

// FuzzComposed: what we compose is read as what went into it, and an answer
// to it lands in its conversation.
func FuzzComposed(f *testing.F) {
	f.Add("Export fails", "Jane Doe", "Please try again.\n\n-- \nAlice")
	f.Add("Grüße: 李雷 [1]", "\"Doe, J.\" (x)", "> quoted\n\nan answer")
	f.Add("Re: Re[2]: "+strings.Repeat("long ", 60), "=?utf-8?q?x?=", "From here on.\n.\n..")
	d := newDesk()
	f.Fuzz(func(t *testing.T, subject, name, text string) {
		if !utf8.ValidString(subject+name+text) || len(subject) > 900 || strings.TrimSpace(text) == "" {
			t.Skip()
		}
		hers := readString("From: Alice Ng <alice@acme.example>\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
			base64.StdEncoding.EncodeToString([]byte(text)) + "\r\n")
		a := d.answer()
		a.Subject, a.To[0].Name, a.Date = subject, name, time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
		r, _, err := d.composer.Answer(hers, a)
		if err != nil {
			return
		}
		m := readString(octetsOf7(t, r, hers, true)).Mail
		if m.MessageID != a.MessageID || !slices.Equal(m.References, a.References) || !slices.Equal(m.InReplyTo, []string{a.InReplyTo}) || !m.Date.Equal(a.Date) {
			t.Fatalf("ids %q %q %q, date %v", m.MessageID, m.InReplyTo, m.References, m.Date)
		}
		if len(m.To) != 1 || m.To[0].Addr != a.To[0].Addr || m.Sender().Addr != "support@acme.example" {
			t.Fatalf("to %q from %q", m.To, m.From)
		}
		if base, _ := baseSubject(headText(subject)); m.SubjectBase != base {
			t.Fatalf("base subject %q of %q, want %q", m.SubjectBase, m.Subject, base)
		}
		reply := readString("From: jane@x.example\r\nSubject: Re: x\r\nIn-Reply-To: " + m.MessageID + "\r\n\r\nthanks\r\n").Mail
		if found := threads.Match(conversation{id: a.MessageID}, d.names, &reply, a.Date); found.Conversation != 7 {
			t.Fatalf("a reply to %s lands in %d", m.MessageID, found.Conversation)
		}
	})
}
