package gateway

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// inHerName is a mail with her address that nothing shows to be hers.
func (r *rig) inHerName(text string) string {
	return r.wrote(alice, "Re: Printer on fire", text, "In-Reply-To: <m1@client.example>")
}

// asked is what an engineer was asked and told since, all of it taken away.
func (r *rig) asked(who string) []sent {
	list := slices.DeleteFunc(r.due(), func(s sent) bool { return s.Recipients[0].Address != who })
	r.sendAll()
	return list
}

// TestConfirmationsGathered: of mail in her name the first is asked about at
// once, what follows within the hour by one mail at its end; then the next hour
// begins, and after one without such mail the first is asked about at once
// again.
func TestConfirmationsGathered(t *testing.T) {
	for name, change := range map[string]func(*Config){"with addresses of our own": nil, "without": plain} {
		t.Run(name, func(t *testing.T) {
			r, cp := waiting(t, change)
			r.comes(r.inHerName("First, send me your password."))
			if n := r.asked(alice); len(n) != 1 || !strings.HasPrefix(n[0].OutMail.Subject, "Not sent yet: ") {
				t.Fatalf("the first is not asked about at once: %d notices", len(n))
			}
			r.later(10 * time.Minute)
			r.comes(r.inHerName("Second,\nline two\n\nline three\nline four\nline five"))
			r.later(10 * time.Minute)
			r.comes(r.wrote(alice, "Re: Something else", "Third.", "In-Reply-To: <unknown@elsewhere.example>"))
			r.comes(r.reply(cp, alice, "Use water."))
			if a := slicesOf(r.due(), store.OutAnswer); len(a) != 1 {
				t.Errorf("her own answer has to wait, too%s", r.dump())
			}
			if n := r.asked(alice); len(n) != 0 {
				t.Errorf("asked again within the hour: %s", n[0].OutMail.Subject)
			}
			r.restart()
			r.later(41 * time.Minute)
			n := r.asked(alice)
			if len(n) != 1 || n[0].OutMail.Subject != "Did you write these? 2 mails" {
				t.Fatalf("%d mails at the end of the hour%s", len(n), r.dump())
			}
			for _, words := range []string{"From " + alice, "Second,", "line four", "…", "Third.", `"Re: Something else"`} {
				if !strings.Contains(n[0].Mail.Text, words) {
					t.Errorf("%q does not stand in\n%s", words, n[0].Mail.Text)
				}
			}
			if strings.Contains(n[0].Mail.Text, "First,") || strings.Contains(n[0].Mail.Text, "line five") {
				t.Errorf("too much stands in\n%s", n[0].Mail.Text)
			}
			r.settleSecond(t, n[0], change == nil)

			r.later(30 * time.Minute)
			r.comes(r.inHerName("Fourth."))
			if n := r.asked(alice); len(n) != 0 {
				t.Errorf("asked twice within an hour of the gathered mail")
			}
			r.later(31 * time.Minute)
			if n := r.asked(alice); len(n) != 1 || n[0].OutMail.Subject != "Did you write these? 1 mail" {
				t.Errorf("%d mails at the end of the second hour", len(n))
			}
			r.later(2 * time.Hour)
			r.comes(r.inHerName("Fifth."))
			if n := r.asked(alice); len(n) != 1 || !strings.HasPrefix(n[0].OutMail.Subject, "Not sent yet: ") {
				t.Errorf("after a quiet hour she is not asked at once")
			}
		})
	}
}

// settleSecond lets the second mail go by its link, or by its name, and sees
// that no other one went with it.
func (r *rig) settleSecond(t *testing.T, n sent, linked bool) {
	t.Helper()
	var second store.Hold
	for _, h := range r.holds() {
		if strings.HasPrefix(h.Lines, "Second") {
			second = h
		}
	}
	was := len(r.holds())
	if linked {
		_, after, _ := strings.Cut(n.Mail.Text, "Second,")
		_, link, _ := strings.Cut(after, "mailto:")
		addr, query, _ := strings.Cut(strings.Fields(link)[0], "?")
		if !strings.HasSuffix(query, "body=%2Fsend") {
			t.Fatalf("the link is %s", link)
		}
		r.comes(r.wrote(alice, "Re: whatever", "/send", "To: "+addr))
	} else {
		if !strings.Contains(flat(n.Mail.Text), "/send "+second.ID) || strings.Contains(n.Mail.Text, "mailto:") {
			t.Fatalf("it does not say how without a link:\n%s", n.Mail.Text)
		}
		r.comes(r.reply(n, alice, "/send "+second.ID))
	}
	a := slicesOf(r.due(), store.OutAnswer)
	if len(a) != 1 || !strings.Contains(a[0].Mail.Text, "line five") || len(r.holds()) != was-1 {
		t.Errorf("%d answers, held %+v%s", len(a), r.holds(), r.dump())
	}
	r.sendAll()
}

// TestTooManyToConfirm: more than twenty that wait are told to the admins, once,
// and she is sent no more than one mail an hour.
func TestTooManyToConfirm(t *testing.T) {
	r, _ := waiting(t, nil)
	hers, alarms := 0, 0
	count := func() {
		for _, s := range slicesOf(r.due(), store.OutNotice) {
			switch {
			case s.Recipients[0].Address == alice:
				hers++
			case s.Recipients[0].Address == ops && s.OutMail.Subject == "Many mails say they are from Alice Ng":
				alarms++
			default:
				t.Errorf("%s was told %q", s.Recipients[0].Address, s.OutMail.Subject)
			}
		}
		r.sendAll()
	}
	for i := range 45 {
		r.now = r.now.Add(2 * time.Minute)
		r.comes(r.inHerName(fmt.Sprintf("Number %d.", i)))
		count()
		if want := min(1, i/maxUnconfirmed); alarms != want {
			t.Fatalf("after %d mails %d alarms", i+1, alarms)
		}
		r.restart()
	}
	r.later(time.Hour)
	count()
	if hers != 3 || alarms != 1 { // at once, after the first hour, after the second
		t.Errorf("she had %d mails, the admins %d alarms", hers, alarms)
	}
	// When few are left, the next flood is told again.
	for _, h := range r.holds() {
		if err := r.ask(VerbDiscard, "hold", h.ID); err != nil {
			t.Fatal(err)
		}
	}
	r.later(2 * time.Hour)
	for i := range 25 {
		r.comes(r.inHerName(fmt.Sprintf("Again %d.", i)))
	}
	count()
	if alarms != 2 {
		t.Errorf("%d alarms in all", alarms)
	}
}

// TestHerOwnMailIsAskedAboutAtOnce: what is shown to be hers never waits for
// the end of an hour.
func TestHerOwnMailIsAskedAboutAtOnce(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.inHerName("First."))
	r.asked(alice)
	r.comes(r.reply(cp, alice, "/clsoe\n\nUse water."))
	if n := r.asked(alice); len(n) != 1 {
		t.Errorf("%d notices", len(n))
	}
}

// TestSentTwice: an answer that comes again under another Message-ID goes out
// when she says so; what she writes anew, or in answer to another mail, goes
// out by itself.
func TestSentTwice(t *testing.T) {
	r, cp := waiting(t, nil)
	raw := r.reply(cp, alice, "Use water.")
	r.comes(raw)
	r.sendAll()
	again := strings.Replace(raw, "Message-ID: <m", "Message-ID: <again", 1)
	r.comes(again)
	h := r.holds()
	if len(slicesOf(r.due(), store.OutAnswer)) != 0 || len(h) != 1 || h[0].Why != threads.WhyTwice {
		t.Fatalf("held %+v%s", h, r.dump())
	}
	n := r.one2(t, store.OutNotice, alice)
	r.sendAll()
	r.comes(r.reply(n, alice, "/send"))
	if a := slicesOf(r.due(), store.OutAnswer); len(a) != 1 {
		t.Errorf("she cannot send it once more%s", r.dump())
	}
	r.sendAll()
	r.comes(r.reply(cp, alice, "Use more water."))
	if a := slicesOf(r.due(), store.OutAnswer); len(a) != 1 {
		t.Errorf("another answer is held: %+v", r.holds())
	}
	r.sendAll()
	r.comes(r.wrote("Jane Doe <"+jane+">", "Re: Printer on fire", "It burns.", "In-Reply-To: <m1@client.example>"))
	next := r.one2(t, store.OutCopy, alice)
	r.sendAll()
	for range 2 {
		r.comes(r.wrote(alice, "Re: Printer on fire", "Use water.", "To: "+tokenOf(next), "In-Reply-To: "+next.MessageID))
	}
	if a := slicesOf(r.due(), store.OutAnswer); len(a) != 1 || len(r.holds()) != 1 {
		t.Errorf("%d answers to the next mail, held %+v", len(a), r.holds())
	}
}

// one2 is the one mail of a kind to an address that is still to be sent.
func (r *rig) one2(t *testing.T, kind store.OutKind, addr string) sent {
	t.Helper()
	list := slices.DeleteFunc(slicesOf(r.due(), kind), func(s sent) bool { return s.Recipients[0].Address != addr })
	if len(list) != 1 {
		t.Fatalf("%d mails of kind %s to %s%s", len(list), kind, addr, r.dump())
	}
	return list[0]
}

// TestCommandsThatCannotBeDone: a mail of commands alone with a mistake is held
// only until she writes again.
func TestCommandsThatCannotBeDone(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, alice, "/snooze soon"))
	n := r.one2(t, store.OutNotice, alice)
	if h := r.holds(); len(h) != 1 || h[0].Why != threads.WhyUndone || !strings.HasPrefix(n.OutMail.Subject, "Not done: ") ||
		strings.Contains(n.Mail.Text, "/send") || strings.Contains(n.Mail.Text, jane) {
		t.Errorf("held %+v, told\n%s", h, n.Mail.Text)
	}
	r.sendAll()
	r.comes(r.reply(cp, bob, "/note\n\nx")) // somebody else's mail changes nothing
	r.comes(r.reply(cp, alice, "/snooze 2d"))
	if h := r.holds(); len(h) != 1 || h[0].Why != threads.WhyBorrowed || r.conversation(1).Snoozed.IsZero() {
		t.Errorf("held %+v", h)
	}
}

// TestBetweenColleagues: what colleagues say to one another with the reply
// address of one of them in Cc is a note; never an answer, and no command.
func TestBetweenColleagues(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, bob, "I would use foam.", "To: Alice Ng <"+alice+">", "Cc: "+tokenOf(cp)))
	if n := r.one2(t, store.OutNotice, alice); !strings.Contains(n.Mail.Text, "I would use foam.") || len(r.holds()) != 0 || len(r.due()) != 1 {
		t.Errorf("held %+v%s", r.holds(), r.dump())
	}
	if kinds := r.events(1); kinds[len(kinds)-1] != "noted" {
		t.Errorf("events %v", kinds)
	}
	r.sendAll()
	for i, text := range []string{"/close", "/assign bob\n\nMine.", "/answer x", "/note\n/close\n\nx"} {
		r.comes(r.reply(cp, bob, text, "To: Alice Ng <"+alice+">", "Cc: "+tokenOf(cp)))
		if h := r.holds(); len(h) != i+1 || h[i].Why != threads.WhyBorrowed || r.conversation(1).Owner != alice || r.conversation(1).State != threads.StateOpen {
			t.Fatalf("%q: held %+v", text, h)
		}
		r.sendAll()
	}
	// Seen by somebody outside, her token counts no longer.
	r.comes(r.reply(cp, bob, "And Joe?", "To: Alice Ng <"+alice+">, joe@shop.example", "Cc: "+tokenOf(cp)))
	r.sendAll()
	r.comes(r.reply(cp, alice, "Use water."))
	burnt := func(h store.Hold) bool { return h.Why == threads.WhyUnproven && h.Lines == "Use water." }
	if len(slicesOf(r.due(), store.OutAnswer)) != 0 || !slices.ContainsFunc(r.holds(), burnt) {
		t.Errorf("a token that was seen outside still counts%s", r.dump())
	}
}

// TestOtherAddressOfHers: she is asked about a reply from an address that the
// file does not list, and can let it go; nobody else can.
func TestOtherAddressOfHers(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, "a.ng@home.example", "Use water.\n\n-- \nAlice, a.ng@home.example"))
	n := r.one2(t, store.OutNotice, alice)
	if !strings.HasPrefix(n.OutMail.Subject, "Did you write this? ") || !strings.Contains(n.Mail.Text, "Use water.") {
		t.Errorf("she is told %s\n%s", n.OutMail.Subject, n.Mail.Text)
	}
	r.sendAll()
	for _, who := range []string{"a.ng@home.example", bob, mallory} {
		r.comes(r.reply(n, who, "/send"))
		if a := slicesOf(r.due(), store.OutAnswer); len(a) != 0 {
			t.Fatalf("%s let it go", who)
		}
		r.sendAll()
	}
	r.comes(r.reply(n, alice, "/send"))
	a := slicesOf(r.due(), store.OutAnswer)
	if len(a) != 1 || a[0].Author != alice || a[0].Recipients[0].Address != jane {
		t.Fatalf("held %+v%s", r.holds(), r.dump())
	}
	r.noPrivate(a[0], "home.example")
}

// TestAnsweredPastUs: a customer who puts an engineer in Cc has her answer from
// her own mail program, and she is told so before she sends it once more.
func TestAnsweredPastUs(t *testing.T) {
	r, _ := waiting(t, nil)
	r.comes(r.wrote("Joe <joe@shop.example>", "Slow network", "It crawls.", "Cc: "+alice))
	r.gone()
	answer := r.wrote(alice, "Re: Slow network", "Use cables.", "To: joe@shop.example", "Cc: support@acme.example", "In-Reply-To: <m2@client.example>")
	r.comes(answer)
	n := r.one(store.OutNotice, alice)
	if h := r.holds(); len(h) != 1 || !strings.Contains(words(n), "addressed to joe@shop.example as well") {
		t.Errorf("held %+v; she reads %s", h, n.Mail.Text)
	}
}
