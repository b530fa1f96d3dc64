package threads

import (
	"fmt"
	"testing"
	"time"
)

func TestPoll(t *testing.T) {
	c := Choice{Engineer: "b", Considered: []Considered{
		{Key: "a", Current: 1}, {Key: "x", Out: whyAway}, {Key: "b", Current: 3}, {Key: "c", Current: 2}, {Key: "y", Out: whyHours}}}
	var got string
	for _, x := range c.Poll().Considered {
		got += x.Key
	}
	if got != "bcaxy" || c.Considered[0].Key != "a" {
		t.Errorf("order %q, of %v", got, c.Considered)
	}
	r := &Rotation{}
	for i := range 300 {
		e := Engineer{Key: fmt.Sprintf("e%03d", i)}
		if i%3 == 0 {
			e.Away = []Span{{time.Unix(0, 0), time.Unix(100, 0)}}
		}
		r.Engineers = append(r.Engineers, e)
	}
	choice, _, ok := Pick(r, PickRequest{Now: time.Unix(50, 0)}, &Pointers{})
	p := choice.Poll()
	if !ok || len(p.Considered) != maxPoll || p.Considered[0].Key != choice.Engineer || p.Others[""] != 160 || p.Others[whyAway] != 100 {
		t.Errorf("%d named, others %v", len(p.Considered), p.Others)
	}
}
