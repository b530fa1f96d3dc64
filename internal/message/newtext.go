package message

import (
	"strings"
	"unicode/utf8"
)

// NewText is what the author of a mail wrote, of a text that was kept of it.
func NewText(text string) string { return newText(text) }

// OwnWords is the stretch of a text that its author wrote: from the first line
// of hers to the last, with the quotations she answered in between, and
// without those above and below. A text that is nothing but quotation is
// returned whole.
func OwnWords(text string) string {
	q := scanQuotes(text, false)
	first, last := len(q.lines), -1
	for i, l := range q.lines {
		if !q.drop[i] && !blankLine(l) {
			first, last = min(first, i), i
		}
	}
	if last < 0 {
		return text
	}
	return strings.Join(q.lines[first:last+1], "\n")
}

// newText is what the author of a mail wrote: text without quotation marks of
// ">", without the line that introduces a quotation, and without the mail
// that stands unmarked below a block of its header. Answers between quoted
// lines stay, and so does a signature. When in doubt a line is kept. The time
// is in proportion to the text.
func newText(text string) string {
	return scanQuotes(text, false).newText()
}

// scanQuotes judges every line of a text. In a discussion the lines that say
// whose words follow are kept, if there is anything else to keep: they tell
// whom among many an answer is for. The header that Outlook copies in English
// is not: nobody writes such lines himself, while "De:" and "An:" are words.
func scanQuotes(text string, discussion bool) *quoteScan {
	q := scanLines(strings.Split(text, "\n"))
	if discussion && q.says() {
		for i, lead := range q.lead {
			q.drop[i] = q.drop[i] && !lead
		}
	}
	return q
}

func scanLines(lines []string) *quoteScan {
	q := &quoteScan{lines: lines, drop: make([]bool, len(lines)), lead: make([]bool, len(lines))}
	q.run()
	return q
}

// says reports a line that stays and is not blank.
func (q *quoteScan) says() bool {
	for i, l := range q.lines {
		if !q.drop[i] && !blankLine(l) {
			return true
		}
	}
	return false
}

// newText joins the lines that stay. Those taken out between them leave one
// empty line.
func (q *quoteScan) newText() string {
	kept := make([]string, 0, len(q.lines))
	gap := false // something was taken out since the last line that says anything
	for i, l := range q.lines {
		empty := len(kept) == 0 || kept[len(kept)-1] == ""
		switch {
		case q.drop[i]:
			gap = true
			if !empty {
				kept = append(kept, "")
			}
		case gap && empty && blankLine(l):
		default:
			if gap = gap && blankLine(l); l != "-- " { // the blank is part of it
				l = strings.TrimRight(l, " \t\r\u00a0")
			}
			kept = append(kept, l)
		}
	}
	return strings.TrimRight(strings.TrimLeft(strings.Join(kept, "\n"), "\n"), " \n\t")
}

// quoted joins the beginning of what was taken out, without its marks.
func (q *quoteScan) quoted(limit int) string {
	var b strings.Builder
	for i, l := range q.lines {
		if !q.drop[i] && !q.lead[i] {
			continue
		}
		if l = strings.TrimSpace(strings.TrimLeft(l, "> \t\u00a0")); l == "" {
			continue
		}
		if b.Len()+len(l) >= limit {
			break
		}
		b.WriteString(l)
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

type quoteScan struct {
	lines []string
	drop  []bool
	lead  []bool // of those dropped: introduces a quotation
	next  []int  // next line that is not blank
}

func (q *quoteScan) run() {
	q.index()
	for i := 0; i < len(q.lines); {
		i = q.step(i)
	}
	q.footers()
}

// index notes for each line the next one that is not blank.
func (q *quoteScan) index() {
	q.next = make([]int, len(q.lines)+1)
	q.next[len(q.lines)] = len(q.lines)
	for i := len(q.lines) - 1; i >= 0; i-- {
		q.next[i] = i
		if blankLine(q.lines[i]) {
			q.next[i] = q.next[i+1]
		}
	}
}

func blankLine(s string) bool {
	if len(s) > 0 && s[0] > ' ' && s[0] < utf8.RuneSelf {
		return false
	}
	return strings.Trim(s, " \t\r\u00a0\u200b\ufeff") == ""
}

// step judges line i and returns the next one to look at.
func (q *quoteScan) step(i int) int {
	l := q.lines[i]
	switch {
	case quotedLine(l):
		q.drop[i] = true
		return i + 1
	case blankLine(l):
		return i + 1
	}
	if n := headerBlockAt(q.lines, i); n > 0 && !q.forwarded(i) {
		return q.unmarked(i, n, true)
	}
	if separatorLine(l) || plainOriginal(q.lines, i, q.next[i+1]) {
		n := 1
		if j := q.next[i+1]; j < len(q.lines) && j-i <= 3 {
			if m := findBlock(q.lines, j, true); m > 0 {
				n = j - i + m
			} else if m, s := attributionAt(q.lines, j); s != notAttribution {
				n = j - i + m
			} else if m := bareBlockAt(q.lines, j); m > 0 {
				n = j - i + m
			}
		}
		return q.unmarked(i, n, true)
	}
	if n, s := attributionAt(q.lines, i); n > 0 {
		return q.attributed(i, n, s)
	}
	return i + 1
}

// attributed handles an attribution of n lines at i: before marked lines it
// goes with them; a strong one before unmarked text takes that too.
func (q *quoteScan) attributed(i, n int, s strength) int {
	j := q.next[min(i+n, len(q.lines))]
	switch {
	case j < len(q.lines) && quotedLine(q.lines[j]):
		q.introduce(i, n)
		return i + n
	case s == strongAttribution:
		return q.unmarked(i, n, false)
	}
	return i + 1
}

// unmarked handles what introduces, in n lines at i, a quotation that has no
// marks: everything below it. With marked lines below it, only these are
// quoted. If nothing stands above an attribution, what is below may as well
// be the answer, and is kept.
func (q *quoteScan) unmarked(i, n int, block bool) int {
	j := q.next[min(i+n, len(q.lines))]
	if j < len(q.lines) && quotedLine(q.lines[j]) {
		q.introduce(i, n)
		return i + n
	}
	if !block && q.emptyAbove(i) {
		return i + n
	}
	if !block || !plainBlock(q.lines[i:i+n]) {
		q.introduce(i, n)
	}
	q.take(i, len(q.lines))
	return len(q.lines)
}

// introduce takes the lines that introduce a quotation.
func (q *quoteScan) introduce(i, n int) {
	q.take(i, i+n)
	for ; n > 0 && i < len(q.lead); n-- {
		q.lead[i] = true
		i++
	}
}

func (q *quoteScan) take(from, to int) {
	for ; from < to && from < len(q.drop); from++ {
		q.drop[from] = true
	}
}

func (q *quoteScan) emptyAbove(i int) bool {
	for i--; i >= 0; i-- {
		if !q.drop[i] && !blankLine(q.lines[i]) {
			return false
		}
	}
	return true
}

// forwarded reports that the line above says that a forwarded mail follows:
// what somebody hands on is what he has to say.
func (q *quoteScan) forwarded(i int) bool {
	for j := i - 1; j >= 0 && j >= i-3; j-- {
		if forwardLine(q.lines[j]) {
			return true
		}
		if !blankLine(q.lines[j]) {
			return false
		}
	}
	return false
}

// quotedLine reports a line with a quotation mark at its start.
func quotedLine(s string) bool {
	t := strings.TrimLeft(s, " \t\u00a0")
	return len(s)-len(t) <= 6 && (strings.HasPrefix(t, ">") || strings.HasPrefix(t, "&gt;"))
}

func underline(s string) bool {
	s = strings.TrimSpace(s)
	return len(s) >= 2 && strings.Trim(s, "_") == ""
}

// footers drops what a list put below a mail: a rule and lines that name the
// list.
func (q *quoteScan) footers() {
	for i := range q.lines {
		if q.drop[i] || !underline(q.lines[i]) {
			continue
		}
		end := i + 1
		list := false
		for end < len(q.lines) && end <= i+6 && !blankLine(q.lines[end]) {
			l := strings.ToLower(q.lines[end])
			list = list || strings.Contains(l, "mailing list") || strings.Contains(l, "/listinfo/") || strings.Contains(l, "unsubscribe")
			end++
		}
		if list && end-i <= 6 {
			q.take(i, end)
		}
	}
}
