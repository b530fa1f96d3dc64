package threads

import (
	"slices"
	"time"
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
	KnownNote    KnownKind = "note"    // a colleague's note, sent to an engineer
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
	Size         int64     `json:"size,omitempty"`       // octets, RFC822.SIZE; 0: not kept
	References   string    `json:"references,omitempty"` // digest of its References
	// Was is the conversation it belonged to before that was merged or split;
	// 0 where it was always this. An Index fills it in; it is not stored.
	Was ID `json:"-"`
}

// Index answers what ids, addresses and digests stand for: the store's
// buckets, or a map. Every answer is bounded, takes a few lookups by key
// however much is known, and belongs to the caller.
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
	// Traces returns the conversations whose mails left a trace, the one it
	// was left in last at the end.
	Traces(t Trace) []ID
	// Active is when a conversation's newest mail came or went; zero when
	// that was never recorded.
	Active(conv ID) time.Time
}

// Recorder takes down what an Index will be asked for. Learn calls it.
type Recorder interface {
	// AddKnown records one more thing an id stands for; see WithKnown.
	AddKnown(id string, k Known) error
	// AddTrace records that a mail of conv left a trace; see WithTrace.
	AddTrace(t Trace, conv ID) error
	// AddTraces records all that one mail of conv left.
	AddTraces(list []Trace, conv ID) error
	// SetActive records when a mail of conv came or went. The newest counts.
	SetActive(conv ID, at time.Time) error
}

// Bounds on what one key of an index can stand for: senders that give every mail the same
// id or subject must not make a record without end.
const (
	MaxKnown  = 64
	MaxTraced = 8
)

// WithKnown returns a list of what an id stands for with one thing more, and
// whether that changed it. Mentions give way to mails.
func WithKnown(list []Known, k Known) ([]Known, bool) {
	if k.Kind == KnownMention && len(list) > 0 || slices.Contains(list, k) {
		return list, false // it is known better, or as well
	}
	if len(list) >= MaxKnown {
		i := slices.IndexFunc(list, mentioned)
		if i < 0 {
			return list, false
		}
		list = slices.Delete(slices.Clone(list), i, i+1)
	}
	return append(slices.Clip(list), k), true
}

// WithTrace returns the conversations of a trace with one more at the end, and
// whether that changed the list. The oldest give way.
func WithTrace(list []ID, conv ID) ([]ID, bool) {
	if len(list) > 0 && list[len(list)-1] == conv {
		return list, false
	}
	list = append(without(list, conv), conv)
	return list[max(0, len(list)-MaxTraced):], true
}
