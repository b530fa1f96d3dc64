package admin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/mailtest/servers"
)

// web is a web server in a bubble, and what it shows.
type web struct {
	t      *testing.T
	net    *servers.Network
	status Status
	err    error
	reads  int
}

func inWeb(t *testing.T, f func(w *web)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &web{t: t, net: &servers.Network{}, status: Status{State: OK, Version: `v1 "x"`}}
		ln, err := w.net.Listen("127.0.0.1:9130")
		if err != nil {
			t.Fatal(err)
		}
		s := NewWeb(slog.New(slog.DiscardHandler), WebConfig{
			Status: func() (Status, error) { w.reads++; return w.status, w.err }, Now: time.Now,
			Counters: func() Counters { return Counters{Processed: 7, ProbeSeconds: 1.5, Goroutines: 21} },
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx, ln) }()
		f(w)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
}

func (w *web) dial() net.Conn {
	w.t.Helper()
	conn, err := w.net.DialContext(w.t.Context(), "tcp", "127.0.0.1:9130")
	if err != nil {
		w.t.Fatal(err)
	}
	return conn
}

// ask sends a request as it is and returns the status line's code and the body.
func (w *web) ask(request string) (int, string) {
	w.t.Helper()
	conn := w.dial()
	defer conn.Close()
	go io.WriteString(conn, request)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Error(err)
	}
	return resp.StatusCode, string(body)
}

func get(path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
}

// TestMetrics: the lines are of the text format, and have no label but one.
func TestMetrics(t *testing.T) {
	inWeb(t, func(w *web) {
		until := time.Unix(1.7e9, 0)
		w.status.Tally = Tally{Queued: 3, Held: 2, Open: 12}
		w.status.SMTP = SMTPStatus{PausedUntil: &until, Error: "jane@client.example refused", Envelope: "550 no"}
		w.status.Problems = []string{"the mailbox of support@acme.example"}
		code, body := w.ask(get("/metrics"))
		if code != 200 {
			t.Fatalf("%d %s", code, body)
		}
		line := regexp.MustCompile(`^(# (HELP|TYPE) postroom_[a-z_]+ .+|postroom_[a-z_]+ [0-9.e+]+|postroom_build_info\{version="v1 \\"x\\""\} 1)$`)
		for l := range strings.SplitSeq(strings.TrimSuffix(body, "\n"), "\n") {
			if !line.MatchString(l) {
				t.Errorf("the line %q", l)
			}
		}
		for _, want := range []string{"\npostroom_mails_queued 3\n", "\npostroom_mails_held 2\n", "\npostroom_conversations_open 12\n", "\npostroom_smtp_paused_until_seconds 1.7e+09\n",
			"\npostroom_records_processed_total 7\n", "\npostroom_probe_seconds 1.5\n", "\npostroom_goroutines 21\n", "\npostroom_smtp_envelope_refused 1\n", "\n# TYPE postroom_probes_total counter\n"} {
			if !strings.Contains(body, want) {
				t.Errorf("%q is missing", want)
			}
		}
		if strings.Contains(body, "@") {
			t.Errorf("it tells an address:\n%s", body)
		}
	})
}

// TestHealth: 200, 503 or 500, without what is wrong; the store is asked at
// most every few seconds.
func TestHealth(t *testing.T) {
	inWeb(t, func(w *web) {
		for range 100 {
			if code, body := w.ask(get("/healthz")); code != 200 || body != "ok\n" {
				t.Fatalf("%d %q", code, body)
			}
		}
		if w.reads != 1 {
			t.Errorf("the status was read %d times", w.reads)
		}
		w.status = Status{State: Degraded, Problems: []string{"the mailbox of support@acme.example is gone"}}
		time.Sleep(webFresh)
		if code, body := w.ask(get("/healthz")); code != 503 || body != "degraded: 1 problems; see postroom status\n" {
			t.Errorf("%d %q", code, body)
		}
		w.err = errors.New("support@acme.example: disk on fire")
		time.Sleep(webFresh)
		for _, path := range []string{"/healthz", "/metrics"} {
			if code, body := w.ask(get(path)); code != 500 || strings.Contains(body, "fire") {
				t.Errorf("%s: %d %q", path, code, body)
			}
		}
	})
}

// TestWebRefuses: what is no request for these two gets nothing.
func TestWebRefuses(t *testing.T) {
	inWeb(t, func(w *web) {
		for _, tt := range []struct {
			request string
			code    int
		}{
			{get("/"), 404}, {get("/debug/pprof/"), 404}, {get("/metrics/../../etc/passwd"), 307}, {get("/metricsx"), 404},
			{"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405}, {"DELETE /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 405},
			{"GET /metrics HTTP/1.1\r\n\r\n", 400}, {"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", 64<<10) + "\r\n\r\n", 431},
			{"\x16\x03\x01\x00\xa5\x01\r\n\r\n", 400}, {"EHLO x\r\n\r\n", 400},
		} {
			if code, body := w.ask(tt.request); code != tt.code || strings.Contains(body, "postroom_") {
				t.Errorf("%.60q: %d %q", tt.request, code, body)
			}
		}
		if w.reads != 0 {
			t.Errorf("the status was read %d times", w.reads)
		}
	})
}

// TestSlowClients: those who send a little, or nothing, are let go of in
// seconds, and meanwhile there are never more than so many.
func TestSlowClients(t *testing.T) {
	const slow = 3 * webConnections // fewer than wait unaccepted: what is dialed beyond is refused
	inWeb(t, func(w *web) {
		began := time.Now()
		ended := make(chan time.Duration, slow)
		var writers sync.WaitGroup
		defer writers.Wait()
		for i := range slow {
			conn := w.dial()
			go func() {
				defer conn.Close()
				if i%2 == 0 { // one octet a second
					writers.Go(func() {
						for _, c := range []byte(get("/" + strings.Repeat("m", 100))) {
							if _, err := conn.Write([]byte{c}); err != nil {
								return
							}
							time.Sleep(time.Second)
						}
					})
				}
				io.Copy(io.Discard, conn)
				ended <- time.Since(began)
			}()
		}
		// They come in three rounds, and an honest one is served behind them.
		if code, body := w.ask(get("/healthz")); code != 200 {
			t.Errorf("%d %q", code, body)
		}
		last := time.Duration(0)
		for range slow {
			last = max(last, <-ended)
		}
		if last > 5*webPatience {
			t.Errorf("the last slow one was let go of after %v", last)
		}
	})
}

// TestWebEnds: it ends with its context, whoever holds on to it.
func TestWebEnds(t *testing.T) {
	inWeb(t, func(w *web) {
		fmt.Fprint(w.dial(), "GET /met")
		synctest.Wait()
	})
}
