package service

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"postroom/internal/store"
)

// known makes a state in which all of the mailbox is known as history.
func (r *speedRig) known(state string) *Service {
	r.b.Helper()
	x := r.bare() // Dovecot makes its index and its cache
	x.headers(1, x.next-1)
	x.close()
	svc := r.service(state, "")
	r.think(svc)
	return svc
}

// BenchmarkSpeedFew looks into a mailbox of many known mails that has a
// hundred new ones, and then none; and starts anew over it. The bare client
// selects, and fetches what is new.
func BenchmarkSpeedFew(b *testing.B) {
	const few = 100
	r := newSpeedRig(b, speedMails(2000))
	r.seed(*speedHistory)
	r.close(r.known("few"))
	var bareFew, oursFew, bareNone, oursNone, restart []time.Duration
	for range *speedRounds {
		first := uint32(r.n) + 1
		r.seed(few)
		r.bare().close() // Dovecot takes note of the new files
		look := func() {
			x := r.bare()
			defer x.close()
			if x.next > first {
				x.bodies(first, x.next-1, func([]byte) {})
			}
		}
		svc := r.service("few", "")
		catchUp := func() {
			if err := svc.in.CatchUp(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		bareFew = append(bareFew, timed(look))
		oursFew = append(oursFew, timed(catchUp))
		first = uint32(r.n) + 1
		bareNone = append(bareNone, timed(look))
		oursNone = append(oursNone, timed(catchUp))
		r.think(svc)
		r.close(svc)
		restart = append(restart, timed(func() {
			svc = r.service("few", "")
			catchUp()
		}))
		r.close(svc)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(oursFew).Seconds()/median(bareFew).Seconds(), "few/bare")
	b.ReportMetric(ms(median(oursNone)-median(bareNone)), "none-bare_ms")
	b.ReportMetric(ms(median(restart)-median(bareNone)), "restart-bare_ms")
	b.Logf("100 new: bare %v, Postroom %v; none: bare %v, Postroom %v; restart %v", bareFew, oursFew, bareNone, oursNone, restart)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// BenchmarkSpeedGrowth compares what a new mail costs where many are known
// with what it costs where a tenth is: a look that finds a thousand takes so much
// longer than the look behind it, which finds none. That a server takes longer to
// open a larger mailbox is its own.
func BenchmarkSpeedGrowth(b *testing.B) {
	const fresh = 1000
	cost := func(known int) *speedRig {
		r := newSpeedRig(b, speedMails(2000))
		r.seed(known)
		r.close(r.known("growth"))
		return r
	}
	big, small := cost(*speedHistory), cost(*speedHistory/10)
	var bigs, smalls, nones []time.Duration
	for range *speedRounds {
		for _, one := range []struct {
			r    *speedRig
			list *[]time.Duration
		}{{small, &smalls}, {big, &bigs}} {
			one.r.seed(fresh)
			one.r.bare().close()
			svc := one.r.service("growth", "")
			took := timed(func() { one.r.think(svc) })
			none := timed(func() { one.r.think(svc) })
			*one.list, nones = append(*one.list, took-none), append(nones, none)
			one.r.close(svc)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(bigs).Seconds()/median(smalls).Seconds(), "big/small")
	b.Logf("%d new mails where %d are known: %v, where %d are: %v; looks that found none, in turn: %v",
		fresh, *speedHistory, bigs, *speedHistory/10, smalls, nones)
}

// BenchmarkSpeedTLS receives the bulk over TLS and in plain text.
func BenchmarkSpeedTLS(b *testing.B) {
	r := newSpeedRigWith(b, speedMails(20_000), "")
	r.seed(*speedBulk / 2)
	r.bare().close()
	var plain, tls []time.Duration
	for round := range *speedRounds {
		for _, one := range []struct {
			name, settings string
			list           *[]time.Duration
		}{
			{"plain", "", &plain},
			{"tls", fmt.Sprintf("\nimap.server = \"imaps://%s\"\nimap.ca_file = %q", r.d.IMAPS, r.d.CA.File), &tls},
		} {
			svc := r.service(fmt.Sprint(one.name, round), "imap.start = \"all\""+one.settings)
			*one.list = append(*one.list, timed(func() { r.think(svc) }))
			r.close(svc)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(tls).Seconds()/median(plain).Seconds(), "tls/plain")
	b.Logf("plain %v, TLS %v", plain, tls)
}

// BenchmarkSpeedLatency delivers one mail after the other and takes the time
// from when a bare idling client is told of it until it is durable here, and
// until its copy has left for the engineer.
//
// Two sessions of one Maildir that are told of a mail at the same time take
// Dovecot's lock of it in turn, and who comes second sleeps for some 20 ms. So
// the bare client follows the same mailbox once, and one of its own once, to
// which the same mail is delivered just before: then both times count from the
// end of their own delivery.
func BenchmarkSpeedLatency(b *testing.B) {
	b.Run("same", func(b *testing.B) { latency(b, speedUser) })
	b.Run("own", func(b *testing.B) { latency(b, speedOther) })
}

func latency(b *testing.B, other string) {
	mails := *speedLive
	r := newSpeedRig(b, speedMails(3000))
	r.seed(10)
	svc := r.service("latency", "")
	defer r.close(svc)
	wake := svc.Store().Wake(store.WakeInbox)
	left := make(chan time.Time, 8)
	r.sink.tell(func() {
		select {
		case left <- time.Now():
		default:
		}
	})
	ctx, stop := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := svc.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	defer wg.Wait()
	defer stop()
	x := r.bareOf(other)
	defer x.close()
	r.settle(svc)
	deliver := func(to string, raw []byte) (delivered time.Time) {
		if err := r.d.Deliver("c@client.example", to, raw); err != nil {
			b.Fatal(err)
		}
		return time.Now()
	}
	var durable, sent []time.Duration
	for i := range mails {
		r.settle(svc) // what became of the mail before is no news
		cmd, err := x.c.Idle()
		if err != nil {
			b.Fatal(err)
		}
		drain(wake)
		drain(left)
		drain(x.news)
		told, stored := stamp(x.news), stamp(wake)
		raw, between := speedMails(3000)(1_000_000+i), time.Duration(0)
		if other != speedUser {
			first := deliver(other, raw)
			between = deliver(speedUser, raw).Sub(first)
		} else {
			deliver(speedUser, raw)
		}
		from := (<-told).Add(between)
		durable = append(durable, (<-stored).Sub(from))
		sent = append(sent, (<-left).Sub(from))
		if err := cmd.Close(); err != nil {
			b.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(median(durable)), "durable_ms")
	b.ReportMetric(ms(quantile(durable, 0.99)), "durable99_ms")
	b.ReportMetric(ms(median(sent)), "left_ms")
	b.ReportMetric(ms(quantile(sent, 0.99)), "left99_ms")
	slices.Sort(durable)
	slices.Sort(sent)
	b.Logf("the slowest: durable %v, left %v", durable[max(0, mails-5):], sent[max(0, mails-5):])
}

// stamp says when something next comes out of c.
func stamp[T any](c <-chan T) <-chan time.Time {
	at := make(chan time.Time, 1)
	go func() { <-c; at <- time.Now() }()
	return at
}

func drain[T any](c <-chan T) {
	for {
		select {
		case <-c:
		default:
			return
		}
	}
}

// settle waits until the history is known and nothing is left to do.
func (r *speedRig) settle(svc *Service) {
	r.b.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		done := false
		if err := svc.Store().View(func(tx *store.Tx) error {
			c, ok, err := tx.Cursor("INBOX")
			_, due := tx.NextDue()
			done = ok && c.HistoryComplete() && tx.InboxLen() == 0 && !due && !tx.AnyUnresolved()
			return err
		}); err != nil {
			r.b.Fatal(err)
		}
		if done {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	r.b.Fatal("it does not come to rest")
}

// write puts the configuration into a file for a process of its own.
func (r *speedRig) write(state, settings string) string {
	r.b.Helper()
	path := filepath.Join(r.dir, state+".toml")
	if err := os.WriteFile(path, []byte(r.config(state, settings)), 0o600); err != nil {
		r.b.Fatal(err)
	}
	return path
}
