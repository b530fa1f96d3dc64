package demo

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"html"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"
)

// draft is a mail somebody is about to send.
type draft struct {
	to      mail.Address
	subject string
	text    string
	html    string       // as an alternative to text; may be ""
	files   []attachment // may be none
	answers *letter      // what it is a reply to; nil for none
}

// reply is what a mail client makes of "Reply": to the Reply-To, else to the
// sender, with the whole mail quoted below the answer.
func reply(l *letter, text string) draft {
	to := l.address("Reply-To")
	if to.Address == "" {
		to = l.address("From")
	}
	said := fmt.Sprintf("On %s, %s wrote:", l.get("Date"), l.get("From"))
	return draft{
		to: to, subject: "Re: " + strings.TrimPrefix(l.subject(), "Re: "), answers: l,
		text: text + "\n\n" + said + "\n" + quoted(l.text),
		html: "<p>" + html.EscapeString(text) + "</p><div>" + html.EscapeString(said) +
			"</div><blockquote type=\"cite\"><p>" + strings.ReplaceAll(html.EscapeString(l.text), "\n", "<br>\n") + "</p></blockquote>",
	}
}

func quoted(text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		b.WriteString(strings.TrimRight("> "+line, " ") + "\n")
	}
	return b.String()
}

// compose makes a mail as this person's mail client does, with everything
// mail clients tell about themselves, and returns it with its Message-ID.
func (p *person) compose(m draft) ([]byte, string, error) {
	p.wrote++
	id := fmt.Sprintf("<%d.%s@%s>", p.wrote, localPart(p.address), p.host)
	from := mail.Address{Name: p.name, Address: p.address}
	var b bytes.Buffer
	field := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	field("From", from.String())
	field("To", m.to.String())
	field("Subject", mime.QEncoding.Encode("utf-8", m.subject))
	field("Date", time.Now().Format(time.RFC1123Z))
	field("Message-ID", id)
	if m.answers != nil {
		field("In-Reply-To", m.answers.id())
		field("References", strings.Join(append(m.answers.ids("References"), m.answers.id()), "\r\n "))
	}
	field("User-Agent", p.client)
	field("X-Originating-IP", "[198.51.100.7]")
	field("MIME-Version", "1.0")
	if err := m.body(&b); err != nil {
		return nil, "", fmt.Errorf("composing %q: %w", m.subject, err)
	}
	return b.Bytes(), id, nil
}

// body writes the Content- fields and what follows them.
func (m draft) body(b *bytes.Buffer) error {
	if m.html == "" && len(m.files) == 0 {
		b.WriteString("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
		return writeText(b, m.text)
	}
	kind := "mixed"
	if m.html != "" {
		kind = "alternative"
	}
	w := multipart.NewWriter(b)
	fmt.Fprintf(b, "Content-Type: multipart/%s;\r\n boundary=%q\r\n\r\n", kind, w.Boundary())
	if err := addText(w, "text/plain", m.text); err != nil {
		return err
	}
	if m.html != "" {
		if err := addText(w, "text/html", m.html); err != nil {
			return err
		}
	}
	for _, f := range m.files {
		if err := addFile(w, f); err != nil {
			return err
		}
	}
	return w.Close()
}

func addText(w *multipart.Writer, kind, text string) error {
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Type": {kind + "; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"},
	})
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := writeText(&b, text); err != nil {
		return err
	}
	_, err = part.Write(b.Bytes())
	return err
}

func writeText(b *bytes.Buffer, text string) error {
	q := quotedprintable.NewWriter(b)
	if _, err := q.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n") + "\r\n")); err != nil {
		return err
	}
	return q.Close()
}

func addFile(w *multipart.Writer, f attachment) error {
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Type": {f.kind}, "Content-Transfer-Encoding": {"base64"},
		"Content-Disposition": {mime.FormatMediaType("attachment", map[string]string{"filename": f.name})},
	})
	if err != nil {
		return err
	}
	const width = 76 // RFC 2045 §6.8
	for code := base64.StdEncoding.EncodeToString(f.data); code != ""; {
		n := min(width, len(code))
		if _, err := part.Write([]byte(code[:n] + "\r\n")); err != nil {
			return err
		}
		code = code[n:]
	}
	return nil
}

// send hands a mail to the mail server, as this person's mail client does, and
// files a copy of it to their sent mail. It returns the Message-ID.
func (d *demo) send(ctx context.Context, p *person, m draft) (string, error) {
	raw, id, err := p.compose(m)
	if err != nil {
		return "", err
	}
	if err := d.submit(ctx, p, m.to.Address, raw); err != nil {
		return "", fmt.Errorf("%s sends %q: %w", p.name, m.subject, err)
	}
	if _, err := d.world.Append(p.address, sentFolder, raw, []string{`\Seen`}, time.Time{}); err != nil {
		return "", fmt.Errorf("filing what %s sent: %w", p.name, err)
	}
	return id, nil
}

// submit is one SMTP session. The password goes over this machine's loopback
// interface alone.
func (d *demo) submit(ctx context.Context, p *person, to string, raw []byte) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.smtpAddr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if until, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(until); err != nil {
			return err
		}
	}
	host, _, err := net.SplitHostPort(d.smtpAddr)
	if err != nil {
		return err
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	if err := c.Hello(p.host); err != nil {
		return err
	}
	if err := c.Auth(smtp.PlainAuth("", p.address, p.password, host)); err != nil {
		return err
	}
	if err := c.Mail(p.address); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}
