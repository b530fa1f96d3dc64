package rehearse

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"postroom/threads"
)

// Traffic is what came in and what was answered over a time: what a
// simulation replays.
type Traffic struct {
	Arrivals []Arrival // by time
	Answers  []Answer  // by time; what was really answered
}

// Arrival is one mail that somebody has to answer.
type Arrival struct {
	Case    int // which conversation; each has a number of its own
	At      time.Time
	From    threads.Address
	To      []threads.Address
	Subject string
	Text    string // for topics, bounded; may be empty
}

// Answer is one answer that was sent.
type Answer struct {
	Case int
	At   time.Time
	By   string // the engineer's key; "" when nobody knows
}

// Span is from the first arrival to the last.
func (t *Traffic) Span() (from, until time.Time) {
	if len(t.Arrivals) == 0 {
		return from, until
	}
	return t.Arrivals[0].At, t.Arrivals[len(t.Arrivals)-1].At
}

// Sort brings what was added in any order into the order of time.
func (t *Traffic) Sort() {
	slices.SortStableFunc(t.Arrivals, func(a, b Arrival) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Case, b.Case)) })
	slices.SortStableFunc(t.Answers, func(a, b Answer) int { return a.At.Compare(b.At) })
}

// Last keeps the end of the traffic: what came within d of the last arrival.
func (t *Traffic) Last(d time.Duration) {
	_, until := t.Span()
	from := until.Add(-d)
	t.Arrivals = slices.DeleteFunc(t.Arrivals, func(a Arrival) bool { return a.At.Before(from) })
	t.Answers = slices.DeleteFunc(t.Answers, func(a Answer) bool { return a.At.Before(from) })
}

// maxTopicText is how much of a text is kept to find topics in, in octets.
const maxTopicText = 2 << 10

// TrafficOf is the traffic in old mail: what a rehearsal by the rules would
// give to somebody, and the mails engineers of the rotation or the mailbox
// itself wrote. failed is called with what cannot be read.
func TrafficOf(rules Rules, letters iter.Seq[Clocked], failed func(error)) (*Traffic, error) {
	r := New(rules)
	t := &Traffic{}
	for l := range letters {
		if l.Err != nil {
			failed(l.Err)
			continue
		}
		d, err := r.Take(l)
		if err != nil {
			return nil, err
		}
		if d.Conversation == nil || l.Now.IsZero() {
			continue
		}
		number := int(*d.Conversation)
		switch {
		case d.Action == ActAnswer:
			t.Answers = append(t.Answers, Answer{Case: number, At: l.Now})
		case d.Class == threads.ClassEngineer:
			author, _ := r.rotation.ByAddress(l.Mail.Sender().Addr)
			if author != nil {
				t.Answers = append(t.Answers, Answer{Case: number, At: l.Now, By: author.Key})
			}
		case d.Action == ActOpen, d.Action == ActJoin, d.Action == ActContinue:
			text := l.Mail.NewText
			t.Arrivals = append(t.Arrivals, Arrival{
				Case: number, At: l.Now, From: l.Mail.Sender(), To: l.Mail.To, Subject: l.Mail.Subject, Text: text[:min(len(text), maxTopicText)],
			})
		}
	}
	t.Sort()
	return t, nil
}

// Multiplied is n times the traffic: each conversation comes n times, its
// copies spread over the hour behind it, so that days and weeks keep their
// shape.
func (t *Traffic) Multiplied(n int) *Traffic {
	if n <= 1 {
		return t
	}
	most := 0
	for _, a := range t.Arrivals {
		most = max(most, a.Case)
	}
	many := &Traffic{Answers: t.Answers}
	for _, a := range t.Arrivals {
		for i := range n {
			again := a
			again.Case = a.Case + i*(most+1)
			again.At = a.At.Add(time.Duration(i) * time.Hour / time.Duration(n))
			many.Arrivals = append(many.Arrivals, again)
		}
	}
	many.Sort()
	return many
}

// fewestPauses is how many pauses must have been seen to trust their middle.
const fewestPauses = 20

// Takes estimates how long an answer takes its author: the median of the
// pauses between two answers of one engineer that lie within two hours of each
// other, for then she was at it. n is how many there are; below 20 the result
// is 0.
func (t *Traffic) Takes() (takes time.Duration, n int) {
	const atIt = 2 * time.Hour
	last := map[string]time.Time{}
	var pauses []time.Duration
	for _, a := range t.Answers {
		if a.By == "" {
			continue
		}
		if before, ok := last[a.By]; ok && a.At.Sub(before) <= atIt {
			pauses = append(pauses, a.At.Sub(before))
		}
		last[a.By] = a.At
	}
	if len(pauses) < fewestPauses {
		return 0, len(pauses)
	}
	slices.Sort(pauses)
	return max(pauses[len(pauses)/2].Round(time.Second), time.Second), len(pauses)
}
