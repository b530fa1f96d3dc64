package gateway

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

// answerOf fills in what an answer needs beside the engineer's mail.
func (b *batch) answerOf(c threads.Conversation, e threads.SendAnswer) message.Answer {
	a := message.Answer{
		Author: b.nameOf(e.Author), To: e.To, Cc: slices.Concat(e.Cc, e.Added), Subject: c.Subject,
		MessageID: e.MessageID, Date: b.now, References: []string{b.rootID(c)},
	}
	if h, ok := c.HeardAt(e.Answers); ok {
		for _, id := range h.References {
			if !b.internal(id) {
				a.References = append(a.References, id)
			}
		}
		a.References = append(a.References, h.MessageID)
		a.InReplyTo = h.MessageID
	}
	outlook := c.OutlookOf(e.Answers).Child(b.now, e.MessageID)
	a.ThreadTopic, a.ThreadIndex = outlook.Topic, outlook.Index
	return a
}

// internal reports whether an id may not stand in an answer's chain: one that
// only engineers may see, or a root id, which has a place of its own.
func (b *batch) internal(id string) bool {
	known := func(k threads.Known) bool { return k.Kind == threads.KnownRoot }
	return b.internalLeak(id) || slices.ContainsFunc(b.tx.Index().ID(id), known)
}

// internalLeak reports whether an id is one that only engineers may see.
func (b *batch) internalLeak(id string) bool {
	for _, k := range b.tx.Index().ID(id) {
		switch k.Kind {
		case threads.KnownCopy, threads.KnownNotice, threads.KnownToken, threads.KnownHers:
			return true
		}
	}
	return b.g.names.InternalID(id)
}

// elsewhere tells whether an id is that of a mail in another conversation,
// which the customer's side of this one has not named itself.
func (b *batch) elsewhere(c threads.Conversation) func(id string) bool {
	named := map[string]bool{}
	for _, h := range c.Mails {
		for _, id := range h.References {
			named[strings.ToLower(id)] = true
		}
	}
	return func(id string) bool {
		list := b.tx.Index().ID(id)
		if low := strings.ToLower(id); low != id {
			list = append(list, b.tx.Index().ID(low)...)
		}
		here := func(k threads.Known) bool {
			return k.Conversation == 0 || k.Conversation == c.ID || k.Conversation == c.Linked
		}
		return len(list) > 0 && !slices.ContainsFunc(list, here) && !named[strings.ToLower(id)]
	}
}

// rules is what may not be seen in an answer, and what the customer's side
// knows already.
func (b *batch) rules(c threads.Conversation, e threads.SendAnswer) (message.Rules, error) {
	r := message.Rules{Internal: b.internalLeak, Elsewhere: b.elsewhere(c), Scrub: message.Scrub{
		Names: b.g.names, Support: b.g.cfg.Support, Own: b.rot.Addresses(e.Author), Token: b.tx.HasToken,
	}}
	for i := range b.rot.Engineers {
		eng := &b.rot.Engineers[i]
		if eng.Key != e.Author {
			r.Colleagues = append(r.Colleagues, b.rot.Addresses(eng.Key)...)
		}
	}
	r.People = slices.Concat(e.To, e.Cc, e.Added, c.Participants)
	for _, a := range r.People {
		r.Allowed = append(r.Allowed, a.Addr)
	}
	events, err := b.tx.Events(c.ID)
	if err != nil {
		return r, err
	}
	for _, ev := range events {
		ev = ev.Told()
		_, note := ev.Body.(threads.Noted)
		received, theirs := ev.Body.(threads.Received)
		_, answer := ev.Body.(threads.Accepted)
		if !note && !theirs && !answer {
			continue
		}
		if theirs {
			for _, a := range slices.Concat(received.To, received.Cc) {
				r.Allowed = append(r.Allowed, a.Addr)
			}
		}
		text, err := b.tx.Text(c.ID, ev.N)
		if err != nil {
			return r, err
		}
		if note {
			r.Notes = append(r.Notes, text)
		} else {
			r.Seen = append(r.Seen, text)
		}
	}
	return r, nil
}

// tryAnswer composes an answer to learn whether it can go out.
func (b *batch) tryAnswer(c threads.Conversation, author string, view int, l *letter) (*threads.Draft, error) {
	to, cc := c.Recipients(b.g.names, b.rot, author, view)
	_, findings, err := b.compose(c, threads.SendAnswer{
		MessageID: b.g.names.MailID(b.g.minter, "draft"), Author: author, Answers: view, To: to, Cc: cc,
		Added: threads.Exposed(b.g.names, b.rot, &l.msg.Mail),
	}, l)
	if errors.Is(err, message.ErrEncrypted) {
		return &threads.Draft{Encrypted: true}, nil
	}
	if errors.Is(err, message.ErrNothing) {
		return nil, nil
	}
	if saved := (*insertError)(nil); errors.As(err, &saved) {
		return &threads.Draft{Unfit: saved.Error()}, nil
	}
	for _, unfit := range []error{message.ErrAddress, message.ErrTooLong, message.ErrUnreadable, message.ErrPacked} {
		if errors.Is(err, unfit) {
			return &threads.Draft{Unfit: unfit.Error()}, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return &threads.Draft{
		Findings: message.FindingWords(findings),
		Final:    slices.ContainsFunc(findings, func(f message.Finding) bool { return !f.Releasable }),
	}, nil
}

func (b *batch) compose(c threads.Conversation, e threads.SendAnswer, l *letter) (*message.Recipe, []message.Finding, error) {
	rules, err := b.rules(c, e)
	if err != nil {
		return nil, nil, err
	}
	if from := l.msg.Mail.Sender().Addr; from != "" {
		rules.Own = append(rules.Own, from) // an address of hers that the file may not list
	}
	rules.Machines = l.msg.Machines(b.publicNames()...)
	a := b.answerOf(c, e)
	a.Scrub = rules.Scrub
	if a.Inserts, err = b.inserts(c, e.Author, e.Answers, &l.msg.Mail); err != nil {
		return nil, nil, err
	}
	recipe, findings, err := b.g.composer.Answer(l.msg, a)
	if err != nil {
		return nil, nil, err
	}
	// What was composed is looked at once more, as its recipient will see it.
	leaks, err := b.g.composer.Check(recipe, []message.Source{l.msg.Source()}, rules)
	return recipe, append(findings, leaks...), err
}

// publicNames are the domains of our addresses: no secret, whatever machine
// has the name too.
func (b *batch) publicNames() []string {
	list := []string{b.g.names.Domain}
	for i := range b.rot.Engineers {
		for _, addr := range b.rot.Addresses(b.rot.Engineers[i].Key) {
			list = append(list, strings.ToLower(addr[strings.LastIndexByte(addr, '@')+1:]))
		}
	}
	return list
}

// sendAnswer queues an accepted answer.
func (b *batch) sendAnswer(h hand, e threads.SendAnswer) error {
	recipe, findings, err := b.compose(h.c, e, h.l)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(findings, func(f message.Finding) bool { return !f.Releasable }); i >= 0 {
		return fmt.Errorf("an accepted answer shows something internal: %s (%s)", findings[i].What, findings[i].Where)
	}
	if err := b.keepAnswer(h, e, recipe); err != nil {
		return err
	}
	if err := b.unsealed(h, e); err != nil {
		return err
	}
	m := store.OutMail{
		ID: e.OutID, Kind: store.OutAnswer, Event: h.c.Answer.Event, Author: e.Author, Subject: h.c.Subject,
		MessageID: e.MessageID, Sources: []store.Ref{h.l.ref},
	}
	for _, a := range slices.Concat(e.To, e.Cc) {
		m.Recipients = append(m.Recipients, store.Recipient{Address: a.Addr, State: store.OutQueued})
	}
	return b.enqueue(h.c, outgoing{
		mail: m, recipe: recipe, letters: letters(h.l),
		known: threads.Known{Kind: threads.KnownAnswer, Event: h.c.Answer.Event, Engineer: e.Author},
	})
}

// keepAnswer keeps the text of an answer as it goes out, and what it is known
// by when somebody answers it without naming it.
func (b *batch) keepAnswer(h hand, e threads.SendAnswer, recipe *message.Recipe) error {
	sent, err := rendered(outgoing{recipe: recipe, letters: letters(h.l)})
	if err != nil {
		return err
	}
	text := message.StripAnswer(h.l.msg.Mail.NewText)
	wrote := text
	if sent != nil {
		m := &message.Read(sent).Mail
		text, wrote = m.Text, m.NewText
	}
	a := threads.Answer{Base: h.c.SubjectBase, Text: wrote, People: slices.Concat(e.To, e.Cc, e.Added)}
	if err := threads.LearnAnswer(b.tx, b.g.names, h.c.ID, a, b.now); err != nil {
		return err
	}
	return b.tx.SetText(h.c.ID, h.c.Answer.Event, text)
}

// unsealed tells an engineer, once for good, that her signature is taken off
// what she sends: nothing would verify it, and it names her address.
func (b *batch) unsealed(h hand, e threads.SendAnswer) error {
	if h.l == nil || !h.l.msg.Sealed() {
		return nil
	}
	key, told := "unsealed/"+e.Author, false
	if _, err := b.tx.Meta(key, &told); err != nil || told {
		return err
	}
	if err := b.tx.SetMeta(key, true); err != nil {
		return err
	}
	return b.notify(h.c, threads.Notify{OutID: "unsealed." + e.OutID, Kind: threads.NoticeUnsealed, Engineer: e.Author}, nil)
}
