package imapsync_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"postroom/imapsync"
	"postroom/internal/mailtest/servers"
)

// certificate makes a self-signed one for name, and the pool that trusts it.
func certificate(t *testing.T, name string) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

func TestTLS(t *testing.T) {
	const right, wrong = "imap.acme.example", "other.example"
	tests := []struct {
		mode      imapsync.TLSMode
		cert      string // "": the server has none
		implicit  bool   // what the server speaks
		fails     string // part of the error; "": it works
		encrypted bool
		dials     int // for both folders, 0: it does not matter
	}{
		{imapsync.TLSImplicit, right, true, "", true, 2},
		{imapsync.TLSImplicit, wrong, true, "certificate", false, 0},
		{imapsync.TLSStart, right, false, "", true, 2},
		{imapsync.TLSStart, wrong, false, "certificate", false, 0},
		{imapsync.TLSStart, "", false, "STARTTLS", false, 0},
		{imapsync.TLSOpportunistic, right, false, "", true, 2},
		{imapsync.TLSOpportunistic, wrong, false, "", false, 3}, // one to find out
		{imapsync.TLSOpportunistic, "", false, "", false, 2},
	}
	for _, tt := range tests {
		t.Run(string(tt.mode)+" "+tt.cert, func(t *testing.T) {
			server, pool := &tls.Config{}, x509.NewCertPool()
			opts := servers.Options{}
			if tt.cert != "" {
				server, pool = certificate(t, tt.cert)
				opts.TLS = server
			}
			tlsCase(t, opts, tt.implicit, func(r *rig, dial dialFunc, spy *spyConn) {
				r.cfg.TLS, r.cfg.TLSConfig = tt.mode, &tls.Config{RootCAs: pool, ServerName: right}
				err := r.syncerOver(dial).CatchUp(t.Context())
				switch {
				case tt.fails != "":
					if err == nil || !strings.Contains(err.Error(), tt.fails) {
						t.Errorf("error %v, want one about %q", err, tt.fails)
					}
				case err != nil:
					t.Error(err)
				default:
					r.complete()
				}
				if tt.dials != 0 && spy.conns() != tt.dials {
					t.Errorf("%d connections, want %d", spy.conns(), tt.dials)
				}
				if plain := spy.saw("LOGIN") || spy.saw("AUTHENTICATE"); plain && (tt.encrypted || tt.fails != "") {
					t.Error("the login went over the wire in plain text")
				}
			})
		})
	}
}

// TestPlainIsSaid: a login refused in plain text says why there was no TLS.
func TestPlainIsSaid(t *testing.T) {
	server, pool := certificate(t, "other.example")
	tlsCase(t, servers.Options{TLS: server}, false, func(r *rig, dial dialFunc, _ *spyConn) {
		r.cfg.TLSConfig = &tls.Config{RootCAs: pool, ServerName: "imap.acme.example"}
		r.cfg.Login.Password = func(context.Context) (string, error) { return "wrong", nil }
		err := r.syncerOver(dial).CatchUp(t.Context())
		if err == nil || !strings.Contains(err.Error(), "in plain text, for its certificate cannot be used") {
			t.Errorf("error %v", err)
		}
	})
}

type dialFunc = func(context.Context, string, string) (net.Conn, error)

// tlsCase runs on real sockets: a handshake that fails has both ends writing
// at once, which a pipe without a buffer never gets over.
func tlsCase(t *testing.T, opts servers.Options, implicit bool, f func(*rig, dialFunc, *spyConn)) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, opts)
	defer r.end()
	if implicit {
		err = r.world.StartIMAPS(ln)
	} else {
		r.world.StartIMAP(ln)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.cfg.Server = ln.Addr().String()
	r.add(nil, 1, 2)
	spy := &spyConn{}
	f(r, func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return spy.wrap(c), nil
	}, spy)
}

// On real sockets, outside of a bubble.
func TestLoopback(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, servers.Options{})
	defer r.end()
	r.world.StartIMAP(ln)
	r.cfg.Server = ln.Addr().String()
	r.add(nil, 1, 2, 3)
	var d net.Dialer
	y := r.syncerOver(d.DialContext)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- y.Run(ctx) }()
	r.untilMails(3, 10*time.Second)
	r.add(nil, 4)
	r.untilMails(4, 10*time.Second)
	r.complete()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
