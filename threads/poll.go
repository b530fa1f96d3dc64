package threads

import (
	"cmp"
	"slices"
)

// Poll is how a pick went, as the event of it keeps it: enough to say years
// later who was considered, and who was passed over and why.
type Poll struct {
	Considered []Considered   `json:"considered"`       // the chosen one first, then those whose turn was nearest, then the others in the file's order
	Others     map[string]int `json:"others,omitempty"` // how many more were passed over, by reason; "" for candidates
}

// maxPoll is how many engineers a Poll names; a company of a thousand must
// not write a thousand names for each mail.
const maxPoll = 40

// Poll is the choice in the form that is kept.
func (c Choice) Poll() *Poll {
	list := slices.Clone(c.Considered)
	slices.SortStableFunc(list, func(a, b Considered) int {
		rank := func(x Considered) int {
			switch {
			case x.Key == c.Engineer:
				return 0
			case x.Out == "":
				return 1
			}
			return 2
		}
		if n := cmp.Compare(rank(a), rank(b)); n != 0 || a.Out != "" {
			return n
		}
		return cmp.Compare(b.Current, a.Current)
	})
	p := &Poll{Considered: list}
	if len(list) > maxPoll {
		p.Considered, p.Others = list[:maxPoll:maxPoll], map[string]int{}
		for _, x := range list[maxPoll:] {
			p.Others[x.Out]++
		}
	}
	return p
}
