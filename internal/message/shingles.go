package message

import (
	"hash/fnv"
	"iter"
	"strings"
	"unicode"
)

// noteSet is every run of words of the notes that the customer's side has
// not seen anyway.
func noteSet(notes, seen []string) map[uint64]bool {
	set := map[uint64]bool{}
	for _, n := range notes {
		for h := range shingles(n) {
			set[h] = true
		}
	}
	for _, s := range seen {
		if len(set) == 0 {
			break
		}
		for h := range shingles(s) {
			delete(set, h)
		}
	}
	return set
}

// shingles gives a hash of each run of noteWords consecutive words. Case,
// punctuation, line ends and quotation marks do not count.
func shingles(text string) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		var ring [noteWords]uint64
		n := 0
		for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }) {
			ring[n%noteWords] = wordHash(word)
			n++
			if n < noteWords {
				continue
			}
			var h uint64
			for i := range noteWords {
				h = h*0x9e3779b97f4a7c15 + ring[(n+i)%noteWords]
			}
			if !yield(h) {
				return
			}
		}
	}
}

func wordHash(word string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(strings.ToLower(word)))
	return h.Sum64()
}
