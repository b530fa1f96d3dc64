package gateway

import (
	"fmt"
	"slices"
	"time"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

// token makes a token, or finds it made: it stands in the store either way.
func (b *batch) token(t threads.Token, parts ...any) (string, error) {
	return b.tokenIn(b.g.minter, t, parts...)
}

func (b *batch) tokenIn(minter threads.Minter, t threads.Token, parts ...any) (string, error) {
	token := minter.Token(t.Kind, parts...)
	if b.tx.HasToken(token) {
		return token, nil
	}
	return token, b.tx.AddToken(token, t)
}

// replyAddress is where an engineer's mail about a conversation goes.
func (b *batch) replyAddress(c threads.Conversation, engineer string) (string, error) {
	gen, err := b.tx.Generation(c, engineer)
	if err != nil {
		return "", err
	}
	token, err := b.tokenIn(b.g.minter.In(c.Era), threads.Token{
		Kind: threads.TokenReply, Engineer: engineer, Conversation: c.ID, Generation: gen,
	}, engineer, c.ID, gen)
	return b.g.address(token), err
}

// tokenID is the id that stands second in References of mail to an engineer.
func (b *batch) tokenID(c threads.Conversation, engineer string) (string, error) {
	gen, err := b.tx.Generation(c, engineer)
	if err != nil {
		return "", err
	}
	id := b.g.names.TokenID(b.g.minter.In(c.Era), engineer, c.ID, gen)
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
	references = append([]string{b.rootID(c), id}, chain...)
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
	gen, err := b.tx.Generation(h.c, e.Engineer)
	if err != nil {
		return err
	}
	out := outgoing{
		mail: store.OutMail{
			ID: e.OutID, Kind: store.OutCopy, Event: e.Of, To: e.Engineer, Subject: h.c.Subject, MessageID: e.MessageID,
			Recipients: []store.Recipient{{Address: eng.Email, State: store.OutQueued}},
		},
		known: threads.Known{Kind: threads.KnownCopy, Event: e.Of, Engineer: e.Engineer, Generation: gen},
	}
	switch {
	case e.Stub != "":
		l = nil
		out.recipe, err = b.retold(h.c, e.Of, cp, e.Stub)
	case l == nil:
		out.recipe, err = b.retold(h.c, e.Of, cp, "")
	case l.cut != "":
		out.recipe, err = b.g.composer.Stub(l.msg, cp, capital(sentence(l.cut)))
	default:
		return b.sendWhole(h, out, l, cp)
	}
	if err != nil {
		return err
	}
	out.letters = letters(l)
	return b.enqueue(h.c, out)
}

// sendWhole queues a copy of a mail that is here.
func (b *batch) sendWhole(h hand, out outgoing, l *letter, cp message.Copy) error {
	out.mail.Sources, out.letters = []store.Ref{l.ref}, letters(l)
	compose := func() (*message.Recipe, error) { return b.g.composer.Copy(l.msg, cp) }
	put := func(r *message.Recipe) error {
		out.recipe = r
		return b.enqueue(h.c, out)
	}
	if b.aside && l == h.l {
		b.later(compose, put)
		return nil
	}
	if err := b.queueComposed(); err != nil { // one of the same mail may be being composed
		return err
	}
	recipe, err := compose()
	if err != nil {
		return err
	}
	return put(recipe)
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
	outlook := c.OutlookOf(e.Of)
	cp := message.Copy{
		To: threads.Address{Name: eng.Name, Addr: eng.Email}, Customer: received.From, ReplyTo: reply,
		Subject: received.Subject, MessageID: e.MessageID, InReplyTo: inReplyTo, References: refs,
		Date: b.sane(received.Date), Footer: b.footer(c, eng, e.Of), Links: b.mailtos(reply, c.Subject, b.links(c, e.Story || e.Stub != "")),
		ThreadTopic: outlook.Topic, ThreadIndex: outlook.Index,
	}
	if e.Story {
		if cp.Story, err = b.story(c, e.Of); err != nil {
			return cp, err
		}
	}
	return cp, nil
}

func (b *batch) receivedEvent(id threads.ID, n int) (threads.Received, error) {
	if h := &b.heard; h.conversation == id && h.event == n {
		return h.body, nil
	}
	e, ok, err := b.tx.Event(id, n)
	if err != nil {
		return threads.Received{}, err
	}
	r, is := e.Told().Body.(threads.Received)
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
		e.At = e.Told().At
		text, err := b.tx.Text(c.ID, e.N)
		if err != nil {
			return nil, err
		}
		items = append(items, message.StoryItem{From: from, At: e.At, Text: text})
	}
	slices.SortStableFunc(items, func(a, b message.StoryItem) int { return a.At.Compare(b.At) })
	for i := range items {
		if i > 0 { // what the first brings may be a mail that was forwarded
			items[i].Text = message.OwnWords(items[i].Text)
		}
	}
	if len(items) > maxStory {
		items = items[len(items)-maxStory:]
	}
	return items, nil
}

// maxStory bounds the mails of a story: the newest tell it.
const maxStory = 20

func (b *batch) teller(e threads.Event) (threads.Address, bool) {
	switch body := e.Told().Body.(type) {
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
func (b *batch) retold(c threads.Conversation, of int, cp message.Copy, why string) (*message.Recipe, error) {
	text, err := b.tx.Text(c.ID, of)
	if err != nil {
		return nil, err
	}
	received, err := b.receivedEvent(c.ID, of)
	if err != nil {
		return nil, err
	}
	msg := message.FromText(received.From, received.Subject, text)
	msg.Mail.Attachments, msg.Mail.MessageID = received.Parts, received.MessageID
	return b.g.composer.Stub(msg, cp, capital(sentence(why)))
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
	recipe, err := b.g.composer.Stub(l.msg, cp, capital(sentence(stubReason(p))))
	if err != nil {
		return err
	}
	if err := b.dropOut(m); err != nil {
		return err
	}
	gen, err := b.tx.Generation(c, m.To)
	if err != nil {
		return err
	}
	return b.enqueue(c, outgoing{
		mail: store.OutMail{
			ID: m.ID, Kind: store.OutCopy, Event: m.Event, To: m.To, Subject: m.Subject, MessageID: m.MessageID,
			Recipients: []store.Recipient{{Address: eng.Email, State: store.OutQueued}},
		},
		recipe: recipe,
		known:  threads.Known{Kind: threads.KnownCopy, Event: m.Event, Engineer: m.To, Generation: gen},
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
	return b.dropOut(m)
}

// mailtos turns actions into links: a mail with the command in its body, to
// the address that authenticates it.
func (b *batch) mailtos(to, subject string, actions []action) []message.Link {
	if !b.g.tokensArrive() {
		return nil // only a reply carries a token then
	}
	links, commands := make([]message.Link, len(actions)), make([]string, len(actions))
	for i, a := range actions {
		commands[i] = a.command
	}
	for i, url := range message.MailtoURLs(to, message.ReplySubject(subject), commands) {
		links[i] = message.Link{Label: actions[i].label, Mailto: url}
	}
	return links
}
