package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/internal/gateway"
	"postroom/internal/store"
	"postroom/threads"
)

func collect[T any](t *testing.T, walk func(func(T) error) error) []T {
	t.Helper()
	var list []T
	if err := walk(func(v T) error { list = append(list, v); return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestList(t *testing.T) {
	r := story(t)
	all := collect(t, func(f func(Row) error) error { return List(r.st, "", f) })
	var got []string
	for _, row := range all {
		got = append(got, fmt.Sprintf("%d %s %s %s %q %t", row.Conversation, row.State, row.Owner, row.Customer.Addr, row.Subject, row.Unanswered))
	}
	want := []string{
		`1 open alice@acme.example Jane@Customer.example "Broken pump" true`,
		`2 open bob@acme.example joe@other.example "" true`,
		`3 closed alice@acme.example Jane@Customer.example "Another" false`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	closed := collect(t, func(f func(Row) error) error { return List(r.st, threads.StateClosed, f) })
	if len(closed) != 1 || closed[0].Conversation != 3 {
		t.Errorf("closed ones: %+v", closed)
	}
	stop := errors.New("enough")
	if err := List(r.st, "", func(Row) error { return stop }); err != stop {
		t.Errorf("a reader's own error comes back as %v", err)
	}
}

// TestWalkLetsGo writes to the store from inside of a walk: a walk that kept
// its transaction open while its reader works would see the old state to the
// end.
func TestWalkLetsGo(t *testing.T) {
	r := newRig(t)
	r.update(func(tx *store.Tx) error {
		for range chunk + 10 {
			id, err := tx.NewConversation()
			events := []threads.Event{{N: 1, At: noon, Body: threads.Opened{Customer: jane}}}
			if err := errors.Join(err, tx.Commit(threads.Fold(id, events), events)); err != nil {
				return err
			}
		}
		return nil
	})
	last := Row{}
	n := 0
	err := List(r.st, "", func(row Row) error {
		if n == 0 {
			r.step(chunk+10, threads.AdminIn{By: "root", Verb: "close"}, "")
		}
		n++
		last = row
		return nil
	})
	if err != nil || n != chunk+10 || last.State != threads.StateClosed {
		t.Errorf("%d rows, the last %+v, err %v; want the change that was made meanwhile", n, last, err)
	}
}

func TestShow(t *testing.T) {
	r := story(t)
	tl, err := Show(r.st, 1)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, m := range tl.Events {
		if m.N != i+1 || m.At.IsZero() {
			t.Errorf("event %d: %+v", i+1, m)
		}
		got = append(got, fmt.Sprintf("%s|%s|%s|%s|%s|%q", m.Kind, m.Who, m.What, m.Reason, m.MessageID, m.Text))
	}
	for i, want := range []string{
		`opened|Jane@Customer.example|Opened by Jane Doe <Jane@Customer.example>: Broken pump|it belongs to no conversation there was||""`,
		`received|Jane@Customer.example|Mail from Jane Doe <Jane@Customer.example> to support@acme.example: Broken pump|` +
			`it belongs to no conversation there was; taken for customer|<q1@customer.example>|"It is broken.\nPlease help."`,
		`assigned|alice@acme.example|Given to alice@acme.example, whose turn it is|`,
		`copied|alice@acme.example|Copy of the mail of event 2 queued to alice@acme.example as `,
		`accepted|alice@acme.example|Answer by alice@acme.example to Jane Doe <Jane@Customer.example>, on the mail of event 2|` +
			`the mail came from an address of the author's, with a token made for the author|<m.`,
		`received|Jane@Customer.example|Mail from Jane Doe <Jane@Customer.example> to support@acme.example: Re: Broken pump|` +
			`its In-Reply-To names a mail of this conversation; taken for customer|<q2@customer.example>|"Thank you!"`,
		`copied|`,
		`noted|alice@acme.example|Internal note by alice@acme.example||<n1@acme.example>|"She is nice."`,
		`held|bob@acme.example|Held back as 1-9: a mail from bob@acme.example; nothing of it went out, and bob@acme.example was asked|` +
			`unproven: it carries no token of hers|<b1@acme.example>|"Me too."`,
		`delivered|Jane@Customer.example|Mail 1.6.0 to Jane@Customer.example: the mail server took it|the mail server said 250 ok||""`,
	} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Errorf("event %d:\n got %s\nwant %s", i+1, append(got, "nothing")[min(i, len(got))], want)
		}
	}
	if tl.Owner != alice || !slices.Equal(tl.Held, []string{"1-9"}) || tl.Linked != nil {
		t.Errorf("head: %+v", tl.Row)
	}
	if _, err := Show(r.st, 99); !errors.Is(err, ErrNoConversation) {
		t.Errorf("no conversation: %v", err)
	}
}

// TestWords sees to it that no event is without words, and no decision
// without its reason.
func TestWords(t *testing.T) {
	why := "the reason given"
	tests := []struct {
		body   threads.EventBody
		reason bool
	}{
		{threads.Opened{History: true}, true}, {threads.Opened{Linked: 4}, true}, {threads.Opened{}, true},
		{threads.Received{Class: threads.ClassAutoReply, Evidence: "auto_reply: " + why, Silent: true}, true},
		{threads.Joined{Address: jane, By: "references"}, true}, {threads.Assigned{Engineer: bob, From: alice, Why: why, How: threads.HowHanded}, true},
		{threads.Waiting{Why: why}, true}, {threads.Copied{Engineer: bob, Of: 2}, false},
		{threads.Accepted{Author: bob}, true}, {threads.Accepted{}, true}, {threads.Accepted{Author: bob, Hold: "1-2"}, true},
		{threads.Noted{Author: bob}, false}, {threads.HeldBack{Hold: "1-2", Reason: why, Kind: threads.WhyLeak}, true},
		{threads.Settled{Hold: "1-2", By: bob, How: "sent"}, false}, {threads.Closed{By: bob}, false}, {threads.Reopened{Why: why}, true},
		{threads.Delivered{Recipient: "x@y", State: "failed", Reply: why}, true}, {threads.Bounced{Action: "failed", Diagnostic: why}, true},
		{threads.CameBack{OutID: "1.2.0", Alias: "<x@y>"}, false}, {threads.Burnt{Engineer: bob, Why: why}, true},
	}
	for _, tt := range tests {
		m := momentOf(threads.Event{N: 1, At: noon, Body: tt.body})
		if m.What == "" || strings.Contains(m.What, "no words") {
			t.Errorf("%T is told as %q", tt.body, m.What)
		}
		if tt.reason != (m.Reason != "") {
			t.Errorf("%T has the reason %q", tt.body, m.Reason)
		}
		if data, _ := json.Marshal(tt.body); bytes.Contains(data, []byte(why)) && !strings.Contains(m.Reason, why) {
			t.Errorf("%T: the reason %q does not say why", tt.body, m.Reason)
		}
	}
}

func TestShowBoundsTexts(t *testing.T) {
	r := newRig(t)
	id := r.customer(0, jane, "<0@c.example>", "s", "first")
	big := strings.Repeat("x", threads.MaxText)
	for i := range maxTexts/threads.MaxText + 2 {
		r.customer(id, jane, fmt.Sprintf("<%d@c.example>", i+1), "s", big)
	}
	tl, err := Show(r.st, id)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, m := range tl.Events {
		total += len(m.Text)
	}
	if total != maxTexts || tl.TextsCut != 3 || tl.Events[len(tl.Events)-2].Text != big {
		t.Errorf("%d octets of text, %d cut; the newest must be whole", total, tl.TextsCut)
	}
}

func TestExport(t *testing.T) {
	r := story(t)
	r.step(1, threads.DiscardIn{Hold: "1-9", By: bob}, "")
	// A held mail that was released is the answer it became.
	r.engineer(2, alice, "<a2@acme.example>", "Hi Joe", func(in *threads.MailIn) {
		in.Authority = threads.Authority{Engineer: alice, Doubt: threads.WhyUnproven, Reason: "no token"}
	})
	hold := threads.HoldID(2, 5, "")
	r.step(2, threads.ReleaseIn{Hold: hold, By: alice, Author: alice, Draft: &threads.Draft{},
		Mail: &threads.Mail{MessageID: "<a2@acme.example>", From: []threads.Address{{Addr: alice}}}}, "Hi Joe")
	// One report about two recipients.
	for _, to := range []string{"a@x", "b@x"} {
		b := &threads.BounceRecipient{Address: to, Action: "delayed"}
		r.step(3, threads.DeliveryIn{OutID: "3.1.0", Answer: true, Bounce: b, MessageID: "<dsn@mx.example>"}, "")
	}
	bulk := store.UID{Folder: "INBOX", Validity: 7, UID: 1000}
	own := store.UID{Folder: "INBOX", Validity: 7, UID: 1001}
	unheld := store.UID{Folder: "INBOX", Validity: 7, UID: 1002}
	r.update(func(tx *store.Tx) error {
		c, _, err := tx.Cursor("INBOX")
		c.Next = 1003
		return errors.Join(err, tx.SetOutcome(bulk, store.Outcome{Kind: store.OutcomeUnseen, Class: "bulk"}), tx.SetOutcome(own, store.Outcome{Kind: store.OutcomeOwn}),
			tx.SetOutcome(unheld, store.Outcome{Kind: store.OutcomeCommand, Class: "engineer", Note: "held: unproven"}), tx.SetCursor(c))
	})
	r.hold(store.Hold{ID: "0-INBOX-7-1002", Engineer: bob, From: "Bob@acme.example", Subject: "Re: x", Why: threads.WhyUnproven, UID: unheld, At: noon.Unix()})

	var got []string
	for _, m := range collect(t, func(f func(Message) error) error { return Export(r.st, f) }) {
		id, from := "-", "-"
		if m.Conversation != nil {
			id = m.Conversation.String()
		}
		if m.From != nil {
			from = m.From.Addr
		}
		if strings.HasPrefix(m.MessageID, "<m.") {
			m.MessageID = "ours"
		}
		got = append(got, fmt.Sprintf("%s %s %s %s %s %q %s %s", id, m.Direction, m.Class, m.MessageID, from, m.Subject, m.Owner, m.Outcome))
	}
	want := []string{
		`1 in customer <q1@customer.example> Jane@Customer.example "Broken pump" alice@acme.example event`,
		`1 out engineer ours alice@acme.example "Broken pump" alice@acme.example event`,
		`1 in customer <q2@customer.example> Jane@Customer.example "Re: Broken pump" alice@acme.example event`,
		`1 note engineer <n1@acme.example> alice@acme.example "Broken pump" alice@acme.example event`,
		`1 in engineer <b1@acme.example> bob@acme.example "Broken pump" alice@acme.example held`,
		`2 in customer <j1@other.example> joe@other.example "" alice@acme.example event`,
		`2 out engineer ours alice@acme.example "" alice@acme.example event`,
		`3 in customer <q3@customer.example> Jane@Customer.example "Another" alice@acme.example event`,
		`3 in bounce <dsn@mx.example> - "" alice@acme.example event`,
		`- in engineer  Bob@acme.example "Re: x"  held`,
		`- in bulk  - ""  recorded`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestQueues(t *testing.T) {
	r := newRig(t)
	uid := store.UID{Folder: "INBOX", Validity: 7, UID: 3}
	r.hold(store.Hold{ID: "5-2", Conversation: 5, Engineer: bob, Asked: bob, From: bob, Subject: "Re: x", Why: threads.WhyStale, Reason: "r", At: noon.Unix()})
	r.hold(store.Hold{ID: "0-INBOX-7-3", From: "Evil@x.example", Why: threads.WhyForged, UID: uid, At: noon.Unix()})
	held, err := Held(r.st)
	if err != nil || len(held) != 2 || held[0].Author != "Evil@x.example" || held[0].Conversation != nil || held[0].UID != "INBOX/7/3" ||
		held[1].Author != bob || *held[1].Conversation != 5 || held[1].Reason != "r" || held[1].UID != "" {
		t.Errorf("held: %+v, %v", held, err)
	}

	mail := store.OutMail{
		ID: "5.2.0", Kind: store.OutAnswer, Conversation: 5, Author: bob, MessageID: "<m@x>", State: store.OutQueued, Queued: noon,
		NextAttempt: noon.Add(time.Hour), Attempts: 2, LastReply: "421 busy",
		Recipients: []store.Recipient{{Address: "a@x", State: store.OutQueued}, {Address: "b@x", State: store.OutSent, Attempts: 1, Reply: "250 ok"}},
	}
	stopped := store.OutMail{ID: "6.2.0", Kind: store.OutAnswer, State: store.OutStopped, Queued: noon, Recipients: []store.Recipient{{Address: "c@x", State: store.OutUnknown}}}
	aside := store.InboxRecord{At: noon, Mail: &store.InMail{UID: uid, Raw: r.raw("x")}, Tries: 3}
	r.update(func(tx *store.Tx) error {
		err := errors.Join(tx.Enqueue(mail), tx.Enqueue(stopped), tx.Retain(aside.Mail.Raw), tx.AddInbox(aside), tx.AddInbox(store.InboxRecord{At: noon, Gone: &store.InGone{UID: uid}}))
		if err != nil {
			return err
		}
		list, err := tx.Inbox(1)
		return errors.Join(err, tx.SetAside(list[0], noon, "it broke"))
	})
	out := collect(t, func(f func(OutboxRow) error) error { return Outbox(r.st, f) })
	if len(out) != 3 {
		t.Fatalf("outbox: %+v", out)
	}
	if a := out[0]; a.State != store.OutQueued || a.Attempts != 2 || !a.NextAttempt.Equal(mail.NextAttempt) || a.LastReply != "421 busy" || *a.Conversation != 5 {
		t.Errorf("a queued recipient: %+v", a)
	}
	if b := out[1]; b.State != store.OutSent || b.Attempts != 1 || b.NextAttempt != nil || b.LastReply != "250 ok" {
		t.Errorf("a settled recipient: %+v", b)
	}
	if c := out[2]; c.State != store.OutStopped || c.NextAttempt != nil || c.Conversation != nil {
		t.Errorf("a stopped one: %+v", c)
	}
	asides, err := Asides(r.st)
	if err != nil || len(asides) != 1 || asides[0].ID != "1" || asides[0].Error != "it broke" || asides[0].UID != "INBOX/7/3" || asides[0].Kind != "mail" {
		t.Errorf("asides: %+v, %v", asides, err)
	}
	n, err := Counts(r.st)
	if want := (Tally{Queued: 1, Held: 2, Aside: 1, Inbox: 1}); err != nil || n != want {
		t.Errorf("counts: %+v, %v; want %+v", n, err, want)
	}
}

func TestStatus(t *testing.T) {
	r := story(t)
	well := Live{IMAP: IMAPStatus{Connected: true}}
	later := noon.Add(time.Hour)
	tests := []struct {
		name    string
		live    Live
		problem string
	}{
		{"well", well, ""},
		{"a problem of the service", Live{IMAP: well.IMAP, Problems: []string{"the rotation file is bad"}}, "the rotation file is bad"},
		{"no mailbox", Live{IMAP: IMAPStatus{Error: "wrong password"}}, "the mailbox is not connected: wrong password"},
		{"paused", Live{IMAP: well.IMAP, SMTP: SMTPStatus{Error: "421", PausedUntil: &later}}, "sending is paused until 2026-11-24T13:00:00Z: 421"},
	}
	for _, tt := range tests {
		s, err := StatusOf(r.st, tt.live, "1", noon.Add(-time.Minute), noon)
		if err != nil {
			t.Fatal(err)
		}
		wantState, want := OK, []string{}
		if tt.problem != "" {
			wantState, want = Degraded, []string{tt.problem}
		}
		if s.State != wantState || !slices.Equal(s.Problems, want) || s.Open != 2 || s.Uptime != 60 || !s.Running {
			t.Errorf("%s: %+v", tt.name, s)
		}
	}
	r.update(func(tx *store.Tx) error {
		return errors.Join(
			tx.SetMeta(gateway.UndeliveredKey, []gateway.Undelivered{{To: "ops@acme.example", Subject: "Not sent yet", Reply: "550 no"}}),
			tx.AddRotation(store.RotationVersion{Version: "abc123"}))
	})
	s, err := StatusOf(r.st, well, "1", noon, noon)
	if err != nil || s.State != Degraded || len(s.Problems) != 1 || !strings.Contains(s.Problems[0], "ops@acme.example") || s.Rotation != "abc123" {
		t.Errorf("an undelivered notice: %+v, %v", s, err)
	}
	s, err = Stopped(r.st, "1")
	if err != nil || s.State != Degraded || s.Running || len(s.Problems) != 2 || s.Open != 2 {
		t.Errorf("stopped: %+v, %v", s, err)
	}
}

// TestKeys holds the keys machines rely on, and that nothing absent is left
// out: "" for text, [] for lists, null for values.
func TestKeys(t *testing.T) {
	tests := []struct {
		name string
		v    any
		want string
	}{
		{"list", rowOf(threads.Conversation{ID: 1}), `{"conversation":1,"state":"","owner":"","customer":{"name":"","address":""},"subject":"",` +
			`"updated":"0001-01-01T00:00:00Z","opened":"0001-01-01T00:00:00Z","unanswered":false,"waits":false,"held":[],"tags":[],"spam":false,"merged_into":null}`},
		{"export", unfiled(store.UID{Folder: "INBOX", Validity: 7, UID: 1}, store.Outcome{Kind: "recorded", Class: "bulk"}), `{"message_id":"","conversation":null,` +
			`"class":"bulk","direction":"in","from":null,"date":null,"subject":"","owner":"","event":0,"at":null,"to":[],"cc":[],"author_message_id":"","out_id":"",` +
			`"hold":"","history":false,"uid":"INBOX/7/1","outcome":"recorded"}`},
		{"outbox", outboxRow(&store.OutMail{ID: "<1>", Queued: noon}, store.Recipient{}), `{"id":"<1>","conversation":null,"kind":"","recipient":"","state":"",` +
			`"attempts":0,"next_attempt":null,"last_reply":"","message_id":"","author":"","subject":"","size":0,"queued":"2026-11-24T12:00:00Z","deadline":null}`},
		{"held", HeldMail{}, `{"id":"","conversation":null,"author":"","reason":"","subject":"","why":"","asked":"","from":"","at":"0001-01-01T00:00:00Z","uid":""}`},
		{"aside", AsideRow{}, `{"id":"","error":"","uid":"","at":"0001-01-01T00:00:00Z","kind":"","tries":0,"received":"0001-01-01T00:00:00Z"}`},
		{"audit", newAudit(), `{"uids":0,"accounted":0,"missing":[],"pending":0,"broken":[],"mailbox":false}`},
		{"status", Status{State: OK, Problems: []string{}}, `{"state":"ok","problems":[],"imap":{"connected":false,"error":"","history":{"done":0,"total":0,"rate":0,"seconds_left":0}},` +
			`"smtp":{"error":"","paused_until":null,"envelope":""},"queued":0,"held":0,"aside":0,"open":0,"inbox":0,"running":false,"version":"","started":null,"uptime":0,"rotation":""}`},
		{"show", Timeline{Row: rowOf(threads.Conversation{ID: 1}), Participants: []threads.Address{}, Events: []Moment{momentOf(threads.Event{N: 1, At: noon, Body: threads.Closed{By: bob}})}},
			`{"conversation":1,"state":"","owner":"","customer":{"name":"","address":""},"subject":"","updated":"0001-01-01T00:00:00Z","opened":"0001-01-01T00:00:00Z",` +
				`"unanswered":false,"waits":false,"held":[],"tags":[],"spam":false,"merged_into":null,"linked":null,"participants":[],"texts_cut":0,"events":[{"n":1,"at":"2026-11-24T12:00:00Z","kind":"closed",` +
				`"who":"bob@acme.example","what":"Closed by bob@acme.example","reason":"","message_id":"","text":"","problems":[]}]}`},
	}
	for _, tt := range tests {
		line, err := encodeLine(tt.v)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(string(line)); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}
