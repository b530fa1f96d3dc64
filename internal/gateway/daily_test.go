package gateway

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

const newsletter = "From: News <news@list.example>\nTo: all@list.example\nList-Id: <all.list.example>\nPrecedence: bulk\n" +
	"Subject: Ten offers\nDate: Mon, 23 Nov 2026 08:00:00 +0000\nMessage-ID: <n1@list.example>\n\nBuy!\n"

// junk tells the gateway of mails that are new in Junk.
func (r *rig) junk(validity uint32, again bool, raws ...string) {
	r.t.Helper()
	rec := store.InHistory{Folder: "Junk", Validity: validity, Also: true, Again: again}
	for i, raw := range raws {
		h := store.HistoryHeader{UID: uint32(i + 1), InternalDate: r.now}
		h.Header, h.Size = headOf(raw)
		rec.Mails = append(rec.Mails, h)
	}
	r.say(store.InboxRecord{At: r.now, History: &rec})
}

func (r *rig) recorded() (list []store.Recorded) {
	r.t.Helper()
	r.view(func(tx *store.Tx) error {
		return tx.EachRecorded(func(m store.Recorded) error {
			list = append(list, m)
			return nil
		})
	})
	return list
}

func (r *rig) latersOf(folder string) (list []store.Later) {
	r.t.Helper()
	r.view(func(tx *store.Tx) (err error) {
		list, err = tx.Laters(folder)
		return err
	})
	return list
}

// fetch brings in what was asked for, as imapsync does.
func (r *rig) fetch(l store.Later, raw string) {
	r.t.Helper()
	uid := r.put("elsewhere", raw)
	r.update(func(tx *store.Tx) error {
		list, err := tx.Inbox(1 << 20)
		if err != nil {
			return err
		}
		for _, rec := range list {
			if rec.Mail == nil || rec.Mail.UID != uid {
				continue
			}
			rec.Mail.UID, rec.Mail.For = l.UID, l.For
			if err := tx.UpdateInbox(rec); err != nil {
				return err
			}
		}
		return tx.DropLater(l.UID)
	})
	r.think()
}

// lists are the daily lists to the admin.
func (r *rig) lists() (all []sent) {
	for _, s := range r.to(store.OutNotice, ops) {
		if strings.HasPrefix(s.ID, dailyPrefix) {
			all = append(all, s)
		}
	}
	return all
}

// tap is the mail a link of a notice opens, sent by somebody.
func tap(t *testing.T, r *rig, text, command, from string) string {
	t.Helper()
	for _, line := range strings.Fields(text) {
		if !strings.HasPrefix(line, "mailto:") {
			continue
		}
		u, err := url.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		if u.Query().Get("body") == command {
			return r.wrote(from, u.Query().Get("subject"), command, "To: "+u.Opaque)
		}
	}
	t.Fatalf("no link says %q:\n%s", command, text)
	return ""
}

// What is recorded and given to nobody is told to the admins once a day, and
// one tap hands one of these mails out.
func TestDailyList(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Also = []string{"Junk"} })
	news := r.comes(newsletter)
	spam := r.wrote("Jane Doe <"+jane+">", "Am I spam?", "I am a customer.")
	r.junk(5, false, spam)
	if n := len(r.queue()); n != 0 {
		t.Fatalf("%d mails go out for a newsletter and junk", n)
	}
	r.later(24 * time.Hour)
	lists := r.lists()
	if len(lists) != 1 {
		t.Fatalf("%d lists in a day: %s", len(lists), r.dump())
	}
	text := lists[0].Mail.Text
	for _, want := range []string{"Ten offers (bulk)", "Am I spam? (junk)", "2 new mails"} {
		if !strings.Contains(text, want) {
			t.Errorf("the list lacks %q:\n%s", want, text)
		}
	}
	r.later(3 * 24 * time.Hour)
	if n := len(r.lists()); n != 1 {
		t.Errorf("%d lists, though there was nothing new", n)
	}

	// Somebody else knows the link, and an admin's bare mail proves nothing.
	r.comes(tap(t, r, text, "/distribute 2", "Mallory <m@evil.example>"))
	if l := r.latersOf("Junk"); len(l) != 0 {
		t.Errorf("fetched for a stranger: %+v", l)
	}
	r.comes(tap(t, r, text, "/distribute 2", ops))
	l := r.latersOf("Junk")
	if len(l) != 1 || l[0].For != ops || l[0].UID != (store.UID{Folder: "Junk", Validity: 5, UID: 1}) {
		t.Fatalf("to be fetched: %+v", l)
	}
	r.fetch(l[0], spam)
	if o := r.outcome(l[0].UID); o.Kind != store.OutcomeEvent || o.Conversation == 0 {
		t.Errorf("the outcome is %+v", o)
	}
	cp := r.one(store.OutCopy, alice)
	if cp.Mail.Subject != "Am I spam?" {
		t.Errorf("alice gets %q", cp.Mail.Subject)
	}

	// The newsletter too, and only once.
	r.comes(tap(t, r, text, "/distribute 1", ops))
	l = r.latersOf("INBOX")
	if len(l) != 1 || l[0].UID != news {
		t.Fatalf("to be fetched: %+v", l)
	}
	r.comes(tap(t, r, text, "/distribute 1", ops))
	r.fetch(l[0], newsletter)
	if n := len(r.to(store.OutCopy, bob)); n != 1 {
		t.Errorf("bob has %d copies", n)
	}
	if left := r.recorded(); len(left) != 1 || left[0].Class != "forged" || left[0].Listed {
		t.Errorf("still recorded: %+v, want the stranger's mail, for the next list", left)
	}
	told := 0
	for _, s := range r.to(store.OutNotice, ops) {
		if strings.HasPrefix(s.ID, "told.") {
			told++
		}
	}
	if told != 3 {
		t.Errorf("the admin was told %d times how it went, want 3", told)
	}
}

// Without plus-addresses a reply to the list with its line does it.
func TestDailyListWithoutLinks(t *testing.T) {
	r := newRig(t, func(c *Config) { c.ReplyTemplate = "" })
	news := r.comes(newsletter)
	r.later(24 * time.Hour)
	lists := r.lists()
	if len(lists) != 1 || !strings.Contains(lists[0].Mail.Text, "/distribute 1") {
		t.Fatalf("%d lists: %s", len(lists), r.dump())
	}
	r.comes(r.reply(lists[0], ops, "/distribute 1\n"))
	if l := r.latersOf("INBOX"); len(l) != 1 || l[0].UID != news {
		t.Errorf("to be fetched: %+v", l)
	}
}

// What is in Junk and is ours, or answers us, is fetched at once; what is
// moved between the folders is what it was.
func TestJunkThatIsOurs(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Also = []string{"Junk"} })
	asked := r.wrote("Jane Doe <"+jane+">", "Printer on fire", "It burns.")
	r.comes(asked)
	cp := r.one(store.OutCopy, alice)
	hers := r.reply(cp, "Alice Ng <"+alice+">", "Pour water on it.\n")
	answered := r.wrote("Jane Doe <"+jane+">", "Re: Printer on fire", "Worse!", "In-Reply-To: "+r.conversationRoot(1))
	named := r.wrote("Spam <s@spam.example>", "Re: Printer on fire", "Buy!", "In-Reply-To: <m1@client.example>")
	r.junk(5, false, hers, asked, named, answered)
	var got []uint32
	for _, l := range r.latersOf("Junk") {
		got = append(got, l.UID.UID)
	}
	if len(got) != 2 || got[0] != 1 || got[1] != 4 {
		t.Errorf("fetched: %v, want 1, a reply of an engineer, and 4, an answer to us", got)
	}
	if list := r.recorded(); len(list) != 1 || list[0].UID.UID != 3 {
		t.Errorf("to be told: %+v, want 3 alone", list)
	}
	r.fetch(r.latersOf("Junk")[0], hers)
	if n := r.answers(); n != 1 {
		t.Errorf("%d answers", n)
	}
	// What a person moves out of Junk is a customer's mail.
	r.comes(named)
	if n := len(r.to(store.OutCopy, alice)); n != 2 {
		t.Errorf("alice has %d copies", n)
	}
}

func (r *rig) conversationRoot(id threads.ID) string { return r.g.names.RootID(r.g.minter, id) }

// A Junk folder that is numbered anew tells nothing twice, and a link goes on
// to mean its mail.
func TestJunkRenumbered(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Also = []string{"Junk"} })
	one, two := r.wrote("A <a@x.example>", "One", "1"), r.wrote("B <b@x.example>", "Two", "2")
	r.junk(5, false, one)
	r.later(24 * time.Hour)
	r.junk(6, true, two, one)
	r.later(24 * time.Hour)
	lists := r.lists()
	if len(lists) != 2 || strings.Contains(lists[1].Mail.Text, "One (junk)") || !strings.Contains(lists[1].Mail.Text, "Two (junk)") {
		t.Fatalf("%d lists: %s", len(lists), r.dump())
	}
	r.comes(tap(t, r, lists[0].Mail.Text, "/distribute 1", ops))
	if l := r.latersOf("Junk"); len(l) != 1 || l[0].UID != (store.UID{Folder: "Junk", Validity: 6, UID: 2}) {
		t.Errorf("to be fetched: %+v", l)
	}
}

// A mail that is gone when it is asked for is said to be.
func TestAskedForAndGone(t *testing.T) {
	r := newRig(t, nil)
	r.comes(newsletter)
	if err := r.ask(VerbDistribute, "recorded", "1"); err != nil {
		t.Fatal(err)
	}
	if err := r.ask(VerbDistribute, "recorded", "1"); err == nil {
		t.Error("asked for twice")
	}
	if err := r.ask(VerbDistribute, "recorded", "7"); err == nil {
		t.Error("there is no 7")
	}
	l := r.latersOf("INBOX")
	r.say(store.InboxRecord{At: r.now, Gone: &store.InGone{UID: l[0].UID, Why: "no longer in the folder", For: ops}})
	if o := r.outcome(l[0].UID); o.Kind != store.OutcomeUnseen {
		t.Errorf("the outcome is %+v", o)
	}
	if n := r.to(store.OutNotice, ops); len(n) != 1 || !strings.Contains(n[0].Mail.Text, "no longer in the folder") {
		t.Errorf("told: %s", r.dump())
	}
	if len(r.aside) != 0 || len(r.recorded()) != 0 {
		t.Errorf("set aside: %v; recorded: %v", r.aside, r.recorded())
	}
}

// Held mail and what was set aside is on each day's list until it is settled.
func TestDailyListOfWhatWaits(t *testing.T) {
	r := newRig(t, nil)
	r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "It burns."))
	cp := r.one(store.OutCopy, alice)
	r.comes(r.reply(cp, "Alice Ng <"+alice+">", "/frobnicate\nText\n"))
	if len(r.holds()) != 1 {
		t.Fatalf("holds: %+v", r.holds())
	}
	r.later(24 * time.Hour)
	r.later(24 * time.Hour)
	lists := r.lists()
	if len(lists) != 2 || !strings.Contains(lists[1].Mail.Text, "held: "+alice) {
		t.Fatalf("%d lists: %s", len(lists), r.dump())
	}
	r.comes(tap(t, r, lists[1].Mail.Text, "/release "+r.holds()[0].ID, ops))
	if len(r.holds()) != 0 || r.answers() != 1 {
		t.Errorf("holds %+v, %d answers: %s", r.holds(), r.answers(), r.dump())
	}
	r.later(3 * 24 * time.Hour)
	if n := len(r.lists()); n != 2 {
		t.Errorf("%d lists, though nothing waits", n)
	}
}
