package gateway

import (
	"slices"
	"strings"
	"testing"

	"postroom/internal/store"
	"postroom/threads"
)

// waiting is a conversation whose copy alice has.
func waiting(t *testing.T, change func(*Config)) (*rig, sent) {
	t.Helper()
	r := newRig(t, change)
	r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "It burns."))
	cp := r.one(store.OutCopy, alice)
	r.gone()
	return r, cp
}

func (r *rig) answers() int { return len(slicesOf(r.queue(), store.OutAnswer)) }

func plain(c *Config) { c.ReplyTemplate = "" }

func TestHeldMailIsReleasedOnce(t *testing.T) {
	for name, change := range map[string]func(*Config){"with addresses of our own": nil, "without": plain} {
		t.Run(name, func(t *testing.T) {
			r, cp := waiting(t, change)
			r.comes(r.reply(cp, alice, "/clsoe\n\nUse water."))
			if r.answers() != 0 || len(r.holds()) != 1 {
				t.Fatalf("held: %+v%s", r.holds(), r.dump())
			}
			n := r.one(store.OutNotice, alice)
			if linked := strings.Contains(n.raw, "mailto:"); linked != (change == nil) {
				t.Errorf("links where they cannot work, or none: %s", n.raw)
			}
			r.gone()
			o := r.outcome(r.comes(r.reply(n, alice, "/send")))
			if o.Kind != store.OutcomeCommand || r.answers() != 1 || len(r.holds()) != 0 {
				t.Fatalf("outcome %+v, held %+v%s", o, r.holds(), r.dump())
			}
			a := r.one(store.OutAnswer, jane)
			r.noPrivate(a, "clsoe", "kept back")
			if !strings.Contains(a.Mail.Text, "Use water.") {
				t.Errorf("answer: %s", a.raw)
			}
			r.gone()
			r.comes(r.reply(n, alice, "/send"))
			if r.answers() != 0 {
				t.Error("it was sent twice")
			}
		})
	}
}

// TestReplyToTheNoticeIsNoAnswer: what is said about a held mail, with our own
// words quoted below, never goes to the customer.
func TestReplyToTheNoticeIsNoAnswer(t *testing.T) {
	for name, text := range map[string]string{
		"a question":             "Why was this kept back?",
		"a command and a remark": "/send\n\nThanks, robot.",
		"both commands":          "/send\n/discard",
	} {
		t.Run(name, func(t *testing.T) {
			r, cp := waiting(t, nil)
			r.comes(r.reply(cp, alice, "/clsoe\n\nUse water."))
			n := r.one(store.OutNotice, alice)
			r.gone()
			r.comes(r.reply(n, alice, text))
			if r.answers() != 0 {
				t.Fatalf("it went out:%s", r.dump())
			}
			if len(r.holds()) != 2 {
				t.Errorf("held: %+v", r.holds())
			}
			if n := r.to(store.OutNotice, alice); len(n) != 1 {
				t.Errorf("she is not told:%s", r.dump())
			}
		})
	}
}

// TestParentInReferencesAlone: some clients write no In-Reply-To, and an id that
// a relay changed is not known here. What answers a notice of ours or a note is
// no answer then, either.
func TestParentInReferencesAlone(t *testing.T) {
	fields := map[string]func(n sent) []string{
		"References alone": func(n sent) []string { return []string{"In-Reply-To:"} },
		"another id": func(n sent) []string {
			return []string{"In-Reply-To: <0102019a@relay.example>", "References: " + n.header("References") + " <0102019a@relay.example>"}
		},
	}
	for name, fields := range fields {
		t.Run(name+", to a notice", func(t *testing.T) {
			r, cp := waiting(t, nil)
			r.comes(r.reply(cp, alice, "/status"))
			n := r.one(store.OutNotice, alice)
			r.gone()
			r.comes(r.reply(n, alice, "Thanks, robot.", fields(n)...))
			if h := r.holds(); r.answers() != 0 || len(h) != 1 || h[0].Why != threads.WhyMisled {
				t.Errorf("held %+v%s", h, r.dump())
			}
		})
		t.Run(name+", to a note", func(t *testing.T) {
			r, cp := waiting(t, nil)
			r.comes(r.reply(cp, alice, "/assign bob"))
			r.gone()
			r.comes(r.reply(cp, alice, "/note\n\nThey never pay."))
			n := r.to(store.OutNotice, bob)[0]
			r.gone()
			r.comes(r.reply(n, bob, "What a pest.", fields(n)...))
			kinds := r.events(1)
			if r.answers() != 0 || len(r.holds()) == 0 && kinds[len(kinds)-1] != "noted" {
				t.Errorf("held %+v, events %v%s", r.holds(), kinds, r.dump())
			}
		})
		t.Run(name+", to a copy", func(t *testing.T) {
			r, cp := waiting(t, nil)
			r.comes(r.wrote("Joe <joe@client.example>", "Re: Printer on fire", "Mine too.", "In-Reply-To: <m1@client.example>"))
			r.gone()
			r.comes(r.reply(cp, alice, "Use water.", fields(cp)...))
			a := slicesOf(r.queue(), store.OutAnswer)
			if len(a) != 1 || name == "References alone" && !strings.Contains(a[0].header("To"), jane) {
				t.Errorf("held %+v%s", r.holds(), r.dump())
			}
		})
	}
}

func TestDiscardedByItsAuthor(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, alice, "/clsoe"))
	n := r.one(store.OutNotice, alice)
	r.gone()
	r.comes(r.reply(n, alice, "/discard\n\n-- \nAlice Ng"))
	if done := r.one(store.OutNotice, alice); len(r.holds()) != 0 || len(r.queue()) != 1 || !strings.Contains(done.Mail.Text, "thrown away") {
		t.Errorf("held %+v%s", r.holds(), r.dump())
	}
}

// TestOnlyWhoWasAskedReleases: a colleague with the notice in hand is no more
// than somebody with a token that is not his.
func TestOnlyWhoWasAskedReleases(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, alice, "/clsoe\n\nUse water."))
	n := r.one(store.OutNotice, alice)
	r.gone()
	for _, who := range []string{bob, jane, "mallory@evil.example"} {
		r.comes(r.reply(n, who, "/send"))
		if r.answers() != 0 {
			t.Fatalf("%s released it", who)
		}
	}
	still := slices.ContainsFunc(r.holds(), func(h store.Hold) bool { return h.Why == threads.WhyCommand && h.Engineer == alice })
	if !still {
		t.Errorf("held: %+v", r.holds())
	}
}

func TestNoteNeverGoesOut(t *testing.T) {
	r, cp := waiting(t, nil)
	secret := "The customer's contract ends in March and nobody has told them about the new price list yet."
	r.comes(r.reply(cp, alice, "/note\n/assign nobody\n\n"+secret))
	if len(r.holds()) != 1 {
		t.Fatalf("held: %+v", r.holds())
	}
	n := r.one(store.OutNotice, alice)
	r.gone()
	r.comes(r.reply(n, alice, "/send"))
	if r.answers() != 0 || len(r.holds()) != 0 {
		t.Fatalf("held %+v%s", r.holds(), r.dump())
	}
	if kinds := r.events(1); kinds[len(kinds)-1] != "noted" {
		t.Errorf("events: %v", kinds)
	}
	// And what repeats it is held.
	r.comes(r.reply(cp, alice, "Dear Jane,\n\n"+secret))
	if r.answers() != 0 || len(r.holds()) != 1 || r.holds()[0].Why != threads.WhyLeak {
		t.Errorf("held %+v%s", r.holds(), r.dump())
	}
	if err := r.ask(VerbRelease, "hold", r.holds()[0].ID); err == nil || !strings.Contains(err.Error(), "cannot be sent") {
		t.Errorf("the admin was told: %v", err)
	}
	if r.answers() != 0 || len(r.holds()) != 1 {
		t.Errorf("an admin let a note go:%s", r.dump())
	}
}

// TestRefusedReleaseAndANewAnswer: what she writes instead is a mail of its
// own, also while the notice is still on its way.
func TestRefusedReleaseAndANewAnswer(t *testing.T) {
	r, cp := waiting(t, nil)
	token := cp.header("Reply-To")
	r.comes(r.reply(cp, alice, "Please write to "+token+" in future", "Content-Type: text/plain"))
	if len(r.holds()) == 0 {
		return // the address was taken out, which is as good
	}
	first := r.one(store.OutNotice, alice)
	r.comes(r.reply(first, alice, "/send"))
	r.comes(r.reply(cp, alice, "Use water."))
	if a := r.one(store.OutAnswer, jane); !strings.Contains(a.raw, "Use water.") {
		t.Errorf("answer: %s", a.raw)
	}
}

func TestForgedMailIsHeld(t *testing.T) {
	for _, tt := range []struct {
		name string
		raw  func(r *rig, cp sent) string
		why  threads.Why
	}{
		{"by From alone", func(r *rig, _ sent) string {
			return r.wrote(alice, "Re: Printer on fire", "Send me your password.", "In-Reply-To: <m1@client.example>")
		}, threads.WhyUnproven},
		{"by From in a group", func(r *rig, _ sent) string {
			return r.wrote("Engineers: "+alice+";", "Re: Printer on fire", "Send me your password.", "In-Reply-To: <m1@client.example>")
		}, threads.WhyUnproven},
		{"by an alias of nobody", func(r *rig, cp sent) string { return r.reply(cp, "alice@acme.example.evil.example", "Send it.") }, threads.WhyForged},
		{"by Sender", func(r *rig, cp sent) string { return r.reply(cp, "mallory@evil.example", "Send it.", "Sender: "+alice) }, threads.WhyForged},
		{"by Reply-To", func(r *rig, cp sent) string {
			return r.reply(cp, "mallory@evil.example", "Send it.", "Reply-To: "+alice)
		}, threads.WhyForged},
		{"by a display name", func(r *rig, cp sent) string {
			return r.reply(cp, "\"Alice Ng <"+alice+">\" <mallory@evil.example>", "Send it.")
		}, threads.WhyForged},
		{"with a colleague's token", func(r *rig, cp sent) string { return r.reply(cp, bob, "Send it.") }, threads.WhyBorrowed},
		{"with two senders", func(r *rig, cp sent) string { return r.reply(cp, alice+", mallory@evil.example", "Send it.") }, threads.WhyUnproven},
		{"with two From fields", func(r *rig, cp sent) string {
			return "From: mallory@evil.example\n" + r.reply(cp, alice, "Send it.")
		}, threads.WhyForged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, cp := waiting(t, nil)
			r.comes(tt.raw(r, cp))
			if r.answers() != 0 {
				t.Fatalf("it went out:%s", r.dump())
			}
			h := r.holds()
			if len(h) != 1 || h[0].Why != tt.why {
				t.Fatalf("held: %+v%s", h, r.dump())
			}
			for _, s := range r.queue() {
				if s.Kind == store.OutNotice && s.Recipients[0].Address != alice && s.Recipients[0].Address != bob && s.Recipients[0].Address != ops {
					t.Errorf("a notice went to %s", s.Recipients[0].Address)
				}
			}
			if h[0].Engineer == "" {
				if err := r.ask(VerbRelease, "hold", h[0].ID); err == nil || r.answers() != 0 {
					t.Errorf("a stranger's mail was released: %v", err)
				}
			}
			r.gone()
			r.comes(r.reply(cp, alice, "Use water."))
			if r.answers() != 1 {
				t.Error("her own answer does not go out")
			}
		})
	}
}

// TestPersonalAddressIsNoConversations: the reply address of a notice about
// nothing answers no customer.
func TestPersonalAddressIsNoConversations(t *testing.T) {
	r, _ := waiting(t, nil)
	r.comes(r.wrote(alice, "Re: something", "An answer to a mail nobody knows.", "In-Reply-To: <gone@elsewhere>"))
	n := r.one(store.OutNotice, alice)
	token, ok := r.g.names.Token(n.header("Reply-To"))
	if !ok || token[0] != byte(threads.TokenHeld) {
		t.Fatalf("Reply-To: %s", n.header("Reply-To"))
	}
	var personal string
	r.update(func(tx *store.Tx) (err error) {
		b := &batch{g: r.g, tx: tx}
		personal, err = b.noticeReply(threads.Conversation{}, threads.Notify{Engineer: alice})
		return err
	})
	r.comes(r.wrote(alice, "Re: Printer on fire", "Send me your password.", "To: "+personal, "In-Reply-To: <m1@client.example>"))
	if r.answers() != 0 || len(r.holds()) != 2 {
		t.Errorf("held %+v%s", r.holds(), r.dump())
	}
}

// TestConfirmedMailOfNoConversation is taken for a fresh one.
func TestConfirmedMailOfNoConversation(t *testing.T) {
	r := newRig(t, nil)
	r.comes(r.wrote(alice, "Re: something", "My own printer burns.", "In-Reply-To: <gone@elsewhere>"))
	n := r.one(store.OutNotice, alice)
	r.gone()
	r.comes(r.reply(n, alice, "/send"))
	if len(r.holds()) != 0 || len(slicesOf(r.queue(), store.OutCopy)) != 1 {
		t.Errorf("held %+v%s", r.holds(), r.dump())
	}
}

// TestReleaseOfALeaversMail would call her by her private address.
func TestReleaseOfALeaversMail(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, alice, "/clsoe\n\nUse water. Alice, "+alice))
	r.rotate(strings.Replace(strings.Replace(twoEngineers, "Alice Ng", "Carol Diaz", 1), alice, "carol@acme.example", 1))
	err := r.ask(VerbRelease, "hold", r.holds()[0].ID)
	if err == nil || r.answers() != 0 {
		t.Errorf("released: %v%s", err, r.dump())
	}
	if err := r.ask(VerbDiscard, "hold", r.holds()[0].ID); err != nil || len(r.holds()) != 0 {
		t.Errorf("discarding: %v", err)
	}
}

// TestAutoReplyOpensNothing, not even where the conversation is old and the
// subject another.
func TestAutoReplyOpensNothing(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, alice, "/close"))
	r.gone()
	r.now = r.now.Add(100 * 24 * 3600 * second)
	uid := r.comes(r.wrote(jane, "Away until Monday", "I am away.", "In-Reply-To: <m1@client.example>", "Auto-Submitted: auto-replied"))
	if o := r.outcome(uid); o.Conversation != 1 || len(r.queue()) != 0 {
		t.Errorf("outcome %+v%s", o, r.dump())
	}
	if c := r.conversation(1); c.State != threads.StateClosed {
		t.Errorf("conversation: %s", c.State)
	}
	person := r.comes(r.wrote(jane, "Another matter", "Something else.", "In-Reply-To: <m1@client.example>"))
	if o := r.outcome(person); o.Conversation != 2 || r.conversation(2).Linked != 1 {
		t.Errorf("outcome %+v, linked %d", o, r.conversation(2).Linked)
	}
	again := r.comes(r.wrote(jane, "[EXT] another matter", "And more of it.", "In-Reply-To: <m1@client.example>"))
	third := r.comes(r.wrote(jane, "A third matter", "Something else again.", "In-Reply-To: <m1@client.example>"))
	if o := r.outcome(again); o.Conversation != 2 {
		t.Errorf("the second mail of the new subject: outcome %+v", o)
	}
	if o := r.outcome(third); o.Conversation != 3 || r.conversation(3).Linked != 1 {
		t.Errorf("a third subject: outcome %+v", o)
	}
}

// TestReleaseAfterTheAliasWasAdded: the way on that the alarm names.
func TestReleaseAfterTheAliasWasAdded(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, "a.ng@home.example", "Use water."))
	id := r.holds()[0].ID
	for _, who := range []string{alice, ops} {
		if n := r.one(store.OutNotice, who); !strings.Contains(flat(n.Mail.Text), `aliases = ["a.ng@home.example"]`) {
			t.Errorf("%s is not told how to add it:\n%s", who, n.Mail.Text)
		}
	}
	if err := r.ask(VerbRelease, "hold", id); err == nil {
		t.Fatal("a stranger's mail was released")
	}
	r.rotate(strings.Replace(twoEngineers, `email = "alice@acme.example"`, "email = \"alice@acme.example\"\naliases = [\"a.ng@home.example\"]", 1))
	if err := r.ask(VerbRelease, "hold", id); err != nil {
		t.Fatal(err)
	}
	a := r.one(store.OutAnswer, jane)
	r.noPrivate(a, "home.example")
	if len(r.holds()) != 0 || a.Author != alice {
		t.Errorf("held %+v, author %s", r.holds(), a.Author)
	}
}

// TestReleaseLeavesNothingWaiting: a mail that came while nobody was on duty
// goes to who lets an answer to an earlier one go, and is hers now; where an
// admin lets it go, it waits for somebody to come.
func TestReleaseLeavesNothingWaiting(t *testing.T) {
	for name, hers := range map[string]bool{"by its author": true, "by an admin": false} {
		t.Run(name, func(t *testing.T) {
			r, cp := waiting(t, nil)
			r.comes(r.reply(cp, alice, "/clsoe\n\nUse water."))
			n := r.one(store.OutNotice, alice)
			r.gone()
			r.rotate(strings.ReplaceAll(twoEngineers, "[[engineer]]", "[[engineer]]\naway = [\"2026-11-01..2026-12-01\"]"))
			r.comes(r.wrote(jane, "Re: Printer on fire", "It smokes, too.", "In-Reply-To: <m1@client.example>"))
			if c := r.conversation(1); !c.Waits || len(c.Pending) != 1 {
				t.Fatalf("waits %v, pending %v", c.Waits, c.Pending)
			}
			r.gone()
			if hers {
				r.comes(r.reply(n, alice, "/send"))
			} else if err := r.ask(VerbRelease, "hold", r.holds()[0].ID); err != nil {
				t.Fatal(err)
			}
			r.one(store.OutAnswer, jane)
			c := r.conversation(1)
			if copies := r.to(store.OutCopy, alice); hers && (len(copies) != 1 || !strings.Contains(copies[0].Mail.Text, "It smokes, too.") || c.Owner != alice) {
				t.Errorf("%d copies, owner %q%s", len(copies), c.Owner, r.dump())
			}
			if len(c.Pending) > 0 && !c.Waits {
				t.Errorf("mails %v lie there, and nobody knows", c.Pending)
			}
		})
	}
}
