package oauth

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/mailtest/servers"
)

// endpoint is a provider of the tests' own, over pipes.
type endpoint struct {
	net    servers.Network
	server *http.Server
	ended  chan struct{}

	mu       sync.Mutex
	refresh  string // the one it takes
	rotate   bool
	life     int // expires_in
	given    int // access tokens so far
	requests []url.Values
	headers  []http.Header
	// misdeed answers in its place; it reports whether it did.
	misdeed func(w http.ResponseWriter, r *http.Request, form url.Values) bool
	extra   map[string]any // further members of a token response
}

const tokenURL = "http://127.0.0.1:8080/token"

func newEndpoint(t *testing.T) *endpoint {
	e := &endpoint{refresh: "refresh-0", life: 3600, ended: make(chan struct{})}
	ln, err := e.net.Listen("127.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/token", e.token)
	e.server = &http.Server{Handler: mux, ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		defer close(e.ended)
		_ = e.server.Serve(ln)
	}()
	t.Cleanup(func() {
		e.server.Close()
		<-e.ended
	})
	return e
}

func (e *endpoint) transport() http.RoundTripper {
	return &http.Transport{DialContext: e.net.DialContext, DisableKeepAlives: true}
}

func (e *endpoint) token(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	e.mu.Lock()
	e.requests = append(e.requests, r.PostForm)
	e.headers = append(e.headers, r.Header)
	misdeed := e.misdeed
	e.mu.Unlock()
	if misdeed != nil && misdeed(w, r, r.PostForm) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.PostForm.Get("grant_type") == "refresh_token" && r.PostForm.Get("refresh_token") != e.refresh {
		oauthError(w, "invalid_grant", "")
		return
	}
	e.given++
	answer := map[string]any{"access_token": fmt.Sprintf("access-%d", e.given), "token_type": "Bearer", "expires_in": e.life}
	if e.rotate {
		e.refresh = fmt.Sprintf("refresh-%d", e.given)
		answer["refresh_token"] = e.refresh
	}
	for k, v := range e.extra {
		answer[k] = v
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func oauthError(w http.ResponseWriter, code, description string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": description})
}

func (e *endpoint) asked() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.requests)
}

func (e *endpoint) set(misdeed func(http.ResponseWriter, *http.Request, url.Values) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.misdeed = misdeed
}

// rig is a source before such a provider, with a login in its file.
type rig struct {
	*Source
	t      *testing.T
	e      *endpoint
	log    strings.Builder
	logMu  sync.Mutex
	offset time.Duration // of our clock
	states []State
}

func bubble(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, e: newEndpoint(t)}
		cfg := Config{TokenURL: tokenURL, ClientID: "us", File: filepath.Join(t.TempDir(), "state", "token.json")}
		if err := os.MkdirAll(filepath.Dir(cfg.File), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := writeFile(cfg.File, record{ClientID: "us", Refresh: "refresh-0"}); err != nil {
			t.Fatal(err)
		}
		r.Source = r.another(cfg)
		f(t, r)
		text := r.log.String()
		for _, secret := range []string{"refresh-", "access-", "hunter2"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in the log:\n%s", secret, text)
			}
		}
	})
}

// another is a further source over the same provider, as a process of its own
// would have.
func (r *rig) another(cfg Config) *Source {
	return New(slog.New(slog.NewTextHandler(r, nil)), cfg, r.e.transport(),
		func() time.Time { return time.Now().Add(r.offset) }, func(s State) {
			r.logMu.Lock()
			defer r.logMu.Unlock()
			r.states = append(r.states, s)
		})
}

func (r *rig) Write(p []byte) (int, error) {
	r.logMu.Lock()
	defer r.logMu.Unlock()
	return r.log.Write(p)
}

func (r *rig) want(token string) {
	r.t.Helper()
	got, err := r.Token(context.Background())
	if err != nil || got != token {
		r.t.Fatalf("token %q, error %v, want %q", got, err, token)
	}
}

func (r *rig) wantError(words string) error {
	r.t.Helper()
	got, err := r.Token(context.Background())
	if err == nil || !strings.Contains(err.Error(), words) {
		r.t.Fatalf("token %q, error %v, want one about %q", got, err, words)
	}
	return err
}

func (r *rig) file() record {
	r.t.Helper()
	rec, err := readFile(r.cfg.File, r.cfg.ClientID)
	if err != nil {
		r.t.Fatal(err)
	}
	return rec
}

// last is what was told last.
func (r *rig) last() State {
	r.logMu.Lock()
	defer r.logMu.Unlock()
	if len(r.states) == 0 {
		r.t.Fatal("nothing was told")
	}
	return r.states[len(r.states)-1]
}
