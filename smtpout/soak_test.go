package smtpout

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/store"
)

// TestSoak sends mail over a relay that misbehaves at random for a day, and
// plays the gateway's part: what is unknown is sent again when the relay does
// not have it. Every recipient gets every mail, and none twice but where the
// attempt's end was unknown.
func TestSoak(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { soak(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func soak(t *testing.T, rng *rand.Rand) {
	faults := []misdeed{
		{cut: true}, {stall: true}, {reply: "451 4.3.0 not now"}, {reply: "421 4.3.2 closing", cut: true}, {reply: "%% what"},
		{cut: true, after: true},
	}
	good := time.Now().Add(24 * time.Hour)
	r := newRig(t, func(r *rig) {
		r.cfg.Connections = 3
		r.cfg.Timeouts.Command, r.cfg.Timeouts.Submit = time.Minute, time.Minute
		r.relay.misdeeds = func(stage, _ string) *misdeed {
			// A stall in the body would need a client that gives up in it.
			if time.Now().After(good) || stage == "body" || rng.IntN(12) > 0 {
				return nil
			}
			return &faults[rng.IntN(len(faults))]
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.sender.Run(ctx) }()
	var mails []store.OutMail
	for i := range 60 {
		m := r.mail(customer)
		if i%3 == 0 {
			m = r.mail(customer, colleague, fmt.Sprintf("other%d@third.example", i))
		}
		mails = append(mails, m)
		r.enqueue(m)
		time.Sleep(20 * time.Minute)
		r.resolve()
	}
	for range 60 {
		time.Sleep(time.Hour)
		r.resolve()
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	got := map[string]int{} // by mail and recipient
	for _, m := range r.relay.received() {
		for _, to := range m.to {
			got[messageID(m.body)+to]++
		}
	}
	for _, m := range mails {
		after := r.out(m.ID)
		if after.State != store.OutDone {
			t.Errorf("%s is %s", m.ID, r.states(m.ID))
		}
		for _, rc := range after.Recipients {
			if n := got[m.MessageID+rc.Address]; rc.State != store.OutSent || n != 1 {
				t.Errorf("%s to %s is %s and arrived %d times", m.ID, rc.Address, rc.State, n)
			}
		}
	}
}
