package threads

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
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
	ByNothing      Reason = "new"
)

// KnownKind is what a Message-ID stands for.
type KnownKind string

// The kinds. Copy, notice and token ids were seen by one engineer alone.
const (
	KnownTheirs  KnownKind = "theirs"  // a mail of the customer's side
	KnownHers    KnownKind = "hers"    // a mail an engineer wrote to us
	KnownAnswer  KnownKind = "answer"  // an answer of ours
	KnownCopy    KnownKind = "copy"    // a copy to an engineer
	KnownNotice  KnownKind = "notice"  // a notice to an engineer or admin
	KnownToken   KnownKind = "token"   // a token id
	KnownRoot    KnownKind = "root"    // a conversation's root id
	KnownMention KnownKind = "mention" // named by a mail of the conversation, never seen itself
)

// Known is one thing an id stands for. Two different mails may have one
// Message-ID, so an id may stand for several.
type Known struct {
	Kind         KnownKind `json:"kind"`
	Conversation ID        `json:"conversation,omitempty"` // 0: the mail belongs to none
	Event        int       `json:"event,omitempty"`
	Engineer     string    `json:"engineer,omitempty"`
	Generation   int       `json:"generation,omitempty"`
	OutID        string    `json:"out_id,omitempty"`
	Hold         string    `json:"hold,omitempty"`       // of a notice: the held mail it is about
	MessageID    string    `json:"message_id,omitempty"` // of a mail we sent, for a lookup by digest
	Header       string    `json:"header,omitempty"`     // header digest
	Body         string    `json:"body,omitempty"`       // body digest
	References   string    `json:"references,omitempty"` // digest of its References
}

// Index answers what ids, addresses and digests stand for: the store's
// buckets, or a map. An answer belongs to the caller.
type Index interface {
	// Token returns what a token stands for, false when it was never made.
	Token(token string) (Token, bool)
	// ID returns what a Message-ID stands for, oldest first.
	ID(id string) []Known
	// Generation is the generation of an engineer's reply token that counts.
	Generation(conv ID, engineer string) int
	// Participant reports whether an address is of a conversation's
	// customer's side.
	Participant(conv ID, addr string) bool
}

// Found is a conversation and the reason why a mail belongs to it.
type Found struct {
	Conversation ID // 0 for a new one
	Reason       Reason
	// Address is the conversation a reply address names, Reference the one
	// In-Reply-To or References name; 0 for none. They should agree.
	Address, Reference ID
	// Answers is what the mail's In-Reply-To stands for.
	Answers Known
	// OutID is the mail of ours that a bounce or copy address belongs to.
	// CopyOf is that of a copy address alone: nobody but the relay was ever
	// told it, while a bounce address goes to every recipient.
	OutID, CopyOf string
	CopyNo        int // which of the mail's copy addresses it is
}

// Match finds the conversation of a mail.
func Match(ix Index, n Names, m *Mail) Found {
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
	switch {
	case f.Address != 0:
		f.Conversation, f.Reason = f.Address, ByReplyAddress
	case f.Reference != 0:
		f.Conversation, f.Reason = f.Reference, reason
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
	for _, id := range slices.Backward(m.References) {
		if k, ok := firstWith(lookup(ix, id), seen); ok {
			return k.Conversation, ByReferences, Known{}
		}
	}
	// A mail that arrives after its answer: the answer named it.
	for _, id := range append([]string{m.MessageID}, slices.Concat(m.InReplyTo, m.References)...) {
		if k, ok := firstWith(lookup(ix, id), mentioned); ok {
			return k.Conversation, ByAncestor, Known{}
		}
	}
	for _, id := range m.References {
		if k, ok := firstWith(lookup(ix, id), root); ok {
			return k.Conversation, ByRoot, Known{}
		}
	}
	return 0, ByNothing, Known{}
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

// DigestID is the id under which a mail without a Message-ID is known.
func DigestID(m *Mail) string { return "header:" + m.HeaderDigest }

// SentDigest is what a copy of our own mail is recognised by, whatever
// happened to its Message-ID on the way: sender, date, subject and body.
func SentDigest(m *Mail) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d\n%s\n%s", m.Sender().Key(), m.Date.Unix(), m.Subject, m.BodyDigest)
	return "sent:" + hex.EncodeToString(h.Sum(nil))
}

// ReferencesDigest is the second mark of our own mail under a foreign
// Message-ID.
func ReferencesDigest(m *Mail) string {
	sum := sha256.Sum256([]byte(strings.Join(m.References, "\n")))
	return hex.EncodeToString(sum[:16])
}

// Twin returns what is known of the same mail, seen before: same Message-ID,
// From, Date, Subject, References and body, whatever its trace headers say. A
// mail with the same id and other content is another mail. Of history only
// the header was read, so the header decides there, if it says anything.
func Twin(ix Index, m *Mail) (Known, bool) {
	id := m.MessageID
	if id == "" {
		id = DigestID(m)
	}
	says := m.MessageID != "" || !m.Date.IsZero() && m.Sender().Addr != ""
	for _, k := range ix.ID(id) {
		body := k.Body == m.BodyDigest || says && (k.Body == "" || m.BodyDigest == "")
		if k.Header == m.HeaderDigest && k.Header != "" && body {
			return k, true
		}
	}
	return Known{}, false
}
