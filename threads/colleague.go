package threads

import (
	"fmt"
	"strings"
)

// Colleague finds the engineer a person names: by address, local part, full
// or first name where only one person is meant. The reason says why there is
// no such one, "" when there is.
func Colleague(r *Rotation, who string) (key, reason string) {
	want := strings.ToLower(strings.Trim(who, " @<>"))
	if want == "" {
		return "", "it needs the name of an engineer"
	}
	var hits []string
	for i := range r.Engineers {
		e := &r.Engineers[i]
		first, _, _ := strings.Cut(strings.ToLower(e.Name), " ")
		local, _, _ := strings.Cut(e.Key, "@")
		if strings.ToLower(e.Name) == want || e.Key == want {
			return e.Key, ""
		}
		if first == want || local == want {
			hits = append(hits, e.Key)
		}
	}
	switch len(hits) {
	case 1:
		return hits[0], ""
	case 0:
		return "", fmt.Sprintf("nobody in the rotation is called %q", who)
	}
	return "", fmt.Sprintf("%q may be any of %s", who, strings.Join(hits, ", "))
}
