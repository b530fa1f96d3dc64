package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// TestWhyWords: what an engineer reads who asks why a conversation is with whom
// it is, from every kind of decision.
func TestWhyWords(t *testing.T) {
	opened := threads.Opened{Customer: threads.Address{Addr: jane}, Subject: "Pump"}
	mail := threads.Received{From: threads.Address{Addr: jane}, Class: threads.ClassCustomer}
	poll := &threads.Poll{Considered: []threads.Considered{{Key: alice}, {Key: bob, Out: "away until Monday"}, {Key: "zoe@acme.example"}}, Others: map[string]int{"away": 3}}
	crowd := &threads.Poll{}
	for i := range maxConsidered + 4 {
		crowd.Considered = append(crowd.Considered, threads.Considered{Key: fmt.Sprintf("e%d@acme.example", i)})
	}
	toAlice := threads.Assigned{Engineer: alice, Why: "Alice Ng is next of 2 on duty", How: threads.HowTurn, Poll: poll}
	until := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	var many []threads.EventBody
	for range maxReasons + 3 {
		many = append(many, threads.Reopened{Why: "jane wrote"})
	}
	for _, tt := range []struct {
		name   string
		events []threads.EventBody
		want   []string
	}{
		{"by turn", []threads.EventBody{toAlice, threads.Copied{Engineer: alice, Of: 2}}, []string{
			"Conversation 1, open, is yours.", "", "23 Nov 2026 09:02 (UTC): Alice Ng got it: next of 2 on duty", "",
			"When the rotation last chose, it looked at these, in the order of their turns:", "  Alice Ng: got it", "  Bob Stone: passed over, away until Monday",
			"  zoe@acme.example: free", "  and 3 more"}},
		{"taken, answered, laid aside", []threads.EventBody{
			threads.Assigned{Engineer: bob, Why: "took it", How: threads.HowTaken}, threads.Assigned{Engineer: alice, From: bob, Why: "Alice Ng answered it", How: threads.HowTaken},
			threads.Assigned{Engineer: bob, From: alice, Why: "Bob Stone laid it aside", How: threads.HowTaken}}, []string{
			"Conversation 1, open, is Bob Stone's.", "", "23 Nov 2026 09:02 (UTC): Bob Stone took it", "23 Nov 2026 09:03 (UTC): Alice Ng answered it, and has it since",
			"23 Nov 2026 09:04 (UTC): Bob Stone laid it aside"}},
		{"on offer", []threads.EventBody{threads.Offered{To: []string{alice, bob}, Until: until, Why: "2 are on duty"}}, []string{
			"Conversation 1, open, is on offer to Alice Ng, Bob Stone.", "", "23 Nov 2026 09:02 (UTC): it was on offer to Alice Ng, Bob Stone: 2 are on duty"}},
		{"nobody", []threads.EventBody{threads.Waiting{Why: "nobody is on duty", Poll: crowd}}, []string{
			"Conversation 1, open, waits for somebody to come on duty.", "", "23 Nov 2026 09:02 (UTC): nobody could be given it: nobody is on duty", "",
			"When the rotation last chose, it looked at these, in the order of their turns:", "  e0@acme.example: free"}},
		{"over", []threads.EventBody{toAlice, threads.Overdue{Engineer: alice, Why: "Jane got no answer within 4h"}, threads.Absorbed{From: 8, By: alice},
			threads.SplitOff{Event: 2, Into: 9, By: bob}, threads.Closed{By: bob}, threads.Reopened{Why: "jane wrote"}, threads.Junked{By: alice}}, []string{
			"Conversation 1, put away as spam, is yours.", "", "Alice Ng got it: next of 2 on duty", "Jane got no answer within 4h", "Alice Ng merged conversation 8 into it",
			"Bob Stone made a mail of it conversation 9", "closed by Bob Stone", "open again: jane wrote", "put away as spam by Alice Ng"}},
		{"so much", many, []string{"Conversation 1, open, is nobody's at the moment.", "", "(3 earlier decisions are left out)", "open again: jane wrote"}},
	} {
		r := newRig(t, nil)
		var got string
		err := r.st.Update(func(tx *store.Tx) error {
			id, err := tx.NewConversation()
			if err != nil {
				return err
			}
			var events []threads.Event
			for i, body := range append([]threads.EventBody{opened, mail}, tt.events...) {
				events = append(events, threads.Event{N: i + 1, At: r.now.Add(time.Duration(i) * time.Minute), Body: body})
			}
			c := threads.Fold(id, events)
			if err := tx.Commit(c, events); err != nil {
				return err
			}
			b := &batch{g: r.g, tx: tx, now: r.now, rot: r.g.rot}
			if got, err = b.whyHers(c, alice); err != nil {
				return err
			}
			return errTaken // of no use to the next
		})
		if err != errTaken {
			t.Fatalf("%s: %v", tt.name, err)
		}
		rest := strings.Split(got, "\n")
		for _, want := range tt.want {
			for len(rest) > 0 && rest[0] != want && (want == "" || !strings.HasSuffix(rest[0], want)) {
				rest = rest[1:]
			}
			if len(rest) == 0 {
				t.Errorf("%s: no line %q, in this order, in\n%s", tt.name, want, got)
				break
			}
			rest = rest[1:]
		}
	}
}

var errTaken = fmt.Errorf("taken back")

// TestAdminsMailOrders: commands that an answer to the daily list has, too
// many, others, and none.
func TestAdminsMailOrders(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"none", "Thank you!", "Nothing was done: your mail has no command at its top. It takes /distribute, /retry and /release"},
		{"another's", "/close 3\n/retry 4", "Not done: /close. An admin's mail takes /distribute, /retry and /release, at most 20 of them."},
		{"too many", strings.Repeat("/retry 4\n", maxOrders+5), "Not done: /retry 4: nothing set aside has the id \"4\""},
	} {
		r := newRig(t, nil)
		var to string
		r.update(func(tx *store.Tx) (err error) {
			b := &batch{g: r.g, tx: tx, now: r.now, rot: r.g.rot}
			to, err = b.adminAddress(ops)
			return err
		})
		uid := r.comes(r.wrote("Ops <"+ops+">", "Re: The list", tt.text, "To: "+to))
		if o := r.outcome(uid); o.Kind != store.OutcomeCommand || o.Note != "an admin's" {
			t.Errorf("%s: %+v", tt.name, o)
		}
		text := ""
		for _, s := range r.to(store.OutNotice, ops) {
			text += strings.Join(strings.Fields(s.Mail.Text), " ") + "\n"
		}
		if !strings.Contains(text, tt.want) {
			t.Errorf("%s: no %q in %s", tt.name, tt.want, text)
		}
		if n := strings.Count(text, "\n"); n > maxOrders {
			t.Errorf("%s: %d answers to one mail", tt.name, n)
		}
		if tt.name == "another's" && !strings.Contains(text, "retry 4") {
			t.Errorf("what could be done was not tried: %s", text)
		}
		forged := r.comes(r.wrote("Eve <eve@evil.example>", "Re: The list", "/retry 4", "To: "+to))
		if o := r.outcome(forged); o.Note != "it carries an admin's token and is not from her address" || len(r.to(store.OutNotice, "eve@evil.example")) != 0 {
			t.Errorf("with a token of another's: %+v", o)
		}
	}
}
