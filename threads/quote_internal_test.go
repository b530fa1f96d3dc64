package threads

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestSampleRuns: what is kept of a text is what sorting all its runs gives,
// or quotations of texts kept earlier would not be known again.
func TestSampleRuns(t *testing.T) {
	words := []string{"the", "Quick", "brown7", "fox", "ÜBER", "straße", "日本語", "カナ", "12", "a", "jumps", "over", "lazy", "\t", "—", "dog."}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var b strings.Builder
		for range rng.IntN(600) {
			b.WriteString(words[rng.IntN(1+rng.IntN(len(words)))] + " ")
		}
		for _, n := range []int{keptRuns, askedRuns} {
			if got, want := sampleRuns(b.String(), n), sortedRuns(b.String(), n); !slices.Equal(got, want) {
				t.Fatalf("%d runs of %q:\n%q\nwant\n%q", n, b.String(), got, want)
			}
		}
	}
}

func sortedRuns(text string, n int) []string {
	runes, starts := foldText(text, nil, nil)
	starts = slices.DeleteFunc(starts, func(at int) bool { return at+runLetters > len(runes) })
	hash := func(at int) uint64 { return hashRunes(runes[at : at+runLetters]) }
	slices.SortStableFunc(starts, func(a, b int) int { return cmp.Compare(hash(a), hash(b)) })
	starts = slices.CompactFunc(starts, func(a, b int) bool { return hash(a) == hash(b) })
	var list []string
	for _, at := range starts[:min(n, len(starts))] {
		list = append(list, string(runes[at:at+runLetters]))
	}
	return list
}

func TestFoldText(t *testing.T) {
	for text, want := range map[string]string{
		"Hello, World 42":     "helloworld42 [0 5 10]",
		"x~y\x7fz":            "xyz [0 1 2]",
		"ÜBER Straße":         "überstraße [0 4]",
		"日本 go":               "日本go [0 1 2]",
		"ab日c":                "ab日c [0 2]",
		"\u0663 \u00aa\u00df": "\u0663\u00aa\u00df [0 1]",
	} {
		runes, starts := foldText(text, nil, nil)
		if got := fmt.Sprint(string(runes), " ", starts); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// TestOldTraces: a text of which an earlier version left the traces is known
// again in a quotation, like one of today.
func TestOldTraces(t *testing.T) {
	text := "The printer on the second floor burns whenever somebody prints more than twenty pages of anything at all."
	m := &Mail{SubjectBase: "Printer burning", Text: "> " + text}
	topic := topicOf(m.SubjectBase)
	for name, make := range map[string]func(kind byte, parts ...string) Trace{
		"today":  func(kind byte, parts ...string) Trace { return saidTrace(kind, topic, parts...) },
		"before": func(kind byte, parts ...string) Trace { return trace(kind, append([]string{topic}, parts...)...) },
	} {
		ix := NewMemIndex()
		list := []Trace{make(traceQuote)}
		for _, r := range sampleRuns(text, keptRuns) {
			list = append(list, make(traceQuote, r), make(traceOwn, r, AddressKey("jane@client.example")))
		}
		if err := leave(ix, list, 7, monday); err != nil {
			t.Fatal(err)
		}
		if !quotes(ix, m, "joe@client.example", 7) || quotes(ix, m, "jane@client.example", 7) || quotes(ix, m, "joe@client.example", 8) {
			t.Errorf("%s: the quotation is not known for what it is", name)
		}
		if foreign(ix, m, 7) || foreign(ix, m, 8) || !foreign(ix, &Mail{SubjectBase: m.SubjectBase, Text: "> " + strings.ToUpper(strings.Repeat(text[20:60]+" weather ", 9))}, 7) {
			t.Errorf("%s: what is foreign is not known", name)
		}
	}
}

// TestSaidTogether: what was said under one topic lies together in an index.
func TestSaidTogether(t *testing.T) {
	list := saidTraces(strings.Repeat("The printer burns whenever somebody prints. ", 9), "Printer burning", "jane@client.example")
	kinds := map[string]int{}
	for _, tr := range list {
		if len(tr) != 17 {
			t.Fatalf("a trace of %d octets", len(tr))
		}
		kinds[string(tr[:1+topicOctets])]++
	}
	if len(kinds) != 2 || len(list) < 9 {
		t.Errorf("%d traces at %d places", len(list), len(kinds))
	}
}
