package threads

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// command is one of the words an engineer may write at the top of a mail.
type command struct {
	word  string
	usage string // what stands behind the word, as an example; "" for nothing
	does  string // in a few words
	also  string // other words people try for it, between blanks: it is what they meant
	// personal ones are about herself and need no conversation.
	personal bool
	// early ones change what the answer beside them is: they are done before
	// it goes out, all others behind it.
	early bool
	// cannot says why it cannot be done, "" when it can; do does it.
	cannot func(*step, order) string
	do     func(*step, order)
}

// order is one command of a mail that is proven to be an engineer's.
type order struct {
	Command
	engineer string
	mail     *Mail
	text     bool // there is a text beside the commands
	note     bool // and it is for colleagues alone
	last     bool // no command stands below it
}

// commands is every command there is, in the order in which they are
// explained. Whatever reads, refuses, does or explains one asks this table.
func commands() []command {
	return []command{
		{word: "note", also: "comment internal private", does: "what is below is for colleagues alone", cannot: (*step).cannotNote, do: nothing},
		{word: "take", also: "claim mine own grab", does: "the conversation is yours", cannot: bare, do: (*step).take},
		{word: "assign", also: "give forward transfer reassign handover move delegate", usage: "bob", does: "it is Bob's", cannot: (*step).cannotAssign, do: (*step).giveAway},
		{word: "snooze", also: "later wait sleep pause remind", usage: "2d", does: "lay it aside until then, or until the customer writes (also 4h, 1w, 2026-12-01)", cannot: (*step).cannotSnooze, do: (*step).snooze},
		{word: "close", also: "done resolve resolved solved finish", does: "it is done, until the customer writes again", cannot: bare, do: (*step).closedBy},
		{word: "reopen", also: "open", does: "takes /close and /spam back", cannot: bare, do: (*step).reopenedBy},
		{word: "cc", also: "add copy", usage: "ann@client.example", does: "this answer and all later ones go to Ann too", early: true, cannot: (*step).cannotCc, do: (*step).invite},
		{word: "subject", also: "rename title", usage: "New words", does: "what our answers are called from here on", early: true, cannot: (*step).cannotRename, do: (*step).rename},
		{word: "answer", also: "template canned", usage: "name", does: "puts a saved answer there; also on a line of its own within your text", early: true, cannot: (*step).cannotAnswer, do: nothing},
		{word: "save", usage: "name", does: "keeps the text of this mail as a saved answer for everyone", cannot: (*step).cannotSave, do: (*step).save},
		{word: "tag", also: "label", usage: "billing", does: "a word to find it by; /tag -billing takes it off", cannot: (*step).cannotTag, do: (*step).tag},
		{word: "merge", usage: "12", does: "it goes on as part of conversation 12", cannot: (*step).cannotMerge, do: (*step).merge},
		{word: "split", does: "the customer's newest mail becomes a conversation of its own", cannot: (*step).cannotSplit, do: (*step).split},
		{word: "spam", also: "junk", does: "close it, and let nothing more from this sender open it again", cannot: (*step).cannotSpam, do: (*step).spam},
		{word: "send", also: "release approve", does: "let the mail go that was held back", cannot: apart, do: nothing},
		{word: "discard", also: "cancel delete drop undo reject", does: "throw away the mail that was held back", cannot: apart, do: nothing},
		{word: "away", also: "vacation holiday leave ooo", usage: "until 2026-12-01", does: "you are off duty until then, or until /back (also 3d, or nothing)", personal: true, cannot: (*step).cannotLeave, do: (*step).leave},
		{word: "back", does: "you are on duty again", personal: true, cannot: bare, do: (*step).comeBack},
		{word: "status", also: "list who", does: "who is there, and what is yours", personal: true, cannot: bare, do: (*step).report},
		{word: "why", does: "why it went to whom it went", cannot: bare, do: (*step).report},
		{word: "originals", also: "original source raw", does: "sends you the mails of the conversation as they came, attached", cannot: bare, do: (*step).askOriginals},
		{word: "help", also: "commands", does: "this text", personal: true, cannot: bare, do: (*step).report},
	}
}

func commandOf(word string) (command, bool) {
	list := commands()
	i := slices.IndexFunc(list, func(c command) bool { return c.word == word })
	if i < 0 {
		return command{}, false
	}
	return list[i], true
}

// IsCommand reports whether there is a command of this name, in lower case and
// without its slash.
func IsCommand(word string) bool {
	_, ok := commandOf(word)
	return ok
}

// Help explains every command, one on a line: those about a conversation,
// then those about the engineer herself.
func Help() (about, herself []string) {
	for _, c := range commands() {
		line := fmt.Sprintf("/%-22s %s", strings.TrimSpace(c.word+" "+c.usage), c.does)
		if c.personal {
			herself = append(herself, line)
		} else {
			about = append(about, line)
		}
	}
	return about, herself
}

// HasText reports whether an engineer's mail says something beside its
// commands: a text, a note on the line of /note, or a saved answer.
func (m *Mail) HasText() bool {
	return !m.AnswerEmpty || slices.ContainsFunc(m.Commands, func(c Command) bool {
		return c.Word == "note" && c.Arg != "" || c.Word == "answer"
	})
}

// bare reports whether an engineer's mail is commands alone, and no words of
// hers would be lost with it.
func (m *Mail) bare() bool {
	note := slices.ContainsFunc(m.Commands, func(c Command) bool { return c.Word == "note" && c.Arg != "" })
	return m.AnswerEmpty && !note && (len(m.Commands) > 0 || m.SubjectCommand != nil)
}

// ordersIn are the commands of a mail. Those in its subject count where it is
// not the conversation's own: a customer may call his mail "/help".
func (s *step) ordersIn(engineer string, m *Mail) []order {
	list := m.Commands
	if c := m.SubjectCommand; c != nil && (s.c.ID == 0 || !s.sameSubject(m)) && !slices.Contains(list, *c) {
		list = append([]Command{*c}, list...)
	}
	note := slices.ContainsFunc(list, func(c Command) bool { return c.Word == "note" })
	orders := make([]order, len(list))
	for i, c := range list {
		orders[i] = order{Command: c, engineer: engineer, mail: m, text: m.HasText(), note: note, last: i == len(list)-1}
	}
	return orders
}

// impossible says why the commands of a mail cannot be done; "" when they
// can. Nothing is done by halves: one that cannot holds the whole mail.
func (s *step) impossible(orders []order) string {
	for _, o := range orders {
		c, ok := commandOf(o.Word)
		if !ok {
			return unknown(o.Word)
		}
		if reason := c.cannot(s, o); reason != "" {
			return reason
		}
	}
	return ""
}

// obey does commands, those that change the answer beside them or the others,
// and tells her what came of it in one mail.
func (s *step) obey(engineer string, orders []order, early bool) {
	for _, o := range orders {
		if c, ok := commandOf(o.Word); ok && c.early == early {
			c.do(s, o)
		}
	}
	if early || len(s.said) == 0 {
		return
	}
	s.notify(Notify{Kind: NoticeDone, Engineer: engineer, Reason: strings.Join(s.said, "\n")})
	s.said = nil
}

// tell answers a command with a sentence, in the one mail that answers all of
// a mail's.
func (s *step) tell(sentence string) { s.said = append(s.said, sentence) }

// confirm is tell where nothing else shows that her mail came: an answer or a
// note went with it otherwise, and she need not be told.
func (s *step) confirm(o order, sentence string) {
	if !o.text {
		s.tell(sentence)
	}
}

// AsOrdered is the conversation as the early commands of an engineer's mail
// leave it: what the answer in it has to be composed for.
func AsOrdered(c Conversation, engineer string, m *Mail, w World) Conversation {
	s := &step{c: c, w: w}
	orders := s.ordersIn(engineer, m)
	if s.impossible(orders) == "" {
		s.obey(engineer, orders, true)
	}
	return s.c
}

func nothing(*step, order) {}

// bare says what is wrong with a command that takes nothing behind it.
func bare(_ *step, o order) string {
	if o.Arg != "" {
		return fmt.Sprintf("/%s takes nothing behind it, but there is %q", o.Word, o.Arg)
	}
	return ""
}

// apart is what is wrong with /send and /discard in a mail that says more.
func apart(_ *step, o order) string {
	return "/" + o.Word + " stands alone in a mail, best in a reply to the notice of what was held back"
}

func prefixed(command, reason string) string {
	if reason == "" {
		return ""
	}
	if rest, ok := strings.CutPrefix(reason, "it needs "); ok {
		return command + " needs " + rest
	}
	return command + ": " + reason
}

// unknown says that there is no such command, and which was probably meant.
func unknown(word string) string {
	if meant := meantBy(word); meant != "" {
		return fmt.Sprintf("/%s is no command I know; did you mean /%s?", word, meant)
	}
	var known []string
	for _, c := range commands() {
		known = append(known, "/"+c.word)
	}
	return fmt.Sprintf("/%s is no command I know; I know %s and %s", word, strings.Join(known[:len(known)-1], ", "), known[len(known)-1])
}

// meantBy is the command a word was probably meant to be: one that is called
// so elsewhere, that begins so, or that has a letter, in a long word two, typed
// wrong; "" for none.
func meantBy(word string) (meant string) {
	best := 2
	if utf8.RuneCountInString(word) > 5 {
		best = 3
	}
	begins := ""
	for _, c := range commands() {
		if slices.Contains(strings.Fields(c.also), word) {
			return c.word
		}
		if begins == "" && len(word) > 2 && strings.HasPrefix(c.word, word) {
			begins = c.word
		}
		if d := distance(word, c.word); d < best && d < len(c.word) {
			best, meant = d, c.word
		}
	}
	return cmp.Or(begins, meant)
}

// distance is how many letters must be added, dropped, changed or swapped with
// their neighbour to make b of a.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := range x {
		row[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, last[j+1]+1, last[j]+cost)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
