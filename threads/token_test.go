package threads

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestTokenAddresses(t *testing.T) {
	token := testMinter.Token(TokenReply, "alice@acme.example", ID(7), 0)
	addr := testNames.Address(token)
	if local, _, _ := strings.Cut(addr, "@"); len(local) > 64 {
		t.Errorf("local part of %d octets", len(local))
	}
	for _, a := range []string{addr, strings.ToUpper(addr), " " + addr + " "} {
		if got, ok := testNames.Token(a); !ok || got != token {
			t.Errorf("Token(%q) = %q, %v", a, got, ok)
		}
	}
	for _, a := range []string{
		"support@acme.example", "support+@acme.example", "support+" + token + "x@acme.example",
		"support+" + token + "@other.example", "support+x" + token[1:] + "@acme.example",
		"support+r" + strings.Repeat("1", tokenLetters) + "@acme.example", "",
	} {
		if got, ok := testNames.Token(a); ok {
			t.Errorf("Token(%q) = %q", a, got)
		}
	}
	if other := testMinter.Token(TokenReply, "alice@acme.example", ID(8), 0); other == token {
		t.Error("two conversations have one token")
	}
	if NewMinter([]byte("another key, another key")).Token(TokenReply, "alice@acme.example", ID(7), 0) == token {
		t.Error("the key does not matter")
	}
	// Parts must not run into each other.
	if testMinter.Token(TokenReply, "a", "bc") == testMinter.Token(TokenReply, "ab", "c") {
		t.Error("parts are not kept apart")
	}
}

func TestEventsSurviveJSON(t *testing.T) {
	all := []EventBody{
		Opened{Subject: "s", Customer: Address{"J", "j@x"}, Linked: 3, History: true},
		Received{MessageID: "<a@b>", References: []string{"<c@d>"}, Class: ClassCustomer, Matched: ByRoot, Date: monday},
		Joined{Address: Address{"", "k@x"}, By: "root"}, Assigned{"a", "b", "d", "c", HowTurn, &Poll{Considered: []Considered{{Key: "a", Weight: 1}}}}, Waiting{"w", "a", nil},
		Copied{"a", "7.1.0", "<m@x>", 2, true}, Accepted{Author: "a", To: []Address{{"", "j@x"}}, Answers: 2},
		Noted{Author: "a", MessageID: "<n@x>", To: []string{"b"}, Hold: "7-2"}, HeldBack{Hold: "7-3", Kind: WhyLeak}, Settled{"7-3", "a", "sent"}, Closed{"a"}, Reopened{"r"},
		Delivered{"7.1.0", "j@x", "sent", "250"}, Bounced{OutID: "7.1.0", Action: "failed"}, CameBack{"7.1.0", "<o.1@x>", "<z@ses>"}, Burnt{"a", "w"},
		Offered{[]string{"a", "b"}, monday, "w"}, Snoozed{"a", monday}, Woken{"w"}, Reminded{"a", "w"}, Overdue{"a", "w"}, Refused{"a", "take", "w"},
		Ordered{"a", []string{"/why"}}, Merged{3, "a"}, Absorbed{From: 3, By: "a", Holds: []string{"3-1"}}, SplitOff{2, 3, "a"},
		Carried{From: 3, Event: 2, At: monday, Received: &Received{MessageID: "<a@b>"}}, Saved{"a", "n"}, Invited{"a", []Address{{"", "j@x"}}}, Tagged{"a", []string{"x"}, []string{"y"}}, Renamed{"a", "s"}, Junked{"a"},
	}
	for i, body := range all {
		e := Event{N: i + 1, At: monday, Body: body}
		data, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var got Event
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if !reflect.DeepEqual(got, e) {
			t.Errorf("%s: got %+v, want %+v", e.Kind(), got, e)
		}
	}
	var e Event
	if err := json.Unmarshal([]byte(`{"n":1,"kind":"exploded","body":{}}`), &e); err == nil {
		t.Error("an unknown kind was read")
	}
}
