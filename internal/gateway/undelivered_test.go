package gateway

import (
	"fmt"
	"strings"
	"testing"

	"postroom/internal/store"
	"postroom/threads"
)

// TestFailuresOfOneMomentAreOneNotice: whoever did not get an answer is named
// in one notice, with the reason of each; so is whom a report names.
func TestFailuresOfOneMomentAreOneNotice(t *testing.T) {
	t.Run("an attempt", func(t *testing.T) {
		r, a := answered(t, nil)
		r.attempt(a.ID, func(m *store.OutMail) []store.Recipient {
			m.State = store.OutDone
			for i := range m.Recipients {
				m.Recipients[i].State, m.Recipients[i].Reply = store.OutFailed, fmt.Sprintf("no such user (%d)", i)
			}
			return m.Recipients
		})
		r.think()
		text := words(r.one(store.OutNotice, alice))
		for _, want := range []string{jane, "no such user (0)", "boss@client.example", "no such user (1)", "Use water."} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in the notice:\n%s", want, text)
			}
		}
		failed := 0
		r.view(func(tx *store.Tx) error {
			list, err := tx.Events(1)
			for _, e := range list {
				if d, ok := e.Body.(threads.Delivered); ok && d.State == "failed" {
					failed++
				}
			}
			return err
		})
		if failed != 2 {
			t.Errorf("%d failures are recorded", failed)
		}
	})
	t.Run("a report", func(t *testing.T) {
		r, a := answered(t, nil)
		r.settle(a, store.OutSent)
		report := "Final-Recipient: rfc822; %s\nAction: failed\nStatus: %s\n\n"
		r.comes(fmt.Sprintf("From: MAILER-DAEMON@relay.example\nTo: %s\nSubject: Undelivered\nMessage-ID: <b1@relay.example>\n"+
			"Date: %s\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"+
			"--b\n\nIt did not work.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example\n\n"+report+report+"--b--\n",
			a.EnvelopeFrom, r.at(0), jane, "5.1.1", "boss@client.example", "5.2.2"))
		text := words(r.one(store.OutNotice, alice))
		for _, want := range []string{jane + " could not be delivered: 5.1.1", "boss@client.example: 5.2.2"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in the notice:\n%s", want, text)
			}
		}
	})
}
