package threads

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// TestEventBinary: what is kept of an event is the event, and what is cut
// short is an error.
func TestEventBinary(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 5, time.FixedZone("", -5*3600))
	for _, e := range []Event{
		{N: 1, At: at.UTC(), Body: Opened{Subject: "Printer", Customer: Address{Name: "Jane", Addr: "jane@client.example"}}},
		{N: 300, At: at, Body: Received{MessageID: "<1@client.example>", References: []string{"<0@client.example>"}, Size: 1 << 40}},
		{N: 3, Body: Closed{By: "root"}},
	} {
		data, err := e.AppendBinary([]byte("before"))
		if err != nil || string(data[:6]) != "before" {
			t.Fatalf("%q, %v", data, err)
		}
		var back Event
		if err := back.UnmarshalBinary(data[6:]); err != nil {
			t.Fatal(err)
		}
		want, err1 := json.Marshal(e)
		got, err2 := json.Marshal(back)
		if err1 != nil || err2 != nil || string(want) != string(got) || reflect.TypeOf(back.Body) != reflect.TypeOf(e.Body) {
			t.Errorf("got %s\nwant %s", got, want)
		}
		for n := 6; n < len(data); n++ {
			if err := back.UnmarshalBinary(data[6:n]); err == nil {
				t.Fatalf("%d of %d octets are taken for an event", n-6, len(data)-6)
			}
		}
	}
	var e Event
	if err := e.UnmarshalBinary([]byte("\x01\x00\x06nobody{}")); err == nil {
		t.Error("an unknown kind is taken for an event")
	}
}
