package threads

import (
	"sort"
	"time"
)

// Span is the time from From until just before Until.
type Span struct{ From, Until time.Time }

// Contains reports whether t lies in the span.
func (s Span) Contains(t time.Time) bool { return !t.Before(s.From) && t.Before(s.Until) }

// Leave is absence that is not in the file: out-of-office replies, dead
// addresses, /away. It maps an engineer's key to the end of it; the zero time
// is an end nobody knows yet.
type Leave map[string]time.Time

func (l Leave) covers(key string, t time.Time) (until time.Time, ok bool) {
	until, ok = l[key]
	return until, ok && (until.IsZero() || t.Before(until))
}

// Presence is whether an engineer gets mail at one instant, and why.
type Presence struct {
	OnDuty bool
	Why    string    // "on duty", "away until 4 Jan 2027", "outside working hours"
	Until  time.Time // when this changes; zero when it is not known to
}

// The reasons of a presence, shared with what Pick says of those it passed
// over.
const (
	whyOn      = "on duty"
	whyAway    = "away"
	whyLeave   = "marked absent"
	whyHours   = "outside working hours"
	whyUnknown = "not in the rotation"
)

// Presence says whether an engineer is on duty at now, why, and until when.
func (r *Rotation) Presence(key string, now time.Time, off Leave) Presence {
	e, ok := r.Engineer(key)
	if !ok {
		return Presence{Why: whyUnknown}
	}
	zone := r.Zone(e)
	why := presence(e, now, weekSecond(now.In(zone)), off)
	p := Presence{OnDuty: why == whyOn, Why: why}
	p.Until, _ = r.nextChange(e, now, off)
	if !p.Until.IsZero() && (why == whyAway || why == whyLeave) {
		p.Why += " until " + SayTime(p.Until.In(zone))
	}
	return p
}

// presence is the bare reason at now, sec being the second of the week on
// her wall clock.
func presence(e *Engineer, now time.Time, sec int, off Leave) string {
	if len(off) > 0 {
		if _, ok := off.covers(e.Key, now); ok {
			return whyLeave
		}
	}
	if e.awayAt(now) {
		return whyAway
	}
	if !e.Hours.covers(sec) {
		return whyHours
	}
	return whyOn
}

// awayAt reports whether the file or a calendar has her away at t.
func (e *Engineer) awayAt(t time.Time) bool {
	for _, s := range e.Away {
		if s.Contains(t) {
			return true
		}
	}
	if len(e.Calendar) == 0 {
		return false
	}
	_, ok := spanAt(e.Calendar, t)
	return ok
}

// spanAt finds the span that contains t, or else the first behind it, in spans
// that are in order and do not overlap.
func spanAt(spans []Span, t time.Time) (i int, contains bool) {
	i = sort.Search(len(spans), func(i int) bool { return spans[i].Until.After(t) })
	return i, i < len(spans) && spans[i].Contains(t)
}

// NextChange is the next instant after now at which anyone comes on or goes
// off duty, as far as the file and off tell.
func (r *Rotation) NextChange(now time.Time, off Leave) (time.Time, bool) {
	var first time.Time
	for i := range r.Engineers {
		t, ok := r.nextChange(&r.Engineers[i], now, off)
		if ok && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first, !first.IsZero()
}

// nextChange goes from edge to edge until one turns presence round. Edges are
// the ends of hours, of absence and of the zone's present offset; between two
// of them nothing changes. Hours turn within a week or two of any instant at
// which she is not absent, so the steps are bounded by the lists themselves.
func (r *Rotation) nextChange(e *Engineer, now time.Time, off Leave) (time.Time, bool) {
	zone := r.Zone(e)
	t := now.Round(0).In(zone)
	was := presence(e, t, weekSecond(t), off) == whyOn
	for range 32 + 4*len(e.Hours.Weeks) + 2*len(e.Away) + 2*len(e.Calendar) {
		next, ok := nextEdge(e, t, off)
		if !ok {
			return time.Time{}, false
		}
		t = next
		if is := presence(e, t, weekSecond(t), off) == whyOn; is != was {
			return t, true
		}
	}
	return time.Time{}, false
}

// nextEdge is the next instant after t at which presence might change. While
// she is absent her hours do not matter, so only the end of it is looked at.
func nextEdge(e *Engineer, t time.Time, off Leave) (time.Time, bool) {
	if until, ok := off.covers(e.Key, t); ok {
		return until.In(t.Location()), !until.IsZero()
	}
	var edge time.Time
	take := func(c time.Time) {
		if c.After(t) && (edge.IsZero() || c.Before(edge)) {
			edge = c
		}
	}
	for _, s := range e.Away {
		if s.Contains(t) {
			return s.Until.In(t.Location()), true
		}
		take(s.From)
	}
	if i, ok := spanAt(e.Calendar, t); ok {
		return e.Calendar[i].Until.In(t.Location()), true
	} else if i < len(e.Calendar) {
		take(e.Calendar[i].From)
	}
	if len(e.Hours.Weeks) > 0 {
		take(t.Truncate(time.Second).Add(time.Duration(e.Hours.nextEdge(weekSecond(t))) * time.Second))
		_, end := t.ZoneBounds()
		take(end)
	}
	return edge.In(t.Location()), !edge.IsZero()
}

// SayTime writes an instant as people say it, in its own zone: the day alone
// at midnight, else day and time.
func SayTime(t time.Time) string {
	if h, m, _ := t.Clock(); h == 0 && m == 0 {
		return t.Format("2 Jan 2006")
	}
	return t.Format("2 Jan 2006 15:04")
}
