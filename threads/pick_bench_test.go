package threads

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// crowd is a company of n engineers with a limit each and open conversations.
func crowd(n, open int) (*Rotation, map[string]int) {
	r, load := &Rotation{}, map[string]int{}
	for i := range n {
		r.Engineers = append(r.Engineers, Engineer{Key: fmt.Sprintf("engineer%d@acme.example", i), Name: fmt.Sprint(i), Weight: 1 + i%3, MaxOpen: 1000})
	}
	for i := range open {
		load[r.Engineers[i%n].Key]++
	}
	return r, load
}

// pickInto picks and takes the turn, as the gateway does.
func pickInto(r *Rotation, load map[string]int, p *Pointers, now time.Time) bool {
	c, d, ok := Pick(r, PickRequest{Now: now, Subject: "it does not start", Load: func(key string) int { return load[key] }}, p)
	p.Apply(d)
	load[c.Engineer]++
	return ok
}

// A pick among a thousand engineers who have 200,000 conversations open takes
// less than 100 µs on the machine this was written on.
func BenchmarkPick1000With200000Open(b *testing.B) {
	r, load := crowd(1000, 200_000)
	var p Pointers
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		c, d, ok := Pick(r, PickRequest{Now: now, Load: func(key string) int { return load[key] }}, &p)
		if !ok || c.Engineer == "" {
			b.Fatal("nobody")
		}
		p.Apply(d)
	}
}

// What a pick leaves behind does not grow: not with the conversations that
// are open, and not with the picks ever made.
func TestPickLeavesNothingBehind(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	perPick := func(open int) float64 {
		r, load := crowd(200, open)
		var p Pointers
		for range 400 { // a whole cycle: everyone is in the maps
			pickInto(r, load, &p, now)
		}
		return testing.AllocsPerRun(200, func() {
			if !pickInto(r, load, &p, now) {
				t.Fatal("nobody")
			}
		})
	}
	if few, many := perPick(0), perPick(40_000); many > few+2 {
		t.Errorf("a pick makes %.0f allocations, with 40,000 open conversations %.0f", few, many)
	}

	r, load := crowd(50, 0)
	for i := range r.Engineers {
		r.Engineers[i].MaxOpen = 0
	}
	var p Pointers
	for i := range 20_000 { // sets that change all the time
		r.Engineers[i%50].Weight = 1 + i%7
		pickInto(r, load, &p, now)
	}
	if len(p.Sets) > MaxSets || len(p.Served) > 50 || len(p.Present) > 50 {
		t.Errorf("after 20,000 picks: %d sets, %d served, %d present", len(p.Sets), len(p.Served), len(p.Present))
	}
	runtime.KeepAlive(load)
}
