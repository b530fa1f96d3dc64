package probe

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postroom/imapsync"
	"postroom/internal/login"
	"postroom/internal/mailtest/servers"
	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/smtpout"
	"postroom/threads"
)

const support = "support@acme.example"

// rig is a prober between a mail server in memory and a state directory.
type rig struct {
	t      *testing.T
	world  *servers.World
	net    *servers.Network
	st     *store.Store
	prober *Prober

	plus       bool            // addresses with a token are set up
	reads      imapsync.Config // which folders
	registered []string
}

// bubble runs f with a rig in a bubble of simulated time.
func bubble(t *testing.T, opts servers.Options, change func(*rig, *Config), f func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		opts.RequireAuth, opts.SpecialUse = true, true
		r := &rig{t: t, net: &servers.Network{}, plus: true, world: servers.New(slog.New(slog.DiscardHandler), opts)}
		if err := r.world.AddAccount(servers.Account{Address: support, Password: "secret"}); err != nil {
			t.Fatal(err)
		}
		r.startIMAP()
		ln, err := r.net.Listen("127.0.0.1:587")
		if err != nil {
			t.Fatal(err)
		}
		r.world.StartSMTP(ln)
		defer r.world.Close()
		if r.st, err = store.Open(slog.New(slog.DiscardHandler), t.TempDir(), rand.Reader); err != nil {
			t.Fatal(err)
		}
		defer r.st.Close()
		cfg := r.config()
		if change != nil {
			change(r, &cfg)
		}
		r.prober = New(slog.New(slog.DiscardHandler), cfg)
		f(r)
	})
}

func (r *rig) startIMAP() {
	r.t.Helper()
	ln, err := r.net.Listen("127.0.0.1:143")
	if err != nil {
		r.t.Fatal(err)
	}
	r.world.StartIMAP(ln)
}

func (r *rig) config() Config {
	who := login.Credentials{Username: support, Password: func(context.Context) (string, error) { return "secret", nil }}
	render := func(_ context.Context, w io.Writer, m store.OutMail) error {
		recipe, err := message.DecodeRecipe(m.Recipe)
		if err != nil {
			return err
		}
		return recipe.Render(w, nil)
	}
	log, jitter := slog.New(slog.DiscardHandler), func() float64 { return 0.5 }
	return Config{
		Support: support, Composer: message.NewComposer(threads.Address{Addr: support}, "", "acme.example"),
		Relay: smtpout.New(log, smtpout.Config{Server: "127.0.0.1:587", TLS: smtpout.TLSOpportunistic, Login: who},
			r.st, r.net.DialContext, render, time.Now, jitter, nobody{}),
		Mailbox: imapsync.New(log, imapsync.Config{Server: "127.0.0.1:143", TLS: imapsync.TLSOpportunistic, Login: who, Folder: r.reads.Folder, Also: r.reads.Also},
			r.st, r.net.DialContext, time.Now, jitter, nobody{}),
		Register: func(name string) (Letter, error) {
			r.registered = append(r.registered, name)
			l := Letter{MessageID: "<" + name + "@acme.example>", References: []string{"<a@acme.example>", "<b@acme.example>"}, Bounce: support}
			if r.plus {
				l.Address, l.Bounce = "support+c"+name+"@acme.example", "support+b"+name+"@acme.example"
			}
			return l, nil
		},
		Now: time.Now,
	}
}

// run probes, and returns what was found, how long it took, and how many
// probes are left in the mailbox.
func (r *rig) run(asked bool) (found Report, took time.Duration, left int) {
	r.t.Helper()
	began := time.Now()
	found, err := r.prober.Run(r.t.Context(), asked)
	if err != nil {
		r.t.Fatal(err)
	}
	list, err := r.world.Messages(support, "INBOX")
	if err != nil {
		r.t.Fatal(err)
	}
	return found, time.Since(began), len(list)
}

// says is what a report says.
func says(r Report) string { return strings.Join(r.Sentences(), "\n") }

// nobody listens to what the two ends tell.
type nobody struct{}

func (nobody) RelayError(error)                 {}
func (nobody) Paused(time.Time)                 {}
func (nobody) EnvelopeFallback(string)          {}
func (nobody) Connected(string, bool)           {}
func (nobody) Error(string, error)              {}
func (nobody) CaughtUp(string, time.Time)       {}
func (nobody) HistoryProgress(string, int, int) {}

// logged is a log that is read afterwards.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}
