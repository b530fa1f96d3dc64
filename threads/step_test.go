package threads

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func started(t *testing.T) *runner {
	r := &runner{t: t, c: Conversation{ID: 7}, w: testWorld()}
	res := r.customer(from("jane@client.example"))
	if copies := effects[SendCopy](res); len(copies) != 1 || copies[0].Engineer != "alice@acme.example" {
		t.Fatalf("the first mail went to %+v", copies)
	}
	return r
}

func TestFirstMailIsAssigned(t *testing.T) {
	r := started(t)
	if r.c.Owner != "alice@acme.example" || r.c.State != StateOpen || !r.c.Unanswered || len(r.c.Pending) != 0 {
		t.Errorf("conversation: %+v", r.c)
	}
	if !r.c.Participant("JANE@client.example") {
		t.Error("the customer is no participant")
	}
}

func TestOwnerKeepsWhilePresent(t *testing.T) {
	r := started(t)
	res := r.customer(from("jane@client.example"))
	if copies := effects[SendCopy](res); len(copies) != 1 || copies[0].Engineer != "alice@acme.example" || copies[0].Story {
		t.Errorf("copies: %+v", copies)
	}
	if len(effects[TakeTurn](res)) != 0 {
		t.Error("a second mail of the conversation took a turn")
	}
}

// TestRenamed: where the relay gave a mail another Message-ID, the next one
// hangs below that, which is what her client has.
func TestRenamed(t *testing.T) {
	r := started(t)
	before := r.c.Desks["alice@acme.example"].Chain
	if len(before) == 0 {
		t.Fatal("no chain")
	}
	own, old := before[len(before)-1], r.c
	r.step(CameBackIn{OutID: "7.1.0", MessageID: own, Alias: "<1@relay.example>"})
	if got := r.c.Desks["alice@acme.example"].Chain; len(got) != len(before) || got[len(got)-1] != "<1@relay.example>" {
		t.Errorf("chain %v, before %v", got, before)
	}
	if chain := old.Desks["alice@acme.example"].Chain; chain[len(chain)-1] != own {
		t.Error("the state before the event was changed")
	}
	for _, in := range []CameBackIn{{OutID: "7.1.0", MessageID: "<other@x>", Alias: "<2@relay.example>"}, {OutID: "7.1.0"}, {OutID: "7.1.0", Alias: "<3@relay.example>"}} {
		if r.step(in); slices.Contains(r.c.Desks["alice@acme.example"].Chain, in.Alias) {
			t.Errorf("%+v changed the chain", in)
		}
	}
}

// TestUnnamed: where all ids a relay gave her copies are known but one, an
// answer below an unknown id is one to that mail, and goes to its readers. Where
// more are missing, it is one to the newest.
func TestUnnamed(t *testing.T) {
	for _, way := range []struct {
		back []bool // which copies came back
		want string
	}{
		{[]bool{true, false, true}, "joe@client.example"},
		{[]bool{true, false, false}, "kim@client.example"},
		{[]bool{true, true, true}, "kim@client.example"},
		{[]bool{false, false, false}, "kim@client.example"},
	} {
		r := started(t)
		r.customer(from("joe@client.example"))
		r.customer(from("kim@client.example"))
		for i, v := range r.c.Desks["alice@acme.example"].Views {
			if way.back[i] {
				r.step(CameBackIn{OutID: "7.1.0", MessageID: v.ID, Alias: fmt.Sprintf("<%d@relay.example>", i)})
			}
		}
		res := r.reply("alice@acme.example", func(m *Mail, in *MailIn) {
			m.InReplyTo, in.Authority.View = []string{"<unknown@relay.example>"}, 0
		})
		if list := effects[SendAnswer](res); len(list) != 1 || len(list[0].To) != 1 || list[0].To[0].Addr != way.want {
			t.Errorf("came back %v: %+v, want one to %s", way.back, list, way.want)
		}
	}
}

func TestAbsentOwnerHandsOn(t *testing.T) {
	r := started(t)
	r.w.Rotation.Engineers[0].Away = []Span{{monday, monday.Add(48 * time.Hour)}}
	res := r.customer(from("jane@client.example"))
	copies := effects[SendCopy](res)
	if len(copies) != 1 || copies[0].Engineer == "alice@acme.example" || !copies[0].Story {
		t.Fatalf("copies: %+v", copies)
	}
	if turns := effects[TakeTurn](res); len(turns) != 1 || turns[0].How != HowHanded {
		t.Errorf("turns: %+v: a hand-over must be counted apart", turns)
	}
	if why := bodies[Assigned](res)[0].Why; !strings.Contains(why, "Alice Ng is away") {
		t.Errorf("reason: %q", why)
	}
}

func TestNobodyOnDutyWaits(t *testing.T) {
	r := &runner{t: t, c: Conversation{ID: 7}, w: testWorld()}
	for i := range r.w.Rotation.Engineers {
		r.w.Rotation.Engineers[i].Away = []Span{{monday, monday.Add(time.Hour)}}
	}
	res := r.customer(from("jane@client.example"))
	if !r.c.Waits || len(effects[SendCopy](res)) != 0 {
		t.Fatalf("conversation: %+v", r.c)
	}
	if w := effects[WaitUntil](res); len(w) != 1 || !w[0].At.Equal(monday.Add(time.Hour)) {
		t.Errorf("waits until %+v", w)
	}
	if len(effects[KeepRaw](res)) != 1 || len(effects[DropRaw](res)) != 0 {
		t.Error("the mail is not kept")
	}
	r.customer(from("jane@client.example"))
	r.w.Now = monday.Add(time.Hour)
	res = r.step(LookIn{})
	if copies := effects[SendCopy](res); len(copies) != 2 {
		t.Errorf("%d copies when someone came on duty, want both mails", len(copies))
	}
	if r.c.Waits || r.c.Owner == "" || len(r.c.Pending) != 0 {
		t.Errorf("conversation: %+v", r.c)
	}
}

func TestAnswerGoesOut(t *testing.T) {
	r := started(t)
	res := r.reply("alice@acme.example", nil)
	answers := effects[SendAnswer](res)
	if len(answers) != 1 || len(answers[0].To) != 1 || answers[0].To[0].Addr != "jane@client.example" || len(answers[0].Cc) != 0 {
		t.Fatalf("answers: %+v", answers)
	}
	if r.c.Unanswered {
		t.Error("still unanswered")
	}
	if acc := bodies[Accepted](res); len(acc) != 1 || acc[0].MessageID != answers[0].MessageID {
		t.Errorf("accepted: %+v", acc)
	}
}

func TestAnswerRecipients(t *testing.T) {
	r := started(t)
	m := from("joe@client.example")
	m.ReplyTo = []Address{{Addr: "helpdesk@client.example"}}
	m.Cc = []Address{{Addr: "boss@client.example"}, {Addr: "support+r" + strings.Repeat("a", 26) + "@acme.example"}}
	r.customer(m)
	res := r.reply("alice@acme.example", nil)
	a := effects[SendAnswer](res)[0]
	if len(a.To) != 1 || a.To[0].Addr != "helpdesk@client.example" {
		t.Errorf("To: %+v", a.To)
	}
	if len(a.Cc) != 2 || a.Cc[0].Addr != "boss@client.example" || a.Cc[1].Addr != "jane@client.example" {
		t.Errorf("Cc: %+v", a.Cc)
	}
}

// TestHeldAndNothingSent is promise 2 and 3: what is doubtful goes nowhere but
// back to its author.
func TestHeldAndNothingSent(t *testing.T) {
	alice := "alice@acme.example"
	for _, tt := range []struct {
		name   string
		change func(*Mail, *MailIn)
		want   Why
	}{
		{"no token", func(_ *Mail, in *MailIn) {
			in.Authority = Authority{Engineer: alice, Doubt: WhyUnproven, Reason: "no token"}
		}, WhyUnproven},
		{"token of another", func(_ *Mail, in *MailIn) {
			in.Authority = Authority{Engineer: alice, Doubt: WhyBorrowed, Reason: "x", Owner: "bob@acme.example"}
		}, WhyBorrowed},
		{"two conversations", func(_ *Mail, in *MailIn) { in.Authority.Doubt = WhyAmbiguous }, WhyAmbiguous},
		{"picked address", func(m *Mail, in *MailIn) { in.Authority.Loose = true; m.SubjectBase = "Lunch" }, WhyMisled},
		{"unknown command", func(m *Mail, _ *MailIn) { m.Commands = []Command{{Word: "clsoe"}} }, WhyCommand},
		{"assign to nobody", func(m *Mail, _ *MailIn) { m.Commands = []Command{{"assign", "zoe"}} }, WhyCommand},
		{"note without text", func(m *Mail, _ *MailIn) { m.Commands = []Command{{Word: "note"}}; m.AnswerEmpty = true }, WhyUndone},
		{"only quotation", func(m *Mail, _ *MailIn) { m.AnswerEmpty = true }, WhyEmpty},
		{"encrypted", func(_ *Mail, in *MailIn) { in.Draft.Encrypted = true }, WhySealed},
		{"leak", func(_ *Mail, in *MailIn) { in.Draft.Findings = []string{"a reply token in the text"} }, WhyLeak},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := started(t)
			res := r.reply(alice, tt.change)
			if n := len(effects[SendAnswer](res)); n != 0 {
				t.Fatalf("%d answers went out", n)
			}
			held := bodies[HeldBack](res)
			if len(held) != 1 || held[0].Kind != tt.want || held[0].Reason == "" && tt.want != WhyAmbiguous {
				t.Fatalf("held: %+v", held)
			}
			if keep := effects[Keep](res); len(keep) != 1 || keep[0].Hold != held[0].Hold {
				t.Errorf("kept: %+v", keep)
			}
			notices := effects[Notify](res)
			if len(notices) == 0 || notices[0].Engineer != alice || !notices[0].Quote {
				t.Errorf("notices: %+v", notices)
			}
		})
	}
}

func TestRelease(t *testing.T) {
	r := started(t)
	held := bodies[HeldBack](r.reply("alice@acme.example", func(m *Mail, _ *MailIn) {
		m.Commands = []Command{{Word: "pleh"}}
	}))[0]
	in := ReleaseIn{Hold: held.Hold, By: "alice@acme.example", Author: "alice@acme.example", Mail: from("alice@acme.example"), Answers: 2, Draft: &Draft{}}
	res := r.step(in)
	if len(effects[SendAnswer](res)) != 1 || len(effects[Release](res)) != 1 {
		t.Fatalf("released: %+v", res)
	}
	if res := r.step(in); len(res.Events) != 0 {
		t.Errorf("released twice: %+v", res.Events)
	}
}

func TestReleaseNeverLetsTokensGo(t *testing.T) {
	r := started(t)
	held := bodies[HeldBack](r.reply("alice@acme.example", func(_ *Mail, in *MailIn) {
		in.Draft.Findings, in.Draft.Final = []string{"a token"}, true
	}))[0]
	in := ReleaseIn{Hold: held.Hold, By: "ops", Author: "alice@acme.example", Mail: from("alice@acme.example"), Draft: &Draft{Findings: []string{"a token"}, Final: true}}
	if res := r.step(in); len(effects[SendAnswer](res)) != 0 {
		t.Fatal("a token was let go")
	}
	in.Draft = &Draft{Findings: []string{"bob's address"}}
	if res := r.step(in); len(effects[SendAnswer](res)) != 1 {
		t.Error("a typed address cannot be released")
	}
}

func TestDiscard(t *testing.T) {
	r := started(t)
	held := bodies[HeldBack](r.reply("alice@acme.example", func(m *Mail, _ *MailIn) { m.AnswerEmpty = true }))[0]
	res := r.step(DiscardIn{Hold: held.Hold, By: "alice@acme.example"})
	if len(effects[Release](res)) != 1 || len(effects[SendAnswer](res)) != 0 || len(r.c.Holds) != 0 {
		t.Errorf("discarded: %+v", res)
	}
}

func TestCollision(t *testing.T) {
	r := started(t)
	r.reply("alice@acme.example", func(m *Mail, _ *MailIn) {
		m.Commands, m.AnswerEmpty = []Command{{"assign", "bob"}}, true
	})
	if r.c.Owner != "bob@acme.example" {
		t.Fatalf("owner: %s", r.c.Owner)
	}
	r.reply("bob@acme.example", nil)
	view := r.c.Desks["alice@acme.example"].Newest
	res := r.reply("alice@acme.example", func(_ *Mail, in *MailIn) { in.Authority.View = view })
	if len(effects[SendAnswer](res)) != 0 || bodies[HeldBack](res)[0].Kind != WhyStale {
		t.Errorf("a stale answer went out: %+v", res)
	}
}

func TestCustomerWroteAgain(t *testing.T) {
	r := started(t)
	view := r.c.Desks["alice@acme.example"].Newest
	r.customer(from("jane@client.example"))
	res := r.reply("alice@acme.example", func(_ *Mail, in *MailIn) { in.Authority.View = view })
	if len(effects[SendAnswer](res)) != 1 {
		t.Fatal("the answer was held")
	}
	if n := effects[Notify](res); len(n) != 1 || n[0].Kind != NoticeCrossed {
		t.Errorf("notices: %+v", n)
	}
}

func TestCommands(t *testing.T) {
	r := started(t)
	only := func(word, arg string) func(*Mail, *MailIn) {
		return func(m *Mail, in *MailIn) { m.Commands, m.AnswerEmpty, in.Draft = []Command{{word, arg}}, true, nil }
	}
	res := r.reply("alice@acme.example", only("close", ""))
	if r.c.State != StateClosed || len(effects[SendAnswer](res)) != 0 {
		t.Fatalf("after /close: %+v", r.c)
	}
	r.reply("alice@acme.example", only("reopen", ""))
	if r.c.State != StateOpen {
		t.Fatal("/reopen did nothing")
	}
	r.reply("alice@acme.example", func(m *Mail, _ *MailIn) { m.Commands = []Command{{Word: "note"}} })
	if r.c.News["alice@acme.example"].Event == 0 || r.c.Answer.By != "" {
		t.Errorf("a note was taken for an answer: %+v", r.c)
	}
	res = r.reply("alice@acme.example", func(m *Mail, _ *MailIn) { m.Commands = []Command{{Word: "close"}} })
	if len(effects[SendAnswer](res)) != 1 || r.c.State != StateClosed {
		t.Error("text beside /close was not sent first")
	}
	r.customer(from("jane@client.example"))
	if r.c.State != StateOpen {
		t.Error("the customer's mail did not reopen")
	}
}

func TestMachineMailIsSilent(t *testing.T) {
	r := started(t)
	m := from("jane@client.example")
	m.Class = ClassAutoReply
	res := r.step(MailIn{Mail: m, Class: ClassAutoReply, Found: Found{Conversation: 7, Reason: ByInReplyTo}})
	if len(res.Effects) != 0 || len(bodies[Received](res)) != 1 || !bodies[Received](res)[0].Silent {
		t.Errorf("an auto-reply had effects: %+v", res)
	}
	r.reply("alice@acme.example", func(m *Mail, _ *MailIn) { m.Commands = []Command{{Word: "close"}} })
	r.step(MailIn{Mail: m, Class: ClassAutoReply, Found: Found{Conversation: 7}})
	if r.c.State != StateClosed {
		t.Error("an auto-reply reopened the conversation")
	}
}

func TestFailedAnswer(t *testing.T) {
	r := started(t)
	out := effects[SendAnswer](r.reply("alice@acme.example", func(m *Mail, _ *MailIn) { m.Commands = []Command{{Word: "close"}} }))[0].OutID
	res := r.step(DeliveryIn{OutID: out, Answer: true, Author: "alice@acme.example", Recipient: "jane@client.example", State: "failed", Reply: "550 no such user"})
	n := effects[Notify](res)
	if len(n) != 1 || n[0].Engineer != "alice@acme.example" || n[0].Kind != NoticeFailed || !strings.Contains(n[0].Reason, "550 no such user") {
		t.Errorf("notices: %+v", n)
	}
	if r.c.State != StateOpen {
		t.Error("the conversation is not open again")
	}
}

// TestFailedCopyMovesTwoPeopleAtMost: one mail never moves more.
func TestFailedCopyMovesTwoPeopleAtMost(t *testing.T) {
	r := started(t)
	fail := func() Result {
		return r.step(DeliveryIn{OutID: "x", Engineer: r.c.Owner, Of: 2, Recipient: r.c.Owner, State: "failed", Reply: "552 too big"})
	}
	first := r.c.Owner
	res := fail()
	if r.c.Owner == first || len(effects[SendCopy](res)) != 1 {
		t.Fatalf("after the first failure: %+v", res)
	}
	second := r.c.Owner
	res = fail()
	if r.c.Owner != second {
		t.Error("a third person was moved")
	}
	if n := effects[Notify](res); len(n) != 1 || n[0].Engineer != "" {
		t.Errorf("the admins were not told: %+v", n)
	}
}

func TestBurntToken(t *testing.T) {
	r := started(t)
	r.reply("alice@acme.example", func(m *Mail, _ *MailIn) { m.Cc = []Address{{Addr: "friend@elsewhere.example"}} })
	if g := r.c.Generation("alice@acme.example"); g != 1 {
		t.Errorf("generation %d: a token others have seen still counts", g)
	}
	if !r.c.Participant("friend@elsewhere.example") {
		t.Error("the person she added is no participant")
	}
}

// TestCloseDoesNotHideUnreadMail: who closes a conversation has not read what
// came while nobody was there.
func TestCloseDoesNotHideUnreadMail(t *testing.T) {
	r := started(t)
	for i := range r.w.Rotation.Engineers {
		r.w.Rotation.Engineers[i].Away = []Span{{monday, monday.Add(time.Hour)}}
	}
	r.customer(from("jane@client.example"))
	res := r.reply("alice@acme.example", func(m *Mail, _ *MailIn) { m.Commands = []Command{{Word: "close"}} })
	if r.c.State != StateOpen {
		t.Fatal("closed over a mail nobody has read")
	}
	if len(effects[SendCopy](res)) != 1 || r.c.Owner != "alice@acme.example" {
		t.Errorf("she was not sent it: %+v", res)
	}
}
