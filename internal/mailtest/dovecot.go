package mailtest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/emersion/go-smtp"
)

// User is a mailbox of the real servers. The address is the login name; mail
// to user+anything@domain arrives here too.
type User struct{ Address, Password string }

// DovecotOptions say what to start.
type DovecotOptions struct {
	Users []User
	CA    *CA    // default: a new one
	Extra string // further configuration, at the end
}

// Dovecot is a running Dovecot: IMAP in front, LMTP behind, maildir below.
// Sent is created and marked \Sent (RFC 6154).
type Dovecot struct {
	Mailboxes        // IMAP: plain and STARTTLS
	IMAPS     string // address: TLS from the start
	LMTP      string // address
	// AuthSocket is a unix socket with Dovecot's authentication protocol, for
	// Postfix.
	AuthSocket string
	CA         *CA

	t     testing.TB
	dir   string
	child *child

	seeded int // calls of Seed, which make names of their own
}

// dovecotConf is written for both a root test (servers run as their own users)
// and an ordinary one (all run as the caller). A wrong password costs no time.
const dovecotConf = `protocols = imap lmtp
base_dir = {{.Dir}}/run
state_dir = {{.Dir}}/state
log_path = /dev/stderr
default_internal_user = {{.Internal}}
default_internal_group = {{.Group}}
default_login_user = {{.Login}}
mail_location = maildir:{{.Dir}}/mail/%u
first_valid_uid = 1
ssl = yes
ssl_cert = <{{.CA.CertFile}}
ssl_key = <{{.CA.KeyFile}}
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
recipient_delimiter = +
lmtp_save_to_detail_mailbox = no
passdb {
  driver = passwd-file
  args = scheme=plain username_format=%u {{.Dir}}/users
}
userdb {
  driver = static
  args = uid={{.UID}} gid={{.GID}} home={{.Dir}}/home/%u
}
namespace inbox {
  inbox = yes
  separator = /
  mailbox Sent {
    auto = subscribe
    special_use = \Sent
  }
}
service imap-login {
  chroot =
  inet_listener imap {
    address = 127.0.0.1
    port = {{.IMAPPort}}
  }
  inet_listener imaps {
    address = 127.0.0.1
    port = {{.IMAPSPort}}
    ssl = yes
  }
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = {{.LMTPPort}}
  }
}
service auth {
  unix_listener {{.Dir}}/auth {
    mode = 0666
  }
}
protocol lmtp {
  postmaster_address = postmaster@localhost
  hostname = localhost
}
{{.Extra}}
`

// StartDovecot starts a Dovecot that ends with the test.
func StartDovecot(t testing.TB, opts DovecotOptions) *Dovecot {
	t.Helper()
	need(t, "Dovecot", "dovecot")
	if opts.CA == nil {
		opts.CA = NewCA(t)
	}
	dir := serverDir(t, "dovecot")
	ports := freePorts(t, 3)
	d := &Dovecot{
		Mailboxes: Mailboxes{IMAP: loopback(ports[0]), users: opts.Users},
		IMAPS:     loopback(ports[1]), LMTP: loopback(ports[2]),
		AuthSocket: filepath.Join(dir, "auth"), CA: opts.CA,
		t: t, dir: dir,
	}
	v := dovecotOwner(t)
	v["Dir"], v["CA"], v["Extra"] = dir, opts.CA, opts.Extra
	v["IMAPPort"], v["IMAPSPort"], v["LMTPPort"] = ports[0], ports[1], ports[2]
	var users strings.Builder
	for _, u := range opts.Users {
		fmt.Fprintf(&users, "%s:%s\n", u.Address, u.Password)
	}
	writeFile(t, filepath.Join(dir, "users"), users.String())
	writeTemplate(t, filepath.Join(dir, "dovecot.conf"), dovecotConf, v)
	for _, sub := range []string{"mail", "home"} {
		makeOwned(t, filepath.Join(dir, sub), v["UID"].(int), v["GID"].(int))
	}
	t.Cleanup(func() {
		d.Kill() // a kind stop takes a second
		if t.Failed() && d.child != nil {
			t.Logf("Dovecot said:\n%s", d.child.Log())
		}
	})
	d.Start()
	return d
}

// dovecotOwner says who the processes and the mail belong to.
func dovecotOwner(t testing.TB) map[string]any {
	t.Helper()
	if os.Getuid() != 0 {
		me, err := user.Current()
		if err != nil {
			t.Fatal(err)
		}
		group, err := user.LookupGroupId(me.Gid)
		if err != nil {
			t.Fatal(err)
		}
		return map[string]any{"Internal": me.Username, "Login": me.Username, "Group": group.Name,
			"UID": os.Getuid(), "GID": os.Getgid()}
	}
	uid, gid := lookup(t, "Dovecot", "dovecot")
	return map[string]any{"Internal": "dovecot", "Login": "dovenull", "Group": "dovecot", "UID": uid, "GID": gid}
}

// Start starts it again on the same ports after Stop or Kill.
func (d *Dovecot) Start() {
	d.t.Helper()
	c, err := startChild("dovecot", "starting up", exec.Command("dovecot", "-F", "-c", filepath.Join(d.dir, "dovecot.conf")))
	if err != nil {
		d.t.Fatal(err)
	}
	d.child = c
}

// Stop ends it; the mail stays.
func (d *Dovecot) Stop() {
	if d.child != nil {
		d.child.stop()
	}
}

// Kill ends it as a crash would.
func (d *Dovecot) Kill() {
	if d.child != nil {
		d.child.kill()
	}
}

// Log is what the server has said so far.
func (d *Dovecot) Log() string { return d.child.Log() }

// Deliver delivers a mail over LMTP (RFC 2033).
func (d *Dovecot) Deliver(from, to string, raw []byte) error {
	conn, err := net.DialTimeout("tcp", d.LMTP, dialTimeout)
	if err != nil {
		return fmt.Errorf("delivering to %s: %w", to, err)
	}
	c := smtp.NewClientLMTP(conn)
	defer c.Close()
	if err := lmtp(c, from, to, raw); err != nil {
		return fmt.Errorf("delivering to %s: %w", to, err)
	}
	return nil
}

func lmtp(c *smtp.Client, from, to string, raw []byte) error {
	if err := c.Mail(from, nil); err != nil {
		return err
	}
	if err := c.Rcpt(to, nil); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}

const dialTimeout = 10 * time.Second

func lookup(t testing.TB, what, name string) (uid, gid int) {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		missing(t, fmt.Sprintf("%s is not set up: %v", what, err))
	}
	fmt.Sscan(u.Uid, &uid)
	fmt.Sscan(u.Gid, &gid)
	return uid, gid
}

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func writeTemplate(t testing.TB, path, text string, values any) {
	t.Helper()
	var b bytes.Buffer
	if err := template.Must(template.New(path).Parse(text)).Execute(&b, values); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, b.String())
}

func makeOwned(t testing.TB, dir string, uid, gid int) {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
}
