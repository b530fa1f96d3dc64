package threads

import (
	"slices"
	"strings"
	"time"
)

// Reason is the rule by which a mail found its conversation.
type Reason string

// The rules, in the order in which they are tried: the first hit wins.
const (
	ByReplyAddress Reason = "reply-address"
	ByInReplyTo    Reason = "in-reply-to"
	ByReferences   Reason = "references"
	ByAncestor     Reason = "ancestor" // an id both mails name, of a mail we never saw
	ByRoot         Reason = "root"
	ByThreadIndex  Reason = "thread-index" // Outlook's
	BySubject      Reason = "subject"      // the same person answers under the same subject
	ByNothing      Reason = "new"
)

// Found is a conversation and the reason why a mail belongs to it.
type Found struct {
	Conversation ID // 0 for a new one
	Reason       Reason
	// Address is the conversation a reply address names, Reference the one
	// In-Reply-To or References name; 0 for none. They should agree.
	Address, Reference ID
	// Answers is what the id of the mail it answers stands for; zero where that
	// is not known.
	Answers Known
	// OutID is the mail of ours that a bounce or copy address belongs to.
	// CopyOf is that of a copy address alone: nobody but the relay was ever
	// told it, while a bounce address goes to every recipient.
	OutID, CopyOf string
	CopyNo        int // which of the mail's copy addresses it is
}

// Match finds the conversation of a mail that came at a time.
func Match(ix Index, n Names, m *Mail, at time.Time) Found {
	f := Found{Reason: ByNothing}
	for _, addr := range recipients(m) {
		token, ok := n.Token(addr)
		if !ok {
			continue
		}
		t, ok := ix.Token(token)
		if !ok {
			continue
		}
		if t.OutID != "" && f.OutID == "" {
			f.OutID = t.OutID
		}
		if t.Kind == TokenCopy && f.CopyOf == "" {
			f.CopyOf, f.CopyNo = t.OutID, t.Generation
		}
		if t.Conversation != 0 && f.Address == 0 {
			f.Address = t.Conversation
		}
	}
	var reason Reason
	f.Reference, reason, f.Answers = byIDs(ix, m)
	if was := f.Answers.Was; was != 0 && f.Address == was {
		f.Address = f.Answers.Conversation // the mail it answers was split off
	}
	switch {
	case f.Address != 0:
		f.Conversation, f.Reason = f.Address, ByReplyAddress
	case f.Reference != 0:
		f.Conversation, f.Reason = f.Reference, reason
	default:
		f.Conversation, f.Reason = byTraces(ix, n, m, at)
	}
	return f
}

// recipients is every address the mail came to, and what bounces come to.
func recipients(m *Mail) []string {
	var list []string
	for _, a := range slices.Concat(m.To, m.Cc) {
		list = append(list, a.Addr)
	}
	return append(list, m.DeliveredTo...)
}

func byIDs(ix Index, m *Mail) (ID, Reason, Known) {
	for _, id := range m.InReplyTo {
		if k, ok := firstWith(lookup(ix, id), seen); ok {
			return k.Conversation, ByInReplyTo, k
		}
	}
	for i, id := range slices.Backward(m.References) {
		k, ok := firstWith(lookup(ix, id), seen)
		if !ok {
			continue
		}
		answers := Known{}
		if len(m.InReplyTo) == 0 && i == len(m.References)-1 {
			answers = k
		}
		return k.Conversation, ByReferences, answers
	}
	if conv := byAncestor(ix, m); conv != 0 {
		return conv, ByAncestor, Known{}
	}
	for _, id := range m.References {
		if k, ok := firstWith(lookup(ix, id), root); ok {
			return k.Conversation, ByRoot, Known{}
		}
	}
	return 0, ByNothing, Known{}
}

// byAncestor finds the conversation that names the mail itself, which then
// arrives after its answer, or a mail nobody saw that this one names too. A
// late parent may stand between two conversations: it joins the older one,
// and what answers it follows it there; what people saw is never renumbered.
func byAncestor(ix Index, m *Mail) (oldest ID) {
	for _, id := range append([]string{m.MessageID}, slices.Concat(m.InReplyTo, m.References)...) {
		if common(m, id) {
			if conv := newest(ix.Traces(digestTrace(m, id))); conv != 0 && oldest == 0 {
				return conv
			}
			continue
		}
		if k, ok := firstWith(lookup(ix, id), mentioned); ok && (oldest == 0 || k.Conversation < oldest) {
			oldest = k.Conversation
		}
	}
	return oldest
}

func seen(k Known) bool      { return k.Kind != KnownMention && k.Kind != KnownRoot }
func mentioned(k Known) bool { return k.Kind == KnownMention }
func root(k Known) bool      { return k.Kind == KnownRoot }

func firstWith(list []Known, want func(Known) bool) (Known, bool) {
	for _, k := range list {
		if k.Conversation != 0 && want(k) {
			return k, true
		}
	}
	return Known{}, false
}

// lookup asks for an id as it is, and folded: ours have one case, and some
// clients change it.
func lookup(ix Index, id string) []Known {
	if id == "" {
		return nil
	}
	if list := ix.ID(id); len(list) > 0 {
		return list
	}
	if folded := strings.ToLower(id); folded != id {
		return ix.ID(folded)
	}
	return nil
}
