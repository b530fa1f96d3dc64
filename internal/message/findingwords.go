package message

import (
	"slices"
	"strings"
)

// FindingWords tells the author of a mail what was found in it: each thing once,
// with the places where it stands.
func FindingWords(findings []Finding) []string {
	var whats []string
	places := map[string][]string{}
	for _, f := range findings {
		if !slices.Contains(whats, f.What) {
			whats = append(whats, f.What)
		}
		if p := place(f.Where); !slices.Contains(places[f.What], p) {
			places[f.What] = append(places[f.What], p)
		}
	}
	for i, what := range whats {
		whats[i] = what + " (" + strings.Join(places[what], ", ") + ")"
	}
	return whats
}

// place is where something was found, in the words of people who have never
// seen the parts of a mail.
func place(where string) string {
	inside := ""
	for rest, ok := strings.CutPrefix(where, "attached message, "); ok; rest, ok = strings.CutPrefix(where, "attached message, ") {
		where, inside = rest, " of an attached mail"
	}
	name, field := strings.CutPrefix(where, "header ")
	switch {
	case where == "":
		return "in an attached mail"
	case where == "text", where == "plain":
		return "in the text" + inside
	case where == "html":
		return "in the HTML text" + inside
	case field:
		return "in the field " + name + inside
	}
	return "in the " + where + inside
}
