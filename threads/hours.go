package threads

import (
	"sort"
	"time"
)

// Hours is a weekly plan in wall-clock time, so 09:00 stays 09:00 when the
// clocks change: an hour that is skipped is not worked, one that comes twice
// is worked twice. The zero Hours is always. Make one with NewHours.
type Hours struct {
	Spec  string // as it was written; "" for always
	Weeks []WeekSpan
}

// WeekSpan is a stretch of the week in minutes since Monday 00:00, from From
// until just before Until, with 0 <= From < Until <= MinutesPerWeek.
type WeekSpan struct{ From, Until int }

// MinutesPerWeek is the length of a week without a change of clocks.
const MinutesPerWeek = 7 * 24 * 60

// NewHours makes a plan of stretches in any order, overlapping or not; one
// that ends behind the week goes on at its beginning.
func NewHours(spec string, spans []WeekSpan) Hours {
	var cut []WeekSpan
	for _, s := range spans {
		if s.Until > MinutesPerWeek {
			cut = append(cut, WeekSpan{s.From, MinutesPerWeek}, WeekSpan{0, s.Until - MinutesPerWeek})
			continue
		}
		cut = append(cut, s)
	}
	sort.Slice(cut, func(i, j int) bool { return cut[i].From < cut[j].From })
	var weeks []WeekSpan
	for _, s := range cut {
		if n := len(weeks); n > 0 && s.From <= weeks[n-1].Until {
			weeks[n-1].Until = max(weeks[n-1].Until, s.Until)
			continue
		}
		weeks = append(weeks, s)
	}
	if len(weeks) == 1 && weeks[0] == (WeekSpan{0, MinutesPerWeek}) {
		weeks = nil // always: no edge where nothing changes
	}
	return Hours{Spec: spec, Weeks: weeks}
}

// String is the plan as it was written.
func (h Hours) String() string {
	if len(h.Weeks) == 0 || h.Spec == "" {
		return "always"
	}
	return h.Spec
}

// covers reports whether the plan holds sec seconds into the week.
func (h Hours) covers(sec int) bool {
	if len(h.Weeks) == 0 {
		return true
	}
	for _, s := range h.Weeks {
		if sec >= s.From*60 && sec < s.Until*60 {
			return true
		}
	}
	return false
}

// nextEdge is how many seconds after sec the plan's next edge lies, more than
// 0 and at most a week.
func (h Hours) nextEdge(sec int) int {
	const week = MinutesPerWeek * 60
	next := week
	for _, s := range h.Weeks {
		for _, edge := range [2]int{s.From * 60, s.Until * 60} {
			if d := (edge - sec + week) % week; d > 0 && d < next {
				next = d
			}
		}
	}
	return next
}

// weekSecond is the wall-clock second of the week, from Monday 00:00.
func weekSecond(t time.Time) int {
	day := (int(t.Weekday()) + 6) % 7
	h, m, s := t.Clock()
	return ((day*24+h)*60+m)*60 + s
}
