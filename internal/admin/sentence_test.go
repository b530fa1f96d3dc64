package admin

import (
	"fmt"
	"testing"
	"time"

	"postroom/threads"
)

// TestSentences holds the words of each kind of event: whose doing it was, what
// happened, why, and by which Message-ID it can be found.
func TestSentences(t *testing.T) {
	joe := threads.Address{Addr: "joe@other.example"}
	many := []threads.Address{jane, joe, {Name: "C"}, {}, {Addr: "e@x"}, {Addr: "f@x"}, {Addr: "g@x"}}
	until := noon.Add(26 * time.Hour)
	answer := threads.Accepted{Author: alice, MessageID: "<a@x>", To: []threads.Address{jane}}
	tests := []struct {
		body                  threads.EventBody
		who, what, reason, id string
	}{
		{threads.Opened{Customer: jane, Subject: "Pump"}, jane.Addr, "Opened by Jane Doe <Jane@Customer.example>: Pump", "it belongs to no conversation there was", ""},
		{threads.Opened{Customer: joe, History: true}, joe.Addr, "Opened by joe@other.example: (no subject)",
			"it was in the mailbox before Postroom; it is assigned to nobody", ""},
		{threads.Opened{Customer: joe, Subject: "x", Split: 7, Linked: 3}, joe.Addr, "Opened by joe@other.example: x",
			"it was a mail of conversation 7, which an engineer split off", ""},
		{threads.Opened{Customer: joe, Subject: "x", Linked: 3}, joe.Addr, "Opened by joe@other.example: x",
			"it continues conversation 3, which has been closed for long and had another subject", ""},

		{threads.Received{From: joe, Subject: "x", Matched: threads.ByReferences, Class: threads.ClassCustomer, MessageID: "<r@x>"},
			joe.Addr, "Mail from joe@other.example: x", "its References name a mail of this conversation; taken for customer", "<r@x>"},
		{threads.Received{From: threads.Address{}, To: many[:2], Cc: many[2:], Matched: threads.ByAncestor, Class: threads.ClassAutoReply,
			Evidence: "auto_reply: Auto-Submitted says so", Silent: true}, "",
			"Mail from somebody who gave no address to Jane Doe <Jane@Customer.example>, joe@other.example, C, somebody who gave no address, e@x, 2 more: (no subject)",
			"it names a mail that was never seen here, as another mail of this conversation does; taken for auto_reply (Auto-Submitted says so); " +
				"nobody was told, since no person wrote it", ""},
		{threads.Joined{Address: joe, By: string(threads.ByReplyAddress)}, joe.Addr, "joe@other.example joined, who was no participant",
			"it came to a reply address of this conversation", ""},
		{threads.Joined{Address: joe, By: string(threads.ByRoot)}, joe.Addr, "joe@other.example joined, who was no participant",
			"its References carry this conversation's own id", ""},
		{threads.Joined{Address: joe, By: "subject"}, joe.Addr, "joe@other.example joined, who was no participant", "matched by subject", ""},

		{threads.Assigned{Engineer: bob, How: threads.HowTurn, Why: "w"}, bob, "Given to bob@acme.example, whose turn it is", "w", ""},
		{threads.Assigned{Engineer: bob, How: threads.HowKept, Why: "w"}, bob, "Given to bob@acme.example, who had it before it waited", "w", ""},
		{threads.Assigned{Engineer: bob, From: alice, How: threads.HowTaken, Why: "w"}, bob,
			"Given to bob@acme.example, who takes over from alice@acme.example, by the engineer's own doing", "w", ""},
		{threads.Assigned{Engineer: bob, How: threads.HowHand, Why: "w"}, bob, "Given to bob@acme.example, by hand", "w", ""},
		{threads.Assigned{Engineer: bob, From: alice, How: threads.HowFailed, Why: "w"}, bob,
			"Given to bob@acme.example, who takes over from alice@acme.example", "w", ""},
		{threads.Waiting{Why: "w"}, "", "It waits: nobody could be given it", "w", ""},
		{threads.Offered{To: []string{alice, bob}, Until: until, Why: "w"}, "",
			"On offer to alice@acme.example, bob@acme.example until 25 Nov 2026 14:00 UTC: whoever answers first or takes it has it", "w", ""},

		{answer, alice, "Answer by alice@acme.example to Jane Doe <Jane@Customer.example>",
			"the mail came from an address of the author's, with a token made for the author", "<a@x>"},
		{threads.Accepted{Author: alice, To: []threads.Address{jane}, Cc: []threads.Address{joe}, Answers: 2, Added: []threads.Address{joe}, Hold: "1-2"}, alice,
			"Answer by alice@acme.example to Jane Doe <Jane@Customer.example>, joe@other.example, on the mail of event 2; joe@other.example joined, whom the author wrote to directly",
			"held mail 1-2 was released", ""},
		{threads.Accepted{}, "", "Answer written by hand to nobody", "it was written from the shared mailbox itself and found in the folder of sent mail", ""},
		{threads.Noted{Author: bob, MessageID: "<n@x>", To: []string{alice}}, bob, "Internal note by bob@acme.example, sent to alice@acme.example", "", "<n@x>"},
		{threads.Noted{Author: bob}, bob, "Internal note by bob@acme.example", "", ""},
		{threads.Ordered{By: bob, Words: []string{"/close", "/tag x"}}, bob, "bob@acme.example wrote /close, /tag x", "", ""},
		{threads.Saved{By: bob, Name: "reset"}, bob, "bob@acme.example kept the text as the saved answer reset", "", ""},

		{threads.HeldBack{Hold: "1-2", From: jane, MessageID: "<h@x>", Kind: threads.WhyLeak, Reason: "r"}, jane.Addr,
			"Held back as 1-2: a mail from Jane Doe <Jane@Customer.example>; nothing of it went out", "leak: r", "<h@x>"},
		{threads.HeldBack{Hold: "1-2", Kind: threads.WhyUncertain, Reason: "r", Asked: bob}, "",
			"Held back as 1-2: an answer that may have gone out already; nothing of it went out, and bob@acme.example was asked", "uncertain: r", ""},
		{threads.Settled{Hold: "1-2", By: bob, How: "discarded"}, bob, "Held mail 1-2 was discarded, as bob@acme.example decided", "", ""},

		{threads.Merged{Into: 9, By: bob}, bob, "bob@acme.example merged it into conversation 9: what comes for it arrives there", "", ""},
		{threads.Absorbed{From: 8, By: bob, Subject: "Pump"}, bob, "bob@acme.example merged conversation 8 into it: Pump", "", ""},
		{threads.SplitOff{Event: 4, Into: 9, By: bob}, bob, "bob@acme.example made the mail of event 4 conversation 9", "", ""},
		{threads.Carried{From: 8, Event: 3, At: noon, Accepted: &answer}, alice,
			"From conversation 8, 2026-11-24T12:00:00Z: Answer by alice@acme.example to Jane Doe <Jane@Customer.example>",
			"the mail came from an address of the author's, with a token made for the author", "<a@x>"},
		{threads.Carried{From: 8, At: noon, Noted: &threads.Noted{Author: bob}}, bob, "From conversation 8, 2026-11-24T12:00:00Z: Internal note by bob@acme.example", "", ""},
		{threads.Invited{By: bob, Addresses: []threads.Address{joe}}, bob, "Every answer goes in copy to joe@other.example from here on, as bob@acme.example asked", "", ""},
		{threads.Tagged{By: bob, On: []string{"billing", "urgent"}, Off: []string{"new"}}, bob, "Tags changed by bob@acme.example: +billing +urgent -new", "", ""},
		{threads.Renamed{By: bob, Subject: "Pump 2"}, bob, "Our answers are called Pump 2 from here on, as bob@acme.example asked", "", ""},
		{threads.Junked{By: bob}, bob, "Put away as spam by bob@acme.example: what its people write no longer opens it", "", ""},
		{threads.Closed{By: bob}, bob, "Closed by bob@acme.example", "", ""},
		{threads.Reopened{Why: "w"}, "", "Open again", "w", ""},
		{threads.Snoozed{By: bob, Until: until}, bob, "Laid aside by bob@acme.example until 25 Nov 2026 14:00 UTC, or until the customer writes", "", ""},
		{threads.Woken{Why: "w"}, "", "No longer laid aside", "w", ""},
		{threads.Reminded{Engineer: bob, Why: "w"}, "", "Half of the time to reply is over, and bob@acme.example was reminded", "w", ""},
		{threads.Reminded{Why: "w"}, "", "Half of the time to reply is over", "w", ""},
		{threads.Overdue{Why: "w"}, "", "The time to reply is over", "w", ""},
		{threads.Refused{Engineer: bob, Command: "assign", Why: "w"}, bob, "/assign of bob@acme.example was not done, and the engineer was told why", "w", ""},
		{threads.OriginalsAsked{By: bob, For: bob}, bob, "bob@acme.example asked for the mails as they came", "", ""},
		{threads.OriginalsAsked{By: bob, For: alice}, bob, "bob@acme.example asked for the mails as they came, for alice@acme.example", "", ""},
		{threads.Burnt{Engineer: bob, Why: "w"}, bob, "The reply address of bob@acme.example no longer proves anything; her next copy brings a new one", "w", ""},

		{threads.Copied{Engineer: bob, OutID: "1.3.2", Of: 2, MessageID: "<c@x>"}, bob, "Copy of the mail of event 2 queued to bob@acme.example as 1.3.2", "", "<c@x>"},
		{threads.Delivered{OutID: "1", Recipient: "r@x", State: "failed", Reply: "550 no"}, "r@x", "Mail 1 to r@x: it could not be delivered", "the mail server said 550 no", ""},
		{threads.Delivered{OutID: "1", Recipient: "r@x", State: "unknown"}, "r@x", "Mail 1 to r@x: the connection broke off, so it may or may not have been taken", "", ""},
		{threads.Delivered{OutID: "1", Recipient: "r@x", State: "again", Reply: "no copy came back"}, "r@x", "Mail 1 to r@x: it is sent again", "no copy came back", ""},
		{threads.Delivered{OutID: "1", Recipient: "r@x", State: threads.DeliveryLate}, "r@x", "Mail 1 to r@x: it still waits, and its author was told", "", ""},
		{threads.Delivered{OutID: "1", Recipient: "r@x", State: "odd"}, "r@x", "Mail 1 to r@x: odd", "", ""},
		{threads.Bounced{OutID: "1", MessageID: "<b@x>", Recipient: "r@x", Action: "failed", Status: "5.1.1", Diagnostic: "no user"}, "r@x",
			"A report came about mail 1: failed for r@x", "5.1.1 no user", "<b@x>"},
		{threads.Bounced{OutID: "1", Action: "delayed"}, "", "A report came about mail 1: delayed", "", ""},
		{threads.CameBack{OutID: "1"}, "", "Our own copy of mail 1 came back: the mail server took it", "", ""},
		{threads.CameBack{OutID: "1", Alias: "<z@x>"}, "", "Our own copy of mail 1 came back: the mail server took it, and it travels as <z@x>", "", "<z@x>"},
	}
	told := map[string]bool{}
	for _, tt := range tests {
		m := momentOf(threads.Event{N: 1, At: noon, Body: tt.body})
		told[m.Kind] = true
		got := fmt.Sprintf("%q %q %q %q", m.Who, m.What, m.Reason, m.MessageID)
		if want := fmt.Sprintf("%q %q %q %q", tt.who, tt.what, tt.reason, tt.id); got != want {
			t.Errorf("%#v:\n got %s\nwant %s", tt.body, got, want)
		}
	}
	const kinds = 33 // of events
	if len(told) != kinds {
		t.Errorf("%d kinds of events are told, not %d", len(told), kinds)
	}
}
