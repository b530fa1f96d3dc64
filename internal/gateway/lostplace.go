package gateway

import (
	"strings"

	"postroom/internal/store"
	"postroom/threads"
)

// authorOf is the engineer whose name an answer went out under; "" where none
// has that name.
func (b *batch) authorOf(f *store.Found) string {
	for i := range b.rot.Engineers {
		e := &b.rot.Engineers[i]
		if strings.EqualFold(f.From.Name, b.g.composer.SenderName(e.Name)) {
			return e.Key
		}
	}
	return ""
}

func (b *batch) lostAnswer(f *store.Found) threads.LostAnswer {
	return threads.LostAnswer{Author: b.authorOf(f), MessageID: f.MessageID, Subject: f.Subject, To: f.To, Cc: f.Cc}
}

// placeAlone puts an answer into the conversation that its ids, or else the one
// given, name. It stays where it is when neither is known.
func (b *batch) placeAlone(f *store.Found, id threads.ID) error {
	m := &threads.Mail{MessageID: f.MessageID, InReplyTo: f.InReplyTo, References: f.References}
	if found := threads.Match(b.tx.Index(), b.g.names, m, b.now); found.Conversation != 0 {
		id = found.Conversation
	}
	c, ok, err := b.tx.Conversation(id)
	if err != nil || !ok {
		return err
	}
	next, res, err := b.step(c, threads.LostAnswersIn{Answers: []threads.LostAnswer{b.lostAnswer(f)}}, nil)
	if err != nil {
		return err
	}
	return b.placed([]*store.Found{f}, next, res)
}

// placed makes the answers known that a step recorded: what answers them finds
// their conversation.
func (b *batch) placed(answers []*store.Found, c threads.Conversation, res threads.Result) error {
	i := 0
	for _, e := range res.Events {
		if _, ok := e.Body.(threads.Accepted); !ok || i >= len(answers) {
			continue
		}
		f := answers[i]
		i++
		f.Placed, f.Event = uint64(c.ID), e.N
		if err := b.tx.SetFound(*f); err != nil {
			return err
		}
		k := threads.Known{Kind: threads.KnownAnswer, Conversation: c.ID, Event: e.N, Engineer: b.authorOf(f), MessageID: f.MessageID}
		if err := b.tx.AddKnown(f.MessageID, k); err != nil {
			return err
		}
		if len(f.References) > 0 && b.g.names.RootForm(f.References[0]) {
			if err := b.tx.AddKnown(f.References[0], threads.Known{Kind: threads.KnownRoot, Conversation: c.ID}); err != nil {
				return err
			}
		}
		if err := b.tx.SetText(c.ID, e.N, f.Text); err != nil {
			return err
		}
		if err := b.tx.SetUIDOf(c.ID, e.N, f.UID); err != nil {
			return err
		}
		a := threads.Answer{Base: c.SubjectBase, Text: f.Text, People: append(append([]threads.Address{}, f.To...), f.Cc...)}
		if err := threads.LearnAnswer(b.tx, b.g.names, c.ID, a, b.now); err != nil {
			return err
		}
	}
	return nil
}

// prove looks whether the key made the token that a copy carries, for the
// engineer it went to. Anyone may have written what only looks like one.
// Of several generations of her token the newest found counts: the others were
// burnt.
func (b *batch) prove(f *store.Found) error {
	engineer := b.engineerOf(f)
	if engineer == "" || len(f.References) < 2 {
		return nil
	}
	minter, number, ok := b.rootOf(f.References[0])
	if !ok {
		return nil
	}
	for gen := range maxGenerations {
		id := b.g.names.TokenID(minter, engineer, number, gen)
		if f.Token != "" && len(b.tx.Index().ID(id)) > 0 {
			f.Engineer, f.Token = "", ""
			return nil // burnt
		}
		if f.Token == "" && strings.EqualFold(id, f.References[1]) {
			f.Engineer, f.Token = engineer, minter.Token(threads.TokenReply, engineer, number, gen)
			if gen > 0 {
				if err := b.outdate(f); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// outdate takes the tokens of copies found before that are not this one's.
func (b *batch) outdate(f *store.Found) error {
	list, err := b.tx.FoundMail()
	if err != nil {
		return err
	}
	for _, old := range list {
		if old.Engineer != f.Engineer || old.References[0] != f.References[0] || old.Token == f.Token {
			continue
		}
		old.Engineer, old.Token = "", ""
		if err := b.tx.SetFound(old); err != nil {
			return err
		}
	}
	return nil
}

// maxGenerations bounds the generations of a token that are tried.
const maxGenerations = 8

// rootOf finds the conversation whose root id this is, and the Minter that made
// it: one that is known, or one that may have begun in the lost time.
func (b *batch) rootOf(id string) (threads.Minter, threads.ID, bool) {
	for _, k := range append(b.tx.Index().ID(id), b.tx.Index().ID(strings.ToLower(id))...) {
		if k.Kind != threads.KnownRoot {
			continue
		}
		c, ok, err := b.tx.Conversation(k.Conversation)
		if minter := b.g.minter.In(c.Era); err == nil && ok && b.g.names.RootID(minter, c.ID) == strings.ToLower(id) {
			return minter, c.ID, true
		}
	}
	minter := b.g.minter.In(b.restored.Era)
	number, ok := b.g.roots.find(b.g.names, minter, strings.ToLower(id), threads.ID(b.restored.Last)+1, int(b.lostNumbers()))
	return minter, number, ok
}

// roots are the root ids of conversations that the state does not know.
type roots struct {
	first threads.ID
	n     int
	ids   map[string]threads.ID
}

// find looks for an id among those of n conversations. Making them takes a
// microsecond each, so they are kept.
func (r *roots) find(names threads.Names, minter threads.Minter, id string, first threads.ID, n int) (threads.ID, bool) {
	if r.ids == nil || r.first != first || r.n < n {
		r.first, r.n, r.ids = first, n, make(map[string]threads.ID, n)
		for i := range n {
			c := first + threads.ID(i)
			r.ids[names.RootID(minter, c)] = c
		}
	}
	found, ok := r.ids[id]
	return found, ok
}

// adopt makes a copy that an engineer was sent in the lost time one of a
// conversation, and what it brought her a token for it, where the key proves
// that it was.
func (b *batch) adopt(f *store.Found, c threads.Conversation, event int) error {
	f.Placed, f.Event = uint64(c.ID), event
	if err := b.tx.SetFound(*f); err != nil {
		return err
	}
	if f.Token == "" {
		return nil
	}
	return b.adoptToken(f, c, event)
}

func (b *batch) adoptToken(f *store.Found, c threads.Conversation, event int) error {
	gen, err := b.tx.Generation(c, f.Engineer)
	if err != nil {
		return err
	}
	if !b.tx.HasToken(f.Token) {
		t := threads.Token{Kind: threads.TokenReply, Engineer: f.Engineer, Conversation: c.ID, Generation: gen}
		if err := b.tx.AddToken(f.Token, t); err != nil {
			return err
		}
	}
	known := []threads.Known{
		{Kind: threads.KnownCopy, Conversation: c.ID, Event: event, Engineer: f.Engineer, Generation: gen, MessageID: f.MessageID},
		{Kind: threads.KnownToken, Conversation: c.ID, Engineer: f.Engineer, Generation: gen},
		{Kind: threads.KnownRoot, Conversation: c.ID},
	}
	for i, id := range []string{f.MessageID, f.References[1], f.References[0]} {
		if err := b.tx.AddKnown(id, known[i]); err != nil {
			return err
		}
	}
	return nil
}
