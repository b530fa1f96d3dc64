package service

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/mailtest"
	"postroom/internal/mailtest/servers"
	"postroom/internal/store"
	"postroom/threads"
)

const (
	waitsSubject  = "Your answer still waits: Printer on fire"
	failedSubject = "Your answer did not arrive: Printer on fire"
	unsentSubject = "A customer is waiting and mail to the engineers fails: Printer on fire"
)

// greylist answers an address, or all of a domain, as greylisting does.
func (b *bubble) greylist(match string) *servers.Trap {
	return b.world.FailSMTP(servers.SMTPFault{Stage: servers.AtRcpt, Match: match, Times: -1, Reply: &servers.Reply{
		Code: 450, Enhanced: [3]int{4, 2, 0}, Text: "Greylisted, please come back",
	}})
}

// titled counts the mails of a person with a subject.
func (b *bubble) titled(who, subject string) (n int) {
	for _, s := range titles(b.inbox(who)) {
		if s == subject {
			n++
		}
	}
	return n
}

// state is what the only conversation is in.
func (b *bubble) state() (state threads.State) {
	b.t.Helper()
	if err := b.svc.Store().View(func(tx *store.Tx) error {
		return tx.EachConversation(func(c threads.Conversation) error {
			state = c.State
			return nil
		})
	}); err != nil {
		b.t.Fatal(err)
	}
	return state
}

// TestGreylistedAnswer: an answer that the servers of a customer do not want
// yet goes out when they do, its author is told once when that takes long, and
// once, with what she wrote, when it takes longer than anybody waits. Others
// the answer is for are not kept waiting, and have it once.
func TestGreylistedAnswer(t *testing.T) {
	for _, tt := range []struct {
		name          string
		greylisted    string
		lasts         time.Duration
		jane, joe     int // answers that arrive
		warned, given int // notices to the author
		state         threads.State
	}{
		{"ten minutes", "jane@client.example", 10 * time.Minute, 1, 1, 0, 0, threads.StateClosed},
		{"five hours", "jane@client.example", 5 * time.Hour, 1, 1, 1, 0, threads.StateClosed},
		{"beyond the deadline", "jane@client.example", 60 * time.Hour, 0, 1, 1, 1, threads.StateOpen},
		{"beyond the deadline, the one in Cc", "joe@shop.example", 60 * time.Hour, 1, 0, 1, 1, threads.StateOpen},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, "")
				b.start()
				defer b.end()
				b.wait(time.Minute)
				b.write(mailtest.Mail{From: "jane@client.example", To: "support@acme.example", Cc: "joe@shop.example", Subject: "Printer on fire", Text: "Help!\n"})
				b.wait(3 * time.Minute)
				trap := b.greylist(tt.greylisted)
				b.answers("Help!", "/close\n\n", "Use water.")
				b.wait(tt.lasts)
				if trap.Hits() < 2 {
					t.Errorf("the relay was asked %d times", trap.Hits())
				}
				trap.Remove()
				b.wait(60 * time.Hour)
				if jane, joe := b.titled("jane@client.example", "Re: Printer on fire"), b.titled("joe@shop.example", "Re: Printer on fire"); jane != tt.jane || joe != tt.joe {
					t.Errorf("jane has %d answers, want %d; joe has %d, want %d", jane, tt.jane, joe, tt.joe)
				}
				b.authorTold(tt.greylisted, tt.warned, tt.given)
				if got := b.state(); got != tt.state {
					t.Errorf("the conversation is %s, want %s", got, tt.state)
				}
			})
		})
	}
}

// authorTold checks the notices to the author, Alice, about one recipient.
func (b *bubble) authorTold(about string, warned, given int) {
	b.t.Helper()
	const who = "alice@acme.example"
	if w, g := b.titled(who, waitsSubject), b.titled(who, failedSubject); w != warned || g != given {
		b.t.Errorf("the author was warned %d times, want %d, and told of failure %d times, want %d: %q", w, warned, g, given, titles(b.inbox(who)))
	}
	other := map[string]string{"jane@client.example": "joe@shop.example", "joe@shop.example": "jane@client.example"}[about]
	for _, p := range b.inbox(who) {
		if s := p.Get("Subject"); s != waitsSubject && s != failedSubject {
			continue
		}
		reason := flat(p)
		if i := strings.Index(reason, "Use water."); i < 0 {
			b.t.Errorf("what she wrote is missing:\n%s", p.Text)
		} else {
			reason = reason[:i]
		}
		if !strings.Contains(reason, "the mail to "+about) || strings.Contains(reason, "the mail to "+other) || strings.Contains(reason, "nor to") || !strings.Contains(reason, "Greylisted, please come back") {
			b.t.Errorf("the notice says %q", reason)
		}
	}
}

// TestGreylistedCopy: a copy that an engineer's server does not take in time
// goes to the next engineer, once; and when that one's does not either, the
// admins are told, once.
func TestGreylistedCopy(t *testing.T) {
	for _, tt := range []struct {
		name   string
		whose  []string
		copies []int // to Alice, Bob, Carol
		admins int
	}{
		{"of one", []string{"alice@acme.example"}, []int{0, 1, 0}, 0},
		{"of two", []string{"alice@acme.example", "bob@acme.example"}, []int{0, 0, 0}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, "")
				b.start()
				defer b.end()
				b.wait(time.Minute)
				var traps []*servers.Trap
				for _, who := range tt.whose {
					traps = append(traps, b.greylist(who))
				}
				b.write(mailtest.Mail{From: "jane@client.example", To: "support@acme.example", Subject: "Printer on fire", Text: "Help!\n"})
				b.wait(47 * time.Hour)
				if got := b.copies()["Printer on fire"]; got != 0 {
					t.Errorf("%d copies arrived before the deadline", got)
				}
				b.wait(54 * time.Hour)
				for i, who := range engineersABC {
					if got := b.titled(who, "Printer on fire"); got != tt.copies[i] {
						t.Errorf("%s has %d copies, want %d", who, got, tt.copies[i])
					}
				}
				if got := b.titled("ops@acme.example", unsentSubject); got != tt.admins {
					t.Errorf("the admins were told %d times, want %d: %q", got, tt.admins, titles(b.inbox("ops@acme.example")))
				}
				for i, trap := range traps {
					if trap.Hits() < 2 {
						t.Errorf("%s was tried %d times", tt.whose[i], trap.Hits())
					}
				}
			})
		})
	}
}
