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

// attack is a mail that wants what it may not have.
type attack struct {
	name string
	// mail makes it; cp is what alice was sent about conversation 1, other what
	// bob was sent about conversation 2.
	mail func(r *rig, cp, other sent) string
	why  threads.Why // it is held for; "" : it is a customer's mail like any other
}

const mallory = "mallory@evil.example"

func tokenOf(s sent) string { return s.header("Reply-To") }

func attacks() []attack {
	const text = "Send me your password."
	return []attack{
		{"forged From, a known id of the customer's", func(r *rig, _, _ sent) string {
			return r.wrote(alice, "Re: Printer on fire", text, "In-Reply-To: <m1@client.example>", "References: <m1@client.example>")
		}, threads.WhyUnproven},
		{"forged From, an unknown id", func(r *rig, _, _ sent) string {
			return r.wrote(alice, "Re: Printer on fire", text, "In-Reply-To: <nowhere@evil.example>")
		}, threads.WhyUnproven},
		{"forged From, a reply mark and no id", func(r *rig, _, _ sent) string {
			return r.wrote(alice, "[EXTERNAL] Re: Printer on fire", text)
		}, threads.WhyUnproven},
		{"a reply she forwards", func(r *rig, _, _ sent) string { return r.wrote(alice, "Fwd: Re: Printer on fire", text) }, ""},
		{"right token, wrong From", func(r *rig, cp, _ sent) string { return r.reply(cp, mallory, text) }, threads.WhyForged},
		{"right id, wrong From, no reply address", func(r *rig, cp, _ sent) string {
			return r.reply(cp, mallory, text, "To: support@acme.example")
		}, threads.WhyForged},
		{"right token, her name as display name", func(r *rig, cp, _ sent) string {
			return r.reply(cp, `"Alice Ng <alice@acme.example>" <`+mallory+`>`, text)
		}, threads.WhyForged},
		{"token of another engineer", func(r *rig, _, other sent) string { return r.reply(other, alice, text) }, threads.WhyBorrowed},
		{"her token, ids of another conversation", func(r *rig, cp, other sent) string {
			return r.reply(cp, alice, text, "In-Reply-To: "+other.MessageID, "References: "+other.MessageID)
		}, threads.WhyAmbiguous},
		{"her token alone, another subject", func(r *rig, cp, _ sent) string {
			return r.wrote(alice, "Slow network", text, "To: "+tokenOf(cp))
		}, threads.WhyMisled},
		{"a token of two conversations", func(r *rig, cp, other sent) string {
			return r.reply(cp, alice, text, "Cc: "+tokenOf(other))
		}, threads.WhyAmbiguous},
		{"a token with one letter changed", func(r *rig, cp, _ sent) string {
			to := []byte(tokenOf(cp))
			at := strings.IndexByte(string(to), '@') - 1
			if to[at]++; to[at] > 'z' || to[at] == '8' {
				to[at] = 'b'
			}
			return r.wrote(alice, "Re: Printer on fire", text, "To: "+string(to), "In-Reply-To: <m1@client.example>")
		}, threads.WhyUnproven},
		{"two From fields, hers first", func(r *rig, cp, _ sent) string {
			return strings.Replace(r.reply(cp, alice, text), "From: "+alice+"\n", "From: "+alice+"\nFrom: "+mallory+"\n", 1)
		}, threads.WhyUnproven},
		{"two From fields, hers second", func(r *rig, cp, _ sent) string {
			return "From: " + mallory + "\n" + r.reply(cp, alice, text)
		}, threads.WhyForged},
		{"two addresses in From", func(r *rig, cp, _ sent) string { return r.reply(cp, alice+", "+mallory, text) }, threads.WhyUnproven},
		{"From in a group", func(r *rig, cp, _ sent) string { return r.reply(cp, "Us: "+alice+";", text) }, threads.WhyUnproven},
		{"an empty group and her", func(r *rig, cp, _ sent) string { return r.reply(cp, "Us:;, "+alice, text) }, threads.WhyUnproven},
		{"From with a comment", func(r *rig, cp, _ sent) string { return r.reply(cp, mallory+" (<"+alice+">)", text) }, threads.WhyForged},
		{"From with a route", func(r *rig, cp, _ sent) string { return r.reply(cp, "<@evil.example:"+alice+">", text) }, threads.WhyUnproven},
		{"From in an encoded word", func(r *rig, cp, _ sent) string {
			return r.reply(cp, "=?utf-8?q?=3Calice=40acme=2Eexample=3E?= <"+mallory+">", text)
		}, threads.WhyForged},
		{"a homograph of her address", func(r *rig, cp, _ sent) string { return r.reply(cp, "аlice@acme.example", text) }, threads.WhyForged},
		{"a homograph of her domain", func(r *rig, cp, _ sent) string { return r.reply(cp, "alice@аcme.example", text) }, threads.WhyForged},
		{"the same in punycode", func(r *rig, cp, _ sent) string { return r.reply(cp, "alice@xn--cme-5cd.example", text) }, threads.WhyForged},
		{"a longer domain", func(r *rig, cp, _ sent) string { return r.reply(cp, "alice@acme.example.evil.example", text) }, threads.WhyForged},
		{"a customer who writes /close", func(r *rig, _, _ sent) string {
			return r.wrote("Jane Doe <"+jane+">", "Re: Printer on fire", "/close\n/assign bob\n\nPlease.", "In-Reply-To: <m1@client.example>")
		}, ""},
		{"a customer with commands in her subject", func(r *rig, _, _ sent) string {
			return r.wrote("Jane Doe <"+jane+">", "/close", "/note\n\nSecret.", "In-Reply-To: <m1@client.example>")
		}, ""},
	}
}

// TestAttacks: nothing of it goes to a customer or does what it says, nobody
// outside is told anything, and her own answer still goes out.
func TestAttacks(t *testing.T) {
	for _, tt := range attacks() {
		t.Run(tt.name, func(t *testing.T) {
			r, cp := waiting(t, nil)
			r.comes(r.wrote("Joe <joe@shop.example>", "Slow network", "It crawls."))
			other := r.one(store.OutCopy, bob)
			r.gone()
			r.comes(tt.mail(r, cp, other))
			for _, s := range r.due() {
				for _, to := range s.Recipients {
					if to.Address != alice && to.Address != bob && to.Address != ops && !strings.HasPrefix(to.Address, "support+c") {
						t.Errorf("a mail went to %s:\n%s", to.Address, s.raw)
					}
				}
			}
			for _, id := range []threads.ID{1, 2} {
				if c := r.conversation(id); c.State != threads.StateOpen || c.Answer.By != "" {
					t.Errorf("conversation %d is %s, answered by %q", id, c.State, c.Answer.By)
				}
			}
			h := r.holds()
			switch {
			case tt.why == "":
				if len(h) != 0 || len(slicesOf(r.due(), store.OutCopy)) != 1 {
					t.Errorf("held %+v%s", h, r.dump())
				}
			case len(h) != 1 || h[0].Why != tt.why || h[0].Reason == "":
				t.Fatalf("held: %+v, want %s", h, tt.why)
			default:
				r.told(t, h[0])
			}
			r.sendAll()
			r.comes(r.reply(cp, alice, "Use water."))
			if a := slicesOf(r.due(), store.OutAnswer); len(a) != 1 {
				t.Errorf("her own answer does not go out%s", r.dump())
			}
		})
	}
}

// told wants the known address asked to confirm, or an alarm to the owner of
// the token and the admins.
func (r *rig) told(t *testing.T, h store.Hold) {
	t.Helper()
	var to []string
	for _, s := range slicesOf(r.due(), store.OutNotice) {
		to = append(to, s.Recipients[0].Address)
		if !strings.Contains(s.raw, "kept back") {
			t.Errorf("the notice says nothing of it:\n%s", s.raw)
		}
	}
	if h.Engineer != "" && !slices.Contains(to, alice) {
		t.Errorf("alice is not asked: %v", to)
	}
	if h.Why == threads.WhyForged && !slices.Contains(to, ops) {
		t.Errorf("the admins are not told: %v", to)
	}
}

// TestTokenForms: each form of the token is enough, whatever a client or a
// host on the way does to the others.
func TestTokenForms(t *testing.T) {
	for name, change := range map[string]func(r *rig, cp sent) string{
		"all of it": func(r *rig, cp sent) string { return r.reply(cp, alice, "Use water.") },
		"in capitals": func(r *rig, cp sent) string {
			return r.reply(cp, "ALICE@Acme.EXAMPLE", "Use water.", "To: "+strings.ToUpper(tokenOf(cp)))
		},
		"lower case, ids too": func(r *rig, cp sent) string {
			return r.reply(cp, alice, "Use water.", "To: "+strings.ToLower(tokenOf(cp)), "In-Reply-To: "+strings.ToLower(cp.MessageID))
		},
		"no plus part": func(r *rig, cp sent) string { return r.reply(cp, alice, "Use water.", "To: support@acme.example") },
		"no plus part, References": func(r *rig, cp sent) string {
			return r.reply(cp, alice, "Use water.", "To: support@acme.example", "In-Reply-To: <x@broken>")
		},
		"no plus part, In-Reply-To": func(r *rig, cp sent) string {
			return r.reply(cp, alice, "Use water.", "To: support@acme.example", "References: <x@broken>")
		},
		"the reply address alone": func(r *rig, cp sent) string {
			return r.wrote(alice, "Re: Printer on fire", "Use water.", "To: "+tokenOf(cp))
		},
		"the reply address in Cc": func(r *rig, cp sent) string {
			return r.wrote(alice, "Re: Printer on fire", "Use water.", "Cc: "+tokenOf(cp))
		},
		"Delivered-To alone": func(r *rig, cp sent) string {
			return "Delivered-To: " + tokenOf(cp) + "\n" + r.wrote(alice, "Re: Printer on fire", "Use water.")
		},
		"a display name of its own": func(r *rig, cp sent) string {
			return r.reply(cp, "Ali <"+alice+">", "Use water.", `To: "Some, body" <`+tokenOf(cp)+`>`)
		},
		"no display name": func(r *rig, cp sent) string { return r.reply(cp, alice, "Use water.", "To: "+tokenOf(cp)) },
		"ids of a phone that cuts": func(r *rig, cp sent) string {
			return r.reply(cp, alice, "Use water.", "To: support@acme.example", "References: "+strings.Fields(cp.header("References"))[1])
		},
		"References folded and spaced": func(r *rig, cp sent) string {
			return r.reply(cp, alice, "Use water.", "To: support@acme.example", "References:\n "+strings.ReplaceAll(cp.header("References"), " ", "\n\t"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, cp := waiting(t, nil)
			r.comes(change(r, cp))
			if r.answers() != 1 || len(r.holds()) != 0 {
				t.Errorf("held: %+v%s", r.holds(), r.dump())
			}
		})
	}
}

// TestBurntToken: once her mail went to the customer too, the customer has her
// token, in each of its forms. It finds the conversation, and no more.
func TestBurntToken(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, alice, "Use water.", "Cc: Jane <"+jane+">"))
	if r.answers() != 1 {
		t.Fatalf("held: %+v", r.holds())
	}
	r.gone()
	for i, forged := range []string{
		r.reply(cp, alice, "Send me your password."),
		r.reply(cp, alice, "Send me your password.", "To: support@acme.example"),
		r.wrote(alice, "Re: Printer on fire", "Send me your password.", "To: "+tokenOf(cp)),
		r.wrote(alice, "Re: Printer on fire", "Send me your password.", "References: "+strings.Fields(cp.header("References"))[1]),
		r.wrote(alice, "Re: Printer on fire", "/close", "To: "+tokenOf(cp)),
	} {
		r.comes(forged)
		if a := slicesOf(r.due(), store.OutAnswer); len(a) != 0 || len(r.holds()) != i+1 || r.conversation(1).State != threads.StateOpen {
			t.Fatalf("form %d of a burnt token: %d answers, held %+v", i, len(a), r.holds())
		}
		r.sendAll()
	}
	// What comes next brings a new one.
	r.comes(r.wrote("Jane Doe <"+jane+">", "Re: Printer on fire", "It still burns.", "In-Reply-To: <m1@client.example>"))
	next := slicesOf(r.due(), store.OutCopy)
	if len(next) != 1 || tokenOf(next[0]) == tokenOf(cp) {
		t.Fatalf("no new token%s", r.dump())
	}
	r.sendAll()
	r.comes(r.reply(next[0], alice, "Use sand."))
	if a := slicesOf(r.due(), store.OutAnswer); len(a) != 1 {
		t.Errorf("the new token does not count: %+v", r.holds())
	}
}

// TestRevokedByLeaving: a token ends with its engineer.
func TestRevokedByLeaving(t *testing.T) {
	r, cp := waiting(t, nil)
	r.rotate(strings.Replace(strings.Replace(twoEngineers, "Alice Ng", "Carol Diaz", 1), alice, "carol@acme.example", 1))
	r.sendAll()
	r.comes(r.reply(cp, alice, "Send me your password."))
	if a := slicesOf(r.due(), store.OutAnswer); len(a) != 0 || len(r.holds()) != 1 {
		t.Errorf("%d answers, held %+v", len(a), r.holds())
	}
}

// TestLeftAndCameBack: what was made for an engineer before she left proves
// nothing when she is back, in any of its forms, also after a restart; what she
// is sent from then on does.
func TestLeftAndCameBack(t *testing.T) {
	r, cp := waiting(t, nil)
	personal := r.personal(t, alice)
	r.rotate(strings.Replace(strings.Replace(twoEngineers, "Alice Ng", "Carol Diaz", 1), alice, "carol@acme.example", 1))
	r.sendAll()
	r.restart()
	r.rotate(twoEngineers)
	r.sendAll()
	for i, old := range []string{
		r.reply(cp, alice, "Send me your password."),
		r.reply(cp, alice, "Send me your password, now.", "To: support@acme.example"),
		r.wrote(alice, "Re: Printer on fire", "Send me it.", "To: "+tokenOf(cp)),
		r.wrote(alice, "Re: Printer on fire", "Send it.", "References: "+strings.Fields(cp.header("References"))[1]),
		r.wrote(alice, "Re: hello", "/away 2d", "To: "+personal),
	} {
		r.comes(old)
		h := r.holds()
		if a := slicesOf(r.due(), store.OutAnswer); len(a) != 0 || len(h) != i+1 || h[i].Why != threads.WhyUnproven || len(r.absences()) != 0 {
			t.Fatalf("form %d: %d answers, held %+v, absent %+v", i, len(a), h, r.absences())
		}
		if n := r.asked(alice); i == 0 && len(n) != 1 {
			t.Errorf("she is asked by %d mails", len(n))
		}
	}
	if now := r.personal(t, alice); now == personal {
		t.Error("her own address is the old one")
	}
	r.comes(r.wrote("Jane Doe <"+jane+">", "Re: Printer on fire", "It still burns.", "In-Reply-To: <m1@client.example>"))
	next := slicesOf(r.due(), store.OutCopy)
	r.sendAll()
	if len(next) == 1 && next[0].To == bob {
		r.comes(r.reply(next[0], bob, "/assign alice"))
		next = slicesOf(r.due(), store.OutCopy)
		r.sendAll()
	}
	if len(next) != 1 || next[0].To != alice || tokenOf(next[0]) == tokenOf(cp) {
		t.Fatalf("no new token: %d copies%s", len(next), r.dump())
	}
	r.comes(r.reply(next[0], alice, "Use sand."))
	if a := slicesOf(r.due(), store.OutAnswer); len(a) != 1 {
		t.Errorf("the new token does not count: %+v", r.holds())
	}
}

// personal is an engineer's address for what is about no conversation.
func (r *rig) personal(t *testing.T, engineer string) (addr string) {
	t.Helper()
	r.update(func(tx *store.Tx) (err error) {
		b := &batch{g: r.g, tx: tx}
		addr, err = b.noticeReply(threads.Conversation{}, threads.Notify{Engineer: engineer})
		return err
	})
	return addr
}

// TestReplayed: the same mail again, as it was or with another trace, does
// nothing a second time.
func TestReplayed(t *testing.T) {
	r, cp := waiting(t, nil)
	raw := r.reply(cp, alice, "Use water.")
	r.comes(raw)
	r.gone()
	for _, again := range []string{raw, "Received: from evil.example by mx.acme.example; Tue, 24 Nov 2026 09:00:00 +0000\n" + raw, "Delivered-To: support@acme.example\nX-Spam: no\n" + raw} {
		r.now = r.now.Add(time.Hour)
		uid := r.comes(again)
		if o := r.outcome(uid); o.Kind != store.OutcomeSame || len(r.due()) != 0 || len(r.holds()) != 0 {
			t.Errorf("outcome %+v%s", o, r.dump())
		}
	}
}

// TestQuotedFooterWithAnotherToken: what is quoted of a footer goes, whatever
// stands in it, and never counts as an address of the mail.
func TestQuotedFooterWithAnotherToken(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.wrote("Joe <joe@shop.example>", "Slow network", "It crawls."))
	other := r.one(store.OutCopy, bob)
	r.gone()
	footer := ":.: Alice, it is your turn. This is conversation 2.\n:.: Close it without an answer: mailto:" + tokenOf(other) + "?body=%2Fclose\n:.: mailto:" + strings.Replace(tokenOf(cp), "support+r", "support+h", 1)
	r.comes(r.answering(cp, alice, "", plainPart("Use water.\n\n> It burns.\n> "+strings.ReplaceAll(footer, "\n", "\n> "))))
	a := slicesOf(r.due(), store.OutAnswer)
	if len(a) != 1 || a[0].Recipients[0].Address != jane {
		t.Fatalf("held %+v%s", r.holds(), r.dump())
	}
	r.noPrivate(a[0], "mailto:", "your turn", "conversation 2")
	if r.conversation(2).State != threads.StateOpen {
		t.Error("the other conversation was touched")
	}
}

// TestCommandsInQuotations: a command somebody else wrote is none.
func TestCommandsInQuotations(t *testing.T) {
	r := newRig(t, nil)
	r.comes(r.wrote("Jane Doe <"+jane+">", "How to close", "/close\n/note\n\ndoes what?"))
	cp := r.one(store.OutCopy, alice)
	if !strings.Contains(cp.Mail.Text, "/close\n/note\n\ndoes what?") {
		t.Errorf("the copy: %s", cp.Mail.Text)
	}
	r.gone()
	for i, body := range []string{
		"> /close\n> /note\n>\n> does what?\n\nIt closes.",
		"It closes.\n\n> /close\n> /note",
	} {
		r.comes(r.answering(cp, alice, "", plainPart(body)))
		a := slicesOf(r.due(), store.OutAnswer)
		if len(a) != 1 || r.conversation(1).State != threads.StateOpen {
			t.Fatalf("%d: held %+v, %s", i, r.holds(), r.conversation(1).State)
		}
		if got := strings.TrimSpace(a[0].Mail.Text); got != body {
			t.Errorf("%d: the customer reads %q, not %q", i, got, body)
		}
		r.sendAll()
	}
}

// hostile are values for header fields that try to become more than one.
func hostile() []string {
	return []string{
		"x\r\n Bcc: evil@evil.example", "x\rBcc: evil@evil.example\rX-Evil: 1", "x\x00\x0bBcc: evil@evil.example",
		"=?utf-8?q?x=0D=0ABcc=3A_evil=40evil.example=0D=0A=0D=0Abody?=", "=?utf-8?b?eA0KQmNjOiBldmlsQGV2aWwuZXhhbXBsZQ0KWC1FdmlsOiAxDQoNCg==?=",
		"=?utf-8?q?x=0A?= =?utf-8?q?X-Evil=3A_1?=", "\"x\\\r\n Bcc: evil@evil.example\"", "x\u2028Bcc: evil@evil.example\u0085X-Evil: 1", strings.Repeat("x ", 3000) + "\r\n\tX-Evil: 1",
	}
}

// TestHeaderInjection: in no field that we copy of a customer's or an
// engineer's mail can a second one begin.
func TestHeaderInjection(t *testing.T) {
	for _, field := range []string{
		"From: %s <jane@client.example>", "From: \"%s\" <jane@client.example>", "Reply-To: %s <jane@client.example>", "Cc: %s <joe@shop.example>", "To: %s <support@acme.example>",
		"Subject: %s", "Date: %s", "Message-ID: <%s@client.example>", "In-Reply-To: <%s>", "References: <a@b> <%s>", "Thread-Topic: %s", "Thread-Index: %s",
		"Content-Type: text/plain; charset=\"%s\"", "Content-Type: application/pdf; name=\"%s\"", "Content-Disposition: attachment; filename=\"%s\"", "Content-ID: <%s>",
		"Content-Description: %s", "Content-Language: %s", "Content-Location: %s",
	} {
		t.Run(strings.ReplaceAll(field, "%s", "x"), func(t *testing.T) {
			r := newRig(t, nil)
			for i, bad := range hostile() {
				r.now = r.now.Add(2 * time.Hour)
				r.comes(r.wrote("Jane Doe <"+jane+">", fmt.Sprint("Subject ", i), "It burns.", fmt.Sprintf(field, bad)))
				for _, cp := range slicesOf(r.due(), store.OutCopy) {
					oneOfEach(t, cp)
					her := "From: Alice Ng <alice@acme.example>"
					if strings.HasPrefix(field, "From") || strings.HasPrefix(field, "Message-ID") || strings.HasPrefix(field, "In-Reply-To") || strings.HasPrefix(field, "To") {
						her = "X-Nothing: 1"
					} else if !strings.HasPrefix(field, "References") {
						her = fmt.Sprintf(field, bad)
					}
					r.sendAll()
					r.comes(r.reply(cp, "Alice Ng <"+cp.To+">", "Use water.", her))
				}
				for _, s := range r.due() {
					oneOfEach(t, s)
				}
				r.sendAll()
			}
		})
	}
}

// oneOfEach wants the header of a mail to be what the table has, each field
// once, and no other in its parts than Content-*.
func oneOfEach(t *testing.T, s sent) {
	t.Helper()
	if strings.Contains(strings.ReplaceAll(s.raw, "\r\n", ""), "\r") || strings.Contains(strings.ReplaceAll(s.raw, "\r\n", ""), "\n") {
		t.Errorf("a bare CR or LF in\n%q", s.raw)
	}
	head, _, _ := strings.Cut(s.raw, "\r\n\r\n")
	seen := map[string]bool{}
	for l := range strings.SplitSeq(head, "\r\n") {
		if l == "" || l[0] == ' ' || l[0] == '\t' {
			continue
		}
		name, _, _ := strings.Cut(l, ":")
		if seen[name] || !mayStand(name, false) && name != "Reply-To" && name != "Auto-Submitted" && name != "Precedence" && name != "X-Auto-Response-Suppress" {
			t.Errorf("%s to %s has the line %q", s.Kind, s.Recipients[0].Address, l)
		}
		seen[name] = true
	}
	for _, p := range s.Leaves() {
		for _, f := range p.Header {
			if p != s.Root && !mayStand(f.Name, true) {
				t.Errorf("a part has the field %q", f.Name)
			}
		}
	}
	for _, to := range s.Recipients {
		if strings.Contains(to.Address, "evil") {
			t.Errorf("a mail goes to %s", to.Address)
		}
	}
}
