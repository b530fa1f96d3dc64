package probe

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-imap/v2"

	"postroom/imapsync"
	"postroom/internal/mailtest/servers"
	"postroom/internal/store"
	"postroom/smtpout"
)

// withoutUIDPlus is a server that cannot remove one message by itself.
func withoutUIDPlus() imap.CapSet {
	caps := servers.DefaultCaps()
	maps.DeleteFunc(caps, func(c imap.Cap, _ struct{}) bool { return c == imap.CapUIDPlus })
	return caps
}

var (
	later = &servers.Reply{Code: 451, Enhanced: [3]int{4, 7, 1}, Text: "later"}
	never = &servers.Reply{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "no such user"}
	notAs = &servers.Reply{Code: 550, Enhanced: [3]int{5, 7, 60}, Text: "not as this sender"}
)

// TestFindings: what a mail server does to a mail, and what is said of it.
func TestFindings(t *testing.T) {
	lost := func(times int, match string) servers.SMTPFault {
		return servers.SMTPFault{Stage: servers.AtDelivery, Times: times, Match: match}
	}
	refused := func(stage servers.Stage, times int, reply *servers.Reply) servers.SMTPFault {
		return servers.SMTPFault{Stage: stage, Times: times, Reply: reply}
	}
	for _, tt := range []struct {
		name   string
		opts   servers.Options
		plain  bool // no addresses with a token
		faults []servers.SMTPFault
		ok     bool
		plus   Plus
		took   time.Duration // at most; and more than half of it
		left   int           // in the mailbox
		says   []string
	}{
		{"an ordinary one", servers.Options{}, false, nil, true, PlusYes, time.Second, 0, []string{
			"The probe was back after 0.", "Message-IDs are kept.", "References are kept", "Addresses with a token reach the mailbox.",
			"The envelope sender is taken as it is", "Mail is not signed with DKIM", "The relay takes mail of any size, NOT over TLS.",
		}},
		{"one with limits", servers.Options{MaxMessageBytes: 25_000_000}, false, nil, true, PlusYes, time.Second, 0, []string{"up to 25.0 MB, NOT over TLS"}},
		{"no tokens", servers.Options{}, true, nil, true, PlusUnset, time.Second, 0, []string{
			"Addresses with a token are not set up", "Mail leaves from the support address",
		}},
		{"ids rewritten", servers.Options{RewriteMessageIDs: true}, false, nil, true, PlusYes, time.Second, 0, []string{
			"Message-IDs are rewritten: mail travels as <",
		}},
		{"sender refused", servers.Options{}, false, []servers.SMTPFault{refused(servers.AtMail, 1, notAs)}, true, PlusYes, time.Second, 0, []string{
			"The envelope sender is refused (550 5.7.60 not as this sender): mail leaves from the support address",
		}},
		{"sender rewritten", servers.Options{Sender: servers.RewriteSender}, false, nil, true, PlusYes, time.Second, 0, []string{
			"The envelope sender is rewritten to support@acme.example",
		}},
		{"nothing removed", servers.Options{Caps: withoutUIDPlus()}, false, nil, true, PlusYes, time.Second, 1, []string{
			"The probe stays in the mailbox: the server cannot remove a single message.",
		}},
		{"tokens refused", servers.Options{}, false, []servers.SMTPFault{refused(servers.AtRcpt, 1, never)}, true, PlusNo, time.Second, 0, []string{
			"Addresses with a token do NOT reach the mailbox (no such user): leave support.reply_address out",
		}},
		{"tokens deferred", servers.Options{}, false, []servers.SMTPFault{refused(servers.AtRcpt, 1, later)}, true, PlusUnclear, time.Second, 0, []string{
			"Whether addresses with a token reach the mailbox is not clear (later).",
		}},
		{"tokens lead nowhere", servers.Options{}, false, []servers.SMTPFault{lost(1, "")}, true, PlusNo, 2 * time.Minute, 0, []string{
			"Addresses with a token do NOT reach the mailbox: leave",
		}},
		{"all lost", servers.Options{}, false, []servers.SMTPFault{lost(-1, "")}, false, PlusUnclear, 2 * time.Minute, 0, []string{
			"NOT GOOD: the probe was taken by the relay and did not come back within 2m0s",
		}},
		{"all lost, no tokens", servers.Options{}, true, []servers.SMTPFault{lost(-1, support)}, false, PlusUnset, 2 * time.Minute, 0, []string{
			"NOT GOOD: the probe was taken by the relay and did not come back within 2m0s",
		}},
		{"the second refused", servers.Options{}, false, []servers.SMTPFault{lost(-1, ""), {Stage: servers.AtRcpt, Match: support, Times: -1, Reply: never}}, false, PlusUnclear, 2 * time.Minute, 0, []string{
			"NOT GOOD: the relay does not take mail from support@acme.example to itself: 550 5.1.1 no such user", "NOT GOOD: the probe was taken by the relay and did not come back",
		}},
		{"all refused", servers.Options{}, false, []servers.SMTPFault{refused(servers.AtRcpt, -1, never)}, false, PlusNo, time.Second, 0, []string{
			"NOT GOOD: the relay does not take mail from support@acme.example to itself: 550 5.1.1 no such user",
		}},
		{"cut at the dot", servers.Options{}, false, []servers.SMTPFault{{Stage: servers.AtDot, Times: -1, Cut: true}}, false, PlusUnclear, time.Second, 0, []string{
			"NOT GOOD: the relay: handing over probe.",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, tt.opts, func(r *rig, _ *Config) { r.plus = !tt.plain }, func(r *rig) {
				for _, f := range tt.faults {
					r.world.FailSMTP(f)
				}
				found, took, left := r.run(true)
				if found.OK != tt.ok || found.CameBack != tt.ok || found.PlusAddressing != tt.plus || left != tt.left || found.Removed != (tt.ok && left == 0) {
					t.Errorf("%d left; found %+v", left, found)
				}
				if took > tt.took+time.Second || took < tt.took-2*time.Second {
					t.Errorf("it took %v", took)
				}
				for _, want := range tt.says {
					if got := says(found); strings.Count(got, want) != 1 {
						t.Errorf("it does not say %q once:\n%s", want, got)
					}
				}
				if n := len(r.registered); n > 2 || n < 1 {
					t.Errorf("%d probes were made known", n)
				}
			})
		})
	}
}

// Each probe is known before it leaves, and under another name.
func TestKnownBeforeItLeaves(t *testing.T) {
	fails := errors.New("the disk is full")
	bubble(t, servers.Options{}, func(r *rig, cfg *Config) {
		known := cfg.Register
		cfg.Register = func(name string) (Letter, error) {
			if len(r.world.Transactions()) != len(r.registered) {
				t.Error("a probe left before it was made known")
			}
			if len(r.registered) == 2 {
				return Letter{}, fails
			}
			return known(name)
		}
	}, func(r *rig) {
		for range 2 {
			if found, _, _ := r.run(true); !found.OK {
				t.Errorf("found %+v", found)
			}
			time.Sleep(time.Second)
		}
		if _, err := r.prober.Run(r.t.Context(), true); !errors.Is(err, fails) {
			t.Errorf("it ended with %v", err)
		}
		if n := len(r.world.Transactions()); n != 2 || r.registered[0] == r.registered[1] {
			t.Errorf("%d probes left, known are %q", n, r.registered)
		}
	})
}

// TestAbsentFolders: a mistyped folder is said at once, to whoever asked.
func TestAbsentFolders(t *testing.T) {
	for _, tt := range []struct {
		reads imapsync.Config
		ok    bool
		says  string
	}{
		{imapsync.Config{Folder: "Inbox", Also: []string{"Sent"}}, true, ""},
		{imapsync.Config{Folder: "Inbx"}, false, "NOT GOOD: the mailbox has no folder of the name that imap.folder gives; there are INBOX, Sent"},
		{imapsync.Config{Also: []string{"Spam"}}, true, `NOT GOOD: the mailbox has no folder "Spam", which imap.also names, so nothing in it is looked at; there are INBOX, Sent`},
	} {
		bubble(t, servers.Options{}, func(r *rig, cfg *Config) { r.reads = tt.reads; *cfg = r.config() }, func(r *rig) {
			found, took, _ := r.run(true)
			if found.OK != tt.ok || took > 2*time.Second {
				t.Errorf("%+v: after %v %+v", tt.reads, took, found)
			}
			if got := says(found); strings.Contains(got, "NOT GOOD") != (tt.says != "") || !strings.Contains(got, tt.says) {
				t.Errorf("%+v: it says:\n%s", tt.reads, got)
			}
		})
	}
}

// A mailbox that cannot be opened ends a probe that was asked for; another one
// waits for it, and for one that breaks off, as long as for the mail.
func TestMailboxAway(t *testing.T) {
	for _, tt := range []struct {
		name  string
		asked bool
		back  time.Duration // when the mailbox is there again; 0: it never is
		ok    bool
		took  time.Duration
		says  string
	}{
		{"asked", true, 29500 * time.Millisecond, false, 0, "NOT GOOD: the mailbox: "},
		{"by itself", false, 29500 * time.Millisecond, true, 30 * time.Second, "The probe was back after 30."},
		{"for good", false, 0, false, 2 * time.Minute, "NOT GOOD: looking for the probe: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, servers.Options{}, nil, func(r *rig) {
				r.world.StopIMAP()
				if tt.back > 0 {
					time.AfterFunc(tt.back, r.startIMAP)
				}
				began := time.Now()
				found, err := r.prober.Run(r.t.Context(), tt.asked)
				if took := time.Since(began).Round(time.Second); err != nil || found.OK != tt.ok || took != tt.took {
					t.Errorf("after %v: %+v, %v", took, found, err)
				}
				if got := says(found); strings.Count(got, tt.says) != 1 || len(r.registered) != 1 {
					t.Errorf("%d probes; it says:\n%s", len(r.registered), got)
				}
				time.Sleep(tt.back + time.Second)
			})
		})
	}
	t.Run("breaks off", func(t *testing.T) {
		bubble(t, servers.Options{}, nil, func(r *rig) {
			hold := r.world.FailSMTP(servers.SMTPFault{Stage: servers.AtDelivery})
			time.AfterFunc(10*time.Second, r.world.StopIMAP)
			time.AfterFunc(20*time.Second, r.startIMAP)
			time.AfterFunc(29500*time.Millisecond, func() {
				tr := r.world.Transactions()[0]
				if err := r.world.Deliver(tr.From, tr.To[0], tr.Raw); err != nil || hold.Hits() != 1 {
					t.Errorf("%d lost, %v", hold.Hits(), err)
				}
			})
			if found, took, left := r.run(false); !found.OK || took.Round(time.Second) != 30*time.Second || left != 0 {
				t.Errorf("after %v, %d left: %+v", took, left, found)
			}
		})
	})
	t.Run("refused", func(t *testing.T) {
		bubble(t, servers.Options{}, nil, func(r *rig) {
			if err := r.world.SetPassword(support, "another"); err != nil {
				t.Fatal(err)
			}
			found, took, _ := r.run(false)
			if found.OK || took > time.Second || !strings.Contains(says(found), "NOT GOOD: the mailbox: ") || !strings.Contains(says(found), "NOT GOOD: the relay: ") {
				t.Errorf("after %v: %+v", took, found)
			}
		})
	})
}

// What was asked for ends with its context, and leaves nothing running.
func TestEndsWithContext(t *testing.T) {
	bubble(t, servers.Options{}, nil, func(r *rig) {
		r.world.FailSMTP(servers.SMTPFault{Stage: servers.AtDelivery, Times: -1})
		ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
		defer cancel()
		began := time.Now()
		if found, err := r.prober.Run(ctx, true); !errors.Is(err, context.DeadlineExceeded) || found.OK || time.Since(began) > 21*time.Second {
			t.Errorf("after %v: %+v, %v", time.Since(began), found, err)
		}
		synctest.Wait()
	})
}

// Known refusals of senders count, unless the probe was asked for.
func TestKnownRefusal(t *testing.T) {
	bubble(t, servers.Options{}, nil, func(r *rig) {
		relay := r.prober.cfg.Relay
		if err := relay.LearnSender("550 5.7.60 once"); err != nil {
			t.Fatal(err)
		}
		for _, asked := range []bool{false, true} {
			found, _, _ := r.run(asked)
			if !found.OK || found.EnvelopeOwn != asked || (found.EnvelopeWords == "") != asked || (found.EnvelopeSent == support) == asked || found.EnvelopeBack != found.EnvelopeSent {
				t.Errorf("asked %v: %+v", asked, found)
			}
			time.Sleep(time.Second)
		}
	})
}

// What lies in Sent with the probe's mark was put there by the provider; and a
// probe that cannot be removed is on the log.
func TestProviderFiles(t *testing.T) {
	bubble(t, servers.Options{}, nil, func(r *rig) {
		log := &logged{}
		r.prober.log = slog.New(slog.NewTextHandler(log, nil))
		register := r.prober.cfg.Register
		r.prober.cfg.Register = func(name string) (Letter, error) {
			if _, err := r.world.Append(support, "Sent", []byte("Subject: "+subject(name)+"\r\n\r\n"), nil, time.Now()); err != nil {
				t.Fatal(err)
			}
			return register(name)
		}
		r.world.FailIMAP(servers.IMAPFault{Command: "EXPUNGE", Times: -1, Cut: true})
		found, _, left := r.run(true)
		if !found.OK || !found.FilesSent || found.Removed || left != 1 || !strings.Contains(says(found), "The provider files sent mail by itself.") {
			t.Errorf("%d left: %+v", left, found)
		}
		if !strings.Contains(log.text.String(), "a probe stays in the mailbox") {
			t.Errorf("the log says %q", log.text.String())
		}
	})
}

// A probe that could not be removed at first is removed in the end.
func TestTidies(t *testing.T) {
	bubble(t, servers.Options{}, nil, func(r *rig) {
		r.world.FailIMAP(servers.IMAPFault{Command: "EXPUNGE", Cut: true})
		if found, _, left := r.run(true); !found.OK || !found.Removed || left != 0 {
			t.Errorf("%d left: %+v", left, found)
		}
	})
}

// TestRead reads header blocks as they come back.
func TestRead(t *testing.T) {
	sent := &attempt{letter: Letter{MessageID: "<1@us>", References: []string{"<a@us>", "<b@us>"}, Bounce: "support+b1@us"}}
	sent.sub = smtpout.Submission{From: "support+b1@us"}
	for _, tt := range []struct {
		name, header string
		want         func(Report) bool
	}{
		{"as it was", "Message-ID: <1@us>\r\nReferences: <a@us>\r\n <b@us>\r\n", func(r Report) bool {
			return r.MessageIDKept && r.ReferencesKept && r.EnvelopeKept && r.EnvelopeBack == "" && len(r.DKIM) == 0
		}},
		{"references cut", "Message-ID: <1@us>\r\nReferences: <a@us>\r\n", func(r Report) bool {
			return !r.ReferencesKept && strings.Contains(says(r), "References are changed on the way")
		}},
		{"signed twice, and once by nobody", "Message-ID: <1@us>\r\nDKIM-Signature: v=1; a=rsa-sha256; d=us.\r\n example; s=x\r\nDKIM-Signature: v=1; d=relay.example\r\n" +
			"DKIM-Signature: v=1; d=relay.example\r\nDKIM-Signature: dd=x\r\n", func(r Report) bool {
			return slices.Equal(r.DKIM, []string{"us.example", "relay.example"}) && strings.Contains(says(r), "Mail is signed with DKIM by us.example, relay.example.")
		}},
		{"another sender", "Return-Path: <SRS0=x@relay.example>\r\nMessage-ID: <1@us>\r\n", func(r Report) bool {
			return !r.EnvelopeKept && r.EnvelopeBack == "SRS0=x@relay.example"
		}},
		{"the same sender, in capitals", "Return-Path: <Support+B1@US>\r\nMessage-ID: <1@us>\r\n", func(r Report) bool { return r.EnvelopeKept }},
		{"no header at all", "what is this\r\n", func(r Report) bool {
			return len(r.Problems) == 1 && strings.Contains(r.Problems[0], "cannot be read")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := Report{CameBack: true, support: support}
			r.learn(sent)
			r.read(sent, []byte(tt.header))
			if !tt.want(r) {
				t.Errorf("read %+v", r)
			}
		})
	}
}

// The words of a refusal have what there is of them.
func TestWords(t *testing.T) {
	for _, tt := range []struct {
		rc   store.Recipient
		want string
	}{
		{store.Recipient{Reply: "no session"}, "no session"},
		{store.Recipient{Code: 550, Enhanced: "5.1.1", Reply: "no"}, "550 5.1.1 no"},
	} {
		if got := words(tt.rc); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
