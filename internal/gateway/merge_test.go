package gateway

import (
	"slices"
	"strings"
	"testing"

	"postroom/internal/store"
	"postroom/threads"
)

const joe = "joe@client.example"

// twoOpen are conversation 1 of jane with alice and 2 of joe with bob.
func twoOpen(t *testing.T) (r *rig, hers, his sent) {
	t.Helper()
	r, hers = waiting(t, nil)
	r.comes(r.wrote("Joe Roe <"+joe+">", "It smells of smoke", "Since noon."))
	his = r.one(store.OutCopy, bob)
	r.gone()
	return r, hers, his
}

func told(s sent) string { return strings.Join(strings.Fields(s.Mail.Text), " ") }

// TestMerge: the owner of the other conversation gets what is unanswered, with
// the story; whatever comes for the one arrives in the other.
func TestMerge(t *testing.T) {
	r, hers, _ := twoOpen(t)
	r.comes(r.reply(hers, alice, "/merge 2"))
	if c := r.conversation(1); c.Into != 2 || c.State != threads.StateClosed {
		t.Fatalf("conversation 1: %+v%s", c, r.dump())
	}
	if n := r.one(store.OutNotice, alice); !strings.Contains(told(n), "Conversation 1 is part of conversation 2 now, which is Bob Stone's") {
		t.Errorf("she is told %s", told(n))
	}
	if n := r.one(store.OutNotice, bob); !strings.Contains(told(n), `Alice Ng has merged conversation 1 ("Printer on fire") into conversation 2 ("It smells of smoke")`) {
		t.Errorf("he is told %s", told(n))
	}
	cp := r.one(store.OutCopy, bob)
	if !strings.Contains(cp.Mail.Text, "It burns.") || !strings.Contains(cp.Mail.Text, "conversation 2") {
		t.Errorf("copy: %s", cp.Mail.Text)
	}
	r.gone()

	// His answer goes to jane alone: joe has no business with her mail.
	r.comes(r.reply(cp, bob, "Use water."))
	a := r.one(store.OutAnswer, jane)
	if len(a.Recipients) != 1 || a.Mail.Subject != "Re: It smells of smoke" && a.Mail.Subject != "Re: Printer on fire" || a.header("In-Reply-To") != "<m1@client.example>" {
		t.Errorf("answer: %+v %q %q", a.Recipients, a.Mail.Subject, a.header("In-Reply-To"))
	}
	r.gone()

	// jane's next mail, by whatever of the old conversation it names, arrives.
	for _, field := range []string{"In-Reply-To: <m1@client.example>", "References: " + hersRoot(hers)} {
		uid := r.comes(r.wrote(jane, "Re: Printer on fire", "Still.", field))
		if o := r.outcome(uid); o.Conversation != 2 {
			t.Errorf("%s: filed in %d", field, o.Conversation)
		}
		r.one(store.OutCopy, bob)
		r.gone()
	}
}

// TestMergeIntoHerOwn: who has the other conversation, too, is told so.
func TestMergeIntoHerOwn(t *testing.T) {
	r, hers, his := twoOpen(t)
	r.orders(his, bob, "/assign alice")
	if said := r.orders(hers, alice, "/merge 2"); !strings.Contains(said, "part of conversation 2 now, which is yours") {
		t.Errorf("she is told %s", said)
	}
}

func hersRoot(s sent) string { return strings.Fields(s.header("References"))[0] }

// TestLateReplyToTheMerged is held where its author cannot know what the other
// conversation says, and goes to the right people when she lets it go.
func TestLateReplyToTheMerged(t *testing.T) {
	r, hers, his := twoOpen(t)
	r.comes(r.reply(his, bob, "/merge 1"))
	r.gone()
	r.comes(r.reply(his, bob, "Air it.")) // he merged it himself, and nobody else did anything
	if a := r.one(store.OutAnswer, joe); len(a.Recipients) != 1 {
		t.Errorf("recipients %+v", a.Recipients)
	}
	r.gone()
	r.comes(r.reply(hers, alice, "Use water."))
	n := r.one(store.OutNotice, alice)
	if r.answers() != 0 || !strings.Contains(told(n), "Bob Stone has") || !strings.Contains(told(n), "Air it.") {
		t.Fatalf("told %s%s", told(n), r.dump())
	}
	r.gone()
	r.comes(r.reply(n, alice, "/send"))
	r.one(store.OutAnswer, jane)
}

// TestMergeChains: what was merged into a conversation that was merged itself
// arrives in the last one, also what names the first.
func TestMergeChains(t *testing.T) {
	r, hers, his := twoOpen(t)
	r.comes(r.wrote("Ann <ann@client.example>", "Alarm", "It rings."))
	third := r.one(store.OutCopy, alice)
	r.gone()
	r.comes(r.reply(hers, alice, "/merge 2"))
	r.gone()
	r.comes(r.reply(his, bob, "/merge conversation 3"))
	r.gone()
	uid := r.comes(r.wrote(jane, "Re: Printer on fire", "Still.", "In-Reply-To: <m1@client.example>"))
	if o := r.outcome(uid); o.Conversation != 3 {
		t.Errorf("filed in %d", o.Conversation)
	}
	r.gone()
	for text, want := range map[string]string{
		"/merge 3": "this is conversation 3 itself", "/merge 1": "conversation 1 is part of this one already",
		"/merge 99": "there is no conversation 99", "/merge": "is no number of a conversation", "/merge x": "is no number",
		"/merge 2\n/close": "has to be the last",
	} {
		if got := strings.Join(strings.Fields(r.orders(third, alice, text)), " "); !strings.Contains(got, want) {
			t.Errorf("%q: %s", text, got)
		}
	}
	if err := r.ask(VerbAssign, "conversation", "1", "who", "bob"); err == nil || !strings.Contains(err.Error(), "part of conversation 2 now") {
		t.Errorf("assigned: %v", err)
	}
}

// TestMergedHoldsAndOutcomes: a held mail and a bounce of what is merged are
// about the conversation it is part of.
func TestMergedHoldsAndOutcomes(t *testing.T) {
	r, hers, his := twoOpen(t)
	r.comes(r.reply(hers, alice, "Use water."))
	out := r.one(store.OutAnswer, jane)
	r.comes(r.reply(hers, alice, "/clsoe\n\nUse more."))
	held := r.one(store.OutNotice, alice)
	r.comes(r.reply(his, bob, "/merge 1"))
	r.comes(r.reply(hers, alice, "/merge 2")) // they crossed: it is itself by now
	if c := r.conversation(1); c.Into != 0 || len(c.Holds) != 2 {
		t.Fatalf("conversation 1: %+v", c)
	}
	r.settle(out, store.OutFailed)
	failed := slices.DeleteFunc(r.to(store.OutNotice, alice), func(s sent) bool {
		return !strings.HasPrefix(s.OutMail.Subject, "Your answer did not arrive") || !strings.Contains(s.Mail.Text, "Use water.")
	})
	if len(failed) != 1 {
		t.Errorf("she is not told:%s", r.dump())
	}
	r.gone()
	r.comes(r.reply(held, alice, "/discard"))
	if len(r.holds()) != 1 {
		t.Errorf("held %+v", r.holds())
	}

	r, hers, _ = twoOpen(t)
	r.comes(r.reply(hers, alice, "/clsoe\n\nUse more."))
	held = r.one(store.OutNotice, alice)
	r.comes(r.reply(hers, alice, "/merge 2"))
	r.gone()
	if h := r.holds(); len(h) != 1 || h[0].Conversation != 2 {
		t.Fatalf("held %+v", h)
	}
	r.comes(r.reply(held, alice, "/send"))
	if len(r.holds()) != 0 {
		r.comes(r.reply(r.one(store.OutNotice, alice), alice, "/send")) // somebody did something in the other
	}
	r.one(store.OutAnswer, jane)
}

// TestMergeWhatWaits: mail that no engineer was sent yet, and the snooze of
// the merged one, do not get lost.
func TestMergeWhatWaits(t *testing.T) {
	r, hers, _ := twoOpen(t)
	r.comes(r.reply(hers, alice, "/snooze 2d"))
	r.comes(r.reply(hers, alice, "/away\n/merge 2"))
	r.gone()
	if c := r.conversation(1); c.Into != 2 {
		t.Fatalf("conversation 1: %+v", c)
	}
	var due []string
	r.view(func(tx *store.Tx) error {
		for _, kind := range []threads.TimerKind{threads.TimerSnooze, threads.TimerReply, threads.TimerOffer} {
			if _, ok := tx.TimerDue(timerName(kind, 1)); ok {
				due = append(due, string(kind))
			}
		}
		return nil
	})
	if len(due) > 0 {
		t.Errorf("deadlines of what is merged: %v", due)
	}
}

// TestSplit: the newest mail is a conversation of its own, and so is what
// answers it; what came before stays.
func TestSplit(t *testing.T) {
	r, hers := waiting(t, nil)
	r.comes(r.wrote(jane, "Re: Printer on fire", "And the coffee is cold.", "In-Reply-To: <m1@client.example>", "References: <m1@client.example>"))
	second := r.one(store.OutCopy, alice)
	r.gone()
	for text, want := range map[string]string{"/split\n\nWarm it.": "split first", "/split now": "takes nothing behind it"} {
		if got := strings.Join(strings.Fields(r.orders(second, alice, text)), " "); !strings.Contains(got, want) {
			t.Errorf("%q: %s", text, got)
		}
	}
	if got := r.orders(hers, alice, "/split"); !strings.Contains(strings.Join(strings.Fields(got), " "), "wrote again since the one you reply to") {
		t.Errorf("told %s", got)
	}
	r.comes(r.reply(second, alice, "/split"))
	cp := r.one(store.OutCopy, alice)
	if !strings.Contains(cp.Mail.Text, "coffee") || !strings.Contains(cp.Mail.Text, "conversation 2") {
		t.Fatalf("copy: %s", cp.Mail.Text)
	}
	r.gone()
	if c := r.conversation(2); c.Owner != alice || c.Customer.Addr != jane || !c.Unanswered {
		t.Errorf("conversation 2: %+v", c)
	}

	// Her answers, to the new copy and to the old one of the same mail, are of
	// the new conversation; so is what jane says to them and to her own mail.
	r.comes(r.reply(cp, alice, "Warm it."))
	answer := r.one(store.OutAnswer, jane)
	r.gone()
	r.comes(r.reply(second, alice, "Or drink it cold."))
	r.one(store.OutAnswer, jane)
	r.gone()
	for field, want := range map[string]uint64{
		"In-Reply-To: " + answer.MessageID: 2, "In-Reply-To: <m2@client.example>": 2, "In-Reply-To: <m1@client.example>": 1,
	} {
		uid := r.comes(r.wrote(jane, "Re: Printer on fire", "Thanks.", field, "References: <m1@client.example>"))
		if o := r.outcome(uid); o.Conversation != want {
			t.Errorf("%s: filed in %d", field, o.Conversation)
		}
		r.gone()
	}
	r.comes(r.reply(hers, alice, "Use water."))
	if a := r.one(store.OutAnswer, jane); a.header("In-Reply-To") != "<m1@client.example>" {
		t.Errorf("answers %s", a.header("In-Reply-To"))
	}
}

// TestMergedCustomersStayApart: who wrote in a conversation that became part of
// another is answered without the customer of that one, also when he writes
// again.
func TestMergedCustomersStayApart(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.wrote("Joe <joe@shop.example>", "Slow network", "It crawls."))
	other := r.one(store.OutCopy, bob)
	r.sendAll()
	r.comes(r.reply(other, bob, "/merge 1"))
	r.sendAll()
	for _, who := range []string{"joe@shop.example", jane} {
		id := map[string]string{"joe@shop.example": "<m2@client.example>", jane: "<m1@client.example>"}[who]
		r.comes(r.wrote(who, "Re: it", "Still, "+who, "In-Reply-To: "+id))
		next := slicesOf(r.due(), store.OutCopy)
		if len(next) != 1 || next[0].OutMail.Conversation != 1 {
			t.Fatalf("%d copies%s", len(next), r.dump())
		}
		r.sendAll()
		r.comes(r.reply(next[0], next[0].OutMail.To, "I see."))
		for _, a := range slicesOf(r.due(), store.OutAnswer) {
			if len(a.Recipients) != 1 || a.Recipients[0].Address != who {
				t.Errorf("an answer to %s went to %+v", who, a.Recipients)
			}
		}
		if len(slicesOf(r.due(), store.OutAnswer)) != 1 {
			t.Errorf("held %+v", r.holds())
		}
		r.sendAll()
	}
	_ = cp
}

// TestNoteGoesWithTheStory: whom a conversation is given to reads the note that
// came with the command.
func TestNoteGoesWithTheStory(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, alice, "/assign bob\n/note\nYou built it."))
	got := slicesOf(r.due(), store.OutCopy)
	if len(got) != 1 || got[0].OutMail.To != bob || !strings.Contains(got[0].Mail.Text, "You built it.") {
		t.Errorf("%s", r.dump())
	}
	if n := slicesOf(r.due(), store.OutNotice); len(n) != 0 {
		t.Errorf("somebody reads %s", n[0].Mail.Text)
	}
}

// TestCrossedWithAColleague: who answers an older mail while a colleague has the
// newest gets that one with the conversation.
func TestCrossedWithAColleague(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, alice, "/assign bob"))
	r.sendAll()
	r.comes(r.wrote("Jane Doe <"+jane+">", "Re: Printer on fire", "And smokes.", "In-Reply-To: <m1@client.example>"))
	r.sendAll()
	r.comes(r.reply(cp, alice, "Use water."))
	n := r.one2(t, store.OutNotice, alice)
	r.sendAll()
	r.comes(r.reply(n, alice, "/send"))
	got := slicesOf(r.due(), store.OutCopy)
	if len(got) != 1 || got[0].OutMail.To != alice || !strings.Contains(got[0].Mail.Text, "And smokes.") || r.conversation(1).Owner != alice {
		t.Fatalf("held %+v%s", r.holds(), r.dump())
	}
	r.sendAll()
	// What she knew when that went out holds her next answer no more.
	r.comes(r.reply(cp, alice, "And sand."))
	if a := slicesOf(r.due(), store.OutAnswer); len(a) != 1 {
		t.Errorf("held again: %+v", r.holds())
	}
}

// TestBurntStaysBurnt: a token that others saw does not live again because its
// conversation became part of another.
func TestBurntStaysBurnt(t *testing.T) {
	r, hers, _ := twoOpen(t)
	r.comes(r.reply(hers, alice, "Use water.", "Cc: spy@elsewhere.example"))
	r.gone()
	r.comes(r.wrote(jane, "Re: Printer on fire", "Still.", "In-Reply-To: <m1@client.example>"))
	fresh := r.one(store.OutCopy, alice)
	r.gone()
	r.comes(r.reply(fresh, alice, "/merge 2"))
	r.gone()
	r.comes(r.reply(hers, alice, "Use more water."))
	if h := r.holds(); r.answers() != 0 || len(h) != 1 || h[0].Why != threads.WhyUnproven {
		t.Errorf("held %+v%s", h, r.dump())
	}
}
