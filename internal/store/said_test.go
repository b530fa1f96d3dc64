package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"postroom/threads"
)

// saidIn are the traces a mail with a text of its own leaves in a conversation.
func saidIn(t *testing.T, r threads.Recorder, base string, text, conv int) {
	t.Helper()
	m := &threads.Mail{
		MessageID: fmt.Sprintf("%d.%d@client.example", conv, text), SubjectBase: base, From: []threads.Address{{Addr: "jane@client.example"}},
		NewText: fmt.Sprintf("The printer number %d on floor %d burns whenever somebody prints %d pages of anything at all, and it smells.", text, text*7, text*13),
	}
	k := threads.Known{Kind: threads.KnownTheirs, Conversation: threads.ID(conv)}
	if err := threads.Learn(r, threads.NewNames("support@acme.example", ""), m, k, time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
}

// TestSaidAsInMemory: what was said in texts is found as if each trace were kept
// by itself, under a topic of few texts and of many, in a state where an
// earlier version kept some of it, and when it is opened again.
func TestSaidAsInMemory(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	mem := &remembering{MemIndex: threads.NewMemIndex()}
	texts := func(r threads.Recorder) {
		for i := range 3 {
			saidIn(t, r, "Printer burning", i, 10+i)
		}
		saidIn(t, r, "Printer burning", 0, 10) // it was read twice
		saidIn(t, r, "Printer burning", 0, 11) // she says it again elsewhere
		for i := range 3 * maxSaid {
			saidIn(t, r, "Printer is out of paper", i%5, 100+i)
			saidIn(t, r, fmt.Sprintf("Printer %d", i), i, 200+i)
			saidIn(t, r, "Printer still burning", i, 300)
		}
	}
	update(t, s, func(tx *Tx) error {
		saidIn(t, before{tx}, "Printer is out of paper", 1, 90)
		saidIn(t, before{tx}, "Printer is out of paper", 9, 91)
		texts(tx)
		return nil
	})
	saidIn(t, mem, "Printer is out of paper", 1, 90)
	saidIn(t, mem, "Printer is out of paper", 9, 91)
	texts(mem)
	check := func() {
		t.Helper()
		view(t, s, func(tx *Tx) error {
			ix := tx.Index()
			for trace := range mem.all {
				got, want := ix.Traces(trace), mem.Traces(trace)
				// Of more conversations than are kept those of the first texts
				// may be others: then it tells nothing anyway.
				if len(want) == threads.MaxTraced && len(got) == len(want) {
					continue
				}
				if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
					t.Errorf("%x: %v, want %v", trace, got, want)
				}
			}
			return ix.Err()
		})
	}
	check()
	if len(mem.all) < 200 {
		t.Errorf("%d traces", len(mem.all))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	check()
}

// TestSaidIsOneRecord: a text of a topic of its own costs one record.
func TestSaidIsOneRecord(t *testing.T) {
	s := openAt(t, t.TempDir())
	update(t, s, func(tx *Tx) error {
		saidIn(t, tx, "Printer burning", 1, 10)
		if n := tx.bucket(bTraces).len(); n != 2 { // and one of her under the subject
			t.Errorf("%d records", n)
		}
		for i := range 3 * maxSaid {
			saidIn(t, tx, "Printer burning", i, 20+i)
		}
		topic, _, _, _ := firstSaid(t).Said()
		if n := len(tx.bucket(bTraces).Get([]byte(topic))); n == 0 || n > maxSaid*(13*saidOctets+4) {
			t.Errorf("the record has %d octets", n)
		}
		return nil
	})
}

func firstSaid(t *testing.T) threads.Trace {
	mem := &remembering{MemIndex: threads.NewMemIndex()}
	saidIn(t, mem, "Printer burning", 1, 10)
	for trace := range mem.all {
		if _, _, _, ok := trace.Said(); ok {
			return trace
		}
	}
	t.Fatal("nothing was said")
	return ""
}

// TestSaidDamaged: a record that cannot be read is an error, whatever it is.
func TestSaidDamaged(t *testing.T) {
	trace := firstSaid(t)
	topic, _, _, _ := trace.Said()
	for _, data := range []string{"\x02", "\x01\x05", "\x01\x80", "\x01\x05\x80", "\x01\x05\x01short", "\x01\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
		s := openAt(t, t.TempDir())
		update(t, s, func(tx *Tx) error {
			if err := tx.bucket(bTraces).Put([]byte(topic), []byte(data)); err != nil {
				return err
			}
			ix := tx.Index()
			if ix.Traces(trace); ix.Err() == nil {
				t.Errorf("%x is read", data)
			}
			if err := tx.AddTraces([]threads.Trace{trace}, 1); err == nil {
				t.Errorf("%x is added to", data)
			}
			return nil
		})
	}
}

// remembering is an index that knows which traces it was given.
type remembering struct {
	*threads.MemIndex
	all map[threads.Trace]bool
}

func (r *remembering) AddTraces(list []threads.Trace, conv threads.ID) error {
	if r.all == nil {
		r.all = map[threads.Trace]bool{}
	}
	for _, t := range list {
		if t != "" {
			r.all[t] = true
		}
	}
	return r.MemIndex.AddTraces(list, conv)
}

// before records as earlier versions did.
type before struct{ *Tx }

func (b before) AddTraces(list []threads.Trace, conv threads.ID) error {
	for _, t := range list {
		if err := b.addTrace(t, conv); err != nil {
			return err
		}
	}
	return nil
}
