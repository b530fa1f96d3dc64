package imapsync_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/emersion/go-imap/v2/imapclient"

	"postroom/internal/store"
)

// TestRealServersOriginals: single mails, from where they lie after a folder
// was renumbered, moved by a person or emptied.
func TestRealServersOriginals(t *testing.T) {
	for _, name := range []string{"dovecot", "cyrus", "courier"} {
		t.Run(name, func(t *testing.T) {
			r := newRealRig(t, name)
			for n := 1; n <= 3; n++ {
				r.append(n, nil)
			}
			r.raws[4] = bigMail(4)
			r.put("INBOX", r.raws[4], nil)
			r.catchUp()
			uids := map[int]store.UID{}
			for i, m := range r.mails() {
				uids[i+1] = m.UID
			}
			r.do("INBOX", func(c *imapclient.Client) error { c.Create(r.sent, nil).Wait(); return nil })
			r.put(r.sent, r.raws[2], nil) // a person filed it there
			r.expunge(r.uidOf(2))
			r.expunge(r.uidOf(3))
			stale := uids[1]
			stale.Validity++
			for n, uid := range map[int]store.UID{1: stale, 2: uids[2], 3: uids[3], 4: uids[4]} {
				f := store.Fetch{Wanted: "w", Event: n, UID: uid, MessageIDs: []string{fmt.Sprintf("<m%d@customer.example>", n)}, Max: 50 << 20}
				if err := r.st.Update(func(tx *store.Tx) error { return tx.AddFetch(f) }); err != nil {
					t.Fatal(err)
				}
			}
			stop := r.run()
			defer stop()
			got := map[int]store.InFetched{}
			r.until("the originals are here", func() bool {
				for _, rec := range r.inbox() {
					if rec.Fetched != nil {
						got[rec.Fetched.Event] = *rec.Fetched
					}
				}
				return len(got) == 4
			})
			for n, folder := range map[int]string{1: "INBOX", 2: r.sent, 3: "", 4: "INBOX"} {
				in := got[n]
				if in.UID.Folder != folder || (in.Why == "") != (folder != "") {
					t.Errorf("original %d: %+v", n, in)
				} else if in.Why == "" && !bytes.Equal(r.read(store.InMail{Raw: in.Raw}), r.raws[n]) {
					t.Errorf("original %d is not what lies there", n)
				}
			}
		})
	}
}
