package threads

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// What is remembered of a text, so that a quotation of it is known again.
// Lines are of no use: clients wrap them anew. So a text is taken as runs of
// letters and digits that begin at a word, whatever stands between them, and
// those whose hash is smallest are kept: a quotation of the text has the same.
const (
	runLetters = 32   // of one run: about six words
	textRunes  = 2000 // of a text that count
	keptRuns   = 6    // of a text, in the index
	askedRuns  = 16   // of a quotation, looked up: it holds older mails too
	toldRuns   = 4    // that a quotation must have to tell anything: about ten words
)

// saidTraces are the traces of a text somebody wrote under a base subject:
// that something was said, what, and that it was this person who said it.
func saidTraces(text, base, person string) []Trace {
	topic := topicOf(base)
	if topic == "" {
		return nil
	}
	runs := sampleRuns(text, keptRuns)
	if len(runs) == 0 {
		return nil
	}
	of, key := trace(traceQuote, topic), AddressKey(person)
	list := make([]Trace, 0, 1+2*len(runs))
	list = append(list, saidOf(of, of))
	for _, r := range runs {
		list = append(list, saidOf(of, trace(traceQuote, topic, r)), saidOf(of, trace(traceOwn, topic, r, key)))
	}
	return list
}

// saidTrace is a trace of what was said under a topic.
func saidTrace(kind byte, topic string, parts ...string) Trace {
	return saidOf(trace(kind, topic), trace(kind, append([]string{topic}, parts...)...))
}

// saidOf is what, a trace, of the topic of another. Those of one topic are alike
// in their topic, so that an index can keep them together: see Said.
func saidOf(topic, what Trace) Trace {
	return what[:1] + topic[1:1+topicOctets] + what[1:len(what)-topicOctets]
}

// topicOctets of a trace are those of its topic.
const topicOctets = 6

// Said splits a trace of what was said: the topic, which one mail has in all of
// them, and the rest. ok is false for another kind of trace.
func (t Trace) Said() (topic string, kind byte, what string, ok bool) {
	if len(t) != traceOctets || t[0] != traceQuote && t[0] != traceOwn {
		return "", 0, "", false
	}
	return string(t[1 : 1+topicOctets]), t[0], string(t[1+topicOctets:]), true
}

// sayings is what was said under a topic.
type sayings struct {
	ix    Index
	topic string
	old   bool // some of it by a version that made plain traces of it
}

func saidUnder(ix Index, topic string) sayings {
	return sayings{ix, topic, len(ix.Traces(trace(traceQuote, topic))) > 0}
}

// in finds the conversations a trace was left in.
func (s sayings) in(kind byte, parts ...string) []ID {
	list := s.ix.Traces(saidTrace(kind, s.topic, parts...))
	if !s.old {
		return list
	}
	old := s.ix.Traces(trace(kind, append([]string{s.topic}, parts...)...))
	all := slices.DeleteFunc(slices.Clone(old), func(conv ID) bool { return slices.Contains(list, conv) })
	all = append(all, list...)
	return all[max(0, len(all)-MaxTraced):]
}

// by reports whether something was said in a conversation.
func (s sayings) by(conv ID, parts ...string) bool {
	return slices.Contains(s.in(traceQuote, parts...), conv)
}

// quotes reports whether a mail quotes, in lines marked as quotation, a whole
// text that somebody else than its author wrote in a conversation: everything
// that is kept of one. Less may be a phrase both happen to use, and who quotes
// herself need not answer anybody.
func quotes(ix Index, m *Mail, person string, conv ID) bool {
	said := saidUnder(ix, topicOf(m.SubjectBase))
	n := 0
	for _, r := range sampleRuns(markedLines(m.Text), askedRuns) {
		in := said.in(traceQuote, r)
		common := len(in) == MaxTraced // many conversations have it
		if !common && slices.Contains(in, conv) && len(said.in(traceOwn, r, AddressKey(person))) == 0 {
			n++
		}
	}
	return n >= keptRuns
}

// foreign reports whether a mail quotes at length, and nothing of it was said
// in a conversation. Where no text was read, of history, nobody can tell.
func foreign(ix Index, m *Mail, conv ID) bool {
	runs := sampleRuns(markedLines(m.Text), askedRuns)
	said := saidUnder(ix, topicOf(m.SubjectBase))
	if len(runs) < toldRuns || !said.by(conv) {
		return false
	}
	known := func(r string) bool { return said.by(conv, r) }
	// Of a long exchange the sample may hold nothing but lines that say who
	// wrote when: what stands in the outermost quotation is asked for itself.
	return !slices.ContainsFunc(runs, known) && !slices.ContainsFunc(sampleRuns(outerLines(m.Text), askedRuns), known)
}

// outerLines are the lines of the quotation that is not itself quoted.
func outerLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimLeft(line, " "), ">"); ok && !strings.HasPrefix(strings.TrimLeft(rest, " "), ">") {
			b.WriteString(rest)
		}
	}
	return b.String()
}

// markedLines are the lines of a text that bear a quotation mark (RFC 3676
// §4.5), without it.
func markedLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimLeft(line, " "), ">"); ok {
			b.WriteString(strings.TrimLeft(rest, "> \t|"))
		}
	}
	return b.String()
}

// foldText appends the letters and digits of a text, in one case, to runes, and
// where words begin to starts. Every ideograph and kana is a word.
func foldText(text string, runes []rune, starts []int) ([]rune, []int) {
	inWord := false
	for _, r := range text {
		folded, counts, word := foldRune(r)
		if !counts {
			inWord = false
			continue
		}
		if !inWord || word {
			starts = append(starts, len(runes))
		}
		inWord = true
		if runes = append(runes, folded); len(runes) == textRunes {
			break
		}
	}
	return runes, starts
}

// foldRune is a letter or digit in one case, whether it is one, and whether it
// is a word by itself.
func foldRune(r rune) (folded rune, counts, word bool) {
	switch {
	case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
		return r, true, false
	case 'A' <= r && r <= 'Z':
		return r + 'a' - 'A', true, false
	case r <= unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r):
		return r, false, false
	}
	return unicode.ToLower(r), true, unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

// sampleRuns returns the runs with the smallest hashes, smallest first, each
// once.
func sampleRuns(text string, n int) []string {
	type run struct {
		hash uint64
		at   int
	}
	var room struct { // on the stack: this is done for every mail
		runes  [textRunes]rune
		starts [textRunes / 3]int
		hashes [textRunes / 3]uint64
	}
	runes, starts := foldText(text, room.runes[:0], room.starts[:0])
	for len(starts) > 0 && starts[len(starts)-1]+runLetters > len(runes) {
		starts = starts[:len(starts)-1]
	}
	hashes := hashRuns(room.hashes[:0], runes, starts)
	least := make([]run, 0, n+1)
	for i, at := range starts {
		r := run{hashes[i], at}
		if len(least) == n && r.hash >= least[n-1].hash {
			continue
		}
		i, have := slices.BinarySearchFunc(least, r, func(a, b run) int { return cmp.Compare(a.hash, b.hash) })
		if !have { // else the same stood further up
			least = slices.Insert(least, i, r)
			least = least[:min(n, len(least))]
		}
	}
	var list []string
	for _, r := range least {
		list = append(list, string(runes[r.at:r.at+runLetters]))
	}
	return list
}

// hashRunes is FNV-1a over runes, mixed once more: the small hashes must be
// spread evenly.
func hashRunes(runes []rune) uint64 {
	h := hashSeed
	for _, r := range runes {
		h = (h ^ uint64(r)) * hashPrime
	}
	return mixed(h)
}

const (
	hashSeed  uint64 = 14695981039346656037
	hashPrime uint64 = 1099511628211
)

// hashRuns appends the hash of the run at each start. One multiplication waits
// for the one before it, so four runs are done side by side.
func hashRuns(hashes []uint64, runes []rune, starts []int) []uint64 {
	for ; len(starts) >= 4; starts = starts[4:] {
		a, b := runes[starts[0]:][:runLetters], runes[starts[1]:][:runLetters]
		c, d := runes[starts[2]:][:runLetters], runes[starts[3]:][:runLetters]
		g, h, i, j := hashSeed, hashSeed, hashSeed, hashSeed
		for at := range runLetters {
			g = (g ^ uint64(a[at])) * hashPrime
			h = (h ^ uint64(b[at])) * hashPrime
			i = (i ^ uint64(c[at])) * hashPrime
			j = (j ^ uint64(d[at])) * hashPrime
		}
		hashes = append(hashes, mixed(g), mixed(h), mixed(i), mixed(j))
	}
	for _, at := range starts {
		hashes = append(hashes, hashRunes(runes[at:at+runLetters]))
	}
	return hashes
}

func mixed(h uint64) uint64 {
	h ^= h >> 32
	h *= 0x9e3779b97f4a7c15
	return h ^ h>>29
}
