package mailtest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Cyrus is a running Cyrus IMAP. Its packages cannot be installed beside
// Dovecot's, so they are unpacked into a folder that the environment variable
// POSTROOM_CYRUS names. INBOX, Sent and Archive are made at a user's first
// login; Sent has no mark that says what it is.
type Cyrus struct {
	Mailboxes

	t        testing.TB
	unpacked string
	dir      string
	child    *child
}

const cyrusConf = `configdirectory: {{.Dir}}/conf
partition-default: {{.Dir}}/spool
defaultpartition: default
cyrus_user: {{.User}}
cyrus_group: {{.Group}}
admins: cyrus
sievedir: {{.Dir}}/sieve
proc_path: {{.Dir}}/conf/proc
mboxname_lockpath: {{.Dir}}/conf/lock
idlesocket: {{.Dir}}/conf/socket/idle
lmtpsocket: {{.Dir}}/conf/socket/lmtp
notifysocket: {{.Dir}}/conf/socket/notify
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {{.Dir}}/users
allowplaintext: yes
unixhierarchysep: yes
altnamespace: yes
virtdomains: userid
defaultdomain: elsewhere.invalid
autocreate_quota: 0
autocreate_inbox_folders: Sent|Archive
`

const cyrusServices = `START {
  recover cmd="{{.Bin}}/ctl_cyrusdb -C {{.Dir}}/imapd.conf -r"
  idled cmd="{{.Bin}}/idled -C {{.Dir}}/imapd.conf"
}
SERVICES {
  imap cmd="{{.Bin}}/imapd -C {{.Dir}}/imapd.conf -U 30" listen="{{.IMAP}}" proto=tcp4 prefork=0 maxchild=50
}
EVENTS {
}
`

// StartCyrus starts a Cyrus IMAP that ends with the test.
func StartCyrus(t testing.TB, users []User) *Cyrus {
	t.Helper()
	unpacked := needUnpacked(t, "Cyrus IMAP", "POSTROOM_CYRUS", "usr/lib/cyrus/bin/master")
	need(t, "Cyrus IMAP's password database", "saslpasswd2")
	dir := serverDir(t, "cyrus")
	c := &Cyrus{
		Mailboxes: Mailboxes{IMAP: loopback(freePorts(t, 1)[0]), users: users},
		t:         t, unpacked: unpacked, dir: dir,
	}
	owner, group, uid, gid := cyrusOwner(t)
	v := map[string]any{"Dir": dir, "User": owner, "Group": group, "IMAP": c.IMAP, "Bin": filepath.Join(unpacked, "usr/lib/cyrus/bin")}
	for _, sub := range []string{"spool", "sieve", "conf", "conf/db", "conf/socket", "conf/log", "conf/msg", "conf/proc", "conf/quota", "conf/user", "conf/lock"} {
		makeOwned(t, filepath.Join(dir, sub), uid, gid)
	}
	writeTemplate(t, filepath.Join(dir, "imapd.conf"), cyrusConf, v)
	writeTemplate(t, filepath.Join(dir, "cyrus.conf"), cyrusServices, v)
	for _, u := range users {
		addSASLUser(t, filepath.Join(dir, "users"), u)
	}
	if err := os.Chown(filepath.Join(dir, "users"), uid, gid); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Kill()
		if t.Failed() && c.child != nil {
			t.Logf("Cyrus IMAP said:\n%s", c.child.Log())
		}
	})
	c.Start()
	return c
}

// cyrusOwner is who the processes run as: Cyrus refuses to run as root.
func cyrusOwner(t testing.TB) (owner, group string, uid, gid int) {
	t.Helper()
	if os.Getuid() == 0 {
		uid, gid = lookup(t, "Cyrus IMAP", "mail")
		return "mail", "mail", uid, gid
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	g, err := user.LookupGroupId(me.Gid)
	if err != nil {
		t.Fatal(err)
	}
	return me.Username, g.Name, os.Getuid(), os.Getgid()
}

func addSASLUser(t testing.TB, file string, u User) {
	t.Helper()
	local, domain, _ := strings.Cut(u.Address, "@")
	cmd := exec.Command("saslpasswd2", "-p", "-c", "-f", file, "-u", domain, local)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer in.Close()
		fmt.Fprint(in, u.Password)
	}()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("adding %s to Cyrus: %v\n%s", u.Address, err, out)
	}
}

// Start starts it again on the same port after Stop or Kill.
func (c *Cyrus) Start() {
	c.t.Helper()
	cmd := exec.Command(filepath.Join(c.unpacked, "usr/lib/cyrus/bin/master"), "-D",
		"-C", filepath.Join(c.dir, "imapd.conf"), "-M", filepath.Join(c.dir, "cyrus.conf"), "-p", filepath.Join(c.dir, "conf/master.pid"))
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Join(c.unpacked, "usr/lib/x86_64-linux-gnu"))
	cmd.Dir = c.dir
	child, err := startChild("Cyrus IMAP", "", cmd) // it says nothing: its log is syslog's
	if err != nil {
		c.t.Fatal(err)
	}
	c.child = child
	if err := child.answers(c.IMAP); err != nil {
		c.t.Fatal(err)
	}
}

// Stop ends it; the mail stays.
func (c *Cyrus) Stop() {
	if c.child != nil {
		c.child.stop()
	}
}

// Kill ends it as a crash would.
func (c *Cyrus) Kill() {
	if c.child != nil {
		c.child.kill()
	}
}

// answers waits until a server that does not say when it is ready does answer
// at its address.
func (c *child) answers(addr string) error {
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.SetReadDeadline(time.Now().Add(startTimeout))
			_, err = conn.Read(make([]byte, 1))
			conn.Close()
			if err == nil {
				return nil
			}
		}
		select {
		case <-again.C:
		case <-c.ended:
			return fmt.Errorf("starting %s: it ended\n%s", c.name, c.Log())
		case <-deadline.C:
			return fmt.Errorf("starting %s: not ready after %v: %w", c.name, startTimeout, err)
		}
	}
}
