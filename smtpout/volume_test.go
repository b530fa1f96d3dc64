package smtpout

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postroom/internal/store"
)

func TestManyConnections(t *testing.T) {
	r := newRig(t, func(r *rig) { r.cfg.Connections = 4 })
	for range 300 {
		r.enqueue(r.mail(customer))
	}
	if n := r.drain(); n != 300 {
		t.Errorf("%d mails counted", n)
	}
	seen := map[string]int{}
	for _, m := range r.relay.received() {
		seen[m.body]++
	}
	if len(seen) != 300 || len(r.relay.received()) != 300 {
		t.Errorf("%d different mails in %d transactions", len(seen), len(r.relay.received()))
	}
	if r.relay.liveMax > 4 {
		t.Errorf("%d connections at once", r.relay.liveMax)
	}
	if n := len(r.told()); n != 300 {
		t.Errorf("the gateway is told of %d", n)
	}
}

// Outcomes and claims share commits while enough mail is queued.
func TestCommitsPerMail(t *testing.T) {
	for _, tt := range []struct{ connections, limit, most int }{
		{1, 16, 60}, {4, 16, 60}, {1, 1, 202}, {16, 16, 202},
	} {
		t.Run(fmt.Sprintf("%d connections, %d unclear", tt.connections, tt.limit), func(t *testing.T) {
			bubble(t, func(r *rig) { r.cfg.Connections, r.cfg.UnclearLimit = tt.connections, tt.limit }, func(t *testing.T, r *rig) {
				var mails []store.OutMail
				for range 200 {
					mails = append(mails, r.mail(customer))
				}
				r.enqueue(mails...)
				sending := 0
				plain := r.render
				r.render = func(ctx context.Context, w io.Writer, m store.OutMail) error {
					if r.cfg.Connections == 1 {
						r.store.View(func(tx *store.Tx) error {
							list, err := tx.Unresolved()
							sending = max(sending, len(list))
							return err
						})
					}
					return plain(ctx, w, m)
				}
				before, _ := r.store.Commits()
				r.drain()
				after, _ := r.store.Commits()
				t.Logf("%d commits for 200 mails", after-before)
				if after-before > tt.most {
					t.Errorf("%d commits for 200 mails", after-before)
				}
				if sending > tt.limit {
					t.Errorf("%d mails were claimed at once, %d may be", sending, tt.limit)
				}
			})
		})
	}
}

// sink is an SMTP backend that takes everything.
type sink struct{}

func (sink) NewSession(*smtp.Conn) (smtp.Session, error) { return sink{}, nil }
func (sink) Mail(string, *smtp.MailOptions) error        { return nil }
func (sink) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (sink) Reset()                                      {}
func (sink) Logout() error                               { return nil }
func (sink) Data(r io.Reader) (err error)                { _, err = io.Copy(io.Discard, r); return err }

// BenchmarkSend sends 4 kB mails to an embedded server on loopback, every
// attempt and outcome durable.
func BenchmarkSend(b *testing.B) {
	for _, connections := range []int{1, 4} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			srv := smtp.NewServer(sink{})
			go srv.Serve(ln)
			defer srv.Close()
			r := newRig(b, func(r *rig) {
				r.cfg.Connections = connections
				mail := body[:4000]
				r.render = func(_ context.Context, w io.Writer, m store.OutMail) error {
					_, err := io.WriteString(w, mail)
					return err
				}
			})
			cfg := r.cfg
			cfg.Server = ln.Addr().String()
			var d net.Dialer
			s := New(slog.New(slog.DiscardHandler), cfg, r.store, d.DialContext, r.render, time.Now, func() float64 { return 0.5 }, r.seen)
			var mails []store.OutMail
			for range b.N {
				mails = append(mails, r.mail(customer))
			}
			r.enqueue(mails...)
			before, _ := r.store.Commits()
			b.ReportAllocs()
			b.ResetTimer()
			if _, err := s.Drain(context.Background()); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			after, _ := r.store.Commits()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
			b.ReportMetric(float64(after-before)/float64(b.N), "commits/mail")
		})
	}
}
