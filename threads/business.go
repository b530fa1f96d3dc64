package threads

import "time"

// maxBusiness bounds the steps of Business: two years of a plan that changes
// hourly.
const maxBusiness = 2 * 366 * 24

// Business is the instant at which d of business time will have passed since
// from. Business time passes while at least one engineer is on duty by the
// file: in her hours and not away. Leave that is not in the file does not stop
// it, so that a deadline told once stays where it is. The result is false when
// there is no such instant within two years.
func (r *Rotation) Business(from time.Time, d time.Duration) (time.Time, bool) {
	end := from.AddDate(2, 0, 0)
	t := from.Round(0)
	for range maxBusiness {
		if d <= 0 {
			return t, true
		}
		open, until := r.businessAt(t)
		if until.IsZero() { // nothing will ever change
			return t.Add(d), open
		}
		if open {
			if passed := until.Sub(t); passed < d {
				d -= passed
			} else {
				return t.Add(d), true
			}
		}
		if t = until; t.After(end) {
			break
		}
	}
	return time.Time{}, false
}

// businessAt reports whether anyone is on duty by the file at t, and until
// when that is known to stay so: the longest presence, or else the first to
// come. A zero time is for good.
func (r *Rotation) businessAt(t time.Time) (open bool, until time.Time) {
	for i := range r.Engineers {
		e := &r.Engineers[i]
		on := presence(e, t, weekSecond(t.In(r.Zone(e))), nil) == whyOn
		if open && !on {
			continue
		}
		next, known := r.nextChange(e, t, nil)
		switch {
		case on && !known:
			return true, time.Time{}
		case on && !open:
			open, until = true, next
		case on && next.After(until), !on && known && (until.IsZero() || next.Before(until)):
			until = next
		}
	}
	return open, until
}
