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

// noteLetters is what counts as noteWords where words stand without blanks.
const noteLetters = 16

// shingles gives a hash of each run of noteWords consecutive words, and of
// noteLetters letters of scripts that put no blank between words. Case,
// punctuation, line ends and quotation marks do not count.
func shingles(text string) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		words, letters := newRun(noteWords), newRun(noteLetters)
		for word := range wordsIn(text) {
			if h, full := words.add(wordHash(word)); full && !yield(h) {
				return
			}
			for _, r := range word {
				if !unspaced(r) {
					continue
				}
				if h, full := letters.add(uint64(r)); full && !yield(^h) {
					return
				}
			}
		}
	}
}

// wordsIn is the words of a text. The marks of a script, such as the vowels of
// Hindi, belong to the letter before them.
func wordsIn(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		start := -1
		for i, r := range text {
			is := unicode.IsLetter(r) || unicode.IsNumber(r)
			switch {
			case start < 0 && is:
				start = i
			case start >= 0 && !is && !unicode.IsMark(r):
				if !yield(text[start:i]) {
					return
				}
				start = -1
			}
		}
		if start >= 0 {
			yield(text[start:])
		}
	}
}

// unspaced reports a letter of a script without blanks between words.
func unspaced(r rune) bool {
	return r >= '\u0e00' && !unicode.IsMark(r) &&
		unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// run is the last few of a row of hashes.
type run struct {
	ring []uint64
	n    int
}

func newRun(length int) *run { return &run{ring: make([]uint64, length)} }

// add takes one more, and gives the hash of the run where it is long enough.
func (r *run) add(one uint64) (h uint64, full bool) {
	r.ring[r.n%len(r.ring)] = one
	if r.n++; r.n < len(r.ring) {
		return 0, false
	}
	for i := range r.ring {
		h = h*0x9e3779b97f4a7c15 + r.ring[(r.n+i)%len(r.ring)]
	}
	return h, true
}

func wordHash(word string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(strings.ToLower(word)))
	return h.Sum64()
}
