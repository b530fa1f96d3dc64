package imapsync_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"postroom/internal/mailtest/servers"
	"postroom/internal/store"
)

// toJunk puts a mail into Junk, without what r.complete looks at.
func (r *rig) toJunk(n int) uint32 {
	r.t.Helper()
	uid, err := r.world.Append(addr, "Junk", raw(n), nil, time.Time{})
	if err != nil {
		r.t.Fatal(err)
	}
	return uid
}

// told are the mails of a further folder that were told of, by the number in
// their Message-ID, with whether the folder had been numbered anew.
func (r *rig) told(folder string) (list []string) {
	for _, h := range r.histories(folder) {
		if !h.Also {
			r.t.Errorf("%s is told of as history: %+v", folder, h)
		}
		for _, m := range h.Mails {
			n := 0
			if _, rest, ok := bytes.Cut(m.Header, []byte("<m")); ok {
				fmt.Sscanf(string(rest), "%d@", &n)
			}
			word := fmt.Sprint(n)
			if h.Again {
				word += " again"
			}
			list = append(list, word)
		}
	}
	return list
}

// What is new in a further folder is told by its header, and what was there at
// the first look is not; the folder is neither written to nor fetched from,
// unless somebody asks for a mail of it.
func TestAlso(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.Also = []string{"Junk", "Missing", "INBOX", "Junk"}
		spy := &spyConn{}
		r.wrap = spy.wrap
		r.toJunk(1)
		r.add(nil, 90)
		stop := r.run()
		defer stop()
		r.pass(2 * time.Minute)
		if got := r.told("Junk"); len(got) != 0 {
			t.Errorf("told of what was there: %v", got)
		}
		r.toJunk(2)
		asked := r.toJunk(3)
		r.pass(61 * time.Minute)
		if got := fmt.Sprint(r.told("Junk")); got != "[3 2]" {
			t.Errorf("told of %s", got)
		}
		if spy.saw("BODY.PEEK[] ") || !spy.saw("EXAMINE") {
			t.Error("Junk was not opened read-only")
		}

		uid := store.UID{Folder: "Junk", Validity: r.cursor("Junk").UIDValidity, UID: asked}
		r.update(func(tx *store.Tx) error {
			return tx.SetLater(store.Later{UID: uid, Why: "asked for", For: "ops", Since: time.Now(), Next: time.Now(), Size: -1})
		})
		r.until("it is fetched", 5*time.Second, func() bool { return len(r.mails("Junk")) == 1 })
		if m := r.mails("Junk")[0]; m.UID != uid || m.For != "ops" || !bytes.Equal(r.read(m), raw(3)) {
			t.Errorf("fetched %+v", m)
		}
		if err := r.world.Remove(addr, "Junk", asked); err != nil {
			t.Fatal(err)
		}
		r.update(func(tx *store.Tx) error {
			return tx.SetLater(store.Later{UID: uid, Why: "asked for", For: "ops", Since: time.Now(), Next: time.Now(), Size: -1})
		})
		r.until("it is said to be gone", 5*time.Second, func() bool {
			for _, rec := range r.inbox() {
				if rec.Gone != nil && rec.Gone.UID == uid && rec.Gone.For == "ops" {
					return true
				}
			}
			return false
		})
		r.complete()
	})
}

// A further folder that is numbered anew is told of as that, and what comes
// behind that is new.
func TestAlsoRenumbered(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.Also = []string{"Junk"}
		r.toJunk(1)
		stop := r.run()
		defer stop()
		r.pass(2 * time.Minute)
		r.toJunk(2)
		r.pass(61 * time.Minute)
		if err := r.world.RecreateMailbox(addr, "Junk", true); err != nil {
			t.Fatal(err)
		}
		r.pass(61 * time.Minute)
		r.toJunk(3)
		r.pass(61 * time.Minute)
		if got := fmt.Sprint(r.told("Junk")); got != "[2 2 again 1 again 3]" {
			t.Errorf("told of %s", got)
		}
	})
}

// One that breaks the connection each time costs an hour or so, and the
// followed folder nothing.
func TestAlsoPoison(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.Also = []string{"Junk"}
		r.wrap = (&poisoned{text: []byte(deadly)}).wrap
		r.toJunk(1)
		stop := r.run()
		defer stop()
		r.pass(2 * time.Minute)
		r.toJunk(2)
		if _, err := r.world.Append(addr, "Junk", append([]byte("Subject: "+deadly+"\r\n"), raw(3)...), nil, time.Time{}); err != nil {
			t.Fatal(err)
		}
		r.toJunk(4)
		r.pass(time.Hour)
		r.add(nil, 91)
		r.untilMails(1, 2*time.Second)
		r.until("all of Junk is told of", time.Hour, func() bool { return len(r.told("Junk")) == 3 })
		if got := fmt.Sprint(r.told("Junk")); got != "[2 0 4]" {
			t.Errorf("told of %s", got)
		}
		if len(r.laterEntries("Junk")) != 0 {
			t.Error("a mail of Junk is to be fetched")
		}
	})
}

func (r *rig) laterEntries(folder string) (list []store.Later) {
	r.t.Helper()
	r.view(func(tx *store.Tx) (err error) {
		list, err = tx.Laters(folder)
		return err
	})
	return list
}

// While the login is refused nobody knocks for a further folder, and a drain
// looks at it once.
func TestAlsoKeepsQuiet(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.Also = []string{"Junk"}
		r.toJunk(1)
		if err := r.syncer().CatchUp(r.t.Context()); err != nil {
			t.Fatal(err)
		}
		r.toJunk(2)
		if err := r.syncer().CatchUp(r.t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(r.told("Junk")); got != "[2]" {
			t.Errorf("told of %s", got)
		}
		before := len(r.dialed())
		r.cfg.Login.Password = newSecret("wrong")
		stop := r.run()
		r.pass(3 * time.Hour)
		stop()
		with := len(r.dialed()) - before
		r.cfg.Also = nil
		stop = r.run()
		r.pass(3 * time.Hour)
		stop()
		if without := len(r.dialed()) - before - with; with > without {
			t.Errorf("%d dials with a further folder, %d without", with, without)
		}
	})
}
