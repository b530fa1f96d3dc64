package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postroom/internal/mailtest"
)

var (
	outKills = flag.Int("out-kills", 4, "how often TestKillSending kills the service")
	outMails = flag.Int("out-mails", 80, "how many mails it has to send")
	outWait  = flag.Duration("out-wait", 4*time.Second, "how long the service looks for our own copy: above whatever the sink takes to bring it, also on a busy machine")
)

// sending is a service that is killed again and again while it has a long
// outbox.
type sending struct {
	t    *testing.T
	o    *office
	d    *mailtest.Dovecot
	sink *sink
	rng  *rand.Rand

	mu       sync.Mutex
	slowest  time.Duration // from a mail's final dot until our own copy lies in the mailbox
	arrived  int
	progress chan struct{} // closed when something arrives
}

// TestKillSending kills the built command at random instants of sending, with
// no regard to what it does, and lets it go on. The sink counts Message-IDs:
// every mail arrives, and, since each of our own copies comes back within the
// time it is looked for, none arrives twice. The whole form is
//
//	go test ./cmd/postroom -run TestKillSending -out-kills 100 -out-mails 2000 -out-wait 15s -timeout 1h
func TestKillSending(t *testing.T) {
	seed := *killSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-kill-seed=%d", seed)
	k := newSending(t, seed)
	k.o.drain() // fixes where new mail begins
	for n := range *outMails {
		c := customer(n)
		m := c.write("About "+question(n, 1), question(n, 1)+": how does it work?\n")
		m.MessageID = messageID(n, 1)
		if err := k.d.Deliver(c.address, supportAddr, m.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	for n := range *outKills {
		k.cycle(n)
	}
	before := k.count()
	k.finish()
	t.Logf("%d mails, %d of them sent by services that were killed %d times", *outMails, before, *outKills)
	k.check()
}

func newSending(t *testing.T, seed uint64) *sending {
	k := &sending{t: t, rng: rand.New(rand.NewPCG(seed, 0)), progress: make(chan struct{})}
	k.d = mailtest.StartDovecot(t, mailtest.DovecotOptions{Users: []mailtest.User{{Address: supportAddr, Password: password}}})
	k.sink = startSink(t, k.deliver, func(transaction) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.arrived++
		close(k.progress)
		k.progress = make(chan struct{})
	})
	k.o = newOffice(t, setup{
		imap: "imap://" + k.d.IMAP, smtp: "smtp://" + k.sink.addr, caFile: k.d.CA.File, openRelay: true,
		imapLines: "poll = \"1s\"\n", engineers: []engineer{{name: "Alice Ng", email: "alice@dev.example"}, {name: "Bob Ruiz", email: "bob@dev.example"}},
		smtpLines: fmt.Sprintf("insecure = true\nsent_copy = \"bcc\"\nretry = \"1s\"\nunknown_wait = %q\n", *outWait),
	})
	return k
}

// deliver brings our own copy back, and everything else to nobody.
func (k *sending) deliver(to string, raw []byte) error {
	if !strings.HasPrefix(to, "support+c") {
		return nil
	}
	began := time.Now()
	err := k.d.Deliver("relay@relay.invalid", to, raw)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.slowest = max(k.slowest, time.Since(began))
	return err
}

func (k *sending) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.arrived
}

// cycle starts the service and kills it once it has sent some mails, and a
// little after.
func (k *sending) cycle(n int) {
	k.t.Helper()
	began := time.Now()
	svc := k.o.start()
	svc.doomed.Store(true)
	goal := *outMails * (n + 1) / (*outKills + 1)
	goal = max(k.count()+1, goal-k.rng.IntN(max(1, *outMails / *outKills)))
	ctx, cancel := context.WithTimeout(k.t.Context(), *outWait+20*time.Second)
	defer cancel()
	if k.await(ctx, goal) {
		late, cancel := context.WithTimeout(ctx, time.Duration(k.rng.Int64N(int64(5*time.Millisecond))))
		<-late.Done()
		cancel()
	}
	svc.kill()
	k.t.Logf("killed at %v with %d of %d mails arrived, %d were meant", time.Since(began).Round(time.Millisecond), k.count(), *outMails, goal)
}

// await waits until so many mails have arrived.
func (k *sending) await(ctx context.Context, goal int) bool {
	for {
		k.mu.Lock()
		n, next := k.arrived, k.progress
		k.mu.Unlock()
		if n >= goal {
			return true
		}
		select {
		case <-next:
		case <-ctx.Done():
			return false
		}
	}
}

// finish lets the service run until nothing is on its way.
func (k *sending) finish() {
	k.t.Helper()
	svc := k.o.start()
	ctx, cancel := context.WithTimeout(k.t.Context(), 60*time.Second+*outWait+time.Duration(*outMails)*200*time.Millisecond)
	defer cancel()
	rest := &killed{t: k.t, o: k.o}
	if !k.await(ctx, *outMails) {
		k.t.Errorf("%d of %d mails arrived\n%s\n%s", k.count(), *outMails, k.o.command(0, "outbox", "--json"), svc.log())
	}
	rest.quiet(ctx, svc)
	svc.stop()
	k.o.settled()
}

func (k *sending) check() {
	byID, byQuestion := map[string][]transaction{}, map[string][]string{}
	for _, tx := range k.sink.log() {
		p := mailtest.MustParse(k.t, tx.raw)
		id := p.Get("Message-ID")
		if len(byID[id]) == 0 {
			key := mark.FindString(p.Text)
			byQuestion[key] = append(byQuestion[key], id)
		}
		byID[id] = append(byID[id], tx)
	}
	twice := 0
	for id, list := range byID {
		if len(list) > 1 {
			twice++
			k.t.Errorf("%s went out %d times, at %v and %v to %v; our own copies were there at %v and %v",
				id, len(list), list[0].at, list[1].at, list[0].to, list[0].ownAt, list[1].ownAt)
		}
		for _, tx := range list {
			if !bytes.Equal(tx.raw, list[0].raw) {
				k.t.Errorf("%s went out with different octets", id)
			}
			if !slices.ContainsFunc(tx.to, func(to string) bool { return strings.HasPrefix(to, "support+c") }) {
				k.t.Errorf("%s went out without our own copy", id)
			}
		}
	}
	for n := range *outMails {
		if ids := byQuestion[question(n, 1)]; len(ids) != 1 {
			k.t.Errorf("%s went out as %d mails", question(n, 1), len(ids))
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.t.Logf("%d mails arrived, %d of them twice; our own copy took %v at most", len(byID), twice, k.slowest)
	if k.slowest > *outWait*2/3 {
		k.t.Errorf("that is too slow for a wait of %v to show anything", *outWait)
	}
}
