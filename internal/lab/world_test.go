package lab

import (
	"fmt"
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

// lab is one world: what there is to do, and what has been written so far.
type lab struct {
	*bubble
	plan  plan
	until time.Time
	todo  agenda
	act   *act // that takes place
	acts  []string

	talks    []*talk
	wrote    map[string]*wrote            // by stamp
	byID     map[string]*wrote            // by Message-ID, without angle brackets
	told     map[string]int               // mails of each person that were looked at, as the next UID
	read     map[string]int               // see got
	boxes    map[string][]*found          // what each person holds of Postroom
	leftAt   map[string]time.Time         // when an engineer was last taken out of the rotation file
	sent     int                          // transactions looked at
	texts    map[string]*threads.Rotation // every good rotation there was, by version
	good     *threads.Rotation            // the newest
	up       bool
	stranded bool                       // the disk refused its start
	sits     *sitting                   // the relay, on our own copies; nil: it does not
	settled  bool                       // the end has come, and everything has calmed down
	moves    map[*talk]int              // see moved
	knew     map[string]map[string]bool // see aliased
	uncopied map[string]bool            // see withoutCopy
	origins  map[string]string          // see original
	forged   map[string]bool            // see heldForged
	counts   map[string]int
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
	below     string // the Message-ID of the copy she answers
	messageID string // "" for none
	text      string
	to        []string // an answer's true recipients; of a mail its other readers
	at        time.Time
	machine   bool
	loose     bool // it says by no id which mail it answers
	mustHold  bool
	spent     bool // an answer with a token of before she left, which may be held
	uncertain bool // its author was asked whether it is to go once more
	released  bool // its author sent it after all
	discarded bool
	lost      bool   // a server reported that it did not arrive
	stolen    *found // the copy whose reply address a stranger answers with
	copies    int    // how often it was put into the mailbox
}

// found is a mail that a person holds.
type found struct {
	*mailtest.Parsed
	raw  []byte
	time time.Time
	who  string
}

// id is the Message-ID Postroom gave the mail.
func (l *lab) id(f *found) string { return l.original(f.Get("Message-ID")) }

// original is the Message-ID Postroom gave a mail that arrived under this one.
func (l *lab) original(id string) string {
	if !rewrites(l.plan.seed) {
		return id
	}
	if l.origins == nil {
		l.origins = map[string]string{}
		for _, t := range l.world.Transactions() {
			l.origins[t.Rewritten] = mailtest.MustParse(l.t, t.Raw).Get("Message-ID")
		}
	}
	if own := l.origins[id]; own != "" {
		return own
	}
	return id
}

func newLab(t *testing.T, p plan) *lab {
	extra := "imap.poll = \"1h\""
	if p.seed%2 == 0 {
		extra += "\nsmtp.connections = 1"
	}
	b := newBubble(t, p.seed, extra)
	b.cfg.State.Dir = filepath.Join(memoryDir(t), "state")
	l := &lab{
		bubble: b, plan: p, until: time.Now().Add(time.Duration(p.days) * 24 * time.Hour), act: newAct(p.seed, "world"),
		wrote: map[string]*wrote{}, byID: map[string]*wrote{}, told: map[string]int{}, read: map[string]int{}, boxes: map[string][]*found{}, leftAt: map[string]time.Time{},
		counts: map[string]int{}, texts: map[string]*threads.Rotation{},
	}
	for _, p := range append(append([]string{}, newcomers...), customers...) {
		if err := b.world.AddAccount(servers.Account{Address: p, Password: "secret"}); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
	}
	l.edit(rotations[0])
	l.refuse()
	return l
}

// refuse has one customer's server take no mail.
func (l *lab) refuse() {
	l.world.FailSMTP(servers.SMTPFault{
		Stage: servers.AtRcpt, Match: refusing, Times: -1,
		Reply: &servers.Reply{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "no such user"},
	})
}

// dump leaves what there is to look at, when asked to.
func (l *lab) dump(dir string) {
	if dir == "" {
		return
	}
	files := map[string][]byte{"log": l.log.Bytes()}
	for _, who := range append(everybody(), "support@acme.example") {
		list, err := l.world.Messages(who, "INBOX")
		if err != nil {
			l.t.Fatal(err)
		}
		for _, msg := range list {
			files[who] = fmt.Appendf(files[who], "From %s %v\n%s\n", who, msg.Time.UTC(), msg.Raw)
		}
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			l.t.Fatal(err)
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

func (l *lab) run() {
	l.startService()
	l.wait(time.Second)
	l.again("talk", l.plan.gap, l.newTalk)
	l.again("machine", 30*time.Hour, l.machine)
	l.again("robot", 60*time.Hour, l.robot)
	l.again("auto-reply", 30*time.Hour, l.freshAutoReply)
	l.again("bounce", 20*time.Hour, l.bounce)
	l.again("forgery", 24*time.Hour, l.forgeByFrom)
	l.again("look", 7*time.Hour, l.ownedNow)
	l.trouble()
	l.editions()
	for len(l.todo) > 0 && l.todo[0].at.Before(l.until) {
		l.next()
	}
	l.settle()
}

// settle ends all trouble and lets the service finish what is left.
func (l *lab) settle() {
	l.diskMended()
	l.wrong.Store(0)
	l.relayStands()
	l.world.ClearFaults()
	l.refuse()
	l.world.StopIMAP()
	l.world.StopSMTP()
	l.startIMAP()
	l.startSMTP()
	if !l.up {
		l.startService()
	}
	l.edit(rotations[0])
	l.wait(4 * 24 * time.Hour)
	l.collect()
	l.settled = true
	l.counts["writes refused"] = l.shelf.refused
}

func (l *lab) startService() {
	fmt.Fprintf(l.log, "time=%s level=INFO msg=rotation version=%s\n", time.Now().UTC().Format(nano), l.good.Version)
	err := l.start()
	switch {
	case err == nil:
		l.up = true
	case l.shelf.refuses(err):
		l.counts["starts that a disk refused"]++
		l.stranded = true
	default:
		l.t.Fatal(err)
	}
}

// stamp names a mail by a word in its text.
func (l *lab) stamp(w *wrote, letter string) *wrote {
	w.stamp = letter + l.name()
	w.at = time.Now()
	l.wrote[w.stamp] = w
	return w
}

// words is text nobody else wrote.
func (l *lab) words() string {
	var b strings.Builder
	for range 1 + l.act.rng.IntN(4) {
		for range 5 + l.act.rng.IntN(7) {
			b.WriteString(pick(l, vocabulary) + " ")
		}
		b.WriteString(pick(l, vocabulary) + ".\n")
	}
	return b.String()
}

var vocabulary = strings.Fields(`printer burns cable server cannot reach window opens slowly after update the new
	version shows blue light never ends error number invoice paid twice last week manual page says nothing
	about button left corner please look soon thanks again customer waits since morning battery empty drive
	noise screen dark password reset mail lost upload stuck red arrow table chair north south river`)

// post puts a mail into the mailbox of Postroom as often as asked.
func (l *lab) post(w *wrote, mail mailtest.Mail, times int) {
	l.t.Helper()
	if mail.Date.IsZero() {
		mail.Date = time.Now()
	}
	w.text, w.messageID = mail.Text, strings.Trim(mail.MessageID, "<>")
	if w.messageID != "" {
		l.byID[w.messageID] = w
	}
	l.counts["written: "+string(w.kind)]++
	l.postRaw(w, mail.From, mail.To, mail.Bytes(), times)
	for _, cc := range strings.Split(mail.Cc, ",") {
		if cc = strings.TrimSpace(cc); cc != "" && !strings.HasPrefix(cc, "support@") {
			l.deliver(mail.From, cc, mail.Bytes())
		}
	}
}

func (l *lab) postRaw(w *wrote, from, to string, raw []byte, times int) {
	for i := range times {
		w.copies++
		if i == 0 || l.chance(0.5) {
			l.deliver(from, to, raw)
			continue
		}
		l.after(l.around(2*time.Hour), func() { l.deliver(from, to, raw) })
	}
}

func (l *lab) deliver(from, to string, raw []byte) {
	l.t.Helper()
	if err := l.world.Deliver(from, to, raw); err != nil {
		l.t.Fatalf("delivering to %s: %v", to, err)
	}
}

// collect looks at what has come to everybody since the last time, and lets
// them react.
func (l *lab) collect() {
	l.t.Helper()
	synctest.Wait()
	for _, who := range everybody() {
		list, err := l.world.MessagesFrom(who, "INBOX", uint32(l.told[who]+1))
		if err != nil {
			l.t.Fatal(err)
		}
		for _, msg := range list {
			l.told[who] = int(msg.UID)
			l.got(&found{Parsed: mailtest.MustParse(l.t, msg.Raw), raw: msg.Raw, time: msg.Time, who: who})
		}
	}
}

// got is somebody who has a mail before her. What she does is an act named
// after her and the mail, so that the order in which mails came is no part
// of it.
func (l *lab) got(f *found) {
	mail := firstStamp(f.Text, "Ref: ") + firstStamp(f.Text, "Ans: ") + " " + f.Get("Subject")
	self := f.who + " reads " + strings.TrimSpace(mail)
	l.read[self]++
	l.as(fmt.Sprintf("%s #%d", self, l.read[self]), func() {
		if from := f.Addresses("From"); len(from) != 1 || from[0] != "support@acme.example" {
			l.overheard(f)
			return
		}
		l.boxes[f.who] = append(l.boxes[f.who], f)
		if isEngineer(f.who) {
			l.engineerGot(f)
			return
		}
		l.customerGot(f)
	})
}
