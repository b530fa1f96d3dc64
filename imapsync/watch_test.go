package imapsync_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"postroom/imapsync"
	"postroom/internal/mailtest/servers"
	"postroom/internal/store"
)

func TestIdleForAnHour(t *testing.T) {
	for _, poll := range []time.Duration{time.Minute, time.Hour} {
		t.Run(poll.String(), func(t *testing.T) {
			bubble(t, servers.Options{}, func(r *rig) {
				r.cfg.Poll = poll
				stop := r.run()
				defer stop()
				r.pass(65 * time.Minute)
				r.add(nil, 1)
				r.untilMails(1, time.Second) // IDLE tells at once
				r.complete()
				if len(r.dialed()) != 2 || len(r.obs.errs()) != 0 {
					t.Errorf("%d dials, errors %v; want one connection per folder", len(r.dialed()), r.obs.errs())
				}
			})
		})
	}
}

func TestWithoutIdle(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.world.FailIMAP(servers.IMAPFault{Command: "IDLE", Times: -1,
			Reply: &imap.Error{Type: imap.StatusResponseTypeBad, Text: "what?"}})
		stop := r.run()
		defer stop()
		r.pass(5*time.Minute + time.Second)
		r.add(nil, 1)
		r.untilMails(1, time.Minute)
		if len(r.dialed()) != 2 {
			t.Errorf("%d dials, want 2", len(r.dialed()))
		}
	})
}

// A server that announces nothing costs one interval.
func TestLostNotification(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.world.FailIMAP(servers.IMAPFault{Command: "IDLE", Stall: true, Times: -1})
		stop := r.run()
		defer stop()
		r.pass(90 * time.Second)
		r.add(nil, 1)
		r.untilMails(1, time.Minute+time.Second)
		if n := len(r.obs.errs()); n != 0 {
			t.Errorf("errors: %v", r.obs.errs())
		}
	})
}

func TestFlagsOfOthersDecideNothing(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.add([]string{`\Seen`}, 1)
		r.add([]string{`\Deleted`}, 2)
		stop := r.run()
		defer stop()
		r.untilMails(2, time.Minute)
		for uid := range uint32(2) {
			if err := r.world.SetFlags(addr, "INBOX", uid+1, `\Answered`, "$label1"); err != nil {
				t.Fatal(err)
			}
		}
		r.add([]string{`\Seen`, `\Answered`}, 3)
		r.untilMails(3, time.Minute)
		r.pass(5 * time.Minute)
		r.complete()
		if m := r.mails("INBOX"); !m[0].Seen || m[1].Seen || !m[2].Seen {
			t.Errorf("Seen: %v %v %v, want true false true", m[0].Seen, m[1].Seen, m[2].Seen)
		}
	})
}

func TestUIDValidityChanges(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.Start = imapsync.Start{}
		r.add(nil, 1, 2)
		stop := r.run()
		defer stop()
		r.until("INBOX is caught up", time.Minute, func() bool { return r.obs.looks("INBOX") > 0 })
		r.add(nil, 3)
		r.untilMails(1, time.Minute)
		old := r.cursor("INBOX")
		if err := r.world.RecreateMailbox(addr, "INBOX", true); err != nil {
			t.Fatal(err)
		}
		r.until("it is seen again", 5*time.Minute, func() bool { return r.cursor("INBOX").UIDValidity != old.UIDValidity && r.cursor("INBOX").Again == 0 })
		r.add(nil, 4)
		r.untilMails(2, 5*time.Minute)
		cur := r.cursor("INBOX")
		if cur.First != 1 || cur.Next != 5 || !cur.HistoryComplete() {
			t.Errorf("cursor %+v after %+v", cur, old)
		}
		want := [][]byte{raw(3), raw(4)}
		for i, m := range r.mails("INBOX") {
			if !bytes.Equal(r.read(m), want[i]) {
				t.Errorf("mail %d of the inbox is not the expected one: %s", i, m.UID)
			}
		}
		var again []uint32
		for _, h := range r.histories("INBOX") {
			if h.Again {
				for _, m := range h.Mails {
					again = append(again, m.UID)
					if m.Size != int64(len(raw(int(m.UID)))) || !bytes.Contains(m.Header, fmt.Appendf(nil, "<m%d@", m.UID)) {
						t.Errorf("UID %d: size %d, header %q", m.UID, m.Size, m.Header)
					}
				}
			}
		}
		if !slices.Equal(again, []uint32{3, 2, 1}) {
			t.Errorf("looked at again: %v, want 3 2 1", again)
		}
		// What the header did not decide is fetched when it is asked for.
		r.update(func(tx *store.Tx) error {
			uid := store.UID{Folder: "INBOX", Validity: cur.UIDValidity, UID: 2}
			return tx.SetLater(store.Later{UID: uid, Since: time.Now(), Next: time.Now(), Size: -1})
		})
		r.untilMails(3, time.Minute)
		if m := r.mails("INBOX")[2]; m.UID.UID != 2 || !bytes.Equal(r.read(m), raw(2)) {
			t.Errorf("fetched later: %s", m.UID)
		}
		r.view(func(tx *store.Tx) error {
			if tx.AnyLater("INBOX") {
				t.Error("the entry is still there")
			}
			return nil
		})
		if !slices.ContainsFunc(r.obs.errs(), func(err error) bool { return strings.Contains(err.Error(), "UIDVALIDITY") }) {
			t.Errorf("nobody was told: %v", r.obs.errs())
		}
	})
}

func TestGoneBeforeItWasFetched(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.add(nil, 1, 2, 3)
		r.world.FailIMAP(servers.IMAPFault{Command: "FETCH", Mailbox: "INBOX", Skip: 1, Delay: 10 * time.Second})
		stop := r.run()
		defer stop()
		r.pass(5 * time.Second)
		if err := r.world.Remove(addr, "INBOX", 2); err != nil {
			t.Fatal(err)
		}
		r.untilMails(2, time.Minute)
		var got []uint32
		for _, rec := range r.inbox() {
			switch {
			case rec.Gone != nil:
				got = append(got, 100+rec.Gone.UID.UID)
			case rec.Mail != nil:
				got = append(got, rec.Mail.UID.UID)
			}
		}
		if want := []uint32{1, 102, 3}; !slices.Equal(got, want) {
			t.Errorf("the inbox has %v, want %v", got, want)
		}
		if next := r.cursor("INBOX").Next; next != 4 {
			t.Errorf("the cursor stands at %d", next)
		}
	})
}

func TestBackOff(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.SentFolder = "INBOX" // one connection
		r.world.StopIMAP()
		began := time.Now()
		stop := r.run()
		defer stop()
		r.pass(30 * time.Minute)
		var got []time.Duration
		last := began
		for _, at := range r.dialed() {
			got = append(got, at.Sub(last))
			last = at
		}
		want := []time.Duration{0, 1, 2, 4, 8, 16, 32, 64, 128, 240, 240, 240, 240, 240}
		for i := range want {
			want[i] = want[i] * time.Second * 9 / 8 // half of what jitter adds
		}
		// two followers dial in step
		if got = everySecond(got); !slices.Equal(got, want) {
			t.Errorf("pauses %v, want %v", got, want)
		}
		r.listen()
		r.add(nil, 1)
		r.untilMails(1, 6*time.Minute)
		r.pass(10 * time.Minute)
		r.world.StopIMAP()
		r.pass(2 * time.Second)
		r.listen()
		r.add(nil, 2)
		r.untilMails(2, 4*time.Second) // a good connection starts the pauses over
	})
}

func everySecond(list []time.Duration) (out []time.Duration) {
	for i := 0; i < len(list); i += 2 {
		out = append(out, list[i])
	}
	return out
}

func TestWrongPassword(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		right := r.cfg.Login.Password
		r.cfg.Login.Password = func(context.Context) (string, error) { return "wrong", nil }
		if err := r.syncer().CatchUp(r.t.Context()); err == nil || !strings.Contains(err.Error(), "login refused") {
			t.Errorf("CatchUp: %v", err)
		}
		if len(r.dialed()) != 2 {
			t.Errorf("%d dials with a wrong password, want one per folder", len(r.dialed()))
		}
		var mended atomic.Bool
		r.cfg.Login.Password = func(ctx context.Context) (string, error) {
			if mended.Load() {
				return right(ctx)
			}
			return "wrong", nil
		}
		stop := r.run()
		defer stop()
		r.pass(time.Hour)
		// Nine doubling pauses, then one each 4.5 minutes, and of Sent's
		// follower the first alone.
		if n := len(r.obs.errs()); n < 22 || n > 25 {
			t.Errorf("%d errors told", n)
		}
		if !slices.ContainsFunc(r.obs.errs(), func(err error) bool { return errors.Is(err, imapsync.ErrRefused) }) {
			t.Errorf("none of the errors is a refusal: %v", r.obs.errs())
		}
		mended.Store(true)
		r.add(nil, 1)
		r.untilMails(1, 5*time.Minute)
		r.until("Sent is followed", time.Minute, func() bool { return r.obs.looks("Sent") > 0 })
		if slices.ContainsFunc(r.obs.errs(), func(err error) bool { return strings.Contains(err.Error(), "wrong") }) {
			t.Errorf("an error tells the password: %v", r.obs.errs())
		}
	})
}

func TestPasswordThatCannotBeHad(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		broken := errors.New("no such file")
		r.cfg.Login.Password = func(context.Context) (string, error) { return "", broken }
		ctx, cancel := context.WithTimeout(r.t.Context(), time.Hour)
		defer cancel()
		if err := r.syncer().CatchUp(ctx); !errors.Is(err, broken) {
			t.Errorf("CatchUp: %v", err)
		}
	})
}

func TestCaughtUpOnlyWhileUnresolved(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.Poll = time.Hour
		stop := r.run()
		defer stop()
		r.pass(3 * time.Hour)
		if n := len(r.caughtUps()); n != 0 {
			t.Errorf("%d records with nothing unresolved", n)
		}
		out := store.OutMail{ID: "one", State: store.OutUnknown, Recipients: []store.Recipient{{Address: "a@b.example", State: store.OutUnknown}}}
		began := time.Now()
		r.update(func(tx *store.Tx) error {
			if err := tx.Enqueue(out); err != nil {
				return err
			}
			return tx.AddInbox(store.InboxRecord{Delivery: &store.Delivery{OutID: "one", State: store.OutUnknown}})
		})
		r.pass(2*time.Minute + time.Second)
		folders := map[string]bool{}
		for _, c := range r.caughtUps() {
			folders[c.Folder] = true
			if c.Began.Before(began) {
				t.Errorf("a look that began %v before", began.Sub(c.Began))
			}
		}
		if !folders["INBOX"] || !folders["Sent"] {
			t.Errorf("caught up: %v, want INBOX and Sent although the poll is hourly", folders)
		}
	})
}

func (r *rig) caughtUps() (list []store.CaughtUp) {
	for _, rec := range r.inbox() {
		if rec.CaughtUp != nil {
			list = append(list, *rec.CaughtUp)
		}
	}
	return list
}

func TestSentIsFollowed(t *testing.T) {
	for _, special := range []bool{true, false} {
		bubble(t, servers.Options{SpecialUse: special}, func(r *rig) {
			stop := r.run()
			defer stop()
			r.pass(time.Second)
			if _, err := r.world.Append(addr, "Sent", raw(7), nil, time.Time{}); err != nil {
				t.Fatal(err)
			}
			r.until("the mail in Sent", time.Second, func() bool { return len(r.mails("Sent")) == 1 })
			if m := r.mails("Sent")[0]; !bytes.Equal(r.read(m), raw(7)) {
				t.Error("it is another one")
			}
		})
	}
}

func TestList(t *testing.T) {
	bubble(t, servers.Options{SpecialUse: true}, func(r *rig) {
		r.add(nil, 1, 2, 3)
		if err := r.world.Remove(addr, "INBOX", 2); err != nil {
			t.Fatal(err)
		}
		for sent, folders := range map[string]int{"": 2, "Sent": 2, "Not there": 1, "INBOX": 1} {
			r.cfg.SentFolder = sent
			got, err := r.syncer().List(r.t.Context())
			if err != nil || len(got) != folders {
				t.Fatalf("Sent is %q: %v, %v", sent, got, err)
			}
			if in := got[0]; in.Folder != "INBOX" || !slices.Equal(in.UIDs, []uint32{1, 3}) || in.Validity == 0 {
				t.Errorf("%+v", in)
			}
		}
	})
}
