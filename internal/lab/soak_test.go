package lab

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"postroom/internal/mailtest"
)

var (
	soakFor  = flag.Duration("soak", 0, "how long TestSoak has the real program, Dovecot and a relay work; 0: not at all")
	soakRate = flag.Float64("soak.rate", 20, "mails a second that people write during TestSoak, half of them customers, half engineers")
)

// soak is a support team under steady load, on real servers.
type soak struct {
	t       *testing.T
	day     *day // the directory and the commands
	dovecot *mailtest.Dovecot
	relay   *soakRelay
	service *soakService
	book    *soakBook
	metrics string // where the program tells of its goroutines
	rng     *mathrand.Rand

	post    chan letter // into the mailbox
	ctx     context.Context
	writing sync.WaitGroup
}

// letter is a mail on its way into the support mailbox.
type letter struct {
	from, to, stamp string // stamp: "" for our own copy
	raw             []byte
}

// TestSoak has the real program follow a Dovecot and send over a relay of the
// test's own, at a steady rate, while each of the three is restarted: the
// program by SIGTERM and by SIGKILL at the beginning and near the end, the
// others all the time. In the end everybody must hold what was written to them,
// once, and what the program needs must not have grown while it lived.
func TestSoak(t *testing.T) {
	if *soakFor == 0 {
		t.Skip("long: -soak 1h; skipped without")
	}
	s := newSoak(t)
	s.run()
	s.settle()
	s.service.stop()
	s.book.judge(t)
	for _, verb := range []string{"verify", "audit"} {
		if out, err := s.day.command(s.day.postroom(), verb); err != nil {
			t.Errorf("%s: %v\n%s", verb, err, out)
		}
	}
	s.service.grown()
}

func newSoak(t *testing.T) *soak {
	s := &soak{t: t, ctx: t.Context(), post: make(chan letter, 4096), rng: mathrand.New(mathrand.NewPCG(cmp.Or(*seedFlag, 1), 0))}
	s.day = &day{t: t, dir: t.TempDir()}
	// In a maildir of a hundred thousand files each delivery and each \Seen has
	// Dovecot read the whole directory: that would be timed, not the program.
	s.dovecot = mailtest.StartDovecot(t, mailtest.DovecotOptions{Users: []mailtest.User{{Address: support, Password: "secret"}},
		Extra: "mail_location = sdbox:~/sdbox\nservice lmtp {\n  service_count = 200\n}\n"})
	s.book = newSoakBook()
	s.relay = startSoakRelay(t, s.taken)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.metrics = ln.Addr().String()
	ln.Close()
	s.day.file("secret", "secret\n")
	s.day.file("rotation.toml", rotationABC)
	s.day.file("postroom.toml", fmt.Sprintf(`
[support]
address = "support@acme.example"
name = "Acme Support"
reply_address = "support+{token}@acme.example"
[imap]
server = "imap://%s"
username = "support@acme.example"
password_file = "secret"
ca_file = %q
start = "all"
[smtp]
server = "smtp://%s"
insecure = true
sent_copy = "bcc"
unknown_wait = "1m"
retry = "2s"
probe = "off"
[admin]
listen = %q
`, s.dovecot.IMAP, s.dovecot.CA.File, s.relay.addr, s.metrics))
	s.service = &soakService{soak: s}
	s.service.start()
	return s
}

// run writes mails and restarts until the time is over.
func (s *soak) run() {
	ctx, cancel := context.WithTimeout(s.ctx, *soakFor)
	defer cancel()
	posting, stop := context.WithCancel(s.ctx)
	defer func() { s.t.Cleanup(func() { stop(); s.writing.Wait() }) }()
	for range 4 {
		s.writing.Go(func() { s.carry(posting) })
	}
	began := time.Now()
	every := time.NewTicker(time.Duration(2 / *soakRate * float64(time.Second)))
	defer every.Stop()
	sample := time.NewTicker(10 * time.Second)
	defer sample.Stop()
	trouble := s.troubles(began)
	var restarting sync.WaitGroup
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-sample.C:
			s.service.sample(time.Since(began))
		case now := <-every.C:
			s.send(s.book.next(s.rng))
			if len(trouble) > 0 && now.After(trouble[0].at) {
				next := trouble[0]
				trouble = trouble[1:]
				restarting.Wait() // the one before it has long ended
				s.t.Logf("%v: %s", now.Sub(began).Round(time.Second), next.name)
				restarting.Go(next.do)
			}
		}
	}
	restarting.Wait()
}

// restart is one of the restarts.
type restart struct {
	at   time.Time
	name string
	do   func()
}

// troubles are the restarts of a soak, in order.
func (s *soak) troubles(began time.Time) []restart {
	var list []restart
	add := func(share float64, name string, do func()) {
		list = append(list, restart{began.Add(time.Duration(share * float64(*soakFor))), name, do})
	}
	term, kill := func() { s.service.stop(); s.service.start() }, func() { s.service.kill(); s.service.start() }
	for i, do := range []func(){term, kill, term, kill} {
		add(0.03+0.05*float64(i), []string{"SIGTERM", "SIGKILL"}[i%2]+" to postroom", do)
	}
	for i := range 8 {
		at := 0.23 + 0.08*float64(i)
		switch i % 4 {
		case 0:
			add(at, "Dovecot ends and starts", func() { s.dovecot.Stop(); s.dovecot.Start() })
		case 2:
			add(at, "Dovecot is killed and starts", func() { s.dovecot.Kill(); s.dovecot.Start() })
		default:
			add(at, "the relay ends and starts", s.relay.restart)
		}
	}
	add(0.93, "SIGKILL to postroom", kill)
	return list
}

// send puts a mail on its way into the mailbox.
func (s *soak) send(l letter) {
	select {
	case s.post <- l:
	case <-s.ctx.Done():
	}
}

// carry brings mails into the mailbox, again and again until Dovecot has taken
// them.
func (s *soak) carry(ctx context.Context) {
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-s.post:
			for s.dovecot.Deliver(l.from, l.to, l.raw) != nil {
				select {
				case <-ctx.Done():
					return
				case <-again.C:
				}
			}
			s.book.arrived(l.stamp)
		}
	}
}

// taken is told of what the relay took for one recipient: our own copy goes
// into the mailbox, an engineer answers, a customer keeps it.
func (s *soak) taken(to string, raw []byte) {
	if strings.HasPrefix(to, "support") {
		s.writing.Go(func() { s.send(letter{from: "relay@relay.example", to: to, raw: raw}) })
		return
	}
	p, err := mailtest.Parse(raw)
	if err != nil {
		s.book.strange("a mail to %s cannot be read: %v", to, err)
		return
	}
	if l, ok := s.book.got(to, p); ok {
		s.writing.Go(func() { s.send(l) })
	}
}

// settle waits until nothing is on its way.
func (s *soak) settle() {
	ctx, cancel := context.WithTimeout(s.ctx, 5*time.Minute)
	defer cancel()
	look := time.NewTicker(500 * time.Millisecond)
	defer look.Stop()
	for !s.book.done() || s.service.metric("postroom_mails_queued") > 0 || s.service.metric("postroom_inbox_records") > 0 {
		select {
		case <-ctx.Done():
			out, _ := s.day.command(s.day.postroom(), "status")
			s.t.Errorf("not all has come to rest:\n%s", out)
			return
		case <-look.C:
		}
	}
}
