package gateway

import (
	"errors"
	"fmt"
	"slices"

	"postroom/internal/store"
	"postroom/threads"
)

// fromEngineer handles a mail that is an engineer's, or pretends to be.
func (b *batch) fromEngineer(l *letter, in threads.MailIn) (*store.Outcome, error) {
	a := in.Authority
	if a.Proven && !a.Lent && (a.Hold != "" || a.Doubt == "") {
		if o, done, err := b.settle(l, in); done || err != nil {
			return o, err
		}
	}
	if a.Proven && a.Hold != "" && a.Doubt == "" && in.Mail.HasText() && !commanded(in.Mail, "note") {
		// Her words are about the held mail, or quote what we said of it.
		a.Doubt = threads.WhyCommand
		a.Reason = "it is a reply to the notice of a held mail, which takes /send, /note or /discard alone; " +
			"to write to the customer, reply to the customer's mail"
		in.Authority = a
	}
	id := a.Conversation
	if id == 0 {
		id = in.Found.Conversation
	}
	if id == 0 {
		return b.unattached(l, in)
	}
	c, ok, err := b.tx.Conversation(id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("a token names conversation %d, which is not there", id)
	}
	if in.Draft, err = b.draft(c, in, l); err != nil {
		return nil, err
	}
	if in.Twice, err = b.twice(c, in); err != nil {
		return nil, err
	}
	if commanded(in.Mail, "save") {
		in.Blank = blankIn(in.Mail.NewText)
	}
	next, res, err := b.step(c, in, l)
	if err != nil {
		return nil, err
	}
	return b.filed(l, threads.KnownHers, next.ID, engineerEvent(res, next), in.Class)
}

// engineerEvent is the event an engineer's mail became: what it did first.
func engineerEvent(res threads.Result, c threads.Conversation) int {
	for _, n := range []int{
		eventOf[threads.Accepted](res), eventOf[threads.Noted](res), eventOf[threads.HeldBack](res),
	} {
		if n != 0 {
			return n
		}
	}
	return c.N
}

// draft composes the answer a mail would become, to learn whether it can. The
// answer itself is composed again when it has been accepted, with the
// Message-ID of its place in the history.
func (b *batch) draft(c threads.Conversation, in threads.MailIn, l *letter) (*threads.Draft, error) {
	if !in.Authority.Proven || in.Authority.Lent || in.Authority.Doubt != "" || !in.Mail.HasText() {
		return nil, nil
	}
	c = threads.AsOrdered(c, in.Authority.Engineer, in.Mail, b.world(c))
	view := in.Authority.View
	if view == 0 {
		view = c.View(in.Authority.Engineer)
	}
	return b.tryAnswer(c, in.Authority.Engineer, view, l)
}

// twice reports whether an engineer's mail went out as an answer before, under
// another Message-ID: her client or its server sent it once more, or somebody
// else did. Where it does not say which mail it answers, any answer of hers
// counts.
func (b *batch) twice(c threads.Conversation, in threads.MailIn) (bool, error) {
	a := in.Authority
	if !a.Proven || a.Doubt != "" || in.Mail.BodyDigest == "" {
		return false, nil
	}
	for _, id := range c.Desks[a.Engineer].Chain {
		for _, k := range b.tx.Index().ID(id) {
			if k.Kind != threads.KnownHers || k.Conversation != c.ID || k.Body != in.Mail.BodyDigest {
				continue
			}
			e, _, err := b.tx.Event(c.ID, k.Event)
			if err != nil {
				return false, err
			}
			was, is := e.Body.(threads.Accepted)
			if is && was.Author == a.Engineer && (a.View == 0 || a.View == was.Answers) {
				return true, nil
			}
		}
	}
	return false, nil
}

func commanded(m *threads.Mail, word string) bool {
	return slices.ContainsFunc(m.Commands, func(c threads.Command) bool { return c.Word == word })
}

// releaseHold sends a held mail as the answer of the engineer it is from, or
// keeps it as her note.
func (b *batch) releaseHold(h store.Hold, by string, asNote bool) error {
	if h.OutID != "" && asNote {
		return fmt.Errorf("held mail %s is an answer on its way: it can be sent again or left", h.ID)
	}
	if h.OutID != "" {
		return b.sendAgain(h, by)
	}
	if nowhereToSend(h) {
		return fmt.Errorf("held mail %s came before the state was put back from a backup, and what it answers is not known any more: "+
			"it can only be discarded; its author may answer the customer's mail again", h.ID)
	}
	l, err := b.heldLetter(h)
	if err != nil {
		return err
	}
	if h.Conversation == 0 {
		return b.admit(h, l)
	}
	c, ok, err := b.tx.Conversation(h.Conversation)
	if err != nil || !ok {
		return err
	}
	author := h.Engineer
	if e, ok := b.rot.ByAddress(h.From); ok && author == "" {
		author = e.Key // the address has become an alias of hers since
	}
	if author == "" && by == h.Asked {
		author = by // it answers a mail that only she was sent, and she says that it is hers
	}
	if _, ok := b.rot.Engineer(author); !ok {
		// Without her in the file nobody knows what of it is private, either.
		return fmt.Errorf("held mail %s is from nobody in the rotation: it can only be discarded", h.ID)
	}
	in := threads.ReleaseIn{Hold: h.ID, By: by, Author: author, Mail: &l.msg.Mail, Answers: h.Answers, To: h.To, Cc: h.Cc, AsNote: asNote}
	if in.Draft, err = b.tryAnswer(threads.AsOrdered(c, author, in.Mail, b.world(c)), author, h.Answers, l); err != nil {
		return err
	}
	_, res, err := b.step(c, in, l)
	if err != nil {
		return err
	}
	if n := eventOf[threads.Noted](res); n != 0 {
		return b.keepText(l, threads.KnownHers, c.ID, n)
	}
	return nil
}

// admit takes a held mail that belongs to no conversation for what its sender
// says it is: fresh mail from somebody who is an engineer.
func (b *batch) admit(h store.Hold, l *letter) error {
	in := threads.MailIn{Mail: &l.msg.Mail, Class: threads.ClassCustomer, Evidence: "customer: confirmed by " + h.Engineer}
	if _, err := b.received(l, in); err != nil {
		return err
	}
	return b.tx.DropHold(h.ID)
}

func (b *batch) discardHold(h store.Hold, by string) error {
	if h.OutID != "" {
		if err := b.giveUp(h); err != nil {
			return err
		}
	}
	if h.Conversation == 0 {
		return b.tx.DropHold(h.ID)
	}
	c, ok, err := b.tx.Conversation(h.Conversation)
	if err != nil || !ok {
		return err
	}
	_, _, err = b.step(c, threads.DiscardIn{Hold: h.ID, By: by}, nil)
	return err
}

// heldLetter opens the raw mail of a hold.
func (b *batch) heldLetter(h store.Hold) (*letter, error) { return b.letter(h.Raw, h.UID) }

func (b *batch) letter(ref store.Ref, uid store.UID) (*letter, error) {
	raw, err := b.g.st.OpenRaw(ref)
	if err != nil {
		return nil, err
	}
	b.open = append(b.open, raw)
	msg, err := readWhole(raw)
	return &letter{uid: uid, ref: ref, msg: msg}, err
}

// unattached handles an engineer's mail that is about no conversation: held
// done when it is a command about herself, else held.
func (b *batch) unattached(l *letter, in threads.MailIn) (*store.Outcome, error) {
	if in.Authority.Proven && in.Authority.Doubt == "" {
		if o, done, err := b.personal(l, &in); done || err != nil {
			return o, err
		}
	}
	a := in.Authority
	why, reason := a.Doubt, a.Reason
	h := store.Hold{
		ID: fmt.Sprintf("0-%s-%d-%d", l.uid.Folder, l.uid.Validity, l.uid.UID), Engineer: a.Engineer, Asked: a.Engineer, From: l.msg.Mail.Sender().Addr,
		Subject: l.msg.Mail.Subject, Why: why, Reason: reason, Raw: l.ref, UID: l.uid, At: b.now.Unix(), Lines: firstLines(&l.msg.Mail),
	}
	if err := errors.Join(b.tx.SetHold(h), b.listTomorrow()); err != nil {
		return nil, err
	}
	b.after = append(b.after, func() { b.g.logHeld(h) })
	if err := b.tellUnattached(l, in, h); err != nil {
		return nil, err
	}
	o := &store.Outcome{Kind: store.OutcomeCommand, Class: string(in.Class), Note: "held: " + string(why)}
	return o, b.know(l, threads.KnownHers, 0, 0)
}

// tellUnattached asks the engineer whose address it is from, or tells whose
// token it carries, and the admins.
func (b *batch) tellUnattached(l *letter, in threads.MailIn, h store.Hold) error {
	a, about := in.Authority, threads.Conversation{Subject: l.msg.Mail.Subject}
	n := threads.Notify{
		OutID: "hold." + h.ID, Kind: threads.NoticeHeld, Engineer: a.Engineer, Reason: h.Reason, Hold: h.ID, Quote: true, Held: threads.HeldAs(in, h.Why),
	}
	if a.Engineer != "" && a.Owner == "" {
		return b.notify(about, n, l)
	}
	if a.Engineer != "" {
		if err := b.notify(about, n, l); err != nil {
			return err
		}
	}
	n.Kind, n.Quote, n.Engineer = threads.NoticeForged, false, ""
	if err := b.notify(about, n, l); err != nil || a.Owner == "" {
		return err
	}
	n.OutID, n.Hold, n.Engineer = n.OutID+".owner", "", a.Owner
	return b.notify(about, n, l)
}
