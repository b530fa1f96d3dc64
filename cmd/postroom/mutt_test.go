package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postroom/internal/mailtest"
)

// mutt is a person whose client is neomutt, a real one, driven by the keys it
// would be given at a terminal.
type mutt struct {
	*person
	t   testing.TB
	dir string
}

// newMutt writes what neomutt is configured with: as its users do, and no
// question asked that a key would have to answer.
func newMutt(tw *town, p *person) *mutt {
	t := tw.t
	t.Helper()
	for _, program := range []string{"neomutt", "script"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("POSTROOM_REQUIRE_SERVERS") == "1" {
				t.Fatalf("%v, and POSTROOM_REQUIRE_SERVERS=1", err)
			}
			t.Skipf("neomutt is not installed: no %s", program)
		}
	}
	_, imapPort, _ := strings.Cut(tw.d.IMAP, ":")
	_, smtpPort, _ := strings.Cut(tw.p.Submission, ":")
	m := &mutt{person: p, t: t, dir: t.TempDir()}
	m.write("rc", fmt.Sprintf(`set realname = %q
set from = %q
set use_from = yes
set hostname = %q
set folder = "imap://localhost:%s/"
set spoolfile = "imap://localhost:%s/INBOX"
set imap_user = %q
set imap_pass = %q
set smtp_url = "smtp://%s@localhost:%s/"
set smtp_pass = %q
set smtp_authenticators = "plain"
set ssl_starttls = yes
set ssl_force_tls = no
set certificate_file = %q
set ssl_verify_host = no
set header_cache = ""
set record = ""
set copy = no
set autoedit = yes
set fast_reply = yes
set include = yes
set recall = no
set abort_unmodified = no
set abort_nosubject = no
set abort_noattach = no
set mime_forward = no
set forward_edit = yes
set forward_quote = no
set reply_to = yes
set bounce = yes
set confirm_append = no
set delete = no
set mark_old = no
set sleep_time = 0
set wait_key = no
set sort = mailbox-order
set text_flowed = yes
set charset = utf-8
set send_charset = "us-ascii:utf-8"
`, p.name, p.address, p.host, imapPort, imapPort, p.address, password, p.address, smtpPort, password, tw.d.CA.File))
	return m
}

func (m *mutt) write(name, text string) string {
	m.t.Helper()
	path := filepath.Join(m.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		m.t.Fatal(err)
	}
	return path
}

// keys runs neomutt and types. The editor it starts is a script that gets the
// draft as $1.
func (m *mutt) keys(editor, keys string) {
	m.t.Helper()
	edit := m.write("edit", "#!/bin/sh\nset -e\n"+editor)
	rc := m.write("rc.keys", fmt.Sprintf("source %s/rc\nset editor = '%s %%s'\npush '%s'\n", m.dir, edit, keys))
	ctx, cancel := context.WithTimeout(m.t.Context(), 40*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "script", "-qefc", "neomutt -n -F "+rc, "/dev/null")
	cmd.Env = []string{"TERM=xterm", "HOME=" + m.dir, "TMPDIR=" + m.dir, "LC_ALL=C.UTF-8", "LINES=40", "COLUMNS=120", "PATH=" + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("neomutt of %s: %v\n%s", m.name, err, tail(string(out)))
	}
}

// newest goes to the last mail of the folder.
const newest = "<last-entry>"

// done sends the mail and leaves.
const done = "<send-message><quit>"

// onTop writes above the quotation, below below it, and between answers the
// line that is quoted.
func onTop(text string) string {
	return fmt.Sprintf("{ printf '%%s\\n\\n' '%s'; cat \"$1\"; } > \"$1.new\" && mv \"$1.new\" \"$1\"\n", text)
}

func below(text string) string { return fmt.Sprintf("printf '\\n%%s\\n' '%s' >> \"$1\"\n", text) }

func between(line, text string) string {
	return fmt.Sprintf("sed -i '/^>.*%s/a\\\n\\\n%s\\\n' \"$1\"\n", line, text)
}

// compose is a new mail.
func (m *mutt) compose(to, subject, text string) {
	m.t.Helper()
	m.write("body", text+"\n")
	ctx, cancel := context.WithTimeout(m.t.Context(), 40*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "neomutt", "-n", "-F", filepath.Join(m.dir, "rc"), "-s", subject, "--", to)
	cmd.Env = []string{"TERM=xterm", "HOME=" + m.dir, "TMPDIR=" + m.dir, "LC_ALL=C.UTF-8", "PATH=" + os.Getenv("PATH")}
	cmd.Stdin = strings.NewReader(text + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("neomutt of %s: %v\n%s", m.name, err, out)
	}
}

// TestNeomutt has a customer and two engineers write with neomutt, through a
// real Postfix and Dovecot: every way of answering it knows.
func TestNeomutt(t *testing.T) {
	tw := newTown(t)
	o := newOffice(t, setup{
		imap: "imaps://" + tw.d.IMAPS, smtp: "smtp://" + tw.p.Submission, caFile: tw.d.CA.File,
		engineers: []engineer{{name: "Alice Ng", email: tw.engineers[0].address}},
	})
	alice, zoe, jan := newMutt(tw, tw.engineers[0]), newMutt(tw, tw.customers[0]), newMutt(tw, tw.customers[1])
	svc := o.start()
	svc.ready()
	t.Cleanup(func() {
		if t.Failed() {
			for _, p := range []*person{tw.engineers[0], tw.customers[0]} {
				if list := tw.inbox(p.address); len(list) > 0 {
					t.Logf("the newest mail of %s:\n%s", p.name, list[len(list)-1])
				}
			}
		}
	})

	// A question, and an answer on top of everything quoted.
	zoe.compose(supportAddr, "Printer on fire", "Hello,\n\nit smokes since line-one.\nAnd beeps: line-two.\n\n-- \nZoë")
	tw.find("line-one", tw.engineers[0])
	alice.keys(onTop("Please unplug it: answer-top."), newest+"<reply>"+done)
	_, got := tw.find("answer-top", tw.customers[0])
	body(t, got, `Please unplug it: answer-top.

On @, Zoë Müller wrote:
>Hello,
>
>it smokes since line-one.
>And beeps: line-two.
>
>--
>Zoë
`)

	// The customer answers all, below the quotation; Alice between the lines.
	zoe.keys(below("Unplugged: it still beeps, line-three."), newest+"<group-reply>"+done)
	tw.find("line-three", tw.engineers[0])
	alice.keys(between("line-three", "Then it has a battery: answer-between."), newest+"<reply>"+done)
	_, got = tw.find("answer-between", tw.customers[0])
	text := mailtest.MustParse(t, got).Text
	if i, j := strings.Index(text, "line-three"), strings.Index(text, "answer-between"); i < 0 || j < i {
		t.Errorf("the answer between the lines moved:\n%s", text)
	}

	// The customer writes on top of it all this time, and Alice gets it so,
	// quotation and all. She answers all; the customer forwards what she got to
	// Jan, who asks the support himself by answering.
	zoe.keys(onTop("And a second thing: line-four."), newest+"<reply>"+done)
	_, got = tw.find("line-four", tw.engineers[0])
	inOrder(t, mailtest.MustParse(t, got).Text, "And a second thing: line-four.", "\n>>>Please unplug it: answer-top.",
		"\n>>>>it smokes since line-one.", "\n>>Unplugged: it still beeps, line-three.", "\n>Then it has a battery: answer-between.", "Alice, it is your turn.")
	alice.keys(below("That is normal: answer-below."), newest+"<group-reply>"+done)
	tw.find("answer-below", tw.customers[0])
	zoe.keys("true", newest+"<forward-message>"+jan.address+"<enter>"+done)
	tw.find("answer-below", tw.customers[1])

	// Jan redirects a mail of a stranger to the support: the stranger is the
	// customer then.
	stranger := &person{name: "Sam Field", address: "mia@third.example", host: "pc.third.example"}
	strange := stranger.write("Lost invoice", "Where is my invoice? line-five\n")
	strange.To = jan.address
	tw.sendTo(stranger, jan.address, strange.Bytes())
	tw.find("line-five", tw.customers[1])
	jan.keys("true", newest+"<bounce-message>"+supportAddr+"<enter><quit>")
	_, got = tw.find("line-five", tw.engineers[0])
	if from := mailtest.MustParse(t, got).Get("From"); !strings.Contains(from, "Sam Field") {
		t.Errorf("the redirected mail came to Alice from %q", from)
	}
	alice.keys(onTop("It is on its way: answer-redirected."), newest+"<reply>"+done)
	tw.find("answer-redirected", tw.customers[2])

	// Alice redirects a copy back to the support, and forwards one to it: the
	// first is her own mail come back, the second a mail like any other.
	alice.keys("true", newest+"<bounce-message>"+supportAddr+"<enter><quit>")
	alice.keys(onTop("For the records: line-forwarded."), newest+"<forward-message>"+supportAddr+"<enter>"+done)
	tw.find("line-forwarded", tw.engineers[0])
	zoe.compose(supportAddr, "Something else", "And now it sings: line-six.")
	tw.find("line-six", tw.engineers[0])

	svc.stop()
	o.settled()
	for _, c := range tw.customers {
		for _, raw := range tw.inbox(c.address) {
			if p := mailtest.MustParse(t, raw); strings.Contains(p.Get("From"), supportAddr) {
				tw.checkLeaks(c, raw, p)
				tw.checkAllowed(c, p)
			}
		}
	}
	for name, p := range map[string]*person{"zoe": tw.customers[0], "jan": tw.customers[1], "mia": tw.customers[2]} {
		tw.checkMailbox(p, name)
	}
	// Jan got what was forwarded, what he redirected, and the answer to it.
	for p, want := range map[*person]int{tw.customers[0]: 3, tw.customers[1]: 3, tw.customers[2]: 1, tw.engineers[0]: 6} {
		if n := len(tw.inbox(p.address)); n != want {
			t.Errorf("%s got %d mails, not %d", p.name, n, want)
		}
	}
}

// inOrder fails the test unless a text has some words, one behind the other.
func inOrder(t testing.TB, text string, words ...string) {
	t.Helper()
	rest := text
	for _, w := range words {
		_, behind, found := strings.Cut(rest, w)
		if !found {
			t.Errorf("%q stands not where it should in\n%s", w, text)
			return
		}
		rest = behind
	}
}

// body compares a text with what is expected, but for trailing blanks, and
// with @ for a date.
func body(t testing.TB, raw []byte, want string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(strings.ReplaceAll(mailtest.MustParse(t, raw).Text, "\r\n", "\n")) {
		line = strings.TrimRight(line, " \n")
		if strings.HasPrefix(line, "On ") {
			if i := strings.Index(line, ", Zoë"); i > 0 {
				line = "On @" + line[i:]
			}
		}
		lines = append(lines, line)
	}
	if got := strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"; got != want {
		t.Errorf("the customer got\n%s\nwant\n%s", got, want)
	}
}
