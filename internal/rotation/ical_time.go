package rotation

import (
	"strconv"
	"strings"
	"time"
)

const (
	icalDate     = "20060102"
	icalDateTime = "20060102T150405"
)

// icalTime is a date or a time of a calendar: what a clock on the wall shows,
// written as if in UTC, and the zone of that clock; nil is the reader's own.
type icalTime struct {
	wall time.Time
	date bool // a whole day
	zone *time.Location
}

// at is the instant, on the clock of here where the calendar names no zone.
func (t icalTime) at(here *time.Location) time.Time {
	if t.date {
		return dayStart(t.wall, here)
	}
	zone := t.zone
	if zone == nil {
		zone = here
	}
	y, m, d := t.wall.Date()
	h, min, s := t.wall.Clock()
	return time.Date(y, m, d, h, min, s, 0, zone)
}

// moved is the same clock at another time of it.
func (t icalTime) moved(wall time.Time) icalTime { t.wall = wall; return t }

// parseIcalTime reads a DATE or DATE-TIME (RFC 5545 §3.3.4 and §3.3.5).
func (z *icalZones) parseIcalTime(p icalProp, s string) (icalTime, *icalError) {
	s = strings.TrimSpace(s)
	if t, err := time.Parse(icalDate, s); err == nil {
		return icalTime{wall: t, date: true}, saneYear(p, t)
	}
	digits, utc := strings.CutSuffix(s, "Z")
	t, err := time.Parse(icalDateTime, digits)
	if err != nil {
		return icalTime{}, icalWrong(p.line, "a day is 20261224, a time is 20261224T090000", "%s: %q is no date or time", clip(p.name, 40), clip(s, 40))
	}
	out := icalTime{wall: t}
	if utc {
		out.zone = time.UTC
	} else if id := p.params["TZID"]; id != "" {
		zone, err := z.find(id, p.line)
		if err != nil {
			return out, err
		}
		out.zone = zone
	}
	return out, saneYear(p, t)
}

// saneYear keeps dates within what can be computed with.
func saneYear(p icalProp, t time.Time) *icalError {
	if y := t.Year(); y < 1600 || y > 3000 {
		return icalWrong(p.line, "correct the date in the calendar", "%s: the year %d cannot be meant", clip(p.name, 40), y)
	}
	return nil
}

// icalLength is how long an event is: days on the calendar, and time beside.
type icalLength struct {
	days int
	rest time.Duration
}

// end is where something that begins at t ends.
func (l icalLength) end(t icalTime, here *time.Location) time.Time {
	return t.moved(t.wall.AddDate(0, 0, l.days)).at(here).Add(l.rest)
}

// parseIcalLength reads a DURATION (RFC 5545 §3.3.6): "P1W", "P1DT4H".
func parseIcalLength(p icalProp, s string) (icalLength, *icalError) {
	wrong := icalWrong(p.line, "a day is P1D, four hours are PT4H", "%s: %q is no length of time", clip(p.name, 40), clip(s, 40))
	rest, ok := strings.CutPrefix(strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(s)), "+"), "P")
	if !ok || rest == "" {
		return icalLength{}, wrong
	}
	var l icalLength
	clock := false
	for rest != "" {
		if rest[0] == 'T' {
			clock, rest = true, rest[1:]
			continue
		}
		i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if i <= 0 {
			return icalLength{}, wrong
		}
		n, err := strconv.Atoi(rest[:i])
		if err != nil || n > 1_000_000 {
			return icalLength{}, wrong
		}
		switch unit := rest[i]; {
		case unit == 'W' && !clock:
			l.days += 7 * n
		case unit == 'D' && !clock:
			l.days += n
		case unit == 'H' && clock:
			l.rest += time.Duration(n) * time.Hour
		case unit == 'M' && clock:
			l.rest += time.Duration(n) * time.Minute
		case unit == 'S' && clock:
			l.rest += time.Duration(n) * time.Second
		default:
			return icalLength{}, wrong
		}
		rest = rest[i+1:]
	}
	if l.days > 3660 || l.rest > 3660*24*time.Hour {
		return icalLength{}, icalWrong(p.line, "correct it in the calendar", "%s: %q is longer than ten years", clip(p.name, 40), clip(s, 40))
	}
	return l, nil
}
