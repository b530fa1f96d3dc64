package threads

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDeliveries: what became of a mail, and who is told how.
func TestDeliveries(t *testing.T) {
	failed := func(in DeliveryIn) DeliveryIn {
		in.State, in.Recipient = "failed", "jane@client.example"
		return in
	}
	twentyTwo := make([]Undelivered, 22)
	for i := range twentyTwo {
		twentyTwo[i] = Undelivered{Recipient: fmt.Sprintf("p%d@client.example", i)}
	}
	for _, tt := range []struct {
		name   string
		in     DeliveryIn
		before func(*runner)
		kind   NoticeKind // of the notice; "" for none
		to     string
		words  string
	}{
		{"taken", DeliveryIn{Answer: true, Author: aliceKey, State: "sent"}, nil, "", "", ""},
		{"late", DeliveryIn{Answer: true, Author: aliceKey, Recipient: "jane@client.example", State: DeliveryLate, Reply: "421 busy"}, nil,
			NoticeLate, aliceKey, "the mail to jane@client.example has not been delivered yet: 421 busy"},
		{"late, of nobody's", DeliveryIn{Answer: true, Author: "gone@acme.example", Recipient: "jane@client.example", State: DeliveryLate}, nil,
			NoticeLate, "", "the mail to jane@client.example has not been delivered yet"},
		{"failed", failed(DeliveryIn{Answer: true, Author: aliceKey, Reply: "550 no"}), nil, NoticeFailed, aliceKey, "the mail to jane@client.example could not be delivered: 550 no"},
		{"failed, for several", failed(DeliveryIn{Answer: true, Author: aliceKey, Also: []Undelivered{{"x@y", "550 not here"}, {"z@y", ""}}}), nil,
			NoticeFailed, aliceKey, "the mail to jane@client.example could not be delivered; nor to x@y: 550 not here; nor to z@y"},
		{"failed, for a crowd", failed(DeliveryIn{Answer: true, Author: aliceKey, Also: twentyTwo}), nil, NoticeFailed, aliceKey, "nor to p19@client.example; nor to 2 more"},
		{"failed, and told already", failed(DeliveryIn{Answer: true, Author: aliceKey, Quiet: true}), nil, "", "", ""},
		{"a report of a delay", DeliveryIn{Answer: true, Author: aliceKey, Bounce: &BounceRecipient{Address: "jane@client.example", Action: "delayed"}}, nil, "", "", ""},
		{"a report of failure", DeliveryIn{Answer: true, Author: aliceKey, Bounce: &BounceRecipient{Address: "jane@client.example", Action: "failed", Status: "5.1.1"}}, nil,
			NoticeFailed, aliceKey, "the mail to jane@client.example could not be delivered: 5.1.1"},
		{"a copy of a closed conversation", failed(DeliveryIn{Engineer: aliceKey}), func(r *runner) { r.step(AdminIn{By: "root", Verb: "close"}) }, "", "", ""},
		{"a copy to who has it no longer", failed(DeliveryIn{Engineer: bobKey}), nil, "", "", ""},
	} {
		r := started(t)
		if tt.before != nil {
			tt.before(r)
		}
		res := r.step(tt.in)
		list := effects[Notify](res)
		if tt.kind == "" {
			if len(list) != 0 || len(effects[SendCopy](res)) != 0 {
				t.Errorf("%s: %+v", tt.name, res.Effects)
			}
			continue
		}
		if len(list) != 1 || list[0].Kind != tt.kind || list[0].Engineer != tt.to || !strings.HasSuffix(list[0].Reason, tt.words) {
			t.Errorf("%s: %+v\nwant %s to %q: %s", tt.name, list, tt.kind, tt.to, tt.words)
		}
	}
}

// TestUnwelcomeCopy: a mail that her server does not want as it is comes to
// her as its text, once; then somebody else gets it.
func TestUnwelcomeCopy(t *testing.T) {
	r := started(t)
	of := r.c.newest()
	fails := DeliveryIn{Engineer: aliceKey, State: "failed", Status: "5.7.1", Reply: "554 spam", Of: of}
	res := r.step(fails)
	copies := effects[SendCopy](res)
	if len(copies) != 1 || copies[0].Engineer != aliceKey || copies[0].Stub == "" || r.c.Owner != aliceKey {
		t.Fatalf("the first time: %+v", res.Effects)
	}
	if c := bodies[Copied](res); len(c) != 1 || !c[0].Stub {
		t.Errorf("recorded as %+v", c)
	}
	res = r.step(fails)
	if copies := effects[SendCopy](res); len(copies) != 1 || copies[0].Engineer == aliceKey || r.c.Owner == aliceKey {
		t.Errorf("the second time: %+v", res.Effects)
	}
	dead := started(t)
	dead.w.Absent = Absences{aliceKey: {Cause: CauseDead}}
	dead.w.Leave = dead.w.Absent.Leave()
	res = dead.step(DeliveryIn{Engineer: aliceKey, State: "failed", Status: "5.1.1", Of: of})
	if a := bodies[Assigned](res); len(a) != 1 || a[0].How != HowHanded || !strings.HasPrefix(a[0].Why, "mail to Alice Ng comes back; ") {
		t.Errorf("from a dead address: %+v", a)
	}
}

// TestWithdrawnOffer: whom its mail does not reach is on offer no longer; when
// nobody is left, it is given to whose turn it is.
func TestWithdrawnOffer(t *testing.T) {
	start := func(change func(*World)) *runner {
		r := &runner{t: t, c: Conversation{ID: 7}, w: teamWorld()}
		if change != nil {
			change(&r.w)
		}
		m := from("jane@client.example")
		m.Subject, m.SubjectBase = "Invoice", "Invoice"
		r.customer(m)
		if r.c.Offer == nil {
			t.Fatal("it is not on offer")
		}
		return r
	}
	fails := func(who string) DeliveryIn {
		return DeliveryIn{Engineer: who, State: "failed", Recipient: who, Reply: "550 no"}
	}
	r := start(nil)
	res := r.step(fails(bobKey))
	if offered := bodies[Offered](res); len(offered) != 1 || !slices.Equal(offered[0].To, []string{carolKey}) || offered[0].Why != "mail to Bob Stone fails" {
		t.Errorf("left on offer: %+v", offered)
	}
	until := r.c.Offer.Until
	if !until.Equal(monday.Add(15 * time.Minute)) {
		t.Errorf("on offer until %s", until)
	}
	res = r.step(fails(carolKey))
	if a := bodies[Assigned](res); r.c.Offer != nil || len(a) != 1 || a[0].Engineer == carolKey || !strings.Contains(a[0].Why, "mail to those it was on offer to fails") {
		t.Errorf("with nobody left: %+v, owner %s", a, r.c.Owner)
	}
	alone := start(func(w *World) {
		w.Rotation.Engineers[0].Away = []Span{{monday, monday.Add(48 * time.Hour)}}
		w.Rotation.Engineers[1].Away = w.Rotation.Engineers[0].Away
	})
	res = alone.step(fails(carolKey))
	if n := effects[Notify](res); len(n) != 1 || n[0].Kind != NoticeUnsent || n[0].Reason != "the mail to carol@acme.example could not be delivered: 550 no" || !alone.c.Waits {
		t.Errorf("with nobody at all: %+v, waits %t", n, alone.c.Waits)
	}
	if w := effects[WaitUntil](res); len(w) != 1 || !w[0].At.Equal(monday.Add(48*time.Hour)) {
		t.Errorf("looked at again: %+v", w)
	}
	// An offer that ends when it is over already changes nothing.
	if res := r.step(DueIn{Kind: TimerOffer}); len(res.Events) != 0 {
		t.Errorf("the end of an offer there is no more: %+v", res.Events)
	}
}

// TestUncertain: an answer that may have gone out is its author's to decide.
func TestUncertain(t *testing.T) {
	for _, tt := range []struct {
		again bool
		how   string
	}{{true, "sent again"}, {false, "discarded"}} {
		r := started(t)
		r.reply(aliceKey, nil)
		res := r.step(UncertainIn{OutID: "7.5.0", Author: aliceKey, Recipient: "jane@client.example", Of: r.c.N})
		held, keep, notices := bodies[HeldBack](res), effects[Keep](res), effects[Notify](res)
		if len(held) != 1 || held[0].Kind != WhyUncertain || !strings.HasSuffix(held[0].Reason, "may not have reached jane@client.example") {
			t.Fatalf("held: %+v", held)
		}
		if len(keep) != 1 || keep[0].OutID != "7.5.0" || !keep[0].Proven || len(notices) != 1 || notices[0].Engineer != aliceKey || notices[0].Hold != held[0].Hold {
			t.Errorf("kept: %+v, told: %+v", keep, notices)
		}
		res = r.step(DiscardIn{Hold: held[0].Hold, By: aliceKey, Again: tt.again})
		if s := bodies[Settled](res); len(s) != 1 || s[0].How != tt.how || len(effects[Release](res)) != 1 || len(r.c.Holds) != 0 {
			t.Errorf("settled: %+v", s)
		}
		if res := r.step(DiscardIn{Hold: held[0].Hold, By: aliceKey}); len(res.Events) != 0 {
			t.Errorf("settled twice: %+v", res.Events)
		}
	}
}

// TestReleasedTooLate: a colleague was quicker than who lets a held answer go:
// it is held anew, under another name.
func TestReleasedTooLate(t *testing.T) {
	r := started(t)
	res := r.reply(aliceKey, func(_ *Mail, in *MailIn) {
		in.Authority = Authority{Engineer: aliceKey, Doubt: WhyUnproven, Reason: "x"}
	})
	hold := bodies[HeldBack](res)[0].Hold
	r.reply(bobKey, nil)
	res = r.step(ReleaseIn{Hold: hold, By: aliceKey, Author: aliceKey, Mail: from(aliceKey), Draft: &Draft{}})
	again := effects[Rehold](res)
	if len(effects[SendAnswer](res)) != 0 || len(again) != 1 || again[0].Old != hold || again[0].New == hold || again[0].Why != WhyStale {
		t.Fatalf("%+v", res.Effects)
	}
	if s := bodies[Settled](res); len(s) != 1 || s[0].How != "held anew" || !slices.Equal(r.c.Holds, []string{again[0].New}) {
		t.Errorf("settled %+v, held %v", s, r.c.Holds)
	}
	if n := effects[Notify](res); len(n) != 1 || n[0].Hold != again[0].New || !strings.Contains(n[0].Reason, "Bob Stone") {
		t.Errorf("told: %+v", n)
	}
	res = r.step(ReleaseIn{Hold: again[0].New, By: aliceKey, Author: aliceKey, Mail: from(aliceKey), Draft: &Draft{}})
	if len(effects[SendAnswer](res)) != 1 {
		t.Errorf("let go once more: %+v", res.Effects)
	}
	if res := r.step(ReleaseIn{Hold: hold, By: aliceKey, Author: aliceKey, Mail: from(aliceKey)}); len(res.Events) != 0 {
		t.Errorf("the old name still does something: %+v", res.Events)
	}
}

// TestAdminAsks: what an admin may ask of a conversation, and words for what
// cannot be.
func TestAdminAsks(t *testing.T) {
	r := started(t)
	for _, tt := range []struct {
		in   AdminIn
		want string
	}{
		{AdminIn{By: "root", Verb: "assign", Engineer: "zoe"}, `assigning conversation 7: nobody in the rotation is called "zoe"`},
		{AdminIn{By: "root", Verb: "originals", Engineer: "zoe"}, `sending the originals of conversation 7: nobody in the rotation is called "zoe"; there are Alice Ng, Bob Stone, Carol Diaz, and no admin's address is "zoe"`},
		{AdminIn{By: "root", Verb: "burn"}, `conversation 7: "burn" is not known`},
	} {
		c, res, err := Step(r.c, tt.in, r.w)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || len(res.Events) != 0 || c.N != r.c.N {
			t.Errorf("%+v: %v", tt.in, err)
		}
	}
	if _, _, err := Step(r.c, nil, r.w); err == nil || !strings.Contains(err.Error(), "unknown input <nil>") {
		t.Errorf("no input: %v", err)
	}
	merged := r.c
	merged.Into = 9
	if _, _, err := Step(merged, AdminIn{By: "root", Verb: "close"}, r.w); err == nil || err.Error() != "conversation 7 is part of conversation 9 now" {
		t.Errorf("one that was merged: %v", err)
	}
	for who, key := range map[string]string{"OPS@acme.example": "ops@acme.example", "bob": bobKey} {
		res := r.step(AdminIn{By: "root", Verb: "originals", Engineer: who})
		fetch := effects[FetchOriginals](res)
		if len(fetch) != 1 || fetch[0].For != key || fetch[0].Event != r.c.N || fetch[0].OutID != fmt.Sprintf("7.%d.o", r.c.N) || r.c.Owner != aliceKey {
			t.Errorf("for %s: %+v", who, fetch)
		}
	}
	r.reply(aliceKey, func(m *Mail, _ *MailIn) { m.Commands, m.AnswerEmpty = []Command{{Word: "originals"}}, true })
	if asked, ok := lastOf[OriginalsAsked](r); !ok || asked.By != aliceKey || asked.For != aliceKey {
		t.Errorf("asked by mail: %+v", asked)
	}
	res := r.step(AdminNoteIn{By: "root"})
	if n := effects[Notify](res); len(n) != 1 || n[0].Kind != NoticeNote || n[0].Engineer != aliceKey || n[0].Reason != "root" || n[0].Event != r.c.N {
		t.Errorf("a note of an admin's: %+v", n)
	}
}

// lastOf is the last event the runner saw of a kind.
func lastOf[T EventBody](r *runner) (last T, ok bool) {
	for _, e := range r.all {
		if b, is := e.Body.(T); is {
			last, ok = b, true
		}
	}
	return last, ok
}

// TestByHand: an answer from the shared mailbox itself is on the record, and
// what waits for an engineer goes on waiting.
func TestByHand(t *testing.T) {
	r := &runner{t: t, c: Conversation{ID: 7}, w: testWorld()}
	away(r, 48*time.Hour, 0, 1, 2)
	r.customer(from("jane@client.example"))
	res := r.step(ByHandIn{Mail: &Mail{MessageID: "<h@acme.example>", To: []Address{{Addr: "jane@client.example"}}, Subject: "Re: x"}})
	if a := bodies[Accepted](res); len(a) != 1 || a[0].Author != "" || a[0].Answers != 2 || a[0].MessageID != "<h@acme.example>" {
		t.Errorf("%+v", res.Events)
	}
	if !slices.Equal(r.c.Pending, []int{2}) || r.c.Owner != "" || len(effects[DropRaw](res)) != 0 {
		t.Errorf("pending %v, of %q", r.c.Pending, r.c.Owner)
	}
}
