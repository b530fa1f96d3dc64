package imapsync_test

import (
	"bytes"
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"postroom/internal/store"
)

// TestRealServersFiling moves, appends and removes on real servers, and looks
// into a further folder of theirs.
func TestRealServersFiling(t *testing.T) {
	for _, name := range []string{"dovecot", "cyrus", "courier"} {
		t.Run(name, func(t *testing.T) {
			r := newRealRig(t, name)
			below := ""
			if name == "courier" {
				below = "INBOX."
			}
			r.cfg.ClosedFolder = below + "Done"
			r.cfg.Also = []string{below + "Junk", below + "Nowhere"}
			filed := raw(90)
			r.cfg.Render = func(_ context.Context, w io.Writer, _ store.OutMail) error {
				_, err := w.Write(filed)
				return err
			}
			r.do("INBOX", func(c *imapclient.Client) error { return c.Create(below+"Junk", nil).Wait() })
			r.raws[80] = raw(80)
			r.put(below+"Junk", r.raws[80], nil)
			for n := 1; n <= 6; n++ {
				r.append(n, nil)
			}
			r.catchUp()
			r.put(below+"Junk", raw(81), nil)

			r.chores(store.ChoreClosed, 2, 3)
			r.chores(store.ChoreRemove, 4)
			for range 2 { // the second time as after a crash
				r.appendChore(filed)
				r.catchUp()
			}
			r.until("the chores are done", r.noChores)
			for n, want := range map[int]string{1: "INBOX", 2: below + "Done", 3: below + "Done", 4: "", 5: "INBOX", 6: "INBOX", 90: r.sent} {
				for _, folder := range []string{"INBOX", below + "Done", r.sent} {
					copies := r.copiesOf(folder, raw(n))
					if there := folder == want; there && copies != 1 || !there && copies != 0 {
						t.Errorf("mail %d is %d times in %s, and belongs into %q", n, copies, folder, want)
					}
				}
			}
			var told [][]byte
			for _, rec := range r.inbox() {
				if rec.History != nil && rec.History.Also {
					for _, m := range rec.History.Mails {
						told = append(told, m.Header)
					}
				}
			}
			if len(told) != 1 || !bytes.Contains(told[0], []byte("<m81@")) {
				t.Errorf("told of Junk: %q", told)
			}
			r.accounted()
		})
	}
}

// TestRealServersSeen: a message that a person has marked as unread again stays
// so, where the server can tell.
func TestRealServersSeen(t *testing.T) {
	for _, name := range []string{"dovecot", "cyrus", "courier"} {
		t.Run(name, func(t *testing.T) {
			r := newRealRig(t, name)
			for n := 1; n <= 3; n++ {
				r.append(n, nil)
			}
			stop := r.run()
			r.untilMails(3)
			condStore := false
			set := imap.UIDSetNum(imap.UID(r.uidOf(2)))
			r.do("INBOX", func(c *imapclient.Client) error {
				condStore = c.Caps().Has(imap.CapCondStore)
				for _, op := range []imap.StoreFlagsOp{imap.StoreFlagsAdd, imap.StoreFlagsDel} {
					flags := &imap.StoreFlags{Op: op, Silent: true, Flags: []imap.Flag{imap.FlagSeen}}
					if err := c.Store(set, flags, nil).Close(); err != nil {
						return err
					}
				}
				return nil
			})
			if condStore != (name != "courier") {
				t.Errorf("CONDSTORE: %v", condStore)
			}
			r.chores(store.ChoreSeen, 1, 2, 3)
			r.until("the chores are done", r.noChores)
			stop()
			list, err := r.srv.Messages(support, "INBOX")
			if err != nil {
				t.Fatal(err)
			}
			for i, m := range list {
				seen := slices.Contains(m.Flags, `\Seen`)
				if want := i != 1 || !condStore; seen != want {
					t.Errorf("mail %d is marked as seen: %v, want %v (CONDSTORE: %v)", i+1, seen, want, condStore)
				}
			}
		})
	}
}

// appendChore queues that a mail is filed to Sent.
func (r *realRig) appendChore(data []byte) {
	r.t.Helper()
	cur := r.cursor()
	if err := r.st.Update(func(tx *store.Tx) error {
		return tx.AddChore(store.Chore{Kind: store.ChoreAppend, At: time.Now(), UID: store.UID{Folder: cur.Folder, Validity: cur.UIDValidity},
			Append: &store.Append{OutID: "a", MessageID: "<m90@customer.example>", Size: int64(len(data)), Sent: time.Now()}})
	}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *realRig) copiesOf(folder string, data []byte) (n int) {
	r.t.Helper()
	list, err := r.srv.Messages(support, folder)
	if err != nil {
		return 0 // there is no such folder yet
	}
	for _, m := range list {
		if bytes.Equal(m.Raw, data) {
			n++
		}
	}
	return n
}
