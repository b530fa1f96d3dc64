package gateway

import (
	"fmt"
	"strings"
	"testing"

	"postroom/internal/store"
	"postroom/threads"
)

// TestNowhereIsTold: an answer of the lost time that is to nobody the state
// knows cannot be sent by whoever asks for it: she is told why, it stays held
// as it is, and can be thrown away.
func TestNowhereIsTold(t *testing.T) {
	r, cp := waiting(t, nil)
	seg, err := r.st.NewSegment()
	if err != nil {
		t.Fatal(err)
	}
	ref, err := seg.Append(strings.NewReader(strings.ReplaceAll(r.wrote(alice, "Re: Lamp", "Turn it off."), "\n", "\r\n")))
	if err == nil {
		err = seg.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
	hold := store.Hold{ID: "0-INBOX-1-99", Engineer: alice, Asked: alice, From: alice, Subject: "Re: Lamp", Why: threads.WhyLost, Raw: ref, At: r.now.Unix()}
	r.update(func(tx *store.Tx) error { return tx.SetHold(hold) })
	o := r.outcome(r.comes(r.reply(cp, alice, "/send "+hold.ID)))
	if o.Kind != store.OutcomeCommand || o.Note != "it belongs to no conversation, and can only be thrown away" {
		t.Errorf("%+v", o)
	}
	if n := r.one(store.OutNotice, alice); !strings.Contains(n.Mail.Text, "put back from a backup") || !strings.Contains(n.Mail.Text, "/discard") {
		t.Errorf("the notice does not say why:\n%s", n.Mail.Text)
	}
	if h := r.holds(); len(h) != 1 || h[0].ID != hold.ID || r.answers() != 0 {
		t.Errorf("held are %+v, and %d answers sent", h, r.answers())
	}
	r.comes(r.reply(cp, alice, "/discard "+hold.ID))
	if h := r.holds(); len(h) != 0 || r.answers() != 0 {
		t.Errorf("thrown away: held are %+v, and %d answers sent", h, r.answers())
	}
}

// TestOwnCopyRewritten: what comes to the copy address of a mail is our own copy
// of it, whatever the relay made of its id and body; from somebody else it is
// not.
func TestOwnCopyRewritten(t *testing.T) {
	r, a := answered(t, nil)
	r.settle(a, store.OutSent)
	changed := strings.Replace(back(a), a.MessageID, "<made-anew@relay.example>", 1) + "\n--\nThis mail was scanned.\n"
	if o := r.outcome(r.comes(changed)); o.Kind != store.OutcomeOwn || o.Conversation != 1 {
		t.Errorf("changed by the relay: %+v", o)
	}
	forged := strings.Replace(changed, "From: ", "From: Mallory <mallory@evil.example>\nX-From: ", 1)
	forged = strings.Replace(forged, "made-anew", "made-up", 1)
	if o := r.outcome(r.comes(forged)); o.Kind == store.OutcomeOwn {
		t.Errorf("somebody else's: %+v", o)
	}
}

// TestReportOfNobody: a report that names no recipient tells of all of the mail:
// its author hears of a failure, once, and of a delay nobody does.
func TestReportOfNobody(t *testing.T) {
	for subject, notices := range map[string]int{"Undelivered Mail Returned to Sender": 1, "Delayed Mail (still being retried)": 0} {
		r, a := answered(t, nil)
		r.settle(a, store.OutSent)
		r.comes(fmt.Sprintf("From: MAILER-DAEMON@relay.example\nTo: %s\nSubject: %s\nMessage-ID: <b1@relay.example>\n"+
			"Date: %s\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"+
			"--b\n\nSee the subject.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example\n\n--b--\n",
			a.EnvelopeFrom, subject, r.at(0)))
		if list := r.to(store.OutNotice, alice); len(list) != notices {
			t.Errorf("%s: %d notices%s", subject, len(list), r.dump())
		}
	}
}
