package message

import (
	"net/mail"
	"strconv"
	"strings"
	"time"
)

// parseDate reads a date (RFC 5322 §3.3), or what can be taken for one:
// missing or named zones, ISO order, names of other languages, hours past 23.
// It is zero when there is none.
func parseDate(s string) time.Time {
	s = oneLine(clip(s, 200))
	// The form most mail has, tried first: package mail tries it late.
	if t, err := time.Parse("Mon, 2 Jan 2006 15:04:05 -0700", withoutComment(s)); err == nil && saneYear(t.Year()) {
		if name, _ := t.Zone(); name == "" || name == "UTC" || name == "GMT" {
			return t
		}
	}
	if t, err := mail.ParseDate(s); err == nil && saneYear(t.Year()) {
		// Of a zone it has by name only it does not know the offset.
		if name, _ := t.Zone(); name == "" || name == "UTC" || name == "GMT" {
			return t
		}
	}
	var d looseDate
	d.read(s)
	return d.time()
}

// withoutComment takes the name of the zone off: "+0100 (CET)".
func withoutComment(s string) string {
	if i := strings.IndexByte(s, '('); i > 0 && strings.IndexByte(s[i:], ')') == len(s)-i-1 {
		return strings.TrimRight(s[:i], " ")
	}
	return s
}

func saneYear(y int) bool { return y >= 1900 && y < 2200 }

type looseDate struct {
	year, month, day  int
	hour, minute, sec int
	offset            int // seconds east
	pm, am, hasTime   bool
	zoned             bool
	numbers           []int
}

func (d *looseDate) read(s string) {
	if i := strings.IndexByte(s, '('); i > 0 {
		s = s[:i]
	}
	// 2006-01-02T15:04:05Z
	if len(s) > 10 && s[4] == '-' && (s[10] == 'T' || s[10] == ' ') {
		s = s[:10] + " " + s[11:]
	}
	for _, f := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
		d.token(f)
	}
}

func (d *looseDate) token(f string) {
	switch {
	case strings.Contains(f, ":") && !d.hasTime:
		d.clock(f)
	case d.hasTime && (f[0] == '+' || f[0] == '-'):
		d.zone(f)
	case strings.EqualFold(f, "pm"):
		d.pm = true
	case strings.EqualFold(f, "am"):
		d.am = true
	case monthOf(f) > 0 && d.month == 0:
		d.month = monthOf(f)
	case strings.Count(f, "-") == 2 || strings.Count(f, "/") == 2 || strings.Count(f, ".") == 2:
		d.joined(f)
	default:
		if n, err := strconv.Atoi(strings.TrimRight(f, ".")); err == nil && n >= 0 {
			d.numbers = append(d.numbers, n)
		} else if d.hasTime && !d.zoned {
			d.named(f)
		}
	}
}

func (d *looseDate) clock(f string) {
	if i := strings.IndexAny(f, "+-Z"); i > 0 {
		d.hasTime = true
		d.zone(f[i:])
		f = f[:i]
	}
	if i := strings.IndexByte(f, '.'); i > 0 {
		f = f[:i]
	}
	parts := strings.Split(f, ":")
	nums := [3]int{}
	for i, p := range parts {
		n, err := strconv.Atoi(strings.TrimRight(p, "apmAPM"))
		if i > 2 || err != nil || n < 0 || n > 99 {
			return
		}
		nums[i] = n
	}
	d.hour, d.minute, d.sec, d.hasTime = nums[0], nums[1], nums[2], true
}

func (d *looseDate) zone(f string) {
	if f == "Z" {
		d.zoned = true
		return
	}
	sign := 1
	if f[0] == '-' {
		sign = -1
	}
	digits := strings.ReplaceAll(f[1:], ":", "")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 {
		return
	}
	if len(digits) <= 2 {
		n *= 100
	}
	if n <= 1400 {
		d.offset, d.zoned = sign*(n/100*3600+n%100*60), true
	}
}

// named reads a zone by its name, RFC 5322 §4.3.
func (d *looseDate) named(f string) {
	up := strings.ToUpper(f)
	for _, prefix := range []string{"GMT", "UTC"} {
		if rest := strings.TrimPrefix(up, prefix); rest != up && len(rest) > 1 && (rest[0] == '+' || rest[0] == '-') {
			d.zone(rest)
			return
		}
	}
	hours := map[string]int{"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
		"CET": 1, "MET": 1, "CEST": 2, "MEST": 2, "BST": 1, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9, "KST": 9}
	if h, ok := hours[up]; ok {
		d.offset, d.zoned = h*3600, true
	}
}

// joined reads 2006-01-02, 02-Jan-2006, 02.01.2006 and 01/02/2006.
func (d *looseDate) joined(f string) {
	sep := "-"
	for _, s := range []string{"/", "."} {
		if strings.Count(f, s) == 2 {
			sep = s
		}
	}
	p := strings.Split(f, sep)
	if m := monthOf(p[1]); m > 0 {
		d.month = m
		d.numbers = append(d.numbers, number(p[0]), number(p[2]))
		return
	}
	a, b, c := number(p[0]), number(p[1]), number(p[2])
	switch {
	case a > 31:
		d.year, d.month, d.day = a, b, c
	case sep == "/" && b > 12:
		d.year, d.month, d.day = c, a, b
	case sep == "/" && a <= 12:
		d.year, d.month, d.day = c, a, b
	default:
		d.year, d.month, d.day = c, b, a
	}
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func (d *looseDate) time() time.Time {
	for _, n := range d.numbers {
		switch {
		case n >= 1 && n <= 31 && d.day == 0:
			d.day = n
		case d.year == 0:
			d.year = n
		}
	}
	switch {
	case d.year > 0 && d.year < 50:
		d.year += 2000
	case d.year >= 50 && d.year < 1000: // two digits, or years since 1900
		d.year += 1900
	}
	if !saneYear(d.year) || d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31 {
		return time.Time{}
	}
	if d.pm && d.hour < 12 {
		d.hour += 12
	} else if d.am && d.hour == 12 {
		d.hour = 0
	}
	return time.Date(d.year, time.Month(d.month), d.day, d.hour, d.minute, d.sec, 0, time.FixedZone("", d.offset))
}

// monthOf reads the name of a month, 0 for another word. The first three
// letters decide in the languages of the west; others are told apart by four.
func monthOf(s string) int {
	s = strings.ToLower(strings.TrimRight(s, "."))
	if len(s) < 3 {
		return 0
	}
	prefixes := [...][]string{
		{"jan", "gen", "ene", "ian", "янв", "sty", "led"},
		{"feb", "fév", "fev", "фев", "lut", "úno", "helm"},
		{"mar", "mär", "mrt", "мар", "maa", "bře"},
		{"apr", "avr", "abr", "апр", "kwi", "dub"},
		{"may", "mai", "mag", "mei", "maj", "май", "мая", "kvě"},
		{"jun", "juin", "giu", "июн", "cze", "kesä"},
		{"jul", "juil", "lug", "июл", "lip", "hein"},
		{"aug", "aoû", "aou", "ago", "авг", "sie", "elo"},
		{"sep", "set", "сен", "wrz", "syys"},
		{"oct", "okt", "ott", "out", "окт", "paź", "loka"},
		{"nov", "noi", "ноя", "lis", "marr"},
		{"dec", "dez", "déc", "dic", "des", "дек", "gru", "joul"},
	}
	best, size := 0, 0
	for i, list := range prefixes {
		for _, p := range list {
			if strings.HasPrefix(s, p) && len(p) > size {
				best, size = i+1, len(p)
			}
		}
	}
	return best
}
