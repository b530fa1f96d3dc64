package lab

import (
	"maps"
	"strings"
	"testing"
	"time"
)

// shrink looks for a shorter history that breaks the same promise: fewer days
// first, then fewer acts, in ever smaller pieces. It stops when nothing can be
// left out or when the time is over.
func shrink(t *testing.T, p plan, b promise, budget time.Duration) (plan, []string) {
	t.Helper()
	end := time.Now().Add(budget)
	var last verdict
	fails := func(q plan) bool {
		v := simulate(t, q)
		if v.breaks(b) {
			p, last = q, v
			return true
		}
		return false
	}
	for days := 1; days < p.days && time.Now().Before(end); days *= 2 {
		q := p
		q.days = days
		if fails(q) {
			break
		}
	}
	if last.acts == nil && !fails(p) {
		return p, nil // another run of it breaks nothing: the order of what was at once decides
	}
	for size := (len(last.acts) + 1) / 2; size > 0; size /= 2 {
		acts := names(last.acts)
		for i := 0; i < len(acts) && time.Now().Before(end); i += size {
			q := p
			q.drop = maps.Clone(p.drop)
			if q.drop == nil {
				q.drop = map[string]bool{}
			}
			for _, a := range acts[i:min(i+size, len(acts))] {
				q.drop[a] = true
			}
			fails(q)
		}
	}
	return p, last.acts
}

// names is the acts without their instants.
func names(acts []string) []string {
	list := make([]string, len(acts))
	for i, a := range acts {
		_, list[i], _ = strings.Cut(a, " ")
	}
	return list
}
