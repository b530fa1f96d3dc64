package store

import (
	"slices"
	"testing"
	"time"

	"postroom/threads"
)

// TestTracesAsInMemory gives the buckets and the map the same entries: they
// must answer alike.
func TestTracesAsInMemory(t *testing.T) {
	s := openAt(t, t.TempDir())
	mem := threads.NewMemIndex()
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	trace := threads.SubjectTrace("jane@client.example", "Printer on fire")
	other := threads.SubjectTrace("joe@client.example", "Printer on fire")
	update(t, s, func(tx *Tx) error {
		for _, r := range []threads.Recorder{tx, mem} {
			for i := range 2 * threads.MaxTraced {
				if err := r.AddTrace(trace, threads.ID(1000+i)); err != nil {
					return err
				}
			}
			for _, conv := range []threads.ID{1012, 1, 1 << 40, 1 << 40} {
				if err := r.AddTrace(trace, conv); err != nil {
					return err
				}
			}
			for _, d := range []time.Duration{0, time.Hour, -time.Hour} { // the newest counts
				if err := r.SetActive(1, at.Add(d)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	want := []threads.ID{1010, 1011, 1013, 1014, 1015, 1012, 1, 1 << 40}
	view(t, s, func(tx *Tx) error {
		ix := tx.Index()
		for name, x := range map[string]threads.Index{"store": ix, "memory": mem} {
			if got := x.Traces(trace); !slices.Equal(got, want) {
				t.Errorf("%s: traces %v", name, got)
			}
			if got := x.Traces(other); len(got) != 0 {
				t.Errorf("%s: another person's trace leads to %v", name, got)
			}
			if got := x.Active(1); !got.Equal(at.Add(time.Hour)) {
				t.Errorf("%s: active %s", name, got)
			}
			if got := x.Active(2); !got.IsZero() {
				t.Errorf("%s: a conversation without mail was active %s", name, got)
			}
		}
		return ix.Err()
	})
}
