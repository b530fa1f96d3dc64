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

const second = time.Second

// answered is a conversation in which alice has just answered.
func answered(t *testing.T, change func(*Config)) (*rig, sent) {
	t.Helper()
	r := newRig(t, change)
	r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "It burns.", "Cc: boss@client.example"))
	cp := r.one(store.OutCopy, alice)
	r.settle(cp, store.OutSent)
	r.comes(r.reply(cp, alice, "Use water."))
	return r, r.one(store.OutAnswer, jane)
}

// back is our own copy of a mail, as it lies in the mailbox.
func back(s sent) string {
	return strings.ReplaceAll("Delivered-To: "+s.OwnCopy+"\n"+s.raw, "\r\n", "\n")
}

func (r *rig) caughtUp(folder string, began time.Time) {
	r.t.Helper()
	r.say(store.InboxRecord{At: r.now, CaughtUp: &store.CaughtUp{Folder: folder, Began: began}})
}

func (r *rig) out(id string) (m store.OutMail, ok bool) {
	r.t.Helper()
	r.view(func(tx *store.Tx) (err error) { m, ok, err = tx.Out(id); return err })
	return m, ok
}

func TestUnknownProvenByItsCopy(t *testing.T) {
	r, a := answered(t, nil)
	r.settle(a, store.OutUnknown)
	if m, ok := r.out(a.ID); !ok || m.State != store.OutUnknown {
		t.Fatalf("mail: %+v", m)
	}
	uid := r.comes(back(a))
	if o := r.outcome(uid); o.Kind != store.OutcomeOwn || o.Conversation != 1 {
		t.Errorf("outcome: %+v", o)
	}
	if _, ok := r.out(a.ID); ok {
		t.Error("it is still in the outbox")
	}
	if kinds := r.events(1); kinds[len(kinds)-1] != "delivered" {
		t.Errorf("events: %v", kinds)
	}
	var chores []store.Chore
	r.view(func(tx *store.Tx) (err error) { chores, err = tx.Chores(10); return err })
	if !slices.ContainsFunc(chores, func(c store.Chore) bool { return c.Kind == store.ChoreFileSent && c.UID == uid }) {
		t.Errorf("our copy is not filed: %+v", chores)
	}
}

// TestCopyQuickerThanTheAttempt: it comes while the attempt runs, or between
// its end and the moment the gateway hears of that.
func TestCopyQuickerThanTheAttempt(t *testing.T) {
	for _, state := range []store.OutState{store.OutSending, store.OutUnknown} {
		t.Run(string(state), func(t *testing.T) {
			r, a := answered(t, nil)
			if state == store.OutSending {
				r.update(func(tx *store.Tx) error { m := a.OutMail; m.State = state; return tx.SetOut(m) })
				r.comes(back(a))
			} else {
				r.put("INBOX", back(a))
			}
			// One recipient was refused in the same attempt.
			r.attempt(a.ID, func(m *store.OutMail) []store.Recipient {
				m.State, m.Accepted = store.OutUnknown, []string{m.Recipients[0].Address}
				m.Recipients[0].State = store.OutUnknown
				m.Recipients[1].State, m.Recipients[1].Reply = store.OutFailed, "550 no such user"
				return m.Recipients[1:]
			})
			r.think()
			if _, ok := r.out(a.ID); ok {
				t.Error("it is still in the outbox")
			}
			n := r.one(store.OutNotice, alice)
			if !strings.Contains(words(n), "550 no such user") {
				t.Errorf("the author is not told of the refused one: %s", n.Mail.Text)
			}
			delivered := map[string]string{}
			r.view(func(tx *store.Tx) error {
				list, err := tx.Events(1)
				for _, e := range list {
					if d, ok := e.Body.(threads.Delivered); ok {
						delivered[d.Recipient] += d.State
					}
				}
				return err
			})
			if delivered[jane] != "sent" || delivered["boss@client.example"] != "failed" {
				t.Errorf("delivered: %v", delivered)
			}
		})
	}
}

// TestCopyProvesNoMoreThanItCarried: a recipient the relay had no room for is
// tried again.
func TestCopyProvesNoMoreThanItCarried(t *testing.T) {
	r, a := answered(t, nil)
	r.attempt(a.ID, func(m *store.OutMail) []store.Recipient {
		m.State = store.OutUnknown
		m.Recipients[0].State = store.OutUnknown
		return nil
	})
	r.think()
	r.comes(back(a))
	m, ok := r.out(a.ID)
	if !ok || m.State != store.OutQueued || m.Recipients[0].State != store.OutSent || m.Recipients[1].State != store.OutQueued {
		t.Errorf("mail: %+v", m)
	}
}

// TestCopyOfAnEarlierTransaction: one recipient got the mail in the first, the
// other's attempt ended unknown in the second. The first one's copy, read only
// now, proves nothing about the second.
func TestCopyOfAnEarlierTransaction(t *testing.T) {
	r, a := answered(t, nil)
	first := back(a)
	r.attempt(a.ID, func(m *store.OutMail) []store.Recipient {
		m.Recipients[0].State = store.OutSent
		return m.Recipients[:1]
	})
	r.think()
	m, _ := r.out(a.ID)
	if m.OwnCopy == "" || m.OwnCopy == a.OwnCopy {
		t.Fatalf("the second transaction has the copy address %q of the first", m.OwnCopy)
	}
	r.attempt(a.ID, func(m *store.OutMail) []store.Recipient {
		m.State, m.Recipients[1].State = store.OutUnknown, store.OutUnknown
		return nil
	})
	r.think()
	r.comes(first)
	if m, ok := r.out(a.ID); !ok || m.State != store.OutUnknown || m.Recipients[1].State != store.OutUnknown {
		t.Fatalf("a copy of the first transaction proved the second: %+v", m)
	}
	r.comes(back(sent{OutMail: m, raw: a.raw}))
	if _, ok := r.out(a.ID); ok {
		t.Error("its own copy did not prove it")
	}
}

func TestUnknownWithoutItsCopy(t *testing.T) {
	r, a := answered(t, nil)
	r.settle(a, store.OutUnknown)
	ended := r.now
	r.now = r.now.Add(10 * time.Minute)
	r.caughtUp("INBOX", ended.Add(time.Minute)) // began too early to be sure
	r.caughtUp("Sent", ended.Add(6*time.Minute))
	if m, _ := r.out(a.ID); m.State != store.OutUnknown {
		t.Fatalf("sent again too soon: %+v", m)
	}
	r.caughtUp("INBOX", ended.Add(6*time.Minute))
	m, _ := r.out(a.ID)
	if m.State != store.OutQueued || m.MessageID != a.MessageID || m.Recipients[0].State != store.OutQueued {
		t.Errorf("mail: %+v", m)
	}
	if r.render(m) != a.raw {
		t.Error("the second copy is another mail")
	}
}

// TestCopyLaterThanTheWait: the mail has been queued again and not been tried
// yet when its copy comes after all.
func TestCopyLaterThanTheWait(t *testing.T) {
	r, a := answered(t, nil)
	r.settle(a, store.OutUnknown)
	r.now = r.now.Add(time.Hour)
	r.caughtUp("INBOX", r.now)
	if m, ok := r.out(a.ID); !ok || m.State != store.OutQueued {
		t.Fatalf("mail: %+v", m)
	}
	r.comes(back(a))
	if m, ok := r.out(a.ID); ok {
		t.Errorf("it will be sent again: %+v", m)
	}
}

func TestUnknownFiledByTheRelay(t *testing.T) {
	r, a := answered(t, func(c *Config) { c.OwnCopy = CopyByRelay })
	if a.OwnCopy != "" {
		t.Fatalf("own copy: %s", a.OwnCopy)
	}
	r.settle(a, store.OutUnknown)
	r.now = r.now.Add(time.Hour)
	r.caughtUp("INBOX", r.now)
	if m, _ := r.out(a.ID); m.State != store.OutUnknown {
		t.Fatalf("copies come to Sent, but it is %s", m.State)
	}
	uid := r.put("Sent", strings.ReplaceAll(a.raw, "\r\n", "\n")+"-- \nScanned by the relay\n")
	r.think()
	if o := r.outcome(uid); o.Kind != store.OutcomeOwn {
		t.Errorf("outcome: %+v", o)
	}
	if _, ok := r.out(a.ID); ok {
		t.Error("the copy proves nothing")
	}
}

func TestUnknownWhereNothingComesBack(t *testing.T) {
	none := func(c *Config) { c.OwnCopy = CopyNone }
	t.Run("an answer is held, and sent again when its author says so", func(t *testing.T) {
		r, a := answered(t, none)
		r.settle(a, store.OutUnknown)
		if m, _ := r.out(a.ID); m.State != store.OutStopped {
			t.Fatalf("mail: %+v", m)
		}
		n := r.one(store.OutNotice, alice)
		r.now = r.now.Add(72 * time.Hour) // she was away
		r.comes(r.reply(n, alice, "/send"))
		m, ok := r.out(a.ID)
		if !ok || m.State != store.OutQueued || m.MessageID != a.MessageID || !m.Deadline.After(r.now) {
			t.Errorf("mail: %+v", m)
		}
		if len(r.holds())+len(r.asides()) != 0 {
			t.Errorf("held %+v, aside %+v", r.holds(), r.asides())
		}
	})
	t.Run("an admin lets it be", func(t *testing.T) {
		r, a := answered(t, none)
		r.settle(a, store.OutUnknown)
		if err := r.ask(VerbDiscard, "hold", r.holds()[0].ID); err != nil {
			t.Fatal(err)
		}
		if _, ok := r.out(a.ID); ok || len(r.holds()) != 0 {
			t.Error("it is still there")
		}
	})
	t.Run("a copy is sent again, each time later", func(t *testing.T) {
		r := newRig(t, none)
		r.comes(r.wrote(jane, "Printer on fire", "It burns."))
		cp := r.one(store.OutCopy, alice)
		var waits []time.Duration
		for range 4 {
			r.settle(cp, store.OutUnknown)
			m, _ := r.out(cp.ID)
			if m.State != store.OutQueued || m.MessageID != cp.MessageID {
				t.Fatalf("mail: %+v", m)
			}
			waits = append(waits, m.NextAttempt.Sub(r.now))
		}
		if waits[0] != 0 || waits[2] <= waits[1] || waits[3] <= waits[2] {
			t.Errorf("a relay that always breaks off is tried again after %v", waits)
		}
	})
}

func TestAliasIsTaught(t *testing.T) {
	r, a := answered(t, nil)
	r.settle(a, store.OutSent)
	changed := strings.Replace(back(a), a.MessageID, "<010001@ses.example>", 1)
	if o := r.outcome(r.comes(changed)); o.Kind != store.OutcomeOwn {
		t.Fatalf("outcome: %+v", o)
	}
	uid := r.comes(r.wrote(jane, "another subject", "Thanks!", "In-Reply-To: <010001@ses.example>"))
	if o := r.outcome(uid); o.Conversation != 1 {
		t.Errorf("outcome: %+v", o)
	}
}

// TestMangledCopyGoesNoFurther: a relay that changes id and body must not
// start a circle. Without its copy address the mail is a customer's.
func TestMangledCopyGoesNoFurther(t *testing.T) {
	r := newRig(t, nil)
	r.comes(r.wrote(jane, "Printer on fire", "It burns."))
	cp := r.one(store.OutCopy, alice)
	mangled := strings.Replace(back(cp), cp.MessageID, "<010001@relay.example>", 1) + "\nThis mail was scanned.\n"
	before := len(r.queue())
	if o := r.outcome(r.comes(mangled)); o.Kind != store.OutcomeOwn {
		t.Errorf("outcome: %+v", o)
	}
	if n := len(r.queue()); n != before || len(r.holds()) != 0 {
		t.Errorf("it led to more mail:%s", r.dump())
	}
}

func TestForgedOwn(t *testing.T) {
	r, a := answered(t, nil)
	r.settle(a, store.OutSent)
	for name, raw := range map[string]string{
		"our id, another body":         fmt.Sprintf("From: support@acme.example\nTo: support@acme.example\nMessage-ID: %s\nSubject: Re: Printer on fire\n\nHaha.\n", a.MessageID),
		"our id and references":        fmt.Sprintf("From: jane@client.example\nMessage-ID: <x@y>\nReferences: %s\nSubject: x\n\nHaha.\n", a.header("References")),
		"from us to no address of its": "From: support@acme.example\nMessage-ID: <z@y>\nSubject: hi\n\nHello.\n",
	} {
		if o := r.outcome(r.comes(raw)); o.Kind != store.OutcomeEvent {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

func TestRefusedAnswer(t *testing.T) {
	r, a := answered(t, nil)
	r.attempt(a.ID, func(m *store.OutMail) []store.Recipient {
		m.State = store.OutDone
		m.Recipients[0].State, m.Recipients[0].Reply = store.OutFailed, "550 5.1.1 unknown"
		m.Recipients[1].State = store.OutSent
		return m.Recipients
	})
	r.think()
	n := r.one(store.OutNotice, alice)
	if !strings.Contains(words(n), "550 5.1.1 unknown") || !strings.Contains(n.Mail.Text, "Use water.") {
		t.Errorf("notice: %s", n.Mail.Text)
	}
	// She tries once more while that notice is still on its way: to the
	// customer's mail, for a reply to the notice would quote our words.
	r.comes(r.reply(n, alice, "Once more: use water."))
	if h := r.holds(); len(h) != 1 || h[0].Why != threads.WhyMisled {
		t.Errorf("held: %+v", h)
	}
	r.comes(r.wrote(alice, "Re: Printer on fire", "Once more: use water.", "To: "+n.header("Reply-To"), "In-Reply-To: <m1@client.example>"))
	if again := r.one(store.OutAnswer, jane); again.ID == n.ID || again.MessageID == n.MessageID || !strings.Contains(again.raw, "Once more") {
		t.Errorf("the second answer: %s", again.raw)
	}
}

// words is the text of a mail, however its lines are broken.
func words(s sent) string { return strings.Join(strings.Fields(s.Mail.Text), " ") }

// report is a delivery report as servers write it (RFC 3464).
func report(to, recipient, action, status, returned string) string {
	return "From: MAILER-DAEMON@mx.example\nTo: " + to + "\nDelivered-To: " + to + "\nSubject: Undelivered\n" +
		"Message-ID: <" + recipient + action + "@mx.example>\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n" +
		"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nSorry.\n" +
		"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; " + recipient +
		"\nAction: " + action + "\nStatus: " + status + "\nDiagnostic-Code: smtp; 550 no such user here\n\n" +
		"--b\nContent-Type: text/rfc822-headers\n\n" + returned + "\n--b--\n"
}

func TestBounces(t *testing.T) {
	for _, tt := range []struct {
		name string
		raw  func(a sent) string
	}{
		{"by the address it came to", func(a sent) string { return report(a.EnvelopeFrom, jane, "failed", "5.1.1", "Subject: x") }},
		{"by the id it returns", func(a sent) string {
			return report("support@acme.example", jane, "failed", "5.1.1", "Message-ID: "+a.MessageID+"\nSubject: x")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, a := answered(t, nil)
			r.gone()
			if err := r.ask(VerbClose, "conversation", "1"); err != nil {
				t.Fatal(err)
			}
			uid := r.comes(tt.raw(a))
			if o := r.outcome(uid); o.Kind != store.OutcomeEvent || o.Conversation != 1 || o.Class != "bounce" {
				t.Errorf("outcome: %+v", o)
			}
			n := r.one(store.OutNotice, alice)
			if !strings.Contains(words(n), "no such user") || !strings.Contains(n.Mail.Text, "Use water.") {
				t.Errorf("notice: %s", n.Mail.Text)
			}
			if c := r.conversation(1); c.State != threads.StateOpen {
				t.Errorf("the conversation is %s", c.State)
			}
			if n := len(slicesOf(r.queue(), store.OutCopy)); n != 0 {
				t.Errorf("the report was given to %d engineers as a mail", n)
			}
		})
	}
	t.Run("of many recipients, told once", func(t *testing.T) {
		r, a := answered(t, nil)
		r.gone()
		more := ""
		for i := range 15 {
			more += fmt.Sprintf("\nFinal-Recipient: rfc822; u%d@client.example\nAction: failed\nStatus: 5.1.1\n", i)
		}
		raw := strings.Replace(report(a.EnvelopeFrom, jane, "failed", "5.1.1", "Subject: x"), "no such user here\n", "no such user here\n"+more, 1)
		r.comes(raw)
		r.one(store.OutNotice, alice)
		bounced := 0
		for _, kind := range r.events(1) {
			if kind == "bounced" {
				bounced++
			}
		}
		if bounced != 16 {
			t.Errorf("%d recipients on the record, want all 16", bounced)
		}
	})
	t.Run("a delay", func(t *testing.T) {
		r, a := answered(t, nil)
		r.gone()
		r.comes(report(a.EnvelopeFrom, jane, "delayed", "4.4.1", "Subject: x"))
		if q := r.queue(); len(q) != 0 {
			t.Errorf("it led to mail:%s", r.dump())
		}
	})
	t.Run("of a copy", func(t *testing.T) {
		r := newRig(t, nil)
		r.comes(r.wrote(jane, "Printer on fire", "It burns."))
		cp := r.one(store.OutCopy, alice)
		r.gone()
		r.comes(report(cp.EnvelopeFrom, alice, "failed", "5.1.1", "Subject: x"))
		if r.one(store.OutCopy, bob); r.conversation(1).Owner != bob {
			t.Errorf("owner: %s", r.conversation(1).Owner)
		}
	})
	t.Run("of nothing of ours", func(t *testing.T) {
		r := newRig(t, nil)
		if o := r.outcome(r.comes(report("support@acme.example", jane, "failed", "5.1.1", "Message-ID: <no@where>"))); o.Kind != store.OutcomeUnseen {
			t.Errorf("outcome: %+v", o)
		}
	})
	t.Run("of a notice", func(t *testing.T) {
		r := newRig(t, nil)
		r.say(store.InboxRecord{At: r.now, Rotation: &store.InRotation{Version: "bad", Error: "line 3: no"}})
		n := r.one(store.OutNotice, ops)
		r.gone()
		if o := r.outcome(r.comes(report(n.EnvelopeFrom, ops, "failed", "5.1.1", "Subject: x"))); o.Kind != store.OutcomeUnseen {
			t.Errorf("outcome: %+v", o)
		}
		var lost []Undelivered
		r.view(func(tx *store.Tx) error { _, err := tx.Meta(UndeliveredKey, &lost); return err })
		if len(lost) != 1 || lost[0].To != ops {
			t.Errorf("status does not show it: %+v", lost)
		}
	})
	t.Run("of a notice about a conversation, which goes nowhere else for it", func(t *testing.T) {
		r, a := answered(t, nil)
		r.settle(a, store.OutFailed)
		n := r.to(store.OutNotice, alice)[0]
		r.gone()
		r.comes(report(n.EnvelopeFrom, alice, "failed", "5.7.1", "Subject: x"))
		if c := r.conversation(1); c.Owner != alice || len(r.queue()) != 0 {
			t.Errorf("owner %s%s", c.Owner, r.dump())
		}
	})
}

// hinder is an attempt that ended at a hurdle.
func hinder(r *rig, id string, p store.DeliveryHurdle) {
	r.update(func(tx *store.Tx) error {
		m, _, err := tx.Out(id)
		if err != nil {
			return err
		}
		m.State, m.Attempts = store.OutStopped, m.Attempts+1
		if err := tx.SetOut(m); err != nil {
			return err
		}
		return tx.AddInbox(store.InboxRecord{At: r.now, Delivery: &store.Delivery{OutID: id, Attempt: m.Attempts, State: m.State, Problem: p}})
	})
	r.think()
}

func TestHurdles(t *testing.T) {
	r := newRig(t, nil)
	r.comes(r.wrote(jane, "Printer on fire", "It burns: \xc3\xa4", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"))
	cp := r.one(store.OutCopy, alice)
	hinder(r, cp.ID, store.HurdleEightBit)
	stub := r.one(store.OutCopy, alice)
	if stub.ID != cp.ID || stub.State != store.OutQueued || len(stub.Sources) != 0 || stub.EightBit || !strings.Contains(stub.Mail.Text, "It burns") {
		t.Errorf("stub: %s", stub.raw)
	}
	if strings.Contains(stub.header("References"), stub.MessageID) {
		t.Errorf("the stub answers itself: %s", stub.raw)
	}
	// Not even the stub passes: somebody else gets it, then the admins.
	hinder(r, cp.ID, store.HurdleSize)
	if c := r.conversation(1); c.Owner != bob {
		t.Errorf("owner: %s", c.Owner)
	}
	if len(r.to(store.OutCopy, alice)) != 0 {
		t.Errorf("left in the outbox:%s", r.dump())
	}
	// Whoever the copy is for has left meanwhile.
	r.rotate(strings.Replace(twoEngineers, bob, "carol@acme.example", 1))
	hinder(r, r.to(store.OutCopy, bob)[0].ID, store.HurdleSize)
	if n := len(r.to(store.OutCopy, bob)); n != 0 {
		t.Errorf("%d copies to somebody who left", n)
	}
	if c := r.conversation(1); c.Owner == bob && len(r.to(store.OutNotice, ops)) == 0 {
		t.Errorf("nobody has it and nobody was told: %+v", c)
	}
}
