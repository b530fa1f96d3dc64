package rotation

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// icalEvent is one VEVENT that says something of absence.
type icalEvent struct {
	line    int
	uid     string
	free    bool // cancelled, or the calendar shows the time as free
	start   icalTime
	length  icalLength
	rules   []icalProp
	exRules []icalProp
	dates   []icalDated // RDATE
	except  []icalTime  // EXDATE

	replaces *icalTime // RECURRENCE-ID: the one of its kind it stands for
	onwards  bool      // and all that follow
	sequence int
}

// icalDated is one more occurrence, with a length of its own where it has one.
type icalDated struct {
	start  icalTime
	length *icalLength
}

// calendar is a calendar file that was read.
type calendar struct {
	events map[string][]*icalEvent // by UID, the one that repeats first
	order  []string                // UIDs as they stand in the file
}

// readCalendar reads a calendar file as absence: every event that shows its
// time as busy is time away.
func readCalendar(data []byte) (*calendar, *icalError) {
	parts, err := readIcal(data)
	if err != nil {
		return nil, err
	}
	zones := newIcalZones(parts)
	c := &calendar{events: map[string][]*icalEvent{}}
	n, recurring := 0, 0
	for _, part := range parts {
		for _, child := range part.children {
			if child.name != "VEVENT" {
				continue
			}
			e, err := zones.readEvent(child, part.text("METHOD") == "CANCEL")
			if err != nil {
				return nil, err
			}
			if e.rules != nil {
				recurring++
			}
			if n++; n > maxEvents || recurring > maxRecurring {
				return nil, icalWrong(child.line, "export fewer years, or only the absences", "the calendar has too many events; %d are the most, of which %d may repeat", maxEvents, maxRecurring)
			}
			c.add(e)
		}
	}
	return c, nil
}

// add files an event under its UID. Of several versions of one event the
// highest SEQUENCE counts (RFC 5546 §2.1.5), then the last in the file.
func (c *calendar) add(e *icalEvent) {
	list := c.events[e.uid]
	if list == nil {
		c.order = append(c.order, e.uid)
	}
	for i, old := range list {
		same := old.replaces == nil && e.replaces == nil ||
			old.replaces != nil && e.replaces != nil && *old.replaces == *e.replaces
		if same {
			if e.sequence >= old.sequence {
				list[i] = e
			}
			return
		}
	}
	list = append(list, e)
	slices.SortStableFunc(list, func(a, b *icalEvent) int { return cmp.Compare(boolInt(a.replaces != nil), boolInt(b.replaces != nil)) })
	c.events[e.uid] = list
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// readEvent reads a VEVENT (RFC 5545 §3.6.1).
func (z *icalZones) readEvent(c *icalComponent, cancelled bool) (*icalEvent, *icalError) {
	e := &icalEvent{line: c.line, uid: c.text("UID"), free: cancelled || shownFree(c)}
	if e.uid == "" {
		e.uid = "line " + strconv.Itoa(c.line)
	}
	e.sequence, _ = strconv.Atoi(c.text("SEQUENCE")) // none is 0
	start, ok := c.get("DTSTART")
	if !ok {
		return nil, icalWrong(c.line, "give the event a beginning in the calendar", "this event has no DTSTART")
	}
	var err *icalError
	if e.start, err = z.parseIcalTime(start, start.value); err != nil {
		return nil, err
	}
	if e.length, err = z.readLength(c, e.start); err != nil {
		return nil, err
	}
	if p, ok := c.get("RECURRENCE-ID"); ok {
		t, err := z.parseIcalTime(p, p.value)
		if err != nil {
			return nil, err
		}
		e.replaces, e.onwards = &t, strings.EqualFold(p.params["RANGE"], "THISANDFUTURE")
	}
	for _, p := range c.props {
		switch p.name {
		case "RRULE":
			e.rules = append(e.rules, p)
		case "EXRULE":
			e.exRules = append(e.exRules, p)
		case "EXDATE", "RDATE":
			if err := z.readDates(e, p); err != nil {
				return nil, err
			}
		}
	}
	return e, nil
}

// shownFree reports whether an event leaves its time free. Working elsewhere
// is working.
func shownFree(c *icalComponent) bool {
	busy := c.text("X-MICROSOFT-CDO-BUSYSTATUS")
	return c.text("STATUS") == "CANCELLED" || c.text("TRANSP") == "TRANSPARENT" || busy == "FREE" || busy == "WORKINGELSEWHERE"
}

// readLength is DTEND, DURATION, or what their absence means.
func (z *icalZones) readLength(c *icalComponent, start icalTime) (icalLength, *icalError) {
	if p, ok := c.get("DTEND"); ok {
		end, err := z.parseIcalTime(p, p.value)
		if err != nil {
			return icalLength{}, err
		}
		if start.date { // the end is the first day that is no longer part of it; some write the last one
			return icalLength{days: max(int(end.wall.Sub(start.wall)/(24*time.Hour)), 1)}, endsBefore(p, start, end)
		}
		// The length is exact for every occurrence (RFC 5545 §3.8.5.3).
		return icalLength{rest: max(end.at(time.UTC).Sub(start.at(time.UTC)), 0)}, endsBefore(p, start, end)
	}
	if p, ok := c.get("DURATION"); ok {
		l, err := parseIcalLength(p, p.value)
		if start.date {
			l = icalLength{days: max(l.days, 1)}
		}
		return l, err
	}
	if start.date {
		return icalLength{days: 1}, nil
	}
	return icalLength{}, nil // a moment, in which nobody is away
}

func endsBefore(p icalProp, start, end icalTime) *icalError {
	switch gap := end.at(time.UTC).Sub(start.at(time.UTC)); {
	case gap < 0:
		return icalWrong(p.line, "correct the event in the calendar", "this event ends (%s) before it begins (%s)", end.say(), start.say())
	case gap > 3660*24*time.Hour:
		return icalWrong(p.line, "correct the event in the calendar", "this event is longer than ten years")
	}
	return nil
}

func (t icalTime) say() string {
	if t.date {
		return t.wall.Format("2 Jan 2006")
	}
	return t.wall.Format("2 Jan 2006 15:04")
}

// readDates reads a list of RDATE or EXDATE, of which the first may also have
// periods.
func (z *icalZones) readDates(e *icalEvent, p icalProp) *icalError {
	for s := range strings.SplitSeq(p.value, ",") {
		if len(e.except)+len(e.dates) >= maxIcalListItems {
			return icalWrong(p.line, "correct the event in the calendar", "%s: more than %d dates", p.name, maxIcalListItems)
		}
		first, second, period := strings.Cut(s, "/")
		t, err := z.parseIcalTime(p, first)
		if err != nil {
			return err
		}
		if p.name == "EXDATE" {
			e.except = append(e.except, t)
			continue
		}
		d := icalDated{start: t}
		if period {
			var l icalLength
			if strings.HasPrefix(strings.TrimSpace(second), "P") {
				l, err = parseIcalLength(p, second)
			} else {
				var end icalTime
				end, err = z.parseIcalTime(p, second)
				l.rest = max(end.at(time.UTC).Sub(t.at(time.UTC)), 0)
			}
			if err != nil {
				return err
			}
			d.length = &l
		}
		e.dates = append(e.dates, d)
	}
	return nil
}
