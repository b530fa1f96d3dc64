package gateway

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/internal/rotation"
	"postroom/internal/store"
	"postroom/threads"
)

// past is a state that goes on behind a backup, and what the mailbox holds of
// that time: what came, and what went out.
type past struct {
	*rig
	backup      bytes.Buffer
	inbox, sent []string
}

// came is a mail that came in, and all that was sent because of it; the relay
// loses what lost says.
func (p *past) came(raw string, lost ...store.OutKind) {
	p.t.Helper()
	p.inbox = append(p.inbox, raw)
	p.comes(raw)
	for _, s := range p.queue() {
		if !slices.Contains(lost, s.Kind) {
			p.sent = append(p.sent, s.raw)
		}
	}
	p.now = p.now.Add(time.Minute)
}

// adminsAddress is where an admin answers.
func (p *past) adminsAddress() (to string) {
	p.t.Helper()
	p.update(func(tx *store.Tx) (err error) {
		b := &batch{g: p.g, tx: tx, now: p.now, rot: p.g.rot}
		to, err = b.adminAddress(ops)
		return err
	})
	return to
}

// newest is the mail queued last to an address; everything goes out.
func (p *past) newest(kind store.OutKind, to string) sent {
	p.t.Helper()
	list := p.to(kind, to)
	if len(list) == 0 {
		p.t.Fatalf("nothing of kind %s to %s: %s", kind, to, p.dump())
	}
	p.gone()
	return list[len(list)-1]
}

// putBack is the state of the backup, opened beside the mailbox as it is now.
func (p *past) putBack() *rig {
	t := p.t
	t.Helper()
	dir := t.TempDir()
	r := store.Restore{Dir: dir, Backup: bytes.NewReader(p.backup.Bytes()), Now: p.now, Random: strings.NewReader("by chance")}
	if _, err := r.PutBack(slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	after := unopened(t)
	after.now, after.ids, after.uid = p.now.Add(time.Hour), p.ids+100, 100
	st, err := store.Open(slog.New(slog.DiscardHandler), dir, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	after.st = st
	t.Cleanup(func() {
		for _, err := range st.Verify() {
			t.Errorf("verify: %v", err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	rot, _, err := rotation.Parse("rotation.toml", []byte(twoEngineers))
	if err != nil {
		t.Fatal(err)
	}
	if after.g, err = New(slog.New(slog.DiscardHandler), after.cfg, st, rot, after.clock, after); err != nil {
		t.Fatal(err)
	}
	return after
}

// rereads hands the mail of the lost time in, as the mailbox is read again.
func (r *rig) rereads(p *past) {
	r.t.Helper()
	r.update(func(tx *store.Tx) error {
		s, _, err := tx.Restored()
		if err != nil {
			return err
		}
		below := r.uid + uint32(len(p.inbox)+len(p.sent)) + 1
		s.Inbox = &store.Window{Folder: "INBOX", Validity: 1, From: r.uid + 1, Below: below, Read: true, Look: 1}
		s.Sent = &store.Window{Folder: "Sent", Validity: 1, From: r.uid + 1, Below: below, Read: true, Look: 1}
		return tx.SetRestored(s)
	})
	for folder, list := range map[string][]string{"Sent": p.sent, "INBOX": p.inbox} {
		for _, raw := range list {
			r.put(folder, strings.ReplaceAll(raw, "\r\n", "\n"))
		}
	}
	r.think()
	if list := r.queue(); len(list) != 0 {
		r.t.Errorf("something went out before all was read: %s", r.dump())
	}
	for _, folder := range []string{"INBOX", "Sent"} {
		r.update(func(tx *store.Tx) error {
			return tx.AddInbox(store.InboxRecord{At: r.now, Reread: &store.InReread{Folder: folder, Look: 1}})
		})
	}
	r.think()
	if s := r.phase(); s.Phase != store.RestoreDone {
		r.t.Fatalf("it ended in phase %q", s.Phase)
	}
}

// about is the conversation of a subject.
func (r *rig) about(subject string) threads.Conversation {
	r.t.Helper()
	var found threads.Conversation
	r.view(func(tx *store.Tx) error {
		return tx.EachConversation(func(c threads.Conversation) error {
			if c.Subject == subject {
				found = c
			}
			return nil
		})
	})
	if found.ID == 0 {
		r.t.Fatalf("no conversation %q", subject)
	}
	return found
}

// TestLostTime: everything that happens behind a backup is found again in the
// mailbox. What went out is on the record and does not go out again; what
// nobody can know of is held; what nobody had is handed out.
func TestLostTime(t *testing.T) {
	p := &past{rig: newRig(t, nil)}
	p.comes(p.wrote("Jane <"+jane+">", "Pump", "It is broken."))
	pump := p.newest(store.OutCopy, alice)
	p.adminsAddress() // which the backup knows
	if _, err := p.st.Backup(&p.backup, "test", "", p.now); err != nil {
		t.Fatal(err)
	}
	p.now = p.now.Add(time.Minute)

	p.came(p.reply(pump, alice, "Turn it off and on again, and tell me whether the red light burns then."))
	answer := p.newest(store.OutAnswer, jane)
	p.came(p.reply(answer, "Jane <"+jane+">", "It burns, and nothing moves."))
	p.newest(store.OutCopy, alice)
	p.came(p.wrote("Kim <kim@third.example>", "Scanner", "It hums."))
	scanner := p.newest(store.OutCopy, bob)
	p.came(p.reply(scanner, bob, "/note\nKim has called before, be kind."))
	p.gone()
	p.came(p.reply(scanner, bob, "Please send me the number on its back, and I shall look it up in our list."))
	kims := p.newest(store.OutAnswer, "kim@third.example")
	p.came(p.wrote("Lee <lee@fourth.example>", "Hinge", "It squeaks."))
	hinge := p.newest(store.OutCopy, alice)
	p.came(p.reply(hinge, alice, "/close"))
	p.gone()
	p.came(p.wrote("Max <max@fifth.example>", "Belt", "It slips."))
	belt := p.newest(store.OutCopy, bob)
	p.came(p.reply(belt, bob, "Tighten the two screws on its left side, half a turn each, no more than that."), store.OutAnswer)
	p.gone()
	p.came(p.wrote("Ann <ann@sixth.example>", "Wheel", "It is flat."), store.OutCopy)
	p.gone()
	p.came(p.wrote("Jane <"+jane+">", "Out of office", "I am away.", "Auto-Submitted: auto-replied", "In-Reply-To: "+answer.MessageID))
	p.came(p.wrote("Bob <"+bob+">", "Out of office", "I am at the sea.", "Auto-Submitted: auto-replied", "In-Reply-To: "+belt.MessageID))
	p.came(p.wrote("Ops <"+ops+">", "Re: The list", "/retry 4", "To: "+p.adminsAddress()))
	p.gone()
	p.came(p.wrote("news@list.example", "News", "Buy.", "To: all@list.example", "List-Id: <news.list.example>", "Precedence: bulk"))
	p.sent = append(p.sent, p.wrote("support@acme.example", "By hand", "Somebody wrote this at the mailbox itself.", "To: zed@seventh.example"))

	r := p.putBack()
	r.rereads(p)

	if list := slices.Concat(r.to(store.OutAnswer, jane), r.to(store.OutAnswer, "kim@third.example"), r.to(store.OutAnswer, "max@fifth.example")); len(list) != 0 {
		t.Errorf("answers went out again: %s", r.dump())
	}
	for _, tt := range []struct {
		subject, owner string
		unanswered     bool
		events         string
	}{
		{"Pump", alice, true, "opened received assigned copied delivered accepted received copied received"},
		{"Scanner", bob, false, "opened received assigned copied accepted noted"},
		{"Hinge", alice, true, "opened received assigned copied"}, // what closed it is only told
		{"Belt", bob, true, "opened received assigned copied held"},
	} {
		c := r.about(tt.subject)
		if got := strings.Join(r.events(c.ID), " "); c.Owner != tt.owner || c.Unanswered != tt.unanswered || got != tt.events {
			t.Errorf("%s: of %s, unanswered %t: %s\nwant %s, %t: %s", tt.subject, c.Owner, c.Unanswered, got, tt.owner, tt.unanswered, tt.events)
		}
	}
	// What no engineer is seen to have had is handed out now, and nothing else is.
	var copies []string
	for _, s := range r.queue() {
		if s.Kind == store.OutCopy {
			copies = append(copies, s.OutMail.Subject)
		}
	}
	if len(copies) != 1 || !strings.Contains(copies[0], "Wheel") {
		t.Errorf("handed out: %q", copies)
	}
	held := r.holds()
	if len(held) != 1 || held[0].Why != threads.WhyLost || held[0].Engineer != bob {
		t.Fatalf("held: %+v", held)
	}
	if asked := r.one(store.OutNotice, bob); !strings.Contains(asked.Mail.Text, "it may have gone out then, but no copy of it is in the mailbox") || !strings.Contains(asked.Mail.Text, "Tighten the two screws") {
		t.Errorf("bob is asked: %s", asked.Mail.Text)
	}
	told := r.one(store.OutNotice, ops)
	for _, want := range []string{"The state was put back from a backup", "3 answers had gone out then", "1 mail of engineers had to be held", "alice@acme.example: /close (Re: Hinge)",
		"an admin's: /retry 4 (Re: The list)"} {
		if !strings.Contains(strings.Join(strings.Fields(told.Mail.Text+told.OutMail.Subject), " "), want) {
			t.Errorf("the admins do not read %q in\n%s\n%s", want, told.OutMail.Subject, told.Mail.Text)
		}
	}
	r.gone()
	r.view(func(tx *store.Tx) error {
		off, err := tx.Absences()
		if len(off) != 0 {
			t.Errorf("who was at the sea then is off duty now: %+v", off)
		}
		return err
	})

	// What went out in the lost time is answered as if nothing had been.
	r.comes(r.reply(kims, "Kim <kim@third.example>", "It is 4711."))
	if c := r.about("Scanner"); !c.Unanswered || len(r.to(store.OutCopy, bob)) != 1 {
		t.Errorf("Kim's answer went elsewhere: %s", r.dump())
	}
	r.comes(r.reply(hinge, alice, "Oil it twice a year, and please not with butter."))
	if c := r.about("Hinge"); c.Unanswered || len(r.to(store.OutAnswer, "lee@fourth.example")) != 1 {
		t.Errorf("Alice's answer to her copy of then: %+v %s", r.holds(), r.dump())
	}
	if err := r.ask(VerbDiscard, "hold", held[0].ID); err != nil || len(r.holds()) != 0 {
		t.Errorf("discarding what was held: %v", err)
	}
}

// TestFoundLate: an answer of the lost time that a relay sat on comes back when
// all else was read: what was held for want of it is let go of.
func TestFoundLate(t *testing.T) {
	p := &past{rig: newRig(t, nil)}
	p.comes(p.wrote("Jane <"+jane+">", "Pump", "It is broken."))
	pump := p.newest(store.OutCopy, alice)
	if _, err := p.st.Backup(&p.backup, "test", "", p.now); err != nil {
		t.Fatal(err)
	}
	p.came(p.reply(pump, alice, "Turn it off and on again, and tell me whether the red light burns then."), store.OutAnswer)
	late := p.newest(store.OutAnswer, jane)
	r := p.putBack()
	r.rereads(p)
	if held := r.holds(); len(held) != 1 || held[0].Why != threads.WhyLost {
		t.Fatalf("held: %+v", held)
	}
	r.gone()
	r.put("Sent", strings.ReplaceAll(late.raw, "\r\n", "\n"))
	r.think()
	c := r.about("Pump")
	if len(r.holds()) != 0 || c.Unanswered || len(r.to(store.OutAnswer, jane)) != 0 {
		t.Errorf("held %+v, unanswered %t: %s", r.holds(), c.Unanswered, r.dump())
	}
	if got := r.events(c.ID); !slices.Contains(got, "accepted") || !slices.Contains(got, "settled") {
		t.Errorf("events: %v", got)
	}
}
