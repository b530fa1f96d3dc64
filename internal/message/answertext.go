package message

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"postroom/threads"
)

// StripAnswer is the text an engineer wrote, fit for a customer: the commands
// at the top of what she wrote, above or below what she quotes, and the lines of
// our footer, quoted or not, are taken out, everything else is untouched. The
// inserts stand where her lines call for a saved answer, in turn; those that no
// line calls for stand above all.
func StripAnswer(text string, inserts ...string) string {
	var b strings.Builder
	b.Grow(len(text))
	var quoted []bool // lines of quotation; nil where it makes no difference
	if slashes(text) {
		quoted = scanQuotes(text, false).drop
	}
	top, commands := true, false
	inserted := false        // the last thing written is an insert at the top
	var held strings.Builder // blank lines at the top, dropped with the commands around them
	n := -1
	for l := range strings.SplitAfterSeq(text, "\n") {
		n++
		switch {
		case footerLine(l):
			continue
		case top && n < len(quoted) && quoted[n] && !invisible(l):
			b.WriteString(held.String())
			held.Reset()
			if inserted {
				b.WriteString("\n")
			}
			b.WriteString(l)
			commands, inserted = false, false
			continue
		case top && invisible(l):
			if !commands {
				held.WriteString(l)
			}
			continue
		case top && isCommand(l):
			if !commands && b.Len() > 0 {
				b.WriteString(held.String()) // it stands apart from the quotation above
			}
			commands = true
			held.Reset()
			if len(inserts) > 0 && callsAnswer(l) {
				inserted = true
				b.WriteString(apartFrom(b.Len()) + inserts[0] + "\n")
				inserts = inserts[1:]
			}
			continue
		case top:
			top = false
			b.WriteString(held.String())
			if inserted {
				b.WriteString("\n")
			}
		}
		if len(inserts) > 0 && callsAnswer(l) {
			l, inserts = inserts[0]+"\n", inserts[1:]
		}
		b.WriteString(l)
	}
	if top && !commands {
		b.WriteString(held.String())
	}
	if len(inserts) > 0 {
		return strings.Join(inserts, "\n\n") + "\n\n" + b.String()
	}
	return b.String()
}

// apartFrom is what stands between two inserts.
func apartFrom(written int) string {
	if written == 0 {
		return ""
	}
	return "\n"
}

// callsAnswer reports a line that a saved answer is to stand for.
func callsAnswer(l string) bool {
	c, ok := readCommand(l)
	return ok && c.Word == "answer" && c.Arg != ""
}

// WithoutFooter is a text without the lines of our footer, quoted or not.
func WithoutFooter(text string) string {
	var b strings.Builder
	for l := range strings.SplitAfterSeq(text, "\n") {
		if !footerLine(l) {
			b.WriteString(l)
		}
	}
	return b.String()
}

// footerLine reports a line of the footer we put under copies to engineers.
func footerLine(l string) bool {
	t := strings.TrimLeftFunc(l, func(r rune) bool { return r == '>' || r == '|' || unseen(r) })
	rest, ok := strings.CutPrefix(t, footerMark)
	return ok && (rest == "" || strings.IndexFunc(rest, unseen) == 0)
}

// footerIn is where a line of the footer begins within a text, or -1. Editors
// put a blank that does not break in the place of ours.
func footerIn(text string) int {
	for at := 0; ; {
		i := strings.Index(text[at:], footerMark)
		if i < 0 {
			return -1
		}
		i += at
		at = i + len(footerMark)
		if r, _ := utf8.DecodeRuneInString(text[at:]); at < len(text) && r != '\n' && unseen(r) {
			return i
		}
	}
}

// footerMark is what lines of our footer start with, behind quotation marks:
// seven bits, untouched by any client, and the beginning of no line that a
// person, a program or a log would write.
const footerMark = ":.:"

// unseen reports white space of every kind, and the marks nobody sees: of width
// zero, of direction, and what stands for a picture or for nothing. Keyboards of
// scripts that run from right to left, and what is pasted, put them anywhere.
func unseen(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r <= ' ' || r == 0x7f
	case r >= '\u200b' && r <= '\u200f', r >= '\u202a' && r <= '\u202e', r >= '\u2060' && r <= '\u206f',
		r >= '\u180b' && r <= '\u180e', r >= '\ufe00' && r <= '\ufe0f':
		return true
	}
	switch r {
	case '\u00ad', '\u034f', '\u061c', '\u115f', '\u1160', '\u2800', '\u3164', '\ufeff', '\uffa0', '\ufffc':
		return true
	}
	return unicode.IsSpace(r)
}

func invisible(l string) bool { return strings.TrimFunc(l, unseen) == "" }

// readNewText fills NewText, Quoted, the commands and AnswerEmpty. A delivery
// report is a machine's own words from end to end.
func (m *Message) readNewText() {
	if m.Mail.Bounce != nil {
		m.Mail.NewText = m.Mail.Text
		return
	}
	text := m.Mail.Text
	if m.long != "" {
		text = m.long
	}
	q := scanQuotes(text, m.Mail.ListPost != "")
	m.Mail.NewText = clip(q.newText(), threads.MaxText)
	m.Mail.Quoted = q.quoted(threads.MaxQuoted)
	commands, rest := readCommands(m.Mail.NewText)
	m.Mail.Commands = append(commands, calls(rest)...)
	m.Mail.AnswerEmpty = saysNothing(rest) && !m.carries() && !m.cut
	m.Mail.Stray = stray(rest)
	m.Mail.SubjectCommand = subjectCommand(m.Mail.SubjectBase)
}

// saysNothing reports text that is blank but for a signature and our footer.
func saysNothing(text string) bool {
	for l := range strings.SplitSeq(text, "\n") {
		if signatureMark(l) {
			return true
		}
		if invisible(l) || footerLine(l) || mobileLine(l) || ruleLine(l) {
			continue
		}
		return false
	}
	return true
}

// carries reports an attachment that says something: no picture of a
// signature, no signature.
func (m *Message) carries() bool {
	for _, a := range m.Mail.Attachments {
		switch {
		case a.Inline && strings.HasPrefix(a.Type, "image/"):
		case a.Type == "application/pgp-signature", a.Type == "application/pkcs7-signature", a.Type == "application/x-pkcs7-signature", a.Type == "application/pgp-keys":
		default:
			return true
		}
	}
	return false
}

// mobileLine reports the line a phone puts under every mail.
func mobileLine(l string) bool {
	t := strings.ToLower(strings.Trim(l, " \t*_-\u00a0"))
	if len(t) > 120 {
		return false
	}
	for _, p := range []string{"sent from my ", "sent from mail for ", "sent from outlook", "sent from yahoo mail", "sent from proton mail", "sent from protonmail", "sent via ", "get outlook for ", "sent with ",
		"von meinem ", "gesendet von ", "von unterwegs gesendet", "gesendet mit ", "outlook für ", "holen sie sich outlook", "envoyé de mon ", "envoyé depuis ", "envoyé à partir de ", "envoyé avec la messagerie sécurisée ", "télécharger outlook", "enviado desde mi ", "enviado desde ", "enviado con proton mail", "enviado con el correo seguro de ", "obtener outlook", "enviado do meu ", "enviado a partir do ", "obter o outlook",
		"inviato da ", "inviato dal ", "ottieni outlook", "verzonden vanaf ", "verstuurd vanaf ", "skickat från ", "sendt fra ", "lähetetty ", "wysłano z ", "wysłane z ", "odesláno z ", "отправлено с ", "отправлено из ", "надіслано з ", "iphone'umdan gönderildi", "telefonumdan gönderildi", "iphone から送信", "iphoneから送信", "ipad から送信", "ipadから送信", "outlook for ios を入手", "outlook for android を入手", "发自我的", "從我的 iphone", "傳送自我的", "나의 iphone에서 보냄", "trimis de pe ", "küldve a", "sent from a ", "sent from the "} {
		if !strings.HasPrefix(t, p) {
			continue
		}
		// "Sent from my desk I can ..." is a sentence.
		return len(strings.Fields(t)) <= 9
	}
	return false
}
