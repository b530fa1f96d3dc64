package service

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/config"
	"postroom/internal/mailtest"
	"postroom/internal/mailtest/servers"
	"postroom/internal/store"
)

// bubble is a whole Postroom in a synctest bubble: the real service and its
// files, servers in memory, and people who write.
type bubble struct {
	t     testing.TB
	world *servers.World
	net   *servers.Network
	dir   string
	rot   string // the rotation file's text, read in place of a file
	rotMu sync.Mutex
	log   *logBuffer
	cfg   *config.Config

	// lookupTXT is DNS; nil for none.
	lookupTXT func(context.Context, string) ([]string, error)

	web     bool // the health check is listened for
	control bool // and the control socket

	random string // what keys are drawn from; "" for the usual

	stop func()
	done chan error
	svc  *Service
	n    int // mails written, for ids
}

const rotationABC = `
timezone = "UTC"
admins = ["ops@acme.example"]
[[engineer]]
name = "Alice Ng"
email = "alice@acme.example"
[[engineer]]
name = "Bob Stone"
email = "bob@acme.example"
[[engineer]]
name = "Carol Diaz"
email = "carol@acme.example"
`

var people = []string{
	"support@acme.example", "alice@acme.example", "bob@acme.example", "carol@acme.example", "ops@acme.example",
	"jane@client.example", "joe@shop.example", "kim@third.example",
}

// logBuffer keeps the log and shows it when the test failed.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func newBubble(t testing.TB, extra string) *bubble {
	return newBubbleIn(t, extra, servers.Options{RequireAuth: true, SpecialUse: true})
}

func newBubbleIn(t testing.TB, extra string, opts servers.Options) *bubble {
	b := &bubble{t: t, net: &servers.Network{}, dir: t.TempDir(), rot: rotationABC, log: &logBuffer{}}
	b.world = servers.New(slog.New(slog.DiscardHandler), opts)
	for _, p := range people {
		if err := b.world.AddAccount(servers.Account{Address: p, Password: "secret", Folders: []string{"Archive"}}); err != nil {
			t.Fatal(err)
		}
	}
	b.startIMAP()
	b.startSMTP()
	if err := os.WriteFile(filepath.Join(b.dir, "secret"), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`
rotation = "rotation.toml"
[support]
address = "support@acme.example"
name = "Acme Support"
reply_address = "support+{token}@acme.example"
[imap]
server = "imap://127.0.0.1:143"
username = "support@acme.example"
password_file = %q
[smtp]
server = "smtp://127.0.0.1:587"
username = "support@acme.example"
password_file = %q
[engineers]
[state]
dir = %q
`, filepath.Join(b.dir, "secret"), filepath.Join(b.dir, "secret"), filepath.Join(b.dir, "state"))
	if !strings.Contains(extra, "smtp.probe") {
		extra += "\nsmtp.probe = \"off\"" // tests count the mails
	}
	for _, line := range strings.Split(strings.TrimSpace(extra), "\n") {
		table, setting, ok := strings.Cut(line, ".")
		if ok {
			text = strings.Replace(text, "["+table+"]\n", "["+table+"]\n"+setting+"\n", 1)
		}
	}
	cfg, err := config.Parse("postroom.toml", []byte(text), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	b.cfg = cfg
	return b
}

func (b *bubble) startIMAP() {
	ln, err := b.net.Listen("127.0.0.1:143")
	if err != nil {
		b.t.Fatal(err)
	}
	b.world.StartIMAP(ln)
}

func (b *bubble) startSMTP() {
	ln, err := b.net.Listen("127.0.0.1:587")
	if err != nil {
		b.t.Fatal(err)
	}
	b.world.StartSMTP(ln)
}

func (b *bubble) seams() Seams {
	s := b.ordinarySeams()
	if b.web {
		s.ListenWeb = func(addr string) (net.Listener, error) { return b.net.Listen(addr) }
	}
	if b.control {
		s.Listen = func(string) (net.Listener, error) { return b.net.Listen(controlAddr) }
	}
	return s
}

// controlAddr stands for the control socket in the memory of a test.
const controlAddr = "127.0.0.1:9"

func (b *bubble) ordinarySeams() Seams {
	return Seams{
		Log: slog.New(slog.NewTextHandler(b.log, nil)), Now: time.Now, Random: bytes.NewReader(bytes.Repeat([]byte(cmp.Or(b.random, "key!")), 8)),
		Jitter: func() float64 { return 0.5 }, Dial: b.net.DialContext, LookupTXT: b.lookupTXT,
		ReadRotation: func(string) ([]byte, error) { return b.readRotation(), nil }, RotationEvery: time.Hour,
		Tell: func(string) {},
	}
}

func (b *bubble) readRotation() []byte {
	b.rotMu.Lock()
	defer b.rotMu.Unlock()
	return []byte(b.rot)
}

func (b *bubble) start() {
	b.t.Helper()
	svc, err := New(b.cfg, b.seams())
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	b.svc, b.done, b.stop = svc, make(chan error, 1), cancel
	go func() { b.done <- svc.Run(ctx) }()
}

// halt ends the service and verifies its store.
func (b *bubble) halt() {
	b.t.Helper()
	b.stop()
	if err := <-b.done; err != nil {
		b.t.Errorf("the service ended with %v", err)
	}
	for _, err := range b.svc.Store().Verify() {
		b.t.Errorf("verify: %v", err)
	}
	if err := b.svc.Close(); err != nil {
		b.t.Error(err)
	}
}

func (b *bubble) end() {
	b.halt()
	if err := b.world.Close(); err != nil {
		b.t.Error(err)
	}
	if b.t.Failed() && testing.Verbose() {
		b.t.Log(b.log.String())
	}
}

// wait lets simulated time go by.
func (b *bubble) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// write sends a mail as a mail client does.
func (b *bubble) write(m mailtest.Mail) mailtest.Mail {
	b.t.Helper()
	b.n++
	if m.MessageID == "" {
		m.MessageID = fmt.Sprintf("client-%d@%s", b.n, strings.SplitN(m.From, "@", 2)[1])
	}
	if m.Date.IsZero() {
		m.Date = time.Now()
	}
	var to []string
	for _, list := range []string{m.To, m.Cc} {
		for _, a := range strings.Split(list, ",") {
			if a = strings.TrimSpace(a); a != "" {
				to = append(to, a)
			}
		}
	}
	for _, rcpt := range to {
		if err := b.world.Deliver(m.From, rcpt, m.Bytes()); err != nil {
			b.t.Fatalf("delivering to %s: %v", rcpt, err)
		}
	}
	return m
}

// inbox is the mails of a person, oldest first.
func (b *bubble) inbox(who string) []*mailtest.Parsed {
	b.t.Helper()
	return b.folder(who, "INBOX")
}

func (b *bubble) folder(who, folder string) []*mailtest.Parsed {
	b.t.Helper()
	list, err := b.world.Messages(who, folder)
	if err != nil {
		b.t.Fatal(err)
	}
	var all []*mailtest.Parsed
	for _, m := range list {
		all = append(all, mailtest.MustParse(b.t, m.Raw))
	}
	return all
}

// replyTo is a reply as mail clients make it: to Reply-To, else From; ids
// chained; the text quoted below.
func replyTo(p *mailtest.Parsed, from, text string) mailtest.Mail {
	to := p.Addresses("Reply-To")
	if len(to) == 0 {
		to = p.Addresses("From")
	}
	subject := p.Get("Subject")
	if !strings.HasPrefix(subject, "Re:") {
		subject = "Re: " + subject
	}
	quoted := "> " + strings.ReplaceAll(strings.TrimSpace(p.Text), "\n", "\n> ")
	return mailtest.Mail{
		From: from, To: to[0], Subject: subject, InReplyTo: p.Get("Message-ID"),
		References: append(p.IDs("References"), p.Get("Message-ID")),
		Text:       text + "\n\nOn Monday, " + p.Get("From") + " wrote:\n" + quoted + "\n",
	}
}

func (b *bubble) held() []store.Hold {
	var list []store.Hold
	if err := b.svc.Store().View(func(tx *store.Tx) (err error) {
		list, err = tx.Holds()
		return err
	}); err != nil {
		b.t.Fatal(err)
	}
	return list
}
