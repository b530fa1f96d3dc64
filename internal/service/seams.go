package service

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"postroom/internal/admin"
	"postroom/internal/rotation"
	"postroom/internal/store"
)

// Seams are what a Postroom needs of the world around it. All of them are
// called from several goroutines.
type Seams struct {
	Log    *slog.Logger
	Now    func() time.Time
	Random io.Reader      // for the instance key and nonces
	Jitter func() float64 // in [0, 1)
	Dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	// LookupTXT asks DNS about the domains of engineers' mail; nil for nobody
	// to ask.
	LookupTXT func(ctx context.Context, name string) ([]string, error)
	// Proxy says how a web request leaves, as http.Transport wants it; nil for
	// directly.
	Proxy func(*http.Request) (*url.URL, error)
	// Listen opens the control socket of the state directory; nil for none.
	Listen func(dir string) (net.Listener, error)
	// ListenWeb opens a TCP port for metrics; nil for none.
	ListenWeb func(addr string) (net.Listener, error)
	// ReadRotation reads the rotation file, every so often.
	ReadRotation  func(path string) ([]byte, error)
	RotationEvery time.Duration
	// Room is asked before the state is written; nil for the disk alone.
	Room store.Room
	// Tell is handed "ready" and "stopping" for the service manager.
	Tell func(state string)
}

// OSSeams are the seams of a real process.
func OSSeams(log *slog.Logger) Seams {
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: time.Minute}
	return Seams{
		Log:           log,
		Now:           time.Now,
		Random:        rand.Reader,
		Jitter:        mathrand.Float64,
		Dial:          dialer.DialContext,
		LookupTXT:     new(net.Resolver).LookupTXT,
		Proxy:         http.ProxyFromEnvironment,
		Listen:        admin.Listen,
		ListenWeb:     func(addr string) (net.Listener, error) { return net.Listen("tcp", addr) },
		ReadRotation:  rotation.NewReader(time.Now).ReadFile,
		RotationEvery: time.Second,
		Tell:          func(string) {},
	}
}
