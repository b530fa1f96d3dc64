package message

import (
	"slices"
	"strings"

	"postroom/threads"
)

// Scrub says what may not be read in a mail to a customer and what stands in
// its place. It is not changed by use.
type Scrub struct {
	Names   threads.Names   // how our tokens and ids look
	Support threads.Address // what a customer sees instead
	// People are those the answer goes to: where a quotation names one of them
	// "via" support, the person's own address takes its place.
	People []threads.Address
	// Own are the author's private addresses: they become the support address
	// wherever they stand.
	Own []string
	// Colleagues are those of the other engineers: in quotations they become
	// the support address, elsewhere they are a finding.
	Colleagues []string
	// Allowed are addresses the customer's side wrote first, or that are
	// recipients. A colleague's is no leak then.
	Allowed []string
	// Token tells whether a token is one of ours, where it stands without its
	// address. With nil, what looks like one is taken for one.
	Token func(token string) bool
}

// scrubber is a Scrub at work on one mail.
type scrubber struct {
	Scrub
	own, colleagues, allowed map[string]bool
	via                      string
	mail                     *threads.Mail        // that an answer is made of; nil elsewhere
	machines                 []string             // looked for by the leak guard alone
	elsewhere                func(id string) bool // likewise
	findings                 []Finding
}

func newScrubber(s Scrub) *scrubber {
	w := &scrubber{Scrub: s, own: keys(s.Own), colleagues: keys(s.Colleagues), allowed: keys(s.Allowed)}
	w.via = " via " + supportName(s.Support)
	delete(w.own, threads.AddressKey(s.Support.Addr))
	delete(w.colleagues, threads.AddressKey(s.Support.Addr))
	return w
}

func keys(addrs []string) map[string]bool {
	m := make(map[string]bool, len(addrs))
	for _, a := range addrs {
		m[threads.AddressKey(a)] = true
	}
	return m
}

// secret says what kind of thing an address is that a customer may not see.
type secret int

const (
	notSecret secret = iota
	ownSecret
	colleagueSecret
	tokenSecret
	idSecret
)

// judge looks an address up, also without the part behind a "+"
// (subaddressing, RFC 5233).
func (s *scrubber) judge(addr string) secret {
	key := threads.AddressKey(addr)
	if _, ok := s.Names.Token(key); ok {
		return tokenSecret
	}
	if s.isID(key) {
		return idSecret
	}
	local, domain, _ := strings.Cut(key, "@")
	base, _, _ := strings.Cut(local, "+")
	base += "@" + domain
	switch {
	case s.own[key] || s.own[base]:
		return ownSecret
	case (s.colleagues[key] || s.colleagues[base]) && !s.allowed[key]:
		return colleagueSecret
	}
	return notSecret
}

// isID reports one of our message ids of a kind that engineers' mail carries.
func (s *scrubber) isID(key string) bool {
	local, domain, _ := strings.Cut(key, "@")
	if s.Names.Domain == "" || domain != s.Names.Domain || len(local) != 2+idLetters || local[1] != '.' {
		return false
	}
	return (local[0] == 'k' || local[0] == 'm') && strings.Trim(local[2:], idAlphabet) == ""
}

const (
	idLetters  = 26 // letters of a token or id of ours, without its kind
	idAlphabet = "abcdefghijklmnopqrstuvwxyz234567"
	tokenKinds = "rphbca"
)

// isToken reports a word that is a token, or looks like one where we cannot
// know.
func (s *scrubber) isToken(word string) bool {
	mixed := word != strings.ToLower(word) && word != strings.ToUpper(word) // as in base64
	word = strings.ToLower(word)
	if len(word) != 1+idLetters || strings.IndexByte(tokenKinds, word[0]) < 0 || strings.Trim(word, idAlphabet) != "" {
		return false
	}
	if s.Token != nil {
		return s.Token(word)
	}
	return !mixed && strings.ContainsAny(word, "234567")
}

// edit replaces a stretch of a line.
type edit struct {
	from, to int
	with     string
}

// edits says what has to be changed in a line of text. Where names the part,
// for findings.
func (s *scrubber) edits(line string, quoted bool, where string) []edit {
	list := append(s.viaEdits(line), s.safeLinks(line, quoted, where)...)
	for _, f := range addressesIn(line) {
		switch s.judge(f.addr) {
		case tokenSecret, ownSecret, idSecret:
			list = append(list, edit{f.from, f.to, s.Support.Addr})
		case colleagueSecret:
			if quoted {
				list = append(list, edit{f.from, f.to, s.Support.Addr})
				continue
			}
			s.find(Finding{Where: where, What: "an engineer's own address, " + f.addr, Releasable: true})
		}
	}
	for _, w := range alnumRuns(line, 1+idLetters) {
		if s.isToken(line[w[0]:w[1]]) {
			list = append(list, edit{w[0], w[1], ""})
		}
	}
	return inOrder(list)
}

func (s *scrubber) find(f Finding) {
	if !slices.Contains(s.findings, f) {
		s.findings = append(s.findings, f)
	}
}

// leftover looks for a command in a line that the customer would read: one that
// is obeyed, or the one that keeps things inside.
func (s *scrubber) leftover(line, where string) {
	if s.mail == nil {
		return
	}
	if c, ok := readCommand(line); ok && (c.Word == "note" || slices.Contains(s.mail.Commands, c)) {
		s.find(Finding{Where: where, What: "a command of yours, " + clip(oneLine(line), 60), Releasable: true})
	}
}

// inOrder sorts edits and drops those that overlap one before them.
func inOrder(list []edit) []edit {
	slices.SortStableFunc(list, func(a, b edit) int { return a.from - b.from })
	end := 0
	return slices.DeleteFunc(list, func(e edit) bool {
		if e.from < end {
			return true
		}
		end = e.to
		return false
	})
}

func apply(line string, list []edit) string {
	if len(list) == 0 {
		return line
	}
	var b strings.Builder
	at := 0
	for _, e := range list {
		b.WriteString(line[at:e.from])
		b.WriteString(e.with)
		at = e.to
	}
	b.WriteString(line[at:])
	return b.String()
}

// viaEdits gives people back their names: a copy shows a customer as
// "Jane Doe via Acme Support", and so does what quotes it.
func (s *scrubber) viaEdits(line string) []edit {
	var list []edit
	for at := 0; ; {
		i := strings.Index(line[at:], s.via)
		if i < 0 {
			return list
		}
		i += at
		at = i + len(s.via)
		person, known := s.personBefore(line[:i])
		end, quote, ours := s.oursBehind(line[at:])
		switch {
		case known && ours:
			list = append(list, edit{i, at + end, quote + " <" + person.Addr + ">"})
		case known:
			list = append(list, edit{i, at, ""})
		case ours:
			list = append(list, edit{i, at + end, quote})
		}
	}
}

func (s *scrubber) personBefore(text string) (threads.Address, bool) {
	var best threads.Address
	found := false
	for _, p := range s.People {
		name := shownName(p)
		if name != "" && strings.HasSuffix(text, name) && (!found || len(name) > len(shownName(best))) {
			best, found = p, true
		}
	}
	return best, found
}

// oursBehind reports an address of ours in brackets at the start of text, a
// closing quote before it, and where it ends.
func (s *scrubber) oursBehind(text string) (end int, quote string, ok bool) {
	rest := text
	for _, q := range []string{`"`, "'", "”"} {
		if after, cut := strings.CutPrefix(rest, q); cut {
			quote, rest = q, after
			break
		}
	}
	rest = strings.TrimLeft(rest, " ")
	open := strings.IndexAny(rest, "<[(")
	if open != 0 {
		return 0, quote, false
	}
	inner := rest[1:]
	stop := strings.IndexAny(inner, ">])")
	if stop < 0 || stop > addressOctets {
		return 0, quote, false
	}
	addr := strings.TrimLeft(strings.TrimSpace(inner[:stop]), "<") // "(<a@b>)", as Gmail has it in Spanish
	addr = strings.TrimSpace(strings.TrimPrefix(addr, "mailto:"))
	if j := strings.IndexByte(addr, '<'); j > 0 {
		addr = strings.TrimSpace(addr[:j]) // "a@b<mailto:a@b>", as Outlook has it
	}
	if !s.Names.Ours(addr) && threads.AddressKey(addr) != threads.AddressKey(s.Support.Addr) {
		return 0, quote, false
	}
	used := len(text) - len(rest) + 1 + stop + 1
	for used < len(text) && (text[used] == '>' || text[used] == ')' && rest[0] == '(') {
		used++
	}
	return used, quote, true
}

// text scrubs plain text, line by line.
func (s *scrubber) text(text, where string) string {
	lines := strings.Split(text, "\n")
	quoted := quotedLines(lines)
	kept := lines[:0:0]
	person, broken := threads.Address{}, false
	for i, l := range lines {
		if s.strayLink(l) {
			continue
		}
		edits := s.edits(l, quoted[i], where)
		if broken {
			edits = inOrder(append(s.restEdit(l, person), edits...))
		}
		kept = append(kept, apply(l, edits))
		person, broken = s.brokenVia(l)
	}
	return strings.Join(kept, "\n")
}

// brokenVia reports a line that a client broke between the name and the
// address of one of the people: "Jane Doe via Acme Support <".
func (s *scrubber) brokenVia(line string) (threads.Address, bool) {
	name, ok := strings.CutSuffix(strings.TrimRight(line, " (<"), s.via)
	if !ok || !strings.HasSuffix(strings.TrimRight(line, " "), "<") {
		return threads.Address{}, false
	}
	return s.personBefore(name)
}

// restEdit gives the line behind a broken one the person's address.
func (s *scrubber) restEdit(line string, person threads.Address) []edit {
	from := len(line) - len(strings.TrimLeft(line, "> "))
	for _, f := range addressesIn(line) {
		if f.from == from && s.Names.Ours(f.addr) {
			return []edit{{f.from, f.to, person.Addr}}
		}
	}
	return nil
}

// quotedLines says of each line whether it is quotation.
func quotedLines(lines []string) []bool {
	q := quoteScan{lines: lines, drop: make([]bool, len(lines))}
	q.run()
	return q.drop
}

// strayLink reports a line that is nothing but a link of our footer, broken
// off its mark by the client that quoted it.
func (s *scrubber) strayLink(line string) bool {
	t := strings.ToLower(strings.Trim(line, "> \t<\u00a0"))
	if !strings.HasPrefix(t, "mailto:") || strings.ContainsAny(t, " \t") {
		return false
	}
	for _, f := range addressesIn(t) {
		if s.judge(f.addr) == tokenSecret {
			return true
		}
	}
	return false
}
