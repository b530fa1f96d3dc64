package service

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/mailtest"
	"postroom/internal/mailtest/servers"
)

// pager is a mail server that is somebody else's, for alarms.
type pager struct {
	*bubble
	world *servers.World
}

const pagerAddress = "pager@elsewhere.example"

// withPager gives the bubble a second path.
func (b *bubble) withPager() *pager {
	b.t.Helper()
	p := &pager{b, servers.New(slog.New(slog.DiscardHandler), servers.Options{})}
	if err := p.world.AddAccount(servers.Account{Address: pagerAddress}); err != nil {
		b.t.Fatal(err)
	}
	ln, err := b.net.Listen("127.0.0.1:2525")
	if err != nil {
		b.t.Fatal(err)
	}
	p.world.StartSMTP(ln)
	b.cfg.Alarm.Host, b.cfg.Alarm.Port, b.cfg.Alarm.TLS = "127.0.0.1", 2525, "opportunistic"
	b.cfg.Alarm.To, b.cfg.Alarm.From = []string{pagerAddress}, "support@acme.example"
	return p
}

// pages is what was told there of probes, as subjects.
func (p *pager) pages() (list []string) {
	p.t.Helper()
	for _, tr := range p.world.Transactions() {
		if s := mailtest.MustParse(p.t, tr.Raw).Get("Subject"); s == lostSubject || s == backSubject {
			list = append(list, s)
		}
	}
	return list
}

// The subjects of alarms about probes.
const (
	lostSubject = "Postroom: mail does not flow"
	backSubject = "Postroom: mail flows again"
)

func (b *bubble) wantTold(got []string, want ...string) {
	b.t.Helper()
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		b.t.Errorf("told is %q, want %q", got, want)
	}
}

// health asks the health check of the running service, as a monitor does.
func (b *bubble) health() (code int, problem string) {
	b.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, n, _ string) (net.Conn, error) {
		return b.net.DialContext(ctx, n, "127.0.0.1:9130")
	}}}
	resp, err := client.Get("http://postroom/healthz")
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err != nil {
		b.t.Fatal(err)
	}
	st, err := b.svc.Status()
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, strings.Join(st.Problems, "\n")
}

func (b *bubble) wantHealth(well bool) {
	b.t.Helper()
	code, problem := b.health()
	if want := map[bool]int{true: 200, false: 503}[well]; code != want || strings.Contains(problem, "the probe: ") == well {
		b.t.Errorf("the health check answers %d; problems: %q", code, problem)
	}
}

// A probe is lost in one of these ways. In all but the first the relay takes
// it, and it does not come back.
func waysToLose() map[string]func(b *bubble) (mend func()) {
	return map[string]func(b *bubble) func(){
		"refused": func(b *bubble) func() {
			return b.world.FailSMTP(servers.SMTPFault{Stage: servers.AtMail, Times: -1, Reply: &servers.Reply{Code: 451, Text: "not today"}}).Remove
		},
		"taken and lost": func(b *bubble) func() {
			return b.world.FailSMTP(servers.SMTPFault{Stage: servers.AtDelivery, Times: -1}).Remove
		},
		"taken, and the mailbox stands still": func(b *bubble) func() {
			b.world.StopIMAP()
			return b.startIMAP
		},
	}
}

// TestAlarm: a probe that is lost degrades status and health check, and is told
// once over the second path; and so is the one that comes back. Restarts in
// between tell nothing anew.
func TestAlarm(t *testing.T) {
	for name, lose := range waysToLose() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, "smtp.probe = \"1h\"\n")
				b.cfg.Admin.Listen, b.web = "127.0.0.1:9130", true
				p := b.withPager()
				defer p.world.Close()
				b.start()
				defer b.end()
				b.wait(3*time.Hour + 10*time.Minute)
				b.wantTold(p.pages())
				b.wantHealth(true)
				mend := lose(b)
				b.wait(5 * time.Hour)
				b.wantTold(p.pages(), lostSubject)
				b.wantHealth(false)
				b.halt()
				b.start()
				b.wait(3 * time.Second) // before the next probe
				b.wantHealth(false)
				b.wait(5 * time.Hour)
				b.wantTold(p.pages(), lostSubject)
				b.wantHealth(false)
				mend()
				b.wait(2 * time.Hour)
				b.wantTold(p.pages(), lostSubject, backSubject)
				b.wantHealth(true)
				if name != "taken, and the mailbox stands still" { // which the admins are told by itself
					b.untouched()
				}
			})
		})
	}
}

// Without a second path the admins are told by the first, as far as it works.
func TestAlarmToAdmins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "smtp.probe = \"1h\"\n")
		b.cfg.Support.ReplyAddress = "" // probes go to the support address itself
		b.start()
		defer b.end()
		trap := b.world.FailSMTP(servers.SMTPFault{Stage: servers.AtDelivery, Match: "support@acme.example", Times: -1})
		b.wait(5 * time.Hour)
		trap.Remove()
		b.wait(2 * time.Hour)
		b.wantTold(titles(b.inbox("ops@acme.example")), lostSubject, backSubject)
	})
}

// An alarm that reaches nobody is told with a later probe; and a probe that is
// asked for ends the trouble at once, also behind a restart.
func TestAlarmIsToldLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "smtp.probe = \"1h\"\n")
		p := b.withPager()
		defer p.world.Close()
		b.start()
		p.world.StopSMTP()
		trap := b.world.FailSMTP(servers.SMTPFault{Stage: servers.AtDelivery, Times: -1})
		b.wait(2*time.Hour + 10*time.Minute)
		b.wantTold(p.pages())
		ln, err := b.net.Listen("127.0.0.1:2525")
		if err != nil {
			t.Fatal(err)
		}
		p.world.StartSMTP(ln)
		b.wait(time.Hour)
		b.wantTold(p.pages(), lostSubject)
		b.halt()
		trap.Remove()
		b.start()
		b.wait(30 * time.Second)
		b.wantTold(p.pages(), lostSubject)
		if r, err := b.svc.Probe(t.Context()); err != nil || !r.OK {
			t.Errorf("found %+v, %v", r, err)
		}
		b.wantTold(p.pages(), lostSubject, backSubject)
		b.wait(5 * time.Hour)
		b.wantTold(p.pages(), lostSubject, backSubject)
		b.end()
	})
}

// A probe that comes later than it may is lost, and gone from the mailbox all
// the same.
func TestLateProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "smtp.probe = \"1h\"\n")
		p := b.withPager()
		defer p.world.Close()
		b.start()
		defer b.end()
		b.world.FailSMTP(servers.SMTPFault{Stage: servers.AtDelivery, Times: 2}) // the plus-address and the plain one
		b.wait(70 * time.Minute)
		b.wantTold(p.pages(), lostSubject)
		for _, tr := range b.world.Transactions() {
			if err := b.world.Deliver(tr.From, tr.To[0], tr.Raw); err != nil {
				t.Fatal(err)
			}
		}
		b.wait(40 * time.Minute)
		if n := len(b.inbox("support@acme.example")); n != 0 {
			t.Errorf("%d probes are left in the mailbox", n)
		}
		b.untouched()
	})
}
