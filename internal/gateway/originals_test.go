package gateway

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

// desk is a rig with a conversation of Alice's: two mails of Jane's, and an
// answer between them. What the mailbox holds is kept, as raw mail.
type desk struct {
	*rig
	box  map[int]string // by event
	copy sent           // Alice's of the newest mail
}

const (
	firstAsked  = "It burns."
	thenAsked   = "It still burns."
	aliceAnswer = "Pour water on it."
)

// crlf is raw mail as the mailbox holds it.
func crlf(raw string) string { return strings.ReplaceAll(raw, "\n", "\r\n") }

func newDesk(t *testing.T) *desk {
	t.Helper()
	return deskOf(newRig(t, nil))
}

func deskOf(r *rig) *desk {
	r.t.Helper()
	d := &desk{rig: r, box: map[int]string{}}
	first := d.wrote("Jane Doe <"+jane+">", "Printer on fire", firstAsked)
	d.comes(first)
	cp := d.one(store.OutCopy, alice)
	d.settle(cp, store.OutSent)
	d.comes(d.reply(cp, alice, aliceAnswer))
	answer := d.one(store.OutAnswer, jane)
	d.settle(answer, store.OutSent)
	d.now = d.now.Add(time.Hour)
	again := d.wrote("Jane Doe <"+jane+">", "Re: Printer on fire", thenAsked, "In-Reply-To: "+answer.MessageID)
	d.comes(again)
	d.copy = d.one(store.OutCopy, alice)
	d.settle(d.copy, store.OutSent)
	theirs := []string{first, again}
	for i, e := range d.history() {
		switch e.Body.(type) {
		case threads.Received:
			d.box[i+1], theirs = crlf(theirs[0]), theirs[1:]
		case threads.Accepted:
			d.box[i+1] = answer.raw
		}
	}
	return d
}

func (d *desk) history() (list []threads.Event) {
	d.t.Helper()
	d.view(func(tx *store.Tx) (err error) { list, err = tx.Events(1); return err })
	return list
}

func (d *desk) fetches() (list []store.Fetch) {
	d.t.Helper()
	d.view(func(tx *store.Tx) (err error) { list, err = tx.Fetches(); return err })
	return list
}

func (d *desk) wanted() (n int) {
	d.t.Helper()
	d.view(func(tx *store.Tx) error { return tx.EachWanted(func(store.Wanted) error { n++; return nil }) })
	return n
}

// bring does the fetches as imapsync does; what is not in the box is gone.
func (d *desk) bring() {
	d.t.Helper()
	defer func() {
		for _, a := range d.asides() {
			d.t.Errorf("set aside: %s", a.Error)
		}
	}()
	for _, f := range d.fetches() {
		d.fetch(f, store.UID{Folder: "INBOX", Validity: 1, UID: 1})
	}
	d.think()
}

func (d *desk) fetch(f store.Fetch, uid store.UID) {
	d.t.Helper()
	in := store.InFetched{Wanted: f.Wanted, Event: f.Event, Why: "it is gone"}
	if raw, there := d.box[f.Event]; there {
		in.Why, in.UID = "", uid
		if f.Own {
			in.UID.Folder = "Sent"
		}
		in.Raw = d.spool(raw)
	}
	d.update(func(tx *store.Tx) error { return tx.AddFetched(d.now, f, in) })
}

func (d *desk) spool(raw string) store.Ref {
	d.t.Helper()
	seg, err := d.st.NewSegment()
	if err != nil {
		d.t.Fatal(err)
	}
	ref, err := seg.Append(strings.NewReader(raw))
	if err == nil {
		err = seg.Commit()
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return ref
}

// attached are the mails attached to a mail, as raw octets.
func attached(s sent) (list []string) {
	for _, p := range s.Leaves() {
		if p.Type == "message/rfc822" || strings.HasSuffix(p.Filename, ".eml") {
			var b bytes.Buffer
			b.ReadFrom(s.Open(p))
			list = append(list, strings.TrimRight(b.String(), "\r\n"))
		}
	}
	return list
}

func (d *desk) wants(s sent, events ...int) {
	d.t.Helper()
	got := attached(s)
	if len(got) != len(events) {
		d.t.Fatalf("%d mails attached, want %d:\n%s", len(got), len(events), s.raw)
	}
	for i, n := range events {
		if want := strings.TrimRight(d.box[n], "\r\n"); got[i] != want {
			d.t.Errorf("original %d is\n%s\nwant\n%s", i, got[i], want)
		}
	}
}

func (d *desk) mailEvents() (list []int) {
	for n := range d.box {
		list = append(list, n)
	}
	slices.Sort(list)
	return list
}

func TestOriginals(t *testing.T) {
	d := newDesk(t)
	before := d.conversation(1)
	d.comes(d.reply(d.copy, alice, "/originals"))
	want := d.fetches()
	if len(want) != 3 || len(d.queue()) != 0 {
		t.Fatalf("fetches %+v, queued %s", want, d.dump())
	}
	for i, f := range want {
		if f.Own != (i == 1) || len(f.MessageIDs) != 1 || (f.UID == store.UID{}) != f.Own {
			t.Errorf("fetch %d: %+v", i, f)
		}
	}
	d.bring()
	s := d.one(store.OutNotice, alice)
	d.wants(s, d.mailEvents()...)
	root := d.g.names.RootID(d.g.minter, 1)
	refs := strings.Fields(s.header("References"))
	if s.Mail.Subject != "Re: Printer on fire" || refs[0] != root || s.header("In-Reply-To") != refs[len(refs)-1] || !slices.Contains(refs, d.copy.MessageID) {
		t.Errorf("not in her thread: %q, %s, answers %s", s.Mail.Subject, refs, s.header("In-Reply-To"))
	}
	for _, has := range []string{"original-1.eml: Jane Doe <" + jane + ">, 23 Nov 2026", "original-2.eml: Alice Ng (our answer), ", "original-3.eml: Jane"} {
		if !strings.Contains(s.Mail.Text, has) {
			t.Errorf("%q is not in\n%s", has, s.Mail.Text)
		}
	}
	if len(s.Recipients) != 1 || s.EightBit {
		t.Errorf("goes to %v, 8-bit %v", s.Recipients, s.EightBit)
	}
	after := d.conversation(1)
	if after.State != before.State || after.Owner != before.Owner || after.Unanswered != before.Unanswered {
		t.Errorf("asking changed the conversation: %+v", after)
	}
	if d.wanted() != 0 || len(d.fetches()) != 0 {
		t.Errorf("left over: %d wishes, fetches %v", d.wanted(), d.fetches())
	}
	d.gone()
}

// TestOriginalsOnce: whatever is done twice, who asked has them once.
func TestOriginalsOnce(t *testing.T) {
	d := newDesk(t)
	d.comes(d.reply(d.copy, alice, "/originals"))
	first := d.fetches()
	d.comes(d.reply(d.copy, alice, "/originals\n/status")) // she taps again
	if got := d.fetches(); len(got) != len(first) {
		t.Errorf("asked twice, %d fetches in place of %d", len(got), len(first))
	}
	d.fetch(first[0], store.UID{})
	d.fetch(first[0], store.UID{}) // the fetch was done twice
	d.think()
	// A result that was told twice, as by a version that did not cross out.
	twice := store.InFetched{Wanted: first[0].Wanted, Event: first[0].Event, Raw: d.spool(d.box[first[0].Event])}
	tell := func() {
		d.update(func(tx *store.Tx) error {
			if err := tx.Retain(twice.Raw); err != nil {
				return err
			}
			return tx.AddInbox(store.InboxRecord{At: d.now, Fetched: &twice})
		})
		d.think()
	}
	tell()
	d.bring()
	s := d.to(store.OutNotice, alice)
	s = slices.DeleteFunc(s, func(s sent) bool { return s.Originals == nil })
	if len(s) != 1 {
		t.Fatalf("%d mails of originals: %s", len(s), d.dump())
	}
	d.wants(s[0], d.mailEvents()...)
	twice.Raw = d.spool("x")
	tell() // long after
	if n := len(d.queue()); n != 2 {
		t.Errorf("%d mails: %s", n, d.dump())
	}
}

func TestOriginalsAfterRestart(t *testing.T) {
	d := newDesk(t)
	d.comes(d.reply(d.copy, alice, "/originals"))
	for i, f := range d.fetches() {
		d.fetch(f, store.UID{})
		if i == 1 { // with the second result in the inbox, and the third missing
			g, err := New(slog.New(slog.DiscardHandler), d.cfg, d.st, d.g.rot, d.clock, d)
			if err != nil {
				t.Fatal(err)
			}
			d.g = g
		}
	}
	d.think()
	d.wants(d.one(store.OutNotice, alice), d.mailEvents()...)
}

func TestOriginalsMissing(t *testing.T) {
	d := newDesk(t)
	events := d.mailEvents()
	delete(d.box, events[0])
	d.comes(d.reply(d.copy, alice, "/originals"))
	d.bring()
	s := d.one(store.OutNotice, alice)
	d.wants(s, events[1:]...)
	if !strings.Contains(s.Mail.Text, "not attached") || !strings.Contains(unmarked(s.Mail.Text), "Jane Doe <"+jane+">, 23 Nov 2026, 09:00 UTC: it is gone") {
		t.Errorf("the missing one is not named:\n%s", s.Mail.Text)
	}
	d.gone()
	clear(d.box)
	d.comes(d.reply(d.copy, alice, "/originals"))
	d.bring()
	s = d.one(store.OutNotice, alice)
	if d.wants(s); strings.Count(unmarked(s.Mail.Text), "it is gone") != 3 {
		t.Errorf("nothing is there:\n%s", s.Mail.Text)
	}
}

// unmarked is text of ours without the mark, its lines joined.
func unmarked(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(text, message.FooterMark, "")), " ")
}

// TestOriginalsImpostor: what a customer wrote under the Message-ID of our
// answer is not shown as our answer.
func TestOriginalsImpostor(t *testing.T) {
	for name, forged := range map[string]bool{"ours": false, "forged": true} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.comes(d.reply(d.copy, alice, "/originals"))
			for _, f := range d.fetches() {
				if f.Own && forged {
					d.box[f.Event] = strings.Replace(d.box[f.Event], "Pour water", "Pour oil", 1)
				}
				f.Own = false // it is found in INBOX, where anybody may put it
				d.fetch(f, store.UID{Folder: "INBOX", Validity: 1, UID: 9})
			}
			d.think()
			s := d.one(store.OutNotice, alice)
			if got, want := len(attached(s)), 3; forged && (got != 2 || !strings.Contains(s.Mail.Text, "not what was sent")) || !forged && got != want {
				t.Errorf("%d attached:\n%s", got, s.raw)
			}
		})
	}
}

// TestOriginalsNeedProof: without a token nothing is fetched.
func TestOriginalsNeedProof(t *testing.T) {
	d := newDesk(t)
	d.comes(d.wrote(alice, "Re: Printer on fire", "/originals", "In-Reply-To: <m1@client.example>"))
	d.comes(d.wrote("mallory@evil.example", "Re: Printer on fire", "/originals", "In-Reply-To: "+d.copy.MessageID, "To: "+d.copy.header("Reply-To")))
	if len(d.fetches()) != 0 || d.wanted() != 0 {
		t.Errorf("fetched for anybody: %+v", d.fetches())
	}
	if len(d.holds()) != 2 {
		t.Errorf("holds: %+v", d.holds())
	}
}

func TestOriginalsOfClosed(t *testing.T) {
	d := newDesk(t)
	d.comes(d.reply(d.copy, alice, "/close"))
	d.gone()
	d.comes(d.reply(d.copy, alice, "/originals"))
	d.bring()
	d.wants(d.one(store.OutNotice, alice), d.mailEvents()...)
	if c := d.conversation(1); c.State != threads.StateClosed {
		t.Errorf("it is %s", c.State)
	}
	d.gone()
	// Also for somebody who has nothing of it, and for an admin.
	for who, addr := range map[string]string{"Bob": bob, "OPS@acme.example": ops} {
		if err := d.ask(VerbOriginals, "conversation", "1", "who", who); err != nil {
			t.Fatal(err)
		}
		d.bring()
		s := d.one(store.OutNotice, addr)
		d.wants(s, d.mailEvents()...)
		if strings.Contains(s.header("Reply-To"), "support+") != (addr == bob) {
			t.Errorf("%s replies to %s", addr, s.header("Reply-To"))
		}
		d.gone()
	}
	if err := d.ask(VerbOriginals, "conversation", "1", "who", jane); err == nil || !strings.Contains(err.Error(), jane) {
		t.Errorf("for a stranger: %v", err)
	}
	if len(d.queue()) != 0 || d.wanted() != 0 {
		t.Error("something was sent to a stranger")
	}
}

// TestOriginalsForNobody: who left meanwhile gets nothing, and nothing of it
// stays in the spool.
func TestOriginalsForNobody(t *testing.T) {
	d := newDesk(t)
	d.comes(d.reply(d.copy, alice, "/originals"))
	d.rotate(strings.Replace(twoEngineers, "[[engineer]]\nname = \"Alice Ng\"\nemail = \"alice@acme.example\"\n", "", 1))
	d.bring()
	for _, s := range d.queue() {
		if s.Originals != nil {
			t.Errorf("sent to %v", s.Recipients)
		}
	}
	if d.wanted() != 0 {
		t.Error("still wanted")
	}
}

// TestOriginalsNeverOut: whatever she makes of the mail, nothing of it comes
// to a customer.
func TestOriginalsNeverOut(t *testing.T) {
	attach := func(s sent) []string {
		return []string{"MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=bb", "To: " + s.header("Reply-To")}
	}
	for name, tc := range map[string]struct {
		mail func(d *desk, s sent) string
		held bool
	}{
		"a reply": {func(d *desk, s sent) string { return d.reply(s, alice, "See below.") }, true},
		"a forward": {func(d *desk, s sent) string {
			return d.wrote(alice, "Fwd: "+s.Mail.Subject, "See below.\n\n"+s.Mail.Text, "To: "+s.header("Reply-To"))
		}, false},
		"our answer attached": {func(d *desk, s sent) string {
			own := strings.ReplaceAll(d.box[d.mailEvents()[1]], "\r\n", "\n")
			return d.wrote(alice, "Re: Printer on fire", "--bb\n\nSee the mail.\n--bb\nContent-Type: message/rfc822\n\nDelivered-To: "+
				d.copy.OwnCopy+"\n"+own+"\n--bb--", append(attach(s), "In-Reply-To: "+d.copy.MessageID)...)
		}, true},
		"all of it attached": {func(d *desk, s sent) string {
			return d.wrote(alice, "Re: Printer on fire", "--bb\n\nSee the mail.\n--bb\nContent-Type: message/rfc822\n\n"+
				strings.ReplaceAll(s.raw, "\r\n", "\n")+"\n--bb--", append(attach(s), "In-Reply-To: "+d.copy.MessageID)...)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.comes(d.reply(d.copy, alice, "/originals"))
			d.bring()
			s := d.one(store.OutNotice, alice)
			d.gone()
			d.comes(tc.mail(d, s))
			out := d.to(store.OutAnswer, jane)
			if held := len(d.holds()) == 1; held != tc.held || held == (len(out) == 1) {
				t.Fatalf("held %v, sent %d: %s", held, len(out), d.dump())
			}
			for _, o := range out {
				d.noPrivate(o, "original-", "as they came", strings.TrimSpace(message.FooterMark))
			}
		})
	}
}

// TestOriginalsInParts: more than one mail takes comes in several.
func TestOriginalsInParts(t *testing.T) {
	d := newDesk(t)
	const limit = 20 << 10
	d.g.cfg.Parcel = limit
	events := d.mailEvents()
	big := strings.Repeat(strings.Repeat("x", 76)+"\r\n", (limit-5000)/78)
	d.box[events[0]] = "From: Jane Doe <" + jane + ">\r\nSubject: big\r\n\r\n" + big
	d.box[events[2]] = "From: Jane Doe <" + jane + ">\r\nSubject: b\xefg\r\n\r\n" + big + big
	d.comes(d.reply(d.copy, alice, "/originals"))
	d.bring()
	list := d.to(store.OutNotice, alice)
	if len(list) != 2 {
		t.Fatalf("%d mails: %s", len(list), d.dump())
	}
	slices.SortFunc(list, func(a, b sent) int { return strings.Compare(a.ID, b.ID) })
	d.wants(list[0], events[:2]...)
	d.wants(list[1], events[2])
	for i, s := range list {
		if want := fmt.Sprintf("This is mail %d of 2.", i+1); !strings.Contains(s.Mail.Text, want) || s.EightBit {
			t.Errorf("%q is not in\n%s", want, s.Mail.Text)
		}
	}
	// The relay takes less: one each, and what is too big by itself is named.
	d.settle(list[1], store.OutSent)
	hinder(d.rig, list[0].ID, store.HurdleSize)
	list = d.to(store.OutNotice, alice)
	if len(list) != 2 {
		t.Fatalf("%d mails: %s", len(list), d.dump())
	}
	slices.SortFunc(list, func(a, b sent) int { return strings.Compare(a.ID, b.ID) })
	d.wants(list[0], events[0])
	d.wants(list[1], events[1])
	hinder(d.rig, list[0].ID, store.HurdleSize)
	d.settle(list[1], store.OutSent)
	s := d.one(store.OutNotice, alice)
	if d.wants(s); !strings.Contains(unmarked(s.Mail.Text), "09:00 UTC: it is larger than the mail server takes") {
		t.Errorf("not named:\n%s", s.Mail.Text)
	}
}

// TestOriginalsBounds: a long conversation is not sent whole.
func TestOriginalsBounds(t *testing.T) {
	d := newDesk(t)
	d.update(func(tx *store.Tx) error {
		c, _, err := tx.Conversation(1)
		if err != nil {
			return err
		}
		var list []threads.Event
		for i := range 120 {
			e := threads.Event{N: c.N + 1, At: d.now, Body: threads.Received{
				MessageID: fmt.Sprintf("<x%d@client.example>", i), From: threads.Address{Addr: jane}, Size: 1 << 20, History: true}}
			c, list = c.Apply(e), append(list, e)
		}
		return tx.Commit(c, list)
	})
	if err := d.ask(VerbOriginals, "conversation", "1", "who", "bob"); err != nil {
		t.Fatal(err)
	}
	fetches := d.fetches()
	if len(fetches) != maxOriginals || fetches[0].MessageIDs[0] != "<x20@client.example>" {
		t.Errorf("%d fetches, the first %v", len(fetches), fetches[0])
	}
	d.bring()
	s := d.one(store.OutNotice, bob)
	if n := strings.Count(unmarked(s.Mail.Text), "23 older ones: 100 mails"); n != 1 || len(s.Mail.Text) > 20000 {
		t.Errorf("%d octets, %d named:\n%s", len(s.Mail.Text), n, s.Mail.Text)
	}
}
