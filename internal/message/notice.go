package message

import (
	"fmt"
	"html"
	"strings"
	"time"

	"postroom/threads"
)

// Notice is a mail from Postroom itself to an engineer or an admin.
type Notice struct {
	To         threads.Address
	ReplyTo    string
	Subject    string
	MessageID  string
	InReplyTo  string
	References []string
	Date       time.Time

	Paragraphs []string
	// Quoted is the text of a mail, shown below the paragraphs, indented and
	// otherwise intact.
	Quoted string
	Links  []Link
	// Items stand between the links and Quoted: things to choose from.
	Items []Item
	// Attach is a mail that goes along whole: as message/rfc822 where it can be
	// read and sent so, else as an opaque file. It is source 0.
	Attach *Message
}

// Item is one of several things a notice tells of: a line about it, the words
// it is recognised by, and what can be done.
type Item struct {
	About string
	Text  string // shown set in, otherwise intact
	Links []Link
}

const (
	noticeWidth = 72 // columns of a paragraph
	noticeInset = "    "
)

// Notice makes a notice: text and HTML, marked as automatic so that no
// responder answers it.
func (c *Composer) Notice(n Notice) (*Recipe, error) {
	h := &headings{
		support: c.Support, to: []threads.Address{n.To}, replyTo: n.ReplyTo, subject: n.Subject,
		messageID: n.MessageID, inReplyTo: n.InReplyTo, references: n.References, date: n.Date,
	}
	header, err := h.write(columnNotice)
	if err != nil {
		return nil, fmt.Errorf("composing a notice: %w", err)
	}
	e, src := alternative(n.plain(), n.html()), Source(nil)
	if n.Attach != nil {
		src = n.Attach.src
		attached, err := n.Attach.attached(0, "mail.eml")
		if err != nil {
			return nil, fmt.Errorf("composing notice %s: %w", n.MessageID, err)
		}
		e = &entity{kind: []string{"multipart/mixed"}, parts: []*entity{e, attached}}
	}
	r, err := h.compose(columnNotice, header, e, src)
	if err != nil {
		return nil, fmt.Errorf("composing notice %s: %w", n.MessageID, err)
	}
	return r, nil
}

func (n Notice) plain() string {
	var b strings.Builder
	for i, p := range n.Paragraphs {
		if i > 0 {
			b.WriteByte('\n')
		}
		for l := range strings.SplitSeq(p, "\n") {
			b.WriteString(strings.Join(wrapText(oneLine(l), noticeWidth), "\n") + "\n")
		}
	}
	if len(n.Links) > 0 {
		b.WriteByte('\n')
	}
	for _, l := range n.Links {
		b.WriteString(headText(l.Label) + ": " + safeURL(l.Mailto) + "\n")
	}
	for _, i := range n.Items {
		b.WriteString("\n" + strings.Join(wrapText(oneLine(i.About), noticeWidth), "\n") + "\n" + setIn(i.Text))
		for _, l := range i.Links {
			b.WriteString(headText(l.Label) + ": " + safeURL(l.Mailto) + "\n")
		}
	}
	if n.Quoted != "" {
		b.WriteString("\n" + setIn(n.Quoted))
	}
	return b.String()
}

// setIn is a text as it stands in a notice.
func setIn(text string) string {
	if text == "" {
		return ""
	}
	var b strings.Builder
	for l := range strings.SplitSeq(strings.Trim(plainLines(text), "\n"), "\n") {
		b.WriteString(strings.TrimRight(noticeInset+l, " ") + "\n")
	}
	return b.String()
}

func (n Notice) html() string {
	var b strings.Builder
	b.WriteString("<html><body>\n")
	for _, p := range n.Paragraphs {
		b.WriteString("<p>" + strings.ReplaceAll(html.EscapeString(plainLines(p)), "\n", "<br>\n") + "</p>\n")
	}
	if len(n.Links) > 0 {
		b.WriteString("<p>" + anchors(n.Links) + "</p>\n")
	}
	for _, i := range n.Items {
		b.WriteString("<p>" + html.EscapeString(oneLine(i.About)) + "</p>\n" + preformatted(i.Text))
		if len(i.Links) > 0 {
			b.WriteString("<p>" + anchors(i.Links) + "</p>\n")
		}
	}
	b.WriteString(preformatted(n.Quoted))
	b.WriteString("</body></html>\n")
	return b.String()
}

func anchors(links []Link) string {
	var b strings.Builder
	for i, l := range links {
		if i > 0 {
			b.WriteString(" &middot;\n")
		}
		b.WriteString(`<a href="` + html.EscapeString(safeURL(l.Mailto)) + `">` + html.EscapeString(headText(l.Label)) + `</a>`)
	}
	return b.String()
}

func preformatted(text string) string {
	if text == "" {
		return ""
	}
	return `<pre style="margin-left:2em;white-space:pre-wrap">` + "\n" + html.EscapeString(strings.Trim(plainLines(text), "\n")) + "</pre>\n"
}

// attached is the whole mail, which is a source, as a part of a notice. message/rfc822 must not be
// encoded (RFC 2046 §5.2.1), so what is not clean 7-bit goes as a file.
func (m *Message) attached(source int, file string) (*entity, error) {
	name := parameter("filename", file)
	readable := m.Root != nil && len(m.Header) > 0 && !m.Root.Lines
	whole := Piece{Length: m.src.Size()}
	if err := whole.measure(m.src); err != nil {
		return nil, err
	}
	e := &entity{
		kind: []string{"message/rfc822"},
		body: []stretch{{end: m.src.Size(), bulk: true, source: source}},
	}
	if !readable || whole.EightBit {
		e.kind = []string{"application/octet-stream"}
		e.fields = "Content-Transfer-Encoding: base64\r\n"
		e.body[0].transform = TransformBase64
	}
	e.fields += foldField("Content-Disposition", append([]string{"attachment;"}, name...))
	return e, nil
}
