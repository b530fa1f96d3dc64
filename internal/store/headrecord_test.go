package store

import (
	"reflect"
	"testing"

	"postroom/threads"
)

// TestHeadOfOneField: each thing a conversation can have is kept where it has
// nothing else, and as earlier versions wrote it too.
func TestHeadOfOneField(t *testing.T) {
	full := fullOf[threads.Conversation](t)
	for i := range reflect.TypeFor[threads.Conversation]().NumField() {
		var h headRecord
		reflect.ValueOf(&h.Conversation).Elem().Field(i).Set(reflect.ValueOf(full).Field(i))
		roundTrip(t, h)
		data, err := encode(h.Conversation)
		if err != nil || data[0] != recordVersion {
			t.Fatalf("a record of an earlier version begins with %x, %v", data[0], err)
		}
		var back headRecord
		if err := decode(data, &back); err != nil {
			t.Fatal(err)
		}
		roundTrip(t, back)
		again, err := encode(back.Conversation)
		if err != nil || string(again) != string(data) {
			t.Errorf("field %d: %s, want %s, %v", i, again, data, err)
		}
	}
}

// TestHeadOfOddOctets: what is no UTF-8 reads back as it does from an event,
// which is JSON, wherever it stands.
func TestHeadOfOddOctets(t *testing.T) {
	const odd = "\xff\xfe caf\xe9"
	c := threads.Conversation{
		Subject: odd, Customer: threads.Address{Name: odd, Addr: odd},
		Mails: []threads.Heard{{Event: 2, MessageID: odd, References: []string{odd}}},
		Desks: map[string]threads.Desk{"alice@acme.example": {Chain: []string{odd}}},
	}
	var compact headRecord
	var events threads.Conversation
	for _, is := range []struct{ from, to any }{{headRecord{c}, &compact}, {c, &events}} {
		data, err := encode(is.from)
		if err != nil {
			t.Fatal(err)
		}
		if err := decode(data, is.to); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(compact.Conversation, events) {
		t.Errorf("got  %#v\nwant %#v", compact.Conversation, events)
	}
}

// BenchmarkHead writes and reads the state of a conversation as most are.
func BenchmarkHead(b *testing.B) {
	c := threads.Conversation{
		ID: 4711, N: 4, State: threads.StateOpen, Owner: "alice@acme.example", Subject: "The printer burns", SubjectBase: "The printer burns",
		Customer: threads.Address{Name: "Jane Doe", Addr: "jane@client.example"}, Opened: noon, Updated: noon, Asked: noon, Unanswered: true,
		Participants: []threads.Address{{Name: "Jane Doe", Addr: "jane@client.example"}},
		Mails:        []threads.Heard{{Event: 2, At: noon, MessageID: "m1@client.example", Reply: []threads.Address{{Addr: "jane@client.example"}}}},
		Desks:        map[string]threads.Desk{"alice@acme.example": {Generation: 1, Chain: []string{"x@acme.example"}, Newest: 2, Seen: 4}},
		Flow:         threads.Spent{Since: noon, N: 1}, Given: threads.Mark{Event: 3, By: "alice@acme.example"},
	}
	for name, v := range map[string]any{"compact": headRecord{c}, "before": c} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				data, err := encode(v)
				if err != nil {
					b.Fatal(err)
				}
				var back headRecord
				if err := decode(data, &back); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
