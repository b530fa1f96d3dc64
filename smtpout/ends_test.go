package smtpout

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/store"
)

// A store that fails stops nothing for good: what is not recorded is unknown
// at the next start, and no mail is lost.
func TestStoreFails(t *testing.T) {
	breakAt := func(r *rig) {
		plain := r.render
		r.render = func(ctx context.Context, w io.Writer, m store.OutMail) error {
			r.render = plain
			r.store.Close()
			return plain(ctx, w, m)
		}
	}
	t.Run("in a drain", func(t *testing.T) {
		bubble(t, nil, func(t *testing.T, r *rig) {
			m := r.mail(customer)
			r.enqueue(m)
			breakAt(r)
			if _, err := r.sender.Drain(t.Context()); err == nil || !strings.Contains(err.Error(), "recording attempts") {
				t.Errorf("draining ended with %v", err)
			}
			if _, err := r.sender.Drain(t.Context()); err == nil {
				t.Error("draining from a closed store works")
			}
			r.open()
			r.drain()
			r.want(m.ID, "unknown: unknown")
		})
	})
	t.Run("while it runs", func(t *testing.T) {
		bubble(t, nil, func(t *testing.T, r *rig) {
			m := r.mail(customer)
			r.enqueue(m)
			breakAt(r)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- r.sender.Run(ctx) }()
			time.Sleep(time.Minute)
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("it ended with %v", err)
			}
			if n := len(r.relay.received()); n != 1 {
				t.Errorf("the mail was sent %d times", n)
			}
			r.open()
			r.drain()
			r.want(m.ID, "unknown: unknown")
		})
	})
	t.Run("at the start", func(t *testing.T) {
		bubble(t, nil, func(t *testing.T, r *rig) {
			r.store.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := r.sender.Run(ctx); err != nil || ctx.Err() == nil {
				t.Errorf("it ended with %v", err)
			}
			r.open()
		})
	})
}

// Our own copy's address and the sender's must be such that a command can hold
// them.
func TestUnwritableAddresses(t *testing.T) {
	for _, own := range []string{"support+c1@us.example\r\nDATA", "sürname@us.example"} {
		bubble(t, func(r *rig) { r.relay.offers = append(r.relay.offers, "SMTPUTF8", "PIPELINING") }, func(t *testing.T, r *rig) {
			m := r.mail(customer)
			m.OwnCopy = own
			r.enqueue(m)
			r.drain()
			r.want(m.ID, "done: sent")
			if after := r.out(m.ID); after.OwnRefused == "" || r.relay.said("RCPT") != 1 {
				t.Errorf("%q: refused %q, %d times RCPT", own, after.OwnRefused, r.relay.said("RCPT"))
			}
		})
	}
	bubble(t, nil, func(t *testing.T, r *rig) {
		m := r.mail(customer)
		m.EnvelopeFrom, m.Fallback = "a b@us.example", ""
		r.enqueue(m)
		r.drain()
		r.want(m.ID, "done: failed")
		if r.relay.said("MAIL") != 0 {
			t.Error("MAIL was said")
		}
	})
}

// A mail that somebody takes away before its data is sent is not sent.
func TestTakenAwayBeforeData(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		m := r.mail(customer, colleague)
		r.relay.misdeeds = func(stage, arg string) *misdeed {
			if stage != "rcpt" || arg != customer {
				return nil
			}
			r.update(func(tx *store.Tx) error { return tx.DropOut(m) })
			return &misdeed{reply: "451 4.2.1 busy"} // so that the others are recorded
		}
		r.enqueue(m)
		r.drain()
		if n := len(r.relay.received()); n != 0 || len(r.told()) != 0 {
			t.Errorf("%d mails were sent", n)
		}
	})
}

// A mail without a deadline of its own has the configured one; why it was
// given up is what the relay's trouble was, when it was never asked.
func TestGivenUpUntried(t *testing.T) {
	bubble(t, func(r *rig) {
		r.relay.refuse = true
		r.cfg.Deadline = time.Hour
	}, func(t *testing.T, r *rig) {
		var mails []store.OutMail
		for range 20 {
			m := r.mail(customer)
			m.Deadline = time.Time{}
			mails = append(mails, m)
		}
		r.enqueue(mails...)
		run := func(d time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			r.sender.Run(ctx)
		}
		run(55 * time.Minute)
		r.want(mails[0].ID, "queued: queued")
		run(time.Hour)
		for _, m := range mails {
			r.want(m.ID, "done: failed")
			if rc := r.out(m.ID).Recipients[0]; !strings.Contains(rc.Reply, "refused") {
				t.Errorf("%s failed for %q", m.ID, rc.Reply)
			}
		}
		if told := r.told(); len(told) != len(mails) || told[0].Problem != store.HurdleDeadline {
			t.Errorf("the gateway is told of %d", len(told))
		}
	})
}

// The deadline that comes while a mail is being tried ends it with what that
// attempt came to.
func TestDeadlineInTheAttempt(t *testing.T) {
	bubble(t, func(r *rig) {
		r.relay.misdeeds = func(stage, arg string) *misdeed {
			if stage == "rcpt" && arg == colleague {
				time.Sleep(time.Minute)
				return &misdeed{reply: "451 4.2.1 busy"}
			}
			return nil
		}
	}, func(t *testing.T, r *rig) {
		m := r.mail(customer, colleague)
		m.Deadline = time.Now().Add(30 * time.Second)
		r.enqueue(m)
		r.drain()
		r.want(m.ID, "done: sent failed")
		told := r.told()
		if len(told) != 1 || len(told[0].Results) != 2 || told[0].Results[1].Reply != "busy" {
			t.Errorf("the gateway is told %+v", told)
		}
	})
}

// A relay that took fewer connections for a while is offered more again.
func TestConnectionsWiden(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	r := relay{narrow: 1, narrowed: now}
	for after, want := range map[time.Duration]int{0: 1, 14 * time.Second: 1, 15 * time.Second: 2, 31 * time.Second: 3} {
		if got := r.connections(4, now.Add(after)); got != want {
			t.Errorf("%d connections after %v, want %d", got, after, want)
		}
	}
	if got := r.connections(4, now.Add(time.Minute)); got != 4 || r.narrow != 0 {
		t.Errorf("%d connections after a minute, narrow %d", got, r.narrow)
	}
}

func TestRefusesSender(t *testing.T) {
	for words, want := range map[string][2]bool{ // at MAIL, elsewhere
		"550 5.7.60 no":                           {true, true},
		"450 4.7.60 not now":                      {false, false},
		"554 5.0.0 (550 5.7.60 said the next one": {true, true},
		"554 5.0.0 remote: 5.2.252 SendAsDenied":  {true, true},
		"530 5.7.0 log in":                        {false, false},
		"552 5.3.4 too large":                     {false, false},
		"553 5.7.1 not owned by user us":          {true, true},
		"550 5.7.1 spam":                          {true, false},
	} {
		w, _ := cannedWire(words + "\r\n")
		r := w.reply(time.Minute)
		if got := [2]bool{r.refusesSender(true), r.refusesSender(false)}; got != want {
			t.Errorf("%q: %v, want %v", words, got, want)
		}
	}
}

func TestSplitHost(t *testing.T) {
	for in, want := range map[string]string{"mx.example:587": "mx.example", "[::1]:25": "::1", "mx.example": "mx.example"} {
		if got := splitHost(in); got != want {
			t.Errorf("%q is %q", in, got)
		}
	}
}

// A relay whose answers never end does not hold a login for ever.
func TestLoginIsBounded(t *testing.T) {
	bubble(t, func(r *rig) {
		r.relay.misdeeds = always("banner", "", misdeed{stall: true})
		r.cfg.Timeouts.Command = time.Minute
	}, func(t *testing.T, r *rig) {
		r.enqueue(r.mail(customer))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.sender.Run(ctx) }()
		time.Sleep(61 * time.Second)
		synctest.Wait()
		r.seen.mu.Lock()
		errs := r.seen.errs
		r.seen.mu.Unlock()
		if len(errs) == 0 || !strings.Contains(errs[0].Error(), "greeting") {
			t.Errorf("the observer was told %v", errs)
		}
		cancel()
		<-ended
	})
}
