package admin

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// Counters are what the stages have done since the service started.
type Counters struct {
	Processed     int64 // records of the inbox: mails, outcomes, timers
	CameBack      int64 // copies of our own mail, seen in the mailbox
	SetAside      int64 // mails that could not be processed
	RelayFailures int64 // of the relay as a whole
	Probes        int64 // that were sent, and
	Lost          int64 // those of them that failed
	// ProbeSeconds is how long the last probe that came back was on its way; 0
	// for none yet.
	ProbeSeconds float64
	Goroutines   int // there are now
}

// sample is one line of the metrics.
type sample struct {
	name, kind, help string
	value            float64
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func unix(t *time.Time) float64 {
	if t == nil {
		return 0
	}
	return float64(t.Unix())
}

// samples are the metrics there are. None has a label but the version: no
// address, subject or name ever stands in one.
func samples(s Status, c Counters) []sample {
	return []sample{
		{"postroom_degraded", "gauge", "1 when postroom status says degraded.", oneIf(s.State != OK)},
		{"postroom_problems", "gauge", "Sentences that postroom status shows.", float64(len(s.Problems))},
		{"postroom_start_time_seconds", "gauge", "When the service started, in Unix time.", unix(s.Started)},
		{"postroom_imap_connected", "gauge", "1 while the mailbox is connected.", oneIf(s.IMAP.Connected)},
		{"postroom_history_messages", "gauge", "Old messages there are to import.", float64(s.IMAP.History.Total)},
		{"postroom_history_imported_messages", "gauge", "Old messages that are imported.", float64(s.IMAP.History.Done)},
		{"postroom_smtp_paused_until_seconds", "gauge", "Until when the relay is left alone, in Unix time; 0 for not.", unix(s.SMTP.PausedUntil)},
		{"postroom_smtp_envelope_refused", "gauge", "1 when the relay takes no bounce addresses.", oneIf(s.SMTP.Envelope != "")},
		{"postroom_conversations_open", "gauge", "Open conversations.", float64(s.Open)},
		{"postroom_mails_queued", "gauge", "Mails on their way out.", float64(s.Queued)},
		{"postroom_mails_held", "gauge", "Mails that were kept back and wait for a decision.", float64(s.Held)},
		{"postroom_mails_aside", "gauge", "Mails that could not be processed.", float64(s.Aside)},
		{"postroom_inbox_records", "gauge", "What has come in and is not processed yet.", float64(s.Inbox)},
		{"postroom_records_processed_total", "counter", "Mails, outcomes and timers that were processed.", float64(c.Processed)},
		{"postroom_copies_returned_total", "counter", "Copies of our own mail that came back.", float64(c.CameBack)},
		{"postroom_set_aside_total", "counter", "Mails that were set aside.", float64(c.SetAside)},
		{"postroom_relay_failures_total", "counter", "Times the relay as a whole failed.", float64(c.RelayFailures)},
		{"postroom_probes_total", "counter", "Probes that were sent.", float64(c.Probes)},
		{"postroom_probes_failed_total", "counter", "Probes that did not come back, or were not taken.", float64(c.Lost)},
		{"postroom_probe_seconds", "gauge", "How long the last probe that came back was on its way; 0 for none.", c.ProbeSeconds},
		{"postroom_goroutines", "gauge", "Goroutines there are: steady but for connections and mails under way.", float64(c.Goroutines)},
	}
}

// metrics writes them in the text format of Prometheus, version 0.0.4.
func metrics(s Status, c Counters) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# HELP postroom_build_info The version that runs.\n# TYPE postroom_build_info gauge\npostroom_build_info{version=%s} 1\n", strconv.QuoteToASCII(s.Version))
	for _, m := range samples(s, c) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n%s %s\n", m.name, m.help, m.name, m.kind, m.name, strconv.FormatFloat(m.value, 'g', -1, 64))
	}
	return b.Bytes()
}
