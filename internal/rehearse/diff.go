package rehearse

import "postroom/threads"

// Change is a decision that other rules would change.
type Change struct {
	Decision
	Changed []string `json:"changed"` // the names of what is different
	Other   Other    `json:"other"`
}

// Other is the decision by the other rules. Its conversations are numbered by
// themselves.
type Other struct {
	Conversation *threads.ID    `json:"conversation"`
	Matched      threads.Reason `json:"matched"`
	Class        threads.Class  `json:"class"`
	Owner        string         `json:"owner"`
	Action       Action         `json:"action"`
	Reason       string         `json:"reason"`
	Linked       *threads.ID    `json:"linked"`
}

// Diff rehearses by two sets of rules at once. It is for one goroutine.
type Diff struct {
	here, there *Rehearsal
	// same pairs the conversations that the same mail opened: their numbers
	// go apart as soon as one side opens one more.
	same map[threads.ID]threads.ID
}

// NewDiff returns a Diff between rules and others.
func NewDiff(rules, others Rules) *Diff {
	return &Diff{here: New(rules), there: New(others), same: map[threads.ID]threads.ID{}}
}

// Take decides about the next mail by both; Changed is empty where they agree.
func (d *Diff) Take(l Clocked) (Change, error) {
	a, err := d.here.Take(l)
	if err != nil {
		return Change{}, err
	}
	b, err := d.there.Take(l)
	if err != nil {
		return Change{}, err
	}
	c := Change{Decision: a, Changed: []string{}, Other: Other{b.Conversation, b.Matched, b.Class, b.Owner, b.Action, b.Reason, b.Linked}}
	for _, x := range []struct {
		name    string
		changed bool
	}{
		{"conversation", !d.alike(a, b)},
		{"matched", a.Matched != b.Matched},
		{"class", a.Class != b.Class},
		{"owner", a.Owner != b.Owner},
		{"action", a.Action != b.Action},
	} {
		if x.changed {
			c.Changed = append(c.Changed, x.name)
		}
	}
	return c, nil
}

// alike reports whether two decisions name the same conversation.
func (d *Diff) alike(a, b Decision) bool {
	if a.Conversation == nil || b.Conversation == nil {
		return a.Conversation == b.Conversation
	}
	if opens(a) && opens(b) {
		d.same[*a.Conversation] = *b.Conversation
	}
	return d.same[*a.Conversation] == *b.Conversation
}

func opens(d Decision) bool { return d.Matched == threads.ByNothing && d.Action != ActSame }
