package rehearse

import (
	"math"
	"slices"
	"time"

	"postroom/threads"
)

// Outcome is what came of a simulation. Times are in seconds, waits by the
// wall clock.
type Outcome struct {
	Load          int       `json:"load"`
	From          time.Time `json:"from"`
	Until         time.Time `json:"until"` // when the last mail came
	Mails         int       `json:"mails"`
	Conversations int       `json:"conversations"`
	Answers       int       `json:"answers"`
	// FirstReply is how long customers waited for the first answer; Never is
	// how many conversations had none when the simulation ended.
	FirstReply Waits `json:"first_reply"`
	Never      int   `json:"never"`
	// Left is how many conversations waited for an answer when the last mail
	// had come.
	Left        int               `json:"left"`
	NobodyHours float64           `json:"nobody_hours"` // hours of the time nobody was on duty
	NobodyMails int               `json:"nobody_mails"` // mails that came then
	WorkHours   float64           `json:"work_hours"`   // what the answers cost
	DutyHours   float64           `json:"duty_hours"`   // of all engineers together
	Engineers   []EngineerOutcome `json:"engineers"`
}

// Waits are the middle one, and the one that nine in ten are below.
type Waits struct {
	Median int64 `json:"median"`
	P90    int64 `json:"p90"`
}

// EngineerOutcome is one engineer's part.
type EngineerOutcome struct {
	Engineer      string  `json:"engineer"`
	Conversations int     `json:"conversations"` // she was given, with those handed on to her
	HandedOn      int     `json:"handed_on"`
	Answers       int     `json:"answers"`
	WorkHours     float64 `json:"work_hours"`
	DutyHours     float64 `json:"duty_hours"`

	open int
	busy time.Duration
}

// sum closes the books of a run.
func (p *play) sum(t *Traffic) *Outcome {
	o := &p.outcome
	o.From, o.Until = t.Span()
	o.Mails, o.Conversations = len(t.Arrivals), len(p.cases)
	if !p.over {
		o.Left = p.open()
	}
	slices.Sort(p.firsts)
	o.FirstReply = waits(p.firsts)
	for _, c := range p.cases {
		if !c.done {
			o.Never++
		}
	}
	for i := range o.Engineers {
		e := &o.Engineers[i]
		e.WorkHours, e.DutyHours = hours(e.busy), hours(onDuty(p.desks[e.Engineer].alone, o.From, o.Until))
		o.Answers += e.Answers
		o.WorkHours += e.WorkHours
		o.DutyHours += e.DutyHours
	}
	o.WorkHours, o.DutyHours = cents(o.WorkHours), cents(o.DutyHours)
	o.NobodyHours = hours(o.Until.Sub(o.From) - onDuty(p.Rotation, o.From, o.Until))
	return o
}

func hours(d time.Duration) float64 { return cents(d.Hours()) }

// cents rounds to hundredths: nobody plans by the second.
func cents(h float64) float64 { return math.Round(h*100) / 100 }

func waits(sorted []time.Duration) Waits {
	if len(sorted) == 0 {
		return Waits{}
	}
	at := func(share float64) int64 {
		return int64(sorted[min(int(share*float64(len(sorted))), len(sorted)-1)].Seconds())
	}
	return Waits{Median: at(0.5), P90: at(0.9)}
}

// onDuty is how much of a time at least one engineer is on duty.
func onDuty(rot *threads.Rotation, from, until time.Time) time.Duration {
	var sum time.Duration
	for t := from; t.Before(until); {
		next, ok := rot.NextChange(t, nil)
		if !ok || next.After(until) {
			next = until
		}
		there := slices.ContainsFunc(rot.Engineers, func(e threads.Engineer) bool { return rot.Presence(e.Key, t, nil).OnDuty })
		if there {
			sum += next.Sub(t)
		}
		t = next
	}
	return sum
}

// MaxLoad is the most a simulation multiplies traffic by.
const MaxLoad = 50

// maxWork bounds the mails one search for the limit replays.
const maxWork = 600_000

// Limit is the highest load up to MaxLoad at which the team keeps up: when the
// last mail has come, no more waits than the team answers in a day. It is 0
// when even the traffic as it was is too much, and known is false when there
// is too much of it to try.
func (s Simulation) Limit(t *Traffic) (load int, known bool, err error) {
	low, high := 0, 0 // low is kept up with, high is not; 0 where none is known
	work := 0
	for low < MaxLoad && high != low+1 {
		try := min(max(2*low, 1), MaxLoad)
		if high > 0 {
			try = (low + high) / 2
		}
		if work += try * len(t.Arrivals); work > maxWork {
			return low, false, nil
		}
		o, err := s.Run(t.Multiplied(try))
		if err != nil {
			return 0, false, err
		}
		if s.keptUp(o) {
			low = try
		} else {
			high = try
		}
	}
	return low, true, nil
}

// keptUp reports whether what is left at the end is less than a day's work.
func (s Simulation) keptUp(o *Outcome) bool {
	days := o.Until.Sub(o.From).Hours() / 24
	if days < 1 {
		days = 1
	}
	return float64(o.Left)*s.Takes.Hours() <= o.DutyHours/days
}
