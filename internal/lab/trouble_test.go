package lab

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"postroom/internal/mailtest/servers"
	"postroom/internal/rotation"
	"postroom/internal/store"
	"postroom/threads"
)

// rotations are the texts the rotation file has in turn. The bubble's clock
// begins on 1 January 2000.
var rotations = []string{
	rotationABC + awayRanges,
	rotationABC + "[[engineer]]\nname = \"Dan Ohm\"\nemail = \"dan@acme.example\"\n",
	"timezone = \"UTC\"\nadmins = [\"ops@acme.example\"]\n[[engineer]]\nname = \"Alice Ng\"\nemial = \"alice@acme.example\"\n",
	strings.Replace(rotationABC, "email = \"alice@acme.example\"", "email = \"alice@acme.example\"\nweight = 3", 1) +
		"[[engineer]]\nname = \"Dan Ohm\"\nemail = \"dan@acme.example\"\nweight = 2\n",
	strings.Replace(rotationABC, "[[engineer]]\nname = \"Carol", "[[engineer]\nname = \"Carol", 1),
	rotationABC + "[[engineer]]\nname = \"Erin Vale\"\nemail = \"erin@acme.example\"\naway = [\"2000-01-16\"]\n",
	strings.Split(rotationABC, "[[engineer]]\nname = \"Carol")[0],
	strings.Replace(rotationABC, "name = \"Bob Stone\"", "name = \"Bob Stone\"\naway = [\"2000-01-01..2000-02-20\"]", 1),
}

const awayRanges = `away = ["2000-01-03", "2000-01-10..2000-01-12", "2000-01-27"]
[[engineer]]
name = "Dan Ohm"
email = "dan@acme.example"
away = ["2000-01-02..2000-01-03", "2000-01-11"]
`

func (l *lab) edit(text string) {
	l.editRotation(text)
	if rot, _, err := rotation.Parse("rotation.toml", []byte(text)); err == nil {
		for _, e := range l.engineers() {
			if _, stays := rot.Engineer(e.Key); !stays {
				l.leftAt[e.Key] = time.Now()
			}
		}
		l.good = rot
		l.texts[rot.Version] = rot
		return
	}
	l.counts["bad rotation files"]++
}

// engineers are those of the file as it stands; at first there is none.
func (l *lab) engineers() []threads.Engineer {
	if l.good == nil {
		return nil
	}
	return l.good.Engineers
}

// employed reports whether somebody is in the rotation file.
func (l *lab) employed(who string) bool {
	_, ok := l.good.Engineer(who)
	return ok
}

func (l *lab) names() []string {
	var list []string
	for _, e := range l.good.Engineers {
		first, _, _ := strings.Cut(e.Name, " ")
		list = append(list, strings.ToLower(first))
	}
	return list
}

// editions changes the rotation file now and then; for one day everybody is
// away.
func (l *lab) editions() {
	i, holiday := 0, false
	l.again("edition", 60*time.Hour, func() {
		if holiday {
			return
		}
		i++
		l.edit(rotations[i%len(rotations)])
	})
	l.after(40*time.Hour, func() {
		text := rotationABC
		for _, n := range []string{"alice", "bob", "carol"} {
			line := "email = \"" + n + "@acme.example\""
			text = strings.Replace(text, line, line+"\naway = [\"2000-01-02\", \"2000-01-03\"]", 1)
		}
		l.edit(text)
		holiday = true
		for i := range 24 {
			l.after(time.Duration(i+1)*time.Hour, l.ownedNow)
		}
		l.after(26*time.Hour, func() {
			holiday = false
			l.edit(rotations[0])
		})
	})
}

// trouble puts what goes wrong on the agenda.
func (l *lab) trouble() {
	if l.plan.disk {
		l.diskTrouble()
	}
	l.again("SMTP fault", 6*time.Hour, l.smtpFault)
	l.again("IMAP fault", 7*time.Hour, l.imapFault)
	l.again("IMAP restart", 24*time.Hour, func() {
		l.counts["IMAP restarts"]++
		l.world.StopIMAP()
		l.after(l.around(20*time.Minute), l.imapUp)
	})
	l.again("SMTP restart", 24*time.Hour, func() {
		l.counts["SMTP restarts"]++
		l.world.StopSMTP()
		l.after(l.around(20*time.Minute), l.smtpUp)
	})
	l.again("sitting relay", 30*time.Hour, l.relaySits)
	l.again("reader", 20*time.Hour, l.somebodyReads)
	l.again("stop", 40*time.Hour, l.pause)
	l.again("crash", 24*time.Hour, l.crash)
	l.again("clock", 6*24*time.Hour, l.clockJumps)
	l.again("renumbering", 10*24*time.Hour, func() {
		l.counts["changes of UIDVALIDITY"]++
		if err := l.world.RecreateMailbox("support@acme.example", "INBOX", true); err != nil {
			l.t.Error(err)
		}
	})
}

// clockJumps sets the service's clock wrong, by up to three hours, until
// somebody sets it right.
func (l *lab) clockJumps() {
	if l.sits != nil {
		return
	}
	l.counts["clocks set wrong"]++
	l.wrong.Store(int64(l.between(-3*time.Hour, 3*time.Hour)))
	l.after(l.around(2*time.Hour), func() { l.wrong.Store(0) })
}

// somebodyReads is a person who looks into the shared mailbox itself and
// leaves everything marked as read.
func (l *lab) somebodyReads() {
	list, err := l.world.Messages(support, "INBOX")
	if err != nil {
		l.t.Fatal(err)
	}
	for _, msg := range list[max(0, len(list)-5):] {
		if err := l.world.SetFlags(support, "INBOX", msg.UID, append(msg.Flags, "\\Seen")...); err != nil {
			l.t.Fatal(err)
		}
	}
	l.counts["looks into the mailbox by a person"]++
}

// imapUp and smtpUp may find the server up: another restart was quicker.
func (l *lab) imapUp() {
	if ln, err := l.net.Listen(imapAddr); err == nil {
		l.world.StartIMAP(ln)
	}
}

func (l *lab) smtpUp() {
	if ln, err := l.net.Listen(smtpAddr); err == nil {
		l.world.StartSMTP(ln)
	}
}

// alone reports whether this is a world with one connection to the relay.
// There a fault can strike the third mail; where several connections race for
// it, it strikes all mails for a while, so that the same seed stays the same
// world.
func (l *lab) alone() bool { return l.plan.seed%2 == 0 }

func (l *lab) smtpFault() {
	l.counts["SMTP faults"]++
	f := servers.SMTPFault{Times: -1}
	if l.alone() {
		f.Skip, f.Times = l.act.rng.IntN(3), 1+l.act.rng.IntN(4)
	}
	switch l.act.rng.IntN(8) {
	case 0:
		f.Stage, f.Reply = servers.AtRcpt, &servers.Reply{Code: 451, Enhanced: [3]int{4, 3, 0}, Text: "later"}
	case 1:
		f.Stage, f.Reply = servers.AtDot, &servers.Reply{Code: 451, Enhanced: [3]int{4, 3, 0}, Text: "later"}
	case 2:
		f.Stage, f.Reply, f.Cut = servers.AtMail, &servers.Reply{Code: 421, Enhanced: [3]int{4, 3, 2}, Text: "going down"}, true
	case 3:
		f.Stage, f.Cut, f.After = servers.AtBody, true, 400
	case 4:
		f.Stage, f.Cut = servers.AtDot, true
	case 5:
		f.Stage, f.Cut = servers.AtAccepted, true
	case 6:
		f.Stage, f.Delay = servers.AtDot, l.around(time.Minute)
	case 7:
		f.Stage, f.Delay, f.Cut = servers.AtAccepted, l.around(20*time.Second), true
	}
	l.meanwhile(l.world.FailSMTP(f), l.around(time.Hour))
}

// meanwhile takes a trap away after some time.
func (l *lab) meanwhile(trap *servers.Trap, d time.Duration) {
	l.after(d, trap.Remove)
}

func (l *lab) imapFault() {
	l.counts["IMAP faults"]++
	f := servers.IMAPFault{Account: "support@acme.example", Mailbox: pick(l, []string{"INBOX", "INBOX", "Sent"}), Skip: l.act.rng.IntN(3), Times: 1 + l.act.rng.IntN(3)}
	switch l.act.rng.IntN(6) {
	case 0:
		f.Command, f.CutAfter, f.Times = "FETCH", 300, 1 // three at one mail would make a stub of it
	case 1:
		f.Cut = true
	case 2:
		f.Command, f.Late, f.Cut = pick(l, []string{"STORE", "MOVE", "COPY"}), true, true
	case 3:
		f.Command, f.Reply = "SELECT", &imap.Error{Type: "NO", Text: "busy"}
	case 4:
		f.Command, f.Delay = "FETCH", l.around(10*time.Second)
	case 5:
		f = servers.IMAPFault{Command: "LOGIN", Times: -1, Reply: &imap.Error{Type: "NO", Text: "try later"}}
		l.meanwhile(l.world.FailIMAP(f), l.around(10*time.Minute))
		return
	}
	l.world.FailIMAP(f)
}

// pause is a planned stop of the service.
func (l *lab) pause() {
	if !l.up {
		return
	}
	l.counts["stops of the service"]++
	l.diskMended()
	l.halt()
	l.up = false
	l.after(l.around(40*time.Minute), func() {
		if !l.up {
			l.startService()
		}
	})
}

var errCrash = errors.New("the machine lost power")

// crash ends the service at an instant: what its files hold then is all that
// the next one finds. The state is being read meanwhile, so nothing is
// committed behind the copy, and both servers lose their connections, so
// nothing is told to the world either. A disk that is full is that for the next
// one too.
func (l *lab) crash() {
	if !l.up {
		return
	}
	l.counts["crashes"]++
	if l.chance(0.7) {
		l.newTalk() // so that there is something to be in the middle of
	}
	if l.chance(0.5) { // the relay has it, and has not said so yet
		defer l.world.FailSMTP(servers.SMTPFault{Stage: servers.AtAccepted, Times: -1, Delay: 10 * time.Second}).Remove()
	}
	time.Sleep(l.between(0, 4*time.Second)) // no synctest.Wait: in the middle of it
	copied := l.cfg.State.Dir + ".crash"
	err := l.svc.Store().Glance(func(*store.Tx) error {
		if err := os.CopyFS(copied, os.DirFS(l.cfg.State.Dir)); err != nil {
			return err
		}
		l.world.StopIMAP()
		l.world.StopSMTP()
		l.stop()
		return errCrash
	})
	if !errors.Is(err, errCrash) {
		l.t.Fatalf("crashing: %v", err)
	}
	if err := <-l.done; err != nil {
		l.broken(pCrash, "the service ended with %v", err)
	}
	if err := l.svc.Close(); err != nil && !l.shelf.refuses(err) {
		l.t.Error(err)
	}
	if err := os.RemoveAll(l.cfg.State.Dir); err != nil {
		l.t.Fatal(err)
	}
	if err := os.Rename(copied, l.cfg.State.Dir); err != nil {
		l.t.Fatal(err)
	}
	l.up = false
	l.imapUp()
	l.smtpUp()
	l.startService()
}

// orphans are spool files that nothing refers to: the service must be down.
func (l *lab) orphans() []string {
	before, _ := filepath.Glob(filepath.Join(l.cfg.State.Dir, "spool", "*"))
	st, err := store.Open(l.seams().Log, l.cfg.State.Dir, l.seams().Random)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		l.t.Error(err)
	}
	var gone []string
	for _, name := range before {
		if _, err := os.Stat(name); err != nil {
			gone = append(gone, filepath.Base(name))
		}
	}
	return gone
}
