package lab

import (
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"postroom/internal/mailtest"
)

// soakBook is the referee of a soak: it makes up what people write and keeps
// account of what everybody got.
type soakBook struct {
	mu     sync.Mutex
	n      int
	tells  map[string]*soakWrote // by stamp
	told   []*mailtest.Parsed    // answers whose customer may write again
	tellTo []string
	odd    []string
	late   []time.Duration // from a mail's arrival to that of what follows from it, since the last sample
	open   int             // mails nobody got yet
}

// soakWrote is a mail of a customer or an engineer.
type soakWrote struct {
	author   string
	customer string // customer an answer is for; "" for a customer's mail
	arrived  time.Time
	ids      map[string]int // Message-IDs of what came of it, and how often
	at       []string       // whom it reached
}

func newSoakBook() *soakBook { return &soakBook{tells: map[string]*soakWrote{}} }

// next is the next customer's mail: a question, or, half of the time, thanks
// for an answer.
func (b *soakBook) next(rng *mathrand.Rand) letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n++
	stamp := fmt.Sprintf("q%d", b.n)
	who := fmt.Sprintf("jane%d@client%d.example", b.n, b.n%50)
	m := mailtest.Mail{From: who, To: support, Subject: fmt.Sprintf("Printer %d", b.n)}
	text := "Ref: " + stamp + "\nIt burns, and the manual says nothing of it.\n"
	if len(b.told) > 0 && rng.IntN(2) == 0 {
		who, m = b.tellTo[0], replyTo(b.told[0], b.tellTo[0], text)
		m.To = support
		b.told, b.tellTo = b.told[1:], b.tellTo[1:]
	} else {
		m.Text = text
	}
	m.Date, m.MessageID = time.Now(), stamp+"@mua.example"
	b.write(stamp, who, "")
	return letter{who, support, stamp, m.Bytes()}
}

func (b *soakBook) write(stamp, author, customer string) {
	b.tells[stamp] = &soakWrote{author: author, customer: customer, ids: map[string]int{}}
	b.open++
}

// arrived says that a mail lies in the mailbox.
func (b *soakBook) arrived(stamp string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w := b.tells[stamp]; w != nil {
		w.arrived = time.Now()
	}
}

// got takes down what somebody received; an engineer's answer to it is to be
// sent.
func (b *soakBook) got(to string, p *mailtest.Parsed) (letter, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	engineer := isEngineer(to)
	text, mark := strings.ReplaceAll(p.Text, "\r\n", "\n"), "Ans: "
	if engineer {
		mark = "Ref: "
	}
	stamp := firstStamp(text, mark)
	w := b.tells[stamp]
	if w == nil || p.Get("Auto-Submitted") != "" || engineer != (w.customer == "") || !engineer && w.customer != to {
		b.odd = append(b.odd, fmt.Sprintf("%s got %q:\n%s", to, p.Get("Subject"), text))
		return letter{}, false
	}
	if len(w.ids) == 0 {
		b.open--
		if !w.arrived.IsZero() {
			b.late = append(b.late, time.Since(w.arrived))
		}
	}
	w.ids[p.Get("Message-ID")]++
	w.at = append(w.at, to)
	if len(w.at) > 1 {
		return letter{}, false
	}
	if !engineer {
		if len(p.IDs("References")) < 4 { // a conversation ends at last
			b.told, b.tellTo = append(b.told, p), append(b.tellTo, to)
		}
		return letter{}, false
	}
	return b.answer(to, stamp, p), true
}

// answer is what an engineer writes on the copy of a question.
func (b *soakBook) answer(who, question string, p *mailtest.Parsed) letter {
	stamp := "a" + question
	m := replyTo(p, who, "/close\nAns: "+stamp+"\nUse water.")
	m.Date, m.MessageID = time.Now(), stamp+"@desk.example"
	b.write(stamp, who, b.tells[question].author)
	return letter{who, m.To, stamp, m.Bytes()}
}

func (b *soakBook) strange(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.odd = append(b.odd, fmt.Sprintf(format, args...))
}

func (b *soakBook) done() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open == 0
}

// lags are the latencies since the last call.
func (b *soakBook) lags() []time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.late
	b.late = nil
	return list
}

// judge: everything reached whom it was for, once.
func (b *soakBook) judge(t *testing.T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	lost, twice := 0, 0
	for stamp, w := range b.tells {
		switch {
		case len(w.at) == 0:
			lost++
			if lost <= 10 {
				t.Errorf("%s, in the mailbox at %v, was lost", stamp, w.arrived)
			}
		case len(w.at) > 1:
			twice++
			if twice <= 10 {
				t.Errorf("%s reached %v, as %v", stamp, w.at, w.ids)
			}
		}
	}
	for i, s := range b.odd {
		if i < 10 {
			t.Errorf("%d: %s", i, s)
		}
	}
	t.Logf("%d mails written, half of them by customers; %d lost, %d doubled, %d strange", len(b.tells), lost, twice, len(b.odd))
	if lost+twice+len(b.odd) > 0 {
		t.Fail()
	}
	if float64(len(b.tells)) < soakFor.Seconds()**soakRate*0.8 {
		t.Errorf("that is too little for %v", *soakFor)
	}
}
