package gateway

import (
	"fmt"
	"strings"

	"postroom/internal/store"
	"postroom/threads"
)

// order is what an engineer asked for that is about more than the
// conversation in hand, if any: it is done when that is settled.
type order struct {
	c      threads.Conversation
	effect threads.Effect
	name   string // of the notice that answers it
}

// obey does what was ordered so far.
func (b *batch) obey() error {
	for len(b.orders) > 0 {
		o := b.orders[0]
		b.orders = b.orders[1:]
		if err := b.order(o); err != nil {
			return fmt.Errorf("doing what was asked for, %T: %w", o.effect, err)
		}
	}
	return nil
}

func (b *batch) order(o order) error {
	switch e := o.effect.(type) {
	case threads.Absent:
		return b.offDuty(e.Engineer, e.Absence)
	case threads.Back:
		return b.onDuty(e.Engineer, e.By)
	case threads.Absorb:
		return b.absorb(e)
	case threads.Part:
		return b.part(e)
	case threads.Report:
		text, err := b.report(o, e)
		if err != nil {
			return err
		}
		return b.notify(o.c, threads.Notify{OutID: o.name, Kind: threads.NoticeReport, Engineer: e.Engineer, Reason: reportSubject(o.c, e.What) + "\n" + text}, nil)
	}
	return fmt.Errorf("the order is not known")
}

// personal does the commands of a mail to an engineer's personal address.
// False says that it is to be held, with the reason in a.
func (b *batch) personal(l *letter, in *threads.MailIn) (*store.Outcome, bool, error) {
	a := &in.Authority
	effects, reason := threads.Personal(a.Engineer, in.Mail, b.world(threads.Conversation{}))
	if reason != "" {
		a.Doubt, a.Reason = threads.WhyCommand, reason
		return nil, false, nil
	}
	name := fmt.Sprintf("personal.%s-%d-%d", l.uid.Folder, l.uid.Validity, l.uid.UID)
	for i, e := range effects {
		own := fmt.Sprintf("%s.%d", name, i)
		if n, ok := e.(threads.Notify); ok {
			n.OutID = own
			if err := b.notify(threads.Conversation{}, n, nil); err != nil {
				return nil, true, err
			}
			continue
		}
		b.orders = append(b.orders, order{effect: e, name: own})
	}
	if err := b.obey(); err != nil {
		return nil, true, err
	}
	o := &store.Outcome{Kind: store.OutcomeCommand, Class: string(in.Class)}
	return o, true, b.know(l, threads.KnownHers, 0, 0)
}

// reportSubject is what an answer to a question is called.
func reportSubject(c threads.Conversation, what string) string {
	switch what {
	case "help":
		return "All commands"
	case "why":
		return "Why it is where it is: " + orNone(c.Subject)
	}
	return "Who is there, and what is yours"
}

// maxListed bounds the conversations a report names one by one.
const maxListed = 20

// report answers what an engineer asked.
func (b *batch) report(o order, e threads.Report) (string, error) {
	switch e.What {
	case "help":
		return helpText(), nil
	case "why":
		return b.whyHers(o.c, e.Engineer)
	}
	var lines []string
	for i := range b.rot.Engineers {
		eng := &b.rot.Engineers[i]
		p := b.rot.Presence(eng.Key, b.now, b.absent.Leave())
		line := fmt.Sprintf("%s: %s, %d open", eng.Name, p.Why, b.load[eng.Key])
		if a, off := b.absent[eng.Key]; off && !a.Over(b.now) {
			line = fmt.Sprintf("%s: off duty, %s, %d open", eng.Name, absentBecause(a, eng.Key == e.Engineer), b.load[eng.Key])
		}
		lines = append(lines, line)
	}
	mine, err := b.openOf(e.Engineer)
	if err != nil {
		return "", err
	}
	if o.c.ID != 0 {
		lines = append([]string{b.whose(o.c, e.Engineer), ""}, lines...)
	}
	return strings.Join(append(append(lines, ""), mine...), "\n"), nil
}

// absentBecause is why somebody is off duty, in words for herself or for others.
func absentBecause(a threads.Absence, herself bool) string {
	switch {
	case a.Cause == threads.CauseAsked && herself:
		return "as you asked"
	case a.Cause == threads.CauseAsked:
		return "by their own word"
	}
	return a.Reason
}

// openOf lists an engineer's open conversations.
func (b *batch) openOf(engineer string) ([]string, error) {
	var ids []threads.ID
	waits := 0
	err := b.tx.EachOpen(func(o store.OpenConversation) error {
		if o.Owner == engineer {
			ids = append(ids, o.ID)
		}
		if o.Waits {
			waits++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	lines := []string{fmt.Sprintf("Yours, open: %d. Waiting for somebody to come on duty: %d.", len(ids), waits)}
	for i, id := range ids {
		if i == maxListed {
			lines = append(lines, fmt.Sprintf("and %d more", len(ids)-i))
			break
		}
		c, _, err := b.tx.Conversation(id)
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("%d  %s, from %s%s", c.ID, oneLine(c.Subject), oneLine(shown(c.Customer)), stands(c, b.rot, engineer)))
	}
	return lines, nil
}

func stands(c threads.Conversation, rot *threads.Rotation, engineer string) string {
	switch {
	case !c.Snoozed.IsZero():
		return ", laid aside until " + rot.Say(engineer, c.Snoozed)
	case c.Unanswered:
		return ", waiting for an answer since " + rot.Say(engineer, c.Asked)
	}
	return ""
}

// helpText explains the commands, from the table they are read by.
func helpText() string {
	about, herself := threads.Help()
	lines := append([]string{"Reply to a customer's mail, and your answer goes out. Commands stand on lines of their own above it;", "a mail of commands alone sends nothing. What you forward to a colleague yourself stays between you two:",
		"/note tells it to all who have to do with the conversation.", ""}, about...)
	lines = append(lines, "", "To any address of ours, also in a reply to a notice:")
	return strings.Join(append(lines, herself...), "\n")
}
