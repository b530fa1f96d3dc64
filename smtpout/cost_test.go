package smtpout

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postroom/internal/store"
)

// deepSink is an SMTP server that takes everything and allocates next to
// nothing, so that what is measured is ours.
func deepSink(c net.Conn) {
	defer c.Close()
	in := bufio.NewReaderSize(c, 32<<10)
	say := func(s string) { io.WriteString(c, s+"\r\n") }
	say("220 deep")
	for data := false; ; {
		line, err := in.ReadSlice('\n')
		switch {
		case err != nil && err != bufio.ErrBufferFull:
			return
		case data:
			if data = string(line) != ".\r\n"; !data {
				say("250 taken")
			}
		case bytes.HasPrefix(line, []byte("EHLO")):
			say("250-deep\r\n250 PIPELINING")
		case bytes.HasPrefix(line, []byte("DATA")):
			data = true
			say("354 go ahead")
		case bytes.HasPrefix(line, []byte("QUIT")):
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// dialDeep dials a deepSink, in TLS where there is a configuration for it.
func dialDeep(cfg *tls.Config) Dial {
	return func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		if cfg != nil {
			far = tls.Server(far, cfg)
		}
		go deepSink(far)
		return near, nil
	}
}

// allocated is how many octets f allocates, freed ones included, in all
// goroutines.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// TestMemoryOfLargeMail: a mail of 25 MB goes from the spool to the relay, and
// all that is allocated for it, freed or not, is a small part of that.
func TestMemoryOfLargeMail(t *testing.T) {
	const size, most = 25 << 20, 8 << 20 // the race detector has TLS give up its buffers now and then
	server, pool := certificate(t)
	for name, secure := range map[string]*tls.Config{"plain": nil, "TLS": server} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(r *rig) {
				r.trust(pool)
				if secure != nil {
					r.cfg.TLS = TLSImplicit
				}
			})
			ref := spooled(t, r.store, size)
			m := r.mail(customer)
			m.Sources, m.Size = []store.Ref{ref}, size
			r.enqueue(m)
			render := func(_ context.Context, w io.Writer, m store.OutMail) error {
				raw, err := r.store.OpenRaw(m.Sources[0])
				if err != nil {
					return err
				}
				defer raw.Close()
				_, err = io.Copy(w, raw)
				return err
			}
			s := New(slog.New(slog.DiscardHandler), r.cfg, r.store, dialDeep(secure), render, time.Now, func() float64 { return 0.5 }, r.seen)
			used := allocated(func() {
				if _, err := s.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
			r.want(m.ID, "done: sent")
			t.Logf("%d kB allocated for a mail of %d kB", used>>10, size>>10)
			if used > most {
				t.Errorf("more than %d kB", most>>10)
			}
		})
	}
}

// spooled puts so many octets of text into the spool.
func spooled(t testing.TB, st *store.Store, size int) store.Ref {
	t.Helper()
	seg, err := st.NewSegment()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("a line of text, as base64 has them, with 76 characters and the end of a line\r\n", 1000)
	ref, err := seg.Append(io.LimitReader(endless(text), int64(size)))
	if err == nil {
		err = seg.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// endless reads a text again and again.
func endless(text string) io.Reader { return &loop{text: text} }

type loop struct {
	text string
	at   int
}

func (l *loop) Read(p []byte) (int, error) {
	n := copy(p, l.text[l.at:])
	l.at = (l.at + n) % len(l.text)
	return n, nil
}

// TestFlat: what a mail costs does not depend on how many are queued. What is
// allocated stands for it: whatever looks at more mails allocates more.
func TestFlat(t *testing.T) {
	const sent = 300
	few, many := costOf(t, 2*sent, sent), costOf(t, 30000, sent)
	t.Logf("%d octets allocated for each mail with %d queued, %d with 30000", few, 2*sent, many)
	if many > few*3/2 {
		t.Error("it is not flat")
	}
}

// costOf queues mails, sends some of them, and returns how many octets were
// allocated for each.
func costOf(t *testing.T, queued, sent int) int64 {
	t.Helper()
	r := newRig(t, nil)
	fill(t, r.store, queued)
	return allocated(func() { sendSome(t, r, sent) }) / int64(sent)
}

// sendSome sends so many mails, and a few more that are in hand by then.
func sendSome(t testing.TB, r *rig, mails int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var n atomic.Int32
	render := func(_ context.Context, w io.Writer, _ store.OutMail) error {
		if n.Add(1) == int32(mails) {
			cancel()
		}
		_, err := io.WriteString(w, body[:4000])
		return err
	}
	s := New(slog.New(slog.DiscardHandler), r.cfg, r.store, dialDeep(nil), render, time.Now, func() float64 { return 0.5 }, r.seen)
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if int(n.Load()) < mails {
		t.Fatalf("%d mails were sent", n.Load())
	}
}

var mostQueued = flag.Int("most-queued", 10000, "how many mails BenchmarkQueued queues at most; 1000000 is the whole form")

// BenchmarkQueued sends 2,000 mails each from outboxes of different lengths.
//
//	go test ./smtpout -run '^$' -bench Queued -benchtime 1x -most-queued 1000000
func BenchmarkQueued(b *testing.B) {
	const mails = 2000
	for queued := 100; queued <= *mostQueued; queued *= 10 {
		b.Run(fmt.Sprintf("queued=%d", queued), func(b *testing.B) {
			r := newRig(b, nil)
			sent, left := min(mails, queued), 0
			b.ReportAllocs()
			for b.Loop() {
				if left < sent {
					b.StopTimer()
					fill(b, r.store, queued)
					left = queued
					b.StartTimer()
				}
				sendSome(b, r, sent)
				left -= sent
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*sent), "µs/mail")
		})
	}
}
