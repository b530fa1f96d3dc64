package threads

import (
	"slices"
	"strconv"
)

// Authority is what a mail may do, and why not more.
type Authority struct {
	Engineer     string // key of the engineer whose address the mail is from
	Proven       bool   // and it carries a token made for her
	Conversation ID     // what the token is for; 0: her personal one
	Hold         string // the held mail the token is for
	Loose        bool   // no id says which mail it answers
	View         int    // the Received event of the copy she answers, 0 when the mail does not say
	Doubt        Why    // what holds the mail; "" for nothing
	Reason       string // the doubt in words
	// Burn lists engineers whose token for the conversation others have seen.
	Burn []string
	// Owner is whose token somebody else used; she is told.
	Owner string
	// Spent says that the token was made for her and counts no longer.
	Spent bool
	// Lent says that the token is a colleague's, Owner's, and came with a mail
	// to colleagues: it is good for a note, and for nothing else.
	Lent bool
}

// Authenticate judges a mail of class engineer or customer. An engineer is
// known by her address and a token made for her; any form of the token is
// enough: a reply address, our Message-ID, or the token id in References.
func Authenticate(ix Index, n Names, r *Rotation, m *Mail, f Found) Authority {
	proofs := gather(ix, n, m)
	e, ok := sender(r, m)
	if !ok {
		return stranger(ix, n, r, m, f, proofs)
	}
	a := Authority{Engineer: e.Key}
	if len(m.From) > 1 {
		a.Doubt, a.Reason = WhyUnproven, "the mail names "+strconv.Itoa(len(m.From))+" senders"
		return a
	}
	for i, p := range proofs {
		if was := f.Answers.Was; was != 0 && p.address && p.conv == was {
			p.conv = f.Answers.Conversation
			proofs[i] = p
		}
		if p.engineer == e.Key && p.live {
			a.Proven = true
			a.take(p)
		}
	}
	if a.Proven {
		for _, p := range proofs {
			if p.address && p.conv != 0 && p.conv != a.Conversation {
				f.Address = p.conv
			}
		}
		return a.check(f)
	}
	if a.lent(r, m, f, proofs) {
		return a
	}
	return a.unproven(ix, n, r, m, f, proofs)
}

// proof is one token found in a mail, in whichever form.
type proof struct {
	engineer string
	conv     ID
	hold     string
	view     int
	live     bool // of the generation that counts
	address  bool // a reply address, not an id
}

func gather(ix Index, n Names, m *Mail) []proof {
	var list []proof
	for _, addr := range recipients(m) {
		token, ok := n.Token(addr)
		if !ok {
			continue
		}
		t, ok := ix.Token(token)
		if !ok || t.Kind == TokenBounce || t.Kind == TokenCopy || t.Kind == TokenAdmin {
			continue
		}
		live := t.Kind != TokenReply && t.Kind != TokenPersonal || t.Generation == ix.Generation(t.Conversation, t.Engineer)
		list = append(list, proof{engineer: t.Engineer, conv: t.Conversation, hold: t.Hold, live: live, address: true})
	}
	for _, id := range slices.Concat(m.InReplyTo, m.References) {
		for _, k := range lookup(ix, id) {
			if k.Kind != KnownCopy && k.Kind != KnownToken && k.Kind != KnownNotice || k.Engineer == "" {
				continue
			}
			p := proof{engineer: k.Engineer, conv: k.Conversation, live: k.Generation == ix.Generation(k.Conversation, k.Engineer)}
			if slices.Contains(m.parents(), id) {
				p.hold = k.Hold
				if k.Kind == KnownCopy {
					p.view = k.Event
				}
			}
			list = append(list, p)
		}
	}
	return list
}

func (a *Authority) take(p proof) {
	if p.hold != "" {
		a.Hold = p.hold
	}
	// A reply address speaks first; an id fills in what it left open.
	if a.Conversation == 0 {
		a.Conversation = p.conv
	}
	if p.conv == a.Conversation && p.view > a.View {
		a.View = p.view
	}
}

// check looks for what makes a proven mail doubtful: it names two
// conversations. Where nothing says which mail it answers, the subject will have
// to agree: it may be a notice, or a colleague's note.
func (a Authority) check(f Found) Authority {
	switch {
	case a.Hold != "":
	case a.Conversation == 0 && f.Conversation != 0:
		// Her personal token is good for no conversation.
		a.Doubt = WhyUnproven
		a.Reason = "it belongs to conversation " + f.Conversation.String() + ", but went to the address for commands that are about none; reply to the customer's mail instead"
	case a.Conversation == 0:
	case f.Reference != 0 && f.Reference != a.Conversation:
		a.Doubt = WhyAmbiguous
		a.Reason = "its address is that of conversation " + a.Conversation.String() + ", but it answers a mail of conversation " + f.Reference.String() +
			", so it is not clear whom it is for"
	case f.Address != 0 && f.Address != a.Conversation:
		a.Doubt = WhyAmbiguous
		a.Reason = "it went to the addresses of two conversations, " + a.Conversation.String() + " and " + f.Address.String() + ", so it is not clear whom it is for"
	case f.Answers.Kind == "":
		a.Loose = true
	}
	return a
}

// lent reports whether a mail is one that colleagues talk by: it went to one of
// them, and carries the token of another because she was answered with it in
// Cc. Whoever has that token could as well write in its owner's name, so it
// gives the sender nothing; and a note stays inside.
func (a *Authority) lent(r *Rotation, m *Mail, f Found, proofs []proof) bool {
	colleague := slices.ContainsFunc(slices.Concat(m.To, m.Cc), func(to Address) bool {
		e, ok := r.ByAddress(to.Addr)
		return ok && e.Key != a.Engineer
	})
	if !colleague {
		return false
	}
	for _, p := range proofs {
		_, there := r.Engineer(p.engineer)
		if p.engineer == a.Engineer || !there || !p.live || p.conv == 0 || p.hold != "" ||
			f.Conversation != 0 && f.Conversation != p.conv || a.Lent && p.conv != a.Conversation {
			return false
		}
		a.Lent, a.Owner, a.Conversation = true, p.engineer, p.conv
	}
	a.Proven = a.Lent
	return a.Lent
}

func (a Authority) unproven(ix Index, n Names, r *Rotation, m *Mail, f Found, proofs []proof) Authority {
	const unshown = "nothing shows who wrote it: it is no reply to a mail from Postroom, and went to no reply address"
	switch {
	case slices.ContainsFunc(proofs, func(p proof) bool { return p.engineer == a.Engineer }):
		a.Doubt, a.Reason = WhyUnproven, "the address it went to counts no longer: "+
			"an earlier mail to it went to somebody outside as well, or you had left the rotation since it was made. The customer's next mail brings a new one"
		// It proves nothing, yet it says which mail this answers, should she
		// confirm it.
		a.Spent = true
		for _, p := range proofs {
			if p.engineer == a.Engineer && p.conv == f.Conversation {
				a.View = max(a.View, p.view)
			}
		}
	case len(proofs) > 0:
		a.Doubt, a.Owner = WhyBorrowed, proofs[0].engineer
		a.Reason = "it is a reply to a mail that only " + nameOf(r, a.Owner) + " was sent"
	case f.Conversation != 0 && ix.Participant(f.Conversation, m.Sender().Addr):
		// An engineer who asked for support herself is a customer there.
		a.Engineer = ""
	case f.Conversation != 0:
		a.Doubt, a.Reason = WhyUnproven, "it belongs to conversation "+f.Conversation.String()+", but "+unshown
	case len(m.InReplyTo) > 0 || m.Answering || m.ReplyMark && len(m.References) > 0:
		a.Doubt, a.Reason = WhyUnproven, "it answers a mail that is not known here, and "+unshown
	case slices.ContainsFunc(recipients(m), func(addr string) bool { _, is := n.Token(addr); return is }):
		a.Doubt, a.Reason = WhyUnproven, "it went to a reply address that is not known here any more"
	default:
		a.Engineer = "" // fresh mail: a customer's like any other
	}
	return a
}

// stranger judges mail that is from no engineer and yet carries a token. From
// the customer's side it shows that the token was seen: it is burnt. From
// anyone else the mail is held; also where the token counts no longer because
// its engineer left: it may be she who writes.
func stranger(ix Index, n Names, r *Rotation, m *Mail, f Found, proofs []proof) Authority {
	var a Authority
	for _, p := range proofs {
		_, there := r.Engineer(p.engineer)
		switch {
		case p.engineer == "" || !p.live && there:
		case p.conv != 0 && ix.Participant(p.conv, m.Sender().Addr):
			if p.live && !slices.Contains(a.Burn, p.engineer) {
				a.Burn = append(a.Burn, p.engineer)
			}
		default:
			a.Doubt, a.Owner, a.Conversation = WhyForged, p.engineer, p.conv
			a.Reason = "it is a reply to a mail that only " + nameOf(r, p.engineer) + " was sent, but comes from " + m.Sender().Addr +
				", and the rotation file does not list that address"
		}
	}
	return a
}

func sender(r *Rotation, m *Mail) (*Engineer, bool) {
	for _, a := range m.From {
		if e, ok := r.ByAddress(a.Addr); ok {
			return e, true
		}
	}
	return nil, false
}

func nameOf(r *Rotation, key string) string {
	if e, ok := r.Engineer(key); ok {
		return e.Name
	}
	return key
}

// Exposed returns the people beside us and the engineers that an engineer's
// mail went to directly: they have seen her token.
func Exposed(n Names, r *Rotation, m *Mail) []Address {
	var list []Address
	for _, addr := range slices.Concat(m.To, m.Cc) {
		if n.Ours(addr.Addr) {
			continue
		}
		if _, ok := r.ByAddress(addr.Addr); ok {
			continue
		}
		list = withAddress(list, addr)
	}
	return list
}
