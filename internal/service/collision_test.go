package service

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/mailtest"
)

var (
	collisions = flag.Int("collisions", 60, "how often two engineers reply within the same second")
	collide    = flag.Uint64("collisions.seed", 1, "names the order in which they do")
)

// collision is one conversation that two engineers answer within a second.
type collision struct {
	subject  string
	authors  [2]string
	released bool
}

// TestTwoRepliesWithinASecond: of two engineers who answer the same mail in the
// same second one is held and told, and the customer never gets two answers
// unless the second was released with /send.
func TestTwoRepliesWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "")
		b.rot = rotationABC + "[policy]\nmode = \"offer\"\n"
		b.start()
		defer b.end()
		b.wait(time.Second)
		c := &collider{bubble: b, rng: rand.New(rand.NewPCG(*collide, 7)), read: map[string]int{}}
		for left := *collisions; left > 0; left -= perRound {
			c.round(min(perRound, left))
		}
		t.Logf("%d collisions, seed %d: %d held, %d released, %d kept as notes", c.n, *collide, c.held, c.released, c.noted)
		if c.held < c.n {
			t.Errorf("of %d second answers %d were held", c.n, c.held)
		}
	})
}

// perRound is how many collide within one simulated hour: nobody is sent more
// notices in it than a budget allows.
const perRound = 20

type collider struct {
	*bubble
	rng                      *rand.Rand
	read                     map[string]int // mails of each mailbox that were looked at
	n, held, released, noted int
}

// fresh is what came into a mailbox since the last look.
func (c *collider) fresh(who string) []*mailtest.Parsed {
	c.t.Helper()
	list, err := c.world.Messages(who, "INBOX")
	if err != nil {
		c.t.Fatal(err)
	}
	var parsed []*mailtest.Parsed
	for _, m := range list[c.read[who]:] {
		parsed = append(parsed, mailtest.MustParse(c.t, m.Raw))
	}
	c.read[who] = len(list)
	return parsed
}

func (c *collider) round(n int) {
	cases := map[string]*collision{}
	for range n {
		c.n++
		k := &collision{subject: fmt.Sprintf("Case %d", c.n)}
		cases[k.subject] = k
		c.write(mailtest.Mail{From: "jane@client.example", To: "support@acme.example", Subject: k.subject, Text: "It burns.\n"})
	}
	c.wait(3 * time.Minute)
	c.reply(cases)
	c.wait(3 * time.Minute)
	c.count(cases, false)
	c.settle(cases)
	c.wait(3 * time.Minute)
	c.count(cases, true)
	c.wait(time.Hour)
}

// reply has two engineers answer each case, in any order within one second.
func (c *collider) reply(cases map[string]*collision) {
	var mails []mailtest.Mail
	engineers := []string{"alice@acme.example", "bob@acme.example", "carol@acme.example"}
	for i, who := range engineers {
		for _, cp := range c.fresh(who) {
			k := cases[cp.Get("Subject")]
			if k == nil {
				continue
			}
			var of int
			fmt.Sscanf(k.subject, "Case %d", &of)
			if of%len(engineers) == i {
				continue // the third one is out
			}
			if k.authors[0] == "" {
				k.authors[0] = who
			} else {
				k.authors[1] = who
			}
			m := replyTo(cp, who, "Use water, says "+who[:3]+".")
			m.MessageID = fmt.Sprintf("answer-%s-%s", strings.ReplaceAll(k.subject, " ", "-"), who)
			mails = append(mails, m)
		}
	}
	if len(mails) != 2*len(cases) {
		c.t.Fatalf("%d replies to %d cases", len(mails), len(cases))
	}
	c.rng.Shuffle(len(mails), func(i, j int) { mails[i], mails[j] = mails[j], mails[i] })
	for i, m := range mails {
		c.write(m)
		if i%2 == 1 && c.rng.IntN(3) == 0 {
			c.wait(time.Duration(c.rng.IntN(int(time.Second) / len(mails))))
		}
	}
}

// settle lets those whose answer was held decide: to send, to keep it as a
// note, to throw it away, or not at all.
func (c *collider) settle(cases map[string]*collision) {
	for _, who := range []string{"alice@acme.example", "bob@acme.example", "carol@acme.example"} {
		for _, n := range c.fresh(who) {
			subject, ok := strings.CutPrefix(n.Get("Subject"), "Not sent yet: ")
			k := cases[subject]
			if !ok || k == nil {
				continue
			}
			c.held++
			if !strings.Contains(n.Text, "What happened meanwhile") || !strings.Contains(n.Text, "says ") {
				c.t.Errorf("%s is not told what happened: %s", who, n.Text)
			}
			switch c.rng.IntN(4) {
			case 0:
				k.released = true
				c.released++
				c.write(replyTo(n, who, "/send"))
			case 1:
				c.noted++
				c.write(replyTo(n, who, "/note"))
			case 2:
				c.write(replyTo(n, who, "/discard"))
			}
		}
	}
}

// count looks at what the customer got: one answer to each case at first, and a
// second one only where it was released.
func (c *collider) count(cases map[string]*collision, settled bool) {
	got := map[string]int{}
	for _, a := range c.fresh("jane@client.example") {
		got[strings.TrimPrefix(a.Get("Subject"), "Re: ")]++
	}
	for _, k := range cases {
		want := 1
		if settled {
			want = 0
			if k.released {
				want = 1
			}
		}
		if got[k.subject] != want {
			c.t.Errorf("%s: %d answers, want %d (settled: %v, released: %v)", k.subject, got[k.subject], want, settled, k.released)
		}
	}
}
