package message

import (
	"io"
	"strings"
	"unicode/utf8"

	"postroom/threads"
)

// shown is one text part that is shown, flattened.
type shown struct {
	part *Part
	text string
}

// textPlan sorts the leaves of a mail: those a person reads as its text, in
// order, those that say the same in another form, and the rest, which are
// attachments.
type textPlan struct {
	m     *Message
	shown []shown
	texts []shown // flattened already
	twins map[*Part]bool
	files []threads.Attachment // uuencoded in the text
}

// readText fills Text and Attachments. A text of which Text holds only the
// beginning is kept whole until NewText was read: what an author wrote below a
// long quotation is hers all the same.
func (m *Message) readText() {
	t := &textPlan{m: m}
	text := t.join()
	if len(text) > threads.MaxText {
		m.note(endNotShown)
		m.long = text
	}
	m.Mail.Text = clip(text, threads.MaxText)
	m.Mail.Attachments = t.attachments(m.Root, []threads.Attachment{})
	m.Mail.Attachments = t.unpack(append(m.Mail.Attachments, t.files...))
}

// WholeText is Text to its end, at most 1 MiB of it and of each part. It reads
// the source again.
func (m *Message) WholeText() string {
	if len(m.Mail.Text) < threads.MaxText-utf8.UTFMax {
		return m.Mail.Text
	}
	problems := m.Mail.Problems
	text := (&textPlan{m: m}).join()
	m.Mail.Problems = problems
	return text
}

// join is the texts of all parts that are shown, in their order.
func (t *textPlan) join() string {
	t.part(t.m.Root, nil, true)
	text := ""
	for _, s := range t.shown {
		switch s := strings.TrimRight(s.text, " \n"); {
		case text == "":
			text = s
		case s != "":
			text += "\n\n" + s
		}
		if len(text) > maxDecoded {
			t.m.note(endNotShown)
			t.m.cut = true
			return clip(text, maxDecoded)
		}
	}
	return text
}

// part shows what is to be shown of a part. first is true until a text part
// was shown.
func (t *textPlan) part(p, parent *Part, top bool) {
	switch {
	case p.Type == "multipart/alternative":
		t.alternative(p)
	case len(p.Children) > 0:
		for _, c := range p.Children {
			t.part(c, p, false)
		}
	case t.readable(p, parent):
		t.show(p)
	}
}

// readable reports a leaf that is text for people and not a file of its own.
func (t *textPlan) readable(p, parent *Part) bool {
	if !strings.HasPrefix(p.Type, "text/") || p.Encoding == "x-uuencode" {
		return false
	}
	switch p.Type {
	case "text/plain", "text/html", "text/enriched", "text/x-amp-html", "text/markdown", "text/x-markdown", "text/richtext":
	default:
		return false
	}
	if p.Disposition == "attachment" {
		return false
	}
	// A named text is a file, but for the text of a mail that has no other.
	return p.Filename == "" || len(t.shown) == 0 && (parent == nil || parent.Children[0] == p)
}

func (t *textPlan) show(p *Part) {
	text := t.textOf(p)
	t.shown = append(t.shown, shown{p, text})
}

// textOf is the text of a leaf as it is shown.
func (t *textPlan) textOf(p *Part) string {
	for _, done := range t.texts {
		if done.part == p {
			return done.text
		}
	}
	s, problems := t.m.textOf(p)
	for _, problem := range problems {
		t.m.note(problem)
	}
	switch p.Type {
	case "text/html", "text/x-amp-html":
		s = flattenHTML(s, maxDecoded)
	case "text/enriched", "text/richtext":
		s = flattenHTML(strings.ReplaceAll(s, "<<", "&lt;"), maxDecoded)
	default:
		s = t.takeFiles(s)
	}
	t.texts = append(t.texts, shown{p, s})
	return s
}

// alternative shows the plain form when it says something, else the HTML
// form; the others are twins of it.
func (t *textPlan) alternative(p *Part) {
	best := t.choose(p)
	for _, c := range p.Children {
		switch {
		case c == best:
			t.part(c, p, false)
		case best != nil && (c.Type == "text/plain" || c.Type == "text/html" || c.Type == "text/x-amp-html" || c.Type == "text/enriched") && c.Disposition != "attachment":
			t.hide(c)
		case best != nil && len(c.Children) > 0:
			t.twin(c)
		}
	}
}

// hide marks a leaf that says what is shown in another form.
func (t *textPlan) hide(p *Part) {
	if t.twins == nil {
		t.twins = map[*Part]bool{}
	}
	t.twins[p] = true
}

// twin marks the first text of a multipart that stands beside the shown form.
func (t *textPlan) twin(p *Part) {
	for _, c := range p.Children {
		if len(c.Children) > 0 {
			t.twin(c)
			return
		}
		if c.Type == "text/html" || c.Type == "text/plain" {
			t.hide(c)
			return
		}
	}
}

func (t *textPlan) choose(p *Part) *Part {
	var plain, rich *Part
	for _, c := range p.Children {
		if leaf := firstText(c, "text/plain"); leaf != nil && plain == nil && strings.TrimSpace(t.textOf(leaf)) != "" {
			plain = c
		}
		if leaf := firstText(c, "text/html"); leaf != nil {
			rich = c
		}
	}
	switch {
	case plain != nil:
		return plain
	case rich != nil:
		return rich
	}
	for _, c := range p.Children {
		if firstText(c, "") != nil {
			return c
		}
	}
	return nil
}

// firstText finds the first text leaf of that type in a part, not looking
// into what is attached.
func firstText(p *Part, kind string) *Part {
	if len(p.Children) == 0 {
		if p.Disposition != "attachment" && (p.Type == kind || kind == "" && strings.HasPrefix(p.Type, "text/")) {
			return p
		}
		return nil
	}
	for _, c := range p.Children {
		if leaf := firstText(c, kind); leaf != nil {
			return leaf
		}
	}
	return nil
}

// attachments lists every leaf that is not shown.
func (t *textPlan) attachments(p *Part, list []threads.Attachment) []threads.Attachment {
	if len(p.Children) > 0 {
		for _, c := range p.Children {
			list = t.attachments(c, list)
		}
		return list
	}
	if t.twins[p] {
		return list
	}
	for _, s := range t.shown {
		if s.part == p {
			return list
		}
	}
	if strings.HasPrefix(p.Type, "multipart/") && p.End-p.Body < 1000 && blankBody(t.m, p) {
		return list
	}
	return append(list, threads.Attachment{
		Name: strings.Clone(p.Filename), Type: strings.Clone(p.Type), Size: p.size,
		Inline: p.Disposition == "inline" || p.Disposition == "" && p.ContentID != "",
	})
}

// blankBody reports an empty multipart: nothing but boundaries.
func blankBody(m *Message, p *Part) bool {
	raw, _ := io.ReadAll(m.Raw(p.Body, p.End))
	for l := range strings.Lines(string(raw)) {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "--") {
			return false
		}
	}
	return true
}

// takeFiles takes uuencoded files out of a text and notes them as
// attachments.
func (t *textPlan) takeFiles(s string) string {
	if !strings.Contains(s, "begin ") {
		return s
	}
	var b strings.Builder
	lines := strings.SplitAfter(s, "\n")
	for i := 0; i < len(lines); {
		name, ok := uuBegin(strings.TrimRight(lines[i], "\n"))
		if ok {
			if size, n := uuFile(lines[i+1:]); n > 0 {
				t.files = append(t.files, threads.Attachment{Name: clip(decodeWords(name, ""), maxName), Type: "application/octet-stream", Size: size})
				t.m.note("uuencoded file in the text: shown as an attachment")
				i += 1 + n
				continue
			}
		}
		b.WriteString(lines[i])
		i++
	}
	return b.String()
}

// uuFile measures a uuencoded file and the lines it takes, 0 for none.
func uuFile(lines []string) (size int64, n int) {
	for n < len(lines) {
		l := strings.TrimRight(lines[n], " \n")
		n++
		switch {
		case l == "end":
			return size, n
		case l == "" || l == "`":
			continue
		}
		octets := int(l[0]-' ') & 63
		if l[0] < ' ' || l[0] > '`' || len(l)-1 > (octets+2)/3*4+2 {
			return 0, 0
		}
		size += int64(octets)
	}
	return 0, 0
}
