package threads

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRefusals: what cannot be done is said in words that help, and holds the
// mail it stands in; nothing of that mail is done or sent.
func TestRefusals(t *testing.T) {
	many := func(n int, f func(i int) string) string {
		var list []string
		for i := range n {
			list = append(list, f(i))
		}
		return strings.Join(list, " ")
	}
	twins := func(r *runner) {
		r.w.Rotation.Engineers = append(r.w.Rotation.Engineers, Engineer{Key: "bob.low@acme.example", Name: "Bob Low", Email: "bob.low@acme.example", Weight: 1})
	}
	saved := func(names ...string) func(*runner) {
		return func(r *runner) { r.w.Saved = func() []string { return names } }
	}
	var fifty []string
	for i := range 50 {
		fifty = append(fifty, fmt.Sprintf("some-answer-number-%d", i))
	}
	long := strings.Repeat("x", 300)
	for _, tt := range []struct {
		command string
		text    bool // there is a text below it
		before  func(*runner)
		want    string
	}{
		{"clsoe", false, nil, "/clsoe is no command I know; did you mean /close?"},
		{"frobnicate", false, nil, "/frobnicate is no command I know; I know /note, /take"},
		{"close now", false, nil, `/close takes nothing behind it, but there is "now"`},
		{"note", false, nil, "/note has no text below it"},
		{"send", true, nil, "/send stands alone in a mail, best in a reply to the notice of what was held back"},
		{"discard", true, nil, "/discard stands alone in a mail"},

		{"assign", false, nil, "/assign needs the name of an engineer"},
		{"assign zoe", false, nil, `/assign: nobody in the rotation is called "zoe"; there are Alice Ng, Bob Stone, Carol Diaz`},
		{"assign bob", false, twins, `/assign: "bob" may be any of Bob Stone <Bob@acme.example>, Bob Low <bob.low@acme.example>`},

		{"snooze", false, nil, `/snooze: "" is no time I can read; write 90m, 4h, 2d, 1w, or a date such as 2026-11-30`},
		{"snooze soon", false, nil, `"soon" is no time I can read`},
		{"snooze 123456h", false, nil, `"123456h" is no time I can read`},
		{"snooze 2x", false, nil, `"2x" is no time I can read`},
		{"snooze 0h", false, nil, `"0h" is over already`},
		{"snooze 2026-11-22", false, nil, `"2026-11-22" is over already`},
		{"snooze until 2030-01-01", false, nil, `"2030-01-01" is more than a year from now`},
		{"snooze 2d", false, func(r *runner) { r.step(AdminIn{By: "root", Verb: "close"}) }, "/snooze lays an open conversation aside, and this one is closed"},

		{"cc", true, nil, "/cc needs the address of whoever is to get the answers, such as /cc ann@client.example"},
		{"cc Ann", true, nil, `/cc: "Ann" is no address`},
		{"cc Ann ann@client.example", true, nil, `/cc: "Ann" is no address`},
		{"cc ann@client", true, nil, `/cc: "ann@client" is no address`},
		{"cc ann@-client.example", true, nil, `is no address`},
		{"cc a|b@client.example", true, nil, `is no address`},
		{"cc " + long + "@client.example", true, nil, `is no address`},
		{"cc a.ng@acme.example", true, nil, "/cc is for people outside, and a.ng@acme.example is Alice Ng, a colleague; /note reaches colleagues, /assign gives it away"},
		{"cc support@acme.example", true, nil, "/cc: support@acme.example is our own address"},
		{"cc " + many(21, func(i int) string { return fmt.Sprintf("p%d@client.example", i) }), true, nil, "/cc: more than 20 people would be in Cc"},

		{"subject", true, nil, "/subject needs the new subject behind it"},
		{"subject Re: re:", true, nil, "/subject needs the new subject behind it"},
		{"subject " + long, true, nil, "/subject: a subject of more than 200 letters is read by nobody"},

		{"tag", false, nil, "/tag needs a word behind it, such as /tag billing"},
		{"tag bil&ling", false, nil, `/tag: "bil&ling" is no word to tag with`},
		{"tag " + long, false, nil, "is no word to tag with"},
		{"tag " + many(21, func(i int) string { return fmt.Sprintf("tag%d", i) }), false, nil, "/tag: it would have more than 20 tags"},

		{"answer", false, nil, "/answer needs a name behind it, such as reset-password"},
		{"answer ../secret", false, nil, `/answer: "../secret" is no name; letters, digits, - and _ make one`},
		{"answer " + long, false, nil, "/answer: a name of more than 60 letters is too long"},
		{"answer reset", false, nil, `/answer: no answers are saved yet, so there is no "reset"; /save keeps one`},
		{"answer rest", false, saved("reset", "thanks"), `/answer: there is no saved answer "rest"; did you mean "reset"?`},
		{"answer unlike", false, saved("reset", "thanks"), `/answer: there is no saved answer "unlike"; saved are reset, thanks`},
		{"answer unlike", false, saved(fifty...), "some-answer-number-39 and 10 more"},
		{"save", true, nil, "/save needs a name behind it"},
		{"save reset", false, nil, "/save keeps the text below it, and there is none"},

		{"spam", true, nil, "/spam sends nothing to anybody, and there is a text below it"},
		{"spam 3", false, nil, "/spam takes nothing behind it"},
		{"merge x", false, nil, `"x" is no number of a conversation; the lines below each mail say it, such as /merge 12`},
		{"split", true, nil, "/split sends nothing: split first, and answer the mail you get then"},
		{"away soon", false, nil, `/away: "soon" is no time I can read`},
	} {
		t.Run(tt.command[:min(len(tt.command), 30)], func(t *testing.T) {
			r := started(t)
			if tt.before != nil {
				tt.before(r)
			}
			word, arg, _ := strings.Cut(tt.command, " ")
			owner, state := r.c.Owner, r.c.State
			res := r.reply(aliceKey, func(m *Mail, _ *MailIn) {
				m.Commands, m.AnswerEmpty = []Command{{word, arg}}, !tt.text
			})
			held := bodies[HeldBack](res)
			if len(held) != 1 || !strings.Contains(held[0].Reason, tt.want) {
				t.Fatalf("held: %+v\nwant %q", held, tt.want)
			}
			if want := map[bool]Why{true: WhyCommand, false: WhyUndone}[tt.text]; held[0].Kind != want {
				t.Errorf("held as %s, want %s", held[0].Kind, want)
			}
			if len(effects[SendAnswer](res)) != 0 || r.c.Owner != owner || r.c.State != state || len(r.c.Tags)+len(r.c.Invited) != 0 {
				t.Errorf("something was done: %+v", res.Effects)
			}
			if n := effects[Notify](res); len(n) != 1 || n[0].Engineer != aliceKey || n[0].Reason != held[0].Reason || !n[0].Quote {
				t.Errorf("notices: %+v", n)
			}
		})
	}
}

// TestCommandsTogether: one that takes nothing behind it, a note beside an
// answer, the two that have to stand last.
func TestCommandsTogether(t *testing.T) {
	for _, tt := range []struct {
		commands []Command
		want     string
	}{
		{[]Command{{Word: "note"}, {"answer", "reset"}}, "/answer is for customers and /note for colleagues: one of them has to go"},
		{[]Command{{"merge", "9"}, {Word: "take"}}, "/merge has to be the last command of a mail"},
		{[]Command{{Word: "split"}, {Word: "take"}}, "/split has to be the last command of a mail"},
	} {
		r := started(t)
		r.w.Find = func(id ID) (Conversation, bool) { return Conversation{ID: id}, true }
		r.customer(from("jane@client.example"))
		res := r.reply(aliceKey, func(m *Mail, _ *MailIn) {
			m.Commands, m.AnswerEmpty = tt.commands, !slices.Contains(tt.commands, Command{Word: "note"})
		})
		if held := bodies[HeldBack](res); len(held) != 1 || held[0].Reason != tt.want {
			t.Errorf("%v: %+v, want %q", tt.commands, held, tt.want)
		}
	}
}

// TestAnswersThatStay: texts that may not become an answer, and how each is
// told apart from the others.
func TestAnswersThatStay(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Mail, *MailIn)
		kind   Why
		reason string
	}{
		{"a command below the text", func(m *Mail, _ *MailIn) { m.Stray = "/close" }, WhyCommand, `the line "/close" stands below your text`},
		{"an answer to a notice", func(_ *Mail, in *MailIn) { in.Found.Answers.Kind = KnownNotice }, WhyMisled, "it answers a notice of ours"},
		{"a blank of a saved answer", func(_ *Mail, in *MailIn) { in.Blank = "{name}" }, WhyCommand, "the customer would read {name} as it stands"},
		{"twice", func(_ *Mail, in *MailIn) { in.Twice = true }, WhyTwice, "exactly this went out before"},
		{"no draft", func(_ *Mail, in *MailIn) { in.Draft = nil }, WhyEmpty, "there is no text in it"},
		{"unfit", func(_ *Mail, in *MailIn) { in.Draft.Unfit = "it is 400 MB" }, WhyUnfit, "no mail can be made of it: it is 400 MB"},
	} {
		r := started(t)
		res := r.reply(aliceKey, tt.change)
		if held := bodies[HeldBack](res); len(held) != 1 || held[0].Kind != tt.kind || !strings.HasPrefix(held[0].Reason, tt.reason) || len(effects[SendAnswer](res)) != 0 {
			t.Errorf("%s: %+v", tt.name, res.Events)
		}
	}
}

// TestStaleness: which news hold an answer is the file's to say.
func TestStaleness(t *testing.T) {
	for _, tt := range []struct {
		stale Stale
		held  bool
	}{{StaleAny, true}, {StaleColleague, false}, {StaleNone, false}} {
		r := started(t)
		r.w.Stale = tt.stale
		view := r.c.Desks[aliceKey].Newest
		r.customer(from("jane@client.example"))
		res := r.reply(aliceKey, func(_ *Mail, in *MailIn) { in.Authority.View = view })
		held := bodies[HeldBack](res)
		if (len(held) == 1) != tt.held || tt.held && held[0].Reason != "the customer wrote again meanwhile" {
			t.Errorf("%s: %+v", tt.stale, held)
		}
	}
}

func TestWhen(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		arg  string
		want time.Time
	}{
		{"90m", monday.Add(90 * time.Minute)}, {"4h", monday.Add(4 * time.Hour)}, {"1W 2d", monday.Add(9 * 24 * time.Hour)}, {" until 2D ", monday.Add(48 * time.Hour)},
		{"2026-12-01", time.Date(2026, 12, 1, 0, 0, 0, 0, berlin)}, {"until 2026-12-01 14:30", time.Date(2026, 12, 1, 14, 30, 0, 0, berlin)},
		{"2026-12-01T14:30", time.Date(2026, 12, 1, 14, 30, 0, 0, berlin)},
	} {
		if got, reason := When(tt.arg, monday, berlin); reason != "" || !got.Equal(tt.want) {
			t.Errorf("%q is %v (%s), want %v", tt.arg, got, reason, tt.want)
		}
	}
}

// TestHelp: every command is explained once, in the part it belongs to.
func TestHelp(t *testing.T) {
	about, herself := Help()
	if len(about)+len(herself) != len(commands()) {
		t.Errorf("%d and %d lines for %d commands", len(about), len(herself), len(commands()))
	}
	for _, tt := range []struct {
		list []string
		want string
	}{
		{about, "/assign bob             it is Bob's"}, {about, "/close                  it is done, until the customer writes again"},
		{herself, "/back                   you are on duty again"}, {herself, "/help                   this text"},
	} {
		if !slices.Contains(tt.list, tt.want) {
			t.Errorf("no %q in\n%s", tt.want, strings.Join(tt.list, "\n"))
		}
	}
}

func TestColleague(t *testing.T) {
	r := testRotation()
	r.Engineers = append(r.Engineers, Engineer{Key: "b2@acme.example", Name: "Bob", Email: "b2@acme.example"})
	for _, tt := range []struct{ who, key, reason string }{
		{"ALICE", aliceKey, ""}, {" ng. ", aliceKey, ""}, {"Alice  Ng", aliceKey, ""}, {"mailto:a.ng@acme.example", aliceKey, ""}, {"<carol@acme.example>", "carol@acme.example", ""},
		{"bob", "b2@acme.example", ""}, // the one who is called so, and no other
		{"", "", "it needs the name of an engineer"}, {"@,", "", "it needs the name of an engineer"},
	} {
		if key, reason := Colleague(r, tt.who); key != tt.key || reason != tt.reason {
			t.Errorf("%q is %q (%s), want %q (%s)", tt.who, key, reason, tt.key, tt.reason)
		}
	}
	crowd := &Rotation{Engineers: make([]Engineer, maxTold+1)}
	if _, reason := Colleague(crowd, "zoe"); reason != `nobody in the rotation is called "zoe"` {
		t.Errorf("in a crowd: %s", reason)
	}
}
