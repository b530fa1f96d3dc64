package message

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// scrub takes secrets out of text and attributes. What is quotation is judged
// on the lines as a person sees them, by the rules for plain text.
func (d *htmlMail) scrub(s *scrubber, where string) {
	quoted := quotedLines(d.shown())
	for i := range d.lines {
		d.scrubLine(s, &d.lines[i], quoted[i], where)
	}
	for i := range d.tokens {
		t := &d.tokens[i]
		if t.kind == html.StartTagToken || t.kind == html.SelfClosingTagToken {
			d.scrubTag(s, t, quoted[t.line], where)
		}
	}
}

// shown are the lines as the plain text of the mail has them; what is not seen
// is "".
func (d *htmlMail) shown() []string {
	shown := make([]string, len(d.lines))
	for i, l := range d.lines {
		if l.hidden {
			continue
		}
		shown[i] = l.text
		if l.depth > 0 {
			shown[i] = strings.Repeat(">", min(l.depth, maxQuoteDepth)) + " " + l.text
		}
	}
	return shown
}

// scrubLine edits a line across the tags that stand in it: clients break
// addresses up with <wbr> and links.
func (d *htmlMail) scrubLine(s *scrubber, l *htmlLine, quoted bool, where string) {
	var b strings.Builder
	for i := l.from; i < l.to; i++ {
		if t := &d.tokens[i]; t.kind == html.TextToken && !t.dead {
			b.WriteString(t.text)
		}
	}
	edits := s.edits(b.String(), quoted, where)
	if len(edits) == 0 {
		return
	}
	at := 0
	for i := l.from; i < l.to; i++ {
		t := &d.tokens[i]
		if t.kind != html.TextToken || t.dead {
			continue
		}
		end := at + len(t.text)
		t.edit(edits, at)
		at = end
	}
}

// edit makes the edits that touch the token, which begins at octet at of its
// line. The replacement goes where the edit begins.
func (t *htmlToken) edit(edits []edit, at int) {
	var b strings.Builder
	done, end := at, at+len(t.text)
	for _, e := range edits {
		if e.to <= at || e.from >= end {
			continue
		}
		t.dirty = true
		if e.from > done {
			b.WriteString(t.text[done-at : e.from-at])
		}
		if e.from >= at {
			b.WriteString(e.with)
		}
		done = min(max(done, e.to), end)
	}
	if t.dirty {
		b.WriteString(t.text[done-at:])
		t.text = b.String()
	}
}

func (d *htmlMail) scrubTag(s *scrubber, t *htmlToken, quoted bool, where string) {
	if t.tag == atom.Meta && t.scrubMeta() {
		return
	}
	kept := t.attrs[:0:0]
	for _, a := range t.attrs {
		value, ok := s.attribute(a.Val, quoted, where)
		if !ok || value != a.Val {
			t.dirty = true
		}
		if ok {
			a.Val = value
			kept = append(kept, a)
		}
	}
	t.attrs = kept
}

// scrubMeta drops what names the client, and lets a charset be the one the
// text now has.
func (t *htmlToken) scrubMeta() bool {
	for i, a := range t.attrs {
		switch v := strings.ToLower(a.Val); {
		case a.Key == "name" && (v == "generator" || v == "progid" || v == "originator"):
			t.dead = true
			return true
		case a.Key == "charset":
			t.attrs[i].Val, t.dirty = "utf-8", true
		case a.Key == "content" && strings.Contains(v, "charset="):
			t.attrs[i].Val, t.dirty = "text/html; charset=utf-8", true
		}
	}
	return false
}

// attribute scrubs the value of an attribute; ok is false when it has to go.
// A link to a token address becomes a link to the support address, without
// the command it carried.
func (s *scrubber) attribute(value string, quoted bool, where string) (clean string, ok bool) {
	switch scheme, _, _ := strings.Cut(strings.TrimSpace(value), ":"); strings.ToLower(scheme) {
	case "mid": // the id of the mail she answered (RFC 2392)
		return "", false
	case "file": // of her machine, with the names of its folders (RFC 8089)
		return "", false
	case "mailto":
		for _, f := range addressesIn(value) {
			if s.judge(f.addr) == tokenSecret {
				return "mailto:" + s.Support.Addr, true
			}
		}
	}
	return apply(value, s.edits(value, quoted, where)), true
}
