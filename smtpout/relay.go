package smtpout

import (
	"slices"
	"strings"
	"time"

	"postroom/internal/store"
)

// widenAfter is how long the relay is spared one more connection after it
// refused one while others were open; and the next one for as long again.
const widenAfter = 15 * time.Second

// doubtful is how many domains in a row get the same temporary reply until it
// is taken for the relay's.
const doubtful = 3

// relay is what the dispatcher knows of the relay's health. It belongs to the
// dispatcher's goroutine.
type relay struct {
	failures int       // in a row
	until    time.Time // paused until then, when failures > 0
	err      error     // why

	suspect string // the mail that last met trouble that may be the relay's

	narrow   int       // most connections at narrowed; 0 is as configured
	narrowed time.Time // one more each widenAfter since

	deferral string          // a temporary reply to RCPT, without the address
	deferred map[string]bool // the domains that got it, in a row
}

func (r *relay) failing() bool             { return r.failures > 0 }
func (r *relay) paused(now time.Time) bool { return r.failing() && now.Before(r.until) }

// doubted reports whether the last mails gave a reason to look twice.
func (r *relay) doubted() bool { return r.failing() || r.suspect != "" || r.deferral != "" }

// connections is how many may be open now.
func (r *relay) connections(configured int, now time.Time) int {
	if r.narrow == 0 {
		return configured
	}
	more := int(now.Sub(r.narrowed) / widenAfter)
	if r.narrow+more >= configured {
		r.narrow = 0
		return configured
	}
	return max(1, r.narrow+more)
}

// suspected reports whether trouble with this mail is the second in a row
// with different mails.
func (r *relay) suspected(id string) bool {
	second := r.suspect != "" && r.suspect != id
	r.suspect = id
	return second
}

// listened follows the replies to RCPT, and reports whether so many domains in
// a row got the same temporary one that it is the relay's.
func (r *relay) listened(res *result) (string, bool) {
	for i, v := range res.verdicts {
		switch {
		case slices.Contains(res.accepted, i):
			r.deferral, r.deferred = "", nil
		case v.state == store.OutQueued && v.reply.temporary():
			addr := res.job.mail.Recipients[i].Address
			same := strings.ReplaceAll(v.reply.String(), addr, "")
			if same != r.deferral {
				r.deferral, r.deferred = same, map[string]bool{}
			}
			r.deferred[strings.ToLower(addr[strings.LastIndexByte(addr, '@')+1:])] = true
			if len(r.deferred) >= doubtful {
				r.deferral, r.deferred = "", nil
				return same, true
			}
		}
	}
	return "", false
}

// backoff is the n-th pause, n from 1: first, doubled each time up to most,
// and somewhere between three quarters and five quarters of that.
func backoff(first, most time.Duration, n int, jitter float64) time.Duration {
	d := first
	for ; n > 1 && d < most; n-- {
		d *= 2
	}
	d = min(d, most)
	return time.Duration(float64(d) * (0.75 + 0.5*jitter))
}
