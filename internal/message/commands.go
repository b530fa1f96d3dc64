package message

import (
	"strings"
	"unicode"

	"postroom/threads"
)

const maxCommands = 20

func isCommand(l string) bool {
	_, ok := readCommand(l)
	return ok
}

// readCommand reads a line as "/word argument", as clients and keyboards make
// it: with blanks of any kind, in bold, with the slash of a wide keyboard, with
// quotation marks around the argument, with a full stop behind it, or with a
// colon and no blank: "/note:call me" must not become an answer. Behind /note a
// line is as long as a paragraph. What has a second slash in its first word is a
// path.
func readCommand(l string) (threads.Command, bool) {
	t := strings.TrimFunc(l, unseen)
	t = withoutMarks(t)
	back := strings.HasPrefix(t, `\`)
	t, ok := cutSlash(t)
	if !ok {
		return threads.Command{}, false
	}
	apart := strings.IndexFunc(t, unseen) == 0
	if apart { // "/ close": somebody's thumb
		t = strings.TrimLeftFunc(t, unseen)
	}
	word, arg := t, ""
	if end := strings.IndexFunc(t, unseen); end >= 0 {
		word, arg = t[:end], t[end:]
	}
	word = strings.ToLower(strings.TrimRight(strings.Map(narrow, word), ".,;:!?\u2026\u3002"))
	if end := strings.IndexAny(word, ",;:"); end > 0 && threads.IsCommand(word[:end]) {
		word, arg = word[:end], strings.TrimLeftFunc(t[strings.IndexFunc(t, joint):], joint)
	}
	if word == "" || len(word) > 40 || (apart || back) && !threads.IsCommand(word) {
		return threads.Command{}, false
	}
	for _, r := range word {
		if !unicode.IsLetter(r) && r != '-' && r != '_' {
			return threads.Command{}, false
		}
	}
	return threads.Command{Word: word, Arg: argument(arg)}, true
}

// withoutMarks takes off the marks of bold and of code that a client's plain
// text has around a line.
func withoutMarks(t string) string {
	for len(t) > 2 && strings.ContainsRune("*_`", rune(t[0])) && t[len(t)-1] == t[0] {
		t = strings.TrimFunc(t[1:len(t)-1], unseen)
	}
	return t
}

// joint reports what stands between a command and its argument where there is
// no blank.
func joint(r rune) bool { return strings.ContainsRune(",;:", narrow(r)) }

// cutSlash takes the slash off the front: that of a keyboard for East Asian
// scripts and those that autocorrection makes of it too, and the wrong one.
func cutSlash(t string) (string, bool) {
	for _, slash := range []string{"/", `\`, "\uff0f", "\u2044", "\u2215"} {
		if rest, ok := strings.CutPrefix(t, slash); ok {
			return rest, true
		}
	}
	return "", false
}

// narrow makes an ASCII letter of a fullwidth one.
func narrow(r rune) rune {
	if r >= '\uff01' && r <= '\uff5e' {
		return r - 0xfee0
	}
	return r
}

// argument is what stands behind a command, on one line with plain blanks,
// without the quotation marks around all of it.
func argument(s string) string {
	s = oneLine(strings.Join(strings.FieldsFunc(s, unseen), " "))
	const open, end = "\"'\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb\u300c", "\"'\u201d\u201c\u2019\u2018\u00bb\u00ab\u300d"
	first, last := []rune(s), []rune(s)
	if n := len(first); n > 2 && strings.ContainsRune(open, first[0]) && strings.ContainsRune(end, last[n-1]) {
		s = strings.TrimSpace(string(first[1 : n-1]))
	}
	return s
}

// readCommands reads the commands at the top of a new text; rest is what
// stands below them.
func readCommands(text string) (commands []threads.Command, rest string) {
	for text != "" {
		l, more, _ := strings.Cut(text, "\n")
		if !invisible(l) && !footerLine(l) {
			c, ok := readCommand(l)
			if !ok || len(commands) >= maxCommands {
				break
			}
			commands = append(commands, c)
		}
		text = more
	}
	return commands, text
}

// calls are the saved answers that lines within a text call for.
func calls(text string) []threads.Command {
	if !slashes(text) {
		return nil
	}
	var list []threads.Command
	for l := range strings.SplitSeq(text, "\n") {
		if len(list) < maxCommands && callsAnswer(l) {
			c, _ := readCommand(l)
			list = append(list, c)
		}
	}
	return list
}

// SavedText is what of an engineer's mail is worth keeping as an answer for
// all: her text without commands, footer and signature.
func SavedText(m *threads.Mail) string {
	var kept []string
	for l := range strings.SplitSeq(StripAnswer(m.NewText), "\n") {
		if signatureMark(l) {
			break
		}
		if !mobileLine(l) {
			kept = append(kept, strings.TrimRightFunc(l, unseen))
		}
	}
	return strings.Trim(strings.Join(kept, "\n"), "\n")
}

// stray finds a line below a text that its author meant for a command: /note
// anywhere, also below a signature that a client puts above what is written;
// others at the end, where nothing but a signature follows. Between the lines of
// an answer "/status" may be what the customer is to type.
func stray(text string) string {
	if !slashes(text) {
		return ""
	}
	last, signed := "", false
	for l := range strings.SplitSeq(text, "\n") {
		signed = signed || signatureMark(l)
		if invisible(l) || footerLine(l) || mobileLine(l) {
			continue
		}
		c, ok := readCommand(l)
		switch {
		case signed && c.Word != "note":
		case !ok || !threads.IsCommand(c.Word), callsAnswer(l):
			last = ""
		case c.Word == "note":
			return oneLine(l)
		case last == "":
			last = oneLine(l)
		}
	}
	return last
}

// slashes reports whether any line may be a command: most mails have none, and
// need no closer look.
func slashes(text string) bool {
	for l := range strings.SplitSeq(text, "\n") {
		l = strings.TrimLeftFunc(l, func(r rune) bool { return unseen(r) || r == '*' || r == '_' || r == '`' })
		if _, ok := cutSlash(l); ok {
			return true
		}
	}
	return false
}

func signatureMark(l string) bool {
	t := strings.TrimRightFunc(l, func(r rune) bool { return unseen(r) && r != ' ' })
	return t == "-- " || strings.TrimRight(t, " ") == "--"
}

// subjectCommand is the command a subject is, where it is one that there is:
// a link of ours puts it there, and a client "Re:" before it.
func subjectCommand(base string) *threads.Command {
	c, ok := readCommand(base)
	if !ok || !threads.IsCommand(c.Word) || c.Word == "answer" || c.Word == "save" {
		return nil // these are about a text, and stand in it
	}
	return &c
}

// NoteText is what an engineer's mail says to colleagues: what stands on the
// line of /note, and her text.
func NoteText(m *threads.Mail) string {
	text := StripAnswer(m.NewText)
	for _, c := range m.Commands {
		if c.Word == "note" && c.Arg != "" {
			text = strings.TrimSpace(c.Arg + "\n" + text)
		}
	}
	return text
}
