package threads

import (
	"maps"
	"slices"
)

// MaxSets is how many sets of candidates Pointers remembers; the one not used
// for the longest time goes first, and begins a new cycle if it ever returns.
const MaxSets = 256

// onePick is what one pick at weight 1 adds to Served.Share. It is
// divisible by every weight to 16; beyond, the rounding only ever breaks ties.
const onePick = 720720

// Pointers is whose turn it is. Every set of candidates (who was eligible,
// with what weights) takes turns of its own: smooth weighted round-robin,
// kept as the picks of the cycle under way, from which the current weights
// follow. In a cycle each member is picked exactly as often as her weight
// says, so absence, which only changes the set, leaves neither debt nor
// credit behind.
//
// The zero Pointers is where everything begins. A Pointers is changed by
// Apply alone, and that with what Pick returned for it; it may be kept as one
// JSON value or, by the fields of each Delta, in records.
type Pointers struct {
	Picks   uint64            `json:"picks"`   // picks ever made; the clock of Turn.Used and Served.Last
	Sets    map[string]Turn   `json:"sets"`    // by the hash of the set
	Served  map[string]Served `json:"served"`  // by engineer; breaks ties
	Present []string          `json:"present"` // who was eligible at the last pick
}

// Served is what an engineer had over all sets. It only breaks ties, so that
// sets that change all the time do not always favour the same people.
type Served struct {
	Share int64  `json:"share"` // picks per weight, in units of which 720720 are a pick at weight 1
	Last  uint64 `json:"last"`  // Pointers.Picks at her last pick; 0 for none
}

// before reports whether someone with s comes before someone with o.
func (s Served) before(o Served) bool {
	return s.Share < o.Share || s.Share == o.Share && s.Last < o.Last
}

// Turn is the cycle under way in one set of candidates.
type Turn struct {
	Used  uint64         `json:"used"`  // Pointers.Picks at its last pick
	Cycle uint64         `json:"cycle"` // cycles completed
	Done  int            `json:"done"`  // picks of this cycle
	Had   map[string]int `json:"had"`   // of these, by engineer; those without one are left out
}

// Delta is what one pick changes in Pointers. The zero Delta changes nothing.
type Delta struct {
	Picks   uint64            `json:"picks,omitempty"`
	Set     string            `json:"set,omitempty"`     // the set whose Turn is new
	Turn    Turn              `json:"turn,omitzero"`     // of Had only what is new; TurnAfter is the whole
	Forget  []string          `json:"forget,omitempty"`  // sets that go
	Served  map[string]Served `json:"served,omitempty"`  // new values
	Gone    []string          `json:"gone,omitempty"`    // engineers whose Served goes
	Present []string          `json:"present,omitempty"` // the new list; nil when it is the same
}

// TurnAfter is the whole turn of d's set after the pick, for a caller who
// keeps each set in a record of its own. It shares nothing with p.
func (p *Pointers) TurnAfter(d Delta) Turn {
	turn := d.Turn
	if turn.Had = maps.Clone(p.Sets[d.Set].Had); turn.Had == nil || turn.Done == 0 {
		turn.Had = map[string]int{}
	}
	maps.Copy(turn.Had, d.Turn.Had)
	return turn
}

// Apply brings p to where it stands after the pick. The two share nothing.
func (p *Pointers) Apply(d Delta) {
	if d.Set == "" {
		return
	}
	if p.Sets == nil {
		p.Sets = map[string]Turn{}
	}
	if p.Served == nil {
		p.Served = map[string]Served{}
	}
	for _, set := range d.Forget {
		delete(p.Sets, set)
	}
	for _, key := range d.Gone {
		delete(p.Served, key)
	}
	turn := d.Turn
	if turn.Had = p.Sets[d.Set].Had; turn.Had == nil || turn.Done == 0 {
		turn.Had = map[string]int{}
	}
	maps.Copy(turn.Had, d.Turn.Had)
	p.Sets[d.Set] = turn
	maps.Copy(p.Served, d.Served)
	if d.Present != nil {
		p.Present = slices.Clone(d.Present)
	}
	p.Picks = d.Picks
}

// Clone is a copy that goes its own way: to see what would come next.
func (p *Pointers) Clone() Pointers {
	c := Pointers{Picks: p.Picks, Served: maps.Clone(p.Served), Present: slices.Clone(p.Present)}
	c.Sets = maps.Clone(p.Sets)
	for set, turn := range c.Sets {
		turn.Had = maps.Clone(turn.Had)
		c.Sets[set] = turn
	}
	return c
}

// forget names the sets that must go to make room for set.
func (p *Pointers) forget(set string) []string {
	if _, known := p.Sets[set]; known || len(p.Sets) < MaxSets {
		return nil
	}
	oldest := ""
	for k, t := range p.Sets {
		if o := p.Sets[oldest]; oldest == "" || t.Used < o.Used || t.Used == o.Used && k < oldest {
			oldest = k
		}
	}
	return []string{oldest}
}
