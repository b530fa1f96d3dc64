package gateway

import (
	"strings"
	"testing"

	"postroom/internal/store"
)

// TestNotesReachFollowers: who has the conversation, had it, answered or noted
// in it; nobody else, and never the customer.
func TestNotesReachFollowers(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, alice, "/assign bob"))
	his := r.one(store.OutCopy, bob)
	r.gone()
	r.comes(r.reply(his, bob, "/note They never pay.\n\nAnd they are slow."))
	n := r.one(store.OutNotice, alice)
	r.noteSays(n, "They never pay.")
	r.noteSays(n, "And they are slow.")
	if len(r.queue()) != 1 {
		t.Errorf("more than one mail:%s", r.dump())
	}
	r.gone()

	// An answer to a note is one, without a word.
	r.comes(r.reply(n, alice, "They do, in the end."))
	r.noteSays(r.one(store.OutNotice, bob), "They do, in the end.")
	if len(r.queue()) != 1 || len(r.holds()) != 0 {
		t.Errorf("held %+v%s", r.holds(), r.dump())
	}
	r.gone()

	// A note is told to whoever gets the conversation later, and is never in
	// an answer.
	r.comes(r.reply(his, bob, "It is true that they never pay. And they are slow."))
	if len(r.holds()) != 1 {
		t.Errorf("what colleagues wrote of the customer went out:%s", r.dump())
	}
}

// TestMailToAColleagueStaysInside: it is a note, and its author is told so.
func TestMailToAColleagueStaysInside(t *testing.T) {
	r, cp := waiting(t, nil)
	for _, to := range []string{"Bob Stone <bob@acme.example>", "bob@acme.example, " + cp.header("Reply-To")} {
		r.comes(r.reply(cp, alice, "Do you know them?", "To: "+to, "Cc: "+cp.header("Reply-To")))
		if r.answers() != 0 || len(r.holds()) != 0 {
			t.Fatalf("held %+v%s", r.holds(), r.dump())
		}
		for _, a := range r.asides() {
			t.Error(a.Error)
		}
		if n := r.one(store.OutNotice, alice); !strings.Contains(n.Mail.Text, "kept as a note") {
			t.Errorf("told %s", n.Mail.Text)
		}
		r.gone()
	}
	// A colleague in Cc of an answer changes nothing.
	r.comes(r.reply(cp, alice, "Use water.", "Cc: bob@acme.example"))
	r.noPrivate(r.one(store.OutAnswer, jane))
}
