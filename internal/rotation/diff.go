package rotation

import (
	"fmt"
	"strings"
)

// contextLines is how many unchanged lines stand around a change.
const contextLines = 3

// maxTable bounds the work of comparing: what lies between the first and the
// last difference is shown whole when there is more of it.
const maxTable = 4_000_000

// edit is one line of a comparison: kept ' ', removed '-' or added '+'.
type edit struct {
	op   byte
	line string
}

// Diff shows in which lines two texts differ, in the unified form; "" when
// they do not.
func Diff(nameA, nameB, a, b string) string {
	if a == b {
		return ""
	}
	edits := compare(lines(a), lines(b))
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", nameA, nameB)
	lineA, lineB := 1, 1
	for i := 0; i < len(edits); {
		if edits[i].op == ' ' {
			i, lineA, lineB = i+1, lineA+1, lineB+1
			continue
		}
		back := 0
		for back < contextLines && i-back > 0 && edits[i-back-1].op == ' ' {
			back++
		}
		end := hunkEnd(edits, i)
		hunk(&out, edits[i-back:end], lineA-back, lineB-back)
		for ; i < end; i++ {
			if edits[i].op != '+' {
				lineA++
			}
			if edits[i].op != '-' {
				lineB++
			}
		}
	}
	return out.String()
}

// hunkEnd is where the changes that begin at i end, with their context.
func hunkEnd(edits []edit, i int) int {
	quiet := 0
	for i < len(edits) {
		if edits[i].op != ' ' {
			quiet = 0
		} else if quiet++; quiet > 2*contextLines {
			return i - quiet + 1 + contextLines
		}
		i++
	}
	return i - max(quiet-contextLines, 0)
}

func hunk(out *strings.Builder, edits []edit, lineA, lineB int) {
	a, b := 0, 0
	for _, e := range edits {
		if e.op != '+' {
			a++
		}
		if e.op != '-' {
			b++
		}
	}
	fmt.Fprintf(out, "@@ -%d,%d +%d,%d @@\n", lineA, a, lineB, b)
	for _, e := range edits {
		out.WriteByte(e.op)
		out.WriteString(strings.Map(printable, e.line))
		out.WriteByte('\n')
	}
}

func lines(s string) []string { return strings.Split(strings.TrimSuffix(s, "\n"), "\n") }

// compare finds the longest common subsequence of lines.
func compare(a, b []string) []edit {
	var head, tail []edit
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head, a, b = append(head, edit{' ', a[0]}), a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail, a, b = append(tail, edit{' ', a[len(a)-1]}), a[:len(a)-1], b[:len(b)-1]
	}
	head = append(head, middle(a, b)...)
	for i := len(tail) - 1; i >= 0; i-- {
		head = append(head, tail[i])
	}
	return head
}

// middle compares what differs at both ends.
func middle(a, b []string) []edit {
	var out []edit
	i, j := 0, 0
	if len(a)*len(b) <= maxTable {
		long := commonLengths(a, b)
		for i < len(a) && j < len(b) {
			switch {
			case a[i] == b[j]:
				out = append(out, edit{' ', a[i]})
				i, j = i+1, j+1
			case long[i+1][j] >= long[i][j+1]:
				out = append(out, edit{'-', a[i]})
				i++
			default:
				out = append(out, edit{'+', b[j]})
				j++
			}
		}
	}
	for ; i < len(a); i++ {
		out = append(out, edit{'-', a[i]})
	}
	for ; j < len(b); j++ {
		out = append(out, edit{'+', b[j]})
	}
	return out
}

// commonLengths is the length of the longest common subsequence from each place on.
func commonLengths(a, b []string) [][]int32 {
	long := make([][]int32, len(a)+1)
	for i := range long {
		long[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				long[i][j] = long[i+1][j+1] + 1
			} else {
				long[i][j] = max(long[i+1][j], long[i][j+1])
			}
		}
	}
	return long
}
