package gateway

import (
	"fmt"
	"slices"
	"strings"

	"postroom/threads"
)

// maxReasons bounds the decisions that one answer to /why tells of, the newest.
const maxReasons = 8

// whyHers says why a conversation is with whom it is: the newest decisions,
// and whom the last choice was between.
func (b *batch) whyHers(c threads.Conversation, asking string) (string, error) {
	events, err := b.tx.Events(c.ID)
	if err != nil {
		return "", err
	}
	var lines []string
	var poll *threads.Poll
	chosen := ""
	for _, e := range events {
		line := ""
		switch body := e.Body.(type) {
		case threads.Assigned:
			name := b.nameOf(body.Engineer)
			line = gotIt(name, body.Why)
			if body.Poll != nil {
				poll, chosen = body.Poll, body.Engineer
			}
		case threads.Waiting:
			line = "nobody could be given it: " + body.Why
			poll, chosen = body.Poll, ""
		case threads.Offered:
			line = "it was on offer to " + b.namesOf(body.To) + ": " + body.Why
		case threads.Closed:
			line = "closed by " + b.nameOf(body.By)
		case threads.Junked:
			line = "put away as spam by " + b.nameOf(body.By)
		case threads.Absorbed:
			line = fmt.Sprintf("%s merged conversation %d into it", b.nameOf(body.By), body.From)
		case threads.SplitOff:
			line = fmt.Sprintf("%s made a mail of it conversation %d", b.nameOf(body.By), body.Into)
		case threads.Reopened:
			line = "open again: " + body.Why
		case threads.Overdue:
			line = body.Why
		}
		if line != "" {
			lines = append(lines, b.rot.Say(asking, e.At)+": "+oneLine(line))
		}
	}
	if n := len(lines) - maxReasons; n > 0 {
		lines = append([]string{fmt.Sprintf("(%d earlier decisions are left out)", n)}, lines[n:]...)
	}
	lines = append([]string{b.whose(c, asking), ""}, lines...)
	return strings.Join(append(lines, b.considered(poll, chosen)...), "\n"), nil
}

// gotIt says how somebody came to have a conversation.
func gotIt(name, why string) string {
	switch why {
	case name + " answered it":
		return why + ", and has it since"
	case name + " took it", name + " laid it aside", name + " opened it again":
		return why
	case "took it":
		return name + " took it"
	}
	return name + " got it: " + strings.TrimPrefix(strings.TrimPrefix(why, name+" is "), name+" ")
}

// whose says in one line how a conversation stands.
func (b *batch) whose(c threads.Conversation, asking string) string {
	who := "is nobody's at the moment"
	switch {
	case c.Offer != nil:
		who = "is on offer to " + b.namesOf(c.Offer.To)
	case c.Owner == asking:
		who = "is yours"
	case c.Owner != "":
		who = "is " + b.nameOf(c.Owner) + "'s"
	case c.Waits:
		who = "waits for somebody to come on duty"
	}
	state := string(c.State)
	if c.Spam {
		state = "put away as spam"
	}
	return fmt.Sprintf("Conversation %d, %s, %s.", c.ID, state, who)
}

func (b *batch) namesOf(keys []string) string {
	var names []string
	for _, key := range keys {
		names = append(names, b.nameOf(key))
	}
	return strings.Join(names, ", ")
}

// maxConsidered bounds the engineers named one by one.
const maxConsidered = 20

// considered tells whom the last choice of the rotation was between.
func (b *batch) considered(poll *threads.Poll, chosen string) []string {
	if poll == nil {
		return nil
	}
	lines := []string{"", "When the rotation last chose, it looked at these, in the order of their turns:"}
	more := len(poll.Considered)
	for _, n := range poll.Others {
		more += n
	}
	for _, x := range slices.Clone(poll.Considered)[:min(len(poll.Considered), maxConsidered)] {
		stood := "free"
		if x.Key == chosen {
			stood = "got it"
		}
		if x.Out != "" {
			stood = "passed over, " + x.Out
		}
		lines = append(lines, "  "+b.nameOf(x.Key)+": "+stood)
		more--
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", more))
	}
	return lines
}
