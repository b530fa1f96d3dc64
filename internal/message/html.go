package message

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// flattenHTML turns HTML into the plain text a person would have written:
// blocks on lines of their own, links with their address, lists with marks,
// quotations with ">" before each line. Nothing is fetched or run.
func flattenHTML(src string, limit int) string {
	f := &flattener{limit: limit}
	z := html.NewTokenizer(strings.NewReader(src))
	z.SetMaxBuf(maxDecoded + 1)
	for f.out.Len() < limit {
		switch z.Next() {
		case html.ErrorToken:
			return f.finish()
		case html.TextToken:
			if f.skip == 0 {
				f.text(string(z.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			f.start(z)
		case html.EndTagToken:
			name, _ := z.TagName()
			f.end(atom.Lookup(name))
		}
	}
	return f.finish()
}

// flattener writes lines. blank is how many line ends stand at the end of
// what was written; want is how many the next text needs before it.
type flattener struct {
	out    strings.Builder
	limit  int
	want   int
	blank  int
	space  bool
	quote  int // levels of quotation
	skip   int // inside script, style and the like
	skipTo atom.Atom
	pre    int
	lists  []int // number of the next item; -1 for bullets
	link   string
	linkAt int
	// blocks remembers for blockquote and div whether the element quotes.
	blocks []block
	cells  int
}

type block struct {
	tag   atom.Atom
	quote bool
}

const maxBlocks = 4096

func (f *flattener) finish() string { return strings.TrimRight(f.out.String(), " \n") }

// need asks for at least n line ends before the next text.
func (f *flattener) need(n int) {
	f.space = false
	if f.out.Len() > 0 && n > f.want {
		f.want = n
	}
}

func (f *flattener) newlines() {
	for f.blank < f.want && f.out.Len() > 0 {
		f.out.WriteByte('\n')
		f.blank++
		if f.blank < f.want {
			f.prefix(true)
		}
	}
	f.want = 0
}

func (f *flattener) prefix(empty bool) {
	if n := min(f.quote, maxQuoteDepth); n > 0 {
		p := strings.Repeat("> ", n)
		if empty {
			p = strings.TrimRight(p, " ")
		}
		f.out.WriteString(p)
	}
}

// put writes text that holds no line end.
func (f *flattener) put(s string) {
	if s == "" {
		return
	}
	f.newlines()
	if f.out.Len() == 0 || f.blank > 0 {
		f.prefix(false)
	}
	f.blank = 0
	f.out.WriteString(s)
}

func (f *flattener) text(s string) {
	if f.pre > 0 {
		f.preformatted(s)
		return
	}
	lead := s != "" && htmlSpace(rune(s[0]))
	words := strings.FieldsFunc(s, htmlSpace)
	if len(words) == 0 {
		f.space = f.space || lead
		return
	}
	atLine := f.out.Len() == 0 || f.blank > 0 || f.want > 0
	if (f.space || lead) && !atLine {
		f.out.WriteByte(' ')
	}
	f.space = false
	for i, w := range words {
		if i > 0 {
			f.out.WriteByte(' ')
		}
		f.put(strings.ReplaceAll(w, "\u00a0", " "))
	}
	f.space = htmlSpace(rune(s[len(s)-1]))
}

func (f *flattener) preformatted(s string) {
	for i, l := range strings.Split(s, "\n") {
		if i > 0 {
			f.breakLine()
		}
		f.put(strings.TrimRight(l, "\r"))
	}
}

// breakLine ends the line; a second one leaves an empty line.
func (f *flattener) breakLine() {
	f.space = false
	if f.out.Len() == 0 {
		return
	}
	if f.blank == 0 && f.want == 0 {
		f.want = 1
		return
	}
	f.want = min(max(f.want, f.blank)+1, 3)
}

func htmlSpace(r rune) bool { return r == ' ' || r == '\n' || r == '\t' || r == '\r' || r == '\f' }

func (f *flattener) start(z *html.Tokenizer) {
	name, hasAttr := z.TagName()
	tag := atom.Lookup(name)
	if f.skip > 0 && !(f.skipTo == atom.Head && bodyTag(tag)) {
		return
	}
	f.skip = 0
	switch tag {
	case atom.Script, atom.Style, atom.Head, atom.Title, atom.Template:
		f.skip, f.skipTo = 1, tag
		return
	case atom.Br:
		f.breakLine()
	case atom.Hr:
		f.need(1)
		f.put("----------------------------------------")
		f.need(1)
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Ul, atom.Ol, atom.Dl, atom.Table:
		f.paragraph(tag, z, hasAttr)
	case atom.Blockquote, atom.Div:
		f.open(tag, attributes(z, hasAttr))
	case atom.Li:
		f.item()
	case atom.Pre, atom.Xmp, atom.Plaintext, atom.Listing:
		f.need(1)
		f.pre++
	case atom.Tr, atom.Dt, atom.Dd, atom.Center, atom.Address, atom.Article, atom.Section, atom.Header, atom.Footer, atom.Form, atom.Fieldset, atom.Option:
		f.need(1)
		f.cells = 0
	case atom.Td, atom.Th:
		if f.cells++; f.cells > 1 {
			f.space = true
		}
	case atom.A:
		f.link = attributes(z, hasAttr)["href"]
		f.linkAt = f.out.Len()
	case atom.Img:
		f.image(attributes(z, hasAttr))
	}
}

// bodyTag reports an element that cannot stand in a head: the head was never
// closed.
func bodyTag(tag atom.Atom) bool {
	switch tag {
	case atom.Body, atom.P, atom.Div, atom.Table, atom.Br, atom.Span, atom.Blockquote, atom.Pre, atom.Ul, atom.H1, atom.H2, atom.Font, atom.A, atom.Center:
		return true
	}
	return false
}

func (f *flattener) paragraph(tag atom.Atom, z *html.Tokenizer, hasAttr bool) {
	n := 2
	if tag == atom.Table || (tag == atom.Ul || tag == atom.Ol) && len(f.lists) > 0 {
		n = 1
	}
	if tag == atom.P && strings.Contains(attributes(z, hasAttr)["class"], "MsoNormal") {
		n = 1 // Outlook's paragraphs are lines
	}
	f.need(n)
	if tag == atom.Ul || tag == atom.Ol {
		next := -1
		if tag == atom.Ol {
			next = 1
		}
		if len(f.lists) < 50 {
			f.lists = append(f.lists, next)
		}
	}
}

func (f *flattener) item() {
	f.need(1)
	mark := "- "
	if n := len(f.lists); n > 0 {
		if f.lists[n-1] > 0 {
			mark = itoa(f.lists[n-1]) + ". "
			f.lists[n-1]++
		}
		mark = strings.Repeat("  ", min(n-1, 10)) + mark
	}
	f.put(mark)
	f.space = false
}

func (f *flattener) image(a map[string]string) {
	if alt := strings.Join(strings.Fields(a["alt"]), " "); alt != "" && len(alt) < 200 {
		f.text(" [" + alt + "] ")
	}
}

// open enters a blockquote or div; those that hold a quotation put marks
// before their lines.
func (f *flattener) open(tag atom.Atom, a map[string]string) {
	q := quotes(tag, a)
	n := 1
	if tag == atom.Blockquote {
		n = 2
	}
	f.need(n)
	if q {
		f.newlinesBefore()
		f.quote++
	}
	if len(f.blocks) < maxBlocks {
		f.blocks = append(f.blocks, block{tag, q})
	}
}

// newlinesBefore writes the wanted line ends while the old depth holds.
func (f *flattener) newlinesBefore() {
	if f.want > 0 {
		f.newlines()
	}
}

// quotes reports whether an element holds what somebody else wrote. Some
// clients indent by blockquote: these say so in their style.
func quotes(tag atom.Atom, a map[string]string) bool {
	if tag == atom.Blockquote {
		style := strings.ReplaceAll(a["style"], " ", "")
		return a["type"] == "cite" || a["cite"] != "" || strings.Contains(a["class"], "quote") && !strings.Contains(a["class"], "indent") ||
			!strings.Contains(a["class"], "indent") && !strings.Contains(style, "border:none") && !strings.Contains(style, "40px")
	}
	id, class := a["id"], " "+a["class"]+" "
	for _, c := range []string{" yahoo_quoted ", " protonmail_quote ", " zmail_extra ", " OutlookMessageHeader_quote "} {
		if strings.Contains(class, c) {
			return true
		}
	}
	return id == "OLK_SRC_BODY_SECTION"
}

func (f *flattener) end(tag atom.Atom) {
	if f.skip > 0 {
		if tag == f.skipTo || tag == atom.Head || tag == atom.Body {
			f.skip = 0
		}
		return
	}
	switch tag {
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		f.need(1)
	case atom.Ul, atom.Ol:
		if n := len(f.lists); n > 0 {
			f.lists = f.lists[:n-1]
		}
		f.need(1)
	case atom.Blockquote, atom.Div:
		f.close(tag)
	case atom.Pre, atom.Xmp, atom.Listing:
		f.pre = max(f.pre-1, 0)
		f.need(1)
	case atom.Tr, atom.Table, atom.Li, atom.Dd, atom.Dt, atom.Center, atom.Address:
		f.need(1)
	case atom.A:
		f.endLink()
	}
}

func (f *flattener) close(tag atom.Atom) {
	f.need(1)
	n := len(f.blocks)
	if n == 0 || f.blocks[n-1].tag != tag {
		return // badly nested: the element around it ends it
	}
	if f.blocks[n-1].quote {
		f.newlinesBefore()
		f.quote--
	}
	f.blocks = f.blocks[:n-1]
}

// endLink writes where a link leads, if its text does not say it.
func (f *flattener) endLink() {
	href := strings.TrimSpace(f.link)
	f.link = ""
	lower := strings.ToLower(href)
	if href == "" || len(href) > 500 || !(strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "mailto:")) {
		return
	}
	shown := strings.TrimSpace(f.out.String()[min(f.linkAt, f.out.Len()):])
	bare := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(lower, "mailto:"), "https://"), "http://"), "/")
	if shown == "" || strings.Contains(strings.ToLower(shown), bare) || strings.ContainsAny(href, " <>\n") {
		return
	}
	f.put(" <" + href + ">")
}

func attributes(z *html.Tokenizer, more bool) map[string]string {
	a := map[string]string{}
	for i := 0; more && i < 50; i++ {
		var k, v []byte
		k, v, more = z.TagAttr()
		if key := string(k); key != "" {
			if _, dup := a[key]; !dup {
				a[key] = string(v)
			}
		}
	}
	return a
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}
