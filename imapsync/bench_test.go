package imapsync_test

import (
	"bytes"
	"log/slog"
	"net"
	"testing"
	"time"

	"postroom/imapsync"
	"postroom/internal/login"
	"postroom/internal/mailtest/servers"
	"postroom/internal/store"
)

// BenchmarkCatchUp is new mail from an embedded server on loopback into the
// store, durably; one round is 2,000 mails of 10 kB.
func BenchmarkCatchUp(b *testing.B) {
	const mails = 2000
	log := slog.New(slog.DiscardHandler)
	w := servers.New(log, servers.Options{})
	defer w.Close()
	if err := w.AddAccount(servers.Account{Address: addr, Password: password}); err != nil {
		b.Fatal(err)
	}
	for i := range mails {
		if _, err := w.Append(addr, "INBOX", append(raw(i%50), bytes.Repeat([]byte("0123456789abcde\r\n"), 600)...), nil, time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	w.StartIMAP(ln)
	cfg := imapsync.Config{Server: ln.Addr().String(), TLS: imapsync.TLSOpportunistic, Login: login.Credentials{Username: addr,
		Password: newSecret(password)}, Start: imapsync.Start{All: true}}
	for b.Loop() {
		st, err := store.Open(log, b.TempDir(), bytes.NewReader(make([]byte, 32)))
		if err != nil {
			b.Fatal(err)
		}
		var d net.Dialer
		obs := &recorder{caught: map[string]int{}, up: map[string]int{}, done: map[string][2]int{}}
		y := imapsync.New(log, cfg, st, d.DialContext, time.Now, func() float64 { return 0 }, obs)
		if err := y.CatchUp(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := st.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(mails*b.N)/b.Elapsed().Seconds(), "mails/s")
}
