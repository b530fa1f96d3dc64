package gateway

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"postroom/internal/store"
	"postroom/threads"
)

// verdict is what an engineer says of a held mail: "send", "note" or
// "discard", and of which one, where she names it; "" when she says something
// else, or two things.
func verdict(m *threads.Mail) (said, hold string) {
	if m.HasText() {
		return "", ""
	}
	orders := m.Commands
	if len(orders) == 0 && m.SubjectCommand != nil {
		orders = []threads.Command{*m.SubjectCommand}
	}
	for i, c := range orders {
		switch {
		case !slices.Contains([]string{"send", "note", "discard"}, c.Word), c.Arg != "" && !holdName(c.Arg):
			return "", ""
		case i > 0 && (said != c.Word || hold != c.Arg):
			return "", ""
		}
		said, hold = c.Word, c.Arg
	}
	return said, hold
}

// holdName reports whether a word behind /send can be the name of a held mail:
// the number of its conversation, and what follows it.
func holdName(arg string) bool {
	number, _, ok := strings.Cut(arg, "-")
	_, err := strconv.ParseUint(number, 10, 64)
	return ok && err == nil && !strings.ContainsAny(arg, " \t")
}

// settle acts on what an engineer says of a held mail: in a reply to its
// notice, or elsewhere, where only one can be meant. It reports false when her
// mail says something else.
func (b *batch) settle(l *letter, in threads.MailIn) (*store.Outcome, bool, error) {
	a := in.Authority
	what, named := verdict(in.Mail)
	if what == "" || what == "note" && a.Hold == "" {
		return nil, false, nil
	}
	if named != "" {
		a.Hold = named
	}
	list, err := b.meant(a)
	if err != nil {
		return nil, true, err
	}
	if what == "send" && a.Hold == "" {
		list = slices.DeleteFunc(list, func(h store.Hold) bool { return h.Why == threads.WhyUndone }) // there is nothing to send
	}
	done := store.Outcome{Kind: store.OutcomeCommand, Class: string(in.Class)}
	switch {
	case len(list) == 1 && what != "discard" && nowhereToSend(list[0]):
		done.Note = "it belongs to no conversation, and can only be thrown away"
		err = b.tellNowhere(l, list[0], a.Engineer)
	case len(list) == 1:
		done.Conversation, done.Event = uint64(list[0].Conversation), list[0].Event
		if err = b.decided(list[0], a.Engineer, what); err == nil {
			err = b.tellDecided(l, list[0], a.Engineer, what)
		}
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

// nowhereToSend reports whether a held mail is an answer of the time that a
// restored state does not know, to nobody it knows: let go, it would open a
// conversation as if she were a customer.
func nowhereToSend(h store.Hold) bool {
	return h.Conversation == 0 && h.OutID == "" && h.Why == threads.WhyLost
}

func (b *batch) tellNowhere(l *letter, h store.Hold, engineer string) error {
	return b.notify(threads.Conversation{Subject: h.Subject}, threads.Notify{
		OutID: "nowhere." + l.name(), Kind: threads.NoticeSettled, Engineer: engineer,
		Reason: "nothing was sent: what that mail answers is not known any more, since the state was put back from a backup. " +
			"If the customer still needs it, answer their mail again; /discard in reply to the notice you had throws the held one away",
	}, nil)
}

// tellDecided says what came of it. That a mail is held still was said already.
func (b *batch) tellDecided(l *letter, h store.Hold, engineer, what string) error {
	if _, still, err := b.tx.Hold(h.ID); still || err != nil {
		return err
	}
	c, _, err := b.tx.Conversation(h.Conversation)
	if err != nil {
		return err
	}
	said := "it was thrown away, and nothing of it went out"
	switch {
	case what == "note":
		said = "it is kept as a note, for colleagues alone"
	case what == "send" && h.Conversation == 0:
		said = "it goes to the next engineer"
	case what == "send" && h.OutID != "":
		said = "it is sent once more"
	case what == "send":
		if c.Answer.Event == 0 || !b.justAnswered(c, h) {
			return nil // it was no answer, or is held under another name; that was told
		}
		said = "it is on its way" + reachedBy(h)
	case h.OutID != "":
		said = "it is left at that"
	}
	return b.notify(c, threads.Notify{OutID: "decided." + l.name(), Kind: threads.NoticeDone, Engineer: engineer, Reason: said}, nil)
}

// justAnswered reports whether the newest answer is the mail that was held.
func (b *batch) justAnswered(c threads.Conversation, h store.Hold) bool {
	e, ok, err := b.tx.Event(c.ID, c.Answer.Event)
	was, is := e.Body.(threads.Accepted)
	return err == nil && ok && is && was.Hold == h.ID
}

func reachedBy(h store.Hold) string {
	if to := listed(slices.Concat(h.To, h.Cc)); to != "" {
		return " to " + to
	}
	return ""
}

// meant are the held mails an engineer may be speaking of: that whose notice
// she answers, else those of the conversation, else all that she was asked
// about. The owner of a conversation may decide for its author.
func (b *batch) meant(a threads.Authority) ([]store.Hold, error) {
	if a.Hold != "" {
		h, ok, err := b.tx.Hold(a.Hold)
		if err != nil || !ok {
			return nil, err
		}
		c, _, err := b.tx.Conversation(h.Conversation)
		if err != nil || h.Asked != a.Engineer && c.Owner != a.Engineer {
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
		Reason: "that mail is not held any more: it was sent, kept as a note or thrown away, or it came back to you in a newer notice, because something had happened meanwhile",
	}, nil)
}

// listHeld shows an engineer what is held of hers, each with links.
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
		n.Reason = fmt.Sprintf("/%s does not say which mail it means, so nothing was done. This is what is held back, newest first:", what)
		slices.SortStableFunc(list, func(x, y store.Hold) int { return cmp.Compare(y.At, x.At) })
	}
	for _, h := range list {
		n.Holds = append(n.Holds, h.ID)
	}
	return b.notify(c, n, nil)
}

// name names what follows from a mail and no event.
func (l *letter) name() string {
	return fmt.Sprintf("%s-%d-%d", l.uid.Folder, l.uid.Validity, l.uid.UID)
}
