package rotation

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// section is a part of the file with keys of its own.
type section struct {
	place string   // where its keys belong, in the words of a hint
	keys  []string // what may stand in it
	alias map[string]string
}

// The sections of the file. Aliases are what people write instead.
func sections() map[string]section {
	person := map[string]string{
		"mail": "email", "e-mail": "email", "e_mail": "email", "address": "email", "alias": "aliases", "emails": "aliases",
		"other_addresses": "aliases", "tz": "timezone", "time_zone": "timezone", "zone": "timezone", "location": "timezone",
		"holiday": "away", "holidays": "away", "vacation": "away", "vacations": "away", "leave": "away", "absent": "away", "absence": "away",
		"topic": "topics", "skills": "topics", "owns": "topics", "limit": "max_open", "max": "max_open", "maxopen": "max_open",
		"working_hours": "hours", "work_hours": "hours", "office_hours": "hours", "shift": "hours", "schedule": "hours",
		"calendars": "calendar", "ics": "calendar", "ical": "calendar", "share": "weight", "fullname": "name", "full_name": "name",
	}
	return map[string]section{
		"file": {"at the top of the file, before the first [[engineer]]", []string{"timezone", "admins", "engineer", "topic", "team", "policy"},
			map[string]string{"tz": "timezone", "time_zone": "timezone", "admin": "admins", "engineers": "[[engineer]]", "person": "[[engineer]]", "people": "[[engineer]]", "topics": "[[topic]]",
				"teams": "[[team]]", "group": "[[team]]", "groups": "[[team]]", "policies": "policy"}},
		"engineer": {"under an [[engineer]]", []string{"name", "email", "aliases", "weight", "hours", "timezone", "away", "calendar", "topics", "max_open"}, person},
		"topic": {"under a [[topic]]", []string{"name", "subject", "to", "from", "body", "team"},
			map[string]string{"subjects": "subject", "recipient": "to", "sender": "from", "domain": "from", "text": "body", "words": "subject",
				"owner": "team", "owners": "team", "teams": "team", "group": "team"}},
		"team": {"under a [[team]]", []string{"name", "members"},
			map[string]string{"member": "members", "people": "members", "engineer": "members", "engineers": "members", "who": "members", "list": "members"}},
		"policy": {"under [policy]", []string{"mode", "offer_for", "nobody_on_duty", "keep_owner", "first_reply_within", "next_reply_within"},
			map[string]string{"nobody": "nobody_on_duty", "off_duty": "nobody_on_duty", "sticky": "keep_owner", "keep": "keep_owner",
				"offer": "offer_for", "first_reply": "first_reply_within", "reply_within": "first_reply_within", "first_response_within": "first_reply_within",
				"next_reply": "next_reply_within", "next_response_within": "next_reply_within"}},
	}
}

// checkKeys reports every key of t that has no business in its section. It
// returns the keys that those seem to stand for, so that nobody reads that
// they are missing as well.
func (d *document) checkKeys(t *table, in, where string) (meant map[string]bool) {
	all := sections()
	s := all[in]
	meant = map[string]bool{}
	for _, e := range t.keys {
		name := sayKey(e.name)
		switch {
		case slices.Contains(s.keys, e.name):
		default:
			hint, key := meantKey(all, s, e.name)
			meant[key] = true
			d.report(e.offset, where, hint, "%s: unknown key", name)
		}
	}
	return meant
}

// meantKey is the hint for an unknown key, and the key it seems to stand for.
func meantKey(all map[string]section, s section, name string) (hint, key string) {
	low := strings.ToLower(strings.ReplaceAll(name, "-", "_"))
	for _, form := range []string{low, strings.ToLower(name)} {
		if a := s.alias[form]; a != "" {
			return didYouMean(a), strings.Trim(a, "[]")
		}
	}
	if slices.Contains(s.keys, low) {
		return didYouMean(low), low
	}
	for _, other := range []string{"file", "engineer", "topic", "team", "policy"} {
		if o := all[other]; slices.Contains(o.keys, low) {
			return "it belongs " + o.place, ""
		}
	}
	if near := nearest(low, s.keys); near != "" {
		return didYouMean(near), near
	}
	keys := slices.Clone(s.keys)
	sort.Strings(keys)
	return "here can stand " + strings.Join(keys, ", "), ""
}

func didYouMean(s string) string { return fmt.Sprintf("did you mean %q?", s) }

// sayKey shows a key bare when it can be written so.
func sayKey(name string) string {
	if isKey(name) && len(name) <= 40 {
		return name
	}
	return fmt.Sprintf("%q", clip(name, 40))
}

// nearest is the candidate within two slips of s (one for short words), the
// first of several; "" when none is.
func nearest(s string, candidates []string) string {
	best, least := "", 3
	if len(s) < 5 {
		least = 2
	}
	if len(s) > 64 {
		return ""
	}
	low := strings.ToLower(s)
	for _, c := range candidates {
		if n := slips(low, strings.ToLower(c)); n < least {
			best, least = c, n
		}
	}
	return best
}

// slips counts the letters left out, added, changed or swapped with their
// neighbour between two words.
func slips(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range y {
		rows[0][j+1] = j + 1
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			n := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				n = min(n, rows[i-2][j-2]+1)
			}
			rows[i][j] = n
		}
	}
	return rows[len(x)][len(y)]
}
