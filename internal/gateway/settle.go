package gateway

import (
	"fmt"
	"slices"
	"strings"

	"postroom/internal/store"
	"postroom/threads"
)

// verdict is what an engineer says of a held mail: "send", "note" or
// "discard"; "" when she says something else, or two things.
func verdict(m *threads.Mail) string {
	said := ""
	if m.HasText() {
		return ""
	}
	orders := m.Commands
	if len(orders) == 0 && m.SubjectCommand != nil {
		orders = []threads.Command{*m.SubjectCommand}
	}
	for _, c := range orders {
		switch {
		case c.Arg != "" || !slices.Contains([]string{"send", "note", "discard"}, c.Word), said != "" && said != c.Word:
			return ""
		}
		said = c.Word
	}
	return said
}

// settle acts on what an engineer says of a held mail: in a reply to its
// notice, or elsewhere, where only one can be meant. It reports false when her
// mail says something else.
func (b *batch) settle(l *letter, in threads.MailIn) (*store.Outcome, bool, error) {
	a, what := in.Authority, verdict(in.Mail)
	if what == "" || what == "note" && a.Hold == "" {
		return nil, false, nil
	}
	list, err := b.meant(a)
	if err != nil {
		return nil, true, err
	}
	done := store.Outcome{Kind: store.OutcomeCommand, Class: string(in.Class)}
	switch {
	case len(list) == 1:
		done.Conversation, done.Event = uint64(list[0].Conversation), list[0].Event
		err = b.decided(list[0], a.Engineer, what)
	case a.Hold != "":
		done.Note = "that mail is held no longer"
		err = b.tellSettled(l, a)
	default:
		done.Note = fmt.Sprintf("%d mails are held that it may be about", len(list))
		err = b.listHeld(l, a, what, list)
	}
	if err != nil {
		return nil, true, err
	}
	return &done, true, b.know(l, threads.KnownHers, 0, 0)
}

func (b *batch) decided(h store.Hold, by, what string) error {
	switch what {
	case "send":
		return b.releaseHold(h, by, false)
	case "note":
		return b.releaseHold(h, by, true)
	}
	return b.discardHold(h, by)
}

// meant are the held mails an engineer may be speaking of: that whose notice
// she answers, else those of the conversation, else all that she was asked
// about. The owner of a conversation may decide for its author.
func (b *batch) meant(a threads.Authority) ([]store.Hold, error) {
	if a.Hold != "" {
		h, ok, err := b.tx.Hold(a.Hold)
		if err != nil || !ok || h.Asked != a.Engineer {
			return nil, err
		}
		return []store.Hold{h}, nil
	}
	all, err := b.tx.Holds()
	if err != nil {
		return nil, err
	}
	c, _, err := b.tx.Conversation(a.Conversation)
	if err != nil {
		return nil, err
	}
	here := slices.DeleteFunc(slices.Clone(all), func(h store.Hold) bool {
		return a.Conversation == 0 || h.Conversation != a.Conversation || h.Asked != a.Engineer && c.Owner != a.Engineer
	})
	if len(here) > 0 {
		return here, nil
	}
	hers := slices.DeleteFunc(all, func(h store.Hold) bool { return h.Asked != a.Engineer })
	if a.Conversation != 0 && len(hers) == 1 {
		hers = append(hers, store.Hold{}) // it is of another conversation: she is to see which
	}
	return hers, nil
}

// tellSettled says that nothing was done, since the mail is held no longer.
func (b *batch) tellSettled(l *letter, a threads.Authority) error {
	c, _, err := b.tx.Conversation(a.Conversation)
	if err != nil {
		return err
	}
	return b.notify(c, threads.Notify{
		OutID: "settled." + l.name(), Kind: threads.NoticeSettled, Engineer: a.Engineer,
		Reason: "that mail is no longer held under this name: it was sent or thrown away, or came back to you once more, because something had happened meanwhile",
	}, nil)
}

// maxHeldListed bounds the held mails one notice lists.
const maxHeldListed = 10

// listHeld shows an engineer what is held of hers, each with a link.
func (b *batch) listHeld(l *letter, a threads.Authority, what string, list []store.Hold) error {
	list = slices.DeleteFunc(list, func(h store.Hold) bool { return h.ID == "" })
	c, _, err := b.tx.Conversation(a.Conversation)
	if err != nil {
		return err
	}
	n := threads.Notify{OutID: "listed." + l.name(), Kind: threads.NoticeHeldList, Engineer: a.Engineer, Reason: "nothing of yours is held back, so there is nothing to " + what}
	if what == "discard" {
		n.Reason += "; nothing was thrown away"
	}
	if len(list) > 0 {
		var lines []string
		for _, h := range list[:min(len(list), maxHeldListed)] {
			lines = append(lines, fmt.Sprintf("%s: %q, %s", h.ID, oneLine(h.Subject), h.Reason))
			n.Holds = append(n.Holds, h.ID)
		}
		if more := len(list) - len(lines); more > 0 {
			lines = append(lines, fmt.Sprintf("and %d more", more))
		}
		n.Reason = fmt.Sprintf("/%s did not say which mail, and nothing was done\n%s", what, strings.Join(lines, "\n"))
	}
	return b.notify(c, n, nil)
}

// name names what follows from a mail and no event.
func (l *letter) name() string {
	return fmt.Sprintf("%s-%d-%d", l.uid.Folder, l.uid.Validity, l.uid.UID)
}
