package config

import "strings"

// nearest gives the candidate a person most likely meant, "" where none is
// near: at most one mistake in a short word, two in a longer one, three in a
// long one.
func nearest(word string, candidates []string) string {
	const longest = 40 // no setting is that long, and the distance costs its square
	if len(word) > longest {
		return ""
	}
	word = strings.ToLower(word)
	best, least := "", 1+min(3, (len(word)+2)/4)
	for _, c := range candidates {
		if d := distance(word, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance counts the letters that were left out, added, mistaken, or swapped
// with their neighbour (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
