package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// provider is one for people, on loopback.
type provider struct {
	*httptest.Server
	challenge string // of the code given out
	pending   int    // answers of "not yet"
	refresh   string // "" for none
	scope     string
	life      int // of a device code, seconds
}

func newProvider(t *testing.T) *provider {
	p := &provider{refresh: "refresh-0", life: 600}
	mux := http.NewServeMux()
	mux.HandleFunc("/device", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("client_id") != "us" || r.FormValue("scope") != "mail" {
			t.Errorf("the device flow began with %v", r.Form)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"device_code": "device-1", "user_code": "WDJB-\x1b[1mMJHT", "verification_uri": "https://provider.example/device",
			"expires_in": p.life, "interval": 1,
		})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.FormValue("grant_type") != "authorization_code" && p.pending > 0:
			p.pending--
			oauthError(w, "authorization_pending", "")
			return
		case r.FormValue("grant_type") == "authorization_code":
			sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
			if r.FormValue("code") != "code-1" || base64.RawURLEncoding.EncodeToString(sum[:]) != p.challenge {
				oauthError(w, "invalid_grant", "code or verifier")
				return
			}
		case r.FormValue("device_code") != "device-1":
			oauthError(w, "expired_token", "")
			return
		}
		answer := map[string]any{"access_token": "access-1", "expires_in": 3600, "scope": p.scope}
		if p.refresh != "" {
			answer["refresh_token"] = p.refresh
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) login(t *testing.T) Login {
	tr := &http.Transport{DisableKeepAlives: true}
	return Login{
		Config: Config{
			AuthURL: p.URL + "/auth", TokenURL: p.URL + "/token", DeviceURL: p.URL + "/device", ClientID: "us",
			Scopes: []string{"mail"}, Consent: map[string]string{"prompt": "consent"}, File: filepath.Join(t.TempDir(), "new", "token.json"),
		},
		Transport: tr, Random: rand.Reader, Now: time.Now,
	}
}

// browse opens an address of the login and returns what a person reads.
func browse(t *testing.T, address string) (int, string) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(address)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

func listen(t *testing.T) net.Listener {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// back is the address a browser is sent back to.
func back(t *testing.T, p *provider, shown string, change func(url.Values)) string {
	t.Helper()
	u, err := url.Parse(shown)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("prompt") != "consent" || q.Get("scope") != "mail" || len(q.Get("state")) < 40 {
		t.Errorf("a person is sent to %s", shown)
	}
	p.challenge = q.Get("code_challenge")
	v := url.Values{"code": {"code-1"}, "state": {q.Get("state")}}
	if change != nil {
		change(v)
	}
	return q.Get("redirect_uri") + "/?" + v.Encode()
}

func TestCodeFlow(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	p := newProvider(t)
	defer p.Close()
	l := p.login(t)
	granted, err := l.Code(t.Context(), listen(t), func(address string) {
		good := back(t, p, address, nil)
		go func() {
			// Others on this machine may knock; it changes nothing.
			for _, bad := range []string{
				back(t, p, address, func(v url.Values) { v.Set("state", "guessed") }),
				back(t, p, address, func(v url.Values) { v.Del("code") }),
				strings.Replace(good, "/?", "/favicon.ico?", 1),
			} {
				if status, _ := browse(t, bad); status/100 != 4 {
					t.Errorf("%s: %d", bad, status)
				}
			}
			if status, text := browse(t, good); status != 200 || !strings.Contains(text, "Thank you") {
				t.Errorf("%d %s", status, text)
			}
		}()
	}, nil, nil)
	if err != nil || len(granted.Missing) != 0 {
		t.Fatalf("%+v, %v", granted, err)
	}
	rec, err := readFile(l.Config.File, "us")
	if err != nil || rec.Refresh != "refresh-0" || rec.Access != "access-1" {
		t.Errorf("%+v, %v", rec, err)
	}
}

// The browser on another machine: its address is pasted.
func TestCodeFlowPasted(t *testing.T) {
	p := newProvider(t)
	l := p.login(t)
	pasted := make(chan string, 3)
	var told []string
	_, err := l.Code(t.Context(), listen(t), func(address string) {
		pasted <- "what?"
		pasted <- back(t, p, address, func(v url.Values) { v.Set("state", "x") })
		pasted <- back(t, p, address, nil) + "\r"
	}, pasted, func(err error) { told = append(told, err.Error()) })
	if err != nil || len(told) != 2 {
		t.Errorf("%v, told %q", err, told)
	}
}

func TestCodeFlowRefused(t *testing.T) {
	p := newProvider(t)
	pasted := make(chan string, 1)
	tests := []struct {
		want   string
		change func(url.Values)
		before func()
	}{
		{"access_denied: no way", func(v url.Values) { v.Set("error", "access_denied"); v.Set("error_description", "no\nway") }, nil},
		{"code or verifier", func(v url.Values) { v.Set("code", "code-2") }, nil},
		{"no refresh token", nil, func() { p.refresh = "" }},
	}
	for _, tt := range tests {
		if tt.before != nil {
			tt.before()
		}
		l := p.login(t)
		_, err := l.Code(t.Context(), listen(t), func(address string) { pasted <- back(t, p, address, tt.change) }, pasted, nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
		if _, err := readFile(l.Config.File, "us"); !errors.Is(err, ErrLogin) {
			t.Errorf("a file was written: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := p.login(t).Code(ctx, listen(t), func(string) { cancel() }, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestDeviceFlow(t *testing.T) {
	p := newProvider(t)
	p.pending, p.scope = 1, "other"
	l := p.login(t)
	shown := ""
	granted, err := l.Device(t.Context(), func(address, code string, _ time.Time) { shown = address + " " + code })
	if err != nil || shown != "https://provider.example/device WDJB-[1mMJHT" {
		t.Errorf("%v, shown %q", err, shown)
	}
	if len(granted.Missing) != 1 {
		t.Errorf("missing %q", granted.Missing)
	}
	if rec, err := readFile(l.Config.File, "us"); err != nil || rec.Refresh != "refresh-0" {
		t.Errorf("%+v, %v", rec, err)
	}
	p.pending, p.life = 1000, 2
	if _, err := l.Device(t.Context(), func(string, string, time.Time) {}); err == nil || !strings.Contains(err.Error(), "in time") {
		t.Errorf("%v", err)
	}
	l.Config.DeviceURL = ""
	if _, err := l.Device(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "no device flow") {
		t.Errorf("%v", err)
	}
}

func TestProviders(t *testing.T) {
	g, m := Google(), Microsoft("")
	if g.TokenURL == "" || g.AuthURL == "" || g.DeviceURL != "" || g.Consent["access_type"] != "offline" {
		t.Errorf("%+v", g)
	}
	if !strings.Contains(m.TokenURL, "/organizations/") || m.DeviceURL == "" || !strings.Contains(Microsoft("acme.example").TokenURL, "/acme.example/") {
		t.Errorf("%+v", m)
	}
	if r := (Login{Config: m}).redirect(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 99}); r != "http://localhost:99" {
		t.Error(r)
	}
}
