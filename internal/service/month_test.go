package service

import (
	"container/heap"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/mailtest"
	"postroom/internal/mailtest/servers"
	"postroom/threads"
)

var (
	monthSeed = flag.Uint64("month.seed", 0, "seed of the simulated month; 0 is a random one, which is printed")
	monthDays = flag.Int("month.days", 30, "simulated days")
	monthDump = flag.String("month.dump", "", "directory to leave the log and everybody's mailbox in")
	monthGap  = flag.Duration("month.gap", 9*time.Hour, "mean time between new conversations")
)

// TestThirtyDays runs the whole service through a month of mail and trouble,
// and has a referee, who knows what each person wrote, check every promise at
// the end.
func TestThirtyDays(t *testing.T) {
	seed := *monthSeed
	if seed == 0 {
		seed = mathrand.Uint64()
	}
	t.Logf("again with: go test ./internal/service -run TestThirtyDays -month.seed=%d -month.days=%d -month.gap=%v", seed, *monthDays, *monthGap)
	days := *monthDays
	if testing.Short() {
		days = min(days, 4)
	}
	synctest.Test(t, func(t *testing.T) {
		m := newMonth(t, seed, time.Duration(days)*24*time.Hour)
		m.run()
		m.dump(*monthDump)
		m.referee()
	})
}

// month is the world of the simulation: what there is to do, and what has
// been written so far.
type month struct {
	*bubble
	rng   *mathrand.Rand
	until time.Time
	todo  agenda
	turn  int // orders what is due at the same instant

	talks  []*talk
	wrote  map[string]*wrote            // by stamp
	byID   map[string]*wrote            // by Message-ID, without angle brackets
	told   map[string]int               // mails of each person that were looked at, as the next UID
	boxes  map[string][]*found          // what each person holds of Postroom
	sent   int                          // transactions looked at
	texts  map[string]*threads.Rotation // every good rotation there was, by version
	good   *threads.Rotation            // the newest
	up     bool
	moves  map[*talk]int   // see moved
	forged map[string]bool // see heldForged
	counts map[string]int
}

// talk is one true conversation.
type talk struct {
	n        int
	subject  string
	customer string
	mails    []*wrote // of the customer's side
	answers  []*wrote
}

// kind of a mail somebody wrote.
type kind string

const (
	kindMail    kind = "mail"    // a customer's, or a machine's
	kindAnswer  kind = "answer"  // an engineer's
	kindNote    kind = "note"    // /note
	kindCommand kind = "command" // commands alone
	kindForged  kind = "forged"  // claims to be an engineer's
	kindSilent  kind = "silent"  // auto-replies and bounces
)

// wrote is one mail somebody wrote to Postroom.
type wrote struct {
	stamp     string
	kind      kind
	from      string
	talk      *talk
	answers   *wrote // the customer's mail an engineer answers
	messageID string // "" for none
	text      string
	to        []string // an answer's true recipients; of a mail its other readers
	at        time.Time
	machine   bool
	mustHold  bool
	uncertain bool // its author was asked whether it is to go once more
	released  bool // its author sent it after all
	discarded bool
	lost      bool // a server reported that it did not arrive
	copies    int  // how often it was put into the mailbox
}

// found is a mail that a person holds.
type found struct {
	*mailtest.Parsed
	raw  []byte
	time time.Time
	who  string
}

func newMonth(t *testing.T, seed uint64, length time.Duration) *month {
	b := newBubble(t, "imap.poll = \"1h\"")
	b.cfg.State.Dir = filepath.Join(memoryDir(t), "state")
	m := &month{
		bubble: b, rng: mathrand.New(mathrand.NewPCG(seed, seed)), until: time.Now().Add(length),
		wrote: map[string]*wrote{}, byID: map[string]*wrote{}, told: map[string]int{}, boxes: map[string][]*found{}, counts: map[string]int{},
		texts: map[string]*threads.Rotation{},
	}
	for _, p := range append(append([]string{}, newcomers...), customers...) {
		if err := b.world.AddAccount(servers.Account{Address: p, Password: "secret"}); err != nil && !strings.Contains(err.Error(), "taken") {
			t.Logf("%s: %v", p, err)
		}
	}
	m.edit(rotations[0])
	b.world.FailSMTP(servers.SMTPFault{Stage: servers.AtRcpt, Match: refusing, Times: -1, Reply: &servers.Reply{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "no such user"}})
	return m
}

// dump leaves what there is to look at, when asked to.
func (m *month) dump(dir string) {
	if dir == "" {
		return
	}
	files := map[string][]byte{"log": m.log.Bytes()}
	for _, who := range append(everybody(), "support@acme.example") {
		list, err := m.world.Messages(who, "INBOX")
		if err != nil {
			m.t.Fatal(err)
		}
		for _, msg := range list {
			files[who] = fmt.Appendf(files[who], "From %s %v\n%s\n", who, msg.Time.UTC(), msg.Raw)
		}
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			m.t.Fatal(err)
		}
	}
}

// memoryDir is a directory on a file system in memory where there is one:
// thousands of commits wait for no disk there.
func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "postroom-month-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// do is something that happens at an instant.
type do struct {
	at   time.Time
	turn int
	f    func()
}

type agenda []do

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].turn < a[j].turn
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(do)) }
func (a *agenda) Pop() any {
	old := *a
	x := old[len(old)-1]
	*a = old[:len(old)-1]
	return x
}

// after puts f on the agenda. What is due behind the end never happens.
func (m *month) after(d time.Duration, f func()) {
	m.turn++
	heap.Push(&m.todo, do{time.Now().Add(d), m.turn, f})
}

// again does f over and over, at random distances with the given mean.
func (m *month) again(mean time.Duration, f func()) {
	m.after(m.around(mean), func() {
		f()
		m.again(mean, f)
	})
}

func (m *month) around(mean time.Duration) time.Duration {
	return time.Duration(m.rng.ExpFloat64()*float64(mean)) + time.Millisecond
}

func (m *month) between(a, b time.Duration) time.Duration {
	return a + time.Duration(m.rng.Int64N(int64(b-a)))
}

func (m *month) chance(p float64) bool { return m.rng.Float64() < p }

func pick[T any](m *month, list []T) T { return list[m.rng.IntN(len(list))] }

func (m *month) run() {
	m.startService()
	m.wait(time.Second)
	m.again(*monthGap, m.newTalk)
	m.again(30*time.Hour, m.machine)
	m.again(30*time.Hour, m.freshAutoReply)
	m.again(20*time.Hour, m.bounce)
	m.again(24*time.Hour, m.forgeByFrom)
	m.again(7*time.Hour, m.ownedNow)
	m.trouble()
	m.editions()
	for len(m.todo) > 0 && m.todo[0].at.Before(m.until) {
		next := heap.Pop(&m.todo).(do)
		if d := time.Until(next.at); d > 0 {
			m.wait(d)
		}
		m.collect()
		next.f()
	}
	m.settle()
}

// settle ends all trouble and lets the service finish what is left.
func (m *month) settle() {
	m.world.ClearFaults()
	m.world.FailSMTP(servers.SMTPFault{Stage: servers.AtRcpt, Match: refusing, Times: -1, Reply: &servers.Reply{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "no such user"}})
	m.world.StopIMAP()
	m.world.StopSMTP()
	m.startIMAP()
	m.startSMTP()
	if !m.up {
		m.startService()
	}
	m.edit(rotations[0])
	m.wait(4 * 24 * time.Hour)
	m.collect()
}

func (m *month) startService() {
	fmt.Fprintf(&m.log.Buffer, "time=%s level=INFO msg=rotation version=%s\n", time.Now().UTC().Format(time.RFC3339Nano), m.good.Version)
	m.start()
	m.up = true
}

// stamp names a mail by a word in its text.
func (m *month) stamp(w *wrote, letter string) *wrote {
	m.n++
	w.stamp = fmt.Sprintf("%s%d", letter, m.n)
	w.at = time.Now()
	m.wrote[w.stamp] = w
	return w
}

// words is text nobody else wrote.
func (m *month) words() string {
	var b strings.Builder
	for range 1 + m.rng.IntN(4) {
		for range 5 + m.rng.IntN(7) {
			b.WriteString(pick(m, vocabulary) + " ")
		}
		b.WriteString(pick(m, vocabulary) + ".\n")
	}
	return b.String()
}

var vocabulary = strings.Fields(`printer burns cable server cannot reach window opens slowly after update the new
	version shows blue light never ends error number invoice paid twice last week manual page says nothing
	about button left corner please look soon thanks again customer waits since morning battery empty drive
	noise screen dark password reset mail lost upload stuck red arrow table chair north south river`)

// post puts a mail into the mailbox of Postroom as often as asked.
func (m *month) post(w *wrote, mail mailtest.Mail, times int) {
	m.t.Helper()
	if mail.Date.IsZero() {
		mail.Date = time.Now()
	}
	w.text, w.messageID = mail.Text, strings.Trim(mail.MessageID, "<>")
	if w.messageID != "" {
		m.byID[w.messageID] = w
	}
	m.counts["written: "+string(w.kind)]++
	m.postRaw(w, mail.From, mail.To, mail.Bytes(), times)
	for _, cc := range strings.Split(mail.Cc, ",") {
		if cc = strings.TrimSpace(cc); cc != "" && !strings.HasPrefix(cc, "support@") {
			m.deliver(mail.From, cc, mail.Bytes())
		}
	}
}

func (m *month) postRaw(w *wrote, from, to string, raw []byte, times int) {
	for i := range times {
		w.copies++
		if i == 0 || m.chance(0.5) {
			m.deliver(from, to, raw)
			continue
		}
		m.after(m.around(2*time.Hour), func() { m.deliver(from, to, raw) })
	}
}

func (m *month) deliver(from, to string, raw []byte) {
	m.t.Helper()
	if err := m.world.Deliver(from, to, raw); err != nil {
		m.t.Fatalf("delivering to %s: %v", to, err)
	}
}

// collect looks at what has come to everybody since the last time, and lets
// them react.
func (m *month) collect() {
	m.t.Helper()
	synctest.Wait()
	for _, who := range everybody() {
		list, err := m.world.MessagesFrom(who, "INBOX", uint32(m.told[who]+1))
		if err != nil {
			m.t.Fatal(err)
		}
		for _, msg := range list {
			m.told[who] = int(msg.UID)
			f := &found{Parsed: mailtest.MustParse(m.t, msg.Raw), raw: msg.Raw, time: msg.Time, who: who}
			if from := f.Addresses("From"); len(from) != 1 || from[0] != "support@acme.example" {
				m.overheard(f)
				continue
			}
			m.boxes[who] = append(m.boxes[who], f)
			if isEngineer(who) {
				m.engineerGot(f)
			} else {
				m.customerGot(f)
			}
		}
	}
}
