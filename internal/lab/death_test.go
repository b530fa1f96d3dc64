package lab

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postroom/internal/mailtest"
	"postroom/internal/mailtest/servers"
)

var (
	deathAll  = flag.Bool("death.all", false, "TestDeath kills at every system call, not at some")
	deathSeed = flag.Uint64("death.seed", 0, "which calls the short form of TestDeath kills at; 0: others each time")
)

// program builds the real command, once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "postroom-lab-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "postroom")
	out, err := exec.Command("go", "build", "-o", path, "postroom/cmd/postroom").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building postroom: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	if dir := os.Getenv(scriptIn); dir != "" {
		os.Exit(storeScript(dir))
	}
	code := m.Run()
	if built {
		path, _ := program()
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

var built bool // program was asked for

// deadly are the kinds of system call the process is killed at: what makes
// things durable, and what tells the world of them.
const deadly = "fsync,fdatasync,renameat,unlinkat,pwrite64,write"

// TestDeath kills the real program with strace at the n-th of its system calls,
// of whichever thread, in the middle of a small day: mails come in, engineers
// answer and note. Then it is started again until it is done, and everybody
// must hold what was written to them, once.
func TestDeath(t *testing.T) {
	needStrace(t)
	seed := *deathSeed
	if seed == 0 {
		seed = mathrand.Uint64()
	}
	t.Logf("-death.seed=%d", seed)
	rng := mathrand.New(mathrand.NewPCG(seed, 0))
	struck, deaths := map[string]int{}, 0
	for _, phase := range []int{1, 2} {
		for _, n := range instantsOf(rng) {
			at := die(t, phase, n)
			for range 5 {
				if at == straceFailed {
					at = die(t, phase, n)
				}
			}
			if at == "" {
				t.Logf("phase %d ends before its call %d", phase, n)
				break
			}
			struck[at]++
			deaths++
			if t.Failed() {
				return
			}
		}
	}
	for _, at := range slices.Sorted(maps.Keys(struck)) {
		t.Logf("%4d killed at %s", struck[at], at)
	}
	if *deathAll && deaths < 100 || deaths == 0 {
		t.Errorf("it was killed %d times", deaths)
	}
}

// instantsOf is at which calls to kill: all, from the first on until the
// program ends before, or a few.
func instantsOf(rng *mathrand.Rand) []int {
	const most = 3000
	if *deathAll {
		list := make([]int, most)
		for i := range list {
			list[i] = i + 1
		}
		return list
	}
	return []int{1 + rng.IntN(100)}
}

// day is the world of one death.
type day struct {
	t     *testing.T
	world *servers.World
	dir   string
	smtp  string          // its address
	said  strings.Builder // by all commands
	n     int
}

// die has the program die in phase 1 (mails of customers) or 2 (what
// engineers write), and returns where it was, "" when it was done before.
func die(t *testing.T, phase, n int) string {
	t.Helper()
	d := newDay(t)
	defer d.world.Close()
	name := fmt.Sprintf("call %d of phase %d", n, phase)
	for _, c := range []string{"jane@client.example", "joe@shop.example", "kim@third.example"} {
		d.write(mailtest.Mail{From: c, To: support, Subject: "Printer of " + c, Text: "Ref: " + c + "\nIt burns.\n"})
	}
	at := ""
	if phase == 1 {
		at = d.killed(n)
	}
	d.drain()
	d.answer()
	if phase == 2 {
		at = d.killed(n)
	}
	d.drain()
	d.judge(name + " (" + at + ")")
	return at
}

func newDay(t *testing.T) *day {
	t.Helper()
	d := &day{t: t, dir: t.TempDir()}
	d.world = servers.New(slog.New(slog.DiscardHandler), servers.Options{RequireAuth: true, SpecialUse: true})
	for _, who := range slices.Concat(people, []string{"jane@client.example", "joe@shop.example", "kim@third.example"}) {
		if err := d.world.AddAccount(servers.Account{Address: who, Password: "secret"}); err != nil {
			t.Fatal(err)
		}
	}
	imap, smtp := d.listen(d.world.StartIMAP), d.listen(d.world.StartSMTP)
	d.smtp = smtp
	d.file("secret", "secret\n")
	d.file("rotation.toml", rotationABC)
	d.file("postroom.toml", fmt.Sprintf(`
[support]
address = "support@acme.example"
name = "Acme Support"
reply_address = "support+{token}@acme.example"
[imap]
server = "imap://%s"
username = "support@acme.example"
password_file = "secret"
start = "all"
[smtp]
server = "smtp://%s"
username = "support@acme.example"
password_file = "secret"
sent_copy = "bcc"
unknown_wait = "10ms"
retry = "10ms"
probe = "off"
`, imap, smtp))
	return d
}

func (d *day) listen(serve func(net.Listener)) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	serve(ln)
	return ln.Addr().String()
}

func (d *day) file(name, text string) {
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *day) write(m mailtest.Mail) {
	d.t.Helper()
	d.n++
	m.MessageID, m.Date = fmt.Sprintf("client-%d@mua.example", d.n), time.Now()
	if err := d.world.Deliver(m.From, m.To, m.Bytes()); err != nil {
		d.t.Fatal(err)
	}
}

func (d *day) box(who, folder string) []*mailtest.Parsed {
	d.t.Helper()
	list, err := d.world.Messages(who, folder)
	if err != nil {
		d.t.Fatal(err)
	}
	var all []*mailtest.Parsed
	for _, m := range list {
		all = append(all, mailtest.MustParse(d.t, m.Raw))
	}
	return all
}

// answer has each engineer deal with the copy she got: one answers, one
// answers and closes, one notes.
func (d *day) answer() {
	d.t.Helper()
	does := []string{"", "/close\n", "/note\n"}
	for i, who := range people[1:4] {
		for _, p := range d.box(who, "INBOX") {
			d.write(replyTo(p, who, does[i]+"Ans: "+engineers[who]+"\nUse water."))
		}
	}
}

// command runs the program and returns what it said.
func (d *day) command(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = d.dir
	out, err := cmd.CombinedOutput()
	fmt.Fprintf(&d.said, "$ %s\n%s", strings.Join(args, " "), out)
	return string(out), err
}

func (d *day) postroom() string {
	d.t.Helper()
	built = true
	path, err := program()
	if err != nil {
		d.t.Fatal(err)
	}
	return path
}

// drain lets the program run until there is nothing left to do: what may have
// left it looks for first, so that takes several runs.
func (d *day) drain() {
	d.t.Helper()
	for range 20 {
		if out, err := d.command(d.postroom(), "run", "--drain"); err != nil {
			d.t.Fatalf("draining: %v\n%s", err, out)
		}
		out, err := d.command(d.postroom(), "outbox", "list", "--json")
		if err != nil {
			d.t.Fatalf("listing: %v\n%s", err, out)
		}
		if strings.TrimSpace(out) == "" {
			if out, err := d.command(d.postroom(), "run", "--drain"); err != nil { // our own last copies
				d.t.Fatalf("draining: %v\n%s", err, out)
			}
			return
		}
	}
	d.t.Fatal("the outbox does not empty")
}

// killed runs the program under strace and kills it at the n-th of the calls
// that make something durable or tell it to the world; it returns the kind of
// the call and of the file it was killed at, "" when it ended by itself.
func (d *day) killed(n int) (at string) {
	d.t.Helper()
	s := &strace{calls: deadly, octets: 1, stop: true, see: func(c *call) bool {
		where := place(d.dir, c.file())
		if c.ret == "" || where == "log or wake-up" {
			return false
		}
		n--
		at = c.name + " " + where
		return n == 0
	}}
	killed, out, err := s.run(d.t.Context(), d.dir, d.postroom(), "run", "--drain")
	if err != nil && strings.Contains(out, "strace: ptrace(") {
		return straceFailed // threads that come and go while all are stopped are too much for it
	}
	if err != nil {
		d.t.Fatalf("under strace: %v\n%s", err, out)
	}
	if !killed {
		return ""
	}
	return at
}

const straceFailed = "strace failed"

// place is the kind of a file or socket.
func place(dir, file string) string {
	file = strings.TrimPrefix(strings.TrimPrefix(file, dir+"/"), "state/")
	switch {
	case strings.Contains(file, "spool/"):
		return "spool segment"
	case strings.Contains(file, "TCP"), strings.Contains(file, "socket"):
		return "socket"
	case strings.HasPrefix(file, "pipe:"), strings.HasPrefix(file, "/dev"), strings.HasPrefix(file, "anon_inode"):
		return "log or wake-up"
	}
	return file
}

// judge is the referee of a death.
func (d *day) judge(name string) {
	d.t.Helper()
	for _, c := range []string{"jane@client.example", "joe@shop.example", "kim@third.example"} {
		n := 0
		for _, who := range people[1:4] {
			for _, p := range d.box(who, "INBOX") {
				if p.Get("Auto-Submitted") == "" && firstStamp(p.Text, "Ref: ") == c {
					n++
				}
			}
		}
		if n != 1 {
			d.t.Errorf("killed at %s: %d copies of the mail of %s are at engineers, want 1", name, n, c)
		}
	}
	answers := map[string]int{}
	for _, c := range []string{"jane@client.example", "joe@shop.example", "kim@third.example"} {
		for _, p := range d.box(c, "INBOX") {
			answers[firstStamp(strings.ReplaceAll(p.Text, "\r\n", "\n"), "Ans: ")]++
		}
	}
	if want := map[string]int{engineers[people[1]]: 1, engineers[people[2]]: 1}; !maps.Equal(answers, want) {
		d.t.Errorf("killed at %s: the customers hold %v", name, answers)
	}
	for _, verb := range []string{"verify", "audit"} {
		if out, err := d.command(d.postroom(), verb); err != nil {
			d.t.Errorf("killed at %s: %s: %v\n%s", name, verb, err, out)
		}
	}
}
