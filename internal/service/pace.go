package service

import (
	"math"
	"time"

	"postroom/internal/admin"
)

// paceOver is the time over which the pace of the history import is reckoned:
// ranges differ, and servers answer in bursts.
const paceOver = 10 * time.Second

// pace is how fast something comes along.
type pace struct {
	at   time.Time
	done int
	rate float64 // messages a second; 0: not known yet
}

// step notes how much is done at a time.
func (p *pace) step(now time.Time, done int) {
	if p.at.IsZero() || done < p.done {
		p.at, p.done, p.rate = now, done, 0
		return
	}
	took := now.Sub(p.at).Seconds()
	if took <= 0 {
		return
	}
	rate := float64(done-p.done) / took
	if p.rate > 0 { // the longer it took, the more it counts
		weight := 1 - math.Exp(-took/paceOver.Seconds())
		rate = p.rate + weight*(rate-p.rate)
	}
	p.at, p.done, p.rate = now, done, rate
}

// progress is done of total at this pace.
func (p *pace) progress(done, total int) admin.Progress {
	h := admin.Progress{Done: done, Total: total}
	if left := total - done; left > 0 && p.rate > 0 {
		h.Rate = math.Round(p.rate*10) / 10
		h.SecondsLeft = int64(math.Ceil(float64(left) / p.rate))
	}
	return h
}

// History is how far the import of old mail has come; a total of 0 says that
// none is under way.
func (s *Service) History() admin.Progress {
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	return s.watch.history()
}
