package store

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"postroom/threads"
)

var benchMails = flag.Int("mails", 10_000, "messages in the store that matching is measured in")

// BenchmarkMatch finds the conversation of mails with known ids, of answers
// without ids, and of mails that belong nowhere, in a store of -mails messages,
// five to a conversation.
func BenchmarkMatch(b *testing.B) {
	s := openAt(b, b.TempDir())
	names := threads.NewNames("support@acme.example", "support+{token}@acme.example")
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	for first := 0; first < *benchMails; first += 2000 {
		update(b, s, func(tx *Tx) error {
			for n := first; n < min(first+2000, *benchMails); n++ {
				k := threads.Known{Kind: threads.KnownTheirs, Conversation: threads.ID(1 + n/5), Event: 1 + n%5, Header: "h", Body: "b"}
				if err := threads.Learn(tx, names, benchMail(n), k, at); err != nil {
					return err
				}
			}
			return nil
		})
	}
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
			view(b, s, func(tx *Tx) error {
				ix := tx.Index()
				step := 0
				for b.Loop() {
					step = (step + 7919) % (*benchMails / 5)
					m := benchMail(step*5 + 4)
					m.MessageID = "<reply@client.example>"
					kind.change(m)
					if f := threads.Match(ix, names, m, at); (f.Conversation == threads.ID(1+step)) != kind.joins {
						b.Fatalf("mail of conversation %d: %+v", 1+step, f)
					}
				}
				return ix.Err()
			})
		})
	}
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
