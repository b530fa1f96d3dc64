package lab

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/config"
	"postroom/internal/mailtest"
	"postroom/internal/mailtest/servers"
	"postroom/internal/service"
	"postroom/internal/store"
)

// bubble is a whole Postroom in a synctest bubble: the real service and its
// files, servers in memory, and people who write.
type bubble struct {
	t     testing.TB
	world *servers.World
	net   *servers.Network
	wires *wires
	dir   string
	rot   string // the rotation file's text, read in place of a file
	rotMu sync.Mutex
	log   *bytes.Buffer
	cfg   *config.Config
	shelf shelf
	wrong atomic.Int64 // how far the service's clock is from the time, in nanoseconds

	stop func()
	done chan error
	svc  *service.Service

	breaches []breach
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
}

// broken records that a promise is.
func (b *bubble) broken(p promise, format string, args ...any) {
	b.breaches = append(b.breaches, breach{p, fmt.Sprintf(format, args...)})
}

// The addresses of the two servers.
const (
	imapAddr = "127.0.0.1:143"
	smtpAddr = "127.0.0.1:587"
)

// toTheNanosecond keeps the instants of the log apart.
func toTheNanosecond(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.String(a.Key, a.Value.Time().UTC().Format(nano))
	}
	return a
}

const nano = "2006-01-02T15:04:05.000000000Z"

// rewrites reports whether this is a world whose relay gives every mail a
// Message-ID of its own.
func rewrites(seed uint64) bool { return seed%4 == 2 }

func newBubble(t testing.TB, seed uint64, extra string) *bubble {
	opts := servers.Options{RequireAuth: true, SpecialUse: true, RewriteMessageIDs: rewrites(seed)}
	b := &bubble{t: t, net: &servers.Network{}, dir: t.TempDir(), rot: rotationABC, log: &bytes.Buffer{}}
	b.wires = &wires{seed: seed, dial: b.net.DialContext, known: map[string]int{}}
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
	ln, err := b.net.Listen(imapAddr)
	if err != nil {
		b.t.Fatal(err)
	}
	b.world.StartIMAP(ln)
}

func (b *bubble) startSMTP() {
	ln, err := b.net.Listen(smtpAddr)
	if err != nil {
		b.t.Fatal(err)
	}
	b.world.StartSMTP(ln)
}

func (b *bubble) seams() service.Seams {
	return service.Seams{
		Log: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{ReplaceAttr: toTheNanosecond})), Now: b.now, Random: bytes.NewReader(bytes.Repeat([]byte("key!"), 8)),
		Jitter: func() float64 { return 0.5 }, Dial: b.wires.DialContext, Room: b.shelf.room,
		ReadRotation: func(string) ([]byte, error) { return b.readRotation(), nil }, RotationEvery: time.Hour,
		Tell: func(string) {},
	}
}

// now is what the service's clock shows.
func (b *bubble) now() time.Time { return time.Now().Add(time.Duration(b.wrong.Load())) }

func (b *bubble) readRotation() []byte {
	b.rotMu.Lock()
	defer b.rotMu.Unlock()
	return []byte(b.rot)
}

// editRotation saves the rotation file, also while the service runs.
func (b *bubble) editRotation(text string) {
	b.rotMu.Lock()
	defer b.rotMu.Unlock()
	b.rot = text
}

func (b *bubble) start() error {
	svc, err := service.New(b.cfg, b.seams())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	b.svc, b.done, b.stop = svc, make(chan error, 1), cancel
	go func() { b.done <- svc.Run(ctx) }()
	return nil
}

// halt ends the service and verifies its store.
func (b *bubble) halt() {
	b.t.Helper()
	b.stop()
	if err := <-b.done; err != nil {
		b.broken(pCrash, "the service ended with %v", err)
	}
	for _, err := range b.svc.Store().Verify() {
		b.broken(pCrash, "verify: %v", err)
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
}

// wait lets simulated time go by.
func (b *bubble) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// folder is the mails in a folder of a person, oldest first.
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
