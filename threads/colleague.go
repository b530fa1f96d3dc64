package threads

import (
	"fmt"
	"strings"
)

// maxTold is how many engineers a person is told of, who named none of them.
const maxTold = 12

// Colleague finds the engineer a person names: by address, local part, full,
// first or last name where only one person is meant. The reason says why there
// is no such one, "" when there is.
func Colleague(r *Rotation, who string) (key, reason string) {
	want := strings.ToLower(strings.Join(strings.Fields(strings.Trim(who, " @<>.,;:!\"'")), " "))
	if want == "" {
		return "", "it needs the name of an engineer"
	}
	if e, ok := r.ByAddress(strings.TrimPrefix(want, "mailto:")); ok {
		return e.Key, ""
	}
	var hits, called []*Engineer
	for i := range r.Engineers {
		e := &r.Engineers[i]
		name := strings.ToLower(strings.Join(strings.Fields(e.Name), " "))
		if name == want {
			called = append(called, e)
		}
		words := strings.Fields(name)
		local, _, _ := strings.Cut(e.Key, "@")
		if local == want || name == want || len(words) > 0 && (words[0] == want || words[len(words)-1] == want) {
			hits = append(hits, e)
		}
	}
	if len(called) > 0 {
		hits = called
	}
	switch len(hits) {
	case 1:
		return hits[0].Key, ""
	case 0:
		reason = fmt.Sprintf("nobody in the rotation is called %q", who)
		if n := len(r.Engineers); n > 0 && n <= maxTold {
			names := make([]string, n)
			for i, e := range r.Engineers {
				names[i] = e.Name
			}
			reason += "; there are " + strings.Join(names, ", ")
		}
		return "", reason
	}
	var list []string
	for _, e := range hits {
		list = append(list, e.Name+" <"+e.Email+">")
	}
	return "", fmt.Sprintf("%q may be any of %s", who, strings.Join(list, ", "))
}
