package gateway

import (
	"strings"
	"testing"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// TestOffer: everyone on duty gets the new conversation, with a token of her
// own, and the first who answers has it.
func TestOffer(t *testing.T) {
	r := newRig(t, nil)
	r.rotate(policy("mode = \"offer\"\noffer_for = \"15m\""))
	r.comes(r.wrote(jane, "Printer on fire", "It burns."))
	tokens := map[string]bool{}
	for _, who := range []string{alice, bob, carol} {
		cp := r.one(store.OutCopy, who)
		tokens[cp.header("Reply-To")] = true
		if !strings.Contains(cp.Mail.Text, "on offer to 3 of you until 23 Nov 2026 09:15") {
			t.Errorf("%s reads: %s", who, cp.Mail.Text)
		}
	}
	if c := r.conversation(1); len(tokens) != 3 || c.Owner != "" || c.Offer == nil || c.Waits {
		t.Fatalf("%d tokens, %+v", len(tokens), c)
	}
	b, c := r.one(store.OutCopy, bob), r.one(store.OutCopy, carol)
	r.gone()
	r.put("INBOX", r.reply(b, bob, "Use water."))
	r.put("INBOX", r.reply(c, carol, "Use sand."))
	r.think()
	if r.answers() != 1 || r.conversation(1).Owner != bob {
		t.Fatalf("owner %s%s", r.conversation(1).Owner, r.dump())
	}
	if h := r.holds(); len(h) != 1 || h[0].Why != threads.WhyStale || h[0].Engineer != carol {
		t.Errorf("held: %+v", h)
	}
	if n := slicesOf(r.queue(), store.OutNotice); len(n) != 1 || n[0].To != carol {
		t.Errorf("told:%s", r.dump())
	}
	r.gone()
	r.later(time.Hour)
	if len(r.queue()) != 0 || r.conversation(1).Owner != bob {
		t.Errorf("the end of the offer did something:%s", r.dump())
	}
}

// TestTwoTakesInOneSecond: one has it, the other is told, and may insist.
func TestTwoTakesInOneSecond(t *testing.T) {
	r := newRig(t, nil)
	r.rotate(policy("mode = \"offer\""))
	r.comes(r.wrote(jane, "Printer on fire", "It burns."))
	b, c := r.one(store.OutCopy, bob), r.one(store.OutCopy, carol)
	r.gone()
	r.put("INBOX", r.reply(c, carol, "/take"))
	r.put("INBOX", r.reply(b, bob, "/take"))
	r.think()
	if owner := r.conversation(1).Owner; owner != carol {
		t.Fatalf("owner: %s", owner)
	}
	if n := r.one(store.OutNotice, carol); !strings.Contains(words(n), "It is yours") {
		t.Errorf("carol reads: %s", words(n))
	}
	told := r.one(store.OutNotice, bob)
	if !strings.Contains(words(told), "Carol Diaz has it") {
		t.Errorf("bob reads: %s", words(told))
	}
	if len(r.to(store.OutNotice, alice)) != 0 {
		t.Error("alice was told, though she did nothing")
	}
	r.gone()
	r.comes(r.reply(told, bob, "/take"))
	if owner := r.conversation(1).Owner; owner != bob {
		t.Errorf("he insisted, and the owner is %s", owner)
	}
}

// TestTakeBack: who gave it away herself knows who has it, and has it back when
// she asks; once he gave it on, she is told that first.
func TestTakeBack(t *testing.T) {
	for name, further := range map[string]bool{"from whom she gave it": false, "from whom he gave it": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.rotate(policy("mode = \"offer\""))
			r.comes(r.wrote(jane, "Printer on fire", "It burns."))
			a, b := r.one(store.OutCopy, alice), r.one(store.OutCopy, bob)
			r.gone()
			r.comes(r.reply(a, alice, "/take"))
			r.comes(r.reply(a, alice, "/assign bob"))
			has := bob
			if further {
				r.comes(r.reply(b, bob, "/assign carol"))
				has = carol
			}
			if owner := r.conversation(1).Owner; owner != has {
				t.Fatalf("owner: %s%s", owner, r.dump())
			}
			r.gone()
			r.comes(r.reply(a, alice, "/take"))
			if !further {
				has = alice
			}
			if owner := r.conversation(1).Owner; owner != has {
				t.Errorf("she asked, and the owner is %s%s", owner, r.dump())
			}
		})
	}
}

// TestOfferEnds: what nobody takes is assigned by turn, over a restart.
func TestOfferEnds(t *testing.T) {
	r := newRig(t, nil)
	r.rotate(strings.Replace(policy("mode = \"offer\"\noffer_for = \"15m\""), "email = \"bob@acme.example\"", "email = \"bob@acme.example\"\ntopics = [\"tls\"]", 1) +
		"[[topic]]\nname = \"tls\"\nsubject = [\"tls\"]\n")
	r.comes(r.wrote(jane, "TLS fails", "It fails."))
	cp := r.one(store.OutCopy, bob)
	if n := len(slicesOf(r.queue(), store.OutCopy)); n != 1 {
		t.Fatalf("it was offered to %d, though bob alone owns the topic", n)
	}
	r.gone()
	r.restart()
	r.later(15 * time.Minute)
	if c := r.conversation(1); c.Owner != bob || c.Offer != nil {
		t.Fatalf("conversation: %+v", c)
	}
	n := r.one(store.OutNotice, bob)
	if !strings.Contains(words(n), "it is your turn") || !strings.Contains(n.Mail.Text, "It fails.") {
		t.Errorf("bob reads: %s", n.Mail.Text)
	}
	r.gone()
	r.comes(r.reply(n, bob, "Renew it."))
	if h := r.holds(); len(h) != 1 || r.answers() != 0 {
		t.Errorf("words of a notice went out, held %+v%s", h, r.dump())
	}
	r.comes(r.reply(cp, bob, "Renew it."))
	if a := r.one(store.OutAnswer, jane); a.Author != bob {
		t.Errorf("answer: %s", a.raw)
	} else {
		r.noPrivate(a, "your turn", "on offer", "/snooze")
	}
}

// TestReplyClock: reminded at half, handed on at the end, the admins after the
// second; restarts and clocks that jump neither lose nor hasten it.
func TestReplyClock(t *testing.T) {
	for name, disturb := range map[string]func(r *rig){
		"undisturbed":     func(*rig) {},
		"with restarts":   func(r *rig) { r.restart() },
		"clock set back":  func(r *rig) { r.think(); r.now = r.now.Add(-400 * 24 * time.Hour); r.restart() },
		"a year too late": func(r *rig) { r.now = r.now.Add(-364 * 24 * time.Hour); r.think() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.rotate(policy("first_reply_within = \"4h\""))
			r.gone()
			r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "It burns."))
			r.gone()
			disturb(r)
			r.later(2*time.Hour - time.Minute)
			if len(r.queue()) != 0 {
				t.Fatalf("too early:%s", r.dump())
			}
			r.later(time.Minute)
			if n := r.one(store.OutNotice, alice); !strings.Contains(words(n), "Jane Doe has waited for an answer") || len(r.queue()) != 1 {
				t.Fatalf("alice reads: %s%s", words(n), r.dump())
			}
			r.gone()
			disturb(r)
			r.later(2 * time.Hour)
			cp := r.one(store.OutCopy, bob)
			if c := r.conversation(1); c.Owner != bob || c.Overdue != 1 || !strings.Contains(cp.Mail.Text, "It burns.") {
				t.Fatalf("conversation: %+v%s", c, r.dump())
			}
			r.gone()
			disturb(r)
			r.later(2 * time.Hour)
			r.one(store.OutNotice, bob)
			r.gone()
			disturb(r)
			r.later(2 * time.Hour)
			if n := r.one(store.OutNotice, ops); !strings.Contains(words(n), "no answer within 4h") || r.conversation(1).Owner != bob {
				t.Fatalf("the admins read: %s%s", words(n), r.dump())
			}
			r.gone()
			r.later(1000 * time.Hour)
			if len(r.queue()) != 0 {
				t.Errorf("it goes on:%s", r.dump())
			}
		})
	}
}

// TestClockSetForward: one step for each conversation and no storm; nobody's
// second half is lost.
func TestClockSetForward(t *testing.T) {
	r := newRig(t, nil)
	r.rotate(policy("first_reply_within = \"4h\""))
	r.gone()
	for range 30 {
		r.comes(r.wrote(jane, "Printer on fire", "It burns."))
	}
	r.gone()
	r.later(365 * 24 * time.Hour)
	if n := slicesOf(r.queue(), store.OutNotice); len(n) != 30 || len(r.queue()) != 30 {
		t.Fatalf("%d notices%s", len(n), r.dump())
	}
	r.gone()
	r.later(-365*24*time.Hour + time.Hour)
	if len(r.queue()) != 0 {
		t.Errorf("set back, it went on:%s", r.dump())
	}
	r.later(2 * time.Hour)
	if n := slicesOf(r.queue(), store.OutCopy); len(n) != 30 {
		t.Errorf("%d were handed on, want each once", len(n))
	}
}

// TestAnswerStopsTheClock, and the next mail starts it with the other limit.
func TestAnswerStopsTheClock(t *testing.T) {
	r := newRig(t, nil)
	r.rotate(policy("first_reply_within = \"4h\"\nnext_reply_within = \"1h\""))
	r.comes(r.wrote(jane, "Printer on fire", "It burns."))
	cp := r.one(store.OutCopy, alice)
	r.comes(r.reply(cp, alice, "Use water."))
	a := r.one(store.OutAnswer, jane)
	r.gone()
	r.later(100 * time.Hour)
	if len(r.queue()) != 0 {
		t.Fatalf("an answered conversation is reminded of:%s", r.dump())
	}
	r.comes(r.wrote(jane, "Re: Printer on fire", "It still burns.", "In-Reply-To: "+a.MessageID))
	r.gone()
	r.later(30 * time.Minute)
	r.one(store.OutNotice, alice)
}

// TestSnooze: the clock stands still, the customer's mail wakes it, and at its
// end the owner is told, over a restart.
func TestSnooze(t *testing.T) {
	r := newRig(t, nil)
	r.rotate(policy("first_reply_within = \"1h\"\nnext_reply_within = \"1h\""))
	r.comes(r.wrote(jane, "Printer on fire", "It burns."))
	cp := r.one(store.OutCopy, alice)
	r.gone()
	r.comes(r.reply(cp, alice, "/snooze 2d"))
	if n := r.one(store.OutNotice, alice); !strings.Contains(words(n), "laid aside until 25 Nov 2026 09:00") {
		t.Errorf("she reads: %s", words(n))
	}
	r.gone()
	r.restart()
	r.later(47 * time.Hour)
	if len(r.queue()) != 0 {
		t.Fatalf("it did not sleep:%s", r.dump())
	}
	r.later(time.Hour)
	if n := r.one(store.OutNotice, alice); !strings.Contains(words(n), "laid aside for is over") {
		t.Errorf("she reads: %s", words(n))
	}
	r.gone()
	r.later(30 * time.Minute)
	r.one(store.OutNotice, alice) // the clock runs again
	r.gone()
	r.comes(r.reply(cp, alice, "Use water."))
	r.comes(r.reply(cp, alice, "/snooze 1w"))
	r.gone()
	r.comes(r.wrote(jane, "Re: Printer on fire", "It still burns.", "In-Reply-To: <m1@client.example>"))
	if c := r.conversation(1); !c.Snoozed.IsZero() || len(r.to(store.OutCopy, alice)) != 1 {
		t.Errorf("conversation: %+v%s", c, r.dump())
	}
	for _, bad := range []string{"/snooze", "/snooze soon", "/snooze 2020-01-01", "/snooze 9w 9w 9w 9w 9w 9w 9w 9w"} {
		held := len(r.holds())
		r.comes(r.reply(cp, alice, bad))
		if len(r.holds()) != held+1 {
			t.Errorf("%s was not held", bad)
		}
	}
}
