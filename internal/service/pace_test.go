package service

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	var p pace
	p.step(at, 5000) // what was done before a restart tells nothing of the pace
	if h := p.progress(5000, 10_000); h.Rate != 0 || h.SecondsLeft != 0 {
		t.Errorf("before anything came along: %+v", h)
	}
	for i := 1; i <= 60; i++ {
		p.step(at.Add(time.Duration(i)*time.Second), 5000+50*i)
	}
	if h := p.progress(8000, 10_000); h.Rate != 50 || h.SecondsLeft != 40 {
		t.Errorf("50 a second for a minute: %+v", h)
	}
	p.step(at.Add(61*time.Second), 8250) // one fast range is no new pace
	if h := p.progress(8250, 10_000); h.Rate < 55 || h.Rate > 90 {
		t.Errorf("after a burst: %+v", h)
	}
	if h := p.progress(10_000, 10_000); h.Rate != 0 || h.SecondsLeft != 0 {
		t.Errorf("at the end: %+v", h)
	}
}
