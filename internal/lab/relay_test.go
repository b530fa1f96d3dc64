package lab

import (
	"strings"
	"time"

	"postroom/internal/mailtest/servers"
)

// sitting is a relay that takes mail and keeps what is for our own domain, our
// own copies too, for some minutes.
type sitting struct {
	trap  *servers.Trap
	first int // of the transactions it sits on
}

// relaySits has the relay take two mails without a word, so that their outcome
// is unknown, and sit on our own copies for less than Postroom looks for them.
// Mail comes in meanwhile, so that it looks. Not in worlds whose clock is wrong
// just now, for which some minutes may be over at once; and where connections
// race the same seed would not be the same world.
func (l *lab) relaySits() {
	if !l.up || !l.alone() || l.sits != nil || l.wrong.Load() != 0 || rewrites(l.plan.seed) {
		return
	}
	l.counts["times the relay sat on our own copies"]++
	l.sits = &sitting{
		trap:  l.world.FailSMTP(servers.SMTPFault{Stage: servers.AtDelivery, Match: "@acme.example", Times: -1}),
		first: len(l.world.Transactions()),
	}
	l.world.FailSMTP(servers.SMTPFault{Stage: servers.AtAccepted, Times: 2, Cut: true})
	l.newTalk()
	l.after(time.Minute, l.newTalk)
	l.after(2*time.Minute, l.newTalk)
	l.after(3*time.Minute, l.relayStands)
}

// relayStands has the relay deliver what it sat on.
func (l *lab) relayStands() {
	if l.sits == nil {
		return
	}
	l.sits.trap.Remove()
	list := l.world.Transactions()[l.sits.first:]
	l.sits = nil
	for _, t := range list {
		for _, to := range t.To {
			if strings.HasSuffix(to, "@acme.example") {
				l.deliver(t.From, to, t.Raw)
			}
		}
	}
}
