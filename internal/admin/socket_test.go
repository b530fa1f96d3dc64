package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/gateway"
)

func lines(t *testing.T, c *Client, verb string, args map[string]string) []string {
	t.Helper()
	var got []string
	err := c.Call(context.Background(), verb, args, func(line json.RawMessage) error {
		got = append(got, string(line))
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", verb, err)
	}
	return got
}

func TestVerbs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := story(t)
		a := &asker{}
		cfg := config(a)
		reloads := 0
		cfg.Reload = func(context.Context) error { reloads++; return nil }
		cfg.Mailbox = func(context.Context) ([]Listing, error) { return []Listing{{"INBOX", 7, []uint32{1, 2}}}, nil }
		_, c := serve(t, cfg, r.st)
		for _, tt := range []struct {
			verb string
			args map[string]string
			rows int
			has  string
		}{
			{VerbPing, nil, 1, `"version":"1.2.3"`},
			{VerbStatus, nil, 1, `"state":"ok"`},
			{VerbList, nil, 3, `"subject":"Broken pump"`},
			{VerbList, map[string]string{"state": "closed"}, 1, `"conversation":3`},
			{VerbShow, map[string]string{"conversation": "1"}, 1, `"text":"It is broken.\nPlease help."`},
			{VerbExport, nil, 7, `"message_id":"<q1@customer.example>"`},
			{VerbHeld, nil, 0, ""},
			{VerbOutbox, nil, 0, ""},
			{VerbAside, nil, 0, ""},
			{VerbAudit, nil, 1, `"uids":2,"accounted":2`},
			{VerbReload, nil, 0, ""},
			{gateway.VerbAssign, map[string]string{"conversation": "1", "who": "bob"}, 0, ""},
			{gateway.VerbClose, map[string]string{"conversation": "1"}, 0, ""},
			{gateway.VerbRelease, map[string]string{"hold": "1-9"}, 0, ""},
			{gateway.VerbDiscard, map[string]string{"hold": "1-9"}, 0, ""},
			{gateway.VerbRetry, map[string]string{"aside": "4"}, 0, ""},
		} {
			got := lines(t, c, tt.verb, tt.args)
			if len(got) != tt.rows || !strings.Contains(strings.Join(got, "\n"), tt.has) {
				t.Errorf("%s %v: %d rows %s, want %d with %s", tt.verb, tt.args, len(got), got, tt.rows, tt.has)
			}
		}
		if reloads != 1 {
			t.Errorf("%d reloads", reloads)
		}
		ids := map[string]bool{}
		for _, req := range a.requests() {
			ids[req.ID] = true
			if req.By != "root" || len(req.ID) != 32 {
				t.Errorf("asked as %+v", req)
			}
		}
		if len(a.requests()) != 5 || len(ids) != 5 || a.requests()[0].Verb != gateway.VerbAssign || a.requests()[0].Args["who"] != "bob" {
			t.Errorf("asked: %+v", a.requests())
		}
	})
}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := story(t)
		a := &asker{err: errors.New("nobody in the rotation is called \"eve\"")}
		p, c := serve(t, config(a), r.st)
		for _, tt := range []struct{ name, octets, want string }{
			{"not JSON", "GET / HTTP/1.1\r\n\r\n", "the request is no line of the form"},
			{"a list", "[]\n", "the request is no line of the form"},
			{"empty", "\n", "the line is empty"},
			{"two in one line", `{"verb":"ping"} {"verb":"ping"}` + "\n", "behind the request"},
			{"a key nobody knows", `{"verb":"ping","user":"root"}` + "\n", "unknown field"},
			{"no verb", "{}\n", "names no verb"},
			{"unknown verb", `{"verb":"drop"}` + "\n", `"drop" is no verb this version knows; it knows aside, assign,`},
			{"too much", `{"verb":"show","args":{"conversation":"1","x":"y"}}` + "\n", `show takes no argument "x"`},
			{"too little", `{"verb":"assign","args":{"conversation":"1"}}` + "\n", `assign needs the argument "who"`},
			{"blank", `{"verb":"release","args":{"hold":" "}}` + "\n", `release needs the argument "hold"`},
			{"no number", `{"verb":"close","args":{"conversation":"-1"}}` + "\n", `"-1" is no conversation number`},
			{"zero", `{"verb":"show","args":{"conversation":"0"}}` + "\n", `"0" is no conversation number`},
			{"args of another type", `{"verb":"show","args":{"conversation":1}}` + "\n", "cannot unmarshal number"},
			{"a long argument", `{"verb":"release","args":{"hold":"` + strings.Repeat("x", maxArg+1) + `"}}` + "\n", "longer than 1000 octets"},
			{"no such conversation", `{"verb":"show","args":{"conversation":"99"}}` + "\n", "there is no such conversation"},
			{"no such state", `{"verb":"list","args":{"state":"odd"}}` + "\n", `"odd" is no state`},
			{"no mailbox", `{"verb":"audit"}` + "\n", "cannot list the mailbox"},
			{"no reload", `{"verb":"reload"}` + "\n", "nothing to reload"},
			{"the gateway says no", `{"verb":"assign","args":{"conversation":"1","who":"eve"}}` + "\n", `called "eve"`},
			{"huge", strings.Repeat("x", 2*maxRequest), "65536 octets are the most"},
			{"never ending", `{"verb":"ping"`, "no whole line came within 10s"},
		} {
			got := ""
			if tt.name == "huge" {
				got = sayHuge(t, p, tt.octets)
			} else {
				got = say(t, p.dial, tt.octets)
			}
			e, ok := parseEnding([]byte(got))
			if !ok || e.Done || strings.Count(got, "\n") != 1 || !strings.Contains(e.Error, tt.want) {
				t.Errorf("%s: got %s, want an error with %s", tt.name, got, tt.want)
			}
		}
		var refused *Refused
		err := c.Call(context.Background(), gateway.VerbAssign, map[string]string{"conversation": "1", "who": "eve"}, nil)
		if !errors.As(err, &refused) || refused.Reason != a.err.Error() {
			t.Errorf("a refusal comes as %v", err)
		}
		if got := lines(t, c, VerbPing, nil); len(got) != 1 {
			t.Errorf("the service no longer answers: %v", got)
		}
	})
}

// sayHuge writes as much as is taken before it reads: a pipe has no buffer.
func sayHuge(t *testing.T, p *pipes, octets string) string {
	t.Helper()
	conn, err := p.dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(octets[:maxRequest])); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1000)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func TestPanicHarmsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(&asker{})
		cfg.Live = func() Live { panic("oh") }
		_, c := serve(t, cfg, newRig(t).st)
		var refused *Refused
		if err := c.Call(context.Background(), VerbStatus, nil, nil); !errors.As(err, &refused) {
			t.Errorf("a call that broke: %v", err)
		}
		if got := lines(t, c, VerbPing, nil); len(got) != 1 {
			t.Errorf("the service no longer answers: %v", got)
		}
	})
}

func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := story(t)
		a := &asker{hang: true}
		p, c := serve(t, config(a), r.st)
		began := time.Now()
		err := c.Call(context.Background(), gateway.VerbClose, map[string]string{"conversation": "1"}, nil)
		if err == nil || !strings.Contains(err.Error(), "the request is queued") || time.Since(began) != askPatience {
			t.Errorf("a gateway that hangs, after %s: %v", time.Since(began), err)
		}

		// Clients that connect and say nothing lose their places.
		for range maxCalls {
			conn, err := p.dial(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go io.Copy(io.Discard, conn)
		}
		began = time.Now()
		if got := lines(t, c, VerbPing, nil); len(got) != 1 {
			t.Errorf("behind idlers: %v", got)
		}
		if waited := time.Since(began); waited != requestPatience {
			t.Errorf("it took %s to get behind idlers", waited)
		}

		// A reader that stops in the middle of a stream is left.
		conn, err := p.dial(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte(`{"verb":"export"}` + "\n")); err != nil {
			t.Fatal(err)
		}
		<-time.After(writePatience + time.Second) // of the bubble's clock
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("the server still writes to a reader that had stopped")
		}

		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		if err := c.Call(ctx, gateway.VerbClose, map[string]string{"conversation": "1"}, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("a call that was given up: %v", err)
		}
	})
}

func TestServeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ctx, cancel := context.WithCancel(context.Background())
		p := newPipes()
		done := make(chan error, 1)
		go func() { done <- NewServer(quiet(), config(&asker{hang: true}), r.st).Serve(ctx, p) }()
		c := NewClient(p.dial)
		called := make(chan error, 1)
		go func() {
			called <- c.Call(context.Background(), gateway.VerbClose, map[string]string{"conversation": "1"}, nil)
		}()
		synctest.Wait()
		began := time.Now()
		cancel()
		if err := <-done; err != nil || time.Since(began) != 0 {
			t.Errorf("serving ended after %s with %v", time.Since(began), err)
		}
		if err := <-called; err == nil || errors.Is(err, ErrNotRunning) {
			t.Errorf("a call cut off by the end: %v", err)
		}
		if err := NewServer(quiet(), config(&asker{}), r.st).Serve(context.Background(), p); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a closed listener: %v", err)
		}
	})
}

func TestConcurrentCalls(t *testing.T) {
	r := story(t)
	a := &asker{}
	_, c := serve(t, config(a), r.st)
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			verb, args := VerbExport, map[string]string(nil)
			if i%2 == 0 {
				verb, args = gateway.VerbClose, map[string]string{"conversation": fmt.Sprint(i + 1)}
			}
			if err := c.Call(context.Background(), verb, args, func(json.RawMessage) error { return nil }); err != nil {
				t.Errorf("%s: %v", verb, err)
			}
		})
	}
	for i := range 20 {
		r.customer(0, jane, fmt.Sprintf("<c%d@x>", i), "s", "x")
	}
	wg.Wait()
	ids := map[string]bool{}
	for _, req := range a.requests() {
		ids[req.ID] = true
	}
	if len(ids) != 30 {
		t.Errorf("%d different requests, want 30", len(ids))
	}
}

// TestUnixSocket goes the whole way over a real socket: its mode, who asks,
// and what is left when the service is gone.
func TestUnixSocket(t *testing.T) {
	r := newRig(t)
	dir := r.st.Dir()
	c, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Call(context.Background(), VerbPing, nil, nil); !errors.Is(err, ErrNotRunning) {
		t.Errorf("without a socket: %v", err)
	}
	ln, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	path, _ := SocketPath(dir)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}
	a := &asker{}
	cfg := config(a)
	cfg.Peer = PeerUser(func(uid string) (*user.User, error) { return &user.User{Username: "user-" + uid}, nil })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- NewServer(quiet(), cfg, r.st).Serve(ctx, ln) }()

	if err := c.Call(ctx, gateway.VerbClose, map[string]string{"conversation": "1"}, nil); err != nil {
		t.Error(err)
	}
	if want := fmt.Sprintf("user-%d", os.Getuid()); len(a.requests()) != 1 || a.requests()[0].By != want {
		t.Errorf("asked %+v, want by %s", a.requests(), want)
	}
	dial := func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "unix", path) }
	if got := say(t, dial, strings.Repeat("x", 4<<20)); !strings.Contains(got, "octets are the most") {
		t.Errorf("a huge request: %.200s", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("serving: %v", err)
	}
	stale(t, path)
	if err := c.Call(context.Background(), VerbPing, nil, nil); !errors.Is(err, ErrNotRunning) {
		t.Errorf("with a stale socket: %v", err)
	}
	again, err := Listen(dir)
	if err != nil {
		t.Fatalf("over a stale socket: %v", err)
	}
	again.Close()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(dir); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("over a person's file: %v", err)
	}
}

// stale leaves a socket as a crash does.
func stale(t *testing.T, path string) {
	t.Helper()
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	ln.Close()
}

func TestPeerUser(t *testing.T) {
	none := PeerUser(func(string) (*user.User, error) { return nil, user.UnknownUserIdError(1) })
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if got := none(a); got != "local" {
		t.Errorf("a pipe is %q", got)
	}
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		if c, err := net.Dial("unix", ln.Addr().String()); err == nil {
			defer c.Close()
			c.Read(make([]byte, 1))
		}
	}()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, want := none(conn), fmt.Sprintf("uid %d", os.Getuid()); got != want {
		t.Errorf("an unknown user is %q, want %q", got, want)
	}
}

func TestSocketPath(t *testing.T) {
	if _, err := SocketPath("/" + strings.Repeat("d", 86)); err != nil {
		t.Errorf("100 octets: %v", err)
	}
	_, err := SocketPath("/" + strings.Repeat("d", 87))
	if err == nil || !strings.Contains(err.Error(), "101 octets") || !strings.Contains(err.Error(), "choose a shorter [state] dir") {
		t.Errorf("101 octets: %v", err)
	}
	if _, err := Dial("/" + strings.Repeat("d", 200)); err == nil {
		t.Error("a client of a path no socket can have")
	}
	if _, err := Listen("/" + strings.Repeat("d", 200)); err == nil {
		t.Error("a socket of a path no socket can have")
	}
}

// TestClientBadService meets services that do not speak the protocol.
func TestClientBadService(t *testing.T) {
	for _, tt := range []struct{ name, answer, want string }{
		{"ends early", `{"conversation":1}` + "\n", "ended before it was done"},
		{"says nothing", "", "ended before it was done"},
		{"cut in a line", `{"done":`, "ended before it was done"},
		{"no JSON", "hello\n", "no JSON"},
	} {
		c := NewClient(func(context.Context) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				theirs.Read(make([]byte, 1000))
				theirs.Write([]byte(tt.answer))
				theirs.Close()
			}()
			return ours, nil
		})
		if err := c.Call(context.Background(), VerbPing, nil, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	stop := errors.New("enough")
	_, c := serve(t, config(&asker{}), story(t).st)
	if err := c.Call(context.Background(), VerbList, nil, func(json.RawMessage) error { return stop }); err != stop {
		t.Errorf("a reader's own error comes back as %v", err)
	}
}

func FuzzRequest(f *testing.F) {
	for _, s := range []string{`{"verb":"show","args":{"conversation":"1"}}`, `{"verb":"list","args":{"state":"open"}}`, `{}`, `[`, `{"verb":"ping"}x`, "\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parseRequest(line)
		if err != nil {
			return
		}
		v, err := check(r)
		if err == nil && v.run == nil {
			t.Errorf("%q has nothing to run", r.Verb)
		}
		if _, ok := r.Args["conversation"]; ok && err == nil {
			if id, err := conversationArg(r); err != nil || id == 0 {
				t.Errorf("conversation %q passed: %v", r.Args["conversation"], err)
			}
		}
	})
}

var _ Asker = (*asker)(nil)
