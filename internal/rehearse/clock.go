package rehearse

import (
	"iter"
	"slices"
	"time"
)

// ahead is how many mails behind one are looked at to tell its time. One or
// two of them may be wrong without a consequence.
const ahead = 5

// Clocked is a letter with the time of the clock.
type Clocked struct {
	Letter
	Now time.Time
}

// Clock gives out letters with the time of a clock that the mails themselves
// drive: a mail's own time, held between its neighbours. It never goes back,
// and one mail from the future does not take it there: no mail is later than
// the middle one of those behind it. A mail without a time comes when the one
// before it came.
func Clock(letters iter.Seq[Letter]) iter.Seq[Clocked] {
	return func(yield func(Clocked) bool) {
		var queue []Letter
		var now time.Time
		next := func() bool {
			l := queue[0]
			queue = queue[1:]
			if l.Err == nil {
				now = tick(now, l.At, queue)
			}
			return yield(Clocked{l, now})
		}
		for l := range letters {
			if queue = append(queue, l); len(queue) > ahead && !next() {
				return
			}
		}
		for len(queue) > 0 {
			if !next() {
				return
			}
		}
	}
}

// tick is the clock after a mail whose own time is at, with others behind it.
func tick(now, at time.Time, behind []Letter) time.Time {
	var times []time.Time
	for _, l := range behind {
		if !l.At.IsZero() {
			times = append(times, l.At)
		}
	}
	if len(times) > 0 && !at.IsZero() {
		slices.SortFunc(times, time.Time.Compare)
		if middle := times[(len(times)-1)/2]; at.After(middle) {
			at = middle
		}
	}
	if at.Before(now) {
		return now
	}
	return at
}
