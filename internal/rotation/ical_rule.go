package rotation

import (
	"fmt"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// expandRule lists the times of an RRULE or EXRULE (RFC 5545 §3.3.10) that
// begin from from until just before until, on a clock that shows start at the
// first. All are on the wall, as if in UTC, so that what happens at nine
// happens at nine in summer too; zone is where that wall is, for an UNTIL
// that is given in UTC.
//
// The arithmetic is rrule-go's. It is kept from rules it would take minutes
// for: none repeats more often than daily, none has more than a day's hours,
// and one that begins long before from is moved up to it where that changes
// nothing.
func expandRule(p icalProp, start, from, until time.Time, zone *time.Location) ([]time.Time, *icalError) {
	option, end, err := readRule(p, zone)
	if err != nil {
		return nil, err
	}
	if !end.IsZero() && end.Before(from) {
		return nil, nil
	}
	option.Dtstart = moveUp(option, start, from)
	option.Until = until
	if !end.IsZero() && end.Before(until) {
		option.Until = end
	}
	list, failed := iterate(*option, from, until)
	if failed != nil {
		return nil, icalWrong(p.line, "correct the event in the calendar", "%s: %q: %v", p.name, clip(p.value, 80), failed)
	}
	return list, nil
}

// readRule reads a rule and its UNTIL, on the wall of zone.
func readRule(p icalProp, zone *time.Location) (*rrule.ROption, time.Time, *icalError) {
	var end time.Time
	var parts []string
	hours := 1
	wrong := func(format string, args ...any) *icalError {
		return icalWrong(p.line, "correct the event in the calendar", "%s: %q: %s", p.name, clip(p.value, 80), fmt.Sprintf(format, args...))
	}
	for part := range strings.SplitSeq(strings.ToUpper(strings.Trim(p.value, "; \t")), ";") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "UNTIL":
			t, err := untilOnWall(value, zone)
			if err != nil {
				return nil, end, wrong("UNTIL is no date or time")
			}
			end = t
			continue
		case "DTSTART", "BYEASTER", "RRULE:FREQ":
			return nil, end, wrong("%s has no place in it", clip(key, 20))
		case "BYHOUR", "BYMINUTE", "BYSECOND":
			hours *= strings.Count(value, ",") + 1
		}
		if strings.HasPrefix(key, "X-") {
			continue
		}
		parts = append(parts, part)
	}
	if hours > 24 || len(p.value) > 2000 {
		return nil, end, wrong("it has more times of the day than an absence can have")
	}
	option, err := rrule.StrToROption(strings.Join(parts, ";"))
	switch {
	case err != nil:
		return nil, end, wrong("%s", strings.Map(printable, err.Error()))
	case option.Freq > rrule.DAILY:
		return nil, end, wrong("an absence repeats daily at most")
	case option.Interval < 0 || option.Interval > 1000 || option.Count < 0 || option.Count > 100_000:
		return nil, end, wrong("INTERVAL or COUNT is out of range")
	}
	return option, end, nil
}

// untilOnWall reads an UNTIL; a day is meant to its end.
func untilOnWall(s string, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(icalDate, s); err == nil {
		return t.AddDate(0, 0, 1).Add(-time.Second), nil
	}
	digits, utc := strings.CutSuffix(s, "Z")
	t, err := time.Parse(icalDateTime, digits)
	if err != nil || !utc {
		return t, err
	}
	return onWall(t.In(zone)), nil
}

// onWall is what the clock of t's zone shows, as if in UTC.
func onWall(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// moveUp begins a daily or weekly rule shortly before from instead of years
// ago. It keeps its step; a rule that counts cannot be moved.
func moveUp(o *rrule.ROption, start, from time.Time) time.Time {
	step := max(o.Interval, 1)
	switch {
	case o.Count > 0 || o.Freq != rrule.DAILY && o.Freq != rrule.WEEKLY:
		return start
	case o.Freq == rrule.WEEKLY:
		step *= 7
	}
	days := int(from.Sub(start)/(24*time.Hour)) - 2*step
	if days < step {
		return start
	}
	return start.AddDate(0, 0, days/step*step)
}

// iterate runs the rule. Whatever rrule-go makes of a rule nobody thought of,
// a calendar file must not end the service.
func iterate(o rrule.ROption, from, until time.Time) (list []time.Time, err error) {
	defer func() {
		if r := recover(); r != nil {
			list, err = nil, fmt.Errorf("it cannot be computed")
		}
	}()
	rule, err := rrule.NewRRule(o)
	if err != nil {
		return nil, err
	}
	next := rule.Iterator()
	for t, ok := next(); ok && t.Before(until); t, ok = next() {
		if t.Before(from) {
			continue
		}
		if list = append(list, t); len(list) > maxOccurrences {
			return nil, fmt.Errorf("it comes more than %d times in the time looked at", maxOccurrences)
		}
	}
	return list, nil
}
