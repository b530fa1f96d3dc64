package gateway

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"postroom/internal/mailtest"
	"postroom/internal/rotation"
	"postroom/internal/store"
)

// BenchmarkBulk thinks over many new mails that lie in the inbox, until their
// copies are durable in the outbox. Nothing of the mailbox is in it.
func BenchmarkBulk(b *testing.B) {
	const mails = 2000
	raw := make([][]byte, mails)
	for i := range raw {
		raw[i] = bulkMail(i)
	}
	var used time.Duration
	for b.Loop() {
		b.StopTimer()
		r, st := bulkRig(b, raw)
		before := processorTime(b)
		b.StartTimer()
		if err := r.g.Drain(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		used += processorTime(b) - before
		if len(r.aside) > 0 || outgoingMails(b, st) != mails {
			b.Fatalf("%d set aside, %d in the outbox", len(r.aside), outgoingMails(b, st))
		}
		if err := st.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(used.Microseconds())/float64(mails*b.N), "cpu_µs/mail")
}

// bulkMail is one of ten kinds: six plain, three with HTML, one with a file, and
// every tenth answers the one before it.
func bulkMail(i int) []byte {
	m := mailtest.Mail{
		From: fmt.Sprintf("Customer %d <c%d@client.example>", i%997, i), To: "support@acme.example",
		Subject: fmt.Sprintf("Question number %d", i), MessageID: fmt.Sprintf("m%d@client.example", i),
		Date: time.Date(2026, 11, 2, 8, 0, i, 0, time.UTC),
		Text: fmt.Sprintf("Mail %d\r\n", i) + strings.Repeat("The quick brown fox jumps over the lazy dog, and then does it again.\r\n", 40),
	}
	switch i % 10 {
	case 1, 4, 7:
		m.HTML = "<html><body>" + strings.Repeat("<p style=\"margin:0\">The quick <b>brown</b> fox jumps over the lazy dog.</p>\r\n", 110) + "</body></html>"
	case 8:
		m.Attachments = []mailtest.Attachment{{Name: "shot.png", Type: "image/png", Data: bytes.Repeat([]byte("0123456789"), 10_000)}}
	case 9:
		m.InReplyTo = fmt.Sprintf("m%d@client.example", i-1)
		m.References = []string{m.InReplyTo}
	}
	return m.Bytes()
}

// bulkRig is a gateway with mails in its inbox, laid there as imapsync does.
func bulkRig(b *testing.B, raw [][]byte) (*rig, *store.Store) {
	b.Helper()
	r := unopened(nil)
	log := slog.New(slog.DiscardHandler)
	st, err := store.Open(log, b.TempDir(), bytes.NewReader(bytes.Repeat([]byte("k"), 32)))
	if err != nil {
		b.Fatal(err)
	}
	rot, _, err := rotation.Parse("rotation.toml", []byte(twoEngineers))
	if err != nil {
		b.Fatal(err)
	}
	const chunk = 128
	for first := 0; first < len(raw); first += chunk {
		seg, err := st.NewSegment()
		if err != nil {
			b.Fatal(err)
		}
		var mails []store.InMail
		for i := first; i < min(first+chunk, len(raw)); i++ {
			ref, err := seg.Append(bytes.NewReader(raw[i]))
			if err != nil {
				b.Fatal(err)
			}
			mails = append(mails, store.InMail{UID: r.inboxUID(uint32(i + 1)), Raw: ref, FullSize: ref.Length})
		}
		if err := seg.Commit(); err != nil {
			b.Fatal(err)
		}
		next := uint32(first + len(mails) + 1)
		if err := st.Update(func(tx *store.Tx) error {
			return tx.AddMail(r.now, mails, store.Cursor{Folder: "INBOX", UIDValidity: 1, First: 1, Next: next, HistoryNext: 1})
		}); err != nil {
			b.Fatal(err)
		}
	}
	if r.g, err = New(log, r.cfg, st, rot, r.clock, r); err != nil {
		b.Fatal(err)
	}
	r.g.wary = 0
	return r, st
}

func outgoingMails(b *testing.B, st *store.Store) (n int) {
	b.Helper()
	if err := st.View(func(tx *store.Tx) error {
		return tx.EachOut(func(store.OutMail) error { n++; return nil })
	}); err != nil {
		b.Fatal(err)
	}
	return n
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
