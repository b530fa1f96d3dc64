package smtpout

import (
	"crypto/tls"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const (
	customer  = "jane@customer.example"
	colleague = "joe@other.example"
)

// outcome is what one fault at one stage leads to: the states after the first
// drain, and after another one when the fault is gone.
type outcome struct{ first, then string }

var (
	sent       = outcome{"done: sent sent", "done: sent sent"}
	retried    = outcome{"queued: queued queued", "done: sent sent"}
	failed     = outcome{"done: failed failed", "done: failed failed"}
	unknown    = outcome{"unknown: unknown unknown", "unknown: unknown unknown"}
	oneFailed  = outcome{"done: failed sent", "done: failed sent"}
	oneRetried = outcome{"queued: queued sent", "done: sent sent"}
)

// TestFaults makes the relay misbehave once, in each way at each stage, for a
// mail with two recipients.
func TestFaults(t *testing.T) {
	ways := map[string]misdeed{
		"cut":      {cut: true},
		"stall":    {stall: true},
		"4xx":      {reply: "451 4.3.0 not now"},
		"421":      {reply: "421 4.3.2 closing", cut: true},
		"5xx":      {reply: "550 5.0.0 never"},
		"garbage":  {reply: "%%% what?"},
		"positive": {reply: "211 fine", after: true},
		"took+cut": {cut: true, after: true},
	}
	table := map[string]map[string]outcome{
		"banner":   {"cut": sent, "stall": sent, "4xx": sent, "421": sent, "5xx": sent, "garbage": sent},
		"ehlo":     {"cut": sent, "stall": sent, "4xx": sent, "421": sent, "5xx": sent, "garbage": sent},
		"starttls": {"cut": sent, "stall": sent, "4xx": sent, "421": sent, "5xx": sent, "garbage": sent},
		"auth":     {"cut": sent, "stall": sent, "4xx": sent, "421": sent, "5xx": sent, "garbage": sent},
		"mail":     {"cut": sent, "stall": sent, "4xx": sent, "421": sent, "5xx": sent, "garbage": sent, "positive": sent},
		"rcpt":     {"cut": retried, "stall": retried, "4xx": oneRetried, "421": retried, "5xx": oneFailed, "garbage": retried},
		"data":     {"cut": retried, "stall": retried, "4xx": retried, "421": retried, "5xx": failed, "garbage": retried, "positive": retried},
		"body":     {"cut": retried, "stall": retried, "4xx": retried, "5xx": retried, "garbage": retried},
		"dot":      {"cut": unknown, "stall": unknown, "4xx": retried, "421": retried, "5xx": failed, "garbage": unknown, "took+cut": unknown, "positive": sent},
		"quit":     {"cut": sent, "stall": sent, "4xx": sent, "5xx": sent, "garbage": sent},
	}
	server, pool := certificate(t)
	for stage, row := range table {
		for way, want := range row {
			t.Run(stage+"/"+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { fault(t, server, stage, ways[way], want, func(r *rig) { r.trust(pool) }) })
			})
		}
	}
}

func fault(t *testing.T, server *tls.Config, stage string, how misdeed, want outcome, change func(*rig)) {
	var struck atomic.Int32
	r := newRig(t, func(r *rig) {
		r.cfg.TLS, r.cfg.Login.Username, r.cfg.Login.Password = TLSStart, "us", password
		r.relay.tls, r.relay.user = server, "us"
		r.relay.misdeeds = func(at, arg string) *misdeed {
			if at != stage || struck.Load() > 0 || at == "rcpt" && arg != customer {
				return nil
			}
			struck.Add(1)
			return &how
		}
		change(r)
	})
	m := r.mail(customer, colleague)
	r.enqueue(m)
	r.drain()
	r.want(m.ID, want.first)
	if n := struck.Load(); n != 1 {
		t.Errorf("the fault struck %d times", n)
	}
	time.Sleep(2 * time.Minute) // of the bubble's clock
	r.drain()
	r.want(m.ID, want.then)
	after := r.out(m.ID)
	for i, addr := range []string{customer, colleague} {
		times := map[bool]int{true: 1}[after.Recipients[i].State == "sent"]
		if how.after {
			times = 1
		}
		if r.relay.got(addr) != times {
			t.Errorf("%s is %s and got it %d times", addr, after.Recipients[i].State, r.relay.got(addr))
		}
	}
	if want == sent && after.Attempts != 1 {
		t.Errorf("%d attempts are counted; trouble of the relay costs the mail none", after.Attempts)
	}
}
