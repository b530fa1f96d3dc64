package message

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"path"
	"slices"
	"strings"
	"unicode"

	"postroom/threads"
)

// Finding is something in a mail to a customer that should not be there.
type Finding struct {
	Where      string // "text", "header Subject", "attachment invoice.vcf"
	What       string // in words, for the author
	Releasable bool   // the author may say that it is meant; tokens and notes never go out
}

// Rules say what the leak guard looks for.
type Rules struct {
	Scrub
	Notes []string // texts only engineers may see
	Seen  []string // texts the customer's side wrote or received: no leak, whatever notes repeat
	// Machines are names of computers of the engineer's side, in lower case.
	// Those the customer's side has named itself are left out.
	Machines []string
	// Elsewhere tells whether a message id is that of a mail in another
	// conversation. With nil, none is.
	Elsewhere func(id string) bool
	// Internal tells whether a message id is one only engineers may see. With
	// nil, token ids are.
	Internal func(id string) bool
}

const (
	maxAttachedDepth = 4  // levels of attached messages that are read
	maxFindings      = 50 // of one mail
	noteWords        = 8  // consecutive words in common with a note
	maxOutline       = 64 << 20
)

// Check renders a composed answer, without the attachments nobody can read,
// reads it again as its recipient will, and looks for leaks.
func (c *Composer) Check(r *Recipe, sources []Source, rules Rules) ([]Finding, error) {
	outline := &Recipe{}
	for _, p := range r.Pieces {
		if !p.Bulk {
			outline.Pieces = append(outline.Pieces, p)
		}
	}
	if outline.Size() > maxOutline {
		return nil, fmt.Errorf("checking a mail of %d octets of text: %w", outline.Size(), ErrTooLong)
	}
	var b bytes.Buffer
	if err := outline.Render(&b, sources); err != nil {
		return nil, fmt.Errorf("checking a mail for leaks: %w", err)
	}
	return Leaks(Read(bytes.NewReader(b.Bytes())), rules), nil
}

// Leaks looks for what must not reach a customer in a composed mail: in its
// header, its texts, HTML with attributes and comments, and in attachments
// that can be read. The time is in proportion to the mail, the notes and the
// texts seen.
func Leaks(m *Message, rules Rules) []Finding {
	g := &guard{s: newScrubber(rules.Scrub), rules: rules, notes: noteSet(rules.Notes, rules.Seen)}
	g.s.elsewhere, g.s.machines = rules.Elsewhere, unseenNames(rules.Machines, rules.Seen)
	for _, s := range CheckAnswerHeaders(m.Header) {
		g.s.find(Finding{Where: "header", What: s})
	}
	g.message(m, "", 0)
	if len(g.s.findings) > maxFindings {
		g.s.findings = g.s.findings[:maxFindings]
	}
	return g.s.findings
}

// unseenNames leaves out names that stand in texts the customer's side knows.
func unseenNames(names, seen []string) []string {
	for _, text := range seen {
		for _, known := range namesIn(text, names) {
			names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == known })
		}
	}
	return names
}

type guard struct {
	s     *scrubber
	rules Rules
	notes map[uint64]bool
}

func (g *guard) message(m *Message, within string, depth int) {
	g.header(m.Header, within+"header")
	if m.Root == nil {
		return
	}
	if depth > 0 {
		for _, name := range []string{"Received", "X-Received", "Delivered-To", "X-Original-To"} {
			if m.Header.Has(name) {
				g.s.find(Finding{Where: within + "header", What: "the way of the mail through our servers (" + name + ")", Releasable: true})
			}
		}
	}
	for _, p := range m.Leaves() {
		g.leaf(m, p, within, depth)
	}
}

// header checks each field by what it holds.
func (g *guard) header(h Header, where string) {
	for _, f := range h {
		at := where + " " + headText(f.Name)
		switch strings.ToLower(f.Name) {
		case "message-id", "in-reply-to", "references", "resent-message-id", "content-id":
			for _, id := range parseIDs(f.Value) {
				if g.internal(id) {
					g.s.find(Finding{Where: at, What: "an id of a mail to an engineer"})
				}
			}
		default:
			g.look(f.Value, at)
			g.look(decodeWords(f.Value, ""), at)
		}
	}
}

func (g *guard) internal(id string) bool {
	if g.rules.Internal != nil && g.rules.Internal(id) {
		return true
	}
	return g.s.Names.InternalID(strings.ToLower(id))
}

func (g *guard) leaf(m *Message, p *Part, within string, depth int) {
	where := within + strings.TrimPrefix(p.Type, "text/")
	if p.Filename != "" || p.Disposition == "attachment" {
		where = within + "attachment " + headText(p.Filename)
	}
	if p != m.Root {
		g.header(p.Header, where+", header")
	}
	g.look(p.Filename, where)
	g.look(strings.TrimSuffix(p.Filename, path.Ext(p.Filename)), where)
	is := mailFile(p)
	if is {
		g.attached(m, p, within, depth)
	}
	if kind := p.reads(); kind != "" && (!is || strings.HasPrefix(kind, "text/")) {
		text, err := m.wholeText(p)
		if err != nil {
			g.s.find(Finding{Where: where, What: "a text too long to be checked", Releasable: true})
			return
		}
		g.text(kind, text, where)
	}
}

// unescapeURLs undoes the percent escapes of the links in a text (RFC 3986
// §2.1), and leaves what is none.
func unescapeURLs(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]) {
			b.WriteByte(byte(unhex(text[i+1])<<4 | unhex(text[i+2])))
			i += 2
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// mailFile reports an attachment that is a mail, also one that was encoded and
// so may not say it (RFC 2046 §5.2.1), or whose type a client did not know.
func mailFile(p *Part) bool {
	switch p.Type {
	case "message/rfc822", "message/global":
		return true
	}
	return strings.EqualFold(path.Ext(p.Filename), ".eml")
}

func (g *guard) attached(m *Message, p *Part, within string, depth int) {
	where := within + "attached message, "
	if depth >= maxAttachedDepth {
		g.s.find(Finding{Where: where, What: "messages attached too deep to be checked", Releasable: true})
		return
	}
	raw, err := io.ReadAll(io.LimitReader(m.Open(p), maxAnswerText+1))
	if err != nil || len(raw) > maxAnswerText {
		g.s.find(Finding{Where: where, What: "a message too long to be checked", Releasable: true})
		return
	}
	g.message(Read(bytes.NewReader(raw)), where, depth+1)
}

func (g *guard) text(kind, text, where string) {
	shown := text
	switch kind {
	case "text/html", "application/xhtml+xml":
		g.look(text, where)
		plain := html.UnescapeString(html.UnescapeString(text))
		g.look(plain, where)
		if strings.Contains(plain, "%") {
			g.look(unescapeURLs(plain), where)
		}
		shown = flattenHTML(text, len(text)+1000)
	case "text/vcard", "text/x-vcard", "text/directory", "application/vcard", "application/x-vcard", "text/calendar", "application/ics":
		// RFC 6350 §3.2, RFC 5545 §3.1: long lines are folded.
		text = strings.NewReplacer("\n ", "", "\n\t", "", "=\n", "").Replace(text)
		shown = text
		g.look(strings.NewReplacer("=40", "@", "=2B", "+", "=2b", "+", "=2E", ".", "=2e", ".").Replace(text), where)
	}
	g.look(shown, where)
}

// look finds what is internal in a text of any kind, also where marks that
// nobody sees break it up.
func (g *guard) look(text, where string) {
	if mark := func(r rune) bool { return r > unicode.MaxASCII && unseen(r) && !unicode.IsSpace(r) }; strings.ContainsFunc(text, mark) {
		g.s.look(strings.Map(func(r rune) rune {
			if mark(r) {
				return -1
			}
			return r
		}, text), where)
	}
	g.s.look(text, where)
	for h := range shingles(text) {
		if g.notes[h] {
			g.s.find(Finding{Where: where, What: "text of an internal note"})
			return
		}
	}
}

// look finds tokens and addresses in a text of any kind.
func (s *scrubber) look(text, where string) {
	if len(s.findings) > maxFindings {
		return
	}
	told := false
	if i := footerIn(text); i >= 0 {
		s.find(Finding{Where: where, What: "a line of the footer that only engineers see: " + clip(oneLine(text[i:]), 60), Releasable: true})
	}
	for _, name := range namesIn(text, s.machines) {
		s.find(Finding{Where: where, What: "the name of a computer on our side: " + name, Releasable: true})
	}
	for _, f := range addressesIn(text) {
		if s.elsewhere != nil && s.elsewhere("<"+f.addr+">") {
			s.find(Finding{Where: where, What: "the id of a mail in another conversation", Releasable: true})
			continue
		}
		switch s.judge(f.addr) {
		case tokenSecret:
			told = true
			s.find(Finding{Where: where, What: "a reply address that works only for an engineer"})
		case idSecret:
			s.find(Finding{Where: where, What: "an id of a mail to an engineer"})
		case ownSecret, colleagueSecret:
			if !s.allowed[threads.AddressKey(f.addr)] {
				s.find(Finding{Where: where, What: "an engineer's own address, " + f.addr, Releasable: true})
			}
		}
	}
	for _, w := range alnumRuns(text, 1+idLetters) {
		if !told && s.isToken(text[w[0]:w[1]]) {
			s.find(Finding{Where: where, What: "a token that works only for an engineer"})
		}
	}
}
