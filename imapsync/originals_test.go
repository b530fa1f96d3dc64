package imapsync_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"postroom/internal/mailtest/servers"
	"postroom/internal/store"
)

const done = "Done"

// ask queues the fetch of the mails of these numbers, of which UIDs are known.
func (r *rig) ask(own bool, numbers ...int) {
	r.t.Helper()
	validity := r.cursor("INBOX").UIDValidity
	r.update(func(tx *store.Tx) error {
		for _, n := range numbers {
			f := store.Fetch{Wanted: "w", Event: n, Own: own, MessageIDs: []string{fmt.Sprintf("<m%d@customer.example>", n)}, Max: 1 << 20, Size: int64(len(raw(n)))}
			if !own {
				f.UID = store.UID{Folder: "INBOX", Validity: validity, UID: uint32(n)}
			}
			if err := tx.AddFetch(f); err != nil {
				return err
			}
		}
		return nil
	})
}

// brought are the results, by event; each came once.
func (r *rig) brought() map[int]store.InFetched {
	r.t.Helper()
	got := map[int]store.InFetched{}
	for _, rec := range r.inbox() {
		if rec.Fetched == nil {
			continue
		}
		if _, twice := got[rec.Fetched.Event]; twice {
			r.t.Errorf("event %d came twice", rec.Fetched.Event)
		}
		got[rec.Fetched.Event] = *rec.Fetched
	}
	return got
}

func (r *rig) untilBrought(n int, patience time.Duration) {
	r.t.Helper()
	r.until(fmt.Sprintf("%d originals", n), patience, func() bool { return len(r.brought()) >= n })
}

func (r *rig) whole(n int) {
	r.t.Helper()
	in := r.brought()[n]
	if in.Why != "" {
		r.t.Errorf("original %d: %s", n, in.Why)
		return
	}
	if got := r.read(store.InMail{Raw: in.Raw}); !bytes.Equal(got, raw(n)) {
		r.t.Errorf("original %d: %d octets that are not the %d of it", n, len(got), len(raw(n)))
	}
}

// TestOriginals: wherever they lie by now, and whatever number they have
// there.
func TestOriginals(t *testing.T) {
	appendTo := func(r *rig, folder string, mails ...[]byte) {
		r.t.Helper()
		for _, m := range mails {
			if _, err := r.world.Append(addr, folder, m, nil, time.Time{}); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	remove := func(r *rig, n uint32) {
		r.t.Helper()
		if err := r.world.Remove(addr, "INBOX", n); err != nil {
			r.t.Fatal(err)
		}
	}
	// The numbers mean other mails afterwards.
	renumber := func(r *rig) {
		remove(r, 1)
		appendTo(r, "INBOX", raw(1))
		if err := r.world.RecreateMailbox(addr, "INBOX", true); err != nil {
			r.t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name   string
		own    bool
		before func(r *rig)
		where  string // "" when 2 cannot be had
		why    string
	}{
		{"in its place", false, func(*rig) {}, "INBOX", ""},
		{"renumbered", false, renumber, "INBOX", ""},
		{"moved to where closed ones go", false, func(r *rig) {
			r.chore(store.ChoreClosed, 2)
			if err := r.syncer().CatchUp(r.t.Context()); err != nil {
				r.t.Fatal(err)
			}
		}, done, ""},
		{"filed by a person", false, func(r *rig) { appendTo(r, "Sent", raw(2)); remove(r, 2) }, "Sent", ""},
		{"deleted", false, func(r *rig) { remove(r, 2) }, "", "it is no longer in INBOX, Sent or Done"},
		{"ours, in Sent and in INBOX", true, func(r *rig) { appendTo(r, "Sent", raw(2)) }, "Sent", ""},
		{"ours, not filed", true, func(*rig) {}, "INBOX", ""},
		{"an id twice", false, func(r *rig) {
			renumber(r)
			remove(r, 1) // which is 2 now
			appendTo(r, "INBOX", append([]byte("X-Forged: yes\r\n"), raw(2)...), raw(2))
		}, "INBOX", ""},
		{"too big", false, func(r *rig) {
			r.update(func(tx *store.Tx) error {
				return tx.AddFetch(store.Fetch{Wanted: "w", Event: 2, MessageIDs: []string{"<m2@customer.example>"}, Max: 100})
			})
		}, "", "more than the limit of 100"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, servers.Options{}, func(r *rig) {
				r.cfg.ClosedFolder = done
				r.add(nil, 1, 2, 3)
				if err := r.syncer().CatchUp(r.t.Context()); err != nil {
					t.Fatal(err)
				}
				tt.before(r)
				n := 1
				if tt.name != "too big" {
					n = 3
					r.ask(tt.own, 1, 2, 3)
				}
				stop := r.run()
				defer stop()
				r.untilBrought(n, time.Minute)
				if got := r.brought()[2]; got.UID.Folder != tt.where || !strings.Contains(got.Why, tt.why) || (tt.why == "") != (got.Why == "") {
					t.Errorf("came to %+v", got)
				}
				if tt.where != "" {
					r.whole(2)
				}
				if n == 3 {
					r.whole(1)
					r.whole(3)
				}
				list, err := r.world.Messages(addr, "INBOX")
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range list {
					if len(m.Flags) > 0 {
						t.Errorf("a flag was set on UID %d: %v", m.UID, m.Flags)
					}
				}
			})
		})
	}
}

// TestOriginalsOnDemand: no connection is open when nobody asks, and one is
// when somebody does, though nobody waits for a poll.
func TestOriginalsOnDemand(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.Poll = time.Hour
		r.add(nil, 1, 2)
		stop := r.run()
		defer stop()
		r.untilMails(2, time.Minute)
		r.pass(10 * time.Minute)
		before := len(r.dialed())
		r.ask(false, 1)
		r.untilBrought(1, 2*time.Second)
		r.whole(1)
		r.pass(10 * time.Minute)
		if n := len(r.dialed()) - before; n != 1 {
			t.Errorf("%d connections for one original", n)
		}
	})
}

// TestOriginalsThatBreak: a connection that breaks costs time, a message that
// breaks it each time is named in the end, and mail that comes does not wait.
func TestOriginalsThatBreak(t *testing.T) {
	for _, times := range []int{0, -1} {
		bubble(t, servers.Options{}, func(r *rig) {
			bad := &poisoned{text: []byte("X-Fill: 2\r\n")}
			r.add(nil, 1, 2, 3)
			if err := r.syncer().CatchUp(r.t.Context()); err != nil {
				t.Fatal(err)
			}
			if times < 0 {
				r.wrap = bad.wrap
			} else {
				r.world.FailIMAP(servers.IMAPFault{Command: "FETCH", Skip: 3, Cut: true})
			}
			r.ask(false, 1, 2, 3)
			stop := r.run()
			defer stop()
			r.pass(10 * time.Second)
			r.add(nil, 4)
			r.until("new mail is in", 5*time.Second, func() bool { return len(r.mails("INBOX")) == 4 })
			r.untilBrought(3, 20*time.Minute)
			r.whole(1)
			r.whole(3)
			if times == 0 {
				r.whole(2)
			} else if why := r.brought()[2].Why; !strings.Contains(why, "failed 5 times") {
				t.Errorf("named as %q", why)
			}
		})
	}
}

// TestOriginalsInCatchUp: one whole look fetches what is asked for, across a
// restart, and each once.
func TestOriginalsInCatchUp(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.ChunkBytes = 1500 // two or three in a segment
		numbers := []int{1, 2, 3, 4, 5, 6, 7, 8}
		r.add(nil, numbers...)
		if err := r.syncer().CatchUp(r.t.Context()); err != nil {
			t.Fatal(err)
		}
		r.ask(false, numbers...)
		for range 2 {
			if err := r.syncer().CatchUp(r.t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, n := range numbers {
			r.whole(n)
		}
		segments := map[uint64]bool{}
		for _, in := range r.brought() {
			segments[in.Raw.Segment] = true
		}
		if len(segments) < 2 || len(segments) > 7 {
			t.Errorf("%d segments", len(segments))
		}
	})
}
