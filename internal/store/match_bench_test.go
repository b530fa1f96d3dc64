package store

import (
	"flag"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"postroom/threads"
)

var benchMails = flag.Int("mails", 10_000, "messages in the store that matching is measured in")

// BenchmarkMatch finds the conversation of mails with known ids, of answers
// without ids that quote what they answer, and of mails that belong nowhere,
// in a store of -mails messages, five to a conversation. The mails are made
// before; they are spread over the whole store.
func BenchmarkMatch(b *testing.B) {
	s := openAt(b, b.TempDir())
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	fill(b, s, *benchMails, at)
	kinds := []struct {
		name   string
		change func(m *threads.Mail)
		joins  bool
	}{
		{"ids", func(*threads.Mail) {}, true},
		{"subject", func(m *threads.Mail) { m.InReplyTo, m.References = nil, nil }, true},
		{"new", func(m *threads.Mail) {
			m.InReplyTo, m.References, m.From[0].Addr = []string{"<a@nowhere>"}, []string{"<b@nowhere>"}, "eve@other.example"
		}, false},
	}
	for _, kind := range kinds {
		b.Run(fmt.Sprintf("%s/%d", kind.name, *benchMails), func(b *testing.B) {
			mails, convs := spread(2000, *benchMails/5)
			for _, m := range mails {
				kind.change(m)
			}
			runtime.GC() // what was filed before is no part of it
			runtime.GC()
			before := processorTime()
			defer func() { b.ReportMetric((processorTime()-before)/float64(b.N), "cpu-ns/op") }()
			view(b, s, func(tx *Tx) error {
				ix := tx.Index()
				for i := 0; b.Loop(); i = (i + 1) % len(mails) {
					f := threads.Match(ix, benchNames, mails[i], at)
					if (f.Conversation == convs[i]) != kind.joins {
						b.Fatalf("mail of conversation %d: %+v", convs[i], f)
					}
				}
				return ix.Err()
			})
		})
	}
}

// processorTime is what the process has used, in nanoseconds: others may use
// the machine too.
func processorTime() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

var benchNames = threads.NewNames("support@acme.example", "support+{token}@acme.example")

// fill files messages as the gateway would, but nothing waits for the disk:
// the store ends with the test.
func fill(b testing.TB, s *Store, mails int, at time.Time) {
	const batch = 5_000 // more at once would be sorted into one page in memory
	s.db.NoSync = true
	defer func() { s.db.NoSync = false }()
	for first := 0; first < mails; first += batch {
		update(b, s, func(tx *Tx) error {
			for n := first; n < min(first+batch, mails); n++ {
				k := threads.Known{
					Kind: threads.KnownTheirs, Conversation: threads.ID(1 + n/5), Event: 1 + n%5,
					Header: fmt.Sprintf("%064x", n), Body: fmt.Sprintf("%064x", n),
				}
				if err := threads.Learn(tx, benchNames, benchMail(n), k, at); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// spread returns answers to the newest message of n conversations of all, and
// which these are.
func spread(n, all int) (mails []*threads.Mail, convs []threads.ID) {
	step := 0
	for range n {
		step = (step + 7919) % all
		m := benchMail(step*5 + 4)
		m.MessageID = "<reply@client.example>"
		m.Text = "> " + benchMail(step*5+3).NewText + "\n\n" + m.NewText
		mails, convs = append(mails, m), append(convs, threads.ID(1+step))
	}
	return mails, convs
}

// benchMail is message n: one of five of a conversation.
func benchMail(n int) *threads.Mail {
	conv := n / 5
	m := &threads.Mail{
		MessageID: fmt.Sprintf("<%x.%d@mail.client.example>", uint64(n)*0x9e3779b97f4a7c15, n), Class: threads.ClassCustomer,
		From: []threads.Address{{Addr: fmt.Sprintf("customer%d@client%d.example", conv, conv%997)}}, ReplyMark: n%5 > 0,
		SubjectBase: fmt.Sprintf("Order number %d has not arrived", conv),
		NewText:     fmt.Sprintf("This is message %d about order %d, which I placed some weeks ago and which nobody at the shop seems to know anything about.", n, conv),
	}
	m.Text = m.NewText
	for i := conv * 5; i < n; i++ {
		m.References = append(m.References, fmt.Sprintf("<%x.%d@mail.client.example>", uint64(i)*0x9e3779b97f4a7c15, i))
	}
	if len(m.References) > 0 {
		m.InReplyTo = m.References[len(m.References)-1:]
	}
	return m
}
