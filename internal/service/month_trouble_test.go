package service

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

func (m *month) edit(text string) {
	m.editRotation(text)
	if rot, _, err := rotation.Parse("rotation.toml", []byte(text)); err == nil {
		m.good = rot
		m.texts[rot.Version] = rot
		return
	}
	m.counts["bad rotation files"]++
}

// employed reports whether somebody is in the rotation file.
func (m *month) employed(who string) bool {
	_, ok := m.good.Engineer(who)
	return ok
}

func (m *month) names() []string {
	var list []string
	for _, e := range m.good.Engineers {
		first, _, _ := strings.Cut(e.Name, " ")
		list = append(list, strings.ToLower(first))
	}
	return list
}

// editions changes the rotation file now and then; for one day everybody is
// away.
func (m *month) editions() {
	i, holiday := 0, false
	m.again(60*time.Hour, func() {
		if holiday {
			return
		}
		i++
		m.edit(rotations[i%len(rotations)])
	})
	m.after(40*time.Hour, func() {
		text := rotationABC
		for _, n := range []string{"alice", "bob", "carol"} {
			line := "email = \"" + n + "@acme.example\""
			text = strings.Replace(text, line, line+"\naway = [\"2000-01-02\", \"2000-01-03\"]", 1)
		}
		m.edit(text)
		holiday = true
		for i := range 24 {
			m.after(time.Duration(i+1)*time.Hour, m.ownedNow)
		}
		m.after(26*time.Hour, func() {
			holiday = false
			m.edit(rotations[0])
		})
	})
}

// trouble puts what goes wrong on the agenda.
func (m *month) trouble() {
	m.again(6*time.Hour, m.smtpFault)
	m.again(7*time.Hour, m.imapFault)
	m.again(24*time.Hour, func() {
		m.counts["IMAP restarts"]++
		m.world.StopIMAP()
		m.after(m.around(20*time.Minute), m.imapUp)
	})
	m.again(24*time.Hour, func() {
		m.counts["SMTP restarts"]++
		m.world.StopSMTP()
		m.after(m.around(20*time.Minute), m.smtpUp)
	})
	m.again(40*time.Hour, m.pause)
	m.again(24*time.Hour, m.crash)
	m.again(10*24*time.Hour, func() {
		m.counts["changes of UIDVALIDITY"]++
		if err := m.world.RecreateMailbox("support@acme.example", "INBOX", true); err != nil {
			m.t.Error(err)
		}
	})
}

// imapUp and smtpUp may find the server up: another restart was quicker.
func (m *month) imapUp() {
	if ln, err := m.net.Listen("127.0.0.1:143"); err == nil {
		m.world.StartIMAP(ln)
	}
}

func (m *month) smtpUp() {
	if ln, err := m.net.Listen("127.0.0.1:587"); err == nil {
		m.world.StartSMTP(ln)
	}
}

func (m *month) smtpFault() {
	m.counts["SMTP faults"]++
	f := servers.SMTPFault{Skip: m.rng.IntN(3), Times: 1 + m.rng.IntN(4)}
	switch m.rng.IntN(8) {
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
		f.Stage, f.Delay = servers.AtDot, m.around(time.Minute)
	case 7:
		f.Stage, f.Delay, f.Cut = servers.AtAccepted, m.around(20*time.Second), true
	}
	m.world.FailSMTP(f)
}

func (m *month) imapFault() {
	m.counts["IMAP faults"]++
	f := servers.IMAPFault{Account: "support@acme.example", Skip: m.rng.IntN(3), Times: 1 + m.rng.IntN(3)}
	switch m.rng.IntN(6) {
	case 0:
		f.Command, f.CutAfter, f.Times = "FETCH", 300, 1 // three at one mail would make a stub of it
	case 1:
		f.Cut = true
	case 2:
		f.Command, f.Late, f.Cut = pick(m, []string{"STORE", "MOVE", "COPY"}), true, true
	case 3:
		f.Command, f.Reply = "SELECT", &imap.Error{Type: "NO", Text: "busy"}
	case 4:
		f.Command, f.Delay = "FETCH", m.around(10*time.Second)
	case 5:
		f.Command, f.Account, f.Reply = "LOGIN", "", &imap.Error{Type: "NO", Text: "try later"}
	}
	m.world.FailIMAP(f)
}

// pause is a planned stop of the service.
func (m *month) pause() {
	if !m.up {
		return
	}
	m.counts["stops of the service"]++
	m.halt()
	m.up = false
	m.after(m.around(40*time.Minute), func() {
		if !m.up {
			m.startService()
		}
	})
}

var errCrash = errors.New("the machine lost power")

// crash ends the service at an instant: what its files hold then is all that
// the next one finds. The write lock is held meanwhile, so nothing is
// committed behind the copy, and both servers lose their connections, so
// nothing is told to the world either.
func (m *month) crash() {
	if !m.up {
		return
	}
	m.counts["crashes"]++
	if m.chance(0.7) {
		m.newTalk() // so that there is something to be in the middle of
	}
	time.Sleep(m.between(0, 4*time.Second)) // no synctest.Wait: in the middle of it
	copied := m.cfg.State.Dir + ".crash"
	err := m.svc.Store().Update(func(*store.Tx) error {
		if err := os.CopyFS(copied, os.DirFS(m.cfg.State.Dir)); err != nil {
			return err
		}
		m.world.StopIMAP()
		m.world.StopSMTP()
		m.stop()
		return errCrash
	})
	if !errors.Is(err, errCrash) {
		m.t.Fatalf("crashing: %v", err)
	}
	if err := <-m.done; err != nil {
		m.t.Errorf("the service ended with %v", err)
	}
	if err := m.svc.Close(); err != nil {
		m.t.Error(err)
	}
	if err := os.RemoveAll(m.cfg.State.Dir); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Rename(copied, m.cfg.State.Dir); err != nil {
		m.t.Fatal(err)
	}
	m.up = false
	m.imapUp()
	m.smtpUp()
	m.startService()
}

// orphans are spool files that nothing refers to: the service must be down.
func (m *month) orphans() []string {
	before, _ := filepath.Glob(filepath.Join(m.cfg.State.Dir, "spool", "*"))
	st, err := store.Open(m.seams().Log, m.cfg.State.Dir, m.seams().Random)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		m.t.Error(err)
	}
	var gone []string
	for _, name := range before {
		if _, err := os.Stat(name); err != nil {
			gone = append(gone, filepath.Base(name))
		}
	}
	return gone
}
