package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postroom/internal/mailtest"
)

var (
	kills    = flag.Int("kills", 15, "how often TestKill kills the service")
	killMail = flag.Int("kill-mails", 40, "how many mails customers write meanwhile")
	killSeed = flag.Uint64("kill-seed", 0, "the seed of TestKill; 0: another one each time")
)

// killed is a service that is killed again and again while customers write
// and engineers answer.
type killed struct {
	t    *testing.T
	o    *office
	d    *mailtest.Dovecot
	sink *sink
	rng  *rand.Rand

	services  []*process
	customers int
	engineers []*person
	queue     chan transaction // what arrived and a robot has to look at
	robot     sync.WaitGroup

	mu       sync.Mutex
	seen     map[string]bool // Message-IDs the robots have dealt with
	written  int             // first mails of customers
	answered map[string]bool // questions whose answer has arrived
	progress chan struct{}   // closed when something arrives
	errs     []error
}

// TestKill kills the built command at random instants: by the clock, when it
// logs something, when the relay has a mail whole, and when the relay has
// taken one and the service does not know. The whole form is
//
//	go test ./cmd/postroom -run TestKill -kills 200 -kill-mails 300
func TestKill(t *testing.T) {
	seed := *killSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-kill-seed=%d", seed)
	k := newKilled(t, seed)
	k.o.drain() // fixes where new mail begins
	doomed := make(map[string]int)
	for n := range *kills {
		doomed[k.cycle(n)]++
	}
	t.Logf("killed: %v", doomed)
	began := time.Now()
	k.finish()
	t.Logf("finished in %v", time.Since(began))
	k.check()
}

// unknownWait is how long the service looks for our own copy of a mail that it
// does not know to be taken.
const unknownWait = 2 * time.Second

func newKilled(t *testing.T, seed uint64) *killed {
	k := &killed{
		t: t, rng: rand.New(rand.NewPCG(seed, 0)), customers: *killMail / 2,
		engineers: []*person{
			{name: "Alice Ng", address: "alice@dev.example", host: "a.dev.example"},
			{name: "Bob Ruiz", address: "bob@dev.example", host: "b.dev.example"},
			{name: "Cem Acar", address: "cem@dev.example", host: "c.dev.example"},
		},
		queue: make(chan transaction, 10000), seen: map[string]bool{}, answered: map[string]bool{}, progress: make(chan struct{}),
	}
	users := []mailtest.User{{Address: supportAddr, Password: password}, {Address: customers, Password: password}}
	var staff []engineer
	for _, e := range k.engineers {
		users = append(users, mailtest.User{Address: e.address, Password: password})
		staff = append(staff, engineer{name: e.name, email: e.address})
	}
	k.d = mailtest.StartDovecot(t, mailtest.DovecotOptions{Users: users})
	k.sink = startSink(t, func(to string, raw []byte) error { return k.d.Deliver("relay@relay.invalid", to, raw) },
		func(tx transaction) { k.queue <- tx })
	k.o = newOffice(t, setup{
		imap: "imap://" + k.d.IMAP, smtp: "smtp://" + k.sink.addr, caFile: k.d.CA.File, openRelay: true,
		imapLines: "poll = \"1s\"\n", engineers: staff,
		smtpLines: fmt.Sprintf("insecure = true\nretry = \"1s\"\nunknown_wait = %q\n", unknownWait),
	})
	k.robot.Add(1)
	go k.people()
	t.Cleanup(func() {
		close(k.queue)
		k.robot.Wait()
	})
	return k
}

// customers is the mailbox of all customers: customer 7 is cust+7@.
const customers = "cust@people.example"

func customer(n int) *person {
	return &person{name: fmt.Sprintf("Customer %d", n), address: fmt.Sprintf("cust+%d@people.example", n), host: fmt.Sprintf("c%d.people.example", n)}
}

// cycle starts the service, lets some customers write, and kills it. It
// returns how.
func (k *killed) cycle(n int) string {
	k.t.Helper()
	share := k.customers*(n+1)/(*kills) - k.customers*n/(*kills)
	svc := k.start()
	svc.doomed.Store(true)
	defer k.sound(svc)
	var feeding sync.WaitGroup
	feeding.Go(func() {
		for range share {
			k.writeFirst()
		}
	})
	defer feeding.Wait()
	ctx, cancel := context.WithTimeout(k.t.Context(), 200*time.Millisecond+time.Duration(k.rng.Int64N(int64(1300*time.Millisecond))))
	defer cancel()
	how := k.rng.IntN(5)
	switch how {
	case 0:
		short, cancel := context.WithTimeout(ctx, time.Duration(k.rng.Int64N(int64(250*time.Millisecond))))
		defer cancel()
		<-short.Done()
		svc.kill()
		return "by the clock, early"
	case 1:
		name := []string{"received", "queued", "assigned", "sent", "accepted"}[k.rng.IntN(5)]
		svc.until(ctx, name, 1+k.rng.IntN(4))
		svc.kill()
		return "at a line of the log"
	case 2, 3:
		struck := make(chan struct{})
		lose := k.rng.IntN(2) == 0
		k.sink.arm(k.trap(svc, how == 2, lose, struck))
		select {
		case <-struck:
		case <-ctx.Done():
		}
		k.sink.arm(nil)
		svc.kill()
		if how == 2 {
			return "with a mail not yet taken"
		}
		return "with a mail taken"
	}
	<-ctx.Done()
	svc.kill()
	return "by the clock"
}

func (k *killed) start() *process {
	k.t.Helper()
	svc := k.o.start()
	k.services = append(k.services, svc)
	return svc
}

// about is what all the services said about a mail.
func (k *killed) about(id string) string {
	var b strings.Builder
	job := ""
	for i, svc := range k.services {
		svc.mu.Lock()
		for j, e := range svc.events {
			if s, _ := e["job"].(string); s != "" && e["msgid"] == id {
				job = s
			}
			if e["msgid"] == id || job != "" && e["job"] == job || j == 0 {
				fmt.Fprintf(&b, "%d: %v\n", i, e)
			}
		}
		svc.mu.Unlock()
	}
	return b.String()
}

// trap kills the service while the relay has a mail in hand.
func (k *killed) trap(svc *process, refuse, lose bool, struck chan struct{}) func(moment, *transaction) {
	return func(at moment, tx *transaction) {
		switch {
		case at == beforeTaking && refuse:
			svc.kill()
			tx.from = refused
			close(struck)
		case at == beforeTaking && lose:
			// Nobody will ever see our own copy of this one.
			svc.kill()
			tx.lost = true
		case at == afterTaking:
			svc.kill()
			close(struck)
		}
	}
}

// sound looks at what a service said in its life.
func (k *killed) sound(svc *process) {
	svc.mu.Lock()
	defer svc.mu.Unlock()
	for _, line := range svc.raw {
		if strings.Contains(line, "panic:") || strings.HasPrefix(line, "goroutine ") || strings.HasPrefix(line, "fatal error:") {
			k.t.Fatalf("the service broke:\n%s", strings.Join(svc.raw, "\n"))
		}
	}
}

// writeFirst is a new customer's first mail.
func (k *killed) writeFirst() {
	k.mu.Lock()
	n := k.written
	k.written++
	k.mu.Unlock()
	c := customer(n)
	q := question(n, 1)
	m := c.write("About "+q, q+": how does it work?\n")
	m.MessageID = messageID(n, 1)
	k.note(k.d.Deliver(c.address, supportAddr, m.Bytes()))
}

func question(n, round int) string { return fmt.Sprintf("Q-%04d-%d", n, round) }

func messageID(n, round int) string { return fmt.Sprintf("q-%04d-%d@people.example", n, round) }

// mark finds what a mail is about: the first mark in its text.
var mark = regexp.MustCompile(`([QA])-(\d{4})-(\d)`)

func (k *killed) note(err error) {
	if err == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.errs = append(k.errs, err)
}

// people are the engineers and customers: each deals with a mail once, however
// often it comes.
func (k *killed) people() {
	defer k.robot.Done()
	for tx := range k.queue {
		for _, to := range tx.to {
			k.note(k.react(to, tx.raw))
		}
		k.mu.Lock()
		close(k.progress)
		k.progress = make(chan struct{})
		k.mu.Unlock()
	}
}

func (k *killed) react(to string, raw []byte) error {
	if strings.HasPrefix(to, "support") {
		return nil
	}
	p, err := mailtest.Parse(raw)
	if err != nil {
		return err
	}
	if p.Get("Auto-Submitted") != "" {
		return nil // a notice; the check finds it
	}
	found := mark.FindStringSubmatch(p.Text)
	if found == nil {
		return fmt.Errorf("a mail to %s about nothing:\n%s", to, raw)
	}
	k.mu.Lock()
	again := k.seen[p.Get("Message-ID")]
	k.seen[p.Get("Message-ID")] = true
	k.mu.Unlock()
	if again {
		return nil
	}
	var n int
	fmt.Sscan(strings.TrimLeft(found[2], "0"), &n) // "" is 0
	i := slices.IndexFunc(k.engineers, func(e *person) bool { return e.address == to })
	if i >= 0 {
		m := k.engineers[i].reply(k.t, raw, fmt.Sprintf("A-%s-%s: like this.", found[2], found[3]))
		return k.d.Deliver(k.engineers[i].address, m.To, m.Bytes())
	}
	k.mu.Lock()
	k.answered[found[2]+"-"+found[3]] = true
	k.mu.Unlock()
	if found[3] != "1" {
		return nil
	}
	c := customer(n)
	m := c.reply(k.t, raw, question(n, 2)+": thanks, and now?")
	m.MessageID = messageID(n, 2)
	return k.d.Deliver(c.address, supportAddr, m.Bytes())
}

// finish lets the service run until everybody has an answer, and ends it.
func (k *killed) finish() {
	k.t.Helper()
	for k.written < k.customers { // nobody else writes now
		k.writeFirst()
	}
	svc := k.start()
	ctx, cancel := context.WithTimeout(k.t.Context(), 30*time.Second+time.Duration(*killMail)*time.Second)
	defer cancel()
	for {
		k.mu.Lock()
		n, next := len(k.answered), k.progress
		errs := slices.Clone(k.errs)
		k.mu.Unlock()
		for _, err := range errs {
			k.t.Fatal(err)
		}
		if n == 2*k.customers {
			break
		}
		select {
		case <-next:
		case <-ctx.Done():
			k.t.Fatalf("%d of %d answers arrived\nheld:\n%s\noutbox:\n%s\naside:\n%s\nthe service said:\n%s", n, 2*k.customers,
				k.o.command(0, "held", "--json"), k.o.command(0, "outbox", "--json"), k.o.command(0, "aside", "--json"), svc.log())
		}
	}
	k.quiet(ctx, svc)
	if took := svc.stop(); took > 2*time.Second {
		k.t.Errorf("the service took %v to end", took)
	}
	k.sound(svc)
	if s := k.o.drain(); s.Queued != 0 || s.Held != 0 {
		k.t.Errorf("after all: %+v", s)
	}
}

// quiet waits until nothing is on its way any more. The service is another
// process, so this looks every now and then.
func (k *killed) quiet(ctx context.Context, svc *process) {
	k.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		r := execute(k.t, k.o.dir, "status", "--json")
		status := objects[struct{ Queued, Inbox int }](k.t, r.stdout)
		if len(status) == 1 && status[0].Queued == 0 && status[0].Inbox == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			k.t.Fatalf("mail is still on its way: %s\n%s\n%s", r.stdout, k.o.command(0, "outbox", "--json"), svc.log())
		}
	}
}
