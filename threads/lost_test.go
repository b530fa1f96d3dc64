package threads

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// lost is a mail of the lost time, as the mailbox shows what was done with it.
func lost(found ID, copies []LostCopy, answers ...LostAnswer) LostIn {
	return LostIn{Mail: from("jane@client.example"), Class: ClassCustomer, Found: Found{Conversation: found, Reason: ByNothing}, Copies: copies, Answers: answers}
}

// quietly fails when a step of the lost time sends what it only records.
func quietly(t *testing.T, res Result) {
	t.Helper()
	if len(effects[SendCopy](res))+len(effects[SendAnswer](res))+len(effects[TakeTurn](res)) != 0 {
		t.Errorf("something went out again: %+v", res.Effects)
	}
}

// TestLostMail: what was done in the lost time is recorded and not done again;
// what nobody is seen to have had is handed out.
func TestLostMail(t *testing.T) {
	answer := LostAnswer{Author: bobKey, MessageID: "<a@acme.example>", Subject: "Re: x", To: []Address{{Addr: "jane@client.example"}}}
	nobodys := answer
	nobodys.Author = ""
	for _, tt := range []struct {
		name   string
		in     LostIn
		owner  string
		events string
		open   bool // somebody waits for an answer
		out    bool // it is handed out
	}{
		{"nobody had it", lost(0, nil), aliceKey, "opened received assigned copied", true, true},
		{"she had a copy", lost(0, []LostCopy{{bobKey, "<c@acme.example>"}}), bobKey, "opened received assigned copied", true, false},
		{"two had copies: the last has it", lost(0, []LostCopy{{aliceKey, "<c@x>"}, {carolKey, "<d@x>"}}), carolKey, "opened received assigned copied copied", true, false},
		{"she answered it", lost(0, []LostCopy{{bobKey, "<c@x>"}}, answer), bobKey, "opened received assigned copied accepted", false, false},
		{"she answered it, and had it from a colleague", lost(0, []LostCopy{{aliceKey, "<c@x>"}}, answer), bobKey, "opened received assigned copied copied accepted", false, false},
		{"somebody answered it from the mailbox", lost(0, []LostCopy{{bobKey, "<c@x>"}}, nobodys), bobKey, "opened received assigned copied accepted", false, false},
		{"continued", lost(3, nil), aliceKey, "opened received assigned copied", true, true},
	} {
		r := &runner{t: t, c: Conversation{ID: 7}, w: testWorld()}
		res := r.step(tt.in)
		var kinds []string
		for _, e := range res.Events {
			kinds = append(kinds, e.Kind())
		}
		if got := strings.Join(kinds, " "); got != tt.events || r.c.Owner != tt.owner || r.c.Unanswered != tt.open || len(r.c.Pending) != 0 {
			t.Errorf("%s: %s, of %s, unanswered %t, pending %v\nwant %s, of %s, %t", tt.name, got, r.c.Owner, r.c.Unanswered, r.c.Pending, tt.events, tt.owner, tt.open)
		}
		if !tt.out {
			quietly(t, res)
			if len(effects[Seen](res)) != 1 || r.c.Desks[tt.owner].Newest != 2 {
				t.Errorf("%s: %+v, her desk %+v", tt.name, res.Effects, r.c.Desks[tt.owner])
			}
		} else if len(effects[SendCopy](res)) != 1 || len(effects[KeepRaw](res)) != 1 {
			t.Errorf("%s: not handed out: %+v", tt.name, res.Effects)
		}
		if got := len(effects[Answered](res)); (got == 1) == tt.open {
			t.Errorf("%s: %d mails marked as answered", tt.name, got)
		}
		if r.c.Linked != tt.in.Found.Conversation {
			t.Errorf("%s: linked to %d", tt.name, r.c.Linked)
		}
	}
}

// TestLostLater: mail of the lost time in a conversation there was before.
func TestLostLater(t *testing.T) {
	t.Run("it was closed, and somebody else wrote", func(t *testing.T) {
		r := started(t)
		r.step(AdminIn{By: "root", Verb: "close"})
		in := lost(7, []LostCopy{{bobKey, "<c@x>"}})
		in.Mail = from("joe@client.example")
		in.Found.Reason = ByInReplyTo
		res := r.step(in)
		if r.c.State != StateOpen || !r.c.Participant("joe@client.example") || len(bodies[Reopened](res)) != 1 {
			t.Errorf("%s, %+v", r.c.State, r.c.Participants)
		}
		if len(bodies[Assigned](res)) != 0 || r.c.Owner != aliceKey {
			t.Errorf("it went from its owner to %s", r.c.Owner)
		}
		quietly(t, res)
	})
	t.Run("it was asleep", func(t *testing.T) {
		r := started(t)
		r.reply(aliceKey, func(m *Mail, _ *MailIn) { m.Commands, m.AnswerEmpty = []Command{{"snooze", "2d"}}, true })
		res := r.step(lost(7, []LostCopy{{aliceKey, "<c@x>"}}))
		if woken := bodies[Woken](res); len(woken) != 1 || woken[0].Why != "jane@client.example wrote" || !r.c.Snoozed.IsZero() {
			t.Errorf("still asleep: %+v", res.Events)
		}
	})
	t.Run("it was spam", func(t *testing.T) {
		r := started(t)
		r.reply(aliceKey, func(m *Mail, _ *MailIn) { m.Commands, m.AnswerEmpty = []Command{{Word: "spam"}}, true })
		res := r.step(lost(7, nil))
		if list := bodies[Received](res); len(list) != 1 || !list[0].Silent || r.c.State != StateClosed || len(effects[SendCopy](res)) != 0 {
			t.Errorf("opened again: %+v", res.Events)
		}
	})
	t.Run("who had it has left since", func(t *testing.T) {
		r := started(t)
		r.w.Rotation.Engineers = r.w.Rotation.Engineers[1:]
		res := r.step(lost(7, []LostCopy{{aliceKey, "<c@x>"}}))
		if r.c.Owner == aliceKey || r.c.Owner == "" || len(effects[SendCopy](res)) == 0 {
			t.Errorf("it is %q's, who is there no longer", r.c.Owner)
		}
	})
	t.Run("an answer to what waits", func(t *testing.T) {
		r := &runner{t: t, c: Conversation{ID: 7}, w: testWorld()}
		away(r, 48*time.Hour, 0, 1, 2)
		r.customer(from("jane@client.example"))
		if !slices.Equal(r.c.Pending, []int{2}) {
			t.Fatalf("pending %v", r.c.Pending)
		}
		res := r.step(LostAnswersIn{Answers: []LostAnswer{{Author: carolKey, MessageID: "<a@x>", To: []Address{{Addr: "jane@client.example"}}}}})
		if len(r.c.Pending) != 0 || r.c.Owner != carolKey || r.c.Unanswered || len(effects[DropRaw](res)) != 1 || effects[Answered](res)[0].Of != 2 {
			t.Errorf("pending %v, of %s: %+v", r.c.Pending, r.c.Owner, res.Effects)
		}
		quietly(t, res)
	})
	t.Run("an answer that went to others too", func(t *testing.T) {
		r := started(t)
		m := from(aliceKey)
		m.Cc = []Address{{Addr: "jane@client.example"}}
		res := r.step(LostReplyIn{Author: aliceKey, Mail: m})
		if burnt := bodies[Burnt](res); len(burnt) != 1 || burnt[0].Engineer != aliceKey || burnt[0].Why != "her mail also went to jane@client.example" {
			t.Errorf("her token still counts: %+v", res.Events)
		}
	})
	t.Run("a note", func(t *testing.T) {
		r := started(t)
		res := r.step(LostNoteIn{Author: bobKey, MessageID: "<n@x>"})
		if noted := bodies[Noted](res); len(noted) != 1 || noted[0].Author != bobKey || len(effects[Notify](res)) != 0 {
			t.Errorf("%+v", res)
		}
	})
}

// TestEras: in a state that was put back names and ids are others, so that none
// is used twice.
func TestEras(t *testing.T) {
	if same := testMinter.In(""); same != testMinter {
		t.Error("the first era has a key of its own")
	}
	one, two := testMinter.In("2026"), testMinter.In("2027")
	ids := map[string]bool{}
	for _, m := range []Minter{testMinter, one, two} {
		ids[testNames.RootID(m, 7)] = true
		ids[testNames.TokenID(m, aliceKey, 7, 1)] = true
		ids[testNames.MailID(m, "7.1.0")] = true
	}
	if len(ids) != 9 {
		t.Errorf("%d ids of 9 differ", len(ids))
	}
	if again := testMinter.In("2026"); testNames.RootID(again, 7) != testNames.RootID(one, 7) {
		t.Error("an era does not have the same ids twice")
	}
	r := &runner{t: t, c: Conversation{ID: 7}, w: testWorld()}
	r.w.Era = "2026"
	res := r.customer(from("jane@client.example"))
	if out := effects[SendCopy](res)[0].OutID; out != "7.3.2.2026" {
		t.Errorf("the copy is called %q", out)
	}
	if got := HoldID(7, 4, "2026"); got != "7-4-2026" || heldAt(7, got) != 4 || heldAt(8, got) != 0 || heldAt(7, "odd") != 0 {
		t.Errorf("the hold is called %q", got)
	}
}

// TestForms: ids of ours are told from others by their form alone.
func TestForms(t *testing.T) {
	mail, root, token := testNames.MailID(testMinter, "7.1.0"), testNames.RootID(testMinter, 7), testNames.TokenID(testMinter, aliceKey, 7, 1)
	for _, tt := range []struct {
		id                   string
		mail, root, internal bool
	}{
		{mail, true, false, false}, {root, false, true, false}, {token, false, false, true}, {strings.ToUpper(mail), true, false, false},
		{"<m.short@acme.example>", false, false, false}, {"<" + mail[1:len(mail)-len("@acme.example>")] + "@other.example>", false, false, false},
		{"", false, false, false}, {"<1@client.example>", false, false, false},
	} {
		if testNames.MailForm(tt.id) != tt.mail || testNames.RootForm(tt.id) != tt.root || testNames.InternalID(tt.id) != tt.internal {
			t.Errorf("%q: mail %t, root %t, internal %t", tt.id, testNames.MailForm(tt.id), testNames.RootForm(tt.id), testNames.InternalID(tt.id))
		}
	}
	bare := NewNames("support@acme.example", "")
	if got := bare.Address("r123"); got != "support@acme.example" {
		t.Errorf("without a form of addresses one is %q", got)
	}
	if _, is := bare.Token("support+r123@acme.example"); is {
		t.Error("without a form of addresses one is read")
	}
}
