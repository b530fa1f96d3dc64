package smtpout

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/store"
)

// TestRate: however much is queued, no stretch of a minute has more than the
// rate allows, and all of it leaves.
func TestRate(t *testing.T) {
	for _, tt := range []struct {
		name   string
		rate   Rate
		size   int64
		mails  int
		within time.Duration
	}{
		{"mails", Rate{Mails: 10, Per: time.Minute}, 1000, 60, 6*time.Minute + 10*time.Second},
		{"octets", Rate{Bytes: 20000, Per: time.Minute}, 4000, 30, 6*time.Minute + 10*time.Second},
		{"both", Rate{Mails: 4, Bytes: 1e6, Per: time.Minute}, 1000, 20, 5*time.Minute + 10*time.Second},
		{"larger than a minute may have", Rate{Bytes: 1000, Per: time.Minute}, 5000, 5, 5*time.Minute + 10*time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var at []time.Time
			bubble(t, func(r *rig) {
				r.cfg.Connections, r.cfg.Rate = 3, tt.rate
				plain := r.render
				r.render = func(ctx context.Context, w io.Writer, m store.OutMail) error {
					r.seen.mu.Lock()
					at = append(at, time.Now())
					r.seen.mu.Unlock()
					return plain(ctx, w, m)
				}
			}, func(t *testing.T, r *rig) {
				var mails []store.OutMail
				for range tt.mails {
					m := r.mail(customer)
					m.Size = tt.size
					mails = append(mails, m)
				}
				r.enqueue(mails...)
				began := time.Now()
				if n := r.drain(); n != tt.mails {
					t.Fatalf("%d mails left", n)
				}
				if took := time.Since(began); took > tt.within || took < tt.within-90*time.Second {
					t.Errorf("it took %v", took)
				}
				most := tt.rate.Mails
				if tt.rate.Bytes > 0 && (most == 0 || int(tt.rate.Bytes/tt.size) < most) {
					most = max(1, int(tt.rate.Bytes/tt.size))
				}
				for i := most; i < len(at); i++ {
					if d := at[i].Sub(at[i-most]); d < time.Minute {
						t.Fatalf("%d mails within %v", most+1, d)
					}
				}
			})
		})
	}
}

// TestRateDoesNotDelayProbes: attempts that the relay did not come to do not
// count.
func TestRateDoesNotDelayProbes(t *testing.T) {
	bubble(t, func(r *rig) {
		r.cfg.Rate = Rate{Mails: 2, Per: time.Hour}
		down := time.Now().Add(20 * time.Minute)
		r.relay.misdeeds = func(stage, _ string) *misdeed {
			if stage == "banner" && time.Now().Before(down) {
				return &misdeed{cut: true}
			}
			return nil
		}
	}, func(t *testing.T, r *rig) {
		m := r.mail(customer)
		r.enqueue(m)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.sender.Run(ctx) }()
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		r.want(m.ID, "done: sent")
		cancel()
		<-ended
	})
}

// TestRateSurvivesRestarts: however often the sender is restarted, or killed
// with mail in hand, no stretch has more than the rate allows.
func TestRateSurvivesRestarts(t *testing.T) {
	for _, how := range []string{"ended", "killed"} {
		t.Run(how, func(t *testing.T) {
			var at []time.Time
			bubble(t, func(r *rig) {
				r.cfg.Rate = Rate{Mails: 10, Per: time.Minute}
			}, func(t *testing.T, r *rig) {
				plain := r.render
				for range 60 {
					r.enqueue(r.mail(customer))
				}
				began := time.Now()
				for n := 0; len(at) < 60 && n < 100; n++ {
					ctx, cancel := context.WithCancel(t.Context())
					var image stateImage
					inRun := 0
					r.render = func(ctx context.Context, w io.Writer, m store.OutMail) error {
						at = append(at, time.Now())
						if inRun++; inRun == 7 {
							image = r.snapshot()
							cancel()
						}
						return plain(ctx, w, m)
					}
					stop := time.AfterFunc(20*time.Second, cancel)
					if err := r.sender.Run(ctx); err != nil {
						t.Fatal(err)
					}
					stop.Stop()
					if how == "killed" && image[0] != nil {
						r.restore(image)
					} else {
						r.reopen()
					}
					r.resolve()
				}
				if took := time.Since(began); len(at) < 60 || took > 12*time.Minute {
					t.Errorf("%d mails in %v", len(at), took)
				}
				for i := 10; i < len(at); i++ {
					if d := at[i].Sub(at[i-10]); d < time.Minute {
						t.Fatalf("11 mails within %v", d)
					}
				}
			})
		})
	}
}

// A clock that was set back does not stop the sending for longer than a
// stretch.
func TestRateWithClockSetBack(t *testing.T) {
	r := newRig(t, func(r *rig) { r.cfg.Rate = Rate{Mails: 2, Per: time.Hour} })
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := meter{rate: r.cfg.Rate}
	m.count(noon, 1000)
	m.count(noon.Add(time.Minute), 1000)
	r.update(func(tx *store.Tx) error { return m.save(tx, noon) })
	later := meter{rate: r.cfg.Rate}
	r.update(func(tx *store.Tx) error { return later.load(tx, noon.Add(-24*time.Hour)) })
	if later.allows(noon.Add(-24*time.Hour), amount{}, 1000) {
		t.Error("what was sent is forgotten")
	}
	if !later.allows(noon.Add(-23*time.Hour+2*time.Minute), amount{}, 1000) {
		t.Error("nothing may be sent an hour later")
	}
}
