package lab

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// soakService is the running program, and what it needed from time to time.
type soakService struct {
	soak *soak

	mu    sync.Mutex
	cmd   *exec.Cmd // nil between two lives
	life  int
	said  bytes.Buffer
	taken []soakSample
}

// soakSample is what the program needed at one time.
type soakSample struct {
	life                     int
	at                       time.Duration
	rssAnon, fds, goroutines float64
	latency                  float64 // median of the last ten seconds, in ms; 0: nothing came
}

func (v *soakService) start() {
	v.mu.Lock()
	defer v.mu.Unlock()
	cmd := exec.Command(v.soak.day.postroom(), "run")
	cmd.Dir = v.soak.day.dir
	cmd.Stderr = &v.said
	if err := cmd.Start(); err != nil {
		v.soak.t.Error(err)
		return
	}
	v.cmd, v.life = cmd, v.life+1
	if v.life == 1 {
		v.soak.t.Cleanup(v.kill)
	}
}

func (v *soakService) kill() { v.end(os.Kill) }
func (v *soakService) stop() { v.end(syscall.SIGTERM) }

func (v *soakService) end(how os.Signal) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.cmd == nil {
		return
	}
	v.cmd.Process.Signal(how)
	if err := v.cmd.Wait(); err != nil && how != os.Kill {
		v.soak.t.Errorf("postroom ended with %v\n%s", err, lastLines(v.said.String(), 20))
	}
	v.cmd = nil
	v.said.Reset()
}

func lastLines(s string, n int) string {
	list := strings.Split(s, "\n")
	return strings.Join(list[max(0, len(list)-n):], "\n")
}

// sample looks at the program.
func (v *soakService) sample(at time.Duration) {
	lags := v.soak.book.lags()
	if !v.mu.TryLock() {
		return // it is being restarted
	}
	defer v.mu.Unlock()
	if v.cmd == nil {
		return
	}
	pid := v.cmd.Process.Pid
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	rss := rssAnon(pid)
	goroutines := v.metric("postroom_goroutines")
	if err != nil || rss == 0 || goroutines <= 0 {
		return // it has just begun
	}
	s := soakSample{life: v.life, at: at, rssAnon: rss, fds: float64(len(fds)), goroutines: goroutines}
	if slices.Sort(lags); len(lags) > 0 {
		s.latency = float64(lags[len(lags)/2].Microseconds()) / 1000
	}
	v.taken = append(v.taken, s)
	v.soak.t.Logf("life %d, %4.0f s: RssAnon %5.1f MB, %3.0f descriptors, %3.0f goroutines, %6.1f ms", s.life, s.at.Seconds(), s.rssAnon, s.fds, s.goroutines, s.latency)
}

// rssAnon is what a process holds of memory of its own, in MB.
func rssAnon(pid int) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for row := range strings.Lines(string(data)) {
		if f := strings.Fields(row); len(f) > 1 && f[0] == "RssAnon:" {
			kb, _ := strconv.ParseFloat(f[1], 64)
			return kb / 1024
		}
	}
	return 0
}

// metric asks the program; -1 where it does not answer.
func (v *soakService) metric(name string) float64 {
	c := &http.Client{Timeout: 5 * time.Second}
	resp, err := c.Get("http://" + v.soak.metrics + "/metrics")
	if err != nil {
		return -1
	}
	defer resp.Body.Close()
	in := bufio.NewScanner(resp.Body)
	for in.Scan() {
		if s, ok := strings.CutPrefix(in.Text(), name+" "); ok {
			n, _ := strconv.ParseFloat(s, 64)
			return n
		}
	}
	return -1
}

// grown compares the first third of the longest life with its last.
func (v *soakService) grown() {
	t, lives := v.soak.t, map[int][]soakSample{}
	for _, s := range v.taken {
		lives[s.life] = append(lives[s.life], s)
	}
	var long []soakSample
	for _, list := range lives {
		if len(list) > len(long) {
			long = list
		}
	}
	if len(long) < 9 {
		t.Fatalf("only %d samples of the longest life", len(long))
	}
	third := len(long) / 3
	for _, m := range []struct {
		name        string
		of          func(soakSample) float64
		factor, add float64 // the last third may be the first times factor plus add
	}{
		{"RssAnon, MB", func(s soakSample) float64 { return s.rssAnon }, 1.25, 4},
		{"descriptors", func(s soakSample) float64 { return s.fds }, 1, 4},
		{"goroutines", func(s soakSample) float64 { return s.goroutines }, 1, 8},
		{"latency, ms", func(s soakSample) float64 { return s.latency }, 1.5, 10},
	} {
		first, last := medianOf(long[:third], m.of), medianOf(long[len(long)-third:], m.of)
		t.Logf("%s: %.1f in the first third of %v, %.1f in the last", m.name, first, long[len(long)-1].at-long[0].at, last)
		if last > first*m.factor+m.add {
			t.Errorf("%s grew from %.1f to %.1f", m.name, first, last)
		}
	}
}

func medianOf(list []soakSample, of func(soakSample) float64) float64 {
	var all []float64
	for _, s := range list {
		all = append(all, of(s))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// soakRelay takes every mail, keeps nothing but what it passes on, and can be
// restarted.
type soakRelay struct {
	addr  string
	t     *testing.T
	taken func(to string, raw []byte)
	srv   *smtp.Server
	done  chan error
}

func startSoakRelay(t *testing.T, taken func(string, []byte)) *soakRelay {
	r := &soakRelay{addr: "127.0.0.1:0", t: t, taken: taken}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *soakRelay) start() {
	ln, err := net.Listen("tcp", r.addr)
	if err != nil {
		r.t.Error(err)
		return
	}
	r.addr = ln.Addr().String()
	r.srv = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &soakSession{relay: r}, nil }))
	r.srv.Domain, r.srv.ErrorLog = "relay.example", log.New(io.Discard, "", 0) // restarts cut connections
	srv, done := r.srv, make(chan error, 1)
	r.done = done
	go func() { done <- srv.Serve(ln) }()
}

func (r *soakRelay) stop() {
	r.srv.Close()
	<-r.done
}

func (r *soakRelay) restart() { r.stop(); r.start() }

type soakSession struct {
	relay *soakRelay
	to    []string
}

func (s *soakSession) Reset()                               { s.to = nil }
func (s *soakSession) Logout() error                        { return nil }
func (s *soakSession) Mail(string, *smtp.MailOptions) error { return nil }
func (s *soakSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

func (s *soakSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	for _, to := range s.to {
		s.relay.taken(to, raw)
	}
	return nil
}
