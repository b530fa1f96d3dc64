package rehearse

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// endless writes an mbox of n mails: conversations of ten mails each, with
// headers and texts as large as mail has them.
func endless(n int) io.Reader {
	r, w := io.Pipe()
	go func() {
		trace := strings.Repeat("Received: from a.example (a.example [192.0.2.1]) by b.example with ESMTPS id 4ABC; Mon, 2 Mar 2026 10:00:00 +0000\n", 20)
		text := strings.Repeat("It still burns, and the smoke is green.\n", 200)
		for i := range n {
			first := i / 10 * 10
			_, err := fmt.Fprintf(w, "%s%sFrom: p%d@customer.example\nTo: support@acme.example\nSubject: Re: Case number %d\nMessage-ID: <%d@customer.example>\n"+
				"References: <%d@customer.example>\nDate: Mon, 2 Mar 2026 10:00:00 +0000\n\nMail %d.\n%s\n", sep, trace, first, first, i, first, i, text)
			if err != nil {
				break
			}
		}
		w.Close()
	}()
	return r
}

// TestRehearsalMemory: what is kept of a mail is what its ids stand for. Its
// header and its text go.
func TestRehearsalMemory(t *testing.T) {
	const mails = 1000
	r := New(Rules{Names: ourNames(), Rotation: twoEngineers()})
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for l := range Clock(Letters(context.Background(), []string{Stdin}, Options{Workers: 2, Stdin: endless(mails)})) {
		if _, err := r.Take(l); err != nil {
			t.Fatal(err)
		}
	}
	each := (heap() - before) / mails
	t.Logf("%d octets a mail", each)
	if r.Mails() != mails || r.Conversations() != mails/10 {
		t.Errorf("%d mails, %d conversations", r.Mails(), r.Conversations())
	}
	if each > 2500 {
		t.Errorf("%d octets of memory stay of each mail of 11 kB", each)
	}
	runtime.KeepAlive(r)
}
