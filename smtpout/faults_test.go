package smtpout

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/store"
)

const (
	customer  = "jane@customer.example"
	colleague = "joe@other.example"
)

// ownCopy is where the relay brings our own copy.
const ownCopy = "support+c1@us.example"

// outcome is what one fault at one stage leads to: the states of the mail and
// of each recipient after the first drain, and after another one when the
// fault is gone.
type outcome struct{ first, then string }

var (
	sent         = outcome{"done: sent sent", "done: sent sent"}
	retried      = outcome{"queued: queued queued", "done: sent sent"}
	failed       = outcome{"done: failed failed", "done: failed failed"}
	unknown      = outcome{"unknown: unknown unknown", "unknown: unknown unknown"}
	firstFailed  = outcome{"done: failed sent", "done: failed sent"}
	firstRetried = outcome{"queued: queued sent", "done: sent sent"}
	lastFailed   = outcome{"done: sent failed", "done: sent failed"}
	lastRetried  = outcome{"queued: sent queued", "done: sent sent"}
)

// ways are the misdeeds of a relay.
var ways = map[string]misdeed{
	"cut":      {cut: true},
	"stall":    {stall: true},
	"4xx":      {reply: "451 4.3.0 not now"},
	"421":      {reply: "421 4.3.2 closing", cut: true},
	"5xx":      {reply: "550 5.0.0 never"},
	"garbage":  {reply: "%%% what?"},
	"positive": {reply: "211 fine", after: true},
	"took+cut": {cut: true, after: true},
}

// faults is what each misdeed leads to at each stage: a recipient is a stage
// too. Trouble before the relay heard of the mail is waited out, and the mail
// sent in the same drain.
var faults = map[string]map[string]outcome{
	"banner":            {"cut": sent, "stall": sent, "4xx": sent, "421": sent, "5xx": sent, "garbage": sent, "positive": sent},
	"ehlo":              {"cut": sent, "stall": sent, "4xx": sent, "421": sent, "5xx": sent, "garbage": sent, "positive": sent},
	"starttls":          {"cut": sent, "stall": sent, "4xx": sent, "421": sent, "5xx": sent, "garbage": sent},
	"auth":              {"cut": sent, "stall": sent, "4xx": sent, "421": sent, "5xx": sent, "garbage": sent, "positive": sent},
	"mail":              {"cut": sent, "stall": sent, "4xx": sent, "421": sent, "5xx": sent, "garbage": sent, "positive": sent},
	"rcpt " + customer:  {"cut": retried, "stall": retried, "4xx": firstRetried, "421": retried, "5xx": firstFailed, "garbage": retried, "positive": retried},
	"rcpt " + colleague: {"cut": retried, "stall": retried, "4xx": lastRetried, "421": retried, "5xx": lastFailed, "garbage": retried, "positive": retried},
	"rcpt " + ownCopy:   {"cut": retried, "stall": retried, "4xx": sent, "421": retried, "5xx": sent, "garbage": retried, "positive": retried},
	"data":              {"cut": retried, "stall": retried, "4xx": retried, "421": retried, "5xx": failed, "garbage": retried, "positive": retried},
	"body":              {"cut": retried, "stall": retried, "4xx": retried, "421": retried, "5xx": retried, "garbage": retried},
	"dot":               {"cut": unknown, "stall": unknown, "4xx": retried, "421": retried, "5xx": failed, "garbage": unknown, "took+cut": unknown, "positive": sent},
	"quit":              {"cut": sent, "stall": sent, "4xx": sent, "421": sent, "5xx": sent, "garbage": sent, "positive": sent},
}

// TestFaults makes the relay misbehave once, in each way at each stage, for a
// mail with two recipients and our own copy.
func TestFaults(t *testing.T) {
	server, pool := certificate(t)
	for _, offer := range []string{"", "PIPELINING"} {
		for stage, row := range faults {
			for way, want := range row {
				t.Run(strings.TrimSpace(offer+" "+stage+" "+way), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						fault(t, stage, ways[way], want, func(r *rig) {
							r.cfg.TLS, r.relay.tls = TLSStart, server
							r.trust(pool)
							r.relay.offers = append(r.relay.offers, offer)
						})
					})
				})
			}
		}
	}
}

// TestFaultsAlone does the same for a mail with one recipient, whose DATA goes
// with the rest.
func TestFaultsAlone(t *testing.T) {
	for stage, row := range faults {
		if stage == "starttls" || strings.HasSuffix(stage, colleague) || strings.HasSuffix(stage, ownCopy) {
			continue
		}
		for way, want := range row {
			t.Run(stage+" "+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					fault(t, stage, ways[way], want.alone(), func(r *rig) {
						r.relay.offers = append(r.relay.offers, "PIPELINING")
					})
				})
			})
		}
	}
}

// alone is the outcome for the first recipient, if it were the only one.
func (o outcome) alone() outcome {
	one := func(s string) string {
		mail, states, _ := strings.Cut(s, ": ")
		state, _, _ := strings.Cut(states, " ")
		if mail != string(store.OutUnknown) && state != string(store.OutQueued) {
			mail = string(store.OutDone)
		}
		return mail + ": " + state
	}
	return outcome{one(o.first), one(o.then)}
}

func fault(t *testing.T, stage string, how misdeed, want outcome, change func(*rig)) {
	var struck atomic.Int32
	r := newRig(t, func(r *rig) {
		r.cfg.Login.Username, r.cfg.Login.Password = "us", password
		r.relay.user = "us"
		r.relay.misdeeds = func(at, arg string) *misdeed {
			if at != "rcpt" {
				arg = ""
			}
			if strings.TrimSpace(at+" "+arg) != stage || struck.Load() > 0 {
				return nil
			}
			struck.Add(1)
			return &how
		}
		change(r)
	})
	to := []string{customer, colleague}[:strings.Count(want.first, " ")]
	m := r.mail(to...)
	if len(to) > 1 {
		m.OwnCopy = ownCopy
	}
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
	for i, addr := range to {
		times := map[bool]int{true: 1}[after.Recipients[i].State == "sent"]
		if how.after && stage == "dot" {
			times = 1 // the relay has it, whatever we know
		}
		if r.relay.got(addr) != times {
			t.Errorf("%s is %s and got it %d times", addr, after.Recipients[i].State, r.relay.got(addr))
		}
	}
	if want.first == "done: sent sent" && after.Attempts != 1 {
		t.Errorf("%d attempts are counted; trouble of the relay costs the mail none", after.Attempts)
	}
}
