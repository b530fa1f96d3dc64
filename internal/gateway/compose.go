package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

// token makes a token, or finds it made: it stands in the store either way.
func (b *batch) token(t threads.Token, parts ...any) (string, error) {
	token := b.g.minter.Token(t.Kind, parts...)
	if b.tx.HasToken(token) {
		return token, nil
	}
	return token, b.tx.AddToken(token, t)
}

// replyAddress is where an engineer's mail about a conversation goes.
func (b *batch) replyAddress(c threads.Conversation, engineer string) (string, error) {
	gen := c.Generation(engineer)
	token, err := b.token(threads.Token{
		Kind: threads.TokenReply, Engineer: engineer, Conversation: c.ID, Generation: gen,
	}, engineer, c.ID, gen)
	return b.g.names.Address(token), err
}

// tokenID is the id that stands second in References of mail to an engineer.
func (b *batch) tokenID(c threads.Conversation, engineer string) (string, error) {
	gen := c.Generation(engineer)
	id := b.g.names.TokenID(b.g.minter, engineer, c.ID, gen)
	return id, b.tx.AddKnown(id, threads.Known{
		Kind: threads.KnownToken, Conversation: c.ID, Engineer: engineer, Generation: gen,
	})
}

// thread is the References and In-Reply-To of mail to an engineer about a
// conversation: root, token id, her own chain up to the mail itself, which the
// conversation may know already.
func (b *batch) thread(c threads.Conversation, engineer, own string) (references []string, inReplyTo string, err error) {
	if c.ID == 0 {
		return nil, "", nil
	}
	id, err := b.tokenID(c, engineer)
	if err != nil {
		return nil, "", err
	}
	chain := c.Desks[engineer].Chain
	if i := slices.Index(chain, own); i >= 0 {
		chain = chain[:i]
	}
	references = append([]string{b.g.names.RootID(b.g.minter, c.ID), id}, chain...)
	if len(chain) > 0 {
		inReplyTo = chain[len(chain)-1]
	}
	return references, inReplyTo, nil
}

// sendCopy queues a customer's mail to an engineer: the mail in hand, the one
// kept for this, or, when it is gone, its text.
func (b *batch) sendCopy(h hand, e threads.SendCopy) error {
	eng, ok := b.rot.Engineer(e.Engineer)
	if !ok {
		return fmt.Errorf("%s is not in the rotation", e.Engineer)
	}
	l, err := b.source(h, e.Of)
	if err != nil {
		return err
	}
	cp, err := b.copyOf(h.c, eng, e)
	if err != nil {
		return err
	}
	var recipe *message.Recipe
	var sources []store.Ref
	switch {
	case l == nil:
		recipe, err = b.retold(h.c, e.Of, cp)
	case l.cut != "":
		recipe, err = b.g.composer.Stub(l.msg, cp, l.cut)
	default:
		sources = []store.Ref{l.ref}
		recipe, err = b.g.composer.Copy(l.msg, cp)
	}
	if err != nil {
		return err
	}
	return b.enqueue(h.c, outgoing{
		mail: store.OutMail{
			ID: e.OutID, Kind: store.OutCopy, Event: e.Of, To: e.Engineer, Subject: h.c.Subject, MessageID: e.MessageID,
			Recipients: []store.Recipient{{Address: eng.Email, State: store.OutQueued}}, Sources: sources,
		},
		recipe: recipe, letter: l,
		known: threads.Known{Kind: threads.KnownCopy, Event: e.Of, Engineer: e.Engineer, Generation: h.c.Generation(e.Engineer)},
	})
}

// source finds the raw mail of an event; nil when it is no longer here.
func (b *batch) source(h hand, of int) (*letter, error) {
	if h.l != nil && h.n == of {
		return h.l, nil
	}
	ref, ok, err := b.tx.Kept(h.c.ID, of)
	if err != nil || !ok {
		return nil, err
	}
	uid, _, err := b.tx.UIDOf(h.c.ID, of)
	if err != nil {
		return nil, err
	}
	return b.letter(ref, uid)
}

func (b *batch) copyOf(c threads.Conversation, eng *threads.Engineer, e threads.SendCopy) (message.Copy, error) {
	reply, err := b.replyAddress(c, eng.Key)
	if err != nil {
		return message.Copy{}, err
	}
	refs, inReplyTo, err := b.thread(c, eng.Key, e.MessageID)
	if err != nil {
		return message.Copy{}, err
	}
	received, err := b.receivedEvent(c.ID, e.Of)
	if err != nil {
		return message.Copy{}, err
	}
	cp := message.Copy{
		To: threads.Address{Name: eng.Name, Addr: eng.Email}, Customer: received.From, ReplyTo: reply,
		Subject: received.Subject, MessageID: e.MessageID, InReplyTo: inReplyTo, References: refs,
		Date: b.sane(received.Date), Footer: b.footer(c, eng, e.Of), Links: b.mailtos(reply, c.Subject, b.links()),
	}
	if e.Story {
		if cp.Story, err = b.story(c, e.Of); err != nil {
			return cp, err
		}
	}
	return cp, nil
}

func (b *batch) receivedEvent(id threads.ID, n int) (threads.Received, error) {
	e, ok, err := b.tx.Event(id, n)
	if err != nil {
		return threads.Received{}, err
	}
	r, is := e.Body.(threads.Received)
	if !ok || !is {
		return r, fmt.Errorf("event %d of conversation %d is no mail", n, id)
	}
	return r, nil
}

// sane is the customer's date, where it can be true.
func (b *batch) sane(date time.Time) time.Time {
	if date.IsZero() || date.After(b.now.Add(24*time.Hour)) || b.now.Sub(date) > 30*24*time.Hour {
		return b.now
	}
	return date
}

// story is what happened in a conversation before an event, told to somebody
// who is new to it.
func (b *batch) story(c threads.Conversation, before int) ([]message.StoryItem, error) {
	events, err := b.tx.Events(c.ID)
	if err != nil {
		return nil, err
	}
	var items []message.StoryItem
	for _, e := range events {
		from, ok := b.teller(e)
		if !ok || e.N == before {
			continue
		}
		text, err := b.tx.Text(c.ID, e.N)
		if err != nil {
			return nil, err
		}
		items = append(items, message.StoryItem{From: from, At: e.At, Text: text})
	}
	if len(items) > maxStory {
		items = items[len(items)-maxStory:]
	}
	return items, nil
}

// maxStory bounds the mails of a story: the newest tell it.
const maxStory = 20

func (b *batch) teller(e threads.Event) (threads.Address, bool) {
	switch body := e.Body.(type) {
	case threads.Received:
		return body.From, !body.Silent && !body.History
	case threads.Accepted:
		return threads.Address{Name: b.nameOf(body.Author) + " (our answer)"}, true
	case threads.Noted:
		return threads.Address{Name: b.nameOf(body.Author) + " (a note, for us alone)"}, true
	}
	return threads.Address{}, false
}

func (b *batch) nameOf(key string) string {
	if e, ok := b.rot.Engineer(key); ok {
		return e.Name
	}
	if key == "" {
		return "Somebody at the support mailbox"
	}
	return key
}

// retold makes a copy of a mail that is no longer here from the text kept of
// it.
func (b *batch) retold(c threads.Conversation, of int, cp message.Copy) (*message.Recipe, error) {
	text, err := b.tx.Text(c.ID, of)
	if err != nil {
		return nil, err
	}
	received, err := b.receivedEvent(c.ID, of)
	if err != nil {
		return nil, err
	}
	where := "this is its text; the mail itself lies in the support mailbox under " + received.MessageID
	return b.g.composer.Stub(message.FromText(received.From, received.Subject, text), cp, where)
}

// restub composes a copy anew that the relay cannot take as it is.
func (b *batch) restub(m store.OutMail, p store.DeliveryHurdle) error {
	if len(m.Sources) == 0 {
		return b.hopeless(m, p) // it was a stub already
	}
	c, ok, err := b.tx.Conversation(threads.ID(m.Conversation))
	if err != nil || !ok {
		return err
	}
	eng, ok := b.rot.Engineer(m.To)
	if !ok {
		return b.hopeless(m, p) // she left: somebody else has to get it
	}
	l, err := b.letter(m.Sources[0], store.UID{})
	if err != nil {
		return err
	}
	cp, err := b.copyOf(c, eng, threads.SendCopy{OutID: m.ID, MessageID: m.MessageID, Engineer: m.To, Of: m.Event})
	if err != nil {
		return err
	}
	recipe, err := b.g.composer.Stub(l.msg, cp, stubReason(p))
	if err != nil {
		return err
	}
	if err := b.tx.DropOut(m); err != nil {
		return err
	}
	return b.enqueue(c, outgoing{
		mail: store.OutMail{
			ID: m.ID, Kind: store.OutCopy, Event: m.Event, To: m.To, Subject: m.Subject, MessageID: m.MessageID,
			Recipients: []store.Recipient{{Address: eng.Email, State: store.OutQueued}},
		},
		recipe: recipe,
		known:  threads.Known{Kind: threads.KnownCopy, Event: m.Event, Engineer: m.To, Generation: c.Generation(m.To)},
	})
}

// hopeless fails a copy that the relay takes in no form.
func (b *batch) hopeless(m store.OutMail, p store.DeliveryHurdle) error {
	for _, r := range m.Recipients {
		r.State, r.Reply = store.OutFailed, stubReason(p)+", not even as a list of its parts"
		if err := b.told(m, r); err != nil {
			return err
		}
	}
	return b.tx.DropOut(m)
}

// mailtos turns actions into links: a mail with the command in its body, to
// the address that authenticates it.
func (b *batch) mailtos(to, subject string, actions []action) []message.Link {
	if b.g.cfg.ReplyTemplate == "" {
		return nil // only a reply carries a token then
	}
	var links []message.Link
	for _, a := range actions {
		links = append(links, message.Link{Label: a.label, Mailto: message.MailtoURL(to, "Re: "+subject, a.command)})
	}
	return links
}

// outgoing is a composed mail about to be queued.
type outgoing struct {
	mail   store.OutMail
	recipe *message.Recipe
	letter *letter // the source its recipe draws on
	known  threads.Known
}

// enqueue queues a composed mail: its envelope, its deadline, and what its
// ids stand for.
func (b *batch) enqueue(c threads.Conversation, o outgoing) error {
	m := o.mail
	m.Conversation = uint64(c.ID)
	m.State, m.Queued, m.NextAttempt, m.Deadline = store.OutQueued, b.now, b.now, b.now.Add(b.g.cfg.Deadline)
	m.Recipe, m.Size, m.EightBit = o.recipe.Encode(), o.recipe.Size(), o.recipe.EightBit()
	if err := b.envelope(c, &m); err != nil {
		return err
	}
	if _, there, err := b.tx.Out(m.ID); err != nil || there {
		return errors.Join(err, fmt.Errorf("queueing %s: there is a mail of this name", m.ID)) // never one in place of the other
	}
	if err := b.tx.Enqueue(m); err != nil {
		return err
	}
	k := o.known
	k.Conversation, k.OutID, k.MessageID = c.ID, m.ID, m.MessageID
	b.after = append(b.after, func() { b.g.logQueued(m) })
	if b.g.cfg.OwnCopy != CopyNone {
		sent, err := b.asSent(o)
		if err != nil {
			return err
		}
		if sent != nil {
			k.References = threads.ReferencesDigest(sent)
			if err := b.tx.AddKnown(threads.SentDigest(sent), k); err != nil {
				return err
			}
		}
	}
	return b.tx.AddKnown(m.MessageID, k)
}

// envelope sets the reverse-path and the address of our own copy, both of
// this mail alone, where the mailbox takes such addresses.
func (b *batch) envelope(c threads.Conversation, m *store.OutMail) error {
	m.Fallback = b.g.cfg.Support.Addr
	m.EnvelopeFrom = m.Fallback
	if b.g.cfg.ReplyTemplate != "" {
		bounce, err := b.token(threads.Token{Kind: threads.TokenBounce, Conversation: c.ID, OutID: m.ID}, m.ID)
		if err != nil {
			return err
		}
		m.EnvelopeFrom = b.g.names.Address(bounce)
	}
	return b.ownAddress(m)
}

// ownAddress sets the address our own copy of the next transaction comes to.
func (b *batch) ownAddress(m *store.OutMail) error {
	if b.g.cfg.OwnCopy != CopyByBcc {
		return nil
	}
	m.OwnCopy = b.g.cfg.Support.Addr
	if b.g.cfg.ReplyTemplate != "" {
		t := threads.Token{Kind: threads.TokenCopy, Conversation: threads.ID(m.Conversation), OutID: m.ID, Generation: m.CopyNo}
		own, err := b.token(t, m.ID, m.CopyNo)
		if err != nil {
			return err
		}
		m.OwnCopy = b.g.names.Address(own)
	}
	return nil
}

// maxReread is the size up to which a composed mail is read again, in octets.
// A bigger one is recognised by its Message-ID alone when it comes back.
const maxReread = store.BigMail

// asSent reads a composed mail as it will come back; nil for a big one.
func (b *batch) asSent(o outgoing) (*threads.Mail, error) {
	if o.recipe.Size() > maxReread {
		return nil, nil
	}
	var sources []message.Source
	if o.letter != nil {
		sources = append(sources, o.letter.msg.Source())
	}
	var raw bytes.Buffer
	raw.Grow(int(o.recipe.Size()))
	if err := o.recipe.Render(&raw, sources); err != nil {
		return nil, fmt.Errorf("reading what was composed: %w", err)
	}
	return &message.Read(bytes.NewReader(raw.Bytes())).Mail, nil
}

// answerOf fills in what an answer needs beside the engineer's mail.
func (b *batch) answerOf(c threads.Conversation, e threads.SendAnswer) message.Answer {
	a := message.Answer{
		Author: b.nameOf(e.Author), To: e.To, Cc: slices.Concat(e.Cc, e.Added), Subject: c.Subject,
		MessageID: e.MessageID, Date: b.now, References: []string{b.g.names.RootID(b.g.minter, c.ID)},
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

// rules is what may not be seen in an answer, and what the customer's side
// knows already.
func (b *batch) rules(c threads.Conversation, e threads.SendAnswer) (message.Rules, error) {
	r := message.Rules{Internal: b.internalLeak, Scrub: message.Scrub{
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
	to, cc := c.Recipients(b.g.names, view)
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
	for _, unfit := range []error{message.ErrAddress, message.ErrTooLong, message.ErrUnreadable} {
		if errors.Is(err, unfit) {
			return &threads.Draft{Unfit: unfit.Error()}, nil
		}
	}
	if err != nil {
		return nil, err
	}
	d := &threads.Draft{}
	for _, f := range findings {
		d.Findings = append(d.Findings, f.What+" ("+f.Where+")")
		d.Final = d.Final || !f.Releasable
	}
	return d, nil
}

func (b *batch) compose(c threads.Conversation, e threads.SendAnswer, l *letter) (*message.Recipe, []message.Finding, error) {
	rules, err := b.rules(c, e)
	if err != nil {
		return nil, nil, err
	}
	a := b.answerOf(c, e)
	a.Scrub = rules.Scrub
	recipe, findings, err := b.g.composer.Answer(l.msg, a)
	if err != nil {
		return nil, nil, err
	}
	// What was composed is looked at once more, as its recipient will see it.
	leaks, err := b.g.composer.Check(recipe, []message.Source{l.msg.Source()}, rules)
	return recipe, append(findings, leaks...), err
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
	if err := b.keepAnswer(h, recipe); err != nil {
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
		mail: m, recipe: recipe, letter: h.l,
		known: threads.Known{Kind: threads.KnownAnswer, Event: h.c.Answer.Event, Engineer: e.Author},
	})
}

// keepAnswer keeps the text of an answer as it goes out.
func (b *batch) keepAnswer(h hand, recipe *message.Recipe) error {
	sent, err := b.asSent(outgoing{recipe: recipe, letter: h.l})
	if err != nil {
		return err
	}
	text := message.StripAnswer(h.l.msg.Mail.NewText)
	if sent != nil {
		text = sent.Text
	}
	return b.tx.SetText(h.c.ID, h.c.Answer.Event, text)
}

// notify queues a notice: to the engineer it names, else to every admin.
func (b *batch) notify(c threads.Conversation, n threads.Notify, l *letter) error {
	if n.Engineer != "" {
		e, ok := b.rot.Engineer(n.Engineer)
		if !ok {
			return nil // she left; what concerns the conversation is told elsewhere
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

func (b *batch) noticeTo(c threads.Conversation, n threads.Notify, l *letter, to threads.Address, outID string) error {
	if len(b.tx.Index().ID(b.g.names.MailID(b.g.minter, outID))) > 0 {
		return nil // it was told before, and may have been read
	}
	if ok, err := b.withinBudget(to.Addr); err != nil || !ok {
		return err
	}
	w := b.words(c, n, to.Name)
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
	msg.Quoted = w.verbatim
	if n.Quote {
		if msg.Quoted, err = b.quoted(c, n, l); err != nil {
			return err
		}
	}
	out := outgoing{known: threads.Known{
		Kind: threads.KnownNotice, Event: n.Event, Engineer: n.Engineer, Generation: c.Generation(n.Engineer), Hold: n.Hold,
	}}
	if n.Kind == threads.NoticeAside && l != nil {
		msg.Attach, out.letter = l.msg, l
		out.mail.Sources = []store.Ref{l.ref}
	}
	if out.recipe, err = b.g.composer.Notice(msg); err != nil {
		return err
	}
	out.mail.ID, out.mail.Kind, out.mail.Event, out.mail.To = outID, store.OutNotice, n.Event, n.Engineer
	out.mail.Subject, out.mail.MessageID = w.subject, msg.MessageID
	out.mail.Recipients = []store.Recipient{{Address: to.Addr, State: store.OutQueued}}
	return b.enqueue(c, out)
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
		return b.g.names.Address(token), err
	case c.ID != 0:
		return b.replyAddress(c, n.Engineer)
	}
	token, err := b.token(threads.Token{Kind: threads.TokenPersonal, Engineer: n.Engineer}, n.Engineer)
	return b.g.names.Address(token), err
}

// quoted is the text a notice gives back: the mail in hand, else what was
// kept of the answer it is about.
func (b *batch) quoted(c threads.Conversation, n threads.Notify, l *letter) (string, error) {
	if l != nil && n.Answer == 0 {
		return l.msg.Mail.Text, nil
	}
	if n.Answer == 0 {
		return "", nil
	}
	text, err := b.tx.Text(c.ID, n.Answer)
	return strings.TrimSpace(text), err
}
