package mailtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Courier is Courier's IMAP server: one imapd for each connection, above a
// maildir. Its packages cannot be installed beside Dovecot's, so they are
// unpacked into a folder that the environment variable POSTROOM_COURIER names.
// The program in front of it, which checks the password against a daemon with
// fixed paths, is played here: everything behind the login is Courier's own.
// Folders are INBOX and INBOX.Sent.
type Courier struct {
	Mailboxes

	t        testing.TB
	unpacked string
	dir      string

	mu    sync.Mutex
	ln    net.Listener
	conns map[net.Conn]struct{}
	done  sync.WaitGroup
}

// StartCourier starts a Courier IMAP that ends with the test.
func StartCourier(t testing.TB, users []User) *Courier {
	t.Helper()
	unpacked := needUnpacked(t, "Courier IMAP", "POSTROOM_COURIER", "usr/bin/imapd")
	c := &Courier{
		Mailboxes: Mailboxes{IMAP: loopback(freePorts(t, 1)[0]), users: users},
		t:         t, unpacked: unpacked, dir: serverDir(t, "courier"),
	}
	for _, u := range users {
		for _, args := range [][]string{{c.maildir(u.Address)}, {"-f", "Sent", c.maildir(u.Address)}} {
			if out, err := c.command("usr/bin/maildirmake.courier", args...).CombinedOutput(); err != nil {
				t.Fatalf("making the maildir of %s: %v\n%s", u.Address, err, out)
			}
		}
	}
	t.Cleanup(c.Stop)
	c.Start()
	return c
}

func (c *Courier) maildir(address string) string { return filepath.Join(c.dir, address) }

func (c *Courier) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.unpacked, program), args...)
	cmd.Dir = c.dir
	cmd.Env = []string{
		"LD_LIBRARY_PATH=" + filepath.Join(c.unpacked, "usr/lib"), "PATH=" + os.Getenv("PATH"),
		"PROTOCOL=IMAP", "TCPREMOTEIP=127.0.0.1", "IMAP_KEYWORDS=1", "IMAP_USELOCKS=1",
		"IMAP_CAPABILITY=" + courierCapability, "IMAP_IDLE_TIMEOUT=5",
	}
	return cmd
}

// courierCapability is what Debian's configuration of it announces.
const courierCapability = "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE"

// Start starts it again on the same port after Stop.
func (c *Courier) Start() {
	c.t.Helper()
	ln, err := net.Listen("tcp", c.IMAP)
	if err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	c.ln, c.conns = ln, map[net.Conn]struct{}{}
	c.mu.Unlock()
	c.done.Add(1)
	go func() {
		defer c.done.Done()
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			c.mu.Lock()
			c.conns[conn] = struct{}{}
			c.mu.Unlock()
			c.done.Add(1)
			go func() {
				defer c.done.Done()
				defer conn.Close()
				c.serve(conn)
				c.mu.Lock()
				delete(c.conns, conn)
				c.mu.Unlock()
			}()
		}
	}()
}

// Stop ends it and every session; the mail stays.
func (c *Courier) Stop() {
	c.mu.Lock()
	c.ln.Close()
	for conn := range c.conns {
		conn.Close()
	}
	c.mu.Unlock()
	c.done.Wait()
}

// serve plays the program in front until the login, and then imapd's pipe.
func (c *Courier) serve(conn net.Conn) {
	r := bufio.NewReader(conn)
	fmt.Fprintf(conn, "* OK [CAPABILITY %s] Courier-IMAP ready.\r\n", courierCapability)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		f := strings.Fields(line)
		if len(f) < 2 {
			fmt.Fprint(conn, "* BAD Invalid command\r\n")
			continue
		}
		switch tag := f[0]; strings.ToUpper(f[1]) {
		case "CAPABILITY":
			fmt.Fprintf(conn, "* CAPABILITY %s\r\n%s OK CAPABILITY completed\r\n", courierCapability, tag)
		case "LOGIN":
			address, ok := c.login(line)
			if !ok {
				fmt.Fprintf(conn, "%s NO Login failed.\r\n", tag)
				continue
			}
			if err := c.session(conn, r, tag, address); err != nil && !errors.Is(err, net.ErrClosed) {
				c.t.Logf("Courier IMAP: %v", err)
			}
			return
		case "LOGOUT":
			fmt.Fprintf(conn, "* BYE Courier-IMAP server shutting down\r\n%s OK LOGOUT completed\r\n", tag)
			return
		default:
			fmt.Fprintf(conn, "%s BAD Invalid command\r\n", tag)
		}
	}
}

// login finds the user a LOGIN command names. The tests' passwords hold
// nothing that would have to be escaped.
func (c *Courier) login(line string) (address string, ok bool) {
	for _, u := range c.users {
		if strings.Contains(line, u.Address) && strings.HasSuffix(strings.TrimRight(line, "\"\r\n"), u.Password) {
			return u.Address, true
		}
	}
	return "", false
}

// session runs imapd, which greets a user that is logged in already, and
// turns the greeting into the answer to the login.
func (c *Courier) session(conn net.Conn, r *bufio.Reader, tag, address string) error {
	cmd := c.command("usr/bin/imapd", c.maildir(address))
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	fromClient := make(chan struct{})
	go func() {
		defer close(fromClient)
		defer in.Close() // imapd ends at the end of its input
		io.Copy(in, r)   // one of the two ends the session: which does not matter
	}()
	answers := bufio.NewReader(out)
	if _, err := answers.ReadString('\n'); err == nil {
		fmt.Fprintf(conn, "%s OK LOGIN Ok.\r\n", tag)
		io.Copy(conn, answers)
	}
	conn.Close()
	<-fromClient
	return cmd.Wait()
}
