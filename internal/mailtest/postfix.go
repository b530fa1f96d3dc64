package mailtest

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// PostfixOptions say what to start.
type PostfixOptions struct {
	// Dovecot holds the mailboxes and checks the passwords.
	Dovecot *Dovecot
	// OwnSender refuses envelope senders that are not the authenticated user's
	// (with or without +detail): 553 5.7.1.
	OwnSender bool
	// Aliases are further addresses, each to the mailbox of a user.
	Aliases map[string]string
	Extra   string // further main.cf lines, at the end
}

// Postfix is a running Postfix in front of a Dovecot: mail handed to either
// port is delivered by LMTP to Dovecot's users. Mail to another domain is
// accepted from authenticated users and comes back as a bounce.
type Postfix struct {
	Submission string // address: STARTTLS and AUTH demanded
	MX         string // address: mail for our users from anybody

	t     testing.TB
	dir   string
	child *child
}

// Two lines are not obvious. Dovecot writes Delivered-To only if a mail has one
// recipient. Mail to other domains is offered to Dovecot, which knows nobody
// there: a refusal by another server is what a bounce mostly comes from, and
// nothing leaves the machine.
const mainCf = `compatibility_level = 3.6
queue_directory = {{.Dir}}/queue
data_directory = {{.Dir}}/data
mail_owner = postfix
setgid_group = postdrop
maillog_file = /dev/stdout
multi_instance_enable = no
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.invalid
mydestination =
mynetworks =
local_transport = error:5.1.1 no local mail
default_transport = lmtp:inet:{{.LMTP}}
relay_domains =
alias_maps =
alias_database =
local_recipient_maps =
disable_dns_lookups = yes
biff = no
recipient_delimiter = +
message_size_limit = 52428800
mailbox_size_limit = 0
virtual_mailbox_limit = 0
virtual_mailbox_domains = {{.Domains}}
virtual_mailbox_maps = texthash:{{.Dir}}/conf/users
virtual_alias_maps = texthash:{{.Dir}}/conf/aliases
virtual_transport = lmtp:inet:{{.LMTP}}
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_tls_cert_file = {{.CA.CertFile}}
smtpd_tls_key_file = {{.CA.KeyFile}}
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {{.Auth}}
smtpd_sender_login_maps = texthash:{{.Dir}}/conf/senders
smtpd_delay_reject = no
smtpd_error_sleep_time = 0
lmtp_destination_recipient_limit = 1
smtp_tls_security_level = none
queue_run_delay = 5s
minimal_backoff_time = 5s
maximal_backoff_time = 10s
{{.Extra}}
`

const masterCf = `127.0.0.1:{{.MXPort}} inet n - n - - smtpd
127.0.0.1:{{.SubmissionPort}} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=
  -o { smtpd_sender_restrictions = {{.SenderRestrictions}} }
  -o { smtpd_recipient_restrictions = permit_sasl_authenticated, reject }
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`

// StartPostfix starts a Postfix that ends with the test. Its master process
// must be root, so an ordinary user's test is skipped.
func StartPostfix(t testing.TB, opts PostfixOptions) *Postfix {
	t.Helper()
	need(t, "Postfix", "postconf")
	if os.Getuid() != 0 {
		missing(t, "Postfix can only be started by root")
	}
	uid, gid := lookup(t, "Postfix", "postfix")
	dir := serverDir(t, "postfix")
	ports := freePorts(t, 2)
	p := &Postfix{Submission: loopback(ports[0]), MX: loopback(ports[1]), t: t, dir: dir}
	makeOwned(t, filepath.Join(dir, "conf"), 0, 0)
	makeOwned(t, filepath.Join(dir, "data"), uid, gid)
	makeQueue(t, filepath.Join(dir, "queue"), uid)
	domains := writePostfixMaps(t, dir, opts)
	values := map[string]any{
		"Dir": dir, "Domains": domains, "LMTP": opts.Dovecot.LMTP, "Auth": opts.Dovecot.AuthSocket,
		"CA": opts.Dovecot.CA, "Extra": opts.Extra,
		"SubmissionPort": ports[0], "MXPort": ports[1], "SenderRestrictions": "",
	}
	if opts.OwnSender {
		values["SenderRestrictions"] = "reject_sender_login_mismatch"
	}
	writeTemplate(t, filepath.Join(dir, "conf", "main.cf"), mainCf, values)
	writeTemplate(t, filepath.Join(dir, "conf", "master.cf"), masterCf, values)
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() && p.child != nil {
			t.Logf("Postfix said:\n%s", p.child.Log())
		}
	})
	p.Start()
	return p
}

// makeQueue makes what "postfix check" would make, which takes seconds.
func makeQueue(t testing.TB, dir string, uid int) {
	t.Helper()
	makeOwned(t, dir, 0, 0)
	makeOwned(t, filepath.Join(dir, "pid"), 0, 0)
	for _, sub := range []string{"active", "bounce", "corrupt", "defer", "deferred", "flush", "hold",
		"incoming", "maildrop", "private", "public", "saved", "trace"} {
		makeOwned(t, filepath.Join(dir, sub), uid, 0)
	}
}

// writePostfixMaps writes the lookup tables and returns the domains.
func writePostfixMaps(t testing.TB, dir string, opts PostfixOptions) string {
	t.Helper()
	domains := map[string]bool{}
	var users, senders, aliases strings.Builder
	for _, u := range opts.Dovecot.users {
		domains[domainOf(u.Address)] = true
		fmt.Fprintf(&users, "%s yes\n", u.Address)
		fmt.Fprintf(&senders, "%s %s\n", u.Address, u.Address)
	}
	for from, to := range opts.Aliases {
		domains[domainOf(from)] = true
		fmt.Fprintf(&aliases, "%s %s\n", from, to)
		fmt.Fprintf(&senders, "%s %s\n", from, to)
	}
	conf := filepath.Join(dir, "conf")
	writeFile(t, filepath.Join(conf, "users"), users.String())
	writeFile(t, filepath.Join(conf, "senders"), senders.String())
	writeFile(t, filepath.Join(conf, "aliases"), aliases.String())
	return strings.Join(slices.Sorted(maps.Keys(domains)), " ")
}

func domainOf(address string) string {
	_, domain, _ := strings.Cut(address, "@")
	return strings.ToLower(domain)
}

// Start starts it again on the same ports after Stop or Kill.
func (p *Postfix) Start() {
	p.t.Helper()
	conf := filepath.Join(p.dir, "conf")
	programs, err := exec.Command("postconf", "-h", "daemon_directory").Output()
	if err != nil {
		p.t.Fatalf("finding the programs of Postfix: %v", err)
	}
	// Not "postfix start-fg", which would put the master out of our reach. The
	// path is Postfix's own answer, for it differs between systems.
	cmd := exec.Command(filepath.Join(strings.TrimSpace(string(programs)), "master"), "-c", conf, "-s")
	c, err := startChild("postfix", "daemon started", cmd)
	if err != nil {
		p.t.Fatal(err)
	}
	p.child = c
}

// Stop ends it; its queue stays.
func (p *Postfix) Stop() {
	if p.child != nil {
		p.child.stop()
	}
}

// Kill ends it as a crash would.
func (p *Postfix) Kill() {
	if p.child != nil {
		p.child.kill()
	}
}

// Log is what the server has said so far.
func (p *Postfix) Log() string { return p.child.Log() }
