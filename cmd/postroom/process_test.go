package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// process is a running service.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	done   chan struct{} // closed when it has ended and its log is read
	doomed atomic.Bool   // it was started to be killed: its log is of no interest

	mu      sync.Mutex
	events  []event
	raw     []string
	changed chan struct{} // closed at the next line
}

// event is one line of the JSON log.
type event map[string]any

func (e event) name() string {
	s, _ := e["msg"].(string)
	return s
}

// start starts the service; it is killed at the end of the test if it still
// runs then.
func (o *office) start() *process {
	o.t.Helper()
	p := &process{t: o.t, done: make(chan struct{}), changed: make(chan struct{})}
	p.cmd = exec.Command(binary(o.t), "run", "--log-format", "json")
	p.cmd.Dir = o.dir
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		o.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	go p.follow(stderr)
	o.t.Cleanup(func() {
		if p.kill(); o.t.Failed() && !p.doomed.Load() {
			o.t.Logf("the service said:\n%s", p.log())
		}
	})
	return p
}

func (p *process) follow(r io.Reader) {
	defer close(p.done)
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		e := event{}
		broken := json.Unmarshal(s.Bytes(), &e) != nil // a runtime crash is no JSON
		p.mu.Lock()
		p.raw = append(p.raw, s.Text())
		if !broken {
			p.events = append(p.events, e)
		}
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
	p.cmd.Wait() // how it ended is in its state
}

// log is the end of what it said.
func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	const most = 60
	list := p.raw
	if len(list) > most {
		list = list[len(list)-most:]
	}
	return strings.Join(list, "\n")
}

// said returns its events so far, and a channel closed at the next line.
func (p *process) said() ([]event, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.events[:len(p.events):len(p.events)], p.changed
}

// until returns when n events of that name were logged, ctx ends, or the
// process does. An empty name is any event.
func (p *process) until(ctx context.Context, name string, n int) bool {
	for {
		events, changed := p.said()
		seen := 0
		for _, e := range events {
			if name == "" || e.name() == name {
				seen++
			}
		}
		if seen >= n {
			return true
		}
		select {
		case <-changed:
		case <-p.done:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// ready waits until the service is.
func (p *process) ready() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	if !p.until(ctx, "ready", 1) {
		p.t.Fatalf("the service did not get ready:\n%s", p.log())
	}
}

// kill ends it as a crash would, and waits for its end. It may be called when
// it has ended, and from several goroutines.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// stop asks it to end, and says how long that took.
func (p *process) stop() time.Duration {
	p.t.Helper()
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatalf("stopping the service: %v\n%s", err, p.log())
	}
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.t.Fatalf("the service did not end:\n%s", p.log())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("the service ended with exit code %d:\n%s", code, p.log())
	}
	return time.Since(began)
}
