package imapsync_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/imapsync"
	"postroom/internal/mailtest/servers"
	"postroom/internal/store"
)

func (r *rig) histories(folder string) (list []store.InHistory) {
	for _, rec := range r.inbox() {
		if rec.History != nil && rec.History.Folder == folder {
			list = append(list, *rec.History)
		}
	}
	return list
}

func (r *rig) addOld(n int) {
	for i := range n {
		r.add(nil, i+1)
	}
}

func TestHistory(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.Start, r.cfg.HistoryRange = imapsync.Start{}, 10
		r.addOld(35)
		if err := r.world.Remove(addr, "INBOX", 7, 20, 35); err != nil {
			t.Fatal(err)
		}
		clear(r.sent)
		// Mail comes in while the second range is read.
		r.world.FailIMAP(servers.IMAPFault{Command: "FETCH", Mailbox: "INBOX", Skip: 1, Delay: 10 * time.Second})
		stop := r.run()
		defer stop()
		r.pass(5 * time.Second)
		if cur := r.cursor("INBOX"); cur.First != 36 || cur.HistoryTotal != 32 || cur.HistoryDone != 10 || cur.HistoryNext != 25 {
			t.Errorf("after one range the cursor is %+v", cur)
		}
		r.add(nil, 100)
		r.until("the history is in", time.Minute, func() bool {
			cur := r.cursor("INBOX")
			return cur.First > 0 && cur.HistoryComplete()
		})
		r.complete()
		checkHistory(r, 34, map[uint32]bool{7: true, 20: true})
		order := []string{}
		for _, rec := range r.inbox() {
			switch {
			case rec.Mail != nil:
				order = append(order, "mail")
			case rec.History != nil && rec.History.Folder == "INBOX":
				order = append(order, "history")
			}
		}
		if want := []string{"history", "history", "mail", "history", "history"}; !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
		if got := r.obs.progress("INBOX"); got != [2]int{32, 32} {
			t.Errorf("progress %v", got)
		}
	})
}

// checkHistory checks that the messages from top downwards have come once,
// newest first, with their header fields and no more.
func checkHistory(r *rig, top uint32, without map[uint32]bool) {
	r.t.Helper()
	var got, want []uint32
	all := r.histories("INBOX")
	for i, h := range all {
		if h.Last != (i == len(all)-1) {
			r.t.Errorf("record %d of %d: Last is %v", i, len(all), h.Last)
		}
		for _, m := range h.Mails {
			got = append(got, m.UID)
			if !bytes.Contains(m.Header, []byte("Message-ID: <m")) && !bytes.Contains(m.Header, []byte("Message-Id: <m")) ||
				bytes.Contains(m.Header, []byte("X-Fill")) || bytes.Contains(m.Header, []byte("text of")) {
				r.t.Errorf("header of UID %d: %q", m.UID, m.Header)
			}
			if m.Size < 300 || m.InternalDate.IsZero() {
				r.t.Errorf("UID %d: size %d, date %v", m.UID, m.Size, m.InternalDate)
			}
		}
	}
	for uid := top; uid > 0; uid-- {
		if !without[uid] {
			want = append(want, uid)
		}
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("history %v, want %v", got, want)
	}
}

func TestHistoryGoesOnWhereItWas(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.Start, r.cfg.HistoryRange = imapsync.Start{}, 4
		r.addOld(30)
		clear(r.sent)
		for i := range 5 {
			r.world.FailIMAP(servers.IMAPFault{Command: "FETCH", Mailbox: "INBOX", Skip: i, CutAfter: 1000})
		}
		for range 3 {
			stop := r.run()
			r.pass(3 * time.Second)
			stop()
		}
		if err := r.syncer().CatchUp(r.t.Context()); err != nil {
			t.Fatal(err)
		}
		checkHistory(r, 30, nil)
	})
}

func TestNoHistory(t *testing.T) {
	for _, start := range []imapsync.Start{{}, {All: true}, {Date: time.Now().Add(-time.Hour)}} {
		bubble(t, servers.Options{}, func(r *rig) {
			r.cfg.Start = start
			if err := r.syncer().CatchUp(r.t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, folder := range []string{"INBOX", "Sent"} {
				if cur := r.cursor(folder); cur.HistoryNext != 1 || cur.First != 1 || cur.Next != 1 {
					t.Errorf("cursor %+v", cur)
				}
				if h := r.histories(folder); len(h) != 1 || !h[0].Last || len(h[0].Mails) != 0 {
					t.Errorf("%+v", h)
				}
			}
		})
	}
}

// With a date, what is older is history wherever its UID stands, and what is
// appended later is new whatever its date.
func TestStartByDate(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		day := func(d int) time.Time { return time.Date(1999, 12, d, 12, 0, 0, 0, time.UTC) }
		r.cfg.Start = imapsync.Start{Date: time.Date(1999, 12, 10, 0, 0, 0, 0, time.UTC)}
		for i, d := range []int{1, 2, 12, 3, 9, 13, 14} {
			r.addRaw(raw(i+1), nil, day(d))
		}
		if err := r.syncer().CatchUp(r.t.Context()); err != nil {
			t.Fatal(err)
		}
		r.addRaw(raw(8), nil, day(1))
		if err := r.syncer().CatchUp(r.t.Context()); err != nil {
			t.Fatal(err)
		}
		var mails, old []uint32
		for _, m := range r.mails("INBOX") {
			mails = append(mails, m.UID.UID)
		}
		for _, h := range r.histories("INBOX") {
			for _, m := range h.Mails {
				old = append(old, m.UID)
			}
		}
		slices.Sort(old)
		if !slices.Equal(mails, []uint32{3, 6, 7, 8}) || !slices.Equal(old, []uint32{1, 2, 4, 5}) {
			t.Errorf("new %v, history %v; want 3 6 7 8 and 1 2 4 5", mails, old)
		}
		if r.cursor("INBOX").Next != 9 {
			t.Errorf("cursor %+v", r.cursor("INBOX"))
		}
	})
}

func TestLongHeaderOfOldMailIsBounded(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.Start, r.cfg.MaxHeader = imapsync.Start{}, 1000
		var refs strings.Builder
		for range 200 {
			refs.WriteString("\r\n <0123456789@customer.example>")
		}
		r.addRaw([]byte("Message-ID: <m@x>\r\nReferences:"+refs.String()+"\r\n\r\nx\r\n"), nil, time.Time{})
		if err := r.syncer().CatchUp(r.t.Context()); err != nil {
			t.Fatal(err)
		}
		h := r.histories("INBOX")[0].Mails[0].Header
		if len(h) > 1000 || len(h) < 900 || !bytes.HasSuffix(h, []byte("\r\n")) {
			t.Errorf("%d octets: %q", len(h), h)
		}
	})
}
