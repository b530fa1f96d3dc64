package gateway

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// autoReply records an automatic reply. One that is an engineer's own takes
// her off duty.
func (b *batch) autoReply(l *letter, ix *store.Index, in threads.MailIn) (*store.Outcome, error) {
	m := &l.msg.Mail
	engineer, hers := threads.OutOfOffice(ix, b.g.names, b.rot, m, b.bouncedTo(ix, in.Found))
	var o *store.Outcome
	var err error
	if in.Found.Conversation == 0 {
		o, err = b.recordListed(l, in.Class)
	} else {
		o, err = b.received(l, in)
	}
	if err != nil || !hers {
		return o, err
	}
	return o, b.outOfOffice(engineer, threads.Absence{
		Cause: threads.CauseReply, Reason: "an automatic reply came: " + oneLine(m.Subject), Since: b.now, Until: b.now.Add(threads.AwayFor),
	})
}

// answersNotice reports whether a mail answers a notice of ours, or came to an
// address that only notices tell.
func (b *batch) answersNotice(ix *store.Index, m *threads.Mail) bool {
	for _, id := range slices.Concat(m.InReplyTo, m.References) {
		if slices.ContainsFunc(ix.ID(id), func(k threads.Known) bool { return k.Kind == threads.KnownNotice }) {
			return true
		}
	}
	return slices.ContainsFunc(slices.Concat(m.To, m.Cc), func(a threads.Address) bool {
		token, is := b.g.names.Token(a.Addr)
		if !is {
			return false
		}
		t, made := ix.Token(token)
		return made && (t.Kind == threads.TokenPersonal || t.Kind == threads.TokenHeld || t.Kind == threads.TokenAdmin)
	})
}

// acknowledged records what a machine says to a notice of ours, as the ticket
// system of an admin does. Nobody is told: it would make a customer of the admin,
// and the notice that nobody is on duty would bring the next conversation.
func (b *batch) acknowledged(l *letter, in threads.MailIn) (*store.Outcome, error) {
	in.Class, in.Evidence = threads.ClassAutoReply, in.Evidence+", to a notice of ours"
	if in.Found.Conversation == 0 {
		return b.recordListed(l, in.Class)
	}
	return b.received(l, in)
}

// bouncedTo is what the mail of ours stands for to whose bounce address a mail
// came.
func (b *batch) bouncedTo(ix *store.Index, found threads.Found) threads.Known {
	if found.OutID == "" || found.CopyOf != "" {
		return threads.Known{}
	}
	for _, k := range ix.ID(b.g.names.MailID(b.g.minter, found.OutID)) {
		if k.OutID == found.OutID {
			return k
		}
	}
	return threads.Known{}
}

// deadAddress takes an engineer off duty because mail to her comes back: there
// is no such mailbox. how says what her server said.
func (b *batch) deadAddress(engineer, status, how string) error {
	if _, there := b.rot.Engineer(engineer); !there || !threads.DeadAddress(status) {
		return nil
	}
	return b.outOfOffice(engineer, threads.Absence{
		Cause: threads.CauseDead, Reason: "mail to this address comes back: " + oneLine(strings.TrimSpace(status+" "+how)), Since: b.now,
	})
}

// outOfOffice takes an engineer off duty on the word of a machine: never the
// last one who is there, and not in place of what a person said.
func (b *batch) outOfOffice(engineer string, a threads.Absence) error {
	old, off := b.absent[engineer]
	off = off && !old.Over(b.now)
	if off && (old.Cause == threads.CauseAsked || old.Cause == threads.CauseAdmin || old.Cause == threads.CauseDead) {
		return nil // it says more
	}
	if off && a.Cause == old.Cause {
		a.Since = old.Since
	}
	if b.rot.Last(engineer, b.now, b.absent.Leave()) {
		b.after = append(b.after, func() { b.g.log.Warn("last_on_duty", "engineer", engineer, "cause", a.Cause, "reason", a.Reason) })
		name := b.nameOf(engineer)
		return b.tellAway(engineer, a, name+" seems to be away, like everybody else",
			"Everybody else is off duty, so "+name+" stays on duty. If "+name+" is away as well, new conversations reach nobody.")
	}
	if err := b.offDuty(engineer, a); err != nil {
		return err
	}
	if a.Cause == threads.CauseDead && !off {
		name := b.nameOf(engineer)
		return b.tellAway(engineer, a, "Mail to "+name+" comes back", name+" is off duty now, and what waited for an answer was handed on. "+
			"When the address works again, `postroom rotation back "+engineer+"` ends that; if there is a new address, change the rotation file.")
	}
	return nil
}

// tellAway tells the admins of an absence that a person has to know of, once
// a day for each cause.
func (b *batch) tellAway(engineer string, a threads.Absence, subject, what string) error {
	return b.notify(threads.Conversation{}, threads.Notify{
		OutID: fmt.Sprintf("away.%s.%s.%s", engineer, a.Cause, b.now.Format(time.DateOnly)), Kind: threads.NoticeAway,
		Reason: subject + "\n" + b.nameOf(engineer) + " <" + engineer + ">: " + sentence(a.Reason) + "\n" + what,
	}, nil)
}

// offDuty takes an engineer off duty, and hands on at once what waits for her.
func (b *batch) offDuty(engineer string, a threads.Absence) error {
	b.absent[engineer] = a
	if err := b.tx.SetAbsence(engineer, a); err != nil {
		return err
	}
	b.after = append(b.after, func() {
		b.g.log.Info("off_duty", "engineer", engineer, "cause", a.Cause, "until", a.Until, "reason", a.Reason)
	})
	return b.lookAll(func(o store.OpenConversation) bool { return o.Owner == engineer && o.Unanswered })
}

// onDuty ends an absence, whatever its cause, and hands out what waits.
func (b *batch) onDuty(engineer, by string) error {
	if _, off := b.absent[engineer]; !off {
		return nil
	}
	delete(b.absent, engineer)
	if err := b.tx.DropAbsence(engineer); err != nil {
		return err
	}
	b.after = append(b.after, func() { b.g.log.Info("on_duty", "engineer", engineer, "by", by) })
	return b.lookAll(unowned)
}

// staff records who is in the file now. Who is no longer leaves her tokens
// behind: when she comes back, what was made for her before proves nothing.
func (b *batch) staff(was *threads.Rotation) error {
	left, err := b.tx.Staff(keysOf(b.rot), keysOf(was))
	for _, engineer := range left {
		b.after = append(b.after, func() { b.g.log.Info("left", "engineer", engineer) })
	}
	return err
}

func keysOf(r *threads.Rotation) []string {
	keys := []string{}
	if r != nil {
		for i := range r.Engineers {
			keys = append(keys, r.Engineers[i].Key)
		}
	}
	return keys
}

// leavers drops the absences of those who are no longer in the file.
func (b *batch) leavers() error {
	for engineer := range b.absent {
		if _, there := b.rot.Engineer(engineer); there {
			continue
		}
		delete(b.absent, engineer)
		if err := b.tx.DropAbsence(engineer); err != nil {
			return err
		}
	}
	return nil
}

// unowned says of an open conversation that somebody coming on duty may
// change it.
func unowned(o store.OpenConversation) bool { return o.Owner == "" || o.Pending }

// unsettled says of an open conversation that a new rotation may change it.
func (b *batch) unsettled(o store.OpenConversation) bool {
	if unowned(o) {
		return true
	}
	_, there := b.rot.Engineer(o.Owner)
	_, off := b.absent[o.Owner]
	return !there || off && o.Unanswered
}

// lookAll looks at the open conversations that want says, the one that has
// waited longest first.
func (b *batch) lookAll(want func(store.OpenConversation) bool) error {
	var list []store.OpenConversation
	err := b.tx.EachOpen(func(o store.OpenConversation) error {
		if want(o) {
			list = append(list, o)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(list, func(x, y store.OpenConversation) int {
		return cmp.Or(since(x).Compare(since(y)), cmp.Compare(x.ID, y.ID))
	})
	for _, o := range list {
		c, ok, err := b.tx.Conversation(o.ID)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if _, _, err := b.step(c, threads.LookIn{}, nil); err != nil {
			return err
		}
	}
	return nil
}

// since is when a customer began to wait; one who does not comes last.
func since(o store.OpenConversation) time.Time {
	if o.Since.IsZero() {
		return time.Unix(1<<40, 0)
	}
	return o.Since
}

// oneLine bounds words of a mail for a reason: one line, no more than people
// read.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 120 {
		s = string(r[:120]) + "…"
	}
	return s
}
