package gateway

import (
	"strings"
	"testing"

	"postroom/internal/store"
	"postroom/threads"
)

const onOffer = twoEngineers + "[policy]\nmode = \"offer\"\n"

// both have a copy of the same mail.
func both(t *testing.T, change func(*Config)) (r *rig, hers, his sent) {
	t.Helper()
	r = newRig(t, change)
	r.rotate(onOffer)
	r.gone()
	r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "It burns."))
	hers, his = r.one(store.OutCopy, alice), r.one(store.OutCopy, bob)
	r.gone()
	return r, hers, his
}

// TestColleagueWasQuicker: the second answer is held and comes back with the
// first; /send lets it go, /note keeps it inside, /discard drops it.
func TestColleagueWasQuicker(t *testing.T) {
	for what, answers := range map[string]int{"/send": 1, "/note": 0, "/discard": 0} {
		r, hers, his := both(t, nil)
		r.comes(r.reply(hers, alice, "Use water."))
		r.comes(r.reply(his, bob, "Use sand."))
		if r.answers() != 1 || len(r.holds()) != 1 || r.holds()[0].Why != threads.WhyStale {
			t.Fatalf("held %+v%s", r.holds(), r.dump())
		}
		n := r.one(store.OutNotice, bob)
		for _, want := range []string{"Alice Ng has answered meanwhile", "Use water.", "Use sand.", "to Jane Doe <jane@client.example>", "/send", "/note", "/discard"} {
			if !strings.Contains(strings.Join(strings.Fields(n.Mail.Text), " "), want) {
				t.Errorf("the notice does not say %q: %s", want, n.Mail.Text)
			}
		}
		r.gone()
		r.comes(r.reply(n, bob, what))
		if r.answers() != answers || len(r.holds()) != 0 {
			t.Errorf("%s: held %+v%s", what, r.holds(), r.dump())
		}
		if notes := r.to(store.OutNotice, alice); len(notes) == 1 != (what == "/note") {
			t.Errorf("%s: alice is told%s", what, r.dump())
		}
		if what == "/note" {
			r.noteSays(r.one(store.OutNotice, alice), "Use sand.")
		}
	}
}

func (r *rig) noteSays(n sent, text string) {
	r.t.Helper()
	if !strings.HasPrefix(n.OutMail.Subject, "Note by ") || !strings.Contains(n.Mail.Text, text) {
		r.t.Errorf("note: %s\n%s", n.OutMail.Subject, n.Mail.Text)
	}
	if strings.Contains(n.raw, "support+h") || strings.Count(n.raw, "support+r") > 1 {
		r.t.Errorf("the note shows a token of its author: %s", n.raw)
	}
}

// TestNewsHoldsAnswers: a note and a hand-over are news, what she did herself
// is none, and one's own note does not hide a colleague's.
func TestNewsHoldsAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		before []string // of bob, then of alice for those with a leading "A"
		stale  string
	}{
		"nothing":              {nil, ""},
		"his note":             {[]string{"/note\n\nThey never pay."}, "Bob Stone has written a note"},
		"he took it":           {[]string{"/take"}, "it was handed to Bob Stone"},
		"her own note":         {[]string{"A/note\n\nI know them."}, ""},
		"his note, then hers":  {[]string{"/note\n\nThey never pay.", "A/note\n\nI know them."}, "Bob Stone has written a note"},
		"he tagged it":         {[]string{"/tag slow"}, ""},
		"she took it back, he": {[]string{"A/take", "/note\n\nWait."}, "Bob Stone has written a note"},
	} {
		t.Run(name, func(t *testing.T) {
			r, hers, his := both(t, nil)
			for _, text := range tt.before {
				if own, ok := strings.CutPrefix(text, "A"); ok {
					r.comes(r.reply(hers, alice, own))
				} else {
					r.comes(r.reply(his, bob, text))
				}
			}
			r.gone()
			r.comes(r.reply(hers, alice, "Use water."))
			if tt.stale == "" {
				if r.answers() != 1 {
					t.Fatalf("held %+v%s", r.holds(), r.dump())
				}
				return
			}
			n := r.one(store.OutNotice, alice)
			if r.answers() != 0 || !strings.Contains(strings.Join(strings.Fields(n.Mail.Text), " "), tt.stale+" meanwhile") {
				t.Errorf("%s%s", n.Mail.Text, r.dump())
			}
		})
	}
}

// TestHeldAnew: what happened since the notice holds the mail once more under
// another name, and the links of the old notice do nothing any more.
func TestHeldAnew(t *testing.T) {
	r, hers, his := both(t, nil)
	r.comes(r.reply(hers, alice, "/clsoe\n\nUse water."))
	first := r.one(store.OutNotice, alice)
	r.gone()
	r.comes(r.reply(his, bob, "Use sand."))
	r.gone()
	r.comes(r.reply(first, alice, "/send"))
	if r.answers() != 0 || len(r.holds()) != 1 {
		t.Fatalf("two answers, unseen by each other; held %+v%s", r.holds(), r.dump())
	}
	second := r.one(store.OutNotice, alice)
	if !strings.Contains(second.Mail.Text, "Use sand.") {
		t.Errorf("she is not told what happened: %s", second.Mail.Text)
	}
	r.gone()
	r.comes(r.reply(first, alice, "/send"))
	if r.answers() != 0 {
		t.Fatal("the old link still works")
	}
	if n := r.one(store.OutNotice, alice); !strings.Contains(n.Mail.Text, "not held any more") {
		t.Errorf("she is told %s", n.Mail.Text)
	}
	r.gone()
	r.comes(r.reply(second, alice, "/send"))
	if r.answers() != 1 || len(r.holds()) != 0 {
		t.Errorf("held %+v%s", r.holds(), r.dump())
	}
}

// TestSecondCopyIsNoExcuse: an engineer who is sent a newer copy has still not
// seen it when her answer names the older one.
func TestSecondCopyIsNoExcuse(t *testing.T) {
	r, hers, his := both(t, nil)
	r.comes(r.reply(his, bob, "/assign alice\n\nUse sand."))
	r.one(store.OutCopy, alice)
	r.gone()
	r.comes(r.reply(hers, alice, "Use water."))
	if r.answers() != 0 || len(r.holds()) != 1 {
		t.Errorf("held %+v%s", r.holds(), r.dump())
	}
}

// TestCustomerWroteAgain: then it goes out, and its author is told, unless the
// configuration says otherwise.
func TestCustomerWroteAgain(t *testing.T) {
	for stale, held := range map[threads.Stale]bool{threads.StaleColleague: false, "": false, threads.StaleNone: false, threads.StaleAny: true} {
		r, cp := waiting(t, func(c *Config) { c.Stale = stale })
		r.comes(r.wrote(jane, "Re: Printer on fire", "And smokes.", "In-Reply-To: <m1@client.example>"))
		r.gone()
		r.comes(r.reply(cp, alice, "Use water."))
		n := r.one(store.OutNotice, alice)
		if (r.answers() == 0) != held || held != strings.HasPrefix(n.OutMail.Subject, "Not sent yet") {
			t.Errorf("%q: %s%s", stale, n.OutMail.Subject, r.dump())
		}
		if held && !strings.Contains(n.Mail.Text, "And smokes.") {
			t.Errorf("the new mail is not told: %s", n.Mail.Text)
		}
	}
}

// TestSendWithoutANotice releases the only held mail, and lists them where
// there are more.
func TestSendWithoutANotice(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, alice, "/clsoe\n\nUse water."))
	r.gone()
	r.comes(r.reply(cp, alice, "/send"))
	if r.answers() != 1 || len(r.holds()) != 0 {
		t.Fatalf("held %+v%s", r.holds(), r.dump())
	}
	r.gone()
	r.comes(r.reply(cp, alice, "/clsoe\n\nUse sand."))
	r.comes(r.reply(cp, alice, "/clsoe\n\nUse foam."))
	r.gone()
	told := r.orders(cp, alice, "/send")
	if len(r.holds()) != 2 || !strings.HasPrefix(told, "Which one?") {
		t.Fatalf("told %s, held %+v", told, r.holds())
	}
	sand, foam := strings.Index(told, "Use sand."), strings.Index(told, "Use foam.")
	if sand < 0 || foam < 0 || strings.Count(told, "body=%2Fsend") != 2 || strings.Count(told, "body=%2Fdiscard") != 2 {
		t.Errorf("not each is listed with links: %s", told)
	}
}
