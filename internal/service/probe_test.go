package service

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/admin"
	"postroom/internal/mailtest"
	"postroom/internal/mailtest/servers"
	"postroom/internal/probe"
)

// untouched holds that nobody heard of a probe, that it is gone from the
// mailbox and answered by nobody.
func (b *bubble) untouched() {
	b.t.Helper()
	for _, who := range people {
		if n := b.inbox(who); len(n) != 0 {
			b.t.Errorf("%s has %d mails, one is %q", who, len(n), n[0].Get("Subject"))
		}
	}
	counts, err := admin.Counts(b.svc.Store())
	if err != nil || counts.Open != 0 || counts.Queued != 0 || counts.Aside != 0 {
		b.t.Errorf("counts %+v, %v", counts, err)
	}
}

// TestProbe: what the relay does to a mail is told, whatever it does, and the
// probe stays between Postroom and its mailbox.
func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		name  string
		opts  servers.Options
		extra string
		fault *servers.SMTPFault
		want  func(r probe.Report) bool
		says  string
	}{
		{"an ordinary relay", servers.Options{}, "", nil, func(r probe.Report) bool {
			return r.OK && r.MessageIDKept && r.ReferencesKept && r.PlusAddressing == probe.PlusYes && r.EnvelopeKept && r.Removed && !r.FilesSent
		}, "Message-IDs are kept."},
		{"one that rewrites ids", servers.Options{RewriteMessageIDs: true}, "", nil, func(r probe.Report) bool {
			return r.OK && !r.MessageIDKept && r.ArrivedAs != "" && r.ReferencesKept && r.PlusAddressing == probe.PlusYes
		}, "Message-IDs are rewritten"},
		{"one that refuses our senders", servers.Options{Sender: servers.OwnSenderAtData}, "", nil, func(r probe.Report) bool {
			return r.OK && !r.EnvelopeKept && strings.Contains(r.EnvelopeWords, "5.2.252")
		}, "bounces are matched by what they return"},
		{"one that rewrites our senders", servers.Options{Sender: servers.RewriteSender}, "", nil, func(r probe.Report) bool {
			return r.OK && !r.EnvelopeKept && r.EnvelopeWords == "" && r.EnvelopeSent != r.EnvelopeBack && r.EnvelopeBack == "support@acme.example"
		}, "The envelope sender is rewritten to support@acme.example"},
		{"smtp.envelope = support", servers.Options{}, "smtp.envelope = \"support\"", nil, func(r probe.Report) bool {
			return r.OK && r.EnvelopeKept && !r.EnvelopeOwn && r.EnvelopeSent == "support@acme.example"
		}, "Mail leaves from the support address, and bounces"},
		{"one without plus-addresses", servers.Options{}, "", &servers.SMTPFault{
			Stage: servers.AtRcpt, Reply: &servers.Reply{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "no such user"},
		}, func(r probe.Report) bool {
			return r.OK && r.PlusAddressing == probe.PlusNo && strings.Contains(r.PlusWords, "no such user")
		}, "do NOT reach the mailbox (no such user)"},
		{"one that takes no mail", servers.Options{}, "", &servers.SMTPFault{
			Stage: servers.AtRcpt, Times: -1, Reply: &servers.Reply{Code: 550, Enhanced: [3]int{5, 7, 1}, Text: "go away"},
		}, func(r probe.Report) bool { return !r.OK && !r.CameBack }, "NOT GOOD: the relay does not take mail from support@acme.example to itself: 550 5.7.1 go away"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.opts.RequireAuth = true
				b := newBubbleIn(t, tt.extra, tt.opts)
				b.start()
				defer b.end()
				b.wait(time.Minute)
				if tt.fault != nil {
					b.world.FailSMTP(*tt.fault)
				}
				r, err := b.svc.Probe(t.Context())
				if err != nil || !tt.want(r) {
					t.Errorf("found %+v, %v", r, err)
				}
				if all := strings.Join(r.Sentences(), "\n"); !strings.Contains(all, tt.says) {
					t.Errorf("it says:\n%s", all)
				}
				b.wait(time.Hour)
				b.untouched()
			})
		})
	}
}

// TestProbeIsUsed: what it found decides at once, also after the next start,
// until a later one finds something else.
func TestProbeIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "")
		b.start()
		b.wait(time.Minute)
		written := 0
		tokens := func(want bool) {
			t.Helper()
			written++
			b.write(mailtest.Mail{From: fmt.Sprintf("jane+%d@client.example", written), To: "support@acme.example", Subject: fmt.Sprintf("Question %d", written), Text: "Anybody there?\n"})
			b.wait(2 * time.Minute)
			var last *mailtest.Parsed
			for _, who := range []string{"alice", "bob", "carol"} {
				for _, p := range b.inbox(who + "@acme.example") {
					if p.Get("Subject") == fmt.Sprintf("Question %d", written) {
						last = p
					}
				}
			}
			if last == nil || strings.Contains(last.Get("Reply-To"), "+") != want {
				t.Fatalf("mail %d: tokens in addresses: %v", written, !want)
			}
			tr := b.world.Transactions()
			if strings.Contains(tr[len(tr)-1].From, "+") != want {
				t.Errorf("mail %d left from %s", written, tr[len(tr)-1].From)
			}
			st, err := b.svc.Status()
			if err != nil || strings.Contains(strings.Join(st.Problems, "\n"), "support.reply_address is not used") == want {
				t.Errorf("status %+v, %v", st, err)
			}
		}
		tokens(true)
		b.world.FailSMTP(servers.SMTPFault{Stage: servers.AtRcpt, Reply: &servers.Reply{Code: 550, Text: "no such user"}})
		if r, err := b.svc.Probe(t.Context()); err != nil || r.PlusAddressing != probe.PlusNo {
			t.Fatalf("found %+v, %v", r, err)
		}
		tokens(false)
		b.halt()
		b.start()
		b.wait(time.Minute)
		tokens(false)
		// A relay that is busy says nothing about addresses.
		b.world.FailSMTP(servers.SMTPFault{Stage: servers.AtRcpt, Reply: &servers.Reply{Code: 451, Text: "later"}})
		if r, err := b.svc.Probe(t.Context()); err != nil || !r.OK || r.PlusAddressing != probe.PlusUnclear {
			t.Fatalf("found %+v, %v", r, err)
		}
		tokens(false)
		if r, err := b.svc.Probe(t.Context()); err != nil || r.PlusAddressing != probe.PlusYes {
			t.Fatalf("found %+v, %v", r, err)
		}
		tokens(true)
		b.end()
	})
}

// TestProbeTeachesTheSender: what a probe finds the relay to think of bounce
// addresses decides from then on, whether the service runs or not; and that it
// takes them again is found by whoever asks.
func TestProbeTeachesTheSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "smtp.probe = \"1h\"\n")
		refuseOnce := func() {
			b.world.FailSMTP(servers.SMTPFault{Stage: servers.AtMail, Reply: &servers.Reply{Code: 550, Enhanced: [3]int{5, 7, 60}, Text: "not as this sender"}})
		}
		written := 0
		leaves := func(bounce bool) {
			t.Helper()
			written++
			b.write(mailtest.Mail{From: fmt.Sprintf("jane+%d@client.example", written), To: "support@acme.example", Subject: fmt.Sprintf("Question %d", written), Text: "Anybody there?\n"})
			b.wait(2 * time.Minute)
			all := b.world.Transactions()
			last := all[len(all)-1]
			if mailtest.MustParse(t, last.Raw).Get("Subject") != fmt.Sprintf("Question %d", written) || strings.Contains(last.From, "+") != bounce {
				t.Errorf("the last mail left from %s", last.From)
			}
			if st, err := b.svc.Status(); err != nil || strings.Contains(st.SMTP.Envelope, "5.7.60") == bounce {
				t.Errorf("status says %q of the envelope, %v", st.SMTP.Envelope, err)
			}
		}
		b.start()
		b.wait(time.Minute)
		leaves(true)
		refuseOnce()
		if r, err := b.svc.Probe(t.Context()); err != nil || r.EnvelopeKept || !strings.Contains(r.EnvelopeWords, "5.7.60") || r.EnvelopeSent != "support@acme.example" {
			t.Fatalf("found %+v, %v", r, err)
		}
		leaves(false)
		b.wait(3 * time.Hour) // with probes that go on as mail does
		leaves(false)
		b.halt()
		b.start()
		b.wait(time.Minute)
		leaves(false)
		if r, err := b.svc.Probe(t.Context()); err != nil || !r.EnvelopeKept || !r.EnvelopeOwn {
			t.Fatalf("found %+v, %v", r, err)
		}
		leaves(true)
		for _, refused := range []bool{true, false} {
			b.halt()
			if refused {
				refuseOnce()
			}
			if r, err := CheckOnline(t.Context(), b.cfg, b.seams(), time.Minute); err != nil || r.EnvelopeKept == refused {
				t.Fatalf("found %+v, %v", r, err)
			}
			b.start()
			b.wait(time.Minute)
			leaves(!refused)
		}
		b.end()
	})
}

// Of two probes that are asked for at once the second waits for the first.
func TestOneProbeAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "")
		b.start()
		defer b.end()
		b.wait(time.Minute)
		b.world.FailSMTP(servers.SMTPFault{Stage: servers.AtDelivery, Times: 2})
		began, ended := time.Now(), make(chan bool, 1)
		go func() {
			_, err := b.svc.Probe(t.Context())
			ended <- err == nil
		}()
		b.wait(time.Second)
		r, err := b.svc.Probe(t.Context())
		if took := time.Since(began); err != nil || !r.OK || took < probePatience || !<-ended {
			t.Errorf("after %v: %+v, %v", took, r, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		b.svc.probing <- struct{}{}
		if _, err := b.svc.Probe(ctx); err == nil {
			t.Error("it does not end with its context")
		}
		<-b.svc.probing
	})
}
