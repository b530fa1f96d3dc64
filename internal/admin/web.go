package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"
)

// Bounds of the web server: whoever reaches it can take no more of it.
const (
	webHeaderPatience = 5 * time.Second  // for the whole head of a request
	webPatience       = 10 * time.Second // for a whole request, and for its answer
	webIdle           = 30 * time.Second
	webHeader         = 8 << 10 // octets of a request's head
	webConnections    = 32      // at once; more wait
	webFresh          = 5 * time.Second
)

// WebConfig is what the web server draws on.
type WebConfig struct {
	Status   func() (Status, error)
	Counters func() Counters
	Now      func() time.Time
}

// Web serves metrics and health over HTTP. It tells figures, and neither
// addresses nor anything of a mail: it asks nobody for a password.
type Web struct {
	log *slog.Logger
	cfg WebConfig

	mu   sync.Mutex
	at   time.Time // when last was read
	last Status
}

// NewWeb makes a Web; nothing happens before Serve.
func NewWeb(log *slog.Logger, cfg WebConfig) *Web { return &Web{log: log, cfg: cfg} }

// Serve answers ln until ctx ends, and returns when all its goroutines have.
// It closes ln.
func (w *Web) Serve(ctx context.Context, ln net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", w.metrics)
	mux.HandleFunc("GET /healthz", w.health)
	srv := &http.Server{
		Handler: mux, ErrorLog: slog.NewLogLogger(w.log.Handler(), slog.LevelDebug), MaxHeaderBytes: webHeader,
		ReadHeaderTimeout: webHeaderPatience, ReadTimeout: webPatience, WriteTimeout: webPatience, IdleTimeout: webIdle,
	}
	done := make(chan struct{})
	defer func() { <-done }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(done)
		<-ctx.Done()
		grace, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer stop()
		if srv.Shutdown(grace) != nil {
			srv.Close()
		}
	}()
	if err := srv.Serve(netutil.LimitListener(ln, webConnections)); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving metrics: %w", err)
	}
	return nil
}

// status is the present status, read anew every few seconds at most: counting
// costs, and anybody may ask.
func (w *Web) status() (Status, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := w.cfg.Now(); w.at.IsZero() || now.Sub(w.at) >= webFresh || now.Before(w.at) {
		s, err := w.cfg.Status()
		if err != nil {
			return s, err
		}
		w.last, w.at = s, now
	}
	return w.last, nil
}

func (w *Web) metrics(rw http.ResponseWriter, _ *http.Request) {
	s, err := w.status()
	if err != nil {
		w.failed(rw, err)
		return
	}
	w.say(rw, http.StatusOK, "text/plain; version=0.0.4; charset=utf-8", metrics(s, w.cfg.Counters()))
}

// health answers 200 or, where something is wrong, 503: what it is stands in
// `postroom status`, for those who may see it.
func (w *Web) health(rw http.ResponseWriter, _ *http.Request) {
	s, err := w.status()
	switch {
	case err != nil:
		w.failed(rw, err)
	case s.State != OK:
		text := fmt.Sprintf("degraded: %d problems; see postroom status\n", len(s.Problems))
		w.say(rw, http.StatusServiceUnavailable, "text/plain; charset=utf-8", []byte(text))
	default:
		w.say(rw, http.StatusOK, "text/plain; charset=utf-8", []byte("ok\n"))
	}
}

func (w *Web) failed(rw http.ResponseWriter, err error) {
	w.log.Error("reading the status", "err", err)
	w.say(rw, http.StatusInternalServerError, "text/plain; charset=utf-8", []byte("the status cannot be read; see the log\n"))
}

func (w *Web) say(rw http.ResponseWriter, code int, kind string, body []byte) {
	rw.Header().Set("Content-Type", kind)
	rw.Header().Set("Cache-Control", "no-store")
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	rw.WriteHeader(code)
	if _, err := rw.Write(body); err != nil {
		w.log.Debug("the web server's client is gone", "err", err)
	}
}
