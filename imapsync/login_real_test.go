package imapsync_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"postroom/imapsync"
	"postroom/internal/login"
	"postroom/internal/mailtest"
	"postroom/internal/store"
)

// SCRAM with Dovecot, in every way a connection is secured: its last response
// is an empty line.
func TestDovecotScram(t *testing.T) {
	d := mailtest.StartDovecot(t, mailtest.DovecotOptions{
		Users: []mailtest.User{{Address: support, Password: "pencil é"}},
		Extra: "auth_mechanisms = plain login scram-sha-256",
	})
	st, err := store.Open(slog.New(slog.DiscardHandler), t.TempDir(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	tests := []struct {
		addr     string
		mode     imapsync.TLSMode
		password string
	}{
		{d.IMAP, imapsync.TLSStart, "pencil é"}, {d.IMAPS, imapsync.TLSImplicit, "pencil é"},
		{d.IMAP, imapsync.TLSOpportunistic, "pencil é"}, {d.IMAP, imapsync.TLSStart, "pencil"},
	}
	for _, tt := range tests {
		cfg := imapsync.Config{Server: tt.addr, TLS: tt.mode, TLSConfig: d.CA.Client("localhost"), Login: login.Credentials{
			Username: support, Random: rand.Reader, Only: login.ScramSHA256,
			Password: func(context.Context) (string, error) { return tt.password, nil },
		}}
		obs := &recorder{caught: map[string]int{}, up: map[string]int{}, done: map[string][2]int{}}
		y := imapsync.New(slog.New(slog.DiscardHandler), cfg, st, new(net.Dialer).DialContext, time.Now, func() float64 { return 0 }, obs)
		_, err := y.List(t.Context())
		if good := tt.password != "pencil"; good && err != nil || !good && (err == nil || !strings.Contains(err.Error(), "login refused")) {
			t.Errorf("%s %s, password %q: %v", tt.mode, tt.addr, tt.password, err)
		}
	}
}
