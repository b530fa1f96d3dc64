package gateway

import (
	"encoding/base64"
	"strings"
	"testing"

	"postroom/internal/store"
	"postroom/threads"
)

// matched is the conversation a mail went to, and by which rule.
func (r *rig) matched(raw string) (threads.ID, threads.Reason) {
	r.t.Helper()
	o := r.outcome(r.comes(raw))
	var by threads.Reason
	r.view(func(tx *store.Tx) error {
		e, _, err := tx.Event(threads.ID(o.Conversation), o.Event)
		if in, ok := e.Body.(threads.Received); ok {
			by = in.Matched
		}
		return err
	})
	return threads.ID(o.Conversation), by
}

func (r *rig) wants(name, raw string, conv threads.ID, by threads.Reason) {
	r.t.Helper()
	if got, reason := r.matched(raw); got != conv || reason != by {
		r.t.Errorf("%s: conversation %d by %s, want %d by %s", name, got, reason, conv, by)
	}
}

// TestMatchingBySubject: the same person answers without ids; a stranger with
// the same subject is kept apart.
func TestMatchingBySubject(t *testing.T) {
	r := newRig(t, nil)
	r.wants("fresh", r.wrote(jane, "Printer on fire", "It burns."), 1, threads.ByNothing)
	r.wants("the same person", r.wrote(jane, "AW: Printer on fire", "Still."), 1, threads.BySubject)
	r.wants("a stranger", r.wrote("eve@other.example", "Re: Printer on fire", "Mine too."), 2, threads.ByNothing)
	if c := r.conversation(1); c.Participant("eve@other.example") {
		t.Errorf("a stranger is a participant: %+v", c.Participants)
	}
}

// TestMatchingBySecondAddress: she joins by reference and is known from then.
func TestMatchingBySecondAddress(t *testing.T) {
	r := newRig(t, nil)
	const home = "jane@home.example"
	r.comes(r.wrote(jane, "Printer on fire", "It burns."))
	r.wants("by reference", r.wrote(home, "Re: Printer on fire", "From home.", "In-Reply-To: <m1@client.example>"), 1, threads.ByInReplyTo)
	if c := r.conversation(1); !c.Participant(home) {
		t.Errorf("not learned: %+v", c.Participants)
	}
	r.wants("by subject", r.wrote(home, "Re: Printer on fire", "Once more."), 1, threads.BySubject)
}

// TestMatchingByThreadIndex: a colleague's Outlook keeps nothing but the index.
func TestMatchingByThreadIndex(t *testing.T) {
	r := newRig(t, nil)
	index := func(children string) string {
		return "Thread-Index: " + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x01", 22)+children))
	}
	r.comes(r.wrote(jane, "Printer on fire", "It burns.", index("")))
	r.wants("a colleague", r.wrote("joe@client.example", "Something else", "See above.", index("child")), 1, threads.ByThreadIndex)
}

// TestMatchingParentAfterChild: the mail a customer answered comes later, and
// joins what its answer opened; no number changes.
func TestMatchingParentAfterChild(t *testing.T) {
	r := newRig(t, func(c *Config) {})
	child := r.wrote(jane, "Re: Printer on fire", "It still burns.", "In-Reply-To: <parent@client.example>")
	uid := r.comes(child)
	r.think()
	if o := r.outcome(uid); o.Conversation != 1 {
		t.Fatalf("the answer: %+v", o)
	}
	r.wants("its parent", r.wrote("joe@client.example", "Printer on fire", "It burns.", "Message-ID: <parent@client.example>"), 1, threads.ByAncestor)
}

// TestMatchingTwiceAtOnce: the same mail twice in one batch is one.
func TestMatchingTwiceAtOnce(t *testing.T) {
	r := newRig(t, nil)
	raw := r.wrote(jane, "Printer on fire", "It burns.")
	first := r.put("INBOX", "Received: from a by b; "+r.at(0)+"\n"+raw)
	second := r.put("INBOX", raw)
	r.think()
	a, b := r.outcome(first), r.outcome(second)
	if a.Kind != store.OutcomeEvent || b.Kind != store.OutcomeSame || a.Conversation != b.Conversation {
		t.Errorf("outcomes: %+v, %+v", a, b)
	}
	if n := len(r.conversation(1).Mails); n != 1 {
		t.Errorf("%d mails heard", n)
	}
}
