package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestTokenIsKeptUntilItEnds(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.want("access-1")
		time.Sleep(58 * time.Minute)
		r.want("access-1")
		time.Sleep(90 * time.Second)
		r.want("access-2")
		if n := r.e.asked(); n != 2 {
			t.Errorf("asked %d times", n)
		}
		form := r.e.requests[0]
		if form.Get("grant_type") != "refresh_token" || form.Get("client_id") != "us" || form.Get("refresh_token") != "refresh-0" {
			t.Errorf("asked %v", form)
		}
	})
}

// Run renews before the end, so nobody waits for it.
func TestRenewedAhead(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		time.Sleep(44 * time.Minute)
		if n := r.e.asked(); n != 1 {
			t.Errorf("asked %d times within the first three quarters", n)
		}
		time.Sleep(2 * time.Minute)
		if n := r.e.asked(); n != 2 {
			t.Errorf("asked %d times by the last quarter", n)
		}
		r.want("access-2")
		time.Sleep(24 * time.Hour)
		if n := r.e.asked(); n < 30 || n > 40 {
			t.Errorf("asked %d times in a day", n)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// What a rotating provider gives is on the disk before it is used, and is
// what the next start begins with.
func TestRotation(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.e.rotate = true
		r.want("access-1")
		if rec := r.file(); rec.Refresh != "refresh-1" || rec.Access != "access-1" {
			t.Errorf("the file holds %+v", rec)
		}
		info, err := os.Stat(r.cfg.File)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		r.Source = r.another(r.cfg)
		r.want("access-1") // from the file
		time.Sleep(time.Hour)
		r.want("access-2")
		left, _ := filepath.Glob(r.cfg.File + "*")
		if len(left) != 2 {
			t.Errorf("files left over: %v", left)
		}
	})
}

// A token that came with a refresh token that cannot be stored is not used;
// nothing is lost by that, and the provider is not asked again.
func TestRotationCannotBeStored(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.e.rotate = true
		dir := filepath.Dir(r.cfg.File)
		away := dir + ".away"
		r.e.set(func(http.ResponseWriter, *http.Request, url.Values) bool {
			// The directory goes while the provider thinks: it held the lock.
			if err := os.Rename(dir, away); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Error(err)
			}
			return false
		})
		r.wantError("storing the tokens")
		r.e.set(nil)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(away, dir); err != nil {
			t.Fatal(err)
		}
		r.wantError("storing the tokens") // not at once again
		time.Sleep(2 * time.Second)
		r.want("access-1")
		if n := r.e.asked(); n != 1 {
			t.Errorf("asked %d times", n)
		}
		if rec := r.file(); rec.Refresh != "refresh-1" {
			t.Errorf("the file holds %+v", rec)
		}
	})
}

func TestSingleFlight(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.e.rotate = true
		r.e.set(func(http.ResponseWriter, *http.Request, url.Values) bool {
			time.Sleep(5 * time.Second)
			return false
		})
		second := r.another(r.cfg) // another process
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				s := r.Source
				if i%2 == 1 {
					s = second
				}
				if got, err := s.Token(t.Context()); err != nil || got != "access-1" {
					t.Errorf("%q, %v", got, err)
				}
			})
		}
		wg.Wait()
		if n := r.e.asked(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// Who waits for another's refresh may leave, and the refresh goes on; when
// the one who makes it leaves, somebody else takes it up.
func TestCallersLeave(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.e.set(func(_ http.ResponseWriter, req *http.Request, _ url.Values) bool {
			select {
			case <-time.After(20 * time.Second):
			case <-req.Context().Done():
			}
			return false
		})
		leader, leave := context.WithTimeout(t.Context(), 3*time.Second)
		defer leave()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := r.Token(leader); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the leader got %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			if _, err := r.Token(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
				t.Errorf("a follower got %v after %v", err, time.Since(began))
			}
		})
		wg.Go(func() {
			if _, err := r.Token(t.Context()); err != nil {
				t.Errorf("the patient one got %v", err)
			}
		})
		wg.Wait()
	})
}

func TestErrors(t *testing.T) {
	esc := "\x1b[2Jwords\r\nX: " + strings.Repeat("long ", 500)
	tests := []struct {
		name  string
		do    func(w http.ResponseWriter, r *http.Request, _ url.Values) bool
		want  string
		login bool
	}{
		{"invalid_grant", func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool {
			oauthError(w, "invalid_grant", "Token has been expired or revoked.")
			return true
		}, "no longer accepts this login (invalid_grant: Token has been expired or revoked.)", true},
		{"invalid_client", func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool {
			oauthError(w, "invalid_client", "")
			return true
		}, "the provider refuses: invalid_client", false},
		{"hostile words", func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool {
			oauthError(w, "server_error", esc)
			return true
		}, "server_error: [2J", false},
		{"500", func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool {
			http.Error(w, "access-1 refresh-9", http.StatusInternalServerError)
			return true
		}, "HTTP status 500", false},
		{"redirect", func(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
			http.Redirect(w, r, "http://evil.example/token", http.StatusTemporaryRedirect)
			return true
		}, "HTTP status 307", false},
		{"not JSON", func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token": access-7`)
			return true
		}, "cannot be read", false},
		{"no token", func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{}`)
			return true
		}, "cannot be read", false},
		{"huge", func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"access_token":"%s","expires_in":3600}`, strings.Repeat("a", 4<<20))
			return true
		}, "cannot be read", false},
		{"slow", func(_ http.ResponseWriter, r *http.Request, _ url.Values) bool {
			<-r.Context().Done()
			return true
		}, "did not answer in time", false},
		{"slow body", func(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token":`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return true
		}, "did not answer in time", false},
		{"another kind of token", func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token":"access-1","token_type":"mac","expires_in":3600}`)
			return true
		}, "type MAC", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.e.set(tt.do)
				err := r.wantError(tt.want)
				if errors.Is(err, ErrLogin) != tt.login {
					t.Errorf("needs a login: %v", !tt.login)
				}
				if s := err.Error(); len(s) > 600 || strings.ContainsAny(s, "\x1b\r\n") || strings.Contains(s, "access-") {
					t.Errorf("error %q", s)
				}
				if st := r.last(); st.Err == nil || st.Login != tt.login {
					t.Errorf("told %+v", st)
				}
				asked := r.e.asked()
				for range 50 {
					_, _ = r.Token(t.Context())
				}
				if n := r.e.asked(); n != asked {
					t.Errorf("asked again at once, %d times", n-asked)
				}
				r.e.set(nil)
				time.Sleep(loginRetry)
				r.want("access-1")
				if st := r.last(); st.Err != nil || st.Login {
					t.Errorf("told %+v", st)
				}
			})
		})
	}
}

// A refusal is known while the old token still works, and a new login ends it
// at once.
func TestRefusalIsForetold(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		time.Sleep(time.Minute)
		r.e.mu.Lock()
		r.e.refresh = "of a new login"
		r.e.mu.Unlock()
		time.Sleep(46 * time.Minute)
		st := r.last()
		if !st.Login || time.Until(st.Until) < 10*time.Minute {
			t.Errorf("told %+v with %v left", st, time.Until(st.Until))
		}
		r.want("access-1")
		time.Sleep(14 * time.Minute)
		r.wantError("postroom login")
		if err := writeFile(r.cfg.File, record{ClientID: "us", Refresh: "of a new login"}); err != nil {
			t.Fatal(err)
		}
		r.want("access-2")
		cancel()
		<-ended
	})
}

// Backing off: a provider that is down is asked 1, 2, 4 … seconds apart.
func TestBackOff(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.e.set(func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		})
		for range 3600 {
			_, _ = r.Token(t.Context())
			time.Sleep(time.Second)
		}
		if n := r.e.asked(); n < 15 || n > 25 {
			t.Errorf("asked %d times in an hour", n)
		}
	})
}

// A server's refusal forces one refresh, not more.
func TestRenew(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.want("access-1")
		for range 2 { // the relay and the mailbox refuse the same token
			if got, err := r.Renew(t.Context(), "access-1"); err != nil || got != "access-2" {
				t.Fatalf("%q, %v", got, err)
			}
		}
		if _, err := r.Renew(t.Context(), "access-2"); err == nil || !strings.Contains(err.Error(), "renewed 0s ago") {
			t.Errorf("error %v", err)
		}
		r.want("access-2")
		if n := r.e.asked(); n != 2 {
			t.Errorf("asked %d times", n)
		}
		time.Sleep(forceAgain)
		if got, err := r.Renew(t.Context(), "access-2"); err != nil || got != "access-3" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// A provider that gives the refused token once more is believed no better.
func TestRenewGivesTheSame(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.e.extra = map[string]any{"access_token": "access-always"}
		r.want("access-always")
		if _, err := r.Renew(t.Context(), "access-always"); err == nil {
			t.Error("the refused token was handed out")
		}
		if n := r.e.asked(); n != 2 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestClocks(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.want("access-1")
		r.offset = -48 * time.Hour // our clock was wrong, and is set back
		r.want("access-2")
		r.offset = 48 * time.Hour
		r.want("access-3")
	})
	for _, life := range []int{0, -5, 1 << 40} {
		bubble(t, func(t *testing.T, r *rig) {
			r.e.life = life
			r.want("access-1")
			rec := r.file()
			if got := rec.Expires.Sub(rec.Obtained); got <= 0 || got > longestLife {
				t.Errorf("expires_in %d: good for %v", life, got)
			}
		})
	}
}

// A token of a few seconds is used and does not keep us asking.
func TestShortLife(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.e.life = 20
		r.want("access-1")
		r.want("access-1")
		time.Sleep(16 * time.Second)
		r.want("access-2")
	})
}

func TestLoginEnds(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.e.extra = map[string]any{"refresh_token_expires_in": 604799}
		r.want("access-1")
		left := time.Until(r.last().RefreshExpires).Round(time.Hour)
		if left != 7*24*time.Hour {
			t.Errorf("the login ends in %v", left)
		}
		r.e.extra = nil
		time.Sleep(time.Hour)
		r.want("access-2")
		if r.last().RefreshExpires.IsZero() {
			t.Error("the end of the login was forgotten, though the refresh token is the same")
		}
	})
}

func TestSecret(t *testing.T) {
	for _, header := range []bool{false, true} {
		bubble(t, func(t *testing.T, r *rig) {
			cfg := r.cfg
			cfg.SecretInHeader = header
			cfg.Secret = func(context.Context) (string, error) { return "hunter2", nil }
			r.Source = r.another(cfg)
			r.want("access-1")
			_, password, _ := (&http.Request{Header: r.e.headers[0]}).BasicAuth()
			if body := r.e.requests[0].Get("client_secret"); (password == "hunter2") != header || (body == "hunter2") == header {
				t.Errorf("in the header %q, in the body %q", password, body)
			}
			cfg.Secret = func(context.Context) (string, error) { return "", errors.New("no such file") }
			r.Source = r.another(cfg)
			time.Sleep(2 * time.Hour)
			r.wantError("no such file")
		})
	}
}

func TestTokenFile(t *testing.T) {
	tests := []struct {
		name, text, want string
		login            bool
	}{
		{"absent", "", "no token file", true},
		{"empty", " ", "damaged", true},
		{"garbage", "refresh-0 hunter2", "damaged", true},
		{"no refresh token", `{"version":1,"client_id":"us","access_token":"access-9"}`, "damaged", true},
		{"another client", `{"version":1,"client_id":"them","refresh_token":"refresh-0"}`, "another client_id", true},
		{"newer", `{"version":2,"client_id":"us","refresh_token":"refresh-0"}`, "newer version", false},
	}
	for _, tt := range tests {
		bubble(t, func(t *testing.T, r *rig) {
			os.Remove(r.cfg.File)
			if tt.text != "" {
				if err := os.WriteFile(r.cfg.File, []byte(tt.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.wantError(tt.want); errors.Is(err, ErrLogin) != tt.login {
				t.Errorf("%s: %v", tt.name, err)
			}
			if r.e.asked() != 0 {
				t.Errorf("%s: the provider was asked", tt.name)
			}
		})
	}
}
