package smtpout

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/store"
)

func TestConnectionIsReusedAndClosed(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.sender.Run(ctx) }()
		r.enqueue(r.mail(customer), r.mail(customer))
		time.Sleep(15 * time.Second)
		r.enqueue(r.mail(customer))
		synctest.Wait()
		if r.relay.dials() != 1 || r.relay.said("NOOP") != 1 || r.relay.said("RSET") != 0 || r.relay.said("EHLO") != 1 {
			t.Errorf("dialed %d, NOOP %d, RSET %d, EHLO %d", r.relay.dials(), r.relay.said("NOOP"), r.relay.said("RSET"), r.relay.said("EHLO"))
		}
		time.Sleep(31 * time.Second)
		if r.relay.said("QUIT") != 1 {
			t.Error("the idle connection was not closed")
		}
		if n := len(r.relay.received()); n != 3 {
			t.Errorf("%d mails", n)
		}
		cancel()
		<-ended
	})
}

// A connection the relay closed while it was idle is noticed at MAIL, and the
// mail goes over a new one at once.
func TestStaleConnection(t *testing.T) {
	for _, how := range []misdeed{{cut: true}, {reply: "421 4.4.2 idle for too long", cut: true}, {reply: "530 5.7.0 your login has ended"}} {
		mails := 0
		bubble(t, func(r *rig) {
			r.relay.misdeeds = func(stage, arg string) *misdeed {
				if stage == "mail" {
					if mails++; mails == 2 {
						return &how
					}
				}
				return nil
			}
		}, func(t *testing.T, r *rig) {
			a, b := r.mail(customer), r.mail(customer)
			r.enqueue(a, b)
			r.drain()
			r.want(b.ID, "done: sent")
			if r.relay.dials() != 2 || len(r.seen.pauses) != 0 {
				t.Errorf("dialed %d times, %d pauses", r.relay.dials(), len(r.seen.pauses))
			}
		})
	}
}

func TestTLSModes(t *testing.T) {
	server, pool := certificate(t)
	foreign, _ := certificate(t)
	plainLogin := func(r *rig) { r.relay.user, r.cfg.Login.Username, r.cfg.Login.Password = "us", "us", password }
	tests := []struct {
		name string
		mode TLSMode
		tls  *tls.Config // what the relay offers
		want string      // "" is success, else what the error says
		used bool        // STARTTLS
	}{
		{"demanded and there", TLSStart, server, "", true},
		{"demanded, not offered", TLSStart, nil, "STARTTLS", false},
		{"demanded, foreign certificate", TLSStart, foreign, "certificate", true},
		{"opportunistic", TLSOpportunistic, server, "", true},
		{"opportunistic, not offered", TLSOpportunistic, nil, "", false},
		{"opportunistic, foreign certificate", TLSOpportunistic, foreign, "", true},
		{"implicit to a plain relay", TLSImplicit, nil, "greeting", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				plainLogin(r)
				r.trust(pool)
				r.cfg.TLS, r.relay.tls = tt.mode, tt.tls
				r.cfg.Timeouts.Command = 10 * time.Second
			}, func(t *testing.T, r *rig) {
				m := r.mail(customer)
				r.enqueue(m)
				_, err := r.sender.Drain(t.Context())
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
					t.Fatalf("error %v, want %q", err, tt.want)
				}
				if used := r.relay.said("STARTTLS") > 0; used != tt.used {
					t.Errorf("STARTTLS used: %v", used)
				}
				if tt.want != "" && (r.relay.said("AUTH") > 0 || r.relay.said("MAIL") > 0) {
					t.Error("the password or the mail went over a connection that is not secure")
				}
			})
		})
	}
}

// TestPlainWithoutLogin: many a relay on the same machine has a certificate
// that nobody signed, and lets nobody log in without TLS. Why there was none is
// said.
func TestPlainWithoutLogin(t *testing.T) {
	foreign, _ := certificate(t)
	_, pool := certificate(t)
	bubble(t, func(r *rig) {
		r.trust(pool)
		r.cfg.Login.Username, r.cfg.Login.Password = "us", password
		r.relay.tls = foreign
	}, func(t *testing.T, r *rig) {
		r.enqueue(r.mail(customer))
		_, err := r.sender.Drain(t.Context())
		if err == nil || !strings.Contains(err.Error(), "does not offer") || !strings.Contains(err.Error(), "certificate signed by unknown authority") {
			t.Errorf("it says %v", err)
		}
	})
}

func TestLoginMechanisms(t *testing.T) {
	for _, offer := range []string{"AUTH LOGIN", "AUTH PLAIN", "AUTH LOGIN PLAIN"} {
		bubble(t, func(r *rig) {
			r.relay.offers = []string{offer}
			r.cfg.Login.Username, r.cfg.Login.Password = "us", password
			r.relay.misdeeds = func(stage, _ string) *misdeed { return nil }
		}, func(t *testing.T, r *rig) {
			r.relay.loginAs("us")
			m := r.mail(customer)
			r.enqueue(m)
			r.drain()
			r.want(m.ID, "done: sent")
			if want := "AUTH " + map[bool]string{true: "PLAIN", false: "LOGIN"}[strings.Contains(offer, "PLAIN")]; r.relay.said(want) != 1 {
				t.Errorf("%s: %s was not used", offer, want)
			}
		})
	}
}

// A relay that goes on asking does not pass for one that let us in.
func TestEndlessChallenge(t *testing.T) {
	bubble(t, func(r *rig) {
		r.relay.user, r.cfg.Login.Username = "us", "us"
		r.cfg.Login.Password = func(context.Context) (string, error) { return "secret", nil }
		r.relay.misdeeds = always("auth", "", misdeed{reply: "334 bW9yZQ=="})
	}, func(t *testing.T, r *rig) {
		m := r.mail(customer)
		r.enqueue(m)
		if _, err := r.sender.Drain(t.Context()); err == nil || !strings.Contains(err.Error(), "logging in") {
			t.Errorf("draining ended with %v", err)
		}
		r.want(m.ID, "queued: queued")
	})
}

func TestPasswordCannotBeRead(t *testing.T) {
	bubble(t, func(r *rig) {
		r.relay.user, r.cfg.Login.Username = "us", "us"
		r.cfg.Login.Password = func(context.Context) (string, error) { return "", errors.New("no such file") }
	}, func(t *testing.T, r *rig) {
		m := r.mail(customer)
		r.enqueue(m)
		if _, err := r.sender.Drain(t.Context()); err == nil || !strings.Contains(err.Error(), "no such file") {
			t.Errorf("draining ended with %v", err)
		}
		r.want(m.ID, "queued: queued")
	})
}

// A relay that takes two connections gets two, and all mail through them.
func TestRelayTakesFewerConnections(t *testing.T) {
	bubble(t, func(r *rig) {
		r.cfg.Connections = 4
		r.relay.misdeeds = func(stage, _ string) *misdeed {
			if stage == "banner" && r.relay.live > 2 {
				return &misdeed{reply: "421 4.7.0 too many connections", cut: true}
			}
			return nil
		}
	}, func(t *testing.T, r *rig) {
		plain := r.render
		r.render = func(ctx context.Context, w io.Writer, m store.OutMail) error {
			time.Sleep(time.Second)
			return plain(ctx, w, m)
		}
		for range 100 {
			r.enqueue(r.mail(customer))
		}
		began := time.Now()
		r.drain()
		if n := len(r.relay.received()); n != 100 {
			t.Errorf("%d mails", n)
		}
		if took := time.Since(began); took > 70*time.Second {
			t.Errorf("took %v", took)
		}
	})
}
