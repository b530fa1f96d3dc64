package service

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/mailtest"
	"postroom/internal/store"
)

var absenceMails = flag.Int("absence.mails", 400, "mails that come while the service is down for eight days")

const shared = "support@acme.example"

// oldMail is mail n of a customer; mail with an answered number answers it.
func oldMail(n, answers int) []byte {
	m := mailtest.Mail{
		From: fmt.Sprintf("c%d@client.example", n%50), To: shared, Subject: fmt.Sprintf("Matter %d", n),
		MessageID: fmt.Sprintf("old-%d@client.example", n), Date: time.Now(), Text: fmt.Sprintf("This is mail %d.\n", n),
	}
	if answers >= 0 {
		m.InReplyTo = fmt.Sprintf("old-%d@client.example", answers)
		m.References = []string{m.InReplyTo}
		m.Subject = "Re: " + m.Subject
	}
	return m.Bytes()
}

// copies counts what the engineers have got, by subject.
func (b *bubble) copies() map[string]int {
	b.t.Helper()
	count := map[string]int{}
	for _, who := range []string{"alice@acme.example", "bob@acme.example", "carol@acme.example"} {
		for _, p := range b.inbox(who) {
			count[p.Get("Subject")]++
		}
	}
	return count
}

func (b *bubble) append(raw []byte, flags ...string) uint32 {
	b.t.Helper()
	uid, err := b.world.Append(shared, "INBOX", raw, flags, time.Time{})
	if err != nil {
		b.t.Fatal(err)
	}
	return uid
}

// audited checks that every message of the mailbox has its outcome.
func (b *bubble) audited() {
	b.t.Helper()
	a, err := b.svc.Audit(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	if !a.Fine() || a.Accounted != a.UIDs {
		b.t.Errorf("the audit: %+v", a)
	}
}

// TestAbsence: the service is down for eight days. People read half of what
// comes meanwhile, delete some of it and move some away; the folder is
// renumbered five times behind that. Each mail that is there goes to one
// engineer, once.
func TestAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "imap.poll = \"1h\"")
		defer b.end()
		b.start()
		b.wait(time.Minute)
		b.halt()
		time.Sleep(8 * 24 * time.Hour)

		n := *absenceMails
		var uids []uint32
		for i := range n {
			var flags []string
			if i%2 == 0 {
				flags = []string{`\Seen`}
			}
			uids = append(uids, b.append(oldMail(i, -1), flags...))
		}
		gone := map[int]bool{}
		rng := rand.New(rand.NewPCG(8, 8))
		for _, i := range rng.Perm(n)[:n/20] { // of 5,000: 200 are deleted, 50 moved
			gone[i] = true
			if err := b.world.Remove(shared, "INBOX", uids[i]); err != nil {
				t.Fatal(err)
			}
			if len(gone)%5 == 0 {
				if _, err := b.world.Append(shared, "Archive", oldMail(i, -1), nil, time.Time{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		b.start()
		b.wait(30 * time.Minute)
		b.audited()
		check := func(when string) {
			count := b.copies()
			for i := range n {
				want := 1
				if gone[i] {
					want = 0
				}
				if got := count[fmt.Sprintf("Matter %d", i)]; got != want {
					t.Errorf("%s: mail %d was handed out %d times, want %d", when, i, got, want)
				}
			}
		}
		check("after the absence")
		for turn := range 5 {
			if err := b.world.RecreateMailbox(shared, "INBOX", true); err != nil {
				t.Fatal(err)
			}
			b.wait(2 * time.Hour)
			check(fmt.Sprintf("renumbered %d times", turn+1))
			b.audited()
		}
		b.wait(2 * time.Hour)
		list, err := b.world.Messages(shared, "INBOX")
		if err != nil || len(list) != n-len(gone) {
			t.Errorf("%d messages, %v", len(list), err)
		}
		for _, m := range list {
			if !slices.Contains(m.Flags, `\Seen`) {
				t.Errorf("UID %d was handed out and is not marked as seen", m.UID)
			}
		}
	})
}

// meter counts what comes from the server, and ends the service after so many
// octets.
type meter struct {
	mu      sync.Mutex
	headers int // header fields that were fetched
	left    int // octets until the end; 0 for no end
	end     func()
}

func (m *meter) dial(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &metered{c, m}, nil
	}
}

type metered struct {
	net.Conn
	by *meter
}

func (c *metered) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.by.mu.Lock()
	defer c.by.mu.Unlock()
	c.by.headers += bytes.Count(b[:n], []byte("BODY[HEADER.FIELDS"))
	if c.by.left > 0 {
		if c.by.left -= n; c.by.left <= 0 {
			c.by.left = 0
			c.by.end()
		}
	}
	return n, err
}

// TestHistoryInterrupted: the import of the history is ended at ten instants,
// each time when a mail comes in that answers an old one.
func TestHistoryInterrupted(t *testing.T) {
	const old = 3000
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "")
		defer func() {
			if err := b.world.Close(); err != nil {
				t.Error(err)
			}
		}()
		for i := range old {
			answers := -1
			if i%5 == 4 {
				answers = i - 4
			}
			b.append(oldMail(i, answers))
		}
		rng := rand.New(rand.NewPCG(3, 4))
		m := &meter{}
		var asked []int
		run := func(octets int) {
			seams := b.seams()
			seams.Dial = m.dial(b.net.DialContext)
			svc, err := New(b.cfg, seams)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			m.mu.Lock()
			m.left, m.end = octets, cancel
			m.mu.Unlock()
			b.svc, b.done, b.stop = svc, make(chan error, 1), cancel
			go func() { b.done <- svc.Run(ctx) }()
			b.wait(20 * time.Minute)
			if octets == 0 {
				b.audited()
				b.answersIn(asked)
			}
			b.halt()
		}
		for turn := range 10 {
			run(20_000 + rng.IntN(80_000))
			n := rng.IntN(old)
			asked = append(asked, n)
			b.append(mailtest.Mail{
				From: fmt.Sprintf("c%d@client.example", n%50), To: shared, Subject: fmt.Sprintf("Re: Matter %d", n),
				MessageID: fmt.Sprintf("live-%d@client.example", turn), InReplyTo: fmt.Sprintf("old-%d@client.example", n),
				Date: time.Now(), Text: "And now?\n",
			}.Bytes())
		}
		run(0)
		if most := old + 11*500 + 10; m.headers < old || m.headers > most {
			t.Errorf("%d headers were fetched for %d mails", m.headers, old)
		}
		t.Logf("%d headers were fetched for %d mails", m.headers, old)
	})
}

// answersIn checks that each live mail joined the conversation of the old
// mail it answers, and went to an engineer.
func (b *bubble) answersIn(asked []int) {
	b.t.Helper()
	err := b.svc.Store().View(func(tx *store.Tx) error {
		if c, _, err := tx.Cursor("INBOX"); err != nil || !c.HistoryComplete() {
			return fmt.Errorf("the history is not complete: %+v, %v", c, err)
		}
		where := func(id string) uint64 {
			for _, k := range tx.Index().ID(id) {
				if k.Event > 0 {
					return uint64(k.Conversation)
				}
			}
			return 0
		}
		for turn, n := range asked {
			live, old := where(fmt.Sprintf("<live-%d@client.example>", turn)), where(fmt.Sprintf("<old-%d@client.example>", n))
			if live == 0 || live != old {
				b.t.Errorf("the answer to old mail %d is in conversation %d, and that one in %d", n, live, old)
			}
		}
		return nil
	})
	if err != nil {
		b.t.Error(err)
	}
	sum := 0
	for subject, n := range b.copies() {
		if strings.HasPrefix(subject, "Re: Matter") {
			sum += n
		}
	}
	if sum != len(asked) {
		b.t.Errorf("%d answers to old mail were handed out, want %d", sum, len(asked))
	}
}
