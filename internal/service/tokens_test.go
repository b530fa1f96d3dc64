package service

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
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
)

// provider gives access tokens and changes the refresh token each time.
type provider struct {
	mu      sync.Mutex
	refresh string
	access  map[string]time.Time // to their end
	n       int
	revoked bool      // the login
	closed  bool      // to whoever comes with a token
	ends    time.Time // the login, zero for unknown
	server  *http.Server
	ended   chan struct{}
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.FormValue("client_id") != "us" || r.FormValue("refresh_token") != p.refresh || p.revoked {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_grant"})
		return
	}
	p.n++
	access := fmt.Sprintf("access-%d", p.n)
	p.access[access] = time.Now().Add(time.Hour)
	p.refresh = fmt.Sprintf("refresh-%d", p.n)
	answer := map[string]any{"access_token": access, "refresh_token": p.refresh, "token_type": "Bearer", "expires_in": 3600}
	if !p.ends.IsZero() {
		answer["refresh_token_expires_in"] = int(time.Until(p.ends).Seconds())
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// good says whether a server lets a token in.
func (p *provider) good(user, token string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.closed && user == "support@acme.example" && time.Now().Before(p.access[token])
}

// change lets a test do something to the provider.
func (p *provider) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// newTokenBubble is a Postroom whose servers take tokens alone.
func newTokenBubble(t *testing.T) (*bubble, *provider) {
	b := &bubble{t: t, net: &servers.Network{}, dir: t.TempDir(), rot: rotationABC, log: &logBuffer{}}
	p := &provider{refresh: "refresh-0", access: map[string]time.Time{}, ended: make(chan struct{})}
	b.world = servers.New(slog.New(slog.DiscardHandler), servers.Options{RequireAuth: true, SpecialUse: true, Token: p.good})
	for _, a := range people {
		if err := b.world.AddAccount(servers.Account{Address: a, Password: "secret"}); err != nil {
			t.Fatal(err)
		}
	}
	b.startIMAP()
	b.startSMTP()
	ln, err := b.net.Listen("127.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	p.server = &http.Server{Handler: p, ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		defer close(p.ended)
		_ = p.server.Serve(ln)
	}()
	text := fmt.Sprintf(`
rotation = "rotation.toml"
[support]
address = "support@acme.example"
name = "Acme Support"
reply_address = "support+{token}@acme.example"
[imap]
server = "imap://127.0.0.1:143"
username = "support@acme.example"
poll = "30m"
[imap.oauth2]
provider = "custom"
client_id = "us"
token_url = "http://127.0.0.1:8080/token"
device_url = "http://127.0.0.1:8080/device"
scopes = ["mail"]
[smtp]
server = "smtp://127.0.0.1:587"
username = "support@acme.example"
[state]
dir = %q
`, filepath.Join(b.dir, "state"))
	if b.cfg, err = config.Parse("postroom.toml", []byte(text), func(string) string { return "" }); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(b.cfg.State.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b.logIn("refresh-0")
	return b, p
}

// logIn writes what `postroom login` would.
func (b *bubble) logIn(refresh string) {
	b.t.Helper()
	text := fmt.Sprintf(`{"version":1,"client_id":"us","refresh_token":%q}`, refresh)
	if err := os.WriteFile(b.cfg.IMAP.OAuth2.TokenFile, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (p *provider) close() {
	p.server.Close()
	<-p.ended
}

// The main job over a day with tokens that last an hour each, the service
// started anew in between, and a token that is revoked before its end.
func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := newTokenBubble(t)
		defer p.close()
		b.start()
		b.wait(time.Minute)
		for hour := range 24 {
			b.write(mailtest.Mail{From: "jane@client.example", To: "support@acme.example", Subject: fmt.Sprintf("Hour %d", hour), Text: "Help!\n"})
			b.wait(time.Hour)
			switch hour {
			case 8:
				b.halt()
				b.start()
			case 16:
				p.change(func() { clear(p.access) })
				b.world.StopIMAP() // the connection that is open knows nothing of tokens
				b.startIMAP()
			}
		}
		b.wait(time.Hour)
		n := 0
		for _, who := range people[1:4] {
			n += len(b.inbox(who))
		}
		if n != 24 {
			t.Errorf("the engineers have %d mails", n)
		}
		p.change(func() {
			if p.n < 30 || p.n > 45 {
				t.Errorf("%d tokens in a day", p.n)
			}
		})
		if s := b.log.String(); strings.Contains(s, "access-") || strings.Contains(s, "refresh-") {
			t.Error("a token is in the log")
		}
		b.end()
	})
}

// When the login ends, the admins have a mail before the last token does, and
// status says so; a new login mends it without a restart.
func TestLoginRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := newTokenBubble(t)
		defer p.close()
		b.start()
		b.wait(time.Minute)
		p.change(func() { p.revoked = true })
		b.wait(55 * time.Minute)
		mails := b.inbox("ops@acme.example")
		if len(mails) != 1 || !strings.Contains(mails[0].Get("Subject"), "about to lose its access") || !strings.Contains(mails[0].Text, "postroom login") {
			t.Fatalf("ops has %d mails\n%s", len(mails), b.log)
		}
		st, err := b.svc.Status()
		if err != nil || st.State != "degraded" || !strings.Contains(strings.Join(st.Problems, "\n"), "OAuth2 login") {
			t.Errorf("%+v, %v", st, err)
		}
		b.wait(6 * time.Hour)
		if n := len(b.inbox("ops@acme.example")); n != 1 {
			t.Errorf("ops has %d mails", n)
		}
		p.change(func() { p.revoked, p.refresh = false, "refresh-new" })
		b.logIn("refresh-new")
		b.write(mailtest.Mail{From: "jane@client.example", To: "support@acme.example", Subject: "Hello?", Text: "Help!\n"})
		b.wait(31 * time.Minute)
		if n := len(b.inbox("alice@acme.example")); n != 1 {
			t.Errorf("alice has %d mails", n)
		}
		if st, err := b.svc.Status(); err != nil || st.State != "ok" {
			t.Errorf("%+v, %v", st, err)
		}
		b.end()
	})
}

// A login whose end is known is foretold twice, whatever is restarted.
func TestLoginEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := newTokenBubble(t)
		defer p.close()
		p.ends = time.Now().Add(7*24*time.Hour + 300*time.Millisecond)
		b.start()
		counts := []int{}
		for day := range 7 {
			b.wait(24 * time.Hour)
			counts = append(counts, len(b.inbox("ops@acme.example")))
			if day == 5 {
				b.halt()
				b.start()
			}
		}
		if got := fmt.Sprint(counts); got != "[0 0 0 0 1 1 2]" {
			t.Errorf("mails to ops by day: %s", got)
		}
		b.end()
	})
}
