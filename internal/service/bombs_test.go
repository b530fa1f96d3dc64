package service

import (
	"bytes"
	"cmp"
	"mime"
	"net/mail"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/mailtest"
	"postroom/internal/store"
)

// bombHeap is by how many octets the heap may grow while a bomb passes through
// the service and through the servers of the test, which hold six copies of it.
const bombHeap = 200 << 20

// bombText64 is how the text of a bomb begins in base64.
const bombText64 = "VGhpcyBpcyB0aGUgdGV4"

// TestBombs: a mail beyond every bound reaches an engineer, with its subject,
// its text and whom to answer, and her answer reaches its author; the mail
// behind it is as ever, and memory stays bounded.
func TestBombs(t *testing.T) {
	set := bombs(t)
	defer debug.SetGCPercent(debug.SetGCPercent(50)) // what the heap holds is then what is in use
	heap := watchHeap(t)
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "")
		defer b.end()
		b.start()
		b.wait(time.Minute)
		for _, bo := range set {
			before := heap.begin()
			b.append([]byte(bo.raw))
			b.append([]byte(bombHead("Mail behind "+bo.name()) + "\r\n" + bombText))
			b.wait(2 * time.Minute)
			grew := heap.peak.Load() - before
			if grew > cmp.Or(bo.heap, bombHeap) {
				t.Errorf("%q of %d octets: the heap grew by %d", bo.subject, len(bo.raw), grew)
			}
			t.Logf("%-28s %9d octets, heap +%d MB", bo.subject, len(bo.raw), grew>>20)
			b.bombArrived(bo)
		}
		b.audited()
		b.nothingAside()
	})
}

// nothingAside checks that no mail broke the thinking.
func (b *bubble) nothingAside() {
	b.t.Helper()
	if err := b.svc.Store().View(func(tx *store.Tx) error {
		asides, err := tx.Asides()
		if len(asides) > 0 {
			b.t.Errorf("set aside: %v", asides[0].Error)
		}
		return err
	}); err != nil {
		b.t.Fatal(err)
	}
}

// emptied takes the mails out of somebody's INBOX.
func (b *bubble) emptied(who string) [][]byte {
	b.t.Helper()
	list, err := b.world.Messages(who, "INBOX")
	if err != nil {
		b.t.Fatal(err)
	}
	var all [][]byte
	for _, m := range list {
		all = append(all, m.Raw)
		if err := b.world.Remove(who, "INBOX", m.UID); err != nil {
			b.t.Fatal(err)
		}
	}
	return all
}

// bombArrived takes the copies of a bomb, and of the mail behind it, from the
// engineers, and answers them.
func (b *bubble) bombArrived(bo bomb) {
	b.t.Helper()
	behind := bomb{subject: "Mail behind " + bo.name(), says: []string{"Jane Doe via Acme Support"}}
	got := map[string]int{}
	for _, who := range people[1:4] {
		for _, raw := range b.emptied(who) {
			if bytes.Contains(raw, []byte("\r\nAuto-Submitted: auto-generated\r\n")) {
				continue // a notice that an answer did not reach all of a crowd
			}
			m, err := mail.ReadMessage(bytes.NewReader(raw))
			if err != nil {
				b.t.Errorf("the copy of %q: %v", bo.subject, err)
				continue
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			of := bo
			if subject == behind.subject {
				of = behind
			}
			if !strings.HasPrefix(subject, of.subject) || err != nil {
				b.t.Errorf("for %q there came %.200q, %v", of.subject, subject, err)
			}
			got[of.subject]++
			b.bombSays(of, raw)
			b.write(mailtest.Mail{From: who, To: strings.Trim(m.Header.Get("Reply-To"), "<>"), Subject: "Re: " + of.subject, InReplyTo: m.Header.Get("Message-ID"), Text: "Use water.\n"})
		}
	}
	if got[bo.subject] != 1 || got[behind.subject] != 1 {
		b.t.Errorf("of %q and the mail behind it, engineers have %v", bo.subject, got)
	}
	b.bombAnswered(bo)
}

// bombSays checks what a copy must have in it.
func (b *bubble) bombSays(bo bomb, raw []byte) {
	b.t.Helper()
	shown := string(raw)
	if p, err := mailtest.Parse(raw); err == nil {
		shown += p.Text + p.HTML
	}
	if !strings.Contains(shown, strings.TrimSpace(bombText)) && !strings.Contains(shown, bombText64) {
		b.t.Errorf("the copy of %q has not its text: %.2000s", bo.subject, raw)
	}
	for _, s := range append(bo.says, "Reply-To: support+") {
		if !strings.Contains(shown, s) {
			b.t.Errorf("the copy of %q does not say %.100q: %.2000s", bo.subject, s, raw)
		}
	}
}

// bombAnswered checks that the answers to a bomb and to the mail behind it
// reach their author.
func (b *bubble) bombAnswered(bo bomb) {
	b.t.Helper()
	b.wait(2 * time.Minute)
	answers := 0
	for _, raw := range b.emptied("jane@client.example") {
		if bytes.Contains(raw, []byte("Use water.")) {
			answers++
		}
	}
	expected := 2
	if bo.nobody {
		expected = 1 // and she is told of the other
	}
	if answers != expected {
		b.t.Errorf("%q and the mail behind it: %d answers reached their author; held: %+v", bo.subject, answers, b.held())
	}
}

// heapWatch looks at the heap all the time.
type heapWatch struct {
	peak atomic.Int64
}

// watchHeap begins to look, outside of any bubble, until the test ends.
func watchHeap(t *testing.T) *heapWatch {
	h, stop, ended := &heapWatch{}, make(chan struct{}), make(chan struct{})
	tick := time.NewTicker(2 * time.Millisecond)
	go func() {
		defer close(ended)
		for {
			select {
			case <-tick.C:
				h.peak.Store(max(h.peak.Load(), heapNow()))
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() { tick.Stop(); close(stop); <-ended })
	return h
}

// begin is what the heap holds now, from which the peak is measured.
func (h *heapWatch) begin() int64 {
	runtime.GC()
	now := heapNow()
	h.peak.Store(now)
	return now
}

func heapNow() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}
