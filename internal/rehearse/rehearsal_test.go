package rehearse

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/threads"
)

// monday is when most of these stories begin.
var monday = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// post makes the letter of a mail that came at a time: header lines, then the
// text.
func post(at time.Time, header, text string) Clocked {
	raw := strings.ReplaceAll(header, "; ", "\n") + "\nDate: " + at.Format(time.RFC1123Z) + "\n\n" + text + "\n"
	l := letter(Raw{File: "test", Data: []byte(raw)}, nil)
	return Clocked{l, at}
}

const toUs = "From: Jane <jane@customer.example>; To: support@acme.example; "

// brief is what matters of a decision.
func brief(d Decision) string {
	conv := "-"
	if d.Conversation != nil {
		conv = d.Conversation.String()
	}
	linked := ""
	if d.Linked != nil {
		linked = " after " + d.Linked.String()
	}
	owner, _, _ := strings.Cut(d.Owner, "@")
	return strings.TrimRight(fmt.Sprintf("%s%s %s %s %s %s", conv, linked, d.Action, d.Matched, d.Class, owner), " ")
}

func decided(t testing.TB, rules Rules, mails []Clocked) []string {
	t.Helper()
	r := New(rules)
	var list []string
	for _, m := range mails {
		d, err := r.Take(m)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, brief(d))
	}
	return list
}

func ourNames() *threads.Names {
	n := threads.NewNames("support@acme.example", "support+{token}@acme.example")
	return &n
}

func twoEngineers() *threads.Rotation {
	return &threads.Rotation{Engineers: []threads.Engineer{
		{Key: "alice@acme.example", Name: "Alice", Email: "alice@acme.example", Weight: 1},
		{Key: "bob@acme.example", Name: "Bob", Email: "bob@acme.example", Weight: 1},
	}}
}

func TestRehearsal(t *testing.T) {
	hour, day := time.Hour, 24*time.Hour
	for _, tt := range []struct {
		name  string
		rules Rules
		mails []Clocked
		want  []string
	}{
		{"a conversation, its reply and another", Rules{}, []Clocked{
			post(monday, toUs+"Subject: Printer; Message-ID: <1@c.example>", "It burns."),
			post(monday.Add(hour), "From: bob@other.example; To: support@acme.example; Subject: Scanner; Message-ID: <2@o.example>", "It smokes."),
			post(monday.Add(2*hour), toUs+"Subject: Re: Printer; Message-ID: <3@c.example>; In-Reply-To: <1@c.example>", "Still."),
		}, []string{"1 open new customer", "2 open new customer", "1 join in-reply-to customer"}},

		{"the same mail again", Rules{}, []Clocked{
			post(monday, toUs+"Subject: Printer; Message-ID: <1@c.example>", "It burns."),
			post(monday, "Received: from a by b; "+toUs+"Subject: Printer; Message-ID: <1@c.example>", "It burns."),
			post(monday, toUs+"Subject: Printer; Message-ID: <1@c.example>", "It smokes."),
		}, []string{"1 open new customer", "1 same", "2 open new customer"}},

		{"child before parent: the number people saw stays", Rules{}, []Clocked{
			post(monday, toUs+"Subject: Re: Printer; Message-ID: <3@c.example>; In-Reply-To: <2@c.example>; References: <1@c.example> <2@c.example>", "C"),
			post(monday, toUs+"Subject: Printer; Message-ID: <1@c.example>", "A"),
			post(monday, toUs+"Subject: Re: Printer; Message-ID: <2@c.example>; In-Reply-To: <1@c.example>", "B"),
		}, []string{"1 open new customer", "1 join ancestor customer", "1 join"}},

		{"old with another subject, old with the same", Rules{}, []Clocked{
			post(monday, toUs+"Subject: Printer; Message-ID: <1@c.example>", "It burns."),
			post(monday.Add(91*day), toUs+"Subject: Re: [External]  printer!; Message-ID: <2@c.example>; In-Reply-To: <1@c.example>", "Again."),
			post(monday.Add(182*day), toUs+"Subject: Scanner; Message-ID: <3@c.example>; In-Reply-To: <2@c.example>", "Other."),
			post(monday.Add(182*day), toUs+"Subject: Re: Scanner; Message-ID: <4@c.example>; In-Reply-To: <3@c.example>", "More."),
			post(monday.Add(200*day), toUs+"Subject: Copier; Message-ID: <5@c.example>; In-Reply-To: <4@c.example>", "Young yet."),
			post(monday.Add(201*day), toUs+"Subject: AW: scanner; Message-ID: <6@c.example>; In-Reply-To: <2@c.example>", "To the old one, once more."),
			post(monday.Add(202*day), toUs+"Subject: Toner; Message-ID: <7@c.example>; In-Reply-To: <2@c.example>", "A third matter."),
		}, []string{"1 open new customer", "1 join in-reply-to customer", "2 after 1 continue new customer", "2 join in-reply-to customer", "2 join in-reply-to customer",
			"2 join in-reply-to customer", "3 after 1 continue new customer"}},

		{"machines", Rules{Names: ourNames()}, []Clocked{
			post(monday, toUs+"Subject: Out of office; Message-ID: <1@c.example>; Auto-Submitted: auto-replied", "Away."),
			post(monday, toUs+"Subject: Disk full; Message-ID: <2@c.example>; Auto-Submitted: auto-generated", "99 %"),
			post(monday, toUs+"Subject: Re: Disk full; Message-ID: <3@c.example>; In-Reply-To: <2@c.example>; Auto-Submitted: auto-replied", "Away."),
			post(monday, "From: news@shop.example; To: all@shop.example; Subject: Sale; Message-ID: <4@s.example>; List-Id: <all.shop.example>", "Buy."),
			post(monday, "From: news@shop.example; To: all@shop.example; Subject: Sale; Message-ID: <5@s.example>; X-Spam-Flag: YES", "Buy!"),
		}, []string{"- unseen new auto_reply", "1 open new auto_generated", "1 record in-reply-to auto_reply", "- unseen new bulk", "- unseen new spam"}},

		{"a list's mail where nobody says whose the mailbox is", Rules{}, []Clocked{
			post(monday, "From: jane@customer.example; To: users@list.example; Subject: Antenna; Message-ID: <1@c.example>; List-Id: <users.list.example>", "Hum."),
			post(monday, "From: news@shop.example; Subject: Sale; Message-ID: <2@s.example>; List-Id: <all.shop.example>", "To nobody."),
		}, []string{"1 open new customer", "- unseen new bulk"}},

		{"a report about what somebody here wrote", Rules{Names: ourNames()}, []Clocked{
			post(monday, toUs+"Subject: Printer; Message-ID: <1@c.example>", "It burns."),
			post(monday, "From: Support <support@acme.example>; To: jane@customer.example; Subject: Re: Printer; Message-ID: <o@acme.example>; In-Reply-To: <1@c.example>", "Water."),
			{letter(Raw{Data: []byte(report)}, nil), monday},
			post(monday, "From: Support <support@acme.example>; To: x@customer.example; Subject: Offer; Message-ID: <p@acme.example>", "Hello."),
		}, []string{"1 open new customer", "1 answer in-reply-to own", "1 record references bounce", "- unseen new own"}},

		{"turns, and an engineer without a token", Rules{Names: ourNames(), Rotation: twoEngineers()}, []Clocked{
			post(monday, toUs+"Subject: Printer; Message-ID: <1@c.example>", "It burns."),
			post(monday, toUs+"Subject: Scanner; Message-ID: <2@c.example>", "It burns."),
			post(monday, toUs+"Subject: Copier; Message-ID: <3@c.example>", "It burns."),
			post(monday, toUs+"Subject: Re: Scanner; Message-ID: <4@c.example>; References: <2@c.example>", "Still."),
			post(monday, "From: bob@acme.example; To: support@acme.example; Subject: Re: Scanner; Message-ID: <5@acme.example>; References: <2@c.example>", "Water."),
			post(monday, "From: bob@acme.example; To: support@acme.example; Subject: My printer; Message-ID: <6@acme.example>", "It burns."),
			post(monday, "From: bob@acme.example; To: support@acme.example; Subject: Re: Unknown; Message-ID: <7@acme.example>; In-Reply-To: <unknown@c.example>", "Water."),
		}, []string{
			"1 open new customer alice", "2 open new customer bob", "3 open new customer alice", "2 join references customer bob",
			"2 hold references engineer bob", "4 open new customer bob", "- hold new engineer",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := decided(t, tt.rules, tt.mails)
			if !slices.EqualFunc(got, tt.want, strings.HasPrefix) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestRehearsalWaits: what comes while nobody is on duty is handed out when
// somebody comes on, the oldest first, and limits count for nothing.
func TestRehearsalWaits(t *testing.T) {
	rot := twoEngineers()
	rot.Policy = threads.Policy{Mode: threads.ModeOffer, FirstReplyWithin: time.Minute}
	for i := range rot.Engineers {
		rot.Engineers[i].MaxOpen = 1
		rot.Engineers[i].Hours = threads.NewHours("Mon 09:00-17:00", []threads.WeekSpan{{From: 9 * 60, Until: 17 * 60}})
	}
	evening := monday.Add(10 * time.Hour)
	r := New(Rules{Names: ourNames(), Rotation: rot})
	owners := func(at time.Time, n int) (list []string) {
		for i := range n {
			m := fmt.Sprintf(toUs+"Subject: Case %d; Message-ID: <%d@%d.example>", i, i, at.Unix())
			d, err := r.Take(post(at, m, "It burns."))
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, brief(d))
			if d.Owner == "" && !strings.Contains(d.Reason, "waits: nobody is on duty") {
				t.Errorf("reason %q", d.Reason)
			}
		}
		return list
	}
	if got, want := owners(evening, 3), []string{"1 open new customer", "2 open new customer", "3 open new customer"}; !slices.Equal(got, want) {
		t.Errorf("in the evening: %q", got)
	}
	next := monday.Add(7 * 24 * time.Hour)
	if got, want := owners(next, 2), []string{"4 open new customer bob", "5 open new customer alice"}; !slices.Equal(got, want) {
		t.Errorf("on the next Monday: %q", got)
	}
	for id, want := range map[threads.ID]string{1: "alice@acme.example", 2: "bob@acme.example", 3: "alice@acme.example"} {
		if got := r.convs[id].Owner; got != want {
			t.Errorf("conversation %d is with %q", id, got)
		}
	}
	if len(r.waiting) > 0 || !r.wake.IsZero() {
		t.Errorf("still waiting: %v, %v", r.waiting, r.wake)
	}
}

func TestDiff(t *testing.T) {
	there := twoEngineers()
	there.Engineers = there.Engineers[:1]
	d := NewDiff(Rules{Rotation: twoEngineers()}, Rules{Names: ourNames(), Rotation: there})
	var got []string
	for _, m := range []Clocked{
		post(monday, "From: jane@customer.example; To: users@list.example; Subject: Antenna; Message-ID: <1@c.example>; List-Id: <users.list.example>", "Hum."),
		post(monday, toUs+"Subject: Printer; Message-ID: <2@c.example>", "It burns."),
		post(monday, toUs+"Subject: Scanner; Message-ID: <3@c.example>", "It burns."),
		post(monday, toUs+"Subject: Re: Scanner; Message-ID: <4@c.example>; In-Reply-To: <3@c.example>", "It burns."),
	} {
		c, err := d.Take(m)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(brief(c.Decision), " / ", numberOf(c.Other.Conversation), " ", c.Other.Owner, " ", c.Changed))
	}
	want := []string{
		"1 open new customer alice / 0  [conversation class owner action]",
		"2 open new customer bob / 1 alice@acme.example [owner]",
		"3 open new customer alice / 2 alice@acme.example []",
		"3 join in-reply-to customer alice / 2 alice@acme.example []",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func numberOf(id *threads.ID) threads.ID {
	if id == nil {
		return 0
	}
	return *id
}

// FuzzRehearsal: whatever the mails are, each has one decision, conversations
// are numbered as they are opened, and the same mails have the same decisions.
func FuzzRehearsal(f *testing.F) {
	f.Add([]byte(sep + plain1 + "\n" + sep + report + "\n" + sep + ordinary))
	f.Add([]byte(sep + "Message-ID: <a>\nIn-Reply-To: <a>\nReferences: <a> <b>\n\n\n" + sep + "Message-ID: <b>\nReferences: <a>\nDate: Mon, 2 Mar 1026 10:00:00 +0000\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var runs [2][]string
		for i := range runs {
			r := New(Rules{Names: ourNames(), Rotation: twoEngineers()})
			last := threads.ID(0)
			for l := range Clock(fromBytes(data)) {
				d, err := r.Take(l)
				if err != nil {
					t.Fatal(err)
				}
				if n := numberOf(d.Conversation); n > last+1 {
					t.Fatalf("conversation %d after %d", n, last)
				} else {
					last = max(last, n)
				}
				if opened := d.Action == ActOpen || d.Action == ActContinue; opened != (opens(d) && d.Conversation != nil) {
					t.Fatalf("%s is %q, found by %q", brief(d), d.Action, d.Matched)
				}
				runs[i] = append(runs[i], brief(d))
			}
		}
		if !slices.Equal(runs[0], runs[1]) {
			t.Errorf("%q, then %q", runs[0], runs[1])
		}
	})
}

func fromBytes(data []byte) func(yield func(Letter) bool) {
	return func(yield func(Letter) bool) {
		for raw, err := range Mails([]string{Stdin}, bytes.NewReader(data)) {
			if !yield(letter(raw, err)) {
				return
			}
		}
	}
}
