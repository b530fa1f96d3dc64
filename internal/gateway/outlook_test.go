package gateway

import (
	"encoding/base64"
	"strings"
	"testing"

	"postroom/internal/store"
)

func threadIndex(head byte, children string) string {
	return base64.StdEncoding.EncodeToString([]byte("\x01" + strings.Repeat(string(rune(head)), 21) + children))
}

// indexOf reads the Thread-Index of a queued mail.
func (s sent) indexOf(t *testing.T) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s.header("Thread-Index")), ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestOutlookThread: what a customer's Outlook groups mails by is kept in the
// copies and in the answers, each a child of the mail it answers; the
// engineer's own marks never leave.
func TestOutlookThread(t *testing.T) {
	r := newRig(t, nil)
	index := threadIndex('j', "")
	r.comes(r.wrote(jane, "Printer on fire", "It burns.", "Thread-Topic: =?UTF-8?Q?Printer_on_f=C3=ADre?=", "Thread-Index: "+index))
	c := r.one(store.OutCopy, alice)
	if c.header("Thread-Index") != index || c.Mail.ThreadTopic != "Printer on fíre" {
		t.Errorf("the copy has %q, %q", c.Mail.ThreadTopic, c.header("Thread-Index"))
	}
	r.comes(r.reply(c, alice, "Use water.", "Thread-Topic: Alice's", "Thread-Index: "+threadIndex('a', "12345")))
	a := r.one(store.OutAnswer, jane)
	raw, _ := base64.StdEncoding.DecodeString(index)
	if got := a.indexOf(t); len(got) != 27 || !strings.HasPrefix(got, string(raw)) || a.Mail.ThreadTopic != "Printer on fíre" {
		t.Errorf("the answer has %q, %x", a.Mail.ThreadTopic, got)
	}
	first := a.indexOf(t)
	r.gone()

	// From her phone: no marks, but the conversation has some.
	r.comes(r.reply(a, jane, "Still burns."))
	if c = r.one(store.OutCopy, alice); c.header("Thread-Index") != index {
		t.Errorf("the second copy has %q", c.header("Thread-Index"))
	}
	r.gone()
	// From Outlook again, as an answer to our answer.
	hers := base64.StdEncoding.EncodeToString([]byte(first + "fffff"))
	r.comes(r.reply(a, jane, "And now it is out.", "Thread-Topic: Printer on fíre", "Thread-Index: "+hers))
	c = r.one(store.OutCopy, alice)
	r.comes(r.reply(c, alice, "Good."))
	if got := r.one(store.OutAnswer, jane).indexOf(t); len(got) != 37 || !strings.HasPrefix(got, first+"fffff") {
		t.Errorf("the second answer has %x", got)
	}
}

// TestNoOutlook: who uses none gets none, whatever the engineer writes with.
func TestNoOutlook(t *testing.T) {
	r := newRig(t, nil)
	r.comes(r.wrote(jane, "Printer on fire", "It burns."))
	c := r.one(store.OutCopy, alice)
	r.comes(r.reply(c, alice, "Use water.", "Thread-Topic: Printer", "Thread-Index: "+threadIndex('a', "12345")))
	for _, s := range r.queue() {
		if s.Mail.ThreadIndex != "" || s.Mail.ThreadTopic != "" {
			t.Errorf("%s has %q, %q", s.Kind, s.Mail.ThreadTopic, s.Mail.ThreadIndex)
		}
	}
}
