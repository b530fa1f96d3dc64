package store

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"postroom/threads"
)

// fullOf is a value with nothing left zero.
func fullOf[T any](t *testing.T) (v T) {
	n := 0
	filled(t, reflect.ValueOf(&v).Elem(), &n)
	return v
}

// TestCompact: every field of a compact record is kept, of one with all set
// and of one with none, and a record that is cut short is an error.
func TestCompact(t *testing.T) {
	mail, history, delivery := fullOf[InMail](t), fullOf[InHistory](t), fullOf[Delivery](t)
	mail.Vouch, mail.Lost = nil, false // with either the record is no compact one
	far := InMail{InternalDate: time.Date(9999, 12, 31, 23, 59, 59, 1, time.FixedZone("", 3600))}
	roundTrip(t, fullOf[UID](t))
	roundTrip(t, UID{})
	roundTrip(t, fullOf[Ref](t))
	roundTrip(t, fullOf[Outcome](t))
	roundTrip(t, Outcome{})
	for _, rec := range []InboxRecord{
		{Seq: 1, At: noon, Mail: &mail, Tries: 2, LastError: "broken"},
		{Seq: 1 << 60, At: noon, History: &history},
		{At: noon, Delivery: &delivery},
		{Mail: &InMail{}}, {History: &InHistory{}}, {Delivery: &Delivery{}}, {At: noon, Mail: &far},
	} {
		roundTrip(t, rec)
	}
	roundTrip(t, fullOf[OpenConversation](t))
	roundTrip(t, OpenConversation{})
	roundTrip(t, tokenRecord{fullOf[threads.Token](t)})
	roundTrip(t, tokenRecord{})
	roundTrip(t, headRecord{})
	roundTrip(t, headRecord{fullOf[threads.Conversation](t)})
	roundTrip(t, headRecord{headRecord{}.rare()})
	roundTrip(t, headRecord{threads.Conversation{Participants: []threads.Address{}, Mails: []threads.Heard{{}}, Pending: []int{-1}, Desks: map[string]threads.Desk{}}})
	chore := fullOf[Chore](t)
	chore.Append = nil // likewise
	roundTrip(t, chore)
	roundTrip(t, Chore{})
	vouched := fullOf[InMail](t)
	data, err := encode(InboxRecord{Mail: &vouched})
	if err != nil || data[0] != recordVersion {
		t.Errorf("a record that has no compact form begins with %x, %v", data[0], err)
	}
}

func roundTrip[T any](t *testing.T, v T) {
	t.Helper()
	data, err := encode(v)
	if err != nil || data[0] != compactVersion {
		t.Fatalf("%T begins with %x, %v", v, data[0], err)
	}
	var back T
	if err := decode(data, &back); err != nil {
		t.Fatal(err)
	}
	want, err1 := json.Marshal(v)
	got, err2 := json.Marshal(back)
	if err1 != nil || err2 != nil || !bytes.Equal(want, got) {
		t.Errorf("%T:\n got %s\nwant %s", v, got, want)
	}
	for n := 1; n < len(data); n++ {
		var cut T
		if err := decode(data[:n], &cut); err == nil {
			t.Fatalf("%T: %d of its %d octets are taken for it", v, n, len(data))
		}
	}
}
