package message

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"postroom/threads"
)

// Composer makes the mails that leave: copies for engineers, answers to
// customers, notices. It is immutable and may be used by several goroutines.
type Composer struct {
	Support  threads.Address
	FromName string // how an answer is signed in From, with {engineer} and {support}
	Domain   string // right side of the ids made here; never a host's name
}

// NewComposer returns a Composer. An empty template is "{engineer} at
// {support}".
func NewComposer(support threads.Address, fromName, domain string) *Composer {
	if fromName == "" {
		fromName = "{engineer} at {support}"
	}
	return &Composer{Support: support, FromName: fromName, Domain: domain}
}

// Copy is what is needed beside a customer's mail to bring it to an engineer.
type Copy struct {
	To       threads.Address
	Customer threads.Address // whom From names

	ReplyTo    string
	Subject    string
	MessageID  string
	InReplyTo  string
	References []string // root id, token id, then the engineer's chain
	Date       time.Time

	ThreadTopic string // where the customer's side used Outlook's fields
	ThreadIndex string

	Story  []StoryItem // for a new owner; oldest first
	Footer []string    // one sentence or two each; none for no footer
	Links  []Link
}

// ErrUnreadable is returned for a mail without a tree to send on.
var ErrUnreadable = errors.New("no mail in it")

func (c *Composer) copyHeadings(cp Copy) *headings {
	return &headings{
		support: c.Support, customer: cp.Customer, to: []threads.Address{cp.To},
		replyTo: cp.ReplyTo, subject: cp.Subject,
		messageID: cp.MessageID, inReplyTo: cp.InReplyTo, references: cp.References, date: cp.Date,
		topic: cp.ThreadTopic, index: cp.ThreadIndex,
	}
}

// Copy makes the mail that brings a customer's mail m, which is source 0, to
// an engineer: her MIME tree as it came, with the story before it and the
// footer behind. Signed and encrypted mail stays exactly as it is, without
// either, since its signature would break.
func (c *Composer) Copy(m *Message, cp Copy) (*Recipe, error) {
	if m.Root == nil {
		return nil, fmt.Errorf("composing copy %s: %w", cp.MessageID, ErrUnreadable)
	}
	h := c.copyHeadings(cp)
	header, err := h.write(columnCopy)
	if err != nil {
		return nil, fmt.Errorf("composing a copy: %w", err)
	}
	e, err := m.withFooter(cp)
	if err != nil {
		return nil, fmt.Errorf("composing copy %s: %w", cp.MessageID, err)
	}
	r, err := h.compose(columnCopy, header, e, m.src)
	if err != nil {
		return nil, fmt.Errorf("composing copy %s: %w", cp.MessageID, err)
	}
	return r, nil
}

// withFooter is the original with the story before it and the footer where
// clients show it as text, each a part of its own, with an HTML twin where the
// original has HTML.
func (m *Message) withFooter(cp Copy) (*entity, error) {
	if m.Mail.Sealed != threads.Open {
		return m.original(nil)
	}
	var footer *entity
	var place *seat
	if len(cp.Footer) > 0 {
		footer = m.ours(cp.Footer, cp.Links)
		var err error
		if place, err = m.seat(footer, cp.MessageID); err != nil {
			return nil, err
		}
	}
	original, err := m.original(place)
	if err != nil {
		return nil, err
	}
	parts := []*entity{original}
	if story := storyLines(cp.Story); story != nil {
		parts = append([]*entity{m.ours(story, nil)}, parts...)
	}
	if footer != nil && place == nil {
		parts = append(parts, footer)
	}
	if len(parts) == 1 {
		return original, nil
	}
	e := &entity{kind: []string{"multipart/mixed"}, parts: parts}
	if m.Root.EightBit {
		// RFC 2045 §6.4: what encloses 8-bit says so.
		e.fields = "Content-Transfer-Encoding: 8bit\r\n"
	}
	return e, nil
}

func (m *Message) ours(lines []string, links []Link) *entity {
	lines = markLines(lines)
	e := textEntity("plain", markedText(slices.Clip(lines), links))
	if firstText(m.Root, "text/html") != nil {
		e = &entity{kind: []string{"multipart/alternative"}, parts: []*entity{e, textEntity("html", markedHTML(lines, links))}}
	}
	e.fields += "Content-Disposition: inline\r\n" // RFC 2183 §2.1
	return e
}

// original is the whole of m as an entity: its Content-* fields and its body,
// octet for octet but for line ends, for leaves that no relay would take as
// they are, and for the part that has a place in it.
func (m *Message) original(place *seat) (*entity, error) {
	if len(m.Root.Children) == 0 {
		return m.leaf(m.Root)
	}
	fields, err := m.contentHeader(m.Root)
	if err != nil {
		return nil, err
	}
	e := &entity{fields: fields, sums: m.leaves.sums}
	at := m.Root.Body
	take := func() {
		e.body = append(e.body, stretch{start: at, end: place.at}, stretch{text: place.text})
		e.sums, at, place = place.seated(e.sums), place.at, nil
	}
	for _, p := range m.unfit(m.Root, nil) {
		if place != nil && place.at <= p.Start {
			take()
		}
		if len(p.Children) > 0 {
			fields, err := m.contentHeader(p)
			if err != nil {
				return nil, err
			}
			e.body = append(e.body, stretch{start: at, end: p.Start}, stretch{text: fields + "\r\n"})
			at = p.Body
			continue
		}
		fixed, err := m.leaf(p)
		if err != nil {
			return nil, err
		}
		e.body = append(e.body, stretch{start: at, end: p.Start}, stretch{text: fixed.fields + "\r\n"})
		e.body = append(e.body, fixed.body...)
		at = p.End
	}
	if place != nil {
		take()
	}
	e.body = append(e.body, stretch{start: at, end: m.Root.End})
	return e, nil
}

// unfit lists the leaves below p that have to be encoded anew, and the
// multiparts whose header has to be written anew, in the order of the mail.
// What is signed is left alone.
func (m *Message) unfit(p *Part, list []*Part) []*Part {
	switch {
	case !p.Lines || m.cr || p.Type == "multipart/signed" || p.Type == "multipart/encrypted":
		return list
	case len(p.Children) > 0:
		if p.LongHeader {
			list = append(list, p)
		}
		for _, c := range p.Children {
			list = m.unfit(c, list)
		}
		return list
	}
	if _, ok := m.encodeAnew(p); ok {
		list = append(list, p)
	}
	return list
}

// encodeAnew says how a leaf with lines no relay takes (RFC 5321 §4.5.3.1.6)
// can be sent all the same. What is encoded in a way we do not know cannot.
func (m *Message) encodeAnew(p *Part) (Transform, bool) {
	switch p.Encoding {
	case "", "8bit", "binary":
		return TransformBase64, true
	case "base64":
		return TransformRewrap, true
	case "quoted-printable":
		return TransformSoften, true
	}
	return TransformLines, false
}

// leaf is one leaf as an entity.
func (m *Message) leaf(p *Part) (*entity, error) {
	transform, anew := TransformLines, false
	if p.Lines && !m.cr && m.Mail.Sealed == threads.Open {
		transform, anew = m.encodeAnew(p)
	}
	var drop []string
	if anew && transform == TransformBase64 {
		drop = []string{"Content-Transfer-Encoding"}
	}
	fields, err := m.contentHeader(p, drop...)
	if err != nil {
		return nil, err
	}
	if drop != nil {
		fields += "Content-Transfer-Encoding: base64\r\n"
	}
	e := &entity{fields: fields, body: []stretch{{start: p.Body, end: p.End, transform: transform}}}
	if p == m.Root {
		e.sums = m.leaves.sums
	}
	return e, nil
}

// maxRawField bounds a Content-* field that is taken over as it came; a longer
// one is written anew from what was read of it.
const maxRawField = 8 << 10

// contentHeader is the Content-* fields of a part that may be taken over, as
// they came where they are safe, else written anew from what was read.
func (m *Message) contentHeader(p *Part, drop ...string) (string, error) {
	var b strings.Builder
	for _, name := range contentFields() {
		i := slices.IndexFunc(p.Header, func(f Field) bool { return strings.EqualFold(f.Name, name) })
		if i < 0 || slices.Contains(drop, name) {
			continue
		}
		raw, err := m.rawField(p.Header[i])
		if err != nil {
			return "", err
		}
		if raw == "" || name == "Content-Type" && !m.sameType(p) {
			raw = p.rewritten(name, p.Header[i].Value)
		}
		b.WriteString(raw)
	}
	return b.String(), nil
}

// rawField is a field as it came, with CRLF; "" when it cannot be sent so.
func (m *Message) rawField(f Field) (string, error) {
	if f.Length <= 0 || f.Length > maxRawField {
		return "", nil
	}
	raw := make([]byte, f.Length)
	if n, err := m.src.ReadAt(raw, f.Offset); n < len(raw) {
		return "", fmt.Errorf("reading the field at octet %d: %w", f.Offset, err)
	}
	text, err := inLines(raw)
	if err != nil {
		return "", fmt.Errorf("reading the field at octet %d: %w", f.Offset, err)
	}
	if !strings.HasSuffix(text, "\r\n") {
		text += "\r\n"
	}
	if !safeField(f.Name, text) {
		return "", nil
	}
	return text, nil
}

// inLines is a text whose lines end in CRLF, whatever they ended in.
func inLines(raw []byte) (string, error) {
	ends := bytes.Count(raw, []byte("\r\n"))
	if bytes.Count(raw, []byte{'\n'}) == ends && bytes.Count(raw, []byte{'\r'}) == ends {
		return string(raw), nil
	}
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	t := &toCRLF{}
	t.feed(w, raw)
	t.end(w)
	err := w.Flush()
	return out.String(), err
}

// safeField reports whether text is exactly one field of that name: ASCII,
// each further line a continuation with something in it, none too long.
func safeField(name, text string) bool {
	lines := strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n")
	for i, l := range lines {
		folded := l != "" && (l[0] == ' ' || l[0] == '\t')
		if i > 0 && !folded || strings.TrimSpace(l) == "" || len(l) > maxLine {
			return false
		}
		for j := 0; j < len(l); j++ {
			if l[j] > 126 || l[j] < ' ' && l[j] != '\t' {
				return false
			}
		}
	}
	return len(lines[0]) > len(name) && strings.EqualFold(lines[0][:len(name)+1], name+":")
}

// sameType reports whether Content-Type says in itself what was read of the
// part: other clients must find the same tree.
func (m *Message) sameType(p *Part) bool {
	kind, params := parseParams(p.Header.Get("Content-Type"), m.hint)
	return kind == p.Type && (len(p.Children) == 0 || params["boundary"] != "")
}

// rewritten is a Content-* field made from what was read of it.
func (p *Part) rewritten(name, value string) string {
	switch name {
	case "Content-Type":
		return foldField(name, p.typeTokens("boundary", "charset", "name", "format", "delsp", "type", "start", "protocol", "micalg", "method", "report-type"))
	case "Content-Transfer-Encoding":
		if p.Encoding == "" {
			return ""
		}
		return foldField(name, unstructured(p.Encoding, len(name)+1))
	case "Content-Disposition":
		return foldField(name, p.dispositionTokens())
	}
	tokens := unstructured(value, len(name)+1)
	if headText(value) == "" {
		return ""
	}
	return foldField(name, tokens)
}

// typeTokens are the tokens of Content-Type with the parameters named.
func (p *Part) typeTokens(params ...string) []string {
	kind := p.Type
	if major, minor, ok := strings.Cut(kind, "/"); !ok || !token(major) || !token(minor) || len(kind) > 127 {
		kind = "application/octet-stream"
	}
	list := []string{kind}
	for _, key := range params {
		if v := p.Params[key]; v != "" && (key != "boundary" || len(p.Children) > 0) {
			list[len(list)-1] += ";"
			list = append(list, parameter(key, v)...)
		}
	}
	return list
}

// dispositionTokens are the tokens of Content-Disposition.
func (p *Part) dispositionTokens() []string {
	list := []string{"attachment"}
	if p.Disposition == "inline" {
		list[0] = "inline"
	}
	if p.Filename != "" {
		list[0] += ";"
		list = append(list, parameter("filename", clip(p.Filename, maxName))...)
	}
	return list
}
