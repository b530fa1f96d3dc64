package gateway

import (
	"strings"
	"testing"

	"postroom/internal/store"
	"postroom/threads"
)

// orders sends a mail of commands alone and returns what she is told.
func (r *rig) orders(to sent, who, text string) string {
	r.t.Helper()
	r.gone()
	r.comes(r.reply(to, who, text))
	if len(r.to(store.OutAnswer, jane)) != 0 {
		r.t.Errorf("%q: the customer was written to:%s", text, r.dump())
	}
	var told []string
	for _, s := range r.to(store.OutNotice, who) {
		told = append(told, s.OutMail.Subject+"\n"+s.Mail.Text)
	}
	r.gone()
	return strings.Join(told, "\n---\n")
}

// TestEachCommandIsAnswered with one short mail that says what came of it.
func TestEachCommandIsAnswered(t *testing.T) {
	for _, tt := range []struct {
		text, want string
		holds      bool
	}{
		{"/close", "It is closed, and opens again when Jane Doe writes.", false},
		{"/Close.", "It is closed", false},
		{"/take", "It is yours already.", false},
		{"/assign bob", "Bob Stone has it now.", false},
		{"/assign me", "It is yours already.", false},
		{"/assign Stone", "Bob Stone has it now.", false},
		{"/assign zoe", `nobody in the rotation is called "zoe"`, true},
		{"/snooze 2d", "It is laid aside until", false},
		{"/snooze never", `"never" is no time I can read`, true},
		{"/cc ann@client.example, Joe Roe <joe@client.example>", "in copy to ann@client.example, Joe Roe <joe@client.example> from here on", false},
		{"/cc bob@acme.example", "bob@acme.example is Bob Stone, a colleague", true},
		{"/cc support@acme.example", "our own address", true},
		{"/cc ann", `"ann" is no address`, true},
		{"/cc", "such as /cc ann@client.example", true},
		{"/tag Billing #vip", "It is tagged billing, vip.", false},
		{"/tag <b>", "is no word to tag with", true},
		{"/subject “Printer in room 3”", `called "Printer in room 3" from here on`, false},
		{"/subject", "needs the new subject", true},
		{"/spam", "put away as spam", false},
		{"/spam\n\nBuy nothing.", "sends nothing to anybody", true},
		{"/why", "Alice Ng got it:", false},
		{"/status", "Conversation 1, open, is yours.", false},
		{"/help", "/snooze 2d", false},
		{"/clsoe", "did you mean /close?", true},
		{"/done", "did you mean /close?", true},
		{"/move bob", "did you mean /assign?", true},
		{"/stat", "did you mean /status?", true},
		{"/orignals", "did you mean /originals?", true},
		{"/mode", "is no command I know; I know /note, /take", true},
		{"/frobnicate", "is no command I know; I know /note, /take", true},
		{"/close now", `takes nothing behind it, but there is "now"`, true},
		{"/note", "has no text below it", true},
		{"/send", "Nothing of yours is held back", false},
		{"/tag x\n/cc ann@client.example\n/close", "It is tagged x.", false},
	} {
		r, cp := waiting(t, nil)
		told := strings.Join(strings.Fields(r.orders(cp, alice, tt.text)), " ")
		if !strings.Contains(told, tt.want) || strings.Contains(told, "---") {
			t.Errorf("%q: told %q\nwant %q", tt.text, told, tt.want)
		}
		if len(r.holds()) == 1 != tt.holds {
			t.Errorf("%q: held %+v", tt.text, r.holds())
		}
	}
}

// TestUndoneShowsTheCommands: what comes back of a mail of commands alone is
// these, and not the quotation below them.
func TestUndoneShowsTheCommands(t *testing.T) {
	r, cp := waiting(t, nil)
	told := r.orders(cp, alice, "/tag x\n/clsoe\n-- \nAlice")
	if !strings.Contains(told, "    /tag x\n    /clsoe") || strings.Contains(told, "It burns") || strings.Contains(told, "somebody wrote") {
		t.Errorf("she reads\n%s", told)
	}
}

// TestCopiedIn: whom an engineer names with /cc gets this answer and all later
// ones, and the footer of the next copy says so.
func TestCopiedIn(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, alice, "/cc ann@client.example\n\nUse water."))
	a := r.one(store.OutAnswer, jane)
	if len(a.Recipients) != 2 || a.Recipients[1].Address != "ann@client.example" || !strings.Contains(a.header("Cc"), "ann@client.example") {
		t.Fatalf("recipients %+v, Cc %q", a.Recipients, a.header("Cc"))
	}
	r.noPrivate(a, "/cc")
	r.gone()
	r.comes(r.wrote(jane, "Re: Printer on fire", "Still.", "In-Reply-To: "+a.MessageID))
	next := r.one(store.OutCopy, alice)
	if !strings.Contains(next.Mail.Text, "ann@client.example") {
		t.Errorf("the footer does not name her: %s", next.Mail.Text)
	}
	r.gone()
	r.comes(r.reply(next, alice, "More water."))
	if a := r.one(store.OutAnswer, "ann@client.example"); len(a.Recipients) != 2 {
		t.Errorf("recipients %+v", a.Recipients)
	}
}

// TestFrozenRecipients: a held mail goes to those its notice named, whatever
// was decided since.
func TestFrozenRecipients(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, alice, "Ask carol or bob@acme.example."))
	n := r.one(store.OutNotice, alice)
	if !strings.Contains(n.Mail.Text, "send it to Jane Doe <jane@client.example> exactly as it is") {
		t.Errorf("notice: %s", n.Mail.Text)
	}
	r.orders(cp, alice, "/cc ann@client.example")
	r.comes(r.reply(n, alice, "/send"))
	if a := r.one(store.OutAnswer, jane); len(a.Recipients) != 1 {
		t.Errorf("recipients %+v", a.Recipients)
	}
}

// TestRenamed: answers have the new subject and stay in their thread; a reply
// under the old one still belongs here.
func TestRenamed(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, alice, "/subject Re: Printer in room 3\n\nUse water."))
	a := r.one(store.OutAnswer, jane)
	if a.Mail.Subject != "Re: Printer in room 3" || a.header("In-Reply-To") != "<m1@client.example>" {
		t.Errorf("subject %q, In-Reply-To %q", a.Mail.Subject, a.header("In-Reply-To"))
	}
	r.gone()
	// Outlook for the web may drop both reply fields; only the address is left.
	loose := r.wrote(alice, "Re: Printer on fire", "And sand.", "To: "+cp.header("Reply-To"))
	r.comes(loose)
	if r.answers() != 1 || len(r.holds()) != 0 {
		t.Errorf("held %+v%s", r.holds(), r.dump())
	}
}

// TestSpamStaysAway until an engineer takes it back; somebody else's mail opens
// it.
func TestSpamStaysAway(t *testing.T) {
	r, cp := waiting(t, nil)
	r.orders(cp, alice, "/spam")
	r.comes(r.wrote(jane, "Re: Printer on fire", "Buy!", "In-Reply-To: <m1@client.example>"))
	if c := r.conversation(1); c.State != threads.StateClosed || !c.Spam || len(r.queue()) != 0 {
		t.Fatalf("%s, spam %v%s", c.State, c.Spam, r.dump())
	}
	r.orders(cp, alice, "/reopen")
	if c := r.conversation(1); c.State != threads.StateOpen || c.Spam {
		t.Errorf("%s, spam %v", c.State, c.Spam)
	}
	r.comes(r.wrote(jane, "Re: Printer on fire", "Sorry.", "In-Reply-To: <m1@client.example>"))
	r.one(store.OutCopy, alice)
	r.orders(cp, alice, "/spam")
	r.comes(r.wrote("Joe <joe@client.example>", "Re: Printer on fire", "Is it?", "In-Reply-To: <m1@client.example>"))
	r.one(store.OutCopy, alice)
}

// TestCommandsInTheSubject, where a link can put them, count where it is not
// the conversation's own subject.
func TestCommandsInTheSubject(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.wrote(alice, "Re: /close", "-- \nAlice Ng", "To: "+cp.header("Reply-To")))
	if c := r.conversation(1); c.State != threads.StateClosed {
		t.Errorf("%s, held %+v", c.State, r.holds())
	}
	r.gone()
	r.comes(r.wrote("Joe <joe@client.example>", "/help with my invoice", "Please."))
	cp = r.one(store.OutCopy, bob)
	r.gone()
	r.comes(r.reply(cp, bob, "Here it is."))
	r.one(store.OutAnswer, "joe@client.example")
}

// TestStrayCommands: a command below the text would be read by the customer.
func TestStrayCommands(t *testing.T) {
	for text, goes := range map[string]bool{
		"Use water.\n\n/close":                                    false,
		"Use water.\n/note\nThey are slow.":                       false,
		"Use water.\n\n/close\n\n-- \nAlice Ng":                   false,
		"Type\n/status\ninto the chat, and it tells you.":         true,
		"Look at /etc/hosts.\n/etc/hosts":                         true,
		"Use water.\n/a/b\n":                                      true,
		"/etc/hosts is the file.":                                 true,
		"/note They are slow.\n/close\n\nAnd call them on Monday": true,
	} {
		r, cp := waiting(t, nil)
		r.comes(r.reply(cp, alice, text))
		if held := len(r.holds()) == 1; held == goes {
			t.Errorf("%q: held %+v", text, r.holds())
		}
	}
}
