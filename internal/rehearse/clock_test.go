package rehearse

import (
	"slices"
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	day := func(n int) time.Time {
		if n == 0 {
			return time.Time{}
		}
		return time.Date(2026, 1, n, 12, 0, 0, 0, time.UTC)
	}
	for _, tt := range []struct {
		name     string
		in, want []int // days, 0 for no time
	}{
		{"in order", []int{1, 2, 3, 4, 5, 6, 7, 8}, []int{1, 2, 3, 4, 5, 6, 7, 8}},
		{"none has a time", []int{0, 0, 0}, []int{0, 0, 0}},
		{"some have none", []int{0, 2, 0, 4, 0}, []int{0, 2, 2, 4, 4}},
		{"never back", []int{3, 5, 2, 6, 7, 8, 9}, []int{3, 5, 5, 6, 7, 8, 9}},
		{"one from the future", []int{1, 2, 300, 3, 4, 5, 6, 7, 8}, []int{1, 2, 5, 5, 5, 5, 6, 7, 8}},
		{"two from the future", []int{1, 300, 300, 4, 5, 6, 7, 8, 9}, []int{1, 6, 6, 6, 6, 6, 7, 8, 9}},
		{"the last one from the future", []int{1, 2, 300}, []int{1, 2, 300}},
		{"the first one from the past", []int{1, 20, 21, 22, 23, 24}, []int{1, 20, 21, 22, 23, 24}},
		{"newest first", []int{9, 8, 7, 6, 5, 4}, []int{6, 6, 6, 6, 6, 6}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			letters := func(yield func(Letter) bool) {
				for i, n := range tt.in {
					if !yield(Letter{N: i, At: day(n)}) {
						return
					}
				}
			}
			var got, order []int
			for l := range Clock(letters) {
				at := l.Now
				d := 0
				if !at.IsZero() {
					d = int(at.Sub(day(1)).Hours()/24) + 1
				}
				got, order = append(got, d), append(order, l.N)
			}
			if !slices.Equal(got, tt.want) || !slices.IsSorted(order) || len(order) != len(tt.in) {
				t.Errorf("got %v in order %v, want %v", got, order, tt.want)
			}
		})
	}
}

// TestLetterTime: a mail came when the last host on its way took it; without
// a trace of that, when it says it was written.
func TestLetterTime(t *testing.T) {
	const date = "Date: Mon, 2 Mar 2026 10:00:00 +0000\n"
	for in, want := range map[string]time.Time{
		"Received: from a by b; Mon, 2 Mar 2026 12:00:00 +0000\nReceived: from c by a; Mon, 2 Mar 2026 11:00:00 +0000\n" + date: monday.Add(2 * time.Hour),
		date: monday,
		"Received: from a by b; at noon\n" + date: monday,
		"Subject: x\n": {},
	} {
		if got := letter(Raw{Data: []byte(in + "\nText")}, nil).At; !got.Equal(want) {
			t.Errorf("%q came at %v, not %v", in, got, want)
		}
	}
}
