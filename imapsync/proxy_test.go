package imapsync_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"postroom/internal/mailtest/servers"
	"postroom/internal/store"
)

var faultsEvery = flag.Int("faults.every", 5, "strike at each n-th command of a session; 1 strikes at all of them")

// proxy stands in the connections of a Syncer, counts the commands of all of
// them in turn, and does harm at one of them, once.
type proxy struct {
	harm string
	at   int // which command; 0: none

	mu       sync.Mutex
	commands []string
	struck   bool
}

// slack is by how many commands a session may be shorter than the one counted.
const slack = 4

var commandLine = regexp.MustCompile(`(?m)^T\d+ (UID )?[A-Z]+`)

func (p *proxy) wrap(c net.Conn) net.Conn { return &proxied{Conn: c, by: p} }

type proxied struct {
	net.Conn
	by   *proxy
	mu   sync.Mutex
	harm string // what is being done to this connection
}

// Write counts the commands in what the client says.
func (c *proxied) Write(b []byte) (int, error) {
	for _, cmd := range commandLine.FindAll(b, -1) {
		if c.by.command(string(cmd)) {
			c.mu.Lock()
			c.harm = c.by.harm
			c.mu.Unlock()
		}
	}
	switch c.harmed() {
	case "cut":
		c.Conn.Close()
	case "half-close":
		return len(b), nil // nobody reads it any more
	}
	return c.Conn.Write(b)
}

// command notes a command and reports whether it is the one to strike at.
func (p *proxy) command(cmd string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.commands = append(p.commands, cmd)
	if p.struck || len(p.commands) != p.at {
		return false
	}
	p.struck = true
	return true
}

func (c *proxied) harmed() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.harm
}

// Read does harm to what the server says.
func (c *proxied) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil {
			return n, err
		}
		switch c.harmed() {
		case "stall":
			continue // it never arrives
		case "half-close":
			return 0, io.EOF
		case "garble":
			for i := range n {
				if b[i] != '\r' && b[i] != '\n' && i%3 == 0 {
					b[i] ^= 0x55
				}
			}
		}
		return n, nil
	}
}

// TestProxy strikes at each command of a session in turn: log in, catch up
// with both folders, import history, do chores, idle, be told of more.
func TestProxy(t *testing.T) {
	var all []string
	bubble(t, servers.Options{SpecialUse: true}, func(r *rig) { all = r.session(&proxy{}) })
	if len(all) < 20 {
		t.Fatalf("a session of %d commands: %v", len(all), all)
	}
	for _, harm := range []string{"cut", "stall", "half-close", "garble"} {
		for at := 1; at <= len(all); at += *faultsEvery {
			t.Run(fmt.Sprintf("%s at %d %s", harm, at, all[at-1]), func(t *testing.T) {
				bubble(t, servers.Options{SpecialUse: true}, func(r *rig) { r.session(&proxy{harm: harm, at: at}) })
			})
		}
	}
}

// session is a life of the mailbox; it ends with everything accounted for.
func (r *rig) session(p *proxy) []string {
	t := r.t
	t.Helper()
	r.wrap = p.wrap
	r.cfg.ChunkMails, r.cfg.HistoryRange = 3, 4
	r.cfg.Start.All = false
	r.add(nil, 1, 2, 3, 4, 5, 6)
	old := r.sent
	r.sent = map[uint32][]byte{}
	stop := r.run()
	r.until("the history is in", 10*time.Minute, func() bool {
		cur := r.cursor("INBOX")
		return cur.First > 0 && cur.HistoryComplete()
	})
	r.add(nil, 7, 8, 9, 10)
	r.untilMails(4, 10*time.Minute)
	r.chore(store.ChoreSeen, 8)
	r.chore(store.ChoreFileSent, 10)
	r.untilChoresDone(15 * time.Minute)
	r.add([]string{`\Seen`}, 11)
	r.untilMails(5, 10*time.Minute)
	r.until("Sent has the copy", 10*time.Minute, func() bool { return len(r.mails("Sent")) == 1 || r.folder("Sent") != "" })
	stop()
	r.complete()
	r.imported(old)
	if left, err := filepath.Glob(filepath.Join(r.st.Dir(), "spool", "*.new")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// Two folders are followed at a time, so one session has a look or two
	// more than another.
	if p.harm != "" && !p.struck && len(p.commands) < p.at-slack {
		t.Errorf("no command %d in %d", p.at, len(p.commands))
	}
	return slices.Clone(p.commands)
}

// imported checks that the history holds each of the old mails once.
func (r *rig) imported(old map[uint32][]byte) {
	r.t.Helper()
	seen := map[uint32]int{}
	for _, h := range r.histories("INBOX") {
		for _, m := range h.Mails {
			seen[m.UID]++
			if id := fmt.Appendf(nil, "<m%d@", m.UID); !bytes.Contains(m.Header, id) || m.Size != int64(len(old[m.UID])) {
				r.t.Errorf("UID %d of the history: %d octets, %q", m.UID, m.Size, m.Header)
			}
		}
	}
	for uid := range old {
		if seen[uid] != 1 {
			r.t.Errorf("UID %d is %d times in the history", uid, seen[uid])
		}
	}
}

// fds counts the files this process has open.
func fds(t *testing.T) int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here")
	}
	return len(list)
}

// TestProxyLeavesNoFile: many broken sessions leave no file open.
func TestProxyLeavesNoFile(t *testing.T) {
	before := fds(t)
	for at := 5; at < 25; at += 5 {
		bubble(t, servers.Options{SpecialUse: true}, func(r *rig) { r.session(&proxy{harm: "cut", at: at}) })
	}
	if after := fds(t); after > before+2 {
		t.Errorf("%d files are open, %d were", after, before)
	}
}
