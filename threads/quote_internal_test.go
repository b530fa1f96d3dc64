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
	runes, starts := foldText(text)
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
		runes, starts := foldText(text)
		if got := fmt.Sprint(string(runes), " ", starts); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
