package smtpout

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"postroom/internal/store"
)

var sourceMails = flag.Int("source-mails", 20000, "how many mails BenchmarkAgainstSource sends in a round")

// BenchmarkAgainstSource sends 20,000 queued mails of 4 kB to Postfix's
// smtp-sink, every attempt and outcome durable, beside Postfix's smtp-source,
// which keeps no books at all. The ratio is what counts: the rounds alternate,
// so that both meet the same machine.
//
//	go test ./smtpout -run '^$' -bench AgainstSource -benchtime 3x
func BenchmarkAgainstSource(b *testing.B) {
	const size = 4096
	mails := *sourceMails
	for _, connections := range []int{1, 4} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) {
			addr := startSink(b)
			var source, ours time.Duration
			commits := 0
			var cpu time.Duration
			for b.Loop() {
				source += runSource(b, addr, connections, mails, size)
				took, used, n := runSender(b, addr, connections, mails, size)
				ours, cpu = ours+took, cpu+used
				commits += n
			}
			total := float64(b.N * mails)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(total/source.Seconds(), "source/s")
			b.ReportMetric(total/ours.Seconds(), "mails/s")
			b.ReportMetric(source.Seconds()/ours.Seconds(), "ratio")
			b.ReportMetric(float64(cpu.Microseconds())/total, "cpu-µs/mail")
			b.ReportMetric(float64(commits)/total, "syncs/mail") // each commit is one
		})
	}
}

// startSink starts smtp-sink, which takes everything and keeps nothing.
func startSink(b *testing.B) string {
	b.Helper()
	for _, program := range []string{"smtp-sink", "smtp-source"} {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if os.Getenv("POSTROOM_REQUIRE_SERVERS") == "1" {
			b.Fatalf("%s is not installed", program)
		}
		b.Skipf("skipped: %s is not installed", program)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	args := []string{addr, "100"}
	if os.Getuid() == 0 {
		args = append([]string{"-u", "nobody"}, args...)
	}
	cmd := exec.Command("smtp-sink", args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for began := time.Now(); ; {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			return addr
		}
		if time.Since(began) > 10*time.Second {
			b.Fatal(err)
		}
	}
}

func runSource(b *testing.B, addr string, connections, mails, size int) time.Duration {
	b.Helper()
	began := time.Now()
	out, err := exec.Command("smtp-source", "-d", "-s", fmt.Sprint(connections), "-m", fmt.Sprint(mails),
		"-l", fmt.Sprint(size), "-f", "a@us.example", "-t", "b@them.example", addr).CombinedOutput()
	if err != nil {
		b.Fatalf("smtp-source: %v\n%s", err, out)
	}
	return time.Since(began)
}

// runSender sends from a fresh outbox, and returns how long it took, how much
// of the processor, and how many transactions it committed.
func runSender(b *testing.B, addr string, connections, mails, size int) (took, cpu time.Duration, commits int) {
	b.Helper()
	st, err := store.Open(slog.New(slog.DiscardHandler), b.TempDir(), zeros{})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	fill(b, st, mails)
	text := strings.Repeat(body[:size/8], 8)[:size-2] + "\r\n"
	render := func(_ context.Context, w io.Writer, m store.OutMail) error {
		_, err := io.WriteString(w, text)
		return err
	}
	var d net.Dialer
	cfg := Config{Server: addr, TLS: TLSOpportunistic, Hello: "us.example", Connections: connections}
	s := New(slog.New(slog.DiscardHandler), cfg, st, d.DialContext, render, time.Now, func() float64 { return 0.5 }, &observed{})
	before, _ := st.Commits()
	began, used := time.Now(), processor(b)
	if n, err := s.Drain(b.Context()); err != nil || n != mails {
		b.Fatalf("%d mails sent: %v", n, err)
	}
	took, cpu = time.Since(began), processor(b)-used
	after, _ := st.Commits()
	return took, cpu, after - before
}

// processor is how much of it this process has used.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fill queues mails as the gateway would: some in each transaction.
func fill(b testing.TB, st *store.Store, mails int) {
	b.Helper()
	r := &rig{t: b, store: st}
	for mails > 0 {
		var list []store.OutMail
		for range min(mails, 500) {
			m := r.mail(customer)
			m.Recipe = []byte(strings.Repeat("a recipe ", 60))
			list = append(list, m)
		}
		r.enqueue(list...)
		mails -= len(list)
	}
}
