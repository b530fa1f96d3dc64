package service

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postroom/internal/config"
	"postroom/internal/mailtest"
)

const (
	speedUser   = "support@acme.example"
	speedOther  = "other@acme.example" // has a mailbox too
	speedSecret = "secret"
)

// speedRig is a real Dovecot with a seeded mailbox, and a relay that throws
// everything away.
type speedRig struct {
	b    *testing.B
	d    *mailtest.Dovecot
	sink *sink
	dir  string
	mail func(i int) []byte
	n    int // mails seeded
}

// newSpeedRig starts a Dovecot without TLS: the bare client speaks plain text, and Postroom is
// to do the same without trying anything else first.
func newSpeedRig(b *testing.B, mail func(i int) []byte) *speedRig {
	b.Helper()
	return newSpeedRigWith(b, mail, "ssl = no\n")
}

func newSpeedRigWith(b *testing.B, mail func(i int) []byte, extra string) *speedRig {
	b.Helper()
	old := debug.SetGCPercent(400) // as the program has it
	b.Cleanup(func() { debug.SetGCPercent(old) })
	r := &speedRig{b: b, dir: b.TempDir(), sink: newSink(b), mail: mail}
	r.d = mailtest.StartDovecot(b, mailtest.DovecotOptions{
		Users: []mailtest.User{{Address: speedUser, Password: speedSecret}, {Address: speedOther, Password: speedSecret}},
		Extra: "mail_fsync = never\nmail_max_userip_connections = 50\n" + extra,
	})
	files := map[string]string{"secret": speedSecret + "\n", "rotation.toml": rotationABC}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return r
}

// seed puts n more mails into the mailbox.
func (r *speedRig) seed(n int) {
	r.b.Helper()
	first := r.n
	start := time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	raw := func(i int) []byte { return r.mail(first + i) }
	if err := r.d.Seed(speedUser, n, raw, func(i int) time.Time { return start.Add(time.Duration(first+i) * time.Millisecond) }); err != nil {
		r.b.Fatal(err)
	}
	r.n += n
}

// config is a configuration over a state directory of that name. settings are
// "table.key = value" lines.
func (r *speedRig) config(state, settings string) string {
	tables := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(fmt.Sprintf(`
support.address = "support@acme.example"
support.name = "Acme Support"
support.reply_address = "support+{token}@acme.example"
imap.server = "imap://%s"
imap.username = "support@acme.example"
imap.password_file = %q
smtp.server = "smtp://%s"
state.dir = %q
`, r.d.IMAP, filepath.Join(r.dir, "secret"), r.sink.addr, filepath.Join(r.dir, state))+settings), "\n") {
		table, setting, _ := strings.Cut(strings.TrimSpace(line), ".")
		key, _, _ := strings.Cut(setting, "=")
		tables[table] = slices.DeleteFunc(tables[table], func(old string) bool { return strings.HasPrefix(old, strings.TrimSpace(key)+" ") })
		tables[table] = append(tables[table], setting)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "rotation = %q\n", filepath.Join(r.dir, "rotation.toml"))
	for _, table := range []string{"support", "imap", "smtp", "state"} {
		fmt.Fprintf(&text, "[%s]\n%s\n", table, strings.Join(tables[table], "\n"))
	}
	return text.String()
}

// service is a Postroom in this process.
func (r *speedRig) service(state, settings string) *Service {
	r.b.Helper()
	cfg, err := config.Parse("postroom.toml", []byte(r.config(state, settings)), os.Getenv)
	if err != nil {
		r.b.Fatal(err)
	}
	seams := OSSeams(slog.New(slog.DiscardHandler))
	svc, err := New(cfg, seams)
	if err != nil {
		r.b.Fatal(err)
	}
	return svc
}

func (r *speedRig) close(svc *Service) {
	r.b.Helper()
	if err := svc.Close(); err != nil {
		r.b.Fatal(err)
	}
}

// speedMails makes mail as support mailboxes have it: of ten mails six are
// plain text of 3 kB, three have text and HTML of 12 kB, and one carries
// attachments that bring the mean to size octets. Every tenth answers the one
// before it.
func speedMails(size int) func(i int) []byte {
	prose := strings.Repeat("The quick brown fox jumps over the lazy dog, and then does it again.\r\n", 40)
	html := strings.Repeat("<p style=\"margin:0\">The quick <b>brown</b> fox jumps over the lazy dog.</p>\r\n", 110)
	file := []byte(strings.Repeat("\x89PNG0123456789abcdefghijklmnopqrstuvwxyz", max(0, 10*size-54_000)*73/100/40))
	return func(i int) []byte {
		m := mailtest.Mail{
			From: fmt.Sprintf("Customer %d <c%d@client.example>", i%997, i), To: speedUser,
			Subject: fmt.Sprintf("Question number %d", i), MessageID: fmt.Sprintf("m%d@client.example", i),
			Date: time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Second),
			Text: fmt.Sprintf("Mail %d\r\n", i) + prose,
		}
		switch i % 10 {
		case 1, 4, 7:
			m.HTML = "<html><body>" + html + "</body></html>"
		case 8:
			if len(file) > 0 {
				m.Attachments = []mailtest.Attachment{{Name: "shot.png", Type: "image/png", Data: file}}
			}
		case 9:
			m.InReplyTo = fmt.Sprintf("m%d@client.example", i-1)
			m.References = []string{m.InReplyTo}
		}
		return m.Bytes()
	}
}

// sink is a relay that takes every mail and keeps none. It speaks as little
// SMTP as it can, so that little of the time is its own.
type sink struct {
	addr  string
	mails atomic.Int64
	heard func() // called after each mail; may be nil
	mu    sync.Mutex
}

func newSink(b *testing.B) *sink {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &sink{addr: ln.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.serve(conn) })
		}
	})
	b.Cleanup(func() { ln.Close() })
	return s
}

// tell sets what is called after each mail.
func (s *sink) tell(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = f
}

// after returns what receives the time when n more mails have come.
func (s *sink) after(n int) <-chan time.Time {
	at := make(chan time.Time, 1)
	goal := s.mails.Load() + int64(n)
	s.tell(func() {
		if s.mails.Load() == goal {
			at <- time.Now()
			goal = -1
		}
	})
	return at
}

func (s *sink) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	say := func(line string) bool {
		_, err := conn.Write([]byte(line + "\r\n"))
		return err == nil
	}
	for ok := say("220 sink"); ok; {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(string(line[:min(4, len(line))])); verb {
		case "EHLO":
			ok = say("250-sink\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 0")
		case "DATA":
			ok = say("354 go on") && s.data(in) && say("250 2.0.0 gone")
		case "QUIT":
			say("221 bye")
			return
		default:
			ok = say("250 2.0.0 ok")
		}
	}
}

// data reads to the final dot (RFC 5321 §4.1.1.4).
func (s *sink) data(in *bufio.Reader) bool {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			return false
		}
		if bytes.Equal(line, []byte(".\r\n")) {
			break
		}
	}
	s.mails.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.heard != nil {
		s.heard()
	}
	return true
}

// quantile is the smallest value that at least that part of the list does not
// exceed.
func quantile(list []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}
