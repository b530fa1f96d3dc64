package rotation

import (
	"slices"
	"time"

	"postroom/threads"
)

// occurrence is one time an event takes place.
type occurrence struct {
	start  icalTime
	length icalLength
	event  *icalEvent // that says whether it is absence
}

// absence is when somebody on the clock of here is away between from and
// until: in order, none touching another.
func (c *calendar) absence(here *time.Location, from, until time.Time) ([]threads.Span, *icalError) {
	var spans []threads.Span
	for _, uid := range c.order {
		list, err := expand(c.events[uid], here, from, until)
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			s := threads.Span{From: o.start.at(here), Until: o.length.end(o.start, here)}
			if !o.event.free && s.Until.After(s.From) && s.Until.After(from) && s.From.Before(until) {
				spans = append(spans, s)
			}
		}
		if len(spans) > maxOccurrences {
			return nil, icalWrong(c.events[uid][0].line, "export fewer years, or only the absences", "the calendar has more than %d absences in three years", maxOccurrences)
		}
	}
	return joinSpans(spans), nil
}

// joinSpans puts spans in order and makes one of those that touch.
func joinSpans(spans []threads.Span) []threads.Span {
	slices.SortFunc(spans, func(a, b threads.Span) int { return a.From.Compare(b.From) })
	var out []threads.Span
	for _, s := range spans {
		if n := len(out); n > 0 && !s.From.After(out[n-1].Until) {
			if s.Until.After(out[n-1].Until) {
				out[n-1].Until = s.Until
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// expand lists the occurrences of one event with those that replace some of
// it.
func expand(list []*icalEvent, here *time.Location, from, until time.Time) ([]occurrence, *icalError) {
	var all []occurrence
	for _, e := range list {
		if e.replaces == nil {
			got, err := e.occurrences(here, from, until)
			if err != nil {
				return nil, err
			}
			all = append(all, got...)
		}
	}
	for _, e := range list {
		if e.replaces != nil {
			all = replace(all, e, here)
		}
	}
	return all, nil
}

// replace puts an event in the place of the one it says it replaces, or of
// that and all that follow.
func replace(all []occurrence, e *icalEvent, here *time.Location) []occurrence {
	at := e.replaces.at(here)
	shift := e.start.at(here).Sub(at)
	var out []occurrence
	for _, o := range all {
		switch was := o.start.at(here); {
		case o.event.replaces == nil && e.onwards && was.After(at):
			o.event, o.length = e, e.length
			o.start = o.start.moved(o.start.wall.Add(shift))
			out = append(out, o)
		case o.event.replaces == nil && (was.Equal(at) || e.replaces.date && sameDay(o.start.wall, e.replaces.wall)):
		default:
			out = append(out, o)
		}
	}
	return append(out, occurrence{e.start, e.length, e})
}

func sameDay(a, b time.Time) bool { return a.Format(icalDate) == b.Format(icalDate) }

// occurrences are DTSTART, what the rules add and what RDATE adds, less what
// EXDATE and EXRULE take away.
func (e *icalEvent) occurrences(here *time.Location, from, until time.Time) ([]occurrence, *icalError) {
	zone := e.start.zone
	if zone == nil {
		zone = here
	}
	// One that began before may last into the time looked at.
	first := onWall(from.In(zone)).AddDate(0, 0, -e.length.days-1).Add(-e.length.rest)
	last := onWall(until.In(zone)).AddDate(0, 0, 1)
	list := []occurrence{{e.start, e.length, e}}
	for _, rule := range e.rules {
		times, err := expandRule(rule, e.start.wall, first, last, zone)
		if err != nil {
			return nil, err
		}
		for _, t := range times {
			list = append(list, occurrence{e.start.moved(t), e.length, e})
		}
	}
	for _, d := range e.dates {
		o := occurrence{d.start, e.length, e}
		if d.length != nil {
			o.length = *d.length
		}
		list = append(list, o)
	}
	instants, days := map[int64]bool{}, map[string]bool{}
	for _, rule := range e.exRules {
		times, err := expandRule(rule, e.start.wall, first, last, zone)
		if err != nil {
			return nil, err
		}
		for _, t := range times {
			instants[e.start.moved(t).at(here).Unix()] = true
		}
	}
	for _, t := range e.except {
		if t.date || e.start.date {
			days[t.wall.Format(icalDate)] = true
		} else {
			instants[t.at(here).Unix()] = true
		}
	}
	return slices.DeleteFunc(list, func(o occurrence) bool {
		return instants[o.start.at(here).Unix()] || len(days) > 0 && days[o.start.wall.Format(icalDate)]
	}), nil
}
