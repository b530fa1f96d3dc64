package threads

import (
	"strings"
	"testing"
	"time"
)

const (
	aliceKey = "alice@acme.example"
	bobKey   = "bob@acme.example"
)

func outIDs(res Result) (list []string) {
	for _, e := range res.Effects {
		switch e := e.(type) {
		case SendCopy:
			list = append(list, e.OutID)
		case SendAnswer:
			list = append(list, e.OutID)
		case Notify:
			list = append(list, e.OutID)
		}
	}
	return list
}

// TestOutgoingNamesAreUnique: two mails of one name would be one, and one of
// them lost.
func TestOutgoingNamesAreUnique(t *testing.T) {
	r := started(t)
	seen := map[string]bool{}
	take := func(res Result) {
		t.Helper()
		for _, id := range outIDs(res) {
			if seen[id] {
				t.Errorf("two mails are called %s", id)
			}
			seen[id] = true
		}
	}
	failed := func() Result {
		return r.step(DeliveryIn{OutID: "x", Answer: true, Author: aliceKey, Recipient: "jane@client.example", State: "failed"})
	}
	take(r.reply(aliceKey, nil))
	take(failed())
	take(r.reply(aliceKey, nil)) // she tries once more, at once
	take(failed())
	take(failed())
	hold := HoldID(7, r.c.N+1, "")
	take(r.reply(aliceKey, func(_ *Mail, in *MailIn) { in.Draft = &Draft{Findings: []string{"a token"}, Final: true} }))
	in := ReleaseIn{Hold: hold, By: aliceKey, Author: aliceKey, Mail: from(aliceKey), Answers: 2, Draft: &Draft{Findings: []string{"a token"}, Final: true}}
	take(r.step(in))
	take(r.step(in))
	take(r.reply(aliceKey, nil))
	take(r.customer(from("jane@client.example")))
	take(r.step(DeliveryIn{OutID: "x", Engineer: aliceKey, Of: 2, Recipient: aliceKey, State: "failed"}))
	take(r.step(AdminIn{By: "root", Verb: "assign", Engineer: "carol"}))
	take(r.step(AdminIn{By: "root", Verb: "assign", Engineer: "bob"}))
	if len(r.c.Holds) != 1 {
		t.Errorf("holds: %v", r.c.Holds)
	}
}

// TestReleasedNoteStaysANote: what a person wrote for colleagues alone never
// reaches the customer, however it is let go.
func TestReleasedNoteStaysANote(t *testing.T) {
	r := started(t)
	var m *Mail
	held := bodies[HeldBack](r.reply(aliceKey, func(n *Mail, _ *MailIn) {
		n.Commands = []Command{{Word: "note"}, {"assign", "zoe"}}
		m = n
	}))[0]
	res := r.step(ReleaseIn{Hold: held.Hold, By: aliceKey, Author: aliceKey, Mail: m, Answers: 2, Draft: &Draft{}})
	if n := effects[SendAnswer](res); len(n) != 0 {
		t.Fatalf("the note went to %v", n[0].To)
	}
	if len(bodies[Noted](res)) != 1 || len(effects[Release](res)) != 1 || len(r.c.Holds) != 0 {
		t.Errorf("released: %+v", res)
	}
}

func TestReleaseDoesWhatTheMailAsks(t *testing.T) {
	for _, tt := range []struct {
		name    string
		empty   bool
		answers int
	}{{"text and command", false, 1}, {"a command alone", true, 0}} {
		t.Run(tt.name, func(t *testing.T) {
			r := started(t)
			var m *Mail
			held := bodies[HeldBack](r.reply(aliceKey, func(n *Mail, in *MailIn) {
				n.Commands, n.AnswerEmpty, m = []Command{{Word: "close"}}, tt.empty, n
				in.Authority = Authority{Engineer: aliceKey, Doubt: WhyUnproven}
			}))[0]
			res := r.step(ReleaseIn{Hold: held.Hold, By: aliceKey, Author: aliceKey, Mail: m, Answers: 2, Draft: &Draft{}})
			if r.c.State != StateClosed || len(effects[SendAnswer](res)) != tt.answers {
				t.Errorf("conversation %s, effects %+v", r.c.State, res.Effects)
			}
		})
	}
}

// TestReleaseToNobody: an answer without a recipient is no answer.
func TestReleaseToNobody(t *testing.T) {
	r := &runner{t: t, c: Conversation{ID: 7}, w: testWorld()}
	r.customer(from("support@acme.example"))
	held := bodies[HeldBack](r.reply(aliceKey, nil))
	if len(held) != 1 || held[0].Kind != WhyNobody {
		t.Fatalf("held: %+v", held)
	}
	res := r.step(ReleaseIn{Hold: held[0].Hold, By: "root", Author: aliceKey, Mail: from(aliceKey), Answers: 2, Draft: &Draft{}})
	if len(effects[SendAnswer](res))+len(effects[Release](res)) != 0 || len(r.c.Holds) != 1 {
		t.Errorf("released: %+v", res)
	}
	if n := effects[Notify](res); len(n) != 1 || n[0].Engineer != aliceKey {
		t.Errorf("notices: %+v", n)
	}
}

// TestHeldMailBurnsToo: others have the token, whether the mail went on or not.
func TestHeldMailBurnsToo(t *testing.T) {
	r := started(t)
	r.reply(aliceKey, func(m *Mail, _ *MailIn) {
		m.Cc, m.Commands = []Address{{Addr: "friend@elsewhere.example"}}, []Command{{Word: "clsoe"}}
	})
	if len(r.c.Holds) != 1 || r.c.Generation(aliceKey) != 1 {
		t.Errorf("holds %v, generation %d", r.c.Holds, r.c.Generation(aliceKey))
	}
}

// TestHandedOnCopyIsNotStale: whoever was sent the story has seen what is in it.
func TestHandedOnCopyIsNotStale(t *testing.T) {
	r := started(t)
	r.reply(aliceKey, nil)
	r.reply(aliceKey, func(m *Mail, in *MailIn) {
		m.Commands, m.AnswerEmpty, in.Draft = []Command{{"assign", "bob"}}, true, nil
	})
	if res := r.reply(bobKey, nil); len(effects[SendAnswer](res)) != 1 {
		t.Errorf("the new owner's first answer: %+v", res.Events)
	}
}

// TestOwnNoteHidesNoAnswer: a note says nothing about what its author has seen.
func TestOwnNoteHidesNoAnswer(t *testing.T) {
	r := started(t)
	r.reply(bobKey, func(_ *Mail, in *MailIn) { in.Authority.View = 2 })
	r.reply(aliceKey, func(m *Mail, in *MailIn) { m.Commands, in.Authority.View = []Command{{Word: "note"}}, 2 })
	res := r.reply(aliceKey, func(_ *Mail, in *MailIn) { in.Authority.View = 2 })
	if held := bodies[HeldBack](res); len(held) != 1 || held[0].Kind != WhyStale {
		t.Errorf("she had not seen the answer: %+v", res.Events)
	}
}

func away(r *runner, until time.Duration, who ...int) {
	for _, i := range who {
		r.w.Rotation.Engineers[i].Away = []Span{{r.w.Now, r.w.Now.Add(until)}}
	}
}

// TestNewOwnerAfterTheNightGetsTheStory: also when the conversation waited.
func TestNewOwnerAfterTheNightGetsTheStory(t *testing.T) {
	r := started(t)
	r.reply(aliceKey, nil)
	away(r, time.Hour, 0, 1, 2)
	r.customer(from("jane@client.example"))
	away(r, 2*time.Hour, 0)
	r.w.Now = r.w.Now.Add(time.Hour)
	res := r.step(LookIn{})
	if cp := effects[SendCopy](res); len(cp) != 1 || cp[0].Engineer == aliceKey || !cp[0].Story {
		t.Errorf("copies: %+v", cp)
	}
}

// TestLooksAgainWhileNobodyIsThere: the deadline that passed in vain is
// followed by the next.
func TestLooksAgainWhileNobodyIsThere(t *testing.T) {
	r := &runner{t: t, c: Conversation{ID: 7}, w: testWorld()}
	away(r, time.Hour, 0, 1, 2)
	r.customer(from("jane@client.example"))
	r.w.Now = r.w.Now.Add(30 * time.Minute)
	res := r.step(LookIn{})
	if w := effects[WaitUntil](res); len(w) != 1 || !w[0].At.After(r.w.Now) {
		t.Errorf("waits: %+v", w)
	}
	if len(res.Events) != 0 {
		t.Errorf("said twice: %+v", res.Events)
	}
}

// TestFullDesksAreLookedAtAgain: no clock says when one of them is free.
func TestFullDesksAreLookedAtAgain(t *testing.T) {
	r := &runner{t: t, c: Conversation{ID: 7}, w: testWorld()}
	full := true
	r.w.Load = func(string) int {
		if full {
			return 5
		}
		return 0
	}
	for i := range r.w.Rotation.Engineers {
		r.w.Rotation.Engineers[i].MaxOpen = 5
	}
	res := r.customer(from("jane@client.example"))
	w := effects[WaitUntil](res)
	if len(w) != 1 || !w[0].At.After(r.w.Now) || w[0].At.Sub(r.w.Now) > time.Hour {
		t.Fatalf("waits: %+v", w)
	}
	full, r.w.Now = false, w[0].At
	if cp := effects[SendCopy](r.step(LookIn{})); len(cp) != 1 {
		t.Errorf("copies: %+v", cp)
	}
}

// TestKeepNeverWithOneEngineer: a policy to change people must not leave a
// customer with nobody.
func TestKeepNeverWithOneEngineer(t *testing.T) {
	r := &runner{t: t, c: Conversation{ID: 7}, w: testWorld()}
	r.w.Rotation.Engineers = r.w.Rotation.Engineers[:1]
	r.w.Rotation.Policy.KeepOwner = KeepNever
	r.customer(from("jane@client.example"))
	if cp := effects[SendCopy](r.customer(from("jane@client.example"))); len(cp) != 1 || r.c.Waits {
		t.Errorf("copies %+v, waits %v", cp, r.c.Waits)
	}
}

// TestKeepNeverChanges: with others there it does change people.
func TestKeepNeverChanges(t *testing.T) {
	r := started(t)
	r.w.Rotation.Policy.KeepOwner = KeepNever
	if cp := effects[SendCopy](r.customer(from("jane@client.example"))); len(cp) != 1 || cp[0].Engineer == aliceKey {
		t.Errorf("copies: %+v", cp)
	}
}

// TestCopyFailsWhileNobodyElseIsThere: somebody gets it as soon as she comes.
func TestCopyFailsWhileNobodyElseIsThere(t *testing.T) {
	r := started(t)
	away(r, time.Hour, 1, 2)
	res := r.step(DeliveryIn{OutID: "x", Engineer: aliceKey, Of: 2, Recipient: aliceKey, State: "failed", Reply: "550"})
	if w := effects[WaitUntil](res); len(w) != 1 {
		t.Fatalf("waits: %+v", w)
	}
	if n := effects[Notify](res); len(n) == 0 || n[0].Engineer != "" {
		t.Errorf("the admins were not told: %+v", n)
	}
	r.w.Now = r.w.Now.Add(time.Hour)
	cp := effects[SendCopy](r.step(LookIn{}))
	if len(cp) != 1 || cp[0].Of != 2 || r.c.Owner == "" || r.c.Waits {
		t.Errorf("copies %+v, owner %q", cp, r.c.Owner)
	}
}

// TestLeaverLeavesNobodyWaiting: every open conversation of somebody who left
// the file goes to the next, answered or not; a closed one stays closed.
func TestLeaverLeavesNobodyWaiting(t *testing.T) {
	r := started(t)
	r.w.Rotation.Engineers = r.w.Rotation.Engineers[1:]
	if cp := effects[SendCopy](r.step(LookIn{})); len(cp) != 1 || !cp[0].Story || r.c.Owner == aliceKey {
		t.Errorf("copies %+v, owner %s", cp, r.c.Owner)
	}
	r = started(t)
	r.reply(aliceKey, nil)
	r.w.Rotation.Engineers = r.w.Rotation.Engineers[1:]
	if cp := effects[SendCopy](r.step(LookIn{})); len(cp) != 1 || !cp[0].Story || r.c.Owner == aliceKey {
		t.Errorf("answered: copies %+v, owner %s", cp, r.c.Owner)
	}
	r = started(t)
	r.step(AdminIn{By: "root", Verb: "close"})
	r.w.Rotation.Engineers = r.w.Rotation.Engineers[1:]
	if res := r.step(LookIn{}); len(res.Effects) != 0 {
		t.Errorf("a closed conversation moved: %+v", res)
	}
}

// TestReopenedHasAnOwner: what was closed while it waited for somebody.
func TestReopenedHasAnOwner(t *testing.T) {
	r := &runner{t: t, c: Conversation{ID: 7}, w: testWorld()}
	away(r, time.Hour, 0, 1, 2)
	r.customer(from("jane@client.example"))
	r.step(AdminIn{By: "root", Verb: "close"})
	r.reply(aliceKey, func(m *Mail, in *MailIn) {
		m.Commands, m.AnswerEmpty, in.Draft = []Command{{Word: "reopen"}}, true, nil
	})
	if r.c.State != StateOpen || r.c.Owner != aliceKey {
		t.Errorf("%s, owner %q", r.c.State, r.c.Owner)
	}
}

// TestAnsweringTakesWhatWaits: nothing of a conversation waits whose engineer
// is at work on it.
func TestAnsweringTakesWhatWaits(t *testing.T) {
	r := started(t)
	away(r, time.Hour, 0, 1, 2)
	r.customer(from("jane@client.example"))
	if !r.c.Waits {
		t.Fatal("it does not wait")
	}
	res := r.reply(aliceKey, nil)
	if cp := effects[SendCopy](res); len(cp) != 1 || len(r.c.Pending) != 0 || r.c.Owner != aliceKey {
		t.Errorf("copies %+v, pending %v", cp, r.c.Pending)
	}
}

// TestHistoryIsOlderThanWhatIsThere: an old mail that is imported late is
// neither the newest nor a reason to hold or to warn.
func TestHistoryIsOlderThanWhatIsThere(t *testing.T) {
	r := started(t)
	r.w.Stale = StaleAny
	for i := range maxMails + 5 {
		r.c = r.c.Apply(Event{N: r.c.N + 1, At: monday, Body: Received{
			MessageID: "<old@client.example>", From: Address{Addr: "other@client.example"}, History: true, Size: int64(i),
		}})
	}
	if got := r.c.View("nobody"); got != 2 {
		t.Errorf("the newest mail is event %d", got)
	}
	if _, ok := r.c.HeardAt(2); !ok {
		t.Error("history pushed the newest mail out")
	}
	res := r.reply(aliceKey, nil)
	if a := effects[SendAnswer](res); len(a) != 1 || a[0].To[0].Addr != "jane@client.example" {
		t.Errorf("answers: %+v, events %+v", a, res.Events)
	}
	if n := effects[Notify](res); len(n) != 0 {
		t.Errorf("notices: %+v", n)
	}
}

// TestMachineOfAnEngineerIsNoCustomer: an answer would go to her private
// address.
func TestMachineOfAnEngineerIsNoCustomer(t *testing.T) {
	r := started(t)
	m := from(aliceKey)
	m.Class = ClassAutoGenerated
	res := r.step(MailIn{Mail: m, Class: ClassAutoGenerated, Found: Found{Conversation: 7, Reason: ByInReplyTo}})
	if len(effects[SendCopy](res)) != 0 || r.c.Participant(aliceKey) {
		t.Errorf("effects %+v, participants %v", res.Effects, r.c.Participants)
	}
	to, cc := r.c.Recipients(testNames, r.w.Rotation, "", r.c.View(aliceKey))
	for _, a := range append(to, cc...) {
		if strings.HasSuffix(a.Addr, "@acme.example") {
			t.Errorf("an answer would go to %s", a.Addr)
		}
	}
}

// TestAnswerWithoutACopyAnswersTheNewest: also when she never had one.
func TestAnswerWithoutACopyAnswersTheNewest(t *testing.T) {
	r := started(t)
	a := effects[SendAnswer](r.reply(bobKey, nil))
	if len(a) != 1 || a[0].Answers != 2 {
		t.Errorf("answers: %+v", a)
	}
}
