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

// verbs are what the words for "wrote" look like in the languages of mail
// clients, in lower case.
func verbs() []string {
	return []string{
		"wrote", "writes", "écrit", "ecrit", "schrieb", "geschrieben", "escribió", "escribio", "escreveu", "ha scritto", "scritto", "scrive", "schreef", "geschreven",
		"skrev", "skrifaði", "kirjoitti", "napisał", "napisał(a)", "napisal", "napísal", "pisze", "pise", "napsal", "píše", "написал", "пишет", "писал", "написа", "пише", "написав",
		"yazdı", "yazmış", "írta", "írt", "a scris", "έγραψε", "написао", "napisao", "napisao/la", "je napisal", "rašė", "rakstīja", "kirjutas", "va escriure", "idatzi",
		"写道", "寫道", "来信", "書きました", "のメール", "님이 작성", "님이 씀", "작성:", "đã viết", "เขียน", "كتب", "כתב", "menulis", "सन लिखा", "نوشت", "pisal", "writes", "a écrit",
	}
}

// starters begin an attribution of several lines.
func starters() []string {
	return []string{
		"on ", "am ", "le ", "el ", "il ", "em ", "op ", "den ", "w dniu ", "dnia ", "dne ", "dňa ", "v ", "på ", "kl ", "a ", "vào ", "pe ", "la ", "на ", "στις ", "fra ",
		"at ", "um ", "in ", "al ", "tarih", "pada ", "---- on ", "-- on ", "el ", "ng ", "في ", "ב",
		"mon", "tue", "wed", "thu", "fri", "sat", "sun", "lun", "mar", "mer", "mié", "jeu", "jue", "ven", "vie", "sam", "sáb", "dim", "dom", "gio", "sab",
		"mo", "di", "mi", "do", "fr", "sa", "so", "pon", "wt", "śr", "czw", "pt", "nie", "пн", "вт", "ср", "чт", "пт", "сб", "вс", "понед", "втор", "сред", "четв", "пятн", "субб", "воскр",
		"man", "tir", "ons", "tor", "fre", "lør", "søn", "mån", "tis", "lör", "sön", "ma ", "ti ", "ke ", "to ", "pe ", "la ", "su ", "sön", "pzt", "sal", "çar", "per", "cum", "cmt", "paz",
		"jan", "feb", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
	}
}

// attributionAt looks for an attribution that starts at line i. It returns
// the lines it takes, 0 for none.
func attributionAt(lines []string, i int) (n int, s strength) {
	first := bareLine(lines[i])
	if first == "" || len(first) > maxAttribution || !mayStart(first) {
		return 0, notAttribution
	}
	joined := ""
	for n = 1; n <= maxAttributionLines && i+n-1 < len(lines); n++ {
		l := lines[i+n-1]
		if n > 1 {
			// Some clients wrap the line and mark its rest as quoted.
			if l = strings.TrimSpace(strings.TrimLeft(l, "> ")); l == "" {
				break
			}
			if strings.HasSuffix(joined, ":") {
				break
			}
		}
		joined = strings.TrimSpace(joined + " " + bareLine(l))
		if len(joined) > maxAttribution {
			break
		}
		if s := rate(joined); s != notAttribution {
			// The end of a wrapped address may stand alone: ">:".
			if n < maxAttributionLines && i+n < len(lines) && openEnd(joined, lines[i+n]) {
				n++
			}
			return n, s
		}
	}
	return 0, notAttribution
}

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
	for _, p := range starters() {
		if strings.HasPrefix(lower, p) {
			return true
		}
	}
	return ends(s) || strings.ContainsRune(s, '@')
}

// ends reports a line that ends as attributions do.
func ends(s string) bool {
	s = strings.TrimRight(s, " \t*_\u00a0\u200f\u200e-\u202c\u2069")
	return strings.HasSuffix(s, ":") || strings.HasSuffix(s, "：")
}

// rate judges the text of what may be an attribution.
func rate(s string) strength {
	lower := strings.ToLower(s)
	verb, last := hasVerb(lower)
	digits := countDigits(s)
	address := strings.ContainsRune(s, '@')
	switch {
	case ends(s) && verb && digits >= 3 && strings.Count(s, ". ") < 6:
		return strongAttribution
	case ends(s) && verb && (address || digits > 0 || last && len(s) < 120):
		return weakAttribution
	case ends(s) && address && digits >= 5 && dated(s):
		return strongAttribution
	case verb && last && digits >= 5 && dated(s):
		return strongAttribution // "---- On ... wrote ----"
	case verb && address && digits >= 5 && dated(s) && strings.Count(s, "<") > strings.Count(s, ">"):
		return strongAttribution // the line was cut inside the address
	}
	return notAttribution
}

// hasVerb finds a verb; last says that nothing but the colon follows it.
func hasVerb(lower string) (found, last bool) {
	tail := strings.TrimRight(lower, " :：-*_\u00a0\t\u202c\u2069")
	for _, v := range verbs() {
		i := strings.LastIndex(lower, v)
		if i < 0 {
			continue
		}
		found = true
		if strings.HasSuffix(tail, v) {
			return true, true
		}
	}
	return found, false
}

// dated reports a time of day, or a date of digits.
func dated(s string) bool {
	for i := 1; i+1 < len(s); i++ {
		if c := s[i]; (c == ':' || c == '.' || c == '/' || c == '-' || c == 'h') && digit(s[i-1]) && digit(s[i+1]) {
			return true
		}
	}
	return strings.ContainsAny(s, "年月日년월일")
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func countDigits(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if digit(s[i]) {
			n++
		}
	}
	return n
}
