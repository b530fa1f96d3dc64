package service

import (
	"context"
	"encoding/json"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/admin"
	"postroom/internal/mailtest"
)

// badClients are what may come in over the control socket from who may open
// it: what each says, and whether it then reads.
var badClients = []struct {
	says  string
	reads bool
}{
	{"", false}, // and never a word more
	{"", true},
	{`{"verb":"sta`, false},
	{`{"verb":"sta`, true},
	{"GET /status HTTP/1.1\r\nHost: x\r\n\r\n", true},
	{"\x00\xff\xfe\x80garbage\x1b[2J\n", true},
	{"{\"verb\":\"show\",\"args\":{\"conversation\":\"\xff\xfe\"}}\n", true},
	{"{\"verb\":\"\xc3\x28\"}\n", true},
	{`{"verb":"drop"}` + "\n", true},
	{`{"verb":"show","args":[1,2]}` + "\n", true},
	{strings.Repeat("[", 60_000) + "\n", true},
	{strings.Repeat("x", 1<<20), true},
	{strings.Repeat("x", 1<<20), false},
	{`{"verb":"export"}` + "\n", false}, // a reader that never reads
	{`{"verb":"list"}` + "\n" + strings.Repeat(`{"verb":"list"}`+"\n", 1000), true},
}

// TestSocketFlood: a thousand connections at once to the control socket, none
// of which is of any good. Mail goes its way meanwhile, and when their patience
// has run out the socket answers as ever, and nothing is left of them.
func TestSocketFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "")
		b.control = true
		b.start()
		defer b.end()
		b.wait(time.Minute)
		client := admin.NewClient(func(ctx context.Context) (net.Conn, error) { return b.net.DialContext(ctx, "tcp", controlAddr) })
		ping := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return client.Call(ctx, admin.VerbStatus, nil, func(json.RawMessage) error { return nil })
		}
		if err := ping(); err != nil {
			t.Fatal(err)
		}
		before := runtime.NumGoroutine()
		ended := b.flood(1000)
		b.wait(time.Second)
		if err := ping(); err == nil {
			t.Error("a thousand connections keep nobody waiting: this is no flood")
		}
		b.write(mailtest.Mail{From: "jane@client.example", To: shared, Subject: "Printer", Text: "It burns.\n"})
		b.wait(time.Minute)
		c, who := b.copyWith("It burns.")
		b.write(replyTo(c, who, "Use water."))
		b.wait(time.Minute)
		b.about("Use water.", "jane@client.example")
		for range 1000 {
			<-ended
		}
		b.wait(time.Minute)
		if err := ping(); err != nil {
			t.Errorf("behind the flood: %v", err)
		}
		if n := runtime.NumGoroutine(); n > before+10 {
			t.Errorf("%d goroutines, and %d before the flood", n, before)
		}
	})
}

// flood opens connections to the control socket, all at once. Each ends when
// the service ends it.
func (b *bubble) flood(n int) (ended <-chan struct{}) {
	b.t.Helper()
	all := make(chan struct{}, n)
	for i := range n {
		bad := badClients[i%len(badClients)]
		go func() {
			defer func() { all <- struct{}{} }()
			conn, err := b.net.DialContext(b.t.Context(), "tcp", controlAddr)
			for ; err != nil; conn, err = b.net.DialContext(b.t.Context(), "tcp", controlAddr) {
				time.Sleep(time.Second) // of the bubble's clock: too many wait already
			}
			defer conn.Close()
			go conn.Write([]byte(bad.says)) // ends with the connection
			if !bad.reads {
				time.Sleep(2 * time.Hour) // of the bubble's clock; longer than all patience
				return
			}
			said := make([]byte, 4096)
			for {
				if _, err := conn.Read(said); err != nil {
					return
				}
			}
		}()
	}
	return all
}
