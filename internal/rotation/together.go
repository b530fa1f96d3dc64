package rotation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"postroom/threads"
)

// What of common absence is told: from now to so far ahead, and no shorter.
const (
	togetherAhead = 365 * 24 * time.Hour
	togetherLeast = 24 * time.Hour
	togetherMost  = 3 // of the stretches
)

// awayTogether lists when, from now on, everybody is away at once; "" for
// never, or where it does not matter. Hours are weekGaps' to say.
func awayTogether(r *threads.Rotation, now time.Time) string {
	if r.Policy.NobodyOnDuty == threads.NobodyAnyone || len(r.Engineers) == 0 {
		return ""
	}
	common := []threads.Span{{From: now, Until: now.Add(togetherAhead)}}
	for i := range r.Engineers {
		e := &r.Engineers[i]
		common = both(common, joinSpans(slices.Concat(e.Away, e.Calendar)))
	}
	var list []string
	for _, s := range common {
		if s.Until.Sub(s.From) < togetherLeast {
			continue
		}
		when := "until " + threads.SayTime(s.Until.In(r.Location))
		if s.From.After(now) {
			when = "from " + threads.SayTime(s.From.In(r.Location)) + " " + when
		}
		list = append(list, when)
	}
	if n := len(list); n > togetherMost {
		list = append(list[:togetherMost], fmt.Sprintf("and %d times more", n-togetherMost))
	}
	return strings.Join(list, ", ")
}

// both is the time in both of two lists of spans, each in order.
func both(a, b []threads.Span) (out []threads.Span) {
	for len(a) > 0 && len(b) > 0 {
		s := threads.Span{From: a[0].From, Until: a[0].Until}
		if b[0].From.After(s.From) {
			s.From = b[0].From
		}
		if b[0].Until.Before(s.Until) {
			s.Until = b[0].Until
		}
		if s.From.Before(s.Until) {
			out = append(out, s)
		}
		if a[0].Until.Before(b[0].Until) {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return out
}
