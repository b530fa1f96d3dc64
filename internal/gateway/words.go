package gateway

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

// notice is the text of a notice: what is to be done, and why.
type notice struct {
	subject    string
	paragraphs []string
	verbatim   string // lines that must not be broken anew
	actions    []action
}

// action is something a person can do with one tap: a mail with a command.
type action struct{ label, command string }

func (b *batch) words(c threads.Conversation, n threads.Notify, name string) notice {
	about := c.Subject
	if about == "" {
		about = "(no subject)"
	}
	hello := greeting(name)
	switch n.Kind {
	case threads.NoticeHeld:
		return b.heldNotice(hello, about, c, n)
	case threads.NoticeForged:
		return b.forgedNotice(hello, about, c, n)
	case threads.NoticeConfirm:
		return confirmNotice(hello, n)
	case threads.NoticeFailed:
		return notice{
			subject: "Your answer did not arrive: " + about,
			paragraphs: []string{hello,
				"Sorry: " + n.Reason + ".",
				"The conversation is open again. Reply to the customer's mail to try once more; what you wrote is below.",
			},
		}
	case threads.NoticeLate:
		return notice{
			subject: "Your answer still waits: " + about,
			paragraphs: []string{hello,
				"For your information: " + n.Reason + ".",
				"Nothing is lost. It is tried again until it arrives, or until it has to be given up; then you are told. " +
					"If the customer cannot wait, you may know another way to them. What you wrote is below.",
			},
		}
	case threads.NoticeNobody:
		return notice{
			subject: "A customer is waiting and nobody is on duty: " + about,
			paragraphs: []string{hello,
				"Nobody could be given this conversation: " + n.Reason + ".",
				"It is handed out as soon as somebody comes on duty. What the customer wrote is below.",
			},
		}
	case threads.NoticeUnsent:
		return notice{
			subject: "A customer is waiting and mail to the engineers fails: " + about,
			paragraphs: []string{hello,
				fmt.Sprintf("Conversation %d could not be sent to its engineer: %s.", c.ID, n.Reason),
				fmt.Sprintf("Please see to it that somebody has it: `postroom assign %d NAME`.", c.ID),
			},
		}
	case threads.NoticeCrossed:
		return notice{
			subject:    "Your answer crossed with a new mail: " + about,
			paragraphs: []string{hello, "Just so that you know: " + sentence(n.Reason)},
		}
	case threads.NoticeAlarm:
		return alarmNotice(hello, n)
	case threads.NoticeRotation:
		return rotationNotice(hello, n)
	case threads.NoticeAside:
		return notice{
			subject: "A mail could not be processed: please have a look",
			paragraphs: []string{hello,
				"A mail of the support mailbox could not be processed and was set aside. It is attached as it came, so that nobody is left waiting.",
				"What went wrong: " + n.Reason,
				"`postroom aside` lists it; `postroom aside retry` tries it again.",
			},
		}
	}
	return routineNotice(hello, about, c, n)
}

// routineNotice is about the ordinary course of things.
func routineNotice(hello, about string, c threads.Conversation, n threads.Notify) notice {
	stop := sentence(n.Reason)
	switch n.Kind {
	case threads.NoticeYours:
		return notice{subject: "Your turn: " + about, paragraphs: []string{hello, capital(stop),
			"Reply to the customer's mail, which you have; this is what it says:"},
			actions: []action{{"Lay it aside for a day", "/snooze 1d"}}}
	case threads.NoticeReminder:
		return notice{subject: "A customer is waiting for you: " + about, paragraphs: []string{hello, capital(stop),
			"If it stays so, the conversation goes to a colleague. Reply, give it away, or lay it aside."},
			actions: []action{{"Lay it aside for a day", "/snooze 1d"}, {"Close it without an answer", "/close"}}}
	case threads.NoticeOverdue:
		return notice{subject: "A customer has waited too long: " + about, paragraphs: []string{hello,
			capital(fmt.Sprintf("conversation %d: %s.", c.ID, n.Reason)),
			fmt.Sprintf("Nothing more happens by itself. `postroom show %d` tells the story; `postroom assign %d NAME` gives it to somebody.", c.ID, c.ID)}}
	case threads.NoticeWoken:
		return notice{subject: "Back on your desk: " + about, paragraphs: []string{hello, capital(stop)},
			actions: []action{{"Lay it aside for a day", "/snooze 1d"}, {"Close it without an answer", "/close"}}}
	case threads.NoticeRefused:
		return notice{subject: "Not done: " + about, paragraphs: []string{hello, capital(stop)},
			actions: []action{{"Take it all the same", "/take"}}}
	case threads.NoticeUnsealed:
		return notice{subject: "Your signature was taken off: " + about, paragraphs: []string{hello,
			"Your answer is on its way, without your S/MIME or PGP signature and key: these name your own address, and would not fit a mail that comes from the support address.",
			"That is so for each answer you sign. You are told this once."}}
	case threads.NoticeAway:
		return alarmNotice(hello, n)
	case threads.NoticeReport:
		subject, text, _ := strings.Cut(n.Reason, "\n")
		return notice{subject: subject, paragraphs: []string{hello}, verbatim: text}
	}
	return doneNotice(hello, about, c, n)
}

// doneNotice answers what an engineer or a colleague of hers did.
func doneNotice(hello, about string, c threads.Conversation, n threads.Notify) notice {
	if c.ID == 0 {
		about = "Postroom"
	}
	said := []string{hello}
	for line := range strings.SplitSeq(n.Reason, "\n") {
		said = append(said, capital(sentence(line)))
	}
	switch n.Kind {
	case threads.NoticeNote:
		return notice{subject: "Note by " + n.Reason + ": " + about, paragraphs: []string{hello,
			n.Reason + " left a note on this conversation, for us alone. A reply to this mail is a note, too; to write to the customer, reply to the customer's mail."}}
	case threads.NoticeMerged:
		return notice{subject: "Merged: " + about, paragraphs: said}
	case threads.NoticeSettled:
		return notice{subject: "Nothing to do: " + about, paragraphs: said}
	case threads.NoticeHeldList:
		subject := "Which one? " + about
		if len(n.Holds) == 0 {
			subject = "Nothing to do: " + about
		}
		return notice{subject: subject, paragraphs: said}
	}
	return notice{subject: "Done: " + about, paragraphs: said}
}

// sentence ends words that may end in a question.
func sentence(s string) string {
	if s == "" || strings.ContainsAny(s[len(s)-1:], "?.:!") {
		return s
	}
	return s + "."
}

// capital makes a sentence of words that may stand behind others.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

func rotationNotice(hello string, n threads.Notify) notice {
	if n.Event == 0 {
		return notice{
			subject: "The rotation file has a mistake and was not taken",
			paragraphs: []string{hello,
				"The last good version stays in effect. Mend the file and save it; it is read again within a second. This is what is wrong:",
			},
			verbatim: n.Reason,
		}
	}
	lines := append([]string{hello, "The rotation file was changed, and is in effect:"}, strings.Split(n.Reason, "\n")...)
	return notice{subject: "The rotation has changed", paragraphs: lines}
}

// footer is the sentences under a copy: whose turn it is, and what a reply
// does, with everybody it will reach.
func (b *batch) footer(c threads.Conversation, e *threads.Engineer, of int) []string {
	if b.g.cfg.Footer == "none" {
		return nil
	}
	turn := fmt.Sprintf("%s, it is your turn. This is conversation %d.", firstName(e.Name), c.ID)
	if c.Offer != nil {
		turn = fmt.Sprintf("%s, this is on offer to %s until %s: the first to answer has it.",
			firstName(e.Name), offeredTo(len(c.Offer.To)), b.rot.Say(e.Key, c.Offer.Until))
	}
	if len(c.Tags) > 0 && b.g.cfg.Footer == "full" {
		turn += " It is tagged " + strings.Join(c.Tags, ", ") + "."
	}
	to, cc := c.Recipients(b.g.names, b.rot, e.Key, of)
	reach := listed(slices.Concat(to, cc))
	switch {
	case reach == "":
		return []string{turn, "Nobody is left whom a reply would reach: one is kept back, and comes back to you."}
	case b.g.cfg.Footer != "full":
		return []string{turn + " A reply goes to " + reach + "."}
	}
	return []string{turn, fmt.Sprintf("Just reply: it goes out as %q to %s.", b.fromName(e), reach)}
}

// listed names people in a sentence.
func listed(people []threads.Address) string {
	var names []string
	for i, a := range people {
		if i == maxNamed {
			names = append(names, fmt.Sprintf("%d more", len(people)-i))
			break
		}
		names = append(names, shown(a))
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

func offeredTo(n int) string {
	if n == 1 {
		return "you"
	}
	return fmt.Sprintf("%d of you", n)
}

// fromName is the name customers read.
func (b *batch) fromName(e *threads.Engineer) string {
	return message.SignedAs(b.g.cfg.FromName, e.Name, b.g.cfg.Support.Name)
}

// maxNamed bounds the recipients a footer names one by one, against a mail
// that was sent to a whole company.
const maxNamed = 100

// links are what a tap does under a copy; texts says that it shows the texts of
// mails in place of these.
func (b *batch) links(c threads.Conversation, texts bool) []action {
	if b.g.cfg.Footer != "full" {
		return nil
	}
	note := action{"Write a note for colleagues alone", "/note\n"}
	list := []action{{"Close it without an answer", "/close"}, note, {"Lay it aside for a day", "/snooze 1d"}}
	if c.Offer != nil {
		list = []action{{"Take it, and answer later", "/take"}, note}
	}
	if texts {
		list = append(list, action{"Get the mails as they came", "/originals"})
	}
	if c.Offer == nil {
		list = append(list, action{"What else I can say", "/help"})
	}
	return list
}

func shown(a threads.Address) string {
	switch "" {
	case a.Name:
		return a.Addr
	case a.Addr: // ourselves
		return a.Name
	}
	return a.Name + " <" + a.Addr + ">"
}

// greeting begins a notice. Of admins the file has no names.
func greeting(name string) string {
	if strings.TrimSpace(name) == "" {
		return "Hello,"
	}
	return "Hello " + firstName(name) + ","
}

func firstName(name string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(name), " ")
	if first == "" {
		return "there"
	}
	return first
}

// stubReason says why an engineer gets a list in place of the mail itself.
func stubReason(p store.DeliveryHurdle) string {
	if p == store.HurdleSize {
		return "the mail is larger than the mail server takes"
	}
	return "the mail server does not take its 8-bit parts as they are"
}
