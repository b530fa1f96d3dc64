package gateway

import (
	"fmt"
	"strings"

	"postroom/internal/message"
	"postroom/threads"
)

// maxMeanwhile bounds the text of one mail or note told in a notice, in octets.
const maxMeanwhile = 8 << 10

// meanwhile tells the author of a held mail what colleagues did, and the
// customer wrote, since what she had before her; hers stands behind it.
func (b *batch) meanwhile(c threads.Conversation, n threads.Notify, hers string) (string, error) {
	events, err := b.tx.Events(c.ID)
	if err != nil {
		return "", err
	}
	var told []string
	for _, e := range events {
		if e.N <= n.Since || e.N >= n.Event {
			continue
		}
		line := b.happened(e, n.Engineer)
		if line == "" {
			continue
		}
		text, err := b.tx.Text(c.ID, e.N)
		if err != nil {
			return "", err
		}
		text = message.NewText(text)
		if len(text) > maxMeanwhile {
			text = strings.ToValidUTF8(text[:maxMeanwhile], "") + "\n[...]"
		}
		told = append(told, strings.TrimSpace(b.rot.Say(n.Engineer, e.At)+", "+line+"\n"+strings.TrimSpace(text)))
	}
	told = told[max(0, len(told)-maxStory):]
	return "What happened meanwhile:\n\n" + strings.Join(told, "\n\n") + "\n\nWhat you wrote:\n\n" + strings.TrimSpace(hers), nil
}

// happened says in a line what an event is to an engineer who did not know of
// it; "" for what is none of her business.
func (b *batch) happened(e threads.Event, engineer string) string {
	switch body := e.Body.(type) {
	case threads.Assigned:
		if body.Engineer != engineer && body.Why != b.nameOf(body.Engineer)+" answered it" {
			if body.Why == b.nameOf(engineer)+" gave it away" {
				return "you gave it to " + b.nameOf(body.Engineer)
			}
			return oneLine(gotIt(b.nameOf(body.Engineer), body.Why))
		}
		return ""
	case threads.Closed:
		return b.nameOf(body.By) + " closed it"
	case threads.Absorbed:
		return fmt.Sprintf("%s merged conversation %d (%q) into it", b.nameOf(body.By), body.From, oneLine(body.Subject))
	}
	from, ok := b.teller(e)
	switch {
	case !ok:
		return ""
	case from.Addr == "":
		return from.Name + ":"
	}
	return shown(from) + ":"
}

// noteText is what a note says, with the names of what is attached to it.
func noteText(l *letter) string {
	text := message.NoteText(&l.msg.Mail)
	var names []string
	for _, a := range l.msg.Mail.Attachments {
		if a.Name != "" {
			names = append(names, oneLine(a.Name))
		}
	}
	if len(names) > 0 {
		text = strings.TrimSpace(text + "\n\n(with " + strings.Join(names, ", ") + ", which lies in the support mailbox)")
	}
	return text
}
