package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/threads"
)

// uidsIn are the UIDs of the mails in a bucket of inbox records, in order.
func uidsIn(t *testing.T, s *Store, bucket string) (uids []uint32) {
	t.Helper()
	view(t, s, func(tx *Tx) error {
		list, err := tx.records(bucket, 99)
		for _, r := range list {
			uids = append(uids, r.Mail.UID.UID)
		}
		return err
	})
	return uids
}

// TestKeepLost: what waits for the mail of the lost time comes back behind what
// came since, in its order, some at a time, its raw mail kept all the while.
func TestKeepLost(t *testing.T) {
	s := open(t)
	ref := write(t, s, "a mail")[0]
	add := func(uids ...uint32) {
		update(t, s, func(tx *Tx) error {
			for _, uid := range uids {
				mails := []InMail{{UID: UID{"INBOX", 1, uid}, Raw: ref}}
				if err := tx.AddMail(noon, mails, Cursor{Folder: "INBOX", UIDValidity: 1, First: 1, Next: uid + 1}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	add(1, 2, 3)
	update(t, s, func(tx *Tx) error {
		list, err := tx.Inbox(9)
		for _, r := range list {
			err = errors.Join(err, tx.KeepLost(r))
		}
		if tx.InboxLen() != 3 {
			t.Errorf("%d wait", tx.InboxLen())
		}
		return err
	})
	add(4)
	sound(t, s)
	for i, want := range [][]uint32{{4, 1, 2}, {4, 1, 2, 3}, {4, 1, 2, 3}} {
		update(t, s, func(tx *Tx) error {
			if n, err := tx.ReturnLost(2); err != nil || n != []int{2, 1, 0}[i] {
				t.Errorf("time %d: %d come back, %v", i, n, err)
			}
			return nil
		})
		if got := uidsIn(t, s, bInbox); !slices.Equal(got, want) {
			t.Errorf("time %d: in the inbox %v, want %v", i, got, want)
		}
		sound(t, s)
	}
	if got := uidsIn(t, s, bLost); len(got) != 0 {
		t.Errorf("still apart: %v", got)
	}
}

// TestMarkRestoredTwice: a state that is put back while an earlier restore of it
// was under way forgets what that one found, keeps what it had set apart, and
// sets the rest of the inbox apart too; history, and what became of mail on its
// way, is handled at once.
func TestMarkRestoredTwice(t *testing.T) {
	s := full(t)
	was := slices.Concat(uidsIn(t, s, bInbox), uidsIn(t, s, bParked), uidsIn(t, s, bAsked), uidsIn(t, s, bLost))
	update(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.AddInbox(InboxRecord{At: noon, Delivery: &Delivery{OutID: "1.2.0"}}),
			tx.AddInbox(InboxRecord{At: noon, CaughtUp: &CaughtUp{Folder: "INBOX"}}),
			tx.SkipConversations(4), tx.SetMeta(metaEra, "first"))
	})
	if err := s.MarkRestored(noon, noon.Add(time.Hour), strings.NewReader("")); err == nil {
		t.Error("an era was named without chance")
	}
	if err := s.MarkRestored(noon, noon.Add(time.Hour), zero{}); err != nil {
		t.Fatal(err)
	}
	apart := uidsIn(t, s, bLost)
	slices.Sort(was)
	slices.Sort(apart)
	if !slices.Equal(apart, was) {
		t.Errorf("set apart %v, and %v had waited", apart, was)
	}
	view(t, s, func(tx *Tx) error {
		r, _, err := tx.Restored()
		if err != nil || r.Phase != RestoreGather || r.Era != "first" || r.Last != 5 {
			t.Errorf("restored: %+v, %v", r, err)
		}
		if found, err := tx.FoundMail(); err != nil || len(found) != 0 {
			t.Errorf("found: %+v, %v", found, err)
		}
		if list, err := tx.Inbox(9); err != nil || len(list) != 1 || list[0].Delivery == nil {
			t.Errorf("in the inbox: %+v, %v", list, err)
		}
		if m, _, err := tx.Out("1.1.0"); err != nil || m.State != OutUnknown || m.Recipients[0].State != OutUnknown || m.AttemptBegan.IsZero() {
			t.Errorf("what was queued: %+v, %v", m, err)
		}
		return nil
	})
	sound(t, s)
}

// TestWindow: a mail is of the lost time by its folder, UIDVALIDITY and UID.
func TestWindow(t *testing.T) {
	w := &Window{Folder: "INBOX", Validity: 7, From: 3, Below: 5}
	for u, want := range map[UID]bool{{"INBOX", 7, 4}: true, {"INBOX", 7, 5}: false, {"INBOX", 8, 4}: false, {"Sent", 7, 4}: false} {
		if w.Holds(u) != want {
			t.Errorf("%s: %t", u, !want)
		}
	}
	if (*Window)(nil).Holds(UID{"INBOX", 7, 4}) {
		t.Error("a window that is not known holds something")
	}
}

// TestFound: found mail keeps its order and its changes, until all is forgotten.
func TestFound(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error {
		for i := range 3 {
			f, err := tx.AddFound(Found{Kind: FoundCopy, MessageID: fmt.Sprintf("<%d@acme.example>", i)})
			if err != nil {
				return err
			}
			f.Placed = uint64(i)
			if err := tx.SetFound(f); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(tx *Tx) error {
		all, err := tx.FoundMail()
		if len(all) != 3 || all[0].MessageID != "<0@acme.example>" || all[2].Placed != 2 || all[2].ID <= all[1].ID {
			t.Errorf("%+v", all)
		}
		return err
	})
	update(t, s, func(tx *Tx) error {
		if err := tx.ForgetFound(); err != nil {
			return err
		}
		all, err := tx.FoundMail()
		if len(all) != 0 {
			t.Errorf("behind forgetting: %+v", all)
		}
		return err
	})
}

// TestFetches: a fetch comes to one result, however often it is told, follows
// its message through a renumbering, and is crossed out for good.
func TestFetches(t *testing.T) {
	s := open(t)
	ref := write(t, s, "an original")[0]
	at := UID{"INBOX", 1, 7}
	wanted := Wanted{ID: "w", Mails: []WantedMail{{Event: 1}, {Event: 2}, {Event: 3, Why: "it is gone"}}}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.SetWanted(wanted), tx.AddFetch(Fetch{Wanted: "w", Event: 1, UID: at}), tx.AddFetch(Fetch{Wanted: "w", Event: 2}))
	})
	if wanted.Open() != 2 {
		t.Errorf("%d are waited for", wanted.Open())
	}
	var list []Fetch
	fetches := func(tx *Tx) (err error) { list, err = tx.Fetches(); return err }
	renumbered := UID{"INBOX", 2, 1}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.MapChores(map[UID]UID{at: renumbered}), fetches(tx))
	})
	if len(list) != 2 || list[0].UID != renumbered || list[1].UID != (UID{}) {
		t.Fatalf("behind a renumbering: %+v", list)
	}
	first := list[0]
	for range 2 { // once more, as after a crash
		update(t, s, func(tx *Tx) error {
			return tx.AddFetched(noon, first, InFetched{Wanted: "w", Event: 1, Raw: ref})
		})
	}
	update(t, s, func(tx *Tx) error {
		first.Tries++
		return errors.Join(tx.UpdateFetch(first), tx.AddFetched(noon, list[1], InFetched{Wanted: "w", Event: 2, Why: "gone"}), fetches(tx))
	})
	if len(list) != 0 {
		t.Errorf("still to be fetched: %+v", list)
	}
	sound(t, s) // one reference, though it was told twice
	update(t, s, func(tx *Tx) error {
		in, err := tx.Inbox(9)
		if len(in) != 2 || in[0].Fetched.Raw != ref || in[1].Fetched.Why != "gone" {
			t.Errorf("in the inbox: %+v", in)
		}
		wanted.Mails[0].Here, wanted.Mails[0].Raw = true, ref // the reference is the wish's now
		return errors.Join(err, tx.DropInbox(in[0].Seq), tx.SetWanted(wanted))
	})
	sound(t, s)
	update(t, s, func(tx *Tx) error { return errors.Join(tx.DropWanted("w"), tx.Release(ref)) })
	if names := spooled(t, s); len(names) != 0 {
		t.Errorf("in the spool: %v", names)
	}
}

// TestAppendChore: the chore that files a mail keeps what its octets are made
// from, also when its folder is renumbered, until it is dropped.
func TestAppendChore(t *testing.T) {
	s := open(t)
	ref := write(t, s, "an attachment")[0]
	m := OutMail{ID: "1.1.0", MessageID: "<1@acme.example>", Recipe: []byte("how"), Sources: []Ref{ref}, Size: 13}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.AddAppend(m, UID{Folder: "INBOX", Validity: 1}, noon),
			tx.AddChore(Chore{UID: UID{"INBOX", 1, 3}, Kind: ChoreSeen}), tx.AddChore(Chore{UID: UID{"INBOX", 2, 3}, Kind: ChoreSeen}),
			tx.AddChore(Chore{UID: UID{"Sent", 1, 3}, Kind: ChoreSeen}))
	})
	sound(t, s)
	var left []Chore
	update(t, s, func(tx *Tx) (err error) {
		if err := tx.DropChoresBut("INBOX", 2); err != nil {
			return err
		}
		left, err = tx.Chores(9)
		return err
	})
	if len(left) != 3 || left[0].Append == nil || left[1].UID.Validity != 2 || left[2].UID.Folder != "Sent" {
		t.Fatalf("left: %+v", left)
	}
	mustEqual(t, "the mail that is filed", left[0].Append.Mail(), m)
	if got := read(t, s, ref); got != "an attachment" {
		t.Errorf("its source is %q", got)
	}
	update(t, s, func(tx *Tx) error { return tx.DropChore(left[0].Seq) })
	if names := spooled(t, s); len(names) != 0 {
		t.Errorf("in the spool: %v", names)
	}
}

// TestLaters: what is to be fetched later is told by folder, and no folder is
// taken for one whose name begins alike.
func TestLaters(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.SetLater(Later{UID: UID{"INBOX", 1, 9}}), tx.SetLater(Later{UID: UID{"INBOX", 1, 2}}), tx.SetLater(Later{UID: UID{"INBOX/Old", 1, 5}}))
	})
	view(t, s, func(tx *Tx) error {
		list, err := tx.Laters("INBOX")
		if len(list) != 2 || list[0].UID.UID != 2 || list[1].UID.UID != 9 || !tx.AnyLater("INBOX/Old") || tx.AnyLater("IN") {
			t.Errorf("later: %+v", list)
		}
		return err
	})
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.DropLater(UID{"INBOX", 1, 9}), tx.DropLater(UID{"INBOX", 1, 2}))
	})
	view(t, s, func(tx *Tx) error {
		if tx.AnyLater("INBOX") || !tx.AnyLater("INBOX/Old") {
			t.Error("what was dropped is there, or what was not is gone")
		}
		return nil
	})
}

// TestStaff: who leaves the rotation and comes back has tokens of another
// generation, each time.
func TestStaff(t *testing.T) {
	s := open(t)
	const alice, bob = "alice@acme.example", "bob@acme.example"
	for i, step := range []struct {
		keys, was, left []string
		generation      int // of Alice's
	}{
		{[]string{alice, bob}, []string{alice}, nil, 0},
		{[]string{bob}, nil, []string{alice}, 1},
		{[]string{bob}, []string{alice}, nil, 1}, // the store knows better who was there
		{[]string{alice, bob}, nil, nil, 1},
		{nil, nil, []string{alice, bob}, 2},
	} {
		update(t, s, func(tx *Tx) error {
			left, err := tx.Staff(step.keys, step.was)
			if err != nil || !slices.Equal(left, step.left) {
				t.Errorf("step %d: %v left, %v", i, left, err)
			}
			ix := tx.Index()
			if n := ix.Generation(0, alice); n != step.generation || ix.Err() != nil {
				t.Errorf("step %d: generation %d, %v", i, n, ix.Err())
			}
			return nil
		})
	}
}

// TestMoved: a mail is where the last move took it, and a ring of moves is told.
func TestMoved(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.Redirect(1, 0, 2, 0), tx.Redirect(2, 3, 5, 1), tx.Redirect(8, 0, 9, 0), tx.Redirect(9, 0, 8, 0),
			tx.AddKnown("<1@x>", threads.Known{Conversation: 2, Event: 3}), tx.AddKnown("<2@x>", threads.Known{Conversation: 8}))
	})
	view(t, s, func(tx *Tx) error {
		for from, want := range map[[2]int][2]int{{1, 0}: {2, 0}, {2, 3}: {5, 1}, {2, 4}: {2, 4}, {3, 1}: {3, 1}} {
			id, event, err := tx.Moved(threads.ID(from[0]), from[1])
			if err != nil || id != threads.ID(want[0]) || event != want[1] {
				t.Errorf("%v is at %d.%d, %v", from, id, event, err)
			}
		}
		ix := tx.Index()
		if list := ix.ID("<1@x>"); len(list) != 1 || list[0].Conversation != 5 || list[0].Was != 2 || ix.Err() != nil {
			t.Errorf("the id stands for %+v, %v", list, ix.Err())
		}
		if ix.ID("<2@x>"); ix.Err() == nil || !strings.Contains(ix.Err().Error(), "moved more than") {
			t.Errorf("a ring: %v", ix.Err())
		}
		return nil
	})
}

// TestRotationHistory: versions are told from the oldest on, the one in effect
// can be stored anew, and a rollback is known until it ends.
func TestRotationHistory(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.ReplaceRotation(RotationVersion{Version: "a"}), tx.AddRotation(RotationVersion{Version: "b"}),
			tx.ReplaceRotation(RotationVersion{Version: "b", By: "root"}), tx.SetRotationPin(&RotationPin{Over: "c", By: "root"}))
	})
	view(t, s, func(tx *Tx) error {
		var all []string
		err := tx.EachRotation(func(v RotationVersion) error { all = append(all, v.Version+v.By); return nil })
		if pin, perr := tx.RotationPin(); perr != nil || pin == nil || pin.Over != "c" {
			t.Errorf("pinned: %+v, %v", pin, perr)
		}
		if !slices.Equal(all, []string{"a", "broot"}) {
			t.Errorf("versions: %v", all)
		}
		return err
	})
	update(t, s, func(tx *Tx) error {
		err := tx.SetRotationPin(nil)
		if pin, perr := tx.RotationPin(); perr != nil || pin != nil {
			t.Errorf("still pinned: %+v, %v", pin, perr)
		}
		return err
	})
}
