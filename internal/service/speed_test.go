package service

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"postroom/internal/store"
)

var (
	speedHistory = flag.Int("speed.history", 100_000, "old mails in the mailbox of the speed benchmarks")
	speedBulk    = flag.Int("speed.bulk", 10_000, "new mails in the bulk benchmark")
	speedLive    = flag.Int("speed.live", 200, "mails of the latency benchmark")
	speedRounds  = flag.Int("speed.rounds", 3, "interleaved rounds of bare client and Postroom")
)

// compare runs the bare client and Postroom in turn and reports the medians
// and their ratio.
func compare(b *testing.B, n int, bareRun, ours func(round int) time.Duration) {
	b.Helper()
	var a, p, aCPU, pCPU []time.Duration
	for round := range *speedRounds {
		before := processorTime(b)
		a = append(a, bareRun(round))
		between := processorTime(b)
		p = append(p, ours(round))
		aCPU, pCPU = append(aCPU, between-before), append(pCPU, processorTime(b)-between)
	}
	b.ReportMetric(0, "ns/op")
	// On a machine that does other things too this says more than the clock.
	b.ReportMetric(float64(median(aCPU).Microseconds())/float64(n), "bare_cpu_µs/mail")
	b.ReportMetric(float64(median(pCPU).Microseconds())/float64(n), "cpu_µs/mail")
	b.ReportMetric(float64(n)/median(a).Seconds(), "bare_mails/s")
	b.ReportMetric(float64(n)/median(p).Seconds(), "mails/s")
	b.ReportMetric(median(a).Seconds()/median(p).Seconds(), "of_bare")
	b.Logf("bare %v, Postroom %v", a, p)
}

// processorTime is what this process has used; the servers are processes of
// their own.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func timed(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

// think runs the mailbox and the thinking side by side until the inbox is
// empty.
func (r *speedRig) think(svc *Service) {
	r.b.Helper()
	ctx, cancel := context.WithCancel(r.b.Context())
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := svc.think.Run(ctx); err != nil {
			r.b.Error(err)
		}
	})
	if err := svc.in.CatchUp(ctx); err != nil {
		r.b.Fatal(err)
	}
	cancel()
	wg.Wait()
	if err := svc.think.Drain(r.b.Context()); err != nil {
		r.b.Fatal(err)
	}
}

// outbox counts the mails on their way.
func (r *speedRig) outbox(svc *Service) (n int) {
	r.b.Helper()
	if err := svc.Store().View(func(tx *store.Tx) error {
		return tx.EachOut(func(store.OutMail) error { n++; return nil })
	}); err != nil {
		r.b.Fatal(err)
	}
	return n
}

// BenchmarkSpeedBulk receives new mails of 20 kB in the mean from Dovecot, threads and
// assigns them and puts the copies into the outbox, durably; the bare client
// puts the same mails into a bbolt file.
func BenchmarkSpeedBulk(b *testing.B) {
	r := newSpeedRig(b, speedMails(20_000))
	r.seed(*speedBulk)
	r.bare().close() // Dovecot makes its index
	compare(b, *speedBulk, func(round int) time.Duration {
		x := r.bare()
		defer x.close()
		return timed(func() { x.keep(b.TempDir(), 1, x.next-1) })
	}, func(round int) time.Duration {
		svc := r.service(fmt.Sprintf("bulk%d", round), `imap.start = "all"`)
		defer r.close(svc)
		took := timed(func() { r.think(svc) })
		if n := r.outbox(svc); n != *speedBulk {
			b.Fatalf("%d mails in the outbox", n)
		}
		return took
	})
}

// BenchmarkSpeedDrain is the same with the copies handed to a relay that
// throws them away.
func BenchmarkSpeedDrain(b *testing.B) {
	r := newSpeedRig(b, speedMails(20_000))
	r.seed(*speedBulk)
	r.bare().close()
	compare(b, *speedBulk, func(round int) time.Duration {
		x := r.bare()
		defer x.close()
		return timed(func() { x.keep(b.TempDir(), 1, x.next-1) })
	}, func(round int) time.Duration {
		before := r.sink.mails.Load()
		svc := r.service(fmt.Sprintf("drain%d", round), `imap.start = "all"`)
		defer r.close(svc)
		took := timed(func() {
			if _, err := svc.Drain(b.Context()); err != nil {
				b.Fatal(err)
			}
		})
		if n := r.sink.mails.Load() - before; n != int64(*speedBulk) {
			b.Fatalf("%d mails at the relay", n)
		}
		return took
	})
}

// BenchmarkSpeedSend hands a full outbox to the relay: the clock runs from the
// moment all mails are in it, until the last is at the relay and until what
// became of each is recorded.
func BenchmarkSpeedSend(b *testing.B) {
	r := newSpeedRig(b, speedMails(20_000))
	r.seed(*speedBulk)
	var gone, recorded, used []time.Duration
	for round := range *speedRounds {
		svc := r.service(fmt.Sprintf("send%d", round), `imap.start = "all"`)
		r.think(svc)
		last := r.sink.after(*speedBulk)
		before, began := processorTime(b), time.Now()
		if _, err := svc.Drain(b.Context()); err != nil {
			b.Fatal(err)
		}
		recorded = append(recorded, time.Since(began))
		used = append(used, processorTime(b)-before)
		select {
		case at := <-last:
			gone = append(gone, at.Sub(began))
		default:
			b.Fatalf("not all mails are at the relay")
		}
		r.close(svc)
	}
	n := float64(*speedBulk)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(n/median(gone).Seconds(), "mails/s")
	b.ReportMetric(n/median(recorded).Seconds(), "recorded_mails/s")
	b.ReportMetric(float64(median(used).Microseconds())/n, "cpu_µs/mail")
	b.Logf("all at the relay after %v, recorded after %v", gone, recorded)
}

// BenchmarkSpeedHistory imports old mail by its header fields, threaded and
// durable; the bare client reads the same fields to nowhere.
func BenchmarkSpeedHistory(b *testing.B) {
	r := newSpeedRig(b, speedMails(0))
	r.seed(*speedHistory)
	x := r.bare() // Dovecot makes its index and its cache
	x.headers(1, x.next-1)
	x.close()
	compare(b, *speedHistory, func(round int) time.Duration {
		x := r.bare()
		defer x.close()
		return timed(func() { x.headers(1, x.next-1) })
	}, func(round int) time.Duration {
		svc := r.service(fmt.Sprintf("history%d", round), "")
		defer r.close(svc)
		took := timed(func() { r.think(svc) })
		if n, err := svc.ledgered(); err != nil || n != *speedHistory {
			b.Fatalf("%d mails in the ledger, %v", n, err)
		}
		return took
	})
}

func median(list []time.Duration) time.Duration { return quantile(list, 0.5) }
