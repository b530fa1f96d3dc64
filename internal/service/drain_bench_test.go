package service

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"postroom/internal/mailtest"
)

// BenchmarkDrain takes new mails from an embedded mailbox, threads and assigns
// them, and sends the copies to an embedded relay: everything durable.
func BenchmarkDrain(b *testing.B) {
	const mails = 1000
	for b.Loop() {
		b.StopTimer()
		w := newBubble(b, "imap.start = \"all\"\nsmtp.sent_copy = \"none\"")
		for i := range mails {
			m := mailtest.Mail{
				From: fmt.Sprintf("c%d@client.example", i), To: "support@acme.example", Subject: fmt.Sprintf("Question %d", i),
				MessageID: fmt.Sprintf("%d@client.example", i), Date: time.Now(), Text: "How does this work?\n",
			}
			if err := w.world.Deliver(m.From, m.To, m.Bytes()); err != nil {
				b.Fatal(err)
			}
		}
		seams := w.seams()
		seams.Log = slog.New(slog.DiscardHandler)
		svc, err := New(w.cfg, seams)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		sum, err := svc.Drain(b.Context())
		b.StopTimer()
		if err != nil || sum.Sent != mails || sum.Seen != mails {
			b.Fatalf("drained %+v, %v", sum, err)
		}
		b.ReportMetric(float64(mails)/sum.Seconds, "mails/s")
		if err := svc.Close(); err != nil {
			b.Fatal(err)
		}
		if err := w.world.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
