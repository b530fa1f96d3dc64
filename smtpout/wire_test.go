package smtpout

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// canned is a connection that gives what it was made with, and keeps what is
// written to it, one write for each.
type canned struct {
	net.Conn
	in     io.Reader
	writes []string
}

func (c *canned) Read(p []byte) (int, error) { return c.in.Read(p) }
func (c *canned) Write(p []byte) (int, error) {
	c.writes = append(c.writes, string(p))
	return len(p), nil
}
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }

func cannedWire(in string) (*wire, *canned) {
	c := &canned{in: strings.NewReader(in)}
	return newWire(&conn{Conn: c, free: true}, time.Minute), c
}

func TestReply(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	tests := []struct {
		in   string
		want string // as String gives it
		code int
	}{
		{"250 ok\r\n", "250 ok", 250},
		{"250 ok\n", "250 ok", 250},
		{"250\r\n", "250", 250},
		{"250 \r\n", "250", 250},
		{"250 2.1.0 ok\r\n", "250 2.1.0 ok", 250},
		{"250 2.1.0\r\n", "250 2.1.0", 250},
		{"550-5.7.1 no\r\n550-5.7.1 and\r\n550 5.7.1 no\r\n", "550 5.7.1 no and no", 550},
		{"550-5.7.1 no\r\n550 never\r\n", "550 5.7.1 no never", 550},
		{"550-no\r\n550 5.7.1 never\r\n", "550 no 5.7.1 never", 550},
		{"550 4.7.1 of another class\r\n", "550 4.7.1 of another class", 550},
		{"550 5.7 short\r\n", "550 5.7 short", 550},
		{"550 5.7.1.2 long\r\n", "550 5.7.1.2 long", 550},
		{"550 55.7.1 odd\r\n", "550 55.7.1 odd", 550},
		{"550 5.7777.1 odd\r\n", "550 5.7777.1 odd", 550},
		{"550 5.7.x odd\r\n", "550 5.7.x odd", 550},
		{"550 a\x1b[31m  b\x00\r\n", "550 a\uFFFD[31m b\uFFFD", 550},
		{"250-ok\r\n", "unexpected EOF", 0},
		{"250-ok\r\n251 ok\r\n", "what came is no reply: 251 ok", 0},
		{"hello\r\n", "what came is no reply: hello", 0},
		{"150 early\r\n", "what came is no reply: 150 early", 0},
		{"650 late\r\n", "what came is no reply: 650 late", 0},
		{"2500 ok\r\n", "what came is no reply: 2500 ok", 0},
		{"25\r\n", "what came is no reply: 25", 0},
		{"\r\n", "what came is no reply:", 0},
		{"", "unexpected EOF", 0},
		{"250 " + long + "\r\n", "a line of more than 2048 octets, beginning with \"250 " + strings.Repeat("x", 76) + "\"", 0},
		{strings.Repeat("250-x\r\n", maxLines) + "250 x\r\n", "what came is no reply: 250 x", 0},
		{strings.Repeat("250-"+long[:1000]+"\r\n", 100) + "250 x\r\n", "250 " + long[:maxWords], 250},
	}
	for _, tt := range tests {
		w, _ := cannedWire(tt.in)
		r := w.reply(time.Minute)
		if r.String() != tt.want || r.code != tt.code || r.lost() != (tt.code == 0) {
			t.Errorf("%.80q is %d %.80q, want %d %.80q", tt.in, r.code, r, tt.code, tt.want)
		}
		if r.lost() != (errors.Unwrap(r) != nil) {
			t.Errorf("%.80q has the cause %v", tt.in, r.cause)
		}
	}
}

// What goes together goes in one write, and in no more than fits.
func TestAskGroups(t *testing.T) {
	never := func(int, reply) bool { return false }
	var lines []string
	for range 100 {
		lines = append(lines, "RCPT TO:<"+strings.Repeat("a", 50)+"@b.example>")
	}
	in := strings.Repeat("250 ok\r\n", len(lines))
	w, c := cannedWire(in)
	if got := w.ask(lines, true, never); len(got) != len(lines) {
		t.Errorf("%d replies", len(got))
	}
	if len(c.writes) != 4 || strings.Join(c.writes, "") != strings.Join(lines, "\r\n")+"\r\n" {
		t.Errorf("%d writes", len(c.writes))
	}
	for _, s := range c.writes {
		if len(s) > groupSize+2 {
			t.Errorf("a group of %d octets", len(s))
		}
	}
	w, c = cannedWire(in)
	if got := w.ask(lines, false, never); len(got) != len(lines) || len(c.writes) != len(lines) {
		t.Errorf("one at a time: %d replies to %d writes", len(got), len(c.writes))
	}
	w, c = cannedWire(in)
	if got := w.ask(lines, false, func(n int, _ reply) bool { return n == 2 }); len(got) != 3 || len(c.writes) != 3 {
		t.Errorf("stopped: %d replies to %d writes", len(got), len(c.writes))
	}
	w, _ = cannedWire("250 ok\r\n421 bye\r\n250 ok\r\n")
	if got := w.ask(lines[:3], true, never); len(got) != 2 || !got[1].closing() {
		t.Errorf("closed: %v", got)
	}
}

// asRead is what a server reads of the data of a transaction, by an
// independent reader.
func asRead(t testing.TB, wire string) string {
	t.Helper()
	in := bufio.NewReader(strings.NewReader(wire))
	got, err := io.ReadAll(textproto.NewReader(in).DotReader())
	if err != nil || in.Buffered() > 0 {
		t.Fatalf("%.200q: %v, and %d octets behind its end", wire, err, in.Buffered())
	}
	return string(got)
}

func sendBody(t testing.TB, pieces ...string) string {
	t.Helper()
	w, c := cannedWire("")
	d := dots{w: w}
	for _, p := range pieces {
		if n, err := d.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatalf("wrote %d of %d: %v", n, len(p), err)
		}
	}
	if err := d.finish(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(c.writes, "")
}

func TestDots(t *testing.T) {
	for in, want := range map[string]string{
		"":                     ".\r\n",
		"a\r\n":                "a\r\n.\r\n",
		"a":                    "a\r\n.\r\n",
		".":                    "..\r\n.\r\n",
		".\r\n":                "..\r\n.\r\n",
		"a\r\n.\r\nb\r\n":      "a\r\n..\r\nb\r\n.\r\n",
		"a\n.\nb\n":            "a\r\n..\r\nb\r\n.\r\n",
		"a\r.\rb":              "a\r\n..\r\nb\r\n.\r\n",
		"a\r\r\nb":             "a\r\n\r\nb\r\n.\r\n",
		"\r\n\r\n":             "\r\n\r\n.\r\n",
		"\r":                   "\r\n.\r\n",
		"a..b\r\n..c\r\n":      "a..b\r\n...c\r\n.\r\n",
		"a\n\r.\r\nMAIL FROM:": "a\r\n\r\n..\r\nMAIL FROM:\r\n.\r\n",
	} {
		if got := sendBody(t, in); got != want {
			t.Errorf("%q is sent as %q, want %q", in, got, want)
		}
		if got := sendBody(t, strings.Split(in, "")...); got != want {
			t.Errorf("%q is sent octet by octet as %q, want %q", in, got, want)
		}
	}
	large := strings.Repeat(strings.Repeat("x", 70000)+"\r\n.\r\n", 20)
	if got := asRead(t, sendBody(t, large)); got != strings.ReplaceAll(large, "\r\n", "\n") {
		t.Error("a large mail with long lines is not read as it was sent")
	}
	w, c := cannedWire("")
	d := dots{w: w}
	d.Write([]byte("small\r\n"))
	if d.finish(); len(c.writes) != 1 {
		t.Errorf("a small mail and its final dot leave in %d writes", len(c.writes))
	}
}

func FuzzDots(f *testing.F) {
	f.Add([]byte("a\r\n.\r\nb"), 3)
	f.Add([]byte("\n.\r\r.\n"), 1)
	f.Fuzz(func(t *testing.T, in []byte, at int) {
		at = min(max(at, 0), len(in))
		wire := sendBody(t, string(in[:at]), string(in[at:]))
		lines := strings.ReplaceAll(strings.ReplaceAll(string(in), "\r\n", "\n"), "\r", "\n")
		if lines != "" && !strings.HasSuffix(lines, "\n") {
			lines += "\n"
		}
		if got := asRead(t, wire); got != lines {
			t.Fatalf("%q is read as %q", in, got)
		}
		for _, c := range []string{"\r", "\n"} { // no bare one
			if strings.Count(wire, c) != strings.Count(wire, "\r\n") {
				t.Fatalf("%q is sent as %q", in, wire)
			}
		}
	})
}

func FuzzReply(f *testing.F) {
	f.Add([]byte("250-2.0.0 a\r\n250 2.0.0 b\r\n"))
	f.Add([]byte("250 \xff\x00\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		w := newWire(&conn{Conn: &canned{in: bytes.NewReader(in)}, free: true}, time.Minute)
		r := w.reply(time.Minute)
		if len(r.words) > maxWords || !plainWords(r.words) || r.code != 0 && (r.code < 200 || r.code > 599) {
			t.Fatalf("%q is %+v", in, r)
		}
	})
}

func plainWords(s string) bool { return clean(s) == s && !strings.ContainsAny(s, "\r\n\x00\x1b") }

// Somebody in between adds what looks like the answer to our next command to
// the go-ahead for TLS. It must not count.
func TestEarlyWords(t *testing.T) {
	server, pool := certificate(t)
	bubble(t, func(r *rig) {
		r.cfg.TLS, r.relay.tls = TLSStart, server
		r.trust(pool)
		r.relay.misdeeds = always("starttls", "", misdeed{reply: "220 go ahead\r\n250-relay.example\r\n250 AUTH PLAIN", after: true})
	}, func(t *testing.T, r *rig) {
		m := r.mail(customer)
		r.enqueue(m)
		if _, err := r.sender.Drain(t.Context()); !errors.Is(err, errEarly) {
			t.Errorf("draining ended with %v", err)
		}
		r.want(m.ID, "queued: queued")
		if r.relay.said("MAIL") > 0 {
			t.Error("the session went on")
		}
	})
}

// What a relay offers in plain text does not count in TLS (RFC 3207 §4.2).
func TestOffersOfPlainTextAreForgotten(t *testing.T) {
	server, pool := certificate(t)
	bubble(t, func(r *rig) {
		r.cfg.TLS, r.relay.tls = TLSStart, server
		r.trust(pool)
		first := true
		r.relay.misdeeds = func(stage, _ string) *misdeed {
			if stage == "ehlo" && first {
				first = false
				return &misdeed{reply: "250-fake\r\n250-SIZE 10\r\n250 STARTTLS"}
			}
			return nil
		}
	}, func(t *testing.T, r *rig) {
		m := r.mail(customer)
		r.enqueue(m)
		r.drain()
		r.want(m.ID, "done: sent")
	})
}

// A relay that knows no EHLO is spoken to in plain SMTP.
func TestHelo(t *testing.T) {
	for _, words := range []string{"500 what?", "502 not here"} {
		bubble(t, func(r *rig) { r.relay.misdeeds = always("ehlo", "", misdeed{reply: words}) }, func(t *testing.T, r *rig) {
			m := r.mail(customer)
			r.enqueue(m)
			r.drain()
			r.want(m.ID, "done: sent")
			if r.relay.said("HELO us.example") != 1 || r.relay.said("MAIL FROM:<"+m.EnvelopeFrom+">") != 1 {
				t.Errorf("said %q", r.relay.commands)
			}
		})
	}
}

// A relay that offers PIPELINING and forgets what came with a command it
// refused is spoken to one command at a time from then on.
func TestFalsePipelining(t *testing.T) {
	bubble(t, func(r *rig) {
		r.relay.offers = append(r.relay.offers, "PIPELINING")
		r.relay.misdeeds = once("rcpt", customer, misdeed{reply: "550 5.1.1 nobody", forget: true})
	}, func(t *testing.T, r *rig) {
		a, b := r.mail(customer, colleague), r.mail(colleague)
		r.enqueue(a)
		r.drain()
		r.want(a.ID, "queued: failed queued")
		if !r.sender.lockstep.Load() {
			t.Error("the relay still gets groups")
		}
		r.enqueue(b)
		time.Sleep(2 * time.Minute)
		r.drain()
		r.want(a.ID, "done: failed sent")
		r.want(b.ID, "done: sent")
	})
}

// A relay that wants the data of a mail to nobody gets none.
func TestDataForNobody(t *testing.T) {
	for _, stage := range []string{"mail", "rcpt"} {
		bubble(t, func(r *rig) {
			r.relay.offers = append(r.relay.offers, "PIPELINING")
			r.relay.careless = true
			r.relay.misdeeds = always(stage, "", misdeed{reply: "550 5.1.1 not this one"})
			r.cfg.Envelope = EnvelopeBounce
		}, func(t *testing.T, r *rig) {
			m, next := r.mail(customer), r.mail(customer)
			r.enqueue(m, next)
			r.drain()
			r.want(m.ID, "done: failed")
			r.want(next.ID, "done: failed")
			if time.Since(m.Queued) > time.Minute {
				t.Error("something was said as if it were a mail") // and waited to be answered
			}
			if n := len(r.relay.received()); n != 0 || r.relay.said("DATA") != 2 {
				t.Errorf("%d mails, %d times DATA", n, r.relay.said("DATA"))
			}
		})
	}
}

// A relay that stops to read in the middle of a mail does not hold the sender
// for longer than a write may take.
func TestWriteDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		w := newWire(&conn{Conn: near, free: true, patience: 30 * time.Second}, time.Minute)
		d := dots{w: w}
		began := time.Now()
		for d.err == nil && time.Since(began) < time.Hour {
			d.Write([]byte(strings.Repeat("x", 1<<20)))
		}
		if took := time.Since(began); took != 30*time.Second || !errors.Is(d.err, os.ErrDeadlineExceeded) {
			t.Errorf("after %v: %v", took, d.err)
		}
	})
}
