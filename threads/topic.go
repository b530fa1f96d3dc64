package threads

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Topic is a subject matter with owners: whoever built it answers for it. A
// mail matches when any one entry of any one list does, whatever its case.
type Topic struct {
	Name    string
	Team    string   // the team that owns it beside engineers who say so; "" for none
	Subject []string // words or phrases; each matches where a word begins with it
	Body    []string // likewise, in the text
	To      []string // addresses, or domains with their subdomains
	From    []string // likewise
}

// Matches reports whether any entry of the topic fits a mail with this
// subject, text, recipients and sender.
func (t *Topic) Matches(subject, body string, to []string, from string) bool {
	return containsWord(subject, t.Subject) || containsWord(body, t.Body) ||
		slices.ContainsFunc(to, func(a string) bool { return addressIn(a, t.To) }) ||
		addressIn(from, t.From)
}

// containsWord reports whether one of the words begins where a word of the
// text begins: "tls" is found in "TLSv1.3 fails", not in "settlsomething".
func containsWord(text string, words []string) bool {
	if text == "" || len(words) == 0 {
		return false
	}
	text = strings.ToLower(text)
	for _, word := range words {
		if word = strings.ToLower(word); word != "" && beginsWord(text, word) {
			return true
		}
	}
	return false
}

func beginsWord(text, word string) bool {
	first, _ := utf8.DecodeRuneInString(word)
	for at := 0; ; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return false
		}
		before, _ := utf8.DecodeLastRuneInString(text[:at+i])
		if at+i == 0 || !joins(before) || !joins(first) {
			return true
		}
		_, n := utf8.DecodeRuneInString(text[at+i:])
		at += i + n
	}
}

// joins reports whether r is part of the word beside it. Scripts written
// without spaces have no word to be in the middle of.
func joins(r rune) bool {
	if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer) {
		return false
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

// addressIn reports whether addr is one of the addresses, or in one of the
// domains ("acme.example", "@acme.example") or below it.
func addressIn(addr string, entries []string) bool {
	if len(entries) == 0 {
		return false
	}
	key := AddressKey(addr)
	_, domain, ok := strings.Cut(key, "@")
	if !ok {
		return false
	}
	for _, e := range entries {
		e = AddressKey(e)
		local, d, at := strings.Cut(e, "@")
		switch {
		case at && local != "":
			ok = e == key
		case at:
			ok = domain == d || strings.HasSuffix(domain, "."+d)
		default:
			ok = domain == e || strings.HasSuffix(domain, "."+e)
		}
		if ok {
			return true
		}
	}
	return false
}
