package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postroom/internal/store"
	"postroom/threads"
)

// brokenToken makes a reply address of alice's that names a conversation which
// is not there: mail to it breaks the step each time.
func (r *rig) brokenToken() (addr string, mend func(threads.ID)) {
	token := r.g.minter.Token(threads.TokenReply, "broken")
	set := func(id threads.ID) {
		r.update(func(tx *store.Tx) error {
			return tx.AddToken(token, threads.Token{Kind: threads.TokenReply, Engineer: alice, Conversation: id})
		})
	}
	set(99)
	return r.g.names.Address(token), set
}

func (r *rig) asides() []store.Aside {
	r.t.Helper()
	var list []store.Aside
	r.view(func(tx *store.Tx) (err error) { list, err = tx.Asides(); return err })
	return list
}

// TestQuarantine: a mail that breaks the step is set aside after three tries,
// reaches the admins attached, and those before and behind it go on.
func TestQuarantine(t *testing.T) {
	r := newRig(t, nil)
	addr, _ := r.brokenToken()
	before := r.put("INBOX", r.wrote(jane, "Before", "One."))
	bad := r.put("INBOX", r.wrote(alice, "Re: x", "It breaks.", "To: "+addr))
	behind := r.put("INBOX", r.wrote(jane, "Behind", "Three."))
	r.think()
	if o := r.outcome(bad); o.Kind != store.OutcomeAside || !strings.Contains(o.Note, "conversation 99") {
		t.Errorf("outcome: %+v", o)
	}
	for _, uid := range []store.UID{before, behind} {
		if o := r.outcome(uid); o.Kind != store.OutcomeEvent {
			t.Errorf("%s: %+v", uid, o)
		}
	}
	list := r.asides()
	if len(list) != 1 || list[0].Record.Tries != maxTries || list[0].Record.Mail.UID != bad || len(r.aside) != 1 {
		t.Errorf("set aside: %+v", list)
	}
	size := list[0].Record.Mail.Raw.Length
	if n := r.one(store.OutNotice, ops); len(n.Mail.Attachments) != 1 || n.Mail.Attachments[0].Size != size {
		t.Errorf("the mail is not in the notice: %s", n.raw)
	}
}

// TestRetryOfAside: both when it works now and when it breaks again. The spool
// is verified at the end of each.
func TestRetryOfAside(t *testing.T) {
	for _, works := range []bool{true, false} {
		r := newRig(t, nil)
		r.comes(r.wrote(jane, "Printer on fire", "It burns."))
		cp := r.one(store.OutCopy, alice)
		addr, mend := r.brokenToken()
		bad := r.comes(r.wrote(alice, "Re: Printer on fire", "Use water.", "To: "+addr, "In-Reply-To: "+cp.MessageID))
		if works {
			mend(1)
		}
		id := "2"
		if err := r.ask(VerbRetry, "aside", id); err != nil {
			t.Fatal(err)
		}
		want, answers, notices := store.OutcomeEvent, 1, 1
		if !works {
			want, answers = store.OutcomeAside, 0
		}
		if o := r.outcome(bad); o.Kind != want {
			t.Errorf("outcome: %+v", o)
		}
		if n := len(r.asides()); n != 1-answers {
			t.Errorf("%d records aside", n)
		}
		if n := len(slicesOf(r.queue(), store.OutAnswer)); n != answers {
			t.Errorf("%d answers", n)
		}
		if n := len(r.to(store.OutNotice, ops)); n != notices {
			t.Errorf("%d notices to the admins, want %d", n, notices)
		}
		r.gone()
	}
	r := newRig(t, nil)
	if err := r.ask(VerbRetry, "aside", "77"); err == nil || !strings.Contains(err.Error(), `"77"`) {
		t.Errorf("retrying what is not there: %v", err)
	}
}

// TestSetAsideNeverStops: not even what cannot be told or entered keeps the
// records behind it waiting.
func TestSetAsideNeverStops(t *testing.T) {
	t.Run("a record that says nothing", func(t *testing.T) {
		r := newRig(t, nil)
		r.say(store.InboxRecord{At: r.now})
		if len(r.asides()) != 1 {
			t.Error("it is not aside")
		}
		if o := r.outcome(r.comes(r.wrote(jane, "x", "y"))); o.Kind != store.OutcomeEvent {
			t.Errorf("outcome: %+v", o)
		}
	})
	t.Run("a UID with another outcome", func(t *testing.T) {
		r := newRig(t, nil)
		gone := r.inboxUID(1)
		r.uid = 1
		r.update(func(tx *store.Tx) error {
			return tx.SetCursor(store.Cursor{Folder: "INBOX", UIDValidity: 1, First: 1, Next: 2, HistoryNext: 1})
		})
		r.say(store.InboxRecord{At: r.now, Gone: &store.InGone{UID: gone, Why: "expunged"}})
		r.say(store.InboxRecord{At: r.now, History: &store.InHistory{Folder: "INBOX", Validity: 1, Mails: []store.HistoryHeader{
			{UID: 1, Header: []byte("From: jane@client.example\r\nMessage-ID: <h@x>\r\n\r\n")},
		}}})
		if o := r.outcome(gone); o.Kind != store.OutcomeGone {
			t.Errorf("outcome: %+v", o)
		}
		if o := r.outcome(r.comes(r.wrote(jane, "x", "y"))); o.Kind != store.OutcomeEvent {
			t.Errorf("outcome: %+v", o)
		}
	})
	t.Run("admins who cannot be written to", func(t *testing.T) {
		r := newRig(t, nil)
		rot := *r.g.rot
		rot.Admins = []string{"no address at all\r\nBcc: x@y"}
		r.g.rot = &rot
		addr, _ := r.brokenToken()
		bad := r.put("INBOX", r.wrote(alice, "Re: x", "It breaks.", "To: "+addr))
		next := r.put("INBOX", r.wrote(jane, "x", "y"))
		r.think()
		if o := r.outcome(bad); o.Kind != store.OutcomeAside {
			t.Errorf("outcome: %+v", o)
		}
		if o := r.outcome(next); o.Kind != store.OutcomeEvent {
			t.Errorf("outcome: %+v", o)
		}
	})
}

func TestParkedMail(t *testing.T) {
	old := store.Cursor{Folder: "INBOX", UIDValidity: 1, First: 100, Next: 100, HistoryNext: 50, HistoryTotal: 99}
	header := []byte("From: jane@client.example\r\nTo: support@acme.example\r\nSubject: Old\r\nMessage-ID: <old@client.example>\r\n\r\n")
	history := func(last bool) store.InboxRecord {
		return store.InboxRecord{History: &store.InHistory{Folder: "INBOX", Validity: 1, Last: last, Mails: []store.HistoryHeader{{UID: 7, Header: header}}}}
	}
	begin := func(t *testing.T) *rig {
		r := newRig(t, nil)
		r.uid = 99
		r.update(func(tx *store.Tx) error { return tx.SetCursor(old) })
		return r
	}
	parked := func(r *rig) (n int) {
		r.view(func(tx *store.Tx) error { list, err := tx.Parked(); n = len(list); return err })
		return n
	}
	t.Run("joins what the import finds", func(t *testing.T) {
		r := begin(t)
		uid := r.comes(r.wrote(jane, "Re: Old", "And now?", "In-Reply-To: <old@client.example>"))
		if parked(r) != 1 || len(r.queue()) != 0 {
			t.Fatal("it does not wait")
		}
		r.update(func(tx *store.Tx) error { c := old; c.Next, c.HistoryNext = 101, 1; return tx.SetCursor(c) })
		r.say(history(true))
		if o := r.outcome(uid); o.Conversation != 1 || parked(r) != 0 {
			t.Errorf("outcome: %+v", o)
		}
		if o := r.outcome(r.inboxUID(7)); o.Kind != store.OutcomeHistory || o.Conversation != 1 {
			t.Errorf("the old mail: %+v", o)
		}
		r.one(store.OutCopy, alice)
		if _, ok := r.uidOf(1, 2); !ok {
			t.Error("nobody knows where the old mail lies")
		}
	})
	t.Run("a mail with nothing to wait for does not wait", func(t *testing.T) {
		r := begin(t)
		r.comes(r.wrote(jane, "New", "Hello."))
		r.one(store.OutCopy, alice)
	})
	t.Run("ten minutes at most, however much comes behind it", func(t *testing.T) {
		r := begin(t)
		first := r.comes(r.wrote(jane, "Re: Old", "And now?", "In-Reply-To: <old@client.example>"))
		var last store.UID
		for range 4 {
			r.now = r.now.Add(3 * 60 * second)
			last = r.comes(r.wrote(jane, "Re: Other", "And now?", "In-Reply-To: <other@client.example>"))
		}
		if o := r.outcome(first); o.Kind != store.OutcomeEvent {
			t.Errorf("outcome: %+v", o)
		}
		if n := parked(r); n != 4 {
			t.Errorf("%d mails wait, want the four younger ones", n)
		}
		r.now = r.now.Add(10 * 60 * second)
		r.think()
		if o := r.outcome(last); o.Kind != store.OutcomeEvent || parked(r) != 0 {
			t.Errorf("outcome: %+v, %d wait", o, parked(r))
		}
	})
	t.Run("the old mail comes after all", func(t *testing.T) {
		r := begin(t)
		r.comes(r.wrote(jane, "Re: Old", "And now?", "In-Reply-To: <old@client.example>"))
		r.now = r.now.Add(10 * 60 * second)
		r.think()
		cp := r.one(store.OutCopy, alice)
		r.say(history(false))
		r.comes(r.reply(cp, alice, "Now this."))
		if a := r.one(store.OutAnswer, jane); a.header("In-Reply-To") == "<old@client.example>" {
			t.Error("the answer answers the old mail")
		}
		if n := r.to(store.OutNotice, alice); len(n) != 0 {
			t.Errorf("notices:%s", r.dump())
		}
	})
}

// TestHistoryTwice: what is known already is no second event, in whichever
// order it is read.
func TestHistoryTwice(t *testing.T) {
	r := newRig(t, nil)
	raw := r.wrote(jane, "Printer on fire", "It burns.")
	uid := r.comes(raw)
	header, _, _ := strings.Cut(raw, "\n\n")
	header = strings.ReplaceAll(header, "\n", "\r\n") + "\r\n\r\n"
	old := strings.ReplaceAll(header, "<m1@", "<m0@")
	r.update(func(tx *store.Tx) error {
		c, _, _ := tx.Cursor("INBOX")
		c.Next = 10
		return tx.SetCursor(c)
	})
	r.say(store.InboxRecord{History: &store.InHistory{Folder: "INBOX", Validity: 1, Mails: []store.HistoryHeader{
		{UID: 5, Header: []byte(header)}, {UID: 6, Header: []byte(old)}, {UID: 7, Header: []byte(old)},
	}}})
	if o := r.outcome(r.inboxUID(5)); o.Kind != store.OutcomeSame || o.Conversation != r.outcome(uid).Conversation {
		t.Errorf("a mail that is there: %+v", o)
	}
	if o := r.outcome(r.inboxUID(6)); o.Kind != store.OutcomeHistory {
		t.Errorf("an old mail: %+v", o)
	}
	if o := r.outcome(r.inboxUID(7)); o.Kind != store.OutcomeSame {
		t.Errorf("the old mail once more: %+v", o)
	}
	// The folder is renumbered and all of it read again, whole.
	r.uid = 20
	again := r.comes(strings.ReplaceAll(raw, "<m1@", "<m0@"))
	if o := r.outcome(again); o.Kind != store.OutcomeSame {
		t.Errorf("history given out as new: %+v", o)
	}
	if n := len(slicesOf(r.queue(), store.OutCopy)); n != 1 {
		t.Errorf("%d copies", n)
	}
}

func (r *rig) uidOf(id threads.ID, n int) (uid store.UID, ok bool) {
	r.t.Helper()
	r.view(func(tx *store.Tx) (err error) { uid, ok, err = tx.UIDOf(id, n); return err })
	return uid, ok
}

// TestSpoolThatCannotBeRead: half a mail is not taken for the whole.
func TestSpoolThatCannotBeRead(t *testing.T) {
	r := newRig(t, nil)
	bad := r.put("INBOX", r.wrote(jane, "Printer on fire", "It burns."))
	files, err := filepath.Glob(filepath.Join(r.st.Dir(), "spool", "*.seg"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(files[0], 20); err != nil {
		t.Fatal(err)
	}
	defer func() { // what verifies the state in the end would find it
		if err := os.WriteFile(files[0], whole, 0o600); err != nil {
			t.Error(err)
		}
	}()
	next := r.put("INBOX", r.wrote(jane, "Slow network", "It crawls."))
	r.think()
	if o := r.outcome(bad); o.Kind != store.OutcomeAside {
		t.Errorf("outcome: %+v", o)
	}
	if o := r.outcome(next); o.Kind != store.OutcomeEvent {
		t.Errorf("outcome: %+v", o)
	}
	if n := r.to(store.OutNotice, ops); len(n) != 1 {
		t.Errorf("the admins are not told:%s", r.dump())
	}
}
