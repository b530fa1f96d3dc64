package imapsync_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"postroom/imapsync"
	"postroom/internal/mailtest/servers"
)

const deadly = "DEADLY-OCTETS"

func TestPoison(t *testing.T) {
	inBody := append(raw(3), deadly+"\r\n"...)
	inHeader := append([]byte("X-Bad: "+deadly+"\r\n"), raw(3)...)
	tests := []struct {
		name   string
		mail   []byte
		header bool          // whether the header is to be had
		within time.Duration // until those behind are in
	}{
		{"body", inBody, true, 6 * time.Minute},
		{"header", inHeader, false, 40 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, servers.Options{}, func(r *rig) {
				bad := &poisoned{text: []byte(deadly)}
				r.wrap = bad.wrap
				r.add(nil, 1, 2)
				r.addRaw(tt.mail, nil, time.Time{})
				r.add(nil, 4, 5)
				stop := r.run()
				defer stop()
				r.untilMails(4, 15*time.Second) // those behind it do not wait for long
				r.untilMails(5, tt.within)
				for i, m := range r.mails("INBOX") {
					if want := []uint32{1, 2, 4, 5, 3}[i]; m.UID.UID != want {
						t.Errorf("mail %d has UID %d, want %d", i, m.UID.UID, want)
					}
					if m.UID.UID != 3 {
						if m.Cut != "" || !bytes.Equal(r.read(m), r.sent[m.UID.UID]) {
							t.Errorf("%s came to harm: %q", m.UID, m.Cut)
						}
						continue
					}
					got := r.read(m)
					if m.Cut == "" || bytes.Contains(got, []byte(deadly)) || tt.header != bytes.Contains(got, []byte("Subject: question 3")) {
						t.Errorf("cut %q, %q", m.Cut, got)
					}
					if m.FullSize != int64(len(tt.mail)) {
						t.Errorf("full size %d, want %d", m.FullSize, len(tt.mail))
					}
				}
				if cur := r.cursor("INBOX"); cur.Next != 6 {
					t.Errorf("the cursor stands at %d", cur.Next)
				}
				if n := bad.count(); n < 3 || n > 14 {
					t.Errorf("the connection broke %d times", n)
				}
			})
		})
	}
}

func TestPoisonInHistory(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.Start = imapsync.Start{}
		bad := &poisoned{text: []byte(deadly)}
		r.wrap = bad.wrap
		r.add(nil, 1, 2)
		r.addRaw(bytes.Replace(raw(3), []byte("question 3"), []byte(deadly), 1), nil, time.Time{})
		r.add(nil, 4, 5)
		stop := r.run()
		defer stop()
		r.until("the history is in", 40*time.Minute, func() bool {
			cur := r.cursor("INBOX")
			return cur.First > 0 && cur.HistoryComplete()
		})
		seen := map[uint32]bool{}
		for _, h := range r.histories("INBOX") {
			for _, m := range h.Mails {
				if seen[m.UID] || (len(m.Header) == 0) != (m.UID == 3) {
					t.Errorf("UID %d: header %q", m.UID, m.Header)
				}
				seen[m.UID] = true
			}
		}
		if len(seen) != 5 {
			t.Errorf("history %v", seen)
		}
	})
}

// A server in trouble must not turn good mail into stubs.
func TestOutageOfFetchIsNoPoison(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.add(nil, 1, 2, 3)
		trap := r.world.FailIMAP(servers.IMAPFault{Command: "FETCH", Cut: true, Times: -1})
		stop := r.run()
		defer stop()
		r.pass(9 * time.Minute)
		if n := len(r.mails("INBOX")); n != 0 {
			t.Errorf("%d mails while nothing can be fetched", n)
		}
		trap.Remove()
		r.untilMails(3, 12*time.Minute)
		for _, m := range r.mails("INBOX") {
			if m.Cut != "" || !bytes.Equal(r.read(m), r.sent[m.UID.UID]) {
				t.Errorf("%s came to harm: %q", m.UID, m.Cut)
			}
		}
	})
}

func TestTooBig(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.MaxMail = 3000
		big := append(raw(2), strings.Repeat("a long line\r\n", 300)...)
		r.add(nil, 1)
		r.addRaw(big, nil, time.Time{})
		r.add(nil, 3)
		if err := r.syncer().CatchUp(r.t.Context()); err != nil {
			t.Fatal(err)
		}
		m := r.mails("INBOX")
		if len(m) != 3 || m[0].Cut != "" || m[2].Cut != "" {
			t.Fatalf("%+v", m)
		}
		got := string(r.read(m[1]))
		if !strings.Contains(m[1].Cut, fmt.Sprint(len(big))) || !strings.Contains(m[1].Cut, "3000") ||
			m[1].FullSize != int64(len(big)) || !strings.Contains(got, "Subject: question 2") || strings.Contains(got, "long line") {
			t.Errorf("%+v, %q", m[1], got)
		}
	})
}

// One mail or octet more than a chunk takes begins another segment.
func TestChunks(t *testing.T) {
	tests := []struct {
		mails int
		bytes int64
		want  []int // mails per segment
	}{
		{100, 0, []int{9}},
		{4, 0, []int{4, 4, 1}},
		{100, 2500, []int{3, 3, 3}},
		{100, 1, []int{1, 1, 1, 1, 1, 1, 1, 1, 1}},
	}
	for _, tt := range tests {
		bubble(t, servers.Options{}, func(r *rig) {
			r.cfg.ChunkMails, r.cfg.ChunkBytes = tt.mails, tt.bytes
			for range 9 {
				r.addRaw(raw(10), nil, time.Time{})
			}
			if err := r.syncer().CatchUp(r.t.Context()); err != nil {
				t.Fatal(err)
			}
			r.complete()
			var got []int
			last := uint64(0)
			for _, m := range r.mails("INBOX") {
				if m.Raw.Segment != last {
					got = append(got, 0)
				}
				last = m.Raw.Segment
				got[len(got)-1]++
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("%d mails, %d octets: segments %v, want %v (a mail has %d)", tt.mails, tt.bytes, got, tt.want, len(raw(10)))
			}
		})
	}
}
