package service

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postroom/internal/mailtest"
	"postroom/internal/store"
)

// binary builds the program.
func (r *speedRig) binary() string {
	r.b.Helper()
	path := filepath.Join(r.dir, "postroom")
	if out, err := exec.Command("go", "build", "-o", path, "postroom/cmd/postroom").CombinedOutput(); err != nil {
		r.b.Fatalf("building: %v\n%s", err, out)
	}
	return path
}

// BenchmarkSpeedSyncs counts, with strace, how often the disk is waited for:
// in bulk, until all is in the outbox and then until it has been sent, and for
// one live mail from its arrival until its copy has left.
func BenchmarkSpeedSyncs(b *testing.B) {
	if _, err := exec.LookPath("strace"); err != nil {
		b.Skip("skipped: strace is not installed")
	}
	r := newSpeedRig(b, speedMails(20_000))
	bin, n := r.binary(), min(*speedBulk, 2000)
	r.seed(n)
	log := filepath.Join(r.dir, "strace")
	trace := []string{"-f", "-A", "-o", log, "-e", "trace=fsync,fdatasync,sync_file_range,msync", bin, "run"}
	drain := func(settings string) error {
		out, err := exec.Command("strace", append(trace, "--drain", "-c", r.write("syncs", settings))...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		return nil
	}
	// No relay: everything stays in the outbox.
	if err := drain("imap.start = \"all\"\nsmtp.server = \"smtp://127.0.0.1:1\""); err == nil {
		b.Fatal("it sends without a relay")
	}
	if got := r.waiting("syncs"); got != n {
		b.Fatalf("%d mails in the outbox, want %d", got, n)
	}
	bulk := syncs(b, log)
	if err := drain(`imap.start = "all"`); err != nil {
		b.Fatalf("draining: %v", err)
	}
	if got := r.sink.mails.Load(); got != int64(n) {
		b.Fatalf("%d mails left, want %d", got, n)
	}
	sent := syncs(b, log) - bulk

	const live = 20
	left := make(chan struct{}, live)
	r.sink.tell(func() { left <- struct{}{} })
	cmd := exec.Command("strace", append(trace, "-c", r.write("syncs", `imap.start = "all"`))...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		cmd.Wait()
	}()
	deliver := func(i int) {
		if err := r.d.Deliver("c@client.example", speedUser, speedMails(3000)(2_000_000+i)); err != nil {
			b.Fatal(err)
		}
		select {
		case <-left:
		case <-time.After(time.Minute):
			b.Fatal("a mail does not leave")
		}
	}
	deliver(-1) // it is up
	rest(time.Second)
	before := syncs(b, log)
	for i := range live {
		deliver(i)
		rest(700 * time.Millisecond) // outcome and chores too
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(bulk)/float64(n), "bulk_syncs/mail")
	b.ReportMetric(float64(sent)/float64(n), "sent_syncs/mail")
	b.ReportMetric(float64(syncs(b, log)-before)/live, "live_syncs/mail")
}

// waiting counts the mails in the outbox of a stopped service.
func (r *speedRig) waiting(state string) (n int) {
	r.b.Helper()
	st, err := store.OpenReadOnly(slog.New(slog.DiscardHandler), filepath.Join(r.dir, state))
	if err != nil {
		r.b.Fatal(err)
	}
	defer st.Close()
	if err := st.View(func(tx *store.Tx) error {
		return tx.EachOut(func(store.OutMail) error { n++; return nil })
	}); err != nil {
		r.b.Fatal(err)
	}
	return n
}

// rest lets a process that runs beside this one go on.
func rest(d time.Duration) { <-time.After(d) }

func syncs(b *testing.B, log string) int {
	b.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		b.Fatal(err)
	}
	return bytes.Count(text, []byte("sync("))
}

// BenchmarkSpeedMemory lets one huge mail come among small ones.
func BenchmarkSpeedMemory(b *testing.B) {
	r := newSpeedRig(b, nil)
	bin := r.binary()
	small := speedMails(5000)
	huge := mailtest.Mail{From: "big@client.example", To: speedUser, Subject: "Huge", MessageID: "huge@client.example",
		Date: time.Now(), Text: "See attachment.\r\n",
		Attachments: []mailtest.Attachment{{Name: "film.bin", Data: bytes.Repeat([]byte("0123456789abcdef"), 146<<20/16)}}}.Bytes()
	r.mail = func(i int) []byte {
		if i == 500 {
			return huge
		}
		return small(i)
	}
	r.seed(1000)
	p := r.start(bin, "memory", `imap.start = "all"`, "--drain")
	anon, file := p.watch()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(anon, "huge_RssAnon_MB")
	b.ReportMetric(file, "huge_RssFile_MB")
	b.Logf("a mail of %d MB among 1,000; %d mails left", len(huge)>>20, r.sink.mails.Load())
}

// BenchmarkSpeedIdle lets a process idle that knows many mails.
func BenchmarkSpeedIdle(b *testing.B) {
	r := newSpeedRig(b, speedMails(0))
	r.seed(*speedHistory)
	bin := r.binary()
	r.close(r.known("idle"))
	p := r.start(bin, "idle", "")
	rest(20 * time.Second)
	used, began := p.used(), time.Now()
	rest(time.Minute)
	share := (p.used() - used).Seconds() / time.Since(began).Seconds()
	anon, file := p.rss()
	p.end()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(anon, "idle_RssAnon_MB")
	b.ReportMetric(file, "idle_RssFile_MB")
	b.ReportMetric(100*share, "idle_%core")
}

// process is a Postroom of its own.
type process struct {
	b   *testing.B
	cmd *exec.Cmd
}

func (r *speedRig) start(bin, state, settings string, args ...string) *process {
	r.b.Helper()
	cmd := exec.Command(bin, append([]string{"run", "-c", r.write(state, settings)}, args...)...)
	if err := cmd.Start(); err != nil {
		r.b.Fatal(err)
	}
	return &process{r.b, cmd}
}

func (p *process) end() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.cmd.Wait()
}

// watch returns the peaks until the process ends by itself.
func (p *process) watch() (anon, file float64) {
	done := make(chan error, 1)
	go func() { done <- p.cmd.Wait() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				p.b.Fatal(err)
			}
			return anon, file
		case <-tick.C:
			a, f := p.rss()
			anon, file = max(anon, a), max(file, f)
		}
	}
}

// rss is the memory of its own and that of mapped files, in MB.
func (p *process) rss() (anon, file float64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0
	}
	for _, line := range strings.Split(string(text), "\n") {
		var kb float64
		if n, _ := fmt.Sscanf(line, "RssAnon: %f kB", &kb); n == 1 {
			anon = kb / 1024
		}
		if n, _ := fmt.Sscanf(line, "RssFile: %f kB", &kb); n == 1 {
			file = kb / 1024
		}
	}
	return anon, file
}

// used is the processor time of its threads so far.
func (p *process) used() (sum time.Duration) {
	p.b.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err != nil || len(tasks) == 0 {
		p.b.Fatalf("no threads to be seen: %v", err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			p.b.Fatal(err)
		}
		var ns int64
		if _, err := fmt.Sscan(string(text), &ns); err != nil {
			p.b.Fatal(err)
		}
		sum += time.Duration(ns)
	}
	return sum
}
