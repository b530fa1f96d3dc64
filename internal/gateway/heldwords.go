package gateway

import (
	"fmt"
	"strconv"
	"strings"

	"postroom/threads"
)

// What can be done about a mail that is held.
var (
	sendIt   = action{"Send it as it is", "/send"}
	keepIt   = action{"Keep it as a note", "/note"}
	dropIt   = action{"Throw it away", "/discard"}
	helpMe   = action{"See all commands", "/help"}
	wroteIt  = action{"I wrote it: send it", "/send"}
	notMine  = action{"I did not: throw it away", "/discard"}
	doIt     = action{"I wrote it: do it", "/send"}
	handItOn = action{"I wrote it: hand it to the next engineer", "/send"}
)

// What each answer to a notice does.
const (
	asNote    = "/note to keep it as a note for colleagues"
	throwAway = "/discard to throw it away"
	notYours  = "If you did not write it, reply with /discard and tell your admins: somebody uses your address."
)

// choose asks for a reply of one line, and lists the lines.
func choose(lines ...string) string {
	return " Reply to this with one line:\n- " + strings.Join(lines, "\n- ")
}

// heldNotice tells the author of a held mail why it was kept back, and how to
// go on.
func (b *batch) heldNotice(hello, about string, c threads.Conversation, n threads.Notify) notice {
	whom := listed(n.Whom)
	if whom == "" && c.Customer.Addr != "" {
		whom = shown(c.Customer)
	}
	to := ""
	if whom != "" {
		to = " to " + whom
	}
	switch {
	case n.Answer != 0:
		return uncertainNotice(hello, about, to, n)
	case n.Held.Why == threads.WhyForged:
		return b.otherAddress(hello, about, whom, n)
	case n.Held.Bare:
		return bareNotice(hello, about, n)
	case c.ID == 0:
		return lonelyNotice(hello, about, n)
	case n.Held.Stuck:
		return stuckNotice(hello, about, to, n)
	}
	below := "It has not gone out. Your words are below."
	if n.Since != 0 {
		below = "It has not gone out. What happened meanwhile is below, and your words behind it."
	}
	send := "to send it" + to + " exactly as it is"
	if n.Held.Orders {
		send = "to send your text" + to + ", without the commands"
	}
	w := notice{
		subject: "Not sent yet: " + about,
		paragraphs: []string{hello,
			"Your mail" + to + " was kept back: " + sentence(n.Reason),
			below + choose("/send "+send, asNote, throwAway),
		},
		actions: []action{sendIt, keepIt, dropIt},
	}
	if n.Held.Orders {
		w.actions[0].label = "Send it without the commands"
	}
	if n.Held.Confirm {
		w.paragraphs = append(w.paragraphs, notYours)
		w.actions = []action{wroteIt, {"I wrote it: keep it as a note", "/note"}, notMine}
	}
	return w
}

// bareNotice is about a mail of commands alone.
func bareNotice(hello, about string, n threads.Notify) notice {
	if !n.Held.Confirm {
		return notice{
			subject: "Not done: " + about,
			paragraphs: []string{hello, capital(sentence(n.Reason)),
				"Nothing was done. Please write it once more with that put right; this one you can forget."},
			actions: []action{helpMe},
		}
	}
	return notice{
		subject: "Not done yet: " + about,
		paragraphs: []string{hello,
			"Your mail was kept back: " + sentence(n.Reason),
			"Nothing of it was done. It is below. If you wrote it, reply with the one line /send, and it is done.", notYours},
		actions: []action{doIt, notMine},
	}
}

// lonelyNotice is about a mail that belongs to no conversation.
func lonelyNotice(hello, about string, n threads.Notify) notice {
	w := notice{
		subject: "Not sent yet: " + about,
		paragraphs: []string{hello,
			"Your mail was kept back: " + sentence(n.Reason),
			"Nobody has seen it. It is below, as it came. It belongs to no conversation, so there is no customer to send it to; to answer a customer, reply to the customer's mail." +
				choose("/send to hand it to the next engineer, as a question of yours", throwAway)},
		actions: []action{{"Hand it to the next engineer", "/send"}, dropIt},
	}
	if n.Held.Confirm {
		w.paragraphs = append(w.paragraphs, notYours)
		w.actions = []action{handItOn, notMine}
	}
	return w
}

// stuckNotice is about a mail that cannot go out as it is.
func stuckNotice(hello, about, to string, n threads.Notify) notice {
	w := notice{
		subject: "Not sent yet: " + about,
		paragraphs: []string{hello,
			"Your mail" + to + " was kept back: " + sentence(n.Reason),
			"It has not gone out, and cannot go out like this. Your words are below: please reply to the customer's mail once more. For this one," + strings.ToLower(choose(asNote, throwAway))},
		actions: []action{keepIt, dropIt},
	}
	if why := n.Held.Why; why == threads.WhyEmpty || why == threads.WhySealed {
		w.paragraphs[2] = "It has not gone out. Please reply to the customer's mail once more; this one you can forget, or throw away with /discard."
		w.actions = []action{dropIt}
	}
	return w
}

// otherAddress asks an engineer about a mail that answers what only she was
// sent, and is from an address nobody knows.
func (b *batch) otherAddress(hello, about, whom string, n threads.Notify) notice {
	from := n.Held.From.Addr
	out := "it goes out as your answer"
	if whom != "" {
		out += " to " + whom
	}
	return notice{
		subject: "Did you write this? " + about,
		paragraphs: []string{hello,
			fmt.Sprintf("A mail from %s was kept back: it is a reply to a mail that only you were sent, and the rotation file does not list that address as yours. It is below; its sender was told nothing.", from),
			"If you wrote it, reply with the one line /send, and " + out + ", or with /note, and it is kept as a note for colleagues.",
			"So that the address is known the next time, have it added to your entry in the rotation file:\n" + aliasLine(from),
			"If you did not write it, please reply with /discard: somebody has mail that was meant for you alone. The admins know of it."},
		actions: []action{wroteIt, {"I wrote it: keep it as a note", "/note"}, notMine},
	}
}

func aliasLine(addr string) string { return "aliases = [" + strconv.Quote(addr) + "]" }

// forgedNotice tells the admins, or a colleague, that an address which is not
// hers used what only she was sent.
func (b *batch) forgedNotice(hello, about string, c threads.Conversation, n threads.Notify) notice {
	from, owner := n.Held.From.Addr, b.nameOf(n.Held.Owner)
	on := "" // what an admin can do
	if n.Hold != "" {
		on = fmt.Sprintf("\n`postroom held release %s` lets it go,\n`postroom held discard %s` throws it away.", n.Hold, n.Hold)
	}
	if n.Held.Why == threads.WhyBorrowed {
		sender := from
		if e, ok := b.rot.ByAddress(from); ok {
			sender = e.Name + " <" + from + ">"
		}
		mine, passed := owner+" alone was", owner
		if n.Engineer != "" {
			mine, passed = "you alone were", "you"
		}
		return notice{
			subject: "Answered by a colleague? " + about,
			paragraphs: []string{hello,
				fmt.Sprintf("A mail that says it is from %s is a reply to a mail that %s sent. It was kept back, and its sender is asked to confirm it.", sender, mine),
				fmt.Sprintf("If %s passed that mail on, all is well and there is nothing to do. If not, somebody writes in a colleague's name.%s", passed, on)},
		}
	}
	asked := ""
	if n.Held.Owner != "" && n.Engineer == "" && c.ID != 0 {
		asked = " " + owner + " is asked about it."
	}
	return notice{
		subject: "Somebody may have written in an engineer's name: " + about,
		paragraphs: []string{hello,
			"A mail was kept back and reached nobody: " + n.Reason + ". Its sender was told nothing." + asked,
			"If the address is theirs after all, add it to their entry in the rotation file:\n" + aliasLine(from) + on},
	}
}

// uncertainNotice asks about an answer that may have arrived.
func uncertainNotice(hello, about, to string, n threads.Notify) notice {
	return notice{
		subject: "Perhaps not sent: " + about,
		paragraphs: []string{hello,
			"It is not known whether your mail" + to + " went out: " + n.Reason + ".",
			"It is below." + choose("/send to send it once more (it keeps its Message-ID, so that many mail programs show it once)", "/discard to leave it at that"),
		},
		actions: []action{{"Send it once more", "/send"}, {"Leave it at that", "/discard"}},
	}
}

// confirmNotice asks an engineer about all mail in her name that came within
// the hour.
func confirmNotice(hello string, n threads.Notify) notice {
	more, them := n.Reason+" more came with your address since you were last asked, and nothing shows that you wrote them.", "If you wrote none of them"
	if len(n.Holds) == 1 {
		more, them = "One more mail came with your address since you were last asked, and nothing shows that you wrote it.", "If you did not write it"
	}
	return notice{
		subject:    "Did you write these? " + n.Reason,
		paragraphs: []string{hello, more + " Nothing has gone out. " + them + ", tell your admins as well: somebody uses your address. Please say for each:"},
	}
}
