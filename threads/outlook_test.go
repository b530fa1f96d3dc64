package threads

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

func indexFrom(t *testing.T, digits string) string {
	t.Helper()
	raw, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

const guid = "7e1347abc447fa1327db1c16fa410b21"

// TestOutlookChild: an answer's index is its parent's with one block behind,
// of the time since the first mail.
func TestOutlookChild(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
	ft := filetime(at)
	six, five := hex.EncodeToString(octets(ft>>16, 6)), hex.EncodeToString(octets(ft>>24, 5))
	const unit, coarse = 1 << 18, 1 << 23 // in 100 ns
	for _, tt := range []struct {
		name, head string
		after      time.Duration
		block      uint32
	}{
		{"an hour after, the older form", six + guid, time.Hour, uint32((ft + 36e9 - ft>>16<<16) / unit)},
		{"an hour after, the newer form", "01" + five + guid, time.Hour, uint32((ft + 36e9 - ft>>24<<24) / unit)},
		{"two years after", six + guid, 2 * 365 * 24 * time.Hour, 1<<31 | uint32((ft+2*365*24*36e9-ft>>16<<16)/coarse)},
		{"before it, says a wrong clock", six + guid, -time.Hour, 0},
		{"behind two answers", six + guid + "0000000101" + "0000000202", time.Minute, uint32((ft + 6e8 - ft>>16<<16) / unit)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Outlook{Topic: "Printer", Index: indexFrom(t, tt.head)}.Child(at.Add(tt.after), "<1@acme.example>")
			raw, ok := readIndex(got.Index)
			if !ok || got.Topic != "Printer" {
				t.Fatalf("got %+v", got)
			}
			digits := hex.EncodeToString(raw)
			if want := tt.head + hex.EncodeToString(octets(uint64(tt.block), 4)); digits[:len(digits)-2] != want {
				t.Errorf("got %s, want %s", digits, want)
			}
		})
	}
}

// TestIndexTime reads the time of an index that Exchange made.
func TestIndexTime(t *testing.T) {
	raw, ok := readIndex("AQHWLRNo4NaOjvXU8EODe0ZotrA8B6itzaxf")
	const second = 1e7
	if want := filetime(time.Date(2020, 5, 18, 12, 54, 2, 0, time.UTC)); !ok || indexTime(raw)-want > second {
		t.Errorf("read %d, want %d", indexTime(raw), want)
	}
}

func octets(v uint64, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(v >> (8 * (n - 1 - i)))
	}
	return b
}

// TestOutlookChildIsTheSame: each time it is made, and another for another
// answer; its head says the conversation, whatever comes behind.
func TestOutlookChildIsTheSame(t *testing.T) {
	at := time.Unix(1.8e9, 0)
	parent := Outlook{Index: indexFrom(t, "01dd5b9c1234"+guid)}
	a, b, c := parent.Child(at, "<1@x>"), parent.Child(at, "<1@x>"), parent.Child(at, "<2@x>")
	if a != b || a == c || a == parent {
		t.Errorf("got %v, %v, %v", a, b, c)
	}
	first, _ := IndexTrace(parent.Index)
	for range 200 {
		parent = parent.Child(at, "<1@x>")
		if got, answer := IndexTrace(parent.Index); got != first || !answer || len(parent.Index) > 900 {
			t.Fatalf("a child of %d letters with another trace", len(parent.Index))
		}
	}
	for _, bad := range []string{"", "AQ", "%%%", strings.Repeat("A", 40)} {
		if got := (Outlook{Topic: "x", Index: bad}).Child(at, "<1@x>"); got != (Outlook{}) {
			t.Errorf("%q had the child %v", bad, got)
		}
	}
}

// TestOutlookOf: the mail answered counts, else the newest before it.
func TestOutlookOf(t *testing.T) {
	mail := func(n int, index string) Heard { return Heard{Event: n, Outlook: Outlook{Index: index}} }
	c := Conversation{Mails: []Heard{mail(2, "a"), mail(5, ""), mail(7, "b"), mail(9, "")}}
	for event, want := range map[int]string{2: "a", 5: "a", 7: "b", 9: "b", 0: "b", 1: ""} {
		if got := c.OutlookOf(event).Index; got != want {
			t.Errorf("event %d: %q, want %q", event, got, want)
		}
	}
}
