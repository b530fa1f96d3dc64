package message

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxAttribution bounds, in octets, the lines that may be one attribution:
// "On Tue, 3 Mar 2026 at 10:02, Jane Doe <jane@example.com> wrote:".
const (
	maxAttribution      = 600
	maxAttributionLines = 4
)

// strength tells how sure it is that a line introduces a quotation.
type strength int

const (
	notAttribution    strength = iota
	weakAttribution            // only before a marked quotation
	strongAttribution          // also before one without marks
)

// verbAt returns the length of the word for "wrote" that s, in lower case,
// begins with, 0 for none: what mail clients write in their languages.
func verbAt(s string) int {
	switch s[0] {
	case 'a':
		return longest(s, "a scris", "a écrit")
	case 'e':
		return longest(s, "escribió", "escribio", "escreveu", "ecrit")
	case 'g':
		return longest(s, "geschrieben", "geschreven")
	case 'h':
		return longest(s, "ha scritto")
	case 'i':
		return longest(s, "idatzi")
	case 'j':
		return longest(s, "je napisal")
	case 'k':
		return longest(s, "kirjoitti", "kirjutas")
	case 'm':
		return longest(s, "menulis")
	case 'n':
		return longest(s, "napisał(a)", "napisao/la", "napisał", "napisal", "napísal", "napisao", "napsal")
	case 'p':
		return longest(s, "pisze", "pisal", "pise", "píše")
	case 'r':
		return longest(s, "rakstīja", "rašė")
	case 's':
		return longest(s, "skrifaði", "schrieb", "scritto", "schreef", "scrive", "skrev")
	case 'v':
		return longest(s, "va escriure")
	case 'w':
		return longest(s, "writes", "wrote")
	case 'y':
		return longest(s, "yazmış", "yazdı")
	case 0xc3:
		return longest(s, "écrit", "írta", "írt")
	case 0xc4:
		return longest(s, "đã viết")
	case 0xce:
		return longest(s, "έγραψε")
	case 0xd0:
		return longest(s, "написал", "написав", "написао", "написа", "пишет", "писал", "пише")
	case 0xd7:
		return longest(s, "כתב")
	case 0xd9:
		return longest(s, "نوشت", "كتب")
	case 0xe0:
		return longest(s, "सन लिखा", "เขียน")
	case '>':
		return longest(s, ">のメール", "> のメール", ">のメッセージ", "> のメッセージ") // nouns: without an address they are anybody's
	case 0xe5:
		return longest(s, "写道", "寫道")
	case 0xe6:
		return longest(s, "書きました", "来信")
	case 0xeb:
		return longest(s, "님이 작성", "님이 씀")
	case 0xec:
		return longest(s, "작성:")
	}
	return 0
}

// startAt reports the beginning, in lower case, of an attribution of several
// lines: a word before a date, the name of a day or month.
func startAt(s string) bool {
	switch s[0] {
	case '-':
		return begins(s, "---- on ", "-- on ")
	case 'a':
		return begins(s, "am ", "at ", "al ", "apr", "aug", "a ")
	case 'c':
		return begins(s, "czw", "cum", "cmt")
	case 'd':
		return begins(s, "dnia ", "den ", "dne ", "dňa ", "dec", "di", "do")
	case 'e':
		return begins(s, "el ", "em ")
	case 'f':
		return begins(s, "feb", "fr")
	case 'g':
		return begins(s, "gio")
	case 'i':
		return begins(s, "il ", "in ")
	case 'j':
		return begins(s, "jeu", "jue", "jan", "jun", "jul")
	case 'k':
		return begins(s, "kl ", "ke ")
	case 'l':
		return begins(s, "le ", "la ", "lun", "lør", "lör")
	case 'm':
		return begins(s, "mar", "mer", "man", "mån", "ma ", "may", "mo", "mi")
	case 'n':
		return begins(s, "ng ", "nie", "nov")
	case 'o':
		return begins(s, "on ", "op ", "ons", "oct")
	case 'p':
		return begins(s, "pada ", "på ", "pe ", "pon", "pzt", "per", "paz", "pt")
	case 's':
		return begins(s, "sun", "sáb", "søn", "sön", "su ", "sep", "sa", "so")
	case 't':
		return begins(s, "tarih", "tue", "thu", "tir", "tor", "tis", "ti ", "to ")
	case 'u':
		return begins(s, "um ")
	case 'v':
		return begins(s, "vào ", "ven", "vie", "v ")
	case 'w':
		return begins(s, "w dniu ", "wed", "wt")
	case 0xc3:
		return begins(s, "çar")
	case 0xc5:
		return begins(s, "śr")
	case 0xcf:
		return begins(s, "στις ")
	case 0xd0:
		return begins(s, "понед", "воскр", "пятн", "на ", "пн", "пт", "вт", "вс")
	case 0xd1:
		return begins(s, "субб", "четв", "ср", "сб", "чт")
	case 0xd7:
		return begins(s, "ב")
	case 0xd9:
		return begins(s, "في ")
	}
	return false
}

// longest is the length of the first of the words that s begins with; longer
// ones stand first.
func longest(s string, words ...string) int {
	for _, w := range words {
		if strings.HasPrefix(s, w) {
			return len(w)
		}
	}
	return 0
}

func begins(s string, words ...string) bool { return longest(s, words...) > 0 }

// attributionAt looks for an attribution that starts at line i. It returns
// the lines it takes, 0 for none.
func attributionAt(lines []string, i int) (n int, s strength) {
	first := bareLine(lines[i])
	if first == "" || len(first) > maxAttribution || !mayStart(first) {
		return 0, notAttribution
	}
	pieces := [maxAttributionLines]string{first}
	size, open := len(first), strings.IndexByte(first, '<') >= 0
	for n = 1; ; n++ {
		if open || mayEnd(pieces[n-1]) {
			joined := first
			if n > 1 {
				joined = strings.Join(pieces[:n], " ")
			}
			if s := rate(joined); s != notAttribution {
				// The end of a wrapped address may stand alone: ">:".
				if n < maxAttributionLines && i+n < len(lines) && openEnd(joined, lines[i+n]) {
					n++
				}
				return n, s
			}
		}
		if n == maxAttributionLines || i+n >= len(lines) || strings.HasSuffix(pieces[n-1], ":") {
			return 0, notAttribution
		}
		// Some clients wrap the line and mark its rest as quoted.
		l := strings.TrimSpace(strings.TrimLeft(lines[i+n], "> "))
		if l == "" {
			return 0, notAttribution
		}
		l = bareLine(l)
		if size += 1 + len(l); size > maxAttribution {
			return 0, notAttribution
		}
		open = open || strings.IndexByte(l, '<') >= 0
		pieces[n] = l
	}
}

// mayEnd reports a line that can be the last of an attribution: it ends with a
// colon or a verb, or is so short that the verb may have begun above it.
func mayEnd(s string) bool { return len(s) < maxVerb || ends(s) || verbLast(s) }

func openEnd(joined, next string) bool {
	next = strings.TrimSpace(next)
	return strings.Count(joined, "<") > strings.Count(joined, ">") && (next == ">:" || next == ">" || next == "> :")
}

// bareLine is a line without the marks of emphasis and rules around it.
func bareLine(s string) string {
	if n := len(s); n > 0 && letter(s[0]) && letter(s[n-1]) {
		return s
	}
	return strings.Trim(s, " \t*_\u00a0\u200e\u200f\u202a\u202c\u2068\u2069-")
}

// letter reports an octet that is no mark and no part of one.
func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || digit(c) || c == '.' || c == ':' }

// mayStart is the cheap test that most lines of prose fail.
func mayStart(s string) bool {
	if !ends(s) && !strings.ContainsAny(s, "@0123456789") {
		return false
	}
	lower := strings.ToLower(clip(s, 40))
	r, _ := utf8.DecodeRuneInString(s)
	if unicode.IsDigit(r) || r >= 0x0590 {
		return true
	}
	return lower != "" && startAt(lower) || ends(s) || strings.ContainsRune(s, '@')
}

// ends reports a line that ends as attributions do.
func ends(s string) bool {
	if n := len(s); n > 0 && (letter(s[n-1]) || s[n-1] == ',') {
		return s[n-1] == ':'
	}
	s = strings.TrimRight(s, " \t*_\u00a0\u200f\u200e-\u202c\u2069")
	return strings.HasSuffix(s, ":") || strings.HasSuffix(s, "：")
}

// rate judges the text of what may be an attribution.
func rate(s string) strength {
	colon := ends(s)
	if !colon && !closes(s) {
		return notAttribution
	}
	digits := countDigits(s)
	if !colon && (digits < 5 || !dated(s)) {
		return notAttribution
	}
	if quotingLine(s) {
		return weakAttribution
	}
	if colon && digits == 0 && !strings.ContainsRune(s, '@') {
		if len(s) < 120 && verbLast(s) {
			return weakAttribution
		}
		return notAttribution
	}
	if !colon && !openAddress(s) {
		return strongAttribution // a verb closes it
	}
	verb, last := hasVerb(strings.ToLower(s))
	address := strings.ContainsRune(s, '@')
	switch {
	case colon && verb && (digits >= 5 || digits >= 3 && address) && strings.Count(s, ". ") < 6 && !ownWords(s):
		return strongAttribution
	case colon && verb && (address || digits > 0 || last && len(s) < 120):
		return weakAttribution
	case colon && address && digits >= 5 && dated(s):
		return strongAttribution
	case verb && last && digits >= 5 && dated(s):
		return strongAttribution // "---- On ... wrote ----"
	case verb && address && digits >= 5 && dated(s) && openAddress(s):
		return strongAttribution // the line was cut inside the address
	}
	return notAttribution
}

// ownWords reports what people write of themselves and of whom they write to:
// "On Monday at 9:00 I wrote:" stands above the author's own words as well.
func ownWords(s string) bool {
	s = strings.ToLower(ending(s, 40))
	for _, w := range []string{" i wrote", " we wrote", " you wrote", "schrieb ich", "ich schrieb", "schrieben sie", "j'ai écrit", "j’ai écrit", "je vous ai écrit", "vous avez écrit", "ik schreef", "schreef ik", "skrev jag", "skrev jeg", "я писал", "я написал", "вы писали", "вы написали"} {
		if strings.HasSuffix(s, w) {
			return true
		}
	}
	return false
}

// ending is the end of s, at most n octets before the marks a line ends with.
func ending(s string, n int) string {
	s = trimEnd(s)
	from := max(len(s)-n, 0)
	for from < len(s) && !utf8.RuneStart(s[from]) {
		from++
	}
	return s[from:]
}

// quotingLine reports the line of webmail that names whom it quotes: "Quoting
// Jane Doe <jane@example.com>:".
func quotingLine(s string) bool {
	return len(s) < 200 && strings.HasSuffix(s, ":") && begins(strings.ToLower(s), "quoting ", "zitat von ", "citando ", "cytowanie ", "citeren ", "citerar ", "citat ", "cituji ", "lainaus ", "idézet ", "цитирую ", "alıntı ", "selon ")
}

// closes reports the end of an attribution without a colon: its verb, or an
// address that was cut.
func closes(s string) bool { return openAddress(s) || verbLast(s) }

// openAddress reports an address in a bracket that does not close.
func openAddress(s string) bool {
	i := strings.LastIndexByte(s, '<')
	return i >= 0 && strings.ContainsRune(s, '@') && strings.Count(s, "<") > strings.Count(s, ">")
}

// maxVerb is more octets than any verb has.
const maxVerb = 24

// verbLast reports a text whose last word is a verb, before the marks a line
// ends with.
func verbLast(s string) bool {
	s = ending(s, maxVerb)
	if s == "" || !mayEndVerb(s[len(s)-1]) {
		return false
	}
	s = strings.ToLower(s)
	for i := range s {
		if n := verbAt(s[i:]); n > 0 && i+n >= len(s) {
			return true
		}
	}
	return false
}

// mayEndVerb reports an octet that one of the verbs ends with.
func mayEndVerb(c byte) bool {
	return c >= utf8.RuneSelf || strings.IndexByte("abefilnostuv)", c|0x20) >= 0 || c == ')'
}

// trimEnd takes off the marks a line ends with.
func trimEnd(s string) string {
	if n := len(s); n > 0 && letter(s[n-1]) && s[n-1] != ':' {
		return s
	}
	return strings.TrimRight(s, " :：-*_\u00a0\t\u202c\u2069")
}

// hasVerb finds a verb; last says that nothing but the colon follows it.
func hasVerb(lower string) (found, last bool) {
	end := len(trimEnd(lower))
	for i := 0; i < end; i++ {
		if n := verbAt(lower[i:]); n > 0 {
			if found = true; i+n >= end {
				return true, true
			}
		}
	}
	return found, false
}

// dated reports a time of day, or a date of digits.
func dated(s string) bool {
	plain := asciiText(s)
	if !plain && strings.ContainsAny(s, "٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹") {
		return true
	}
	for i := 1; i+1 < len(s); i++ {
		if c := s[i]; (c == ':' || c == '.' || c == '/' || c == '-' || c == 'h') && digit(s[i-1]) && digit(s[i+1]) {
			return true
		}
	}
	return !plain && strings.ContainsAny(s, "年月日년월일")
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// countDigits counts the digits of every script.
func countDigits(s string) int {
	n := 0
	for i, c := range []byte(s) {
		if c >= utf8.RuneSelf {
			for _, r := range s[i:] {
				if unicode.IsDigit(r) {
					n++
				}
			}
			return n
		}
		if digit(c) {
			n++
		}
	}
	return n
}

// asciiText reports a text of ASCII alone.
func asciiText(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
