package threads

import (
	"strings"
	"time"
)

// MemIndex is an Index in memory, and the Recorder that fills it. It must not
// be used by two goroutines at once.
type MemIndex struct {
	tokens map[string]Token
	ids    map[string][]Known
	traces map[Trace][]ID
	active map[ID]time.Time
	heads  map[ID]head
}

// head is what a MemIndex keeps of a conversation.
type head struct {
	people      []Address
	generations map[string]int
}

// NewMemIndex returns an empty index.
func NewMemIndex() *MemIndex {
	return &MemIndex{
		tokens: map[string]Token{}, ids: map[string][]Known{}, traces: map[Trace][]ID{},
		active: map[ID]time.Time{}, heads: map[ID]head{},
	}
}

var (
	_ Index    = (*MemIndex)(nil)
	_ Recorder = (*MemIndex)(nil)
)

// Token implements Index.
func (x *MemIndex) Token(token string) (Token, bool) { t, ok := x.tokens[token]; return t, ok }

// ID implements Index.
func (x *MemIndex) ID(id string) []Known { return x.ids[id] }

// Generation implements Index.
func (x *MemIndex) Generation(conv ID, engineer string) int {
	return x.heads[conv].generations[engineer]
}

// Participant implements Index.
func (x *MemIndex) Participant(conv ID, addr string) bool {
	return hasAddress(x.heads[conv].people, addr)
}

// Traces implements Index.
func (x *MemIndex) Traces(t Trace) []ID { return x.traces[t] }

// Active implements Index.
func (x *MemIndex) Active(conv ID) time.Time { return x.active[conv] }

// AddToken records what a token stands for.
func (x *MemIndex) AddToken(token string, t Token) { x.tokens[token] = t }

// SetConversation takes over what an index is asked about a conversation
// itself: its people and the generations of their tokens.
func (x *MemIndex) SetConversation(c *Conversation) {
	h := head{people: c.Participants}
	for engineer, d := range c.Desks {
		if d.Generation == 0 {
			continue
		}
		if h.generations == nil {
			h.generations = map[string]int{}
		}
		h.generations[engineer] = d.Generation
	}
	x.heads[c.ID] = h
}

// AddKnown implements Recorder. It never fails.
func (x *MemIndex) AddKnown(id string, k Known) error {
	if id == "" {
		return nil
	}
	if list, changed := WithKnown(x.ids[id], k); changed {
		x.ids[strings.Clone(id)] = list
	}
	return nil
}

// AddTrace implements Recorder. It never fails.
func (x *MemIndex) AddTrace(t Trace, conv ID) error {
	if list, changed := WithTrace(x.traces[t], conv); changed {
		x.traces[t] = list
	}
	return nil
}

// AddTraces implements Recorder. It never fails.
func (x *MemIndex) AddTraces(list []Trace, conv ID) error {
	for _, t := range list {
		if t != "" {
			_ = x.AddTrace(t, conv)
		}
	}
	return nil
}

// SetActive implements Recorder. It never fails.
func (x *MemIndex) SetActive(conv ID, at time.Time) error {
	if at.After(x.active[conv]) {
		x.active[conv] = at
	}
	return nil
}
