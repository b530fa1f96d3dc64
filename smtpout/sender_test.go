package smtpout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/store"
)

func password(context.Context) (string, error) { return "secret", nil }

// once misbehaves at one stage, and for one argument where it is not "".
func once(stage, arg string, m misdeed) func(string, string) *misdeed {
	struck := false
	return func(at, a string) *misdeed {
		if struck || at != stage || arg != "" && a != arg {
			return nil
		}
		struck = true
		return &m
	}
}

// always misbehaves at one stage.
func always(stage, arg string, m misdeed) func(string, string) *misdeed {
	return func(at, a string) *misdeed {
		if at != stage || arg != "" && a != arg {
			return nil
		}
		return &m
	}
}

// bubble runs a test on a fake clock.
func bubble(t *testing.T, change func(*rig), f func(*testing.T, *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newRig(t, change)) })
}

func TestSendsAndTells(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		m := r.mail(customer)
		m.OwnCopy = "support+c1@us.example"
		r.enqueue(m)
		if n := r.drain(); n != 1 {
			t.Errorf("drain counts %d sent mails", n)
		}
		r.want(m.ID, "done: sent")
		got := r.relay.received()
		if len(got) != 1 || got[0].from != m.EnvelopeFrom || !slices.Equal(got[0].to, []string{customer, m.OwnCopy}) {
			t.Fatalf("the relay got %+v", got)
		}
		if want := "Message-ID: " + m.MessageID + "\r\n\r\n" + body; got[0].body != want {
			t.Errorf("the body was changed: %d octets, want %d", len(got[0].body), len(want))
		}
		told := r.told()
		if len(told) != 1 || told[0].State != store.OutDone || told[0].Attempt != 1 || len(told[0].Results) != 1 || told[0].Results[0].Code != 250 {
			t.Errorf("the gateway is told %+v", told)
		}
	})
}

func TestRefusedRecipientIsTriedAlone(t *testing.T) {
	bubble(t, func(r *rig) {
		r.relay.misdeeds = once("rcpt", colleague, misdeed{reply: "451 4.7.1 greylisted"})
	}, func(t *testing.T, r *rig) {
		m := r.mail(customer, colleague)
		r.enqueue(m)
		r.drain()
		if told := r.told(); len(told) != 1 || told[0].State != store.OutQueued || len(told[0].Results) != 1 {
			t.Errorf("the gateway is told %+v", told)
		}
		next := r.out(m.ID)
		if wait := time.Until(next.NextAttempt); wait < 45*time.Second || wait > 75*time.Second {
			t.Errorf("the next attempt is in %v", wait)
		}
		if rc := next.Recipients[1]; rc.Code != 451 || rc.Enhanced != "4.7.1" || rc.Reply != "greylisted" || rc.Attempts != 1 {
			t.Errorf("the recipient is %+v", rc)
		}
		time.Sleep(2 * time.Minute)
		r.drain()
		r.want(m.ID, "done: sent sent")
		if got := r.relay.received(); len(got) != 2 || !slices.Equal(got[1].to, []string{colleague}) {
			t.Errorf("the relay got %+v", got)
		}
	})
}

// With nobody but our own copy accepted there is no mail to send.
func TestNoDataForOwnCopyAlone(t *testing.T) {
	bubble(t, func(r *rig) {
		r.relay.misdeeds = always("rcpt", customer, misdeed{reply: "550 5.1.1 nobody"})
	}, func(t *testing.T, r *rig) {
		m := r.mail(customer)
		m.OwnCopy = "support+c1@us.example"
		r.enqueue(m)
		r.drain()
		r.want(m.ID, "done: failed")
		if n := r.relay.said("DATA"); n != 0 {
			t.Errorf("DATA was said %d times", n)
		}
		if n := r.relay.said("RSET"); n != 1 {
			t.Errorf("RSET was said %d times", n)
		}
	})
}

// The accepted recipients are in the store before DATA, and a lost own copy
// too: nothing could prove an unknown end then.
func TestAcceptedBeforeData(t *testing.T) {
	bubble(t, func(r *rig) {
		r.relay.misdeeds = func(stage, arg string) *misdeed {
			switch {
			case stage == "rcpt" && arg == colleague:
				return &misdeed{reply: "451 4.2.0 later"}
			case stage == "rcpt" && strings.HasPrefix(arg, "support"):
				return &misdeed{reply: "550 5.1.1 no such copy"}
			case stage == "dot":
				return &misdeed{cut: true}
			}
			return nil
		}
	}, func(t *testing.T, r *rig) {
		m := r.mail(customer, colleague)
		m.OwnCopy = "support+c1@us.example"
		var seen store.OutMail
		plain := r.render
		r.render = func(ctx context.Context, w io.Writer, m store.OutMail) error {
			seen = r.out(m.ID)
			return plain(ctx, w, m)
		}
		r.enqueue(m)
		r.drain()
		if !slices.Equal(seen.Accepted, []string{customer}) || seen.OwnCopy != "" {
			t.Errorf("at DATA the store had %v, own copy %q", seen.Accepted, seen.OwnCopy)
		}
		r.want(m.ID, "unknown: unknown queued")
		if after := r.out(m.ID); !slices.Equal(after.Accepted, []string{customer}) || after.AttemptEnded.IsZero() {
			t.Errorf("behind it the store has %+v", after)
		}
		if told := r.told(); len(told) != 1 || told[0].State != store.OutUnknown {
			t.Errorf("the gateway is told %+v", told)
		}
	})
}

// A crash in the middle of an attempt leaves the mail unknown, and only once.
func TestCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		plain := r.render
		var image stateImage
		r.render = func(ctx context.Context, w io.Writer, m store.OutMail) error {
			if m.ID == "out-0002" {
				image = r.snapshot() // what a crash at this instant leaves
			}
			return plain(ctx, w, m)
		}
		a, b, c := r.mail(customer), r.mail(customer, colleague), r.mail(colleague)
		r.enqueue(a, b, c)
		r.drain()
		cancel()
		if ctx.Err() == nil || image[0] == nil {
			t.Fatal("no snapshot was taken")
		}
		r.restore(image)
		r.told()
		r.drain()
		for _, m := range []store.OutMail{a, b, c} {
			after := r.out(m.ID)
			if after.State != store.OutUnknown || after.AttemptEnded.IsZero() || after.Attempts != 1 {
				t.Errorf("%s: %s after %d attempts", m.ID, after.State, after.Attempts)
			}
		}
		if told := r.told(); len(told) != 3 || told[1].State != store.OutUnknown {
			t.Errorf("the gateway is told %+v", told)
		}
		r.drain()
		if told := r.told(); len(told) != 0 {
			t.Errorf("the gateway is told again: %+v", told)
		}
		if n := len(r.relay.received()); n != 3 {
			t.Errorf("the relay has %d mails, want the 3 of before the crash", n)
		}
	})
}

// A crash with recipients refused leaves these queued, and the others unknown.
func TestCrashWithSomeRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		m := r.mail(customer, colleague)
		m.State, m.Attempts, m.AttemptBegan, m.Accepted = store.OutSending, 1, time.Now(), []string{customer}
		r.enqueue(m)
		r.drain()
		r.want(m.ID, "unknown: unknown queued")
	})
}

// An attempt begins without the mark of a copy that came of an earlier one.
func TestForgetsEarlierCopies(t *testing.T) {
	bubble(t, func(r *rig) { r.relay.misdeeds = once("dot", "", misdeed{cut: true}) }, func(t *testing.T, r *rig) {
		m := r.mail(customer)
		r.enqueue(m)
		r.update(func(tx *store.Tx) error { return tx.MarkReturned(m.ID) })
		r.drain()
		r.want(m.ID, "unknown: unknown")
		r.update(func(tx *store.Tx) error {
			if tx.Returned(m.ID) {
				t.Error("a copy of an earlier attempt counts for this one")
			}
			return nil
		})
	})
}

func TestDeadline(t *testing.T) {
	bubble(t, func(r *rig) {
		r.relay.misdeeds = always("rcpt", customer, misdeed{reply: "450 4.2.1 mailbox busy"})
	}, func(t *testing.T, r *rig) {
		ctx, cancel := context.WithTimeout(t.Context(), 49*time.Hour)
		defer cancel()
		m := r.mail(customer)
		r.enqueue(m)
		if err := r.sender.Run(ctx); err != nil {
			t.Fatal(err)
		}
		r.want(m.ID, "done: failed")
		told := r.told()
		if len(told) != 1 || told[0].Problem != store.HurdleDeadline || told[0].Results[0].Reply != "mailbox busy" {
			t.Errorf("the gateway is told %+v", told)
		}
		// 1, 2, 4 ... 128 minutes, then every four hours.
		if n := r.relay.said("RCPT"); n < 15 || n > 25 {
			t.Errorf("%d attempts in 48 hours", n)
		}
	})
}

// A relay that is down costs no attempts, but does not keep a mail beyond its
// deadline.
func TestRelayDown(t *testing.T) {
	bubble(t, func(r *rig) { r.relay.refuse = true }, func(t *testing.T, r *rig) {
		a, b := r.mail(customer), r.mail(colleague)
		b.Deadline = time.Now().Add(72 * time.Hour)
		r.enqueue(a, b)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Hour)
		defer cancel()
		r.sender.Run(ctx)
		r.want(a.ID, "done: failed")
		r.want(b.ID, "queued: queued")
		if m := r.out(b.ID); m.Attempts != 0 {
			t.Errorf("%d attempts are counted", m.Attempts)
		}
		if n := r.relay.dials(); n < 12*49 || n > 16*50+20 {
			t.Errorf("dialed %d times in 50 hours; every five minutes was meant", n)
		}
		if p := r.seen.pauses; len(p) < 10 || p[1].Sub(p[0]) < time.Second {
			t.Errorf("the observer saw the pauses %v", p[:min(len(p), 5)])
		}
		r.relay.refuse = false
		r.drain()
		r.want(b.ID, "done: sent")
		if last := r.seen.pauses[len(r.seen.pauses)-1]; !last.IsZero() {
			t.Errorf("the observer still sees a pause until %v", last)
		}
		if last := r.seen.errs[len(r.seen.errs)-1]; last != nil {
			t.Errorf("the observer still sees %v", last)
		}
	})
}

// A wrong password fails no mail, and is asked anew at each login.
func TestWrongPassword(t *testing.T) {
	asked := 0
	bubble(t, func(r *rig) {
		r.relay.user, r.cfg.Login.Username = "us", "us"
		r.cfg.Login.Password = func(context.Context) (string, error) {
			if asked++; asked < 3 {
				return "old", nil
			}
			return "secret", nil
		}
	}, func(t *testing.T, r *rig) {
		m := r.mail(customer)
		r.enqueue(m)
		r.drain()
		r.want(m.ID, "done: sent")
		if err := r.seen.errs[0]; err == nil || !strings.Contains(err.Error(), "logging in to relay.example:587 as us: ") || strings.Contains(err.Error(), "old") {
			t.Errorf("the observer was told %v", err)
		}
		if r.out(m.ID).Attempts != 1 {
			t.Errorf("%d attempts", r.out(m.ID).Attempts)
		}
	})
}

func TestDrainGivesUp(t *testing.T) {
	bubble(t, func(r *rig) { r.relay.refuse = true }, func(t *testing.T, r *rig) {
		m := r.mail(customer)
		r.enqueue(m)
		if _, err := r.sender.Drain(t.Context()); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("draining ended with %v", err)
		}
		r.want(m.ID, "queued: queued")
	})
}

// A mail that makes the relay hang up must not keep the others from it.
func TestPoison(t *testing.T) {
	for _, how := range []misdeed{{cut: true}, {reply: "421 4.7.0 go away", cut: true}, {reply: "451 4.3.0 oops"}} {
		bubble(t, func(r *rig) {
			r.relay.misdeeds = always("rcpt", customer, how)
		}, func(t *testing.T, r *rig) {
			var mails []store.OutMail
			for i := range 20 {
				to := colleague
				if i%5 == 0 {
					to = customer
				}
				mails = append(mails, r.mail(to))
			}
			r.enqueue(mails...)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			r.sender.Run(ctx)
			if n := r.relay.got(colleague); n != 16 {
				t.Errorf("%+v: %d of 16 mails went out in a minute", how, n)
			}
		})
	}
}

// 4xx behind DATA on two mails in a row is the relay's trouble.
func TestTwoDeferralsPauseTheRelay(t *testing.T) {
	bubble(t, func(r *rig) {
		r.relay.misdeeds = always("dot", "", misdeed{reply: "452 4.3.1 disk full"})
	}, func(t *testing.T, r *rig) {
		for range 10 {
			r.enqueue(r.mail(customer))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		r.sender.Run(ctx)
		if n := r.relay.said("DATA"); n != 2 {
			t.Errorf("%d mails were tried before the relay was left alone", n)
		}
	})
}

func TestThreeDomainsDeferred(t *testing.T) {
	bubble(t, func(r *rig) {
		r.relay.misdeeds = func(stage, arg string) *misdeed {
			if stage != "rcpt" {
				return nil
			}
			return &misdeed{reply: "451 4.3.0 <" + arg + ">: lookup failed"}
		}
	}, func(t *testing.T, r *rig) {
		for i := range 10 {
			r.enqueue(r.mail(fmt.Sprintf("jane@c%d.example", i)))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		r.sender.Run(ctx)
		if n := r.relay.said("RCPT"); n != 3 {
			t.Errorf("%d recipients were tried before the relay was left alone", n)
		}
	})
}

func TestAnswersFirst(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		var mails []store.OutMail
		for range 30 {
			m := r.mail("engineer@us.example")
			m.Kind = store.OutCopy
			mails = append(mails, m)
		}
		r.enqueue(append(mails, r.mail(customer))...)
		r.drain()
		if got := r.relay.received(); got[0].to[0] != customer {
			t.Errorf("the first mail went to %v", got[0].to)
		}
	})
}

// A mail nobody has time for is queued again when the sender ends; one behind
// its final dot gets a grace, then it is unknown.
func TestEnd(t *testing.T) {
	bubble(t, func(r *rig) {
		r.relay.misdeeds = always("dot", colleague, misdeed{stall: true})
	}, func(t *testing.T, r *rig) {
		ctx, cancel := context.WithCancel(t.Context())
		a, b, c := r.mail(customer), r.mail(colleague), r.mail(customer)
		r.enqueue(a, b, c)
		ended := make(chan error)
		go func() { ended <- r.sender.Run(ctx) }()
		synctest.Wait()
		began := time.Now()
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("ending took %v", took)
		}
		r.want(a.ID, "done: sent")
		r.want(b.ID, "unknown: unknown")
		r.want(c.ID, "queued: queued")
		if m := r.out(c.ID); m.Attempts != 0 {
			t.Errorf("%d attempts are counted for a mail that was not begun", m.Attempts)
		}
	})
}

func TestEndBeforeTheDot(t *testing.T) {
	bubble(t, func(r *rig) {
		r.relay.misdeeds = always("rcpt", customer, misdeed{stall: true})
	}, func(t *testing.T, r *rig) {
		ctx, cancel := context.WithCancel(t.Context())
		m := r.mail(customer)
		r.enqueue(m)
		ended := make(chan error)
		go func() { ended <- r.sender.Run(ctx) }()
		synctest.Wait()
		cancel()
		<-ended
		r.want(m.ID, "queued: queued")
		if r.out(m.ID).Attempts != 0 || len(r.told()) != 0 {
			t.Error("our own end is counted against the mail")
		}
	})
}

// A renderer that fails leaves the mail without its final dot.
func TestRenderFails(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		plain := r.render
		r.render = func(_ context.Context, w io.Writer, m store.OutMail) error {
			io.WriteString(w, body)
			return errors.New("the spool is gone")
		}
		m := r.mail(customer)
		r.enqueue(m)
		r.drain()
		r.want(m.ID, "queued: queued")
		if got := r.out(m.ID); got.LastReply != "the spool is gone" || got.Attempts != 1 {
			t.Errorf("%+v", got)
		}
		r.render = plain
		time.Sleep(2 * time.Minute)
		r.drain()
		r.want(m.ID, "done: sent")
		if n := len(r.relay.received()); n != 1 {
			t.Errorf("the relay has %d mails", n)
		}
	})
}

// A mail taken away while it is being sent stays as its taker left it.
func TestTakenAway(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		plain := r.render
		r.render = func(ctx context.Context, w io.Writer, m store.OutMail) error {
			r.update(func(tx *store.Tx) error { return tx.DropOut(m) })
			return plain(ctx, w, m)
		}
		r.enqueue(r.mail(customer))
		r.drain()
		if told := r.told(); len(told) != 0 {
			t.Errorf("the gateway is told %+v", told)
		}
	})
}

// A mail so small that it leaves in one write with its final dot is certainly
// not accepted when the relay hung up before the end of that write.
func TestCutWithinTheLastWrite(t *testing.T) {
	bubble(t, func(r *rig) { r.relay.misdeeds = once("body", "", misdeed{cut: true}) }, func(t *testing.T, r *rig) {
		r.relay.buffer = 16
		r.render = func(_ context.Context, w io.Writer, m store.OutMail) error {
			_, err := io.WriteString(w, strings.Repeat("a small mail\r\n", 8))
			return err
		}
		m := r.mail(customer)
		r.enqueue(m)
		r.drain()
		r.want(m.ID, "queued: queued")
		time.Sleep(2 * time.Minute)
		r.drain()
		r.want(m.ID, "done: sent")
	})
}

// Nor must one whose sender the relay puts off again and again, which is
// trouble with the relay: each probe is another mail.
func TestPoisonAtMail(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		bad := r.mail(customer)
		r.relay.misdeeds = always("mail", bad.EnvelopeFrom, misdeed{reply: "451 4.1.8 try again"})
		r.enqueue(bad)
		time.Sleep(time.Second)
		for range 5 {
			r.enqueue(r.mail(colleague))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		r.sender.Run(ctx)
		if n := r.relay.got(colleague); n != 5 {
			t.Errorf("%d of 5 mails went out", n)
		}
		r.want(bad.ID, "queued: queued")
	})
}
