package rotation

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"postroom/threads"
)

const dateForm = "2006-01-02"

// ParseAway reads an absence: "2026-12-20..2027-01-03", both days included,
// or one day. Days begin and end on the clock of loc.
func ParseAway(s string, loc *time.Location) (threads.Span, error) {
	first, last, ranged := strings.Cut(s, "..")
	if !ranged {
		last = first
	}
	from, err := parseDate(first, s)
	if err != nil {
		return threads.Span{}, err
	}
	until, err := parseDate(last, s)
	if err != nil {
		return threads.Span{}, err
	}
	if until.Before(from) {
		return threads.Span{}, fmt.Errorf("%q ends before it begins; did you mean \"%s..%s\"?", s, until.Format(dateForm), from.Format(dateForm))
	}
	next := until.AddDate(0, 0, 1)
	return threads.Span{From: dayStart(from, loc), Until: dayStart(next, loc)}, nil
}

// parseDate reads one day of whole.
func parseDate(s, whole string) (time.Time, error) {
	s = strings.TrimSpace(s)
	t, err := time.Parse(dateForm, s)
	if err == nil {
		return t, nil
	}
	dates := regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}`).FindAllString(whole, 3)
	switch {
	case strings.TrimSpace(s) == "":
		return t, fmt.Errorf("%q has no day on one side of the dots; write both days", whole)
	case regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`).MatchString(s):
		return t, fmt.Errorf("%q: there is no %s in the calendar", whole, s)
	case len(dates) == 2:
		return t, fmt.Errorf("%q is no absence; did you mean \"%s..%s\"?", whole, dates[0], dates[1])
	}
	return t, fmt.Errorf("%q is no date; write a day as 2026-12-20, several as 2026-12-20..2027-01-03", s)
}

// dayStart is the first instant of a day in a zone. Where clocks change at
// midnight, 00:00 may not exist or come twice; then it is the change itself,
// or the first of the two.
func dayStart(day time.Time, loc *time.Location) time.Time {
	y, m, d := day.Date()
	t := time.Date(y, m, d, 0, 0, 0, 0, loc)
	if t.Day() != d { // skipped, and resolved to the evening before
		_, t = t.ZoneBounds()
	}
	change, _ := t.ZoneBounds()
	if change.IsZero() {
		return t
	}
	_, offset := t.Zone()
	_, old := change.Add(-time.Second).In(loc).Zone()
	earlier := t.Add(time.Duration(offset-old) * time.Second)
	if earlier.Before(t) && earlier.Before(change) {
		return earlier
	}
	return t
}
