package gateway

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

const threeEngineers = twoEngineers + `[[engineer]]
name = "Carol Diaz"
email = "carol@acme.example"
`

const carol = "carol@acme.example"

func policy(lines string) string { return threeEngineers + "[policy]\n" + lines + "\n" }

// absences is who is off duty, as the store has it.
func (r *rig) absences() (all threads.Absences) {
	r.t.Helper()
	r.view(func(tx *store.Tx) (err error) { all, err = tx.Absences(); return err })
	return all
}

// later lets time pass and the gateway act on what has come due.
func (r *rig) later(d time.Duration) {
	r.t.Helper()
	r.now = r.now.Add(d)
	r.think()
}

// restart is a new gateway over the same store.
func (r *rig) restart() {
	r.t.Helper()
	rot := r.g.rot
	g, err := New(slog.New(slog.DiscardHandler), r.cfg, r.st, rot, r.clock, r)
	if err != nil {
		r.t.Fatal(err)
	}
	r.g = g
	r.think()
}

func vacation(r *rig, from, to string, fields ...string) string {
	return r.wrote(from, "Automatic reply: Printer on fire", "I am at the sea.", append([]string{"To: " + to, "Auto-Submitted: auto-replied"}, fields...)...)
}

// TestOutOfOffice: her own automatic reply takes an engineer off duty and
// hands on what waits for her; a forged one is only recorded.
func TestOutOfOffice(t *testing.T) {
	for _, tt := range []struct {
		name string
		raw  func(r *rig, cp sent) string
		off  bool
	}{
		{"to the bounce address of her copy", func(r *rig, cp sent) string { return vacation(r, alice, cp.EnvelopeFrom) }, true},
		{"there, from a mailbox she forwards to", func(r *rig, cp sent) string { return vacation(r, "ali@home.example", cp.EnvelopeFrom) }, true},
		{"to her reply address", func(r *rig, cp sent) string { return vacation(r, alice, cp.header("Reply-To")) }, true},
		{"with our id alone", func(r *rig, cp sent) string {
			return vacation(r, alice, "support@acme.example", "In-Reply-To: "+cp.MessageID)
		}, true},
		{"forged, by From alone", func(r *rig, cp sent) string { return vacation(r, alice, "support@acme.example") }, false},
		{"forged, naming the customer's mail", func(r *rig, cp sent) string {
			return vacation(r, alice, "support@acme.example", "In-Reply-To: <m1@client.example>")
		}, false},
		{"of a colleague at her address", func(r *rig, cp sent) string { return vacation(r, bob, cp.EnvelopeFrom) }, false},
		{"the receipt of what she has read", func(r *rig, cp sent) string {
			return r.answering(cp, alice, "", multipart("report; report-type=disposition-notification", plainPart("Your message was read."),
				"Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; "+alice+"\nDisposition: manual-action/MDN-sent-manually; displayed"))
		}, false},
		{"of a stranger with her token", func(r *rig, cp sent) string { return vacation(r, jane, cp.header("Reply-To")) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, cp := waiting(t, nil)
			r.comes(tt.raw(r, cp))
			a, off := r.absences()[alice]
			if off != tt.off {
				t.Fatalf("off duty: %v, %+v", off, a)
			}
			if !tt.off {
				if len(r.queue()) != 0 || r.conversation(1).Owner != alice {
					t.Errorf("it had consequences:%s", r.dump())
				}
				return
			}
			if a.Cause != threads.CauseReply || a.Until.Sub(r.now) != 24*time.Hour {
				t.Errorf("absence: %+v", a)
			}
			if c := r.one(store.OutCopy, bob); !strings.Contains(c.Mail.Text, "It burns.") || r.conversation(1).Owner != bob {
				t.Errorf("handed on: %s", c.Mail.Text)
			}
			if len(slicesOf(r.queue(), store.OutNotice)) != 0 {
				t.Errorf("an automatic mail follows from one:%s", r.dump())
			}
			r.gone()
			r.comes(r.wrote(jane, "Another printer", "It burns too."))
			r.one(store.OutCopy, bob)
		})
	}
}

// TestCustomersAutoReply to the bounce address of an answer is no engineer's.
func TestCustomersAutoReply(t *testing.T) {
	r, a := answered(t, nil)
	r.gone()
	r.comes(vacation(r, jane, a.EnvelopeFrom))
	if len(r.absences()) != 0 || len(r.queue()) != 0 {
		t.Errorf("absences %+v%s", r.absences(), r.dump())
	}
}

// TestAcknowledgedNotice: the ticket system behind an admin's address answers
// what it gets. That is no customer's mail, and goes nowhere.
func TestAcknowledgedNotice(t *testing.T) {
	for name, change := range map[string]func(*Config){"with addresses of our own": nil, "without": plain} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, change)
			r.rotate(strings.ReplaceAll(twoEngineers, "name =", "away = [\"2026-11-01..2026-12-31\"]\nname =")+"[policy]\nnobody_on_duty = \"admins\"\n", "Everybody is away.")
			r.comes(r.wrote("Joe <joe@shop.example>", "Slow network", "It crawls."))
			notices := r.to(store.OutNotice, ops)
			if len(notices) < 2 { // of the rotation, and that nobody is there
				t.Fatalf("notices:%s", r.dump())
			}
			r.gone()
			for _, n := range notices {
				r.comes(r.reply(n, ops, "Your request [OPS-12] was received.", "Auto-Submitted: auto-generated"))
			}
			if c := r.conversation(1); r.conversation(2).N != 0 || c.Participant(ops) || len(r.queue()) != 0 {
				t.Errorf("it had consequences: %v%s", r.events(1), r.dump())
			}
			r.comes(r.wrote(ops, "DISK CRITICAL", "It is full.", "Auto-Submitted: auto-generated"))
			if c := r.conversation(2); c.State != threads.StateOpen {
				t.Errorf("an alert opens nothing: %+v", c)
			}
		})
	}
}

// TestOutOfOfficeIsRenewedAndEnds: by the next one, by time, by /back and by
// an admin; the last one is never taken off.
func TestOutOfOfficeIsRenewedAndEnds(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(vacation(r, alice, cp.EnvelopeFrom))
	since := r.absences()[alice].Since
	r.gone()
	r.later(20 * time.Hour)
	r.comes(vacation(r, alice, cp.EnvelopeFrom, "Message-ID: <second@acme.example>", "Subject: Automatic reply: again"))
	if a := r.absences()[alice]; !a.Since.Equal(since) || a.Until.Sub(r.now) != 24*time.Hour {
		t.Errorf("not renewed: %+v", a)
	}
	bobs := r.to(store.OutCopy, bob)
	if len(bobs) != 0 {
		t.Errorf("what bob has came again:%s", r.dump())
	}
	r.comes(r.wrote(jane, "Slow network", "It crawls."))
	own := r.one(store.OutCopy, bob)
	r.comes(vacation(r, bob, own.EnvelopeFrom))
	if _, off := r.absences()[bob]; off {
		t.Error("the last one was taken off duty")
	}
	if n := r.one(store.OutNotice, ops); !strings.Contains(words(n), "Everybody else is off duty") {
		t.Errorf("the admins read: %s", n.Mail.Text)
	}
	r.gone()
	r.restart()
	if p := r.g.rot.Presence(alice, r.now, r.g.absent.Leave()); p.OnDuty {
		t.Error("the absence did not survive a restart")
	}
	if err := r.ask(VerbBack, "who", "alice"); err != nil || len(r.absences()) != 0 {
		t.Errorf("back: %v, %+v", err, r.absences())
	}
	if err := r.ask(VerbBack, "who", "alice"); err == nil {
		t.Error("she was put back twice")
	}
	if err := r.ask(VerbAway, "who", "alice", "until", "2026-12-24"); err != nil {
		t.Error(err)
	}
	if a := r.absences()[alice]; a.Cause != threads.CauseAdmin || !a.Until.Equal(time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("absence: %+v", a)
	}
	if err := r.ask(VerbAway, "who", "zoe"); err == nil {
		t.Error("nobody was put off duty")
	}
}

// TestDeadAddress: a report about an id only she was told takes her off duty.
func TestDeadAddress(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(report("support@acme.example", alice, "failed", "5.1.1", "Message-ID: <guessed@acme.example>\nSubject: x"))
	if len(r.absences()) != 0 {
		t.Fatalf("a forged report took her off duty: %+v", r.absences())
	}
	r.comes(report(cp.EnvelopeFrom, alice, "failed", "5.1.1", "Subject: x"))
	if a := r.absences()[alice]; a.Cause != threads.CauseDead || !a.Until.IsZero() {
		t.Fatalf("absence: %+v", a)
	}
	r.one(store.OutCopy, bob)
	if n := r.one(store.OutNotice, ops); !strings.Contains(words(n), "rotation back") {
		t.Errorf("the admins read: %s", n.Mail.Text)
	}
	if c := r.conversation(1); c.Owner != bob || c.Moves != 0 {
		t.Errorf("conversation: %+v", c)
	}
	// Bob is the last one: his stays with him, and the admins see to it.
	b := r.one(store.OutCopy, bob)
	r.gone()
	r.comes(report(b.EnvelopeFrom, bob, "failed", "5.1.1", "Subject: x"))
	if _, off := r.absences()[bob]; off || len(r.to(store.OutNotice, ops)) == 0 {
		t.Errorf("absences %+v%s", r.absences(), r.dump())
	}
	r.gone()
	r.later(30 * 24 * time.Hour)
	if n := len(slicesOf(r.queue(), store.OutCopy)); n != 0 {
		t.Errorf("the dead address got it %d times more", n)
	}
}

// TestKindsOfBounce: what becomes of a copy that comes back is said by the
// enhanced status code of the report.
func TestKindsOfBounce(t *testing.T) {
	for status, want := range map[string]string{
		"5.1.1": "dead", "5.1.6": "dead", "5.1.10": "dead", "5.2.1": "dead",
		"5.2.2": "stub", "5.2.3": "stub", "5.3.4": "stub", "5.6.0": "stub", "5.6.9": "stub", "5.7.1": "stub", "5.7.26": "stub",
		"5.1.2": "next", "5.4.1": "next", "5.0.0": "next", "4.4.7": "next", "5.4.7": "next",
	} {
		r, cp := waiting(t, nil)
		r.comes(report(cp.EnvelopeFrom, alice, "delayed", "4.4.1", "Subject: x"))
		if len(r.queue()) != 0 || len(r.absences()) != 0 || r.conversation(1).Owner != alice {
			t.Errorf("a delay moved something%s", r.dump())
		}
		r.comes(report(cp.EnvelopeFrom, alice, "failed", status, "Subject: x"))
		got, c := "next", r.conversation(1)
		switch {
		case r.absences()[alice].Cause == threads.CauseDead:
			got = "dead"
		case c.Owner == alice:
			got = "stub"
		}
		if got != want || got != "stub" && c.Owner != bob {
			t.Errorf("%s: %s, the owner is %s, want %s", status, got, c.Owner, want)
		}
		to := bob
		if got == "stub" {
			to = alice
		}
		if cp := r.one(store.OutCopy, to); !strings.Contains(cp.Mail.Text, "It burns.") {
			t.Errorf("%s: %s reads %s", status, to, cp.Mail.Text)
		}
	}
}

// TestContentMovesTwoPeople: a mail refused for what it is comes as a stub,
// then to one more, then to the admins, and no further.
func TestContentMovesTwoPeople(t *testing.T) {
	for name, status := range map[string]string{"policy": "5.7.1", "quota": "5.2.2", "size": "5.3.4", "content": "5.6.0", "message size": "5.2.3"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.rotate(threeEngineers)
			r.comes(r.wrote(jane, "Printer on fire", "", "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=x") +
				"--x\n\nIt burns.\n--x\nContent-Type: application/zip; name=fire.zip\nContent-Disposition: attachment; filename=fire.zip\n\nPK\n--x--\n")
			sent := 0
			for _, who := range []string{alice, alice, bob, bob} {
				cp := r.one(store.OutCopy, who)
				if sent++; sent%2 == 0 && (!strings.Contains(cp.Mail.Text, "It burns.") || !strings.Contains(cp.Mail.Text, "fire.zip")) {
					t.Errorf("the stub says: %s", cp.Mail.Text)
				}
				r.gone()
				r.comes(strings.Replace(report(cp.EnvelopeFrom, who, "failed", status, "Subject: x"), "Subject:", fmt.Sprintf("Message-ID: <dsn%d@mx>\nSubject:", sent), 1))
			}
			if len(slicesOf(r.queue(), store.OutCopy)) != 0 {
				t.Errorf("it moved on:%s", r.dump())
			}
			r.one(store.OutNotice, ops)
			if len(r.absences()) != 0 {
				t.Errorf("off duty: %+v", r.absences())
			}
		})
	}
}

// TestPersonalCommands: away and back, in a reply and to her own address.
// TestCommandTakenForSpam: filters dislike a mail of one line, and she would
// believe that it was done. What only bears her address stays spam.
func TestCommandTakenForSpam(t *testing.T) {
	for name, change := range map[string]func(*Config){"with addresses of our own": nil, "without": plain} {
		t.Run(name, func(t *testing.T) {
			r, _ := waiting(t, change)
			o := r.outcome(r.comes(r.wrote(alice, "hello", "/away 2d", "X-Spam-Flag: YES")))
			if o.Kind != store.OutcomeUnseen || len(r.holds()) != 0 {
				t.Errorf("outcome %+v, held %+v", o, r.holds())
			}
			r.comes(r.wrote(alice, "Re: hello", "Text.", "In-Reply-To: <nowhere@client.example>"))
			n := r.one(store.OutNotice, alice)
			r.gone()
			r.comes(r.reply(n, alice, "/discard", "X-Spam-Flag: YES"))
			if len(r.holds()) != 0 {
				t.Errorf("held %+v%s", r.holds(), r.dump())
			}
			if change == nil {
				r.comes(r.wrote(alice, "hello", "/away 2d", "X-Spam-Flag: YES", "To: "+r.personal(t, alice)))
				if _, off := r.absences()[alice]; !off {
					t.Errorf("she is not away:%s", r.dump())
				}
			}
		})
	}
}

func TestPersonalCommands(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, alice, "/away until 2026-12-01"))
	a := r.absences()[alice]
	if a.Cause != threads.CauseAsked || !a.Until.Equal(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)) {
		t.Fatalf("absence: %+v%s", a, r.dump())
	}
	r.one(store.OutCopy, bob) // what waits goes on at once
	if n := r.one(store.OutNotice, alice); !strings.Contains(words(n), "off duty until 1 Dec 2026") {
		t.Errorf("she reads: %s", n.Mail.Text)
	}
	if r.answers() != 0 {
		t.Error("the customer got it")
	}
	r.gone()
	var personal string
	r.update(func(tx *store.Tx) (err error) {
		b := &batch{g: r.g, tx: tx}
		personal, err = b.noticeReply(threads.Conversation{}, threads.Notify{Engineer: alice})
		return err
	})
	uid := r.comes(r.wrote(alice, "hello", "/status\n/back\n\n-- \nAlice", "To: "+personal))
	if o := r.outcome(uid); o.Kind != store.OutcomeCommand || len(r.holds()) != 0 {
		t.Errorf("outcome %+v, held %+v", o, r.holds())
	}
	if len(r.absences()) != 0 {
		t.Errorf("absences: %+v", r.absences())
	}
	var all string
	for _, n := range r.to(store.OutNotice, alice) {
		all += words(n)
		if token, ok := r.g.names.Token(n.header("Reply-To")); !ok || token[0] != byte(threads.TokenPersonal) {
			t.Errorf("Reply-To: %s", n.header("Reply-To"))
		}
		if n.header("Auto-Submitted") != "auto-generated" {
			t.Error("a notice is not marked as automatic")
		}
	}
	if !strings.Contains(all, "Bob Stone: on duty, 1 open") || !strings.Contains(all, "You are back") {
		t.Errorf("she reads: %s", all)
	}
	r.gone()
	for _, bad := range []string{"/away until yesterday", "/take", "/away 3x", "/away", "/help"} {
		held := len(r.holds())
		r.comes(r.wrote(alice, "hello", bad, "To: "+personal))
		if want := held + 1; bad[1] == 'a' && len(bad) > 6 || bad == "/take" {
			if len(r.holds()) != want {
				t.Errorf("%s was not held", bad)
			}
		} else if len(r.holds()) != held {
			t.Errorf("%s was held: %s", bad, r.holds()[0].Reason)
		}
	}
	uid = r.comes(r.wrote("mallory@evil.example", "hello", "/away", "To: "+personal))
	if o := r.outcome(uid); o.Kind != store.OutcomeCommand || r.absences()["mallory@evil.example"].Cause != "" {
		t.Errorf("outcome %+v", o)
	}
}

// TestLeaverIsSpread: what she has open goes to all, not to one.
func TestLeaverIsSpread(t *testing.T) {
	r := newRig(t, nil)
	r.rotate("timezone = \"UTC\"\nadmins = [\"ops@acme.example\"]\n[[engineer]]\nname = \"Alice Ng\"\nemail = \"alice@acme.example\"\n")
	for range 6 {
		r.comes(r.wrote(jane, "Printer on fire", "It burns."))
	}
	r.comes(r.reply(r.to(store.OutCopy, alice)[0], alice, "Use water."))
	r.gone()
	r.rotate("timezone = \"UTC\"\nadmins = [\"ops@acme.example\"]\n[[engineer]]\nname = \"Bob Stone\"\nemail = \"bob@acme.example\"\n[[engineer]]\nname = \"Carol Diaz\"\nemail = \"carol@acme.example\"\n", "Alice left")
	if b, c := len(r.to(store.OutCopy, bob)), len(r.to(store.OutCopy, carol)); b != 3 || c != 3 {
		t.Errorf("bob got %d and carol %d%s", b, c, r.dump())
	}
	story := slices.ContainsFunc(slicesOf(r.queue(), store.OutCopy), func(s sent) bool { return strings.Contains(s.Mail.Text, "Use water.") })
	if !story {
		t.Error("the story of the answered one is missing")
	}
}

// TestOldestFirst: whoever comes on duty gets what has waited longest first,
// and the owner what was hers.
func TestOldestFirst(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, alice, "Use water."))
	a := r.one(store.OutAnswer, jane)
	r.gone()
	closed := strings.ReplaceAll(threeEngineers, "[[engineer]]", "[[engineer]]\nhours = \"Mon-Fri 10:00-18:00\"")
	r.rotate(closed)
	for range 12 {
		r.comes(r.wrote("new@client.example", "Slow network", "It crawls."))
		r.now = r.now.Add(time.Minute)
	}
	r.comes(r.wrote(jane, "Re: Printer on fire", "It still burns.", "In-Reply-To: "+a.MessageID))
	if len(slicesOf(r.queue(), store.OutCopy)) != 0 {
		t.Fatalf("somebody off duty got mail:%s", r.dump())
	}
	r.restart()
	r.later(time1)
	var order []uint64
	for _, s := range slicesOf(r.queue(), store.OutCopy) {
		order = append(order, s.Conversation)
		if s.Conversation == 1 && s.To != alice {
			t.Errorf("alice's own went to %s", s.To)
		}
	}
	slices.Sort(order)
	if len(order) != 13 {
		t.Fatalf("handed out: %v", order)
	}
	var had []string
	for id := range 12 {
		had = append(had, r.conversation(threads.ID(id+2)).Owner)
	}
	want := []string{bob, carol, alice}
	for i, who := range had {
		if who != want[i%3] {
			t.Errorf("the turns went to %v", had)
			break
		}
	}
}
