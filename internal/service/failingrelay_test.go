package service

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/admin"
	"postroom/internal/mailtest"
	"postroom/internal/mailtest/servers"
	"postroom/internal/store"
	"postroom/threads"
)

// failings are ways in which a relay keeps failing, and how each begins.
func failings() map[string]func(b *bubble) (mend func()) {
	all := map[string]func(b *bubble) func(){
		"down": func(b *bubble) func() {
			b.world.StopSMTP()
			return b.startSMTP
		},
	}
	for _, at := range []servers.Stage{
		servers.AtBanner, servers.AtHello, servers.AtAuth, servers.AtMail, servers.AtRcpt, servers.AtData, servers.AtBody, servers.AtDot,
	} {
		all["stalls at "+string(at)] = always(servers.SMTPFault{Stage: at, Stall: true, Cut: true})
		all["421 at "+string(at)] = always(servers.SMTPFault{Stage: at, Cut: true, Reply: &servers.Reply{Code: 421, Enhanced: [3]int{4, 3, 2}, Text: "Closing"}})
	}
	return all
}

func always(f servers.SMTPFault) func(b *bubble) func() {
	f.Times = -1
	return func(b *bubble) func() { return b.world.FailSMTP(f).Remove }
}

// TestFailingRelayDelaysNoReading: however the relay fails, and for how long,
// what customers write meanwhile is read, given to an engineer and queued
// within a minute; and it all goes out once when the relay works again.
func TestFailingRelayDelaysNoReading(t *testing.T) {
	for name, fail := range failings() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, "")
				b.start()
				defer b.end()
				b.wait(time.Minute)
				mend := fail(b)
				const mails = 6
				for i := range mails {
					b.write(mailtest.Mail{From: "jane@client.example", To: "support@acme.example", Subject: fmt.Sprintf("Matter %d", i), Text: fmt.Sprintf("This is mail %d.\n", i)})
					b.wait(time.Minute)
					b.wantQueued(i + 1)
					b.wait(59 * time.Minute)
				}
				mend()
				b.wait(12 * time.Hour)
				got := b.copies()
				for i := range mails {
					if n := got[fmt.Sprintf("Matter %d", i)]; n != 1 {
						t.Errorf("mail %d was handed out %d times", i, n)
					}
				}
				b.audited()
			})
		})
	}
}

// wantQueued checks that so many mails were read, each of them is with an
// engineer, and a copy of it is in the outbox.
func (b *bubble) wantQueued(want int) {
	b.t.Helper()
	ledger, assigned, queued := 0, 0, 0
	if err := b.svc.Store().View(func(tx *store.Tx) error {
		ledger = tx.LedgerLen()
		if err := tx.EachConversation(func(c threads.Conversation) error {
			if c.State == threads.StateOpen && c.Owner != "" {
				assigned++
			}
			return nil
		}); err != nil {
			return err
		}
		return tx.EachOut(func(m store.OutMail) error {
			if m.Kind == store.OutCopy {
				queued++
			}
			return nil
		})
	}); err != nil {
		b.t.Fatal(err)
	}
	if ledger != want || assigned != want || queued != want {
		counts, err := admin.Counts(b.svc.Store())
		b.t.Errorf("a minute behind mail %d: %d read, %d assigned, %d queued; %+v, %v", want, ledger, assigned, queued, counts, err)
	}
}
