package lab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// call is a system call of a traced program, of whichever of its threads. It
// is seen when it begins, and again when it has ended.
type call struct {
	id    int // the same for both
	name  string
	args  string
	ret   string // "" while it has not ended
	error bool   // it failed
	fault bool   // strace did something to it
}

// strace runs a command and watches its system calls.
type strace struct {
	calls  string   // which, separated by commas
	inject []string // what strace does to them
	octets int      // how much of what is written is wanted
	env    []string // more of it
	// stop has the program stand still after each call, so that it does
	// nothing more when it is killed there.
	stop bool
	// see is told of each call as it begins and as it ends, and ends the
	// program when it returns true.
	see func(c *call) bool
	// rest is told of what it did behind that, before it was gone.
	rest func(c *call)
}

// needStrace skips a test where no process can be traced.
func needStrace(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		if os.Getenv("POSTROOM_REQUIRE_SERVERS") != "" {
			t.Fatal("strace is not installed")
		}
		t.Skip("skipped: strace is not installed")
	}
	if out, err := exec.Command("strace", "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Skipf("skipped: this machine lets nobody trace a process: %v %s", err, out)
	}
}

// run runs a command in a folder. It reports whether see ended it, and what it
// said.
func (s *strace) run(ctx context.Context, dir string, command ...string) (killed bool, out string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	log, w, err := os.Pipe()
	if err != nil {
		return false, "", err
	}
	defer log.Close()
	args := []string{"-f", "-y", "-xx", "-s", strconv.Itoa(s.octets), "-o", "/dev/fd/3", "-e", "trace=" + s.calls}
	if s.stop {
		args = append(args, "-e", "inject="+s.calls+":signal=STOP")
	}
	for _, what := range s.inject {
		args = append(args, "-e", "inject="+what)
	}
	cmd := exec.CommandContext(ctx, "strace", append(args, command...)...)
	cmd.Dir, cmd.ExtraFiles, cmd.Env = dir, []*os.File{w}, append(os.Environ(), s.env...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err = cmd.Start()
	w.Close()
	if err != nil {
		return false, "", err
	}
	killed, lost := s.follow(log)
	err = cmd.Wait()
	return killed, said.String(), errors.Join(lost, killedIsFine(killed, err))
}

func killedIsFine(killed bool, err error) error {
	var exit *exec.ExitError
	if killed && errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return nil
	}
	return err
}

var (
	straceLine = regexp.MustCompile(`^(\d+) +(.*)\n$`)
	straceCall = regexp.MustCompile(`^([a-z0-9_]+)\(`)
	straceRet  = regexp.MustCompile(`\) += (\?|-?\d+)(.*)$`)
)

// follow reads the log to its end.
func (s *strace) follow(log io.Reader) (killed bool, err error) {
	r, first := bufio.NewReaderSize(log, 1<<20), 0
	begun, n := map[string]string{}, 0 // begun: by thread
	calls := map[string]*call{}
	tell := func(c *call) {
		if killed && s.rest != nil {
			s.rest(c)
		}
		if s.see != nil && !killed && s.see(c) {
			killed = true
			if kerr := syscall.Kill(first, syscall.SIGKILL); !errors.Is(kerr, syscall.ESRCH) { // it may have ended
				err = errors.Join(err, kerr)
			}
		}
	}
	for {
		line, rerr := r.ReadString('\n')
		if rerr != nil {
			return killed, err
		}
		m := straceLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		thread, text := m[1], m[2]
		if first == 0 {
			first, _ = strconv.Atoi(thread)
		}
		switch {
		case strings.HasPrefix(text, "--- stopped by SIGSTOP"):
			if s.stop && !killed {
				_ = syscall.Kill(first, syscall.SIGCONT) // it may have ended
			}
		case strings.HasPrefix(text, "<... "):
			if _, rest, ok := strings.Cut(text, " resumed>"); ok && calls[thread] != nil {
				calls[thread].end(begun[thread] + rest)
				tell(calls[thread])
				delete(calls, thread)
			}
		default:
			name := straceCall.FindStringSubmatch(text)
			if name == nil {
				continue
			}
			n++
			c := &call{id: n, name: name[1]}
			if part, _, ok := strings.Cut(text, " <unfinished ...>"); ok {
				c.args = part[len(c.name)+1:]
				begun[thread], calls[thread] = part, c
				tell(c)
				continue
			}
			if ret := straceRet.FindStringSubmatchIndex(text); ret != nil {
				c.args = text[len(c.name)+1 : ret[0]]
			}
			tell(c)
			c.end(text)
			tell(c)
		}
	}
}

// end takes in the whole text of a call that has ended.
func (c *call) end(text string) {
	if m := straceRet.FindStringSubmatchIndex(text); m != nil {
		c.args, c.ret = text[len(c.name)+1:m[0]], text[m[2]:m[3]]
		c.error = strings.HasPrefix(c.ret, "-") || c.ret == "?"
		c.fault = strings.Contains(text[m[3]:], "(INJECTED")
	}
}

var straceFile = regexp.MustCompile(`^\d+<([^>]*)>`)

// file is the file or socket that the call is about.
func (c *call) file() string {
	if m := straceFile.FindStringSubmatch(c.args); m != nil && strings.HasPrefix(m[1], `\x`) {
		return unhex(m[1])
	} else if m != nil {
		return m[1]
	}
	if list := c.texts(); len(list) > 0 {
		return list[len(list)-1]
	}
	return ""
}

var straceText = regexp.MustCompile(`"((?:\\x[0-9a-f]{2})*)"`)

// texts are the paths and octets among the arguments.
func (c *call) texts() (list []string) {
	for _, m := range straceText.FindAllStringSubmatch(c.args, -1) {
		list = append(list, unhex(m[1]))
	}
	return list
}

func unhex(s string) string {
	octets := make([]byte, 0, len(s)/4)
	for i := 0; i+4 <= len(s); i += 4 {
		n, err := strconv.ParseUint(s[i+2:i+4], 16, 8)
		if err != nil {
			return ""
		}
		octets = append(octets, byte(n))
	}
	return string(octets)
}
