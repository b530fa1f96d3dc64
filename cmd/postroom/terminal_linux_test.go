package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"postroom/internal/mailtest"
)

// terminal is a pseudo terminal (pty(7)) and what was written to it.
type terminal struct {
	t     *testing.T
	tty   *os.File
	wrote chan string
}

func openTerminal(t *testing.T, columns uint16) *terminal {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("skipped: this machine gives nobody a terminal: %v", err)
	}
	control := func(request, arg uintptr) {
		t.Helper()
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, ours.Fd(), request, arg); errno != 0 {
			t.Fatalf("making a terminal: %v", errno)
		}
	}
	var n, unlocked uint32
	size := [4]uint16{50, columns}
	control(syscall.TIOCSPTLCK, uintptr(unsafe.Pointer(&unlocked)))
	control(syscall.TIOCGPTN, uintptr(unsafe.Pointer(&n)))
	control(syscall.TIOCSWINSZ, uintptr(unsafe.Pointer(&size)))
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("skipped: this machine gives nobody a terminal: %v", err)
	}
	term := &terminal{t: t, tty: tty, wrote: make(chan string, 1)}
	go func() {
		defer ours.Close()
		data, _ := io.ReadAll(ours) // it ends with an error when the other end is closed
		term.wrote <- strings.ReplaceAll(string(data), "\r\n", "\n")
	}()
	return term
}

// on runs the command on a terminal of 110 columns and returns its exit code,
// and all a person sees.
func on(t *testing.T, args ...string) (code int, seen string) {
	t.Helper()
	term := openTerminal(t, 110)
	ctx, cancel := context.WithTimeout(t.Context(), commandTime)
	defer cancel()
	code = run(ctx, args, term.tty, term.tty)
	if err := term.tty.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case seen = <-term.wrote:
	case <-time.After(commandTime):
		t.Fatal("the terminal does not end")
	}
	return code, seen
}

// run runs the service at a terminal until what it returns is called.
func (d *desk) run() (stop func()) {
	d.t.Helper()
	term := openTerminal(d.t, 110)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"-c", d.path("postroom.toml"), "run"}, term.tty, term.tty)
		term.tty.Close()
	}()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			code, log := <-ended, <-term.wrote
			if code != 0 || !strings.Contains(log, "msg=ready") {
				d.t.Errorf("the service ended with %d:\n%s", code, log)
			}
		})
	}
	d.t.Cleanup(stop)
	return stop
}

// desk is a support team on embedded servers, whose admin sits at a terminal.
type desk struct {
	t   *testing.T
	w   *world
	dir string
}

const deskRotation = `admins = ["ops@dev.example"]

[[engineer]]
name  = "Alice Ng"
email = "alice@dev.example"

[[engineer]]
name  = "Bob Ruiz"
email = "bob@dev.example"
`

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir()}
	d.w = newWorld(t, "alice@dev.example", "bob@dev.example", "ops@dev.example", "zoe@customer.example")
	d.file("secret", password+"\n")
	d.file("rotation.toml", deskRotation)
	d.file("postroom.toml", fmt.Sprintf(`rotation = "rotation.toml"
[support]
address = "support@acme.example"
name = "Acme Support"
reply_address = "support+{token}@acme.example"
[imap]
server = %q
username = "support@acme.example"
password_file = "secret"
start = "all"
[smtp]
server = %q
username = "support@acme.example"
password_file = "secret"
[state]
dir = "state"
`, d.w.imap, d.w.smtp))
	return d
}

func (d *desk) path(name string) string { return filepath.Join(d.dir, name) }

func (d *desk) file(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(d.path(name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) deliver(from string, m mailtest.Mail) {
	d.t.Helper()
	m.From, m.Date = from, time.Now()
	if m.To == "" {
		m.To = supportAddr
	}
	if err := d.w.Deliver(from, supportAddr, m.Bytes()); err != nil {
		d.t.Fatal(err)
	}
}

// says runs the command with the desk's configuration, and wants an exit code
// and lines that match, in their order.
func (d *desk) says(code int, args string, want ...string) string {
	d.t.Helper()
	list := append([]string{"-c", d.path("postroom.toml")}, strings.Fields(strings.ReplaceAll(args, "DIR", d.dir))...)
	got, seen := on(d.t, list...)
	d.saw(args, got, code, seen, want...)
	return seen
}

// saw looks at what came of a command.
func (d *desk) saw(args string, got, code int, seen string, want ...string) {
	d.t.Helper()
	if got != code {
		d.t.Errorf("postroom %s: exit code %d, want %d:\n%s", args, got, code, seen)
	}
	rest := seen
	for _, w := range want {
		at := regexp.MustCompile("(?m)" + w).FindStringIndex(rest)
		if at == nil {
			d.t.Errorf("postroom %s: no %q in\n%s", args, w, seen)
			break
		}
		rest = rest[at[1]:]
	}
	if strings.Contains(seen, `{"`) && !strings.HasPrefix(args, "export") {
		d.t.Errorf("postroom %s: JSON for a person:\n%s", args, seen)
	}
	for _, line := range strings.Split(seen, "\n") {
		if len([]rune(line)) > 110 && !strings.Contains(line, d.dir) && !strings.HasPrefix(line, "{") && !strings.HasPrefix(line, "time=") && !strings.HasPrefix(line, "postroom: ") {
			d.t.Errorf("postroom %s: a line of %d columns: %s", args, len([]rune(line)), line)
		}
	}
}

func matches(pattern, text string) bool {
	return regexp.MustCompile("(?m)" + pattern).MatchString(text)
}

// TestForPeople is what an admin reads at a terminal, with no service running:
// tables and sentences where a program gets JSON.
func TestForPeople(t *testing.T) {
	d := newDesk(t)
	d.says(0, "check", `/postroom.toml is good\.$`, `/rotation.toml is good: 2 engineers\.$`)
	d.says(0, "rotation check", `is good: version [0-9a-f]+, 2 engineers\.$`)
	d.says(1, "status", "no state yet")

	d.deliver("zoe@customer.example", mailtest.Mail{Subject: "Printer on fire", Text: "It burns.\n", MessageID: "z1@customer.example"})
	d.says(0, "run --drain", `^1 messages seen, 1 conversations open, 1 sent, 0 queued, 0 held, in \d+\.\d s$`)
	copied := d.w.inbox(t, "alice@dev.example")
	if len(copied) != 1 {
		t.Fatalf("alice has %d mails", len(copied))
	}
	alice := &person{name: "Alice", address: "alice@dev.example", host: "client.dev.example"}
	d.deliver(alice.address, alice.reply(t, copied[0], "/tag fire\nUse water."))
	d.says(0, "run --drain", `^\d messages seen, 1 conversations open, \d sent`)

	d.says(1, "status", `^degraded$`, "! Postroom is not running", `^  mailbox   not connected$`, `^  open 1, queued 0, held 0, set aside 0, waiting to be read 0$`)
	d.says(0, "list", `^NO  STATE +OWNER +CUSTOMER +UPDATED +SUBJECT$`, `^1   open +alice@dev\.example +zoe@customer\.example +\d{4}-\d\d-\d\d \d\d:\d\d +Printer on fire #fire$`)
	d.says(0, "list --state closed", `^There are no conversations\.$`)
	d.says(0, "list --tag water", `^There are no conversations\.$`)
	d.says(0, "list --tag fire", "Printer on fire")
	d.says(2, "list --state odd", `--state "odd": it is open, closed, history or spam`)
	d.says(0, "show 1", `^Conversation 1: Printer on fire$`, `Opened by zoe@customer\.example`, `\| It burns\.$`, `Given to alice@dev\.example, whose turn it is`, `\| Use water\.`)
	d.says(1, "show 7", "there is no such conversation", "postroom list")
	d.says(2, "show one", `"one" is no conversation number; .postroom list. shows them`)
	d.says(0, "held", `^No mail is held\.$`)
	d.says(0, "outbox list", `^Nothing is on its way\.$`)
	d.says(1, "outbox show 1.2.3", `no mail on its way has the id "1\.2\.3"`)
	d.says(0, "aside", `^Nothing is set aside\.$`)
	d.says(0, "recorded", `^Nothing was recorded without being given to somebody\.$`)
	d.says(0, "answers", `^No answers are saved yet\.`)
	d.says(0, "trust", `^NAME +ADDRESS +PINNED +NEEDS$`, `^Alice Ng +alice@dev\.example +- +a token$`)
	d.says(0, "report", `^WHO +OPENED`, `^alice@dev\.example +1 +1 +1 `, `^bob@dev\.example +0 +0 +0 `, `^all +1 +1 +1 `)
	d.says(2, "report --since soon", `--since: "soon" is neither a date`)
	d.says(2, "report --since 1d --until 2d", "the period ends at .*, before it begins at")
	d.says(0, "run --drain", "1 conversations open")
	d.says(0, "audit", `^\d messages \(mailbox and ledger\): \d accounted for, 0 still to be read, 0 missing, 0 contradictions$`)
	d.says(0, "verify", `^0 things are broken$`)
	d.says(0, "export", `"message_id":"<z1@customer\.example>"`)
	d.says(0, "check --online", `^Sending a mail from support@acme\.example to itself, which may take minutes\.$`)
	d.says(1, "note 1 --text Hello", "no service is running")
	d.says(2, "note 1 --text=", "the note is empty")
	d.says(2, "note 1 --text "+strings.Repeat("x", 10_001), "a note of more than 10000 octets is too long")

	d.backups()
	d.rotationAsked()
}

// backups is what an admin reads of backups.
func (d *desk) backups() {
	d.t.Helper()
	d.says(2, "backup DIR/state/copy", "lies in the state directory, of which it is to be a copy")
	d.says(1, "backup DIR/nowhere/copy", "writing the backup: ")
	d.says(0, "backup DIR/copy", `/copy: "support@acme\.example.*", taken .*, 1 conversations, \d+ files, \d+ octets$`)
	d.says(0, "restore --check DIR/copy", `/copy is whole: "support@acme\.example.*", taken `)
	d.says(1, "restore --check DIR/secret", "/secret: ")
	d.says(1, "restore DIR/nowhere", "opening the backup: ")
	d.says(1, "restore DIR/copy", "; --replace puts it aside$")
	d.says(0, "restore --replace DIR/copy", `^restored: "support@acme\.example`, `^What was there lies in .*state/`, `reads again what came since the backup`)
	d.says(1, "status", "the state was put back from a backup of ")
}

// rotationAsked is what an admin reads of the rotation.
func (d *desk) rotationAsked() {
	d.t.Helper()
	d.says(0, "rotation status", `^version [0-9a-f]+, in force since \d{4}-`, `^next: bob@dev\.example \(`, `^on +Alice Ng +alice@dev\.example +1 +1 `)
	d.says(0, "rotation next 2", `^TURN +NAME`, `^1 +Bob Ruiz +bob@dev\.example`, `^2 +Alice Ng`)
	d.says(0, "rotation why 1", `Given to alice@dev\.example`, `alice@dev\.example  chosen: stood at 1, weight 1`)
	d.says(0, "rotation log", `  [0-9a-f]+  \(in force\)$`)
	d.says(1, "rotation diff", "there was no other version before the one in force")
	d.says(0, "rotation diff now file", `^[0-9a-f]+ and file have the same text\.$`)
	before, err := os.ReadFile(d.path("rotation.toml"))
	if err != nil {
		d.t.Fatal(err)
	}
	d.file("rotation.toml", deskRotation+"weight = 3\n")
	d.says(0, "rotation check", `^Against the version in force:$`, `^  .*Bob Ruiz`)
	d.says(0, "rotation diff now file", `^\+weight = 3$`, `^in effect: .*Bob Ruiz`)
	d.file("rotation.toml", deskRotation+"wieght = 3\n")
	d.says(2, "rotation check", `wieght: unknown key; did you mean "weight"`)
	d.says(0, "rotation diff now file", `^\+wieght = 3$`, `^file is refused:$`, "wieght: unknown key")
	d.says(0, "rotation rollback --write", `^Version [0-9a-f]+ is written to .*/rotation\.toml\.$`)
	if after, err := os.ReadFile(d.path("rotation.toml")); err != nil || string(after) != string(before) {
		d.t.Errorf("rolled back to %q, %v", after, err)
	}
	d.says(1, "rotation rollback", "there was no other version before the one in force")
	d.says(1, "rotation rollback now", "no service is running on this state directory; start it with `postroom run`; with --write the file itself is rewritten")
	d.says(1, "rotation away bob 2d", "no service is running")
	d.says(2, "rotation next 0", `"0" is no number of turns`)
}
