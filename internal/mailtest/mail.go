package mailtest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
)

// Mail is a mail to build. Empty fields are left out. The bytes depend on
// nothing else: no clock, no randomness.
type Mail struct {
	From, To, Cc, ReplyTo string // address lists as people write them
	Subject               string
	MessageID             string   // with or without angle brackets
	InReplyTo             string   // likewise
	References            []string // likewise
	Date                  time.Time
	Text, HTML            string // lines end in LF or CRLF
	Attachments           []Attachment
	Headers               []Field // further fields, as they are
}

// Attachment is a part that is no text to read. Built ones with a ContentID
// are inline.
type Attachment struct {
	Name      string
	Type      string // default application/octet-stream
	ContentID string // without angle brackets
	Data      []byte
}

// Field is one header field.
type Field struct{ Name, Value string }

// Bytes builds the mail, with CRLF line ends.
func (m Mail) Bytes() []byte {
	var b bytes.Buffer
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	field("From", addresses(m.From))
	field("To", addresses(m.To))
	field("Cc", addresses(m.Cc))
	field("Reply-To", addresses(m.ReplyTo))
	field("Subject", mime.QEncoding.Encode("utf-8", m.Subject))
	if !m.Date.IsZero() {
		field("Date", m.Date.Format(time.RFC1123Z))
	}
	field("Message-ID", angle(m.MessageID))
	field("In-Reply-To", angle(m.InReplyTo))
	refs := make([]string, len(m.References))
	for i, r := range m.References {
		refs[i] = angle(r)
	}
	field("References", strings.Join(refs, "\r\n "))
	for _, h := range m.Headers {
		field(h.Name, h.Value)
	}
	field("MIME-Version", "1.0")
	b.Write(m.content())
	return b.Bytes()
}

// addresses encodes the names of an address list if they need it.
func addresses(list string) string {
	if isASCII(list) {
		return list
	}
	parsed, err := mail.ParseAddressList(list)
	if err != nil {
		return list // broken on purpose
	}
	out := make([]string, len(parsed))
	for i, a := range parsed {
		out[i] = a.String()
	}
	return strings.Join(out, ", ")
}

func angle(id string) string {
	if id == "" || strings.HasPrefix(id, "<") {
		return id
	}
	return "<" + id + ">"
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// content is the body with its Content fields.
func (m Mail) content() []byte {
	var body []byte
	switch {
	case m.Text != "" && m.HTML != "":
		body = joined("alternative", textPart("plain", m.Text), textPart("html", m.HTML))
	case m.HTML != "":
		body = textPart("html", m.HTML)
	default:
		body = textPart("plain", m.Text)
	}
	if len(m.Attachments) == 0 {
		return body
	}
	parts := [][]byte{body}
	for _, a := range m.Attachments {
		parts = append(parts, a.part())
	}
	return joined("mixed", parts...)
}

func joined(subtype string, parts ...[]byte) []byte {
	boundary := "=_" + subtype
	var b bytes.Buffer
	fmt.Fprintf(&b, "Content-Type: multipart/%s; boundary=%q\r\n\r\n", subtype, boundary)
	for _, p := range parts {
		fmt.Fprintf(&b, "--%s\r\n%s\r\n", boundary, p)
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return b.Bytes()
}

// textPart is a text as it is if every server lets it through untouched, else
// quoted-printable.
func textPart(subtype, text string) []byte {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	var b bytes.Buffer
	fmt.Fprintf(&b, "Content-Type: text/%s; charset=utf-8\r\n", subtype)
	if isPlain(text) {
		fmt.Fprintf(&b, "Content-Transfer-Encoding: 7bit\r\n\r\n%s", text)
		return b.Bytes()
	}
	b.WriteString("Content-Transfer-Encoding: quoted-printable\r\n\r\n")
	w := quotedprintable.NewWriter(&b)
	w.Write([]byte(text)) // a bytes.Buffer does not fail
	w.Close()
	return b.Bytes()
}

func isPlain(text string) bool {
	for line := range strings.SplitSeq(text, "\r\n") {
		if len(line) > 78 || strings.ContainsRune(line, '\r') {
			return false
		}
	}
	return isASCII(text)
}

func (a Attachment) part() []byte {
	var b bytes.Buffer
	kind := a.Type
	if kind == "" {
		kind = "application/octet-stream"
	}
	disposition := "attachment"
	fmt.Fprintf(&b, "Content-Type: %s\r\n", kind)
	if a.ContentID != "" {
		disposition = "inline"
		fmt.Fprintf(&b, "Content-ID: <%s>\r\n", a.ContentID)
	}
	params := map[string]string{}
	if a.Name != "" {
		params["filename"] = a.Name
	}
	fmt.Fprintf(&b, "Content-Disposition: %s\r\nContent-Transfer-Encoding: base64\r\n\r\n",
		mime.FormatMediaType(disposition, params))
	code := base64.StdEncoding.EncodeToString(a.Data)
	for len(code) > 76 {
		b.WriteString(code[:76] + "\r\n")
		code = code[76:]
	}
	b.WriteString(code)
	return b.Bytes()
}
