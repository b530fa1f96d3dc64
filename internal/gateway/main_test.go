package gateway

import (
	"strings"
	"testing"

	"postroom/internal/store"
	"postroom/threads"
)

func TestMailGoesItsWay(t *testing.T) {
	r := newRig(t, nil)
	uid := r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "It burns."))
	if o := r.outcome(uid); o.Kind != store.OutcomeEvent || o.Conversation != 1 || o.Class != "customer" {
		t.Errorf("outcome: %+v", o)
	}
	cp := r.one(store.OutCopy, alice)
	if strings.Contains(cp.header("References"), cp.MessageID) || strings.Contains(cp.header("In-Reply-To"), cp.MessageID) {
		t.Errorf("a copy answers itself: %s", cp.raw)
	}
	answer := r.comes(r.reply(cp, "Alice Ng <"+alice+">", "Use water.\n\n-- \nAlice "+alice))
	if o := r.outcome(answer); o.Kind != store.OutcomeEvent || o.Class != "engineer" {
		t.Errorf("outcome: %+v", o)
	}
	a := r.one(store.OutAnswer, jane)
	r.noPrivate(a)
	if a.header("In-Reply-To") != "<m1@client.example>" {
		t.Errorf("In-Reply-To: %s", a.header("In-Reply-To"))
	}
	r.gone()
	if q := r.queue(); len(q) != 0 {
		t.Errorf("left in the outbox:%s", r.dump())
	}
	second := r.comes(r.wrote(jane, "Re: Printer on fire", "It still burns.", "In-Reply-To: "+a.MessageID, "References: "+a.header("References")+" "+a.MessageID))
	if o := r.outcome(second); o.Conversation != 1 {
		t.Errorf("outcome: %+v", o)
	}
	if c := r.conversation(1); c.Owner != alice || !c.Unanswered {
		t.Errorf("conversation: %+v", c)
	}
	cp = r.one(store.OutCopy, alice)
	if strings.Contains(cp.header("References"), cp.MessageID) || cp.header("In-Reply-To") == "" {
		t.Errorf("her chain: %s", cp.raw)
	}
}

func TestChores(t *testing.T) {
	r := newRig(t, nil)
	uid := r.comes(r.wrote(jane, "Printer on fire", "It burns."))
	r.comes(r.reply(r.one(store.OutCopy, alice), alice, "Use water."))
	var got []store.Chore
	r.view(func(tx *store.Tx) (err error) { got, err = tx.Chores(10); return err })
	if len(got) != 2 || got[0].Kind != store.ChoreSeen || got[1].Kind != store.ChoreAnswered || got[0].UID != uid || got[1].UID != uid {
		t.Errorf("chores: %+v", got)
	}
}

// TestOddMail: whatever comes is given to somebody or is in the ledger as what
// it is, and nothing is set aside.
func TestOddMail(t *testing.T) {
	for name, raw := range map[string]string{
		"empty":             "",
		"a blank line":      "\n",
		"no header":         "hello",
		"no From":           "Subject: x\nMessage-ID: <a@b>\n\ntext\n",
		"no recipients":     "From: jane@client.example\nSubject: x\n\ntext\n",
		"empty From":        "From:\nSubject: x\n\ntext\n",
		"a group in From":   "From: Engineers: alice@acme.example;\nSubject: x\n\ntext\n",
		"no address":        "From: Jane\nTo: undisclosed-recipients:;\n\ntext\n",
		"year 99999":        "From: jane@client.example\nDate: Mon, 1 Jan 99999 00:00:00 +0000\n\nx\n",
		"zone +9999":        "From: jane@client.example\nDate: Mon, 1 Jan 2026 00:00:00 +9999\n\nx\n",
		"zeroes":            "From: jane@client.example\nSubject: a\x00b\nMessage-ID: <\x00@b>\n\n\x00\x00\n",
		"not UTF-8":         "From: \xff\xfe <j\xff@client.example>\nSubject: \xff\xff\n\n\xff\n",
		"a broken tree":     "From: jane@client.example\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/mixed; boundary=x\n\n--x\n",
		"encrypted":         "From: jane@client.example\nContent-Type: multipart/encrypted; boundary=x; protocol=\"application/pgp-encrypted\"\n\n--x\n\nVersion: 1\n--x\n\nX\n--x--\n",
		"from us":           "From: support@acme.example\nSubject: x\n\ntext\n",
		"Reply-To us":       "From: jane@client.example\nReply-To: support@acme.example\n\ntext\n",
		"a long id":         "From: jane@client.example\nMessage-ID: <" + strings.Repeat("x", 3000) + "@b>\nReferences: <" + strings.Repeat("y", 3000) + "@b>\n\ntext\n",
		"a bounce of none":  "From: MAILER-DAEMON@x.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\n\n--x\n\n--x\nContent-Type: message/delivery-status\n\n\n--x--\n",
		"an empty boundary": "From: jane@client.example\nContent-Type: multipart/mixed\n\ntext\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			uid := r.comes(raw)
			if o := r.outcome(uid); o.Kind == store.OutcomeAside {
				t.Errorf("set aside: %s", o.Note)
			} else if o.Kind == store.OutcomeEvent && len(r.to(store.OutCopy, alice)) != 1 && o.Class != "bounce" {
				t.Errorf("it reached nobody: %+v%s", o, r.dump())
			}
			// An answer to it is sent or held, and breaks nothing either.
			if list := r.to(store.OutCopy, alice); len(list) == 1 {
				if o := r.outcome(r.comes(r.reply(list[0], alice, "Thanks."))); o.Kind == store.OutcomeAside {
					t.Errorf("the answer was set aside: %s", o.Note)
				}
				if len(r.holds())+len(slicesOf(r.queue(), store.OutAnswer)) != 1 {
					t.Errorf("the answer was neither sent nor held:%s", r.dump())
				}
			}
		})
	}
}

func slicesOf(list []sent, kind store.OutKind) (out []sent) {
	for _, s := range list {
		if s.Kind == kind {
			out = append(out, s)
		}
	}
	return out
}

func TestTwinIsOneMail(t *testing.T) {
	r := newRig(t, nil)
	raw := r.wrote(jane, "Printer on fire", "It burns.")
	r.put("INBOX", raw)
	again := r.put("INBOX", "Received: by another way\n"+raw)
	other := r.put("INBOX", strings.Replace(raw, "It burns.", "It smokes.", 1))
	r.think()
	if o := r.outcome(again); o.Kind != store.OutcomeSame || o.Conversation != 1 {
		t.Errorf("the same mail again: %+v", o)
	}
	if o := r.outcome(other); o.Kind != store.OutcomeEvent {
		t.Errorf("another mail with the same id: %+v", o)
	}
	if n := len(slicesOf(r.queue(), store.OutCopy)); n != 2 {
		t.Errorf("%d copies, want one of each of the two mails", n)
	}
}

// TestReadTwice: a UID that comes twice has one outcome, and does not stop
// those behind it.
func TestReadTwice(t *testing.T) {
	r := newRig(t, nil)
	uid := r.comes(r.wrote(jane, "Printer on fire", "It burns."))
	was := r.outcome(uid)
	r.uid--
	r.put("INBOX", r.wrote(jane, "Printer on fire", "It burns."))
	r.uid += 1
	next := r.comes(r.wrote(jane, "Slow network", "It crawls."))
	if o := r.outcome(uid); o != was {
		t.Errorf("the outcome became %+v", o)
	}
	if o := r.outcome(next); o.Kind != store.OutcomeEvent || len(r.aside) != 0 {
		t.Errorf("the mail behind it: %+v, set aside %v", o, r.aside)
	}
}

func TestSentByHand(t *testing.T) {
	r := newRig(t, nil)
	r.comes(r.wrote(jane, "Printer on fire", "It burns."))
	hand := r.put("Sent", r.wrote("support@acme.example", "Re: Printer on fire", "We answered from the mailbox.",
		"To: "+jane, "In-Reply-To: <m1@client.example>"))
	r.think()
	if o := r.outcome(hand); o.Kind != store.OutcomeEvent || o.Conversation != 1 {
		t.Errorf("outcome: %+v", o)
	}
	if c := r.conversation(1); c.Unanswered {
		t.Error("the conversation is still unanswered")
	}
	if n := len(slicesOf(r.queue(), store.OutAnswer)); n != 0 {
		t.Errorf("%d answers were queued for it", n)
	}
	stranger := r.put("Sent", r.wrote("support@acme.example", "Hello", "A new thread.", "To: joe@shop.example"))
	r.think()
	if o := r.outcome(stranger); o.Kind != store.OutcomeUnseen {
		t.Errorf("a mail of ours about no conversation: %+v", o)
	}
}

// TestSentByHandCollides: the customer has an answer from the mailbox already,
// and a second one waits until its author knows.
func TestSentByHandCollides(t *testing.T) {
	r, cp := waiting(t, nil)
	r.put("Sent", r.wrote("support@acme.example", "Re: Printer on fire", "Use foam.", "To: "+jane, "In-Reply-To: <m1@client.example>"))
	r.think()
	r.comes(r.reply(cp, alice, "Use water."))
	if h := r.holds(); r.answers() != 0 || len(h) != 1 || h[0].Why != threads.WhyStale {
		t.Fatalf("held %+v%s", h, r.dump())
	}
	n := r.one(store.OutNotice, alice)
	if text := words(n); !strings.Contains(text, "somebody has answered from the shared mailbox meanwhile") || !strings.Contains(text, "Use foam.") {
		t.Errorf("she reads: %s", n.Mail.Text)
	}
	r.gone()
	r.comes(r.reply(n, alice, "/send"))
	r.comes(r.reply(cp, alice, "And sand.")) // she knows now
	if r.answers() != 2 {
		t.Errorf("held %+v%s", r.holds(), r.dump())
	}
}

// TestSentByHandKeepsWhatWaits: an answer from the mailbox takes nothing from
// the engineer who gets the conversation in the morning.
func TestSentByHandKeepsWhatWaits(t *testing.T) {
	r := newRig(t, nil)
	r.rotate(strings.ReplaceAll(twoEngineers, "[[engineer]]", "[[engineer]]\nhours = \"Mon-Fri 10:00-18:00\""))
	r.comes(r.wrote(jane, "Printer on fire", "", "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=x") +
		"--x\n\nIt burns.\n--x\nContent-Type: image/png; name=fire.png\nContent-Disposition: attachment; filename=fire.png\n\nPNGPNG\n--x--\n")
	r.put("Sent", r.wrote("support@acme.example", "Re: Printer on fire", "On it.", "To: "+jane, "In-Reply-To: <m1@client.example>"))
	r.think()
	r.now = r.now.Add(time1)
	r.think()
	cp := slicesOf(r.queue(), store.OutCopy)
	if len(cp) != 1 || !strings.Contains(cp[0].raw, "PNGPNG") {
		t.Fatalf("what waited did not arrive whole:%s", r.dump())
	}
	if !strings.Contains(cp[0].Mail.Text, "On it.") {
		t.Error("she is not told of the answer from the mailbox")
	}
	if c := r.conversation(1); c.Owner == "" || c.State != threads.StateOpen {
		t.Errorf("conversation: %+v", c)
	}
}
