package threads

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxAnswerName bounds the name of a saved answer, in letters.
const maxAnswerName = 60

// AnswerName reads the name of a saved answer: letters and digits of any
// script, joined by - and _; case does not matter, and blanks become -. It is
// the name of a file, too, and can name nothing elsewhere. The reason says
// what is wrong with it, "" for nothing.
func AnswerName(arg string) (name, reason string) {
	name = strings.Join(strings.FieldsFunc(strings.ToLower(arg), unicode.IsSpace), "-")
	name = strings.TrimRight(name, ".,;:!")
	switch {
	case name == "":
		return "", "it needs a name behind it, such as reset-password"
	case utf8.RuneCountInString(name) > maxAnswerName:
		return "", fmt.Sprintf("a name of more than %d letters is too long", maxAnswerName)
	}
	for i, r := range name {
		joins := r == '-' || r == '_' || unicode.IsMark(r)
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && (i == 0 || !joins) {
			return "", fmt.Sprintf("%q is no name; letters, digits, - and _ make one", arg)
		}
	}
	return name, ""
}

// maxNames bounds the saved answers a refusal lists.
const maxNames = 40

func (s *step) cannotAnswer(o order) string {
	if o.note {
		return "/answer is for customers and /note for colleagues: one of them has to go"
	}
	name, reason := AnswerName(o.Arg)
	if reason != "" {
		return prefixed("/answer", reason)
	}
	var names []string
	if s.w.Saved != nil {
		names = s.w.Saved()
	}
	best, meant := 3, ""
	for _, n := range names {
		if n == name {
			return ""
		}
		if d := distance(name, n); d < best && d < len(n) {
			best, meant = d, n
		}
	}
	switch {
	case len(names) == 0:
		return fmt.Sprintf("/answer: no answers are saved yet, so there is no %q; /save keeps one", name)
	case meant != "":
		return fmt.Sprintf("/answer: there is no saved answer %q; did you mean %q?", name, meant)
	case len(names) > maxNames:
		return fmt.Sprintf("/answer: there is no saved answer %q; saved are %s and %d more", name, strings.Join(names[:maxNames], ", "), len(names)-maxNames)
	}
	return fmt.Sprintf("/answer: there is no saved answer %q; saved are %s", name, strings.Join(names, ", "))
}

func (s *step) cannotSave(o order) string {
	if _, reason := AnswerName(o.Arg); reason != "" {
		return prefixed("/save", reason)
	}
	if o.mail.AnswerEmpty {
		return "/save keeps the text below it, and there is none"
	}
	return ""
}

// save keeps the text of her mail as an answer for all.
func (s *step) save(o order) {
	name, _ := AnswerName(o.Arg)
	s.event(Saved{By: o.engineer, Name: name})
	s.effect(SaveAnswer{Engineer: o.engineer, Name: name})
}
