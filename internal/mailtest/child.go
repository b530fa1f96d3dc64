package mailtest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// startTimeout is how long a server may take to say it is ready.
	startTimeout = 30 * time.Second
	// stopTimeout is how long it may take to end before it is killed.
	stopTimeout = 5 * time.Second
	// restTimeout is how much longer its children may take.
	restTimeout = time.Second
)

// child is a server process in a session of its own, its log kept for
// the case that the test fails.
type child struct {
	name  string
	ready string // the log line that says it is ready contains this
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has ended
	done  chan struct{} // closed when its whole group has, and the log is read

	mu  sync.Mutex
	log []string
}

// startChild starts cmd and waits for its ready line; "" does not wait.
func startChild(name, ready string, cmd *exec.Cmd) (*child, error) {
	c := &child{name: name, ready: ready, cmd: cmd, ended: make(chan struct{}), done: make(chan struct{})}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = w, w
	cmd.SysProcAttr = ownSession()
	err = cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	isReady := make(chan struct{})
	go c.follow(r, isReady)
	go func() {
		defer close(c.ended)
		cmd.Wait() // how it ended is in the log
	}()
	if ready == "" {
		return c, nil
	}
	timer := time.NewTimer(startTimeout)
	defer timer.Stop()
	select {
	case <-isReady:
		return c, nil
	case <-c.done:
		err = fmt.Errorf("starting %s: it ended", name)
	case <-timer.C:
		err = fmt.Errorf("starting %s: not ready after %v", name, startTimeout)
	}
	c.stop()
	return nil, fmt.Errorf("%w\n%s", err, c.Log())
}

// follow reads the log until the last process of the group has closed it.
func (c *child) follow(r io.ReadCloser, isReady chan struct{}) {
	defer close(c.done)
	defer r.Close()
	told := false
	for s := bufio.NewScanner(r); s.Scan(); {
		c.mu.Lock()
		c.log = append(c.log, s.Text())
		c.mu.Unlock()
		if !told && c.ready != "" && strings.Contains(s.Text(), c.ready) {
			told = true
			close(isReady)
		}
	}
}

// Log is what the server has said so far.
func (c *child) Log() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.log, "\n")
}

// stop ends the process, kindly first, and then whatever is left of its group.
func (c *child) stop() {
	c.cmd.Process.Signal(syscall.SIGTERM)
	if !within(c.ended, stopTimeout) || !within(c.done, restTimeout) {
		c.kill()
	}
}

// kill ends the process and its group at once, as a crash would.
func (c *child) kill() {
	syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	<-c.ended
	<-c.done
}

func within(done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// need skips the test if a program is missing, or fails it where the servers
// are required.
func need(t testing.TB, what string, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing(t, fmt.Sprintf("%s is not installed: no %s", what, p))
		}
	}
}

func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("POSTROOM_REQUIRE_SERVERS") == "1" {
		t.Fatal(why + ", and POSTROOM_REQUIRE_SERVERS=1")
	}
	t.Skip(why)
}

// serverDir makes a directory that the servers' own users can enter, with a
// path short enough for sockets.
func serverDir(t testing.TB, prefix string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// freePorts finds n loopback ports nobody listens on.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close() // all held until the last is found
		ports[i] = ln.Addr().(*net.TCPAddr).Port
	}
	return ports
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// needUnpacked is the folder that an environment variable names, where the
// packages of a server are unpacked; without it, or without program in it, the
// test is skipped, or fails where the servers are required.
func needUnpacked(t testing.TB, what, variable, program string) string {
	t.Helper()
	dir := os.Getenv(variable)
	if dir == "" {
		missing(t, fmt.Sprintf("%s is not unpacked: %s is not set", what, variable))
	}
	if _, err := os.Stat(filepath.Join(dir, program)); err != nil {
		missing(t, fmt.Sprintf("%s is not unpacked: %v", what, err))
	}
	return dir
}
