package message

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// htmlMail is an engineer's HTML taken into tokens and these into the lines a
// person sees. What is not changed is written out octet for octet.
type htmlMail struct {
	tokens []htmlToken
	lines  []htmlLine
	depth  int // of quotation
	stack  []block
	hidden atom.Atom // head, style, script or title around the token
	pre    int
}

type htmlToken struct {
	raw   string
	kind  html.TokenType
	tag   atom.Atom
	name  string
	attrs []html.Attribute
	text  string // of a text token, without entities
	line  int
	plain bool // text that is written as it is: script and style
	dead  bool // not written
	dirty bool // written anew
}

// htmlLine is what a person sees on one line: the tokens between two breaks.
type htmlLine struct {
	from, to int // tokens
	depth    int
	hidden   bool
	text     string
}

// cleanHTML takes commands, footers, comments and secrets out of an
// engineer's HTML, and puts the inserts in their places, as StripAnswer does.
// Where names the part, for findings.
func (s *scrubber) cleanHTML(src, where string, inserts ...string) string {
	d := readHTML(src)
	if l := d.dropOurs(inserts); l != "" && s.mail != nil && len(s.mail.Commands) == 0 {
		// What is for colleagues alone may follow.
		s.find(Finding{Where: where, What: "a command that your mail has in its HTML and not in its plain text: " + clip(l, 60)})
	}
	for _, l := range d.lines {
		if !l.hidden && l.depth == 0 {
			s.leftover(l.text, where)
		}
	}
	d.scrub(s, where)
	return d.String()
}

func readHTML(src string) *htmlMail {
	d := &htmlMail{}
	z := html.NewTokenizer(strings.NewReader(src))
	d.begin()
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		t := htmlToken{raw: string(z.Raw()), kind: kind}
		switch kind {
		case html.TextToken:
			d.addText(t)
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			d.addTag(t, z)
		case html.CommentToken:
			t.dead = true // conditional comments too: they hold what one client made for itself
			d.add(t)
		default:
			d.add(t)
		}
	}
	d.finish()
	return d
}

func (d *htmlMail) add(t htmlToken) {
	t.line = len(d.lines) - 1
	d.tokens = append(d.tokens, t)
}

// begin starts a line with the token that comes next.
func (d *htmlMail) begin() {
	d.finish()
	d.lines = append(d.lines, htmlLine{from: len(d.tokens), depth: d.depth, hidden: d.hidden != 0})
}

func (d *htmlMail) finish() {
	if n := len(d.lines); n > 0 && d.lines[n-1].to == 0 {
		l := &d.lines[n-1]
		l.to = len(d.tokens)
		var b strings.Builder
		for _, t := range d.tokens[l.from:l.to] {
			b.WriteString(t.text)
		}
		l.text = strings.TrimFunc(b.String(), unseen)
	}
}

func (d *htmlMail) addText(t htmlToken) {
	t.plain = d.hidden == atom.Style || d.hidden == atom.Script
	if t.plain {
		t.text = t.raw
		d.add(t)
		return
	}
	if d.pre == 0 {
		t.text = foldSpace(html.UnescapeString(t.raw))
		d.add(t)
		return
	}
	for i, l := range strings.SplitAfter(t.raw, "\n") {
		if i > 0 {
			d.begin()
		}
		d.add(htmlToken{raw: l, kind: html.TextToken, text: html.UnescapeString(l)})
	}
}

// foldSpace makes one space of each run of the white space of HTML.
func foldSpace(s string) string {
	var b strings.Builder
	space := false
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' {
			space = true
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteByte(s[i])
	}
	if space {
		b.WriteByte(' ')
	}
	return b.String()
}

func (d *htmlMail) addTag(t htmlToken, z *html.Tokenizer) {
	name, more := z.TagName()
	t.name = string(name)
	t.tag = atom.Lookup(name)
	for more {
		var k, v []byte
		k, v, more = z.TagAttr()
		if k = append([]byte(nil), k...); len(k) > 0 {
			t.attrs = append(t.attrs, html.Attribute{Key: string(k), Val: string(v)})
		}
	}
	breaks := breaksLine(t.tag)
	if breaks {
		// The break belongs to the line it ends.
		d.add(t)
	}
	switch t.kind {
	case html.StartTagToken:
		d.open(t)
	case html.EndTagToken:
		d.close(t.tag)
	}
	if breaks {
		d.begin()
		return
	}
	d.add(t)
}

func (d *htmlMail) open(t htmlToken) {
	if d.hidden == atom.Head && !inHead(t.tag) {
		d.hidden = 0 // a head that was never closed
	}
	switch t.tag {
	case atom.Head, atom.Style, atom.Script, atom.Title:
		if d.hidden == 0 || t.tag != atom.Title {
			d.hidden = t.tag
		}
	case atom.Body:
		d.hidden = 0
	case atom.Pre:
		d.pre++
	case atom.Blockquote, atom.Div:
		if len(d.stack) >= maxBlocks {
			return
		}
		a := map[string]string{}
		for _, at := range t.attrs {
			if _, dup := a[at.Key]; !dup {
				a[at.Key] = at.Val
			}
		}
		q := quotes(t.tag, a)
		d.stack = append(d.stack, block{t.tag, q})
		if q {
			d.depth++
		}
	}
}

func inHead(tag atom.Atom) bool {
	switch tag {
	case atom.Meta, atom.Link, atom.Base, atom.Style, atom.Script, atom.Title, atom.Noscript, atom.Template:
		return true
	}
	return false
}

func (d *htmlMail) close(tag atom.Atom) {
	switch tag {
	case atom.Head, atom.Style, atom.Script, atom.Title:
		d.hidden = 0
	case atom.Pre:
		d.pre = max(d.pre-1, 0)
	case atom.Blockquote, atom.Div:
		for i := len(d.stack) - 1; i >= 0; i-- {
			if d.stack[i].tag != tag {
				continue
			}
			for _, b := range d.stack[i:] {
				if b.quote {
					d.depth--
				}
			}
			d.stack = d.stack[:i]
			return
		}
	}
}

// breaksLine reports an element that begins or ends a line.
func breaksLine(tag atom.Atom) bool {
	switch tag {
	case atom.P, atom.Div, atom.Br, atom.Hr, atom.Tr, atom.Td, atom.Th, atom.Table, atom.Tbody, atom.Ul, atom.Ol, atom.Li, atom.Dl, atom.Dt, atom.Dd,
		atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Blockquote, atom.Pre, atom.Body, atom.Head, atom.Html, atom.Title, atom.Style, atom.Script,
		atom.Center, atom.Address, atom.Section, atom.Article, atom.Header, atom.Footer, atom.Main, atom.Form, atom.Fieldset, atom.Details, atom.Summary:
		return true
	}
	return false
}

// dropOurs takes out the lines of our footer, wherever they stand, and the
// commands at the top of what she wrote: what StripAnswer does for plain text.
// It returns the first of these.
func (d *htmlMail) dropOurs(inserts []string) (command string) {
	top, commands := true, false
	var quoted []bool
	if slices.ContainsFunc(d.lines, func(l htmlLine) bool { return !l.hidden && isCommand(l.text) }) {
		quoted = scanLines(d.shown()).drop
	}
	for i := range d.lines {
		l := &d.lines[i]
		switch {
		case l.hidden:
		case footerLine(l.text):
			d.drop(l)
		case top && quoted != nil && quoted[i] && l.text != "":
			commands = false
		case len(inserts) > 0 && l.depth == 0 && callsAnswer(l.text):
			d.drop(l)
			d.put(l, inserts[0])
			inserts = inserts[1:]
		case !top:
		case l.text == "" && d.pictures(l):
			top = false
		case l.text == "":
			if commands {
				d.drop(l) // the blank line below them
			}
		case isCommand(l.text):
			commands = true
			command = cmp.Or(command, oneLine(l.text))
			d.drop(l)
		default:
			top = false
		}
	}
	if len(inserts) > 0 {
		d.putFirst(strings.Join(inserts, "\n\n"))
	}
	return command
}

// put writes a text in the place of a line that was dropped.
func (d *htmlMail) put(l *htmlLine, text string) {
	for i := l.from; i < l.to; i++ {
		if t := &d.tokens[i]; t.kind == html.TextToken {
			t.dead, t.raw = false, asHTML(text)
			return
		}
	}
}

// putFirst writes a text above everything that is seen.
func (d *htmlMail) putFirst(text string) {
	for _, l := range d.lines {
		if !l.hidden && l.from < l.to && l.text != "" {
			t := &d.tokens[l.from]
			d.tokens[l.from] = htmlToken{kind: html.CommentToken, raw: asHTML(text) + t.raw, line: t.line}
			return
		}
	}
	d.tokens = append(d.tokens, htmlToken{kind: html.CommentToken, raw: asHTML(text), line: max(0, len(d.lines)-1)})
}

// asHTML is plain text as HTML, line by line.
func asHTML(text string) string {
	return strings.ReplaceAll(html.EscapeString(text), "\n", "<br>\n") + "<br>\n"
}

// pictures reports a line that shows something beside text.
func (d *htmlMail) pictures(l *htmlLine) bool {
	return slices.ContainsFunc(d.tokens[l.from:l.to], func(t htmlToken) bool {
		switch t.tag {
		case atom.Img, atom.Svg, atom.Video, atom.Object, atom.Picture, atom.Hr:
			return true
		}
		return false
	})
}

// drop takes the text of a line out, its links and pictures, and the <br> it
// ends with. Other tags stay: they may enclose more than the line.
func (d *htmlMail) drop(l *htmlLine) {
	links := 0
	for i := l.from; i < l.to; i++ {
		t := &d.tokens[i]
		switch {
		case t.kind == html.TextToken, t.tag == atom.Br, t.tag == atom.Img:
			t.dead = true
			t.text = ""
		case t.tag == atom.A && t.kind == html.StartTagToken:
			links++
		case t.tag == atom.A && t.kind == html.EndTagToken:
			links--
		}
	}
	for i := l.from; links == 0 && i < l.to; i++ {
		if d.tokens[i].tag == atom.A {
			d.tokens[i].dead = true
		}
	}
	l.text = ""
}

// String writes the mail.
func (d *htmlMail) String() string {
	var b strings.Builder
	for i := range d.tokens {
		switch t := &d.tokens[i]; {
		case t.dead:
		case !t.dirty:
			b.WriteString(t.raw)
		case t.kind == html.TextToken && t.plain:
			b.WriteString(t.text)
		case t.kind == html.TextToken:
			b.WriteString(html.EscapeString(t.text))
		default:
			t.write(&b)
		}
	}
	return b.String()
}

func (t *htmlToken) write(b *strings.Builder) {
	b.WriteString("<" + t.name)
	for _, a := range t.attrs {
		b.WriteString(" " + a.Key + `="` + html.EscapeString(a.Val) + `"`)
	}
	if t.kind == html.SelfClosingTagToken {
		b.WriteString(" /")
	}
	b.WriteString(">")
}
