package message

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"postroom/threads"
)

// mixed builds a multipart from parts that bring their headers.
func mixed(kind string, parts ...string) string {
	s := "Content-Type: multipart/" + kind + "; boundary=" + kind + "\n\n"
	for _, p := range parts {
		s += "--" + kind + "\n" + p + "\n"
	}
	return s + "--" + kind + "--\n"
}

func TestText(t *testing.T) {
	const (
		plain = "Content-Type: text/plain\n\nplain text\n"
		rich  = "Content-Type: text/html\n\n<p>rich <b>text</b></p>\n"
		empty = "Content-Type: text/plain\n\n \n\n"
		image = "Content-Type: image/png; name=a.png\nContent-Disposition: inline\nContent-ID: <1@x>\nContent-Transfer-Encoding: base64\n\nAAAA\n"
		file  = "Content-Type: text/plain; name=log.txt\nContent-Disposition: attachment; filename=log.txt\n\nlines\n"
		named = "Content-Type: text/plain; name=log.txt\n\nlines\n"
		inner = "Content-Type: message/rfc822\n\nSubject: in\n\nhidden\n"
	)
	for _, c := range []struct{ name, mail, text, attached string }{
		{"plain", plain, "plain text", ""},
		{"html alone", rich, "rich text", ""},
		{"alternative", mixed("alternative", plain, rich), "plain text", ""},
		{"empty plain", mixed("alternative", empty, rich), "rich text", ""},
		{"html with picture", mixed("related", rich, image), "rich text", "a.png:image/png:3:inline"},
		{"alternative of related", mixed("alternative", plain, mixed("related", rich, image)), "plain text", "a.png:image/png:3:inline"},
		{"several texts", mixed("mixed", plain, file, plain), "plain text\n\nplain text", "log.txt:text/plain:6"},
		{"named text behind text", mixed("mixed", plain, named), "plain text", "log.txt:text/plain:6"},
		{"the mail is a file", file, "", "log.txt:text/plain:6"},
		{"attached mail", mixed("mixed", plain, inner), "plain text", ":message/rfc822:20"},
		{"calendar", mixed("alternative", plain, rich, "Content-Type: text/calendar\n\nBEGIN\n"), "plain text", ":text/calendar:6"},
		{"signed", mixed("signed", plain, "Content-Type: application/pgp-signature; name=s.asc\n\nsig\n"), "plain text", "s.asc:application/pgp-signature:4"},
		{"uuencoded", "Subject: a\n\nhello\nbegin 644 a.txt\n#86)C\n`\nend\nbye\n", "hello\nbye", "a.txt:application/octet-stream:3"},
		{"almost uuencoded", "Subject: a\n\nbegin 644 things\nlike these\nend\n", "begin 644 things\nlike these\nend", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := readMail(c.mail)
			var list []string
			for _, a := range m.Mail.Attachments {
				s := a.Name + ":" + a.Type + ":" + itoa(int(a.Size))
				if a.Inline {
					s += ":inline"
				}
				list = append(list, s)
			}
			if m.Mail.Text != c.text || strings.Join(list, " ") != c.attached {
				t.Errorf("text %q, attachments %q; want %q, %q", m.Mail.Text, list, c.text, c.attached)
			}
		})
	}
}

// tnefOf packs attributes as Outlook does.
func tnefOf(attributes ...string) string {
	b := "\x78\x9f\x3e\x22\x01\x00"
	for _, a := range attributes {
		id, value := a[:3], a[3:]
		b += id + "\x00\x00" + string([]byte{byte(len(value)), 0, 0, 0}) + value + "\x00\x00"
	}
	return base64.StdEncoding.EncodeToString([]byte(b))
}

func TestWinmail(t *testing.T) {
	packed := tnefOf("\x01\x0c\x80Hello\x00", "\x02\x02\x90x", "\x02\x10\x80C:\\tmp\\plan.pdf\x00", "\x02\x0f\x80PDF")
	const head = "Content-Type: application/ms-tnef\nContent-Transfer-Encoding: base64\n\n"
	m := readMail(mixed("mixed", head+packed+"\n")).Mail
	if len(m.Attachments) != 2 || m.Attachments[0].Name != "winmail.dat" || m.Attachments[1].Name != "plan.pdf" || m.Attachments[1].Size != 3 || m.Text != "Hello" {
		t.Errorf("%+v %q", m.Attachments, m.Text)
	}
	m = readMail(mixed("mixed", "\nother text\n", head+packed[:len(packed)/2/4*4]+"\n")).Mail
	if len(m.Attachments) != 2 || m.Text != "other text" {
		t.Errorf("cut short: %+v %q", m.Attachments, m.Text)
	}
}

func TestLongTextIsCut(t *testing.T) {
	m := readMail("Subject: a\n\n" + strings.Repeat("é", threads.MaxText))
	if len(m.Mail.Text) > threads.MaxText || !hasProblem(m, "long text") {
		t.Errorf("%d octets, problems %q", len(m.Mail.Text), m.Mail.Problems)
	}
}

// TestBelowALongQuotation: what stands below more quotation than is kept of a
// text is hers all the same, and is given back to her whole.
func TestBelowALongQuotation(t *testing.T) {
	quoted := strings.Repeat("> a line of what was said before\r\n", 5000)
	inHTML := "<blockquote type=\"cite\">" + strings.Repeat("<div>a line of what was said before</div>\r\n", 5000) + "</blockquote><p>Hers, at the end.</p>\r\n"
	for name, src := range map[string]string{
		"plain": "Content-Type: text/plain\r\n\r\nOn Monday, Ada <ada@a.example> wrote:\r\n" + quoted + "\r\nHers, at the end.\r\n",
		"html":  "Content-Type: text/html\r\n\r\n" + inHTML,
		"beyond what is read": "Content-Type: text/plain\r\n\r\nOn Monday, Ada <ada@a.example> wrote:\r\n" +
			strings.Repeat(quoted, 8) + "\r\nHers, at the end.\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			m := readMail(src)
			if len(m.Mail.Text) > threads.MaxText || !slices.Contains(m.Mail.Problems, endNotShown) {
				t.Errorf("a text of %d octets, with the problems %q", len(m.Mail.Text), m.Mail.Problems)
			}
			if m.Mail.AnswerEmpty {
				t.Error("it is said to be empty")
			}
			if name == "beyond what is read" {
				return
			}
			if got := strings.TrimSpace(m.Mail.NewText); got != "Hers, at the end." {
				t.Errorf("new text %.200q", got)
			}
			problems := len(m.Mail.Problems)
			if got := m.WholeText(); !strings.HasSuffix(got, "Hers, at the end.") || len(m.Mail.Problems) != problems {
				t.Errorf("the whole text ends with %q", got[len(got)-60:])
			}
		})
	}
}

// BenchmarkNewTextHostile reads texts made to be slow: the time for twice the
// length must be about twice.
func BenchmarkNewTextHostile(b *testing.B) {
	for name, unit := range map[string]string{
		"quotes": "> ", "lines of >": ">\n", "attributions": "On Monday, a@b.example wrote:\n", "half attributions": "On Monday, a\n", "from": "From: a\n",
		"rules": "_____________\n", "words": "word ", "dashes": "-- \n", "nested": "> > > > > > > > a\n", "wrote": "wrote:\n", "blank": "\n", "mixed": "> a\nb\n",
	} {
		for _, size := range []int{256 << 10, 1 << 20} {
			text := strings.Repeat(unit, size/len(unit))
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				for b.Loop() {
					newText(text)
				}
			})
		}
	}
}

func TestSealed(t *testing.T) {
	for mail, want := range map[string]threads.Sealed{
		"Content-Type: text/plain\n\nx":                                                                  threads.Open,
		mixed("signed", "\nx", "Content-Type: application/pgp-signature\n\ns"):                           threads.Signed,
		mixed("encrypted", "Content-Type: application/pgp-encrypted\n\nVersion: 1"):                      threads.Encrypted,
		"Content-Type: application/pkcs7-mime; smime-type=signed-data\n\nx":                              threads.Signed,
		"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nx":                           threads.Encrypted,
		"Content-Type: text/plain\n\n-----BEGIN PGP MESSAGE-----\n\nx":                                   threads.Encrypted,
		mixed("mixed", "\nhello", "Content-Type: application/pkcs7-signature; name=smime.p7s\n\nx"):      threads.Open,
		"Content-Type: text/plain\n\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nx\n-----BEGIN…": threads.Signed,
	} {
		if got := readMail(mail).Mail.Sealed; got != want {
			t.Errorf("%.60q: %q, want %q", mail, got, want)
		}
	}
}

func TestFlattenHTML(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a <b>b</b>c", "a bc"},
		{"<p>one</p><p>two</p>", "one\n\ntwo"},
		{"<div>one</div><div>two</div>", "one\ntwo"},
		{"one<br>two<br><br>three", "one\ntwo\n\nthree"},
		{"<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"},
		{"<ul><li>a<li>b</ul><ol><li>c</li><li>d</li></ol>", "- a\n- b\n\n1. c\n2. d"},
		{"<a href=\"https://x.example/y\">here</a> it is", "here <https://x.example/y> it is"},
		{"<a href=\"https://x.example/\">x.example</a>", "x.example"},
		{"<a href=\"javascript:alert(1)\">x</a>", "x"},
		{"<style>p{}</style><script>x()</script>text", "text"},
		{"<html><head><title>t</title></head><body>text</body></html>", "text"},
		{"<html><head><p>text", "text"},
		{"x<blockquote>q1<br>q2<blockquote>qq</blockquote></blockquote>y", "x\n\n> q1\n> q2\n>\n> > qq\ny"},
		{"x<blockquote style=\"margin:0 0 0 40px;border:none;padding:0px\">indented</blockquote>", "x\n\nindented"},
		{"<pre>a\n  b\n</pre>", "a\n  b"},
		{"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"},
		{"<img alt=\"a picture\"> x", "[a picture] x"},
		{"a&nbsp;&amp;&lt;b", "a &<b"},
		{"<p class=MsoNormal>one</p><p class=MsoNormal>two</p>", "one\ntwo"},
		{"", ""},
	} {
		if got := flattenHTML(c.in, threads.MaxText); got != c.want {
			t.Errorf("%q:\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

// TestDiscussion: on a list the lines that tell whose words follow stay, but
// never alone.
func TestDiscussion(t *testing.T) {
	const list = "From: j@c.example\nList-Post: <mailto:l@x.example>\nSubject: Re: a\n\n"
	for _, c := range []struct{ name, body, want string }{
		{"before marked text", "On Mon, 2 Mar 2026, Ann wrote:\n> q\nanswer\n", "On Mon, 2 Mar 2026, Ann wrote:\n\nanswer"},
		{"before unmarked text", "answer\n\nOn Mon, 2 Mar 2026 at 10:00, Ann wrote:\n\nq\nOn Sun, 1 Mar 2026 at 10:00, Bob wrote:\nqq\n", "answer\n\nOn Mon, 2 Mar 2026 at 10:00, Ann wrote:"},
		{"English header", "answer\n\nFrom: Ann <a@x.example>\nSent: Monday\nTo: l@x.example\nSubject: a\n\nq\n", "answer"},
		{"nothing but a quotation", "On Mon, 2 Mar 2026, Ann wrote:\n> q\n", ""},
	} {
		if got := readMail(list + c.body).Mail.NewText; got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestOwnWords(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"nothing quoted", "hello\n\n-- \nJane", "hello\n\n-- \nJane"},
		{"top", "answer\n\nOn Mon, 2 Mar 2026 at 10:00, Jane <j@x.example> wrote:\n> one\n> > two\n", "answer"},
		{"bottom", "Jane wrote:\n> one\n\nanswer\n", "answer"},
		{"between", "Jane wrote:\n> one\nyes\n> two\nno\n> three\n", "yes\n> two\nno"},
		{"quotation alone", "Jane wrote:\n> one\n", "Jane wrote:\n> one\n"},
		{"nothing", "", ""},
	} {
		if got := OwnWords(c.in); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestNewText(t *testing.T) {
	const quoted = "\n> question one\n> question two\n"
	for _, c := range []struct{ name, in, want string }{
		{"nothing quoted", "hello\n\n-- \nJane", "hello\n\n-- \nJane"},
		{"top", "answer\n\nOn Mon, 2 Mar 2026 at 10:00, Jane <j@x.example> wrote:\n" + quoted, "answer"},
		{"labels without colons", "answer\n\n------ Original Message ------\nFrom \"Jane\" <j@x.example>\nTo support@acme.example\nDate 29/09/2025 11:15:18\nSubject lights\n\n>one\nmy answer to one\n>two\n", "answer\n\nmy answer to one"},
		{"wrapped", "answer\n\nOn Mon, 2 Mar 2026 at 10:00, Jane <\nj@x.example> wrote:\n" + quoted, "answer"},
		{"wrapped inside the address", "answer\n\ntir. 3. mar. 2026 kl. 13:09 skrev Jane <j@x.example\n>:\n" + quoted, "answer"},
		{"bottom", "Jane wrote:" + quoted + "\nanswer", "answer"},
		{"interleaved", "On 2 Mar 2026, Jane wrote:\n> one\nyes\n> two\nno", "yes\n\nno"},
		{"german", "Antwort\n\nAm 02.03.2026 um 10:00 schrieb Jane Doe:\n" + quoted, "Antwort"},
		{"french", "Réponse\n\nLe 2 mars 2026 à 10:00, Jane <j@x.example> a écrit :\n" + quoted, "Réponse"},
		{"spanish", "Respuesta\n\nEl lun, 2 mar 2026 a las 10:00, Jane (<j@x.example>) escribió:\n" + quoted, "Respuesta"},
		{"russian", "Ответ\n\nпн, 2 мар. 2026 г. в 10:00, Jane <j@x.example>:\n" + quoted, "Ответ"},
		{"japanese", "回答\n\n2026年3月2日(月) 10:00 Jane <j@x.example>:\n" + quoted, "回答"},
		{"polish", "Odpowiedź\n\nW dniu 2.03.2026 o 10:00, Jane pisze:\n" + quoted, "Odpowiedź"},
		{"turkish", "Yanıt\n\nJane <j@x.example>, 2 Mar 2026 Pzt, 10:00 tarihinde şunu yazdı:\n" + quoted, "Yanıt"},
		{"unmarked", "answer\n\nOn Mon, 2 Mar 2026 at 10:00, Jane <j@x.example> wrote:\n\nquestion", "answer"},
		{"unmarked at the top is kept", "On Mon, 2 Mar 2026 at 10:00, Jane <j@x.example> wrote:\n\nwords", "On Mon, 2 Mar 2026 at 10:00, Jane <j@x.example> wrote:\n\nwords"},
		{"outlook", "answer\n\nFrom: Jane\nSent: Monday\nTo: Us\nSubject: x\n\nquestion", "answer"},
		{"outlook, german", "Antwort\n\nVon: Jane\nGesendet: Montag\nAn: Wir\nBetreff: x\n\nFrage", "Antwort"},
		{"outlook, bold", "answer\n\n*From:* Jane\n*Sent:* Monday\n*To:* Us\n*Subject:* x\n\nquestion", "answer"},
		{"outlook, rule", "answer\n\n________________________________\nFrom: Jane\nSent: Monday\nTo: Us\nSubject: x\n\nquestion", "answer"},
		{"original message", "answer\n\n-----Original Message-----\nFrom: Jane\n\nquestion", "answer"},
		{"a colon is no block", "From: the start\nI thought so.", "From: the start\nI thought so."},
		{"forwarded", "look\n\n---------- Forwarded message ----------\nFrom: Jane\nDate: Monday\nSubject: x\nTo: Us\n\nwords", "look\n\n---------- Forwarded message ----------\nFrom: Jane\nDate: Monday\nSubject: x\nTo: Us\n\nwords"},
		{"prose with on", "On your host you can run it.\nIt wrote: nothing", "On your host you can run it.\nIt wrote: nothing"},
		{"list footer", "hello\n_______________________________________________\nx mailing list\nx@lists.example\nhttp://lists.example/listinfo/x", "hello"},
		{"rule of the author", "hello\n_____\nmore", "hello\n_____\nmore"},
		{"all quoted", "> one\n> two", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := newText(c.in); got != c.want {
				t.Errorf("\n got %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestCommands(t *testing.T) {
	for _, c := range []struct {
		name, in, commands string
		empty              bool
	}{
		{"alone", "/close\n", "close", true},
		{"with argument", "/assign  Alice Ng \n/snooze 2d\n", "assign Alice Ng|snooze 2d", true},
		{"with text", "/close\n\nThank you!\n", "close", false},
		{"text first", "Thank you!\n/close\n", "", false},
		{"path", "/etc/hosts is wrong\n", "", false},
		{"path alone", "/a/b\n", "", false},
		{"slash alone", "/ x\n", "", false},
		{"number", "/2 of it\n", "", false},
		{"unknown", "/frobnicate\n", "frobnicate", true},
		{"upper case", "/Close\n", "close", true},
		{"full stop", "/close.\n", "close", true},
		{"blank and odd space", "\ufeff\n\u00a0\n\u00a0/close\u00a0\n\n/back\n", "close|back", true},
		{"signature", "/close\n\n-- \nAlice\nAcme\n", "close", true},
		{"phone", "/close\n\nSent from my iPhone\n", "close", true},
		{"japanese tablet", "/close\n\niPadから送信\n", "close", true},
		{"japanese app", "/close\n\nOutlook for Android を入手\n", "close", true},
		{"french web mail", "/close\n\nEnvoyé avec la messagerie sécurisée Proton Mail.\n", "close", true},
		{"spanish web mail", "/close\n\nEnviado con el correo seguro de Proton Mail.\n", "close", true},
		{"spanish sentence", "/close\n\nEnviado con urgencia.\n", "close", false},
		{"german phone", "/close\n\nVon meinem iPhone gesendet\n", "close", true},
		{"phone in a sentence", "Sent from my desk, which is much easier for me than a telephone\n", "", false},
		{"quotation", "/close\n\nOn Mon, 2 Mar 2026 at 10:00, Jane <j@x.example> wrote:\n> hello\n", "close", true},
		{"footer", "/close\n\n:.: Reply to answer Jane.\n:.:\n", "close", true},
		{"nothing", "\n\n", "", true},
		{"text", "yes\n", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := readMail("From: a@b.example\nContent-Type: text/plain; charset=utf-8\n\n" + c.in)
			var list []string
			for _, x := range m.Mail.Commands {
				list = append(list, strings.TrimSpace(x.Word+" "+x.Arg))
			}
			if got := strings.Join(list, "|"); got != c.commands || m.Mail.AnswerEmpty != c.empty {
				t.Errorf("%q %v, want %q %v", got, m.Mail.AnswerEmpty, c.commands, c.empty)
			}
		})
	}
}

func TestAttachmentIsAnAnswer(t *testing.T) {
	pdf := "Content-Type: application/pdf; name=a.pdf\n\nx\n"
	logo := "Content-Type: image/png\nContent-ID: <1@x>\n\nx\n"
	if readMail(mixed("mixed", "\n/close\n", pdf)).Mail.AnswerEmpty {
		t.Error("a file is no answer")
	}
	if !readMail(mixed("mixed", "\n/close\n", logo)).Mail.AnswerEmpty {
		t.Error("the picture of a signature is an answer")
	}
}

func TestStripAnswer(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"Hello\n", "Hello\n"},
		{"/close\n\nHello\n", "Hello\n"},
		{"\n\n/close\n/tag x\n\nHello\n/close\n", "Hello\n/close\n"},
		{"\nHello\n", "\nHello\n"},
		{"Hello\n:.: footer\nmore\n> :.: footer\n>> :.:\nend", "Hello\nmore\nend"},
		{"/etc/hosts is wrong\r\n", "/etc/hosts is wrong\r\n"},
		{"/close\r\n\r\nHello  \r\n> quoted\r\n", "Hello  \r\n> quoted\r\n"},
		{"a :: b\n::c\n", "a :: b\n::c\n"},
		{"/close", ""},
		{"", ""},
	} {
		if got := StripAnswer(c.in); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}
