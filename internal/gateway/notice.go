package gateway

import (
	"fmt"
	"strings"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

// notify queues a notice: to the engineer it names, else to every admin.
func (b *batch) notify(c threads.Conversation, n threads.Notify, l *letter) error {
	n.OutID = b.inEra(n.OutID)
	if n.Engineer != "" {
		e, ok := b.rot.Engineer(n.Engineer)
		if !ok {
			return nil // she left; what concerns the conversation is told elsewhere
		}
		if later, err := b.gather(n); later || err != nil {
			return err
		}
		return b.noticeTo(c, n, l, threads.Address{Name: e.Name, Addr: e.Email}, n.OutID)
	}
	if len(b.rot.Admins) == 0 {
		b.after = append(b.after, func() { b.g.log.Error("no_admins", "kind", n.Kind, "conv", c.ID, "reason", firstLine(n.Reason)) })
	}
	for i, addr := range b.rot.Admins {
		if err := b.noticeTo(c, n, l, threads.Address{Addr: addr}, fmt.Sprintf("%s.%d", n.OutID, i)); err != nil {
			return err
		}
	}
	return nil
}

// inEra is the name of a mail as it is in this era, whoever made it.
func (b *batch) inEra(outID string) string {
	era := b.g.era
	if era == "" || strings.HasSuffix(outID, "."+era) || strings.Contains(outID, "."+era+".") {
		return outID
	}
	return threads.InEra(outID, era)
}

func (b *batch) noticeTo(c threads.Conversation, n threads.Notify, l *letter, to threads.Address, outID string) error {
	if len(b.tx.Index().ID(b.g.names.MailID(b.g.minter, outID))) > 0 {
		return nil // it was told before, and may have been read
	}
	if n.Kind == threads.NoticeDone && !b.courteous(c, to.Addr) {
		return nil
	}
	if ok, err := b.afford(c, to.Addr); err != nil || !ok {
		return err
	}
	return b.sendNotice(c, n, l, to, outID)
}

// sendNotice composes and queues a notice.
func (b *batch) sendNotice(c threads.Conversation, n threads.Notify, l *letter, to threads.Address, outID string) error {
	w := b.words(c, n, to.Name)
	if silent := b.fallsSilent(n.Engineer); silent != "" {
		w.paragraphs = append(w.paragraphs, silent)
	}
	reply, err := b.noticeReply(c, n)
	if err != nil {
		return err
	}
	msg := message.Notice{
		To: to, ReplyTo: reply, Subject: w.subject, MessageID: b.g.names.MailID(b.g.minter, outID), Date: b.now,
		Paragraphs: w.paragraphs, Links: b.mailtos(reply, w.subject, w.actions),
	}
	if n.Engineer != "" {
		if msg.References, msg.InReplyTo, err = b.thread(c, n.Engineer, msg.MessageID); err != nil {
			return err
		}
	}
	if msg.Items, err = b.items(n); err != nil {
		return err
	}
	msg.Quoted = w.verbatim
	if n.Quote {
		if msg.Quoted, err = b.quoted(c, n, l); err != nil {
			return err
		}
	}
	if n.Since != 0 {
		if msg.Quoted, err = b.meanwhile(c, n, msg.Quoted); err != nil {
			return err
		}
	}
	gen, err := b.tx.Generation(c, n.Engineer)
	if err != nil {
		return err
	}
	out := outgoing{known: threads.Known{
		Kind: knownAs(n.Kind), Event: n.Event, Engineer: n.Engineer, Generation: gen, Hold: n.Hold,
	}}
	if n.Kind == threads.NoticeAside && l != nil {
		msg.Attach, out.letters = l.msg, letters(l)
		out.mail.Sources = []store.Ref{l.ref}
	}
	if out.recipe, err = b.g.composer.Notice(msg); err != nil {
		return err
	}
	out.mail.ID, out.mail.Kind, out.mail.Event, out.mail.To = outID, store.OutNotice, n.Event, n.Engineer
	out.mail.Subject, out.mail.MessageID = w.subject, msg.MessageID
	out.mail.Recipients = []store.Recipient{{Address: to.Addr, State: store.OutQueued}}
	b.after = append(b.after, func() { b.g.log.Info("told", "job", outID, "conv", c.ID, "notice", n.Kind, "recipient", to.Addr) })
	return b.enqueue(c, out)
}

// knownAs is what the id of a notice stands for: an answer to a note is one.
func knownAs(kind threads.NoticeKind) threads.KnownKind {
	if kind == threads.NoticeNote {
		return threads.KnownNote
	}
	return threads.KnownNotice
}

// noticeReply is where an answer to a notice goes: the held mail's address,
// the conversation's for what is hers to go on with, else her personal one.
func (b *batch) noticeReply(c threads.Conversation, n threads.Notify) (string, error) {
	switch {
	case n.Engineer == "":
		return b.g.cfg.Support.Addr, nil
	case n.Hold != "":
		t := threads.Token{Kind: threads.TokenHeld, Engineer: n.Engineer, Conversation: c.ID, Hold: n.Hold}
		token, err := b.token(t, n.Engineer, n.Hold)
		return b.g.address(token), err
	case c.ID != 0:
		return b.replyAddress(c, n.Engineer)
	}
	gen, err := b.tx.Generation(c, n.Engineer)
	if err != nil {
		return "", err
	}
	parts := []any{n.Engineer}
	if gen > 0 {
		parts = append(parts, gen)
	}
	token, err := b.token(threads.Token{Kind: threads.TokenPersonal, Engineer: n.Engineer, Generation: gen}, parts...)
	return b.g.address(token), err
}

// quoted is the text a notice gives back: the mail in hand, else what was
// kept of the answer or mail it is about.
func (b *batch) quoted(c threads.Conversation, n threads.Notify, l *letter) (string, error) {
	if l != nil && n.Kind == threads.NoticeNote {
		return noteText(l), nil
	}
	if n.Held.Why == threads.WhySealed {
		return "", nil // nobody can read it here
	}
	if l != nil && n.Answer == 0 {
		return message.OwnWords(message.WithoutFooter(l.msg.WholeText())), nil
	}
	of := n.Answer
	if of == 0 {
		of = n.Event // a mail of the customer's side, or there is no text
	}
	text, err := b.tx.Text(c.ID, of)
	if n.Answer != 0 {
		text = message.OwnWords(text)
	}
	return strings.TrimSpace(text), err
}
