package message

import (
	"strings"
	"unicode"
)

// baseSubject takes reply and forward marks off a subject, also behind a tag
// in brackets (RFC 5256 §2.1, with the marks of other languages). reply says
// that one of them was a reply mark.
func baseSubject(subject string) (base string, reply bool) {
	s := strings.TrimSpace(clip(subject, maxSubject))
	tags := ""
	for range 50 {
		if rest, mark := cutMark(s); mark != noMark {
			reply = reply || mark == replyMark
			s = rest
			continue
		}
		// A tag is kept, but not in the way of the mark behind it; warnings
		// that a gateway put there are dropped.
		tag, rest, ok := cutTag(s)
		if !ok {
			break
		}
		if warning(tag) {
			s = rest
			continue
		}
		if !marked(rest) {
			break
		}
		if !strings.Contains(tags, tag) {
			tags += tag + " "
		}
		s = rest
	}
	for {
		rest, ok := cutSuffixFold(s, "(fwd)")
		if !ok {
			break
		}
		s = rest
	}
	if inner, ok := forwardBrackets(s); ok {
		s = inner
	}
	if strings.HasPrefix(s, strings.TrimSpace(tags)) {
		tags = ""
	}
	return strings.Join(strings.Fields(tags+s), " "), reply
}

// answering reports whether the outermost mark of a subject is that of a reply:
// a reply that was forwarded answers nothing.
func answering(subject string) bool {
	s := clip(subject, maxSubject)
	for range 10 {
		if _, m := cutMark(s); m != noMark {
			return m == replyMark
		}
		_, rest, ok := cutTag(s)
		if !ok {
			return false
		}
		s = rest
	}
	return false
}

type mark int

const (
	noMark mark = iota
	replyMark
	forwardMark
)

func marked(s string) bool {
	for range 10 {
		if _, m := cutMark(s); m != noMark {
			return true
		}
		_, rest, ok := cutTag(s)
		if !ok {
			return false
		}
		s = rest
	}
	return false
}

// cutMark takes one mark off the front: a word, a count in brackets, a colon
// of one of the widths there are.
func cutMark(s string) (rest string, m mark) {
	s = strings.TrimLeftFunc(s, unicode.IsSpace)
	colon := -1
	size := 1
	for i, r := range s {
		if i > 24 {
			break
		}
		if r == ':' || r == '：' || r == '﹕' {
			colon, size = i, len(string(r))
			break
		}
	}
	if colon <= 0 {
		return s, noMark
	}
	word := strings.ToLower(strings.TrimSpace(s[:colon]))
	word = strings.TrimSpace(cutCount(word))
	m = markOf(word)
	if m == noMark {
		return s, noMark
	}
	return strings.TrimLeftFunc(s[colon+size:], unicode.IsSpace), m
}

// cutCount takes "[2]", "(2)", "^2" or "*2" off a mark.
func cutCount(word string) string {
	i := strings.IndexAny(word, "[(^*")
	if i <= 0 {
		return strings.TrimRight(word, "0123456789")
	}
	if strings.Trim(word[i:], "[]()^*0123456789") != "" {
		return word
	}
	return word[:i]
}

func markOf(word string) mark {
	switch word {
	case "re", "aw", "sv", "vs", "antw", "antwort", "antwoord", "res", "resp", "respuesta", "odp", "ynt", "yan", "yanıt", "rif", "r", "ri",
		"risposta", "réf", "rép", "réponse", "reponse", "rsp", "bls", "balas", "atb", "vá", "ats", "ατ", "απ", "σχετ", "на",
		"отв", "ответ", "отг", "відп", "回复", "回覆", "答复", "答覆", "回信", "返信", "답장", "회신", "re2", "תגובה", "השב", "رد", "پاسخ", "ตอบกลับ", "trả lời",
		"odpověď", "odpoveď", "odpovedi", "odg", "odgovor", "vastus", "vl-re", "ответить":
		return replyMark
	case "fwd", "fw", "wg", "weitergeleitet", "tr", "i", "inoltro", "rv", "enc", "enc-fwd", "doorst", "doorgestuurd", "vl", "videresendt", "vidarebefordrat", "pd", "pdl", "ilt",
		"továbbítás", "továbbított", "vidaresendt", "vs-fwd", "πρθ", "转发", "轉寄", "轉發", "転送", "전달", "הועבר", "إعادة توجيه", "пересл", "переслано", "reenv", "reenviado", "přeposláno", "preposlane":
		return forwardMark
	}
	return noMark
}

// cutTag takes "[EXTERNAL]" or the name of a list off the front.
func cutTag(s string) (tag, rest string, ok bool) {
	s = strings.TrimLeftFunc(s, unicode.IsSpace)
	pairs := map[byte]string{'[': "]", '(': ")", '{': "}", '*': "*"}
	var end string
	switch {
	case s == "":
		return "", s, false
	case strings.HasPrefix(s, "【"):
		end = "】"
	case pairs[s[0]] != "":
		end = pairs[s[0]]
	default:
		// "EXTERNAL: " and its like, without brackets.
		word, rest, found := strings.Cut(s, ":")
		if found && warning(word) {
			return word, strings.TrimSpace(rest), true
		}
		return "", s, false
	}
	i := strings.Index(s[1:], end)
	if i < 1 || i > 80 {
		return "", s, false
	}
	i += 1 + len(end)
	if s[0] == '*' {
		for i < len(s) && s[i] == '*' {
			i++
		}
	}
	return s[:i], strings.TrimLeft(strings.TrimSpace(s[i:]), ":- "), true
}

// warning reports a tag that says something about the way of a mail only.
func warning(tag string) bool {
	switch strings.ToLower(strings.Trim(tag, "[](){}*【】 :!")) {
	case "external", "ext", "extern", "externe", "externo", "external email", "external sender", "external mail", "extern e-mail", "suspected spam", "spam", "spam?",
		"possible spam", "caution", "caution external", "bulk", "外部邮件", "外部", "社外":
		return true
	}
	return false
}

func forwardBrackets(s string) (string, bool) {
	if len(s) > 6 && strings.EqualFold(s[:5], "[fwd:") && s[len(s)-1] == ']' {
		inner, _ := baseSubject(s[5 : len(s)-1])
		return inner, true
	}
	return s, false
}

func cutSuffixFold(s, suffix string) (string, bool) {
	if len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix) {
		return strings.TrimSpace(s[:len(s)-len(suffix)]), true
	}
	return s, false
}
