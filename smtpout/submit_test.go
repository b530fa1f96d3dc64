package smtpout

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/store"
)

// TestSubmit hands over a mail beside the outbox.
func TestSubmit(t *testing.T) {
	server, pool := certificate(t)
	for _, tt := range []struct {
		name   string
		change func(*rig, *store.OutMail)
		states string // of the recipients; "" for an error
		words  string // in the error, the last reply or the fallback's reason
	}{
		{"taken", func(*rig, *store.OutMail) {}, "sent sent", "queued"},
		{"one refused", func(r *rig, _ *store.OutMail) {
			r.relay.misdeeds = always("rcpt", colleague, misdeed{reply: "550 5.1.1 nobody"})
		}, "sent failed", "5.1.1"},
		{"too large", func(_ *rig, m *store.OutMail) { m.Size = 2_000_000 }, "failed failed", "2000000 octets"},
		{"sender refused", func(r *rig, m *store.OutMail) {
			r.relay.misdeeds = always("mail", m.EnvelopeFrom, misdeed{reply: "550 5.7.60 not you"})
		}, "sent sent", "5.7.60"},
		{"no connection", func(r *rig, _ *store.OutMail) { r.relay.refuse = true }, "", "refused"},
		{"cut behind the dot", func(r *rig, _ *store.OutMail) {
			r.relay.misdeeds = always("dot", "", misdeed{cut: true})
		}, "", "the final dot"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.cfg.TLS, r.relay.tls = TLSStart, server
				r.trust(pool)
			}, func(t *testing.T, r *rig) {
				m := r.mail(customer, colleague)
				tt.change(r, &m)
				sub, err := r.sender.Submit(t.Context(), m)
				if tt.states == "" {
					if err == nil || !strings.Contains(err.Error(), tt.words) {
						t.Errorf("error %v", err)
					}
					return
				}
				var states, said []string
				for _, rc := range sub.Recipients {
					states = append(states, string(rc.State))
					said = append(said, fmt.Sprint(rc.Code, " ", rc.Enhanced, " ", rc.Reply))
				}
				if got := strings.Join(states, " "); err != nil || got != tt.states {
					t.Errorf("%s: %v", got, err)
				}
				if all := strings.Join(said, "; ") + sub.FellBack; !strings.Contains(all, tt.words) {
					t.Errorf("the relay said %q", all)
				}
				if sub.Sent() != strings.Contains(tt.states, "sent") || !sub.TLS || sub.MaxSize != 1_000_000 ||
					!slices.Equal(sub.Offers, []string{"8BITMIME", "SIZE"}) {
					t.Errorf("%+v", sub)
				}
			})
		})
	}
}

// An access token the relay does not take is renewed once, and the login tried
// again at once.
func TestRefusedToken(t *testing.T) {
	for _, tt := range []struct {
		name   string
		renew  func(context.Context, string) (string, error)
		dials  int
		failed string
	}{
		{"renewed", func(_ context.Context, refused string) (string, error) {
			return strings.Replace(refused, "old", "good", 1), nil
		}, 2, ""},
		{"renewed in vain", func(context.Context, string) (string, error) { return "other", nil }, 2, "535"},
		{"not to be renewed", func(context.Context, string) (string, error) { return "", errors.New("consent was withdrawn") }, 1, "consent was withdrawn"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.relay.offers = append(r.relay.offers, "AUTH XOAUTH2")
				r.relay.token = "good"
				r.cfg.Login.Username = "us"
				r.cfg.Login.Token = func(context.Context) (string, error) { return "old", nil }
				r.cfg.Login.Renew = tt.renew
			}, func(t *testing.T, r *rig) {
				r.relay.loginAs("us")
				m := r.mail(customer)
				_, err := r.sender.Submit(t.Context(), m)
				if tt.failed == "" && err != nil || tt.failed != "" && (err == nil || !strings.Contains(err.Error(), tt.failed)) {
					t.Errorf("error %v", err)
				}
				if n := r.relay.dials(); n != tt.dials {
					t.Errorf("dialed %d times", n)
				}
			})
		})
	}
}

// TestClientCertificate: a relay that wants a certificate of ours gets it, and
// one that gets none, or does not know who signed it, lets nothing through.
func TestClientCertificate(t *testing.T) {
	server, pool := certificate(t)
	ours, ourPool := certificate(t)
	foreign, _ := certificate(t)
	for _, mode := range []TLSMode{TLSImplicit, TLSStart} {
		for name, shown := range map[string][]tls.Certificate{"ours": ours.Certificates, "none": nil, "foreign": foreign.Certificates} {
			t.Run(string(mode)+" "+name, func(t *testing.T) {
				bubble(t, func(r *rig) {
					strict := server.Clone()
					strict.ClientAuth, strict.ClientCAs = tls.RequireAndVerifyClientCert, ourPool
					strict.VerifyConnection = func(s tls.ConnectionState) error {
						if !s.PeerCertificates[0].Equal(parsed(t, ours)) {
							return errors.New("another certificate")
						}
						return nil
					}
					r.cfg.TLS, r.relay.tls, r.relay.implicit = mode, strict, mode == TLSImplicit
					r.cfg.TLSConfig = &tls.Config{RootCAs: pool, Certificates: shown}
				}, func(t *testing.T, r *rig) {
					m := r.mail(customer)
					r.enqueue(m)
					_, err := r.sender.Drain(t.Context())
					if want := name == "ours"; want != (err == nil) || want != (len(r.relay.received()) == 1) {
						t.Errorf("%d mails, error %v", len(r.relay.received()), err)
					}
				})
			})
		}
	}
}

func parsed(t *testing.T, c *tls.Config) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(c.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// A paused relay is probed with one mail, whatever waits and however many
// connections there may be; when that one goes through, all go.
func TestOneProbe(t *testing.T) {
	bubble(t, func(r *rig) {
		r.cfg.Connections = 4
		broken := time.Now().Add(time.Hour)
		r.relay.misdeeds = func(stage, _ string) *misdeed {
			if stage == "mail" && time.Now().Before(broken) {
				return &misdeed{reply: "451 4.3.0 not now"}
			}
			return nil
		}
	}, func(t *testing.T, r *rig) {
		for range 30 {
			r.enqueue(r.mail(customer))
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.sender.Run(ctx) }()
		synctest.Wait()
		first := r.relay.said("MAIL")
		if first < 1 || first > 4 {
			t.Errorf("%d mails were tried before the relay was paused", first)
		}
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		r.seen.mu.Lock()
		pauses := len(r.seen.pauses)
		r.seen.mu.Unlock()
		if n := r.relay.said("MAIL") - first; n != pauses-1 || pauses < 10 {
			t.Errorf("%d mails were tried in %d pauses", n, pauses)
		}
		time.Sleep(10 * time.Minute)
		if n := len(r.relay.received()); n != 30 {
			t.Errorf("%d of 30 mails went out", n)
		}
		cancel()
		<-ended
	})
}

// 421 at any point is the relay's: it is paused, and the mail is not failed.
func TestClosingPauses(t *testing.T) {
	for _, stage := range []string{"banner", "ehlo", "mail", "rcpt", "data", "dot"} {
		t.Run(stage, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.relay.misdeeds = once(stage, "", misdeed{reply: "421 4.3.2 closing", cut: true})
			}, func(t *testing.T, r *rig) {
				m := r.mail(customer)
				r.enqueue(m)
				r.drain()
				time.Sleep(2 * time.Minute)
				r.drain()
				r.want(m.ID, "done: sent")
				if len(r.seen.pauses) == 0 {
					t.Error("the relay was not paused")
				}
			})
		})
	}
}
