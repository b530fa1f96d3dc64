package imapsync_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"postroom/imapsync"
	"postroom/internal/login"
	"postroom/internal/mailtest"
	"postroom/internal/store"
)

// realServer is an IMAP server as an operator runs it.
type realServer interface {
	Append(address, folder string, raw []byte, flags []string, t time.Time) error
	Messages(address, folder string) ([]mailtest.Message, error)
	Do(address, folder string, f func(*imapclient.Client) error) error
	Stop()
	Start()
}

// realWorlds are the servers that are followed, each with what it is known
// for: Dovecot has everything, Cyrus marks no folder as Sent and answers
// pipelined commands strictly in order, Courier has no MOVE, no ESEARCH and no
// CONDSTORE, names folders below INBOX with dots and idles by polling.
func realWorlds(t *testing.T, name string) (srv realServer, addr, sent string) {
	users := []mailtest.User{{Address: support, Password: "secret"}}
	switch name {
	case "dovecot":
		d := mailtest.StartDovecot(t, mailtest.DovecotOptions{Users: users})
		return d, d.IMAP, "Sent"
	case "cyrus":
		c := mailtest.StartCyrus(t, users)
		return c, c.IMAP, "Sent"
	default:
		c := mailtest.StartCourier(t, users)
		return c, c.IMAP, "INBOX.Sent"
	}
}

const support = "support@acme.example"

// realRig is a store and a Syncer in front of a real server.
type realRig struct {
	t    *testing.T
	srv  realServer
	sent string
	st   *store.Store
	cfg  imapsync.Config
	raws map[int][]byte
}

func TestRealServers(t *testing.T) {
	for _, name := range []string{"dovecot", "cyrus", "courier"} {
		t.Run(name, func(t *testing.T) {
			r := newRealRig(t, name)
			for n := 1; n <= 60; n++ {
				r.append(n, nil)
			}
			r.append(61, []string{`\Seen`}) // a person has read it
			r.raws[62] = bigMail(62)
			r.put("INBOX", r.raws[62], nil)
			r.catchUp()
			r.whole(62)

			stop := r.run()
			r.append(63, nil)
			r.untilMails(63)
			r.chores(store.ChoreSeen, 1, 2, 3)
			r.chores(store.ChoreAnswered, 2)
			r.chores(store.ChoreFileSent, 5)
			r.until("the chores are done", r.noChores)
			r.srv.Stop()
			r.srv.Start()
			r.append(64, nil)
			r.untilMails(64)
			stop()
			r.whole(64)
			r.checkChores()

			// Two come and one goes while nobody looks.
			r.append(65, nil)
			r.append(66, nil)
			r.expunge(r.uidOf(65))
			r.catchUp()
			r.untilMails(65)
			r.accounted()
		})
	}
}

func TestRealServersHistory(t *testing.T) {
	for _, name := range []string{"dovecot", "cyrus", "courier"} {
		t.Run(name, func(t *testing.T) {
			r := newRealRig(t, name)
			r.cfg.Start = imapsync.Start{}
			r.cfg.HistoryRange = 20
			for n := 1; n <= 50; n++ {
				r.append(n, nil)
			}
			r.catchUp()
			got := map[string]bool{}
			for _, rec := range r.inbox() {
				if rec.History == nil || rec.History.Folder != "INBOX" {
					continue
				}
				for _, m := range rec.History.Mails {
					got[string(m.Header)] = true
					if !bytes.Contains(bytes.ToLower(m.Header), []byte("message-id: <m")) || bytes.Contains(m.Header, []byte("X-Fill")) {
						t.Errorf("the header of UID %d is %q", m.UID, m.Header)
					}
				}
			}
			if len(got) != 50 {
				t.Errorf("%d headers of history, want 50", len(got))
			}
			r.append(51, nil)
			r.catchUp()
			r.untilMails(1)
			r.accounted()
		})
	}
}

// TestRealServersNewValidity recreates a folder under the syncer.
func TestRealServersNewValidity(t *testing.T) {
	for _, name := range []string{"dovecot", "cyrus", "courier"} {
		t.Run(name, func(t *testing.T) {
			r := newRealRig(t, name)
			r.cfg.Folder = "Tickets"
			if name == "courier" {
				r.cfg.Folder = "INBOX.Tickets"
			}
			r.do("INBOX", func(c *imapclient.Client) error { return c.Create(r.cfg.Folder, nil).Wait() })
			for n := 1; n <= 5; n++ {
				r.append(n, nil)
			}
			r.catchUp()
			r.untilMails(5)
			before := r.cursor()
			// Within one second some servers give the same number again.
			r.until("the new folder has a UIDVALIDITY of its own", func() bool {
				r.do("INBOX", func(c *imapclient.Client) error {
					if err := c.Delete(r.cfg.Folder).Wait(); err != nil {
						return err
					}
					return c.Create(r.cfg.Folder, nil).Wait()
				})
				return r.validity() != before.UIDValidity
			})
			for n := 3; n <= 7; n++ {
				r.append(n, nil)
			}
			r.catchUp()
			after := r.cursor()
			if after.UIDValidity == before.UIDValidity || after.Next != 6 {
				t.Errorf("the cursor was %+v and is %+v", before, after)
			}
			if got := len(r.mails()); got != 5 {
				t.Errorf("%d whole mails came in, want the 5 from before alone", got)
			}
			sizes := map[int64]bool{}
			for _, rec := range r.inbox() {
				if rec.History != nil && rec.History.Again {
					for _, m := range rec.History.Mails {
						sizes[m.Size] = true
					}
				}
			}
			for n := 3; n <= 7; n++ {
				if !sizes[int64(len(r.raws[n]))] {
					t.Errorf("mail %d was not looked at again", n)
				}
			}
		})
	}
}

func newRealRig(t *testing.T, name string) *realRig {
	t.Helper()
	srv, server, sent := realWorlds(t, name)
	st, err := store.Open(slog.New(slog.DiscardHandler), t.TempDir(), bytes.NewReader(make([]byte, 64)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return &realRig{t: t, srv: srv, sent: sent, st: st, raws: map[int][]byte{}, cfg: imapsync.Config{
		Server: server, TLS: imapsync.TLSOpportunistic, Login: login.Credentials{Username: support,
			Password: func(context.Context) (string, error) { return "secret", nil }},
		Folder: "INBOX", MarkSeen: true, Start: imapsync.Start{All: true},
	}}
}

func (r *realRig) syncer() *imapsync.Syncer {
	var d net.Dialer
	obs := &recorder{caught: map[string]int{}, up: map[string]int{}, done: map[string][2]int{}}
	return imapsync.New(slog.New(slog.NewTextHandler(testWriter{r.t}, nil)), r.cfg, r.st, d.DialContext, time.Now,
		func() float64 { return 0.5 }, obs)
}

func (r *realRig) catchUp() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	if err := r.syncer().CatchUp(ctx); err != nil {
		r.t.Fatal(err)
	}
}

func (r *realRig) run() (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan error, 1)
	y := r.syncer()
	go func() { ended <- y.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

func (r *realRig) do(folder string, f func(*imapclient.Client) error) {
	r.t.Helper()
	if err := r.srv.Do(support, folder, f); err != nil {
		r.t.Fatal(err)
	}
}

func (r *realRig) put(folder string, data []byte, flags []string) {
	r.t.Helper()
	if err := r.srv.Append(support, folder, data, flags, time.Time{}); err != nil {
		r.t.Fatal(err)
	}
}

// append puts mail n, which may have been put before, into the folder.
func (r *realRig) append(n int, flags []string) {
	r.t.Helper()
	r.raws[n] = raw(n)
	r.put(r.cfg.Folder, r.raws[n], flags)
}

func bigMail(n int) []byte {
	return append(raw(n), bytes.Repeat([]byte("a line of a very long mail, as people send them with pictures\r\n"), 150_000)...)
}

func (r *realRig) expunge(uid uint32) {
	r.t.Helper()
	r.do("INBOX", func(c *imapclient.Client) error {
		set := imap.UIDSetNum(imap.UID(uid))
		if err := c.Store(set, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close(); err != nil {
			return err
		}
		return c.Expunge().Close()
	})
}

// uidOf finds a mail in the mailbox by its number.
func (r *realRig) uidOf(n int) uint32 {
	r.t.Helper()
	list, err := r.srv.Messages(support, "INBOX")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, m := range list {
		if bytes.Equal(m.Raw, r.raws[n]) {
			return m.UID
		}
	}
	r.t.Fatalf("mail %d is not in the mailbox", n)
	return 0
}

func (r *realRig) validity() (v uint32) {
	r.t.Helper()
	r.do("INBOX", func(c *imapclient.Client) error {
		data, err := c.Status(r.cfg.Folder, &imap.StatusOptions{UIDValidity: true}).Wait()
		if err == nil {
			v = data.UIDValidity
		}
		return err
	})
	return v
}

func (r *realRig) view(f func(*store.Tx) error) {
	r.t.Helper()
	if err := r.st.View(f); err != nil {
		r.t.Fatal(err)
	}
}

func (r *realRig) inbox() (list []store.InboxRecord) {
	r.t.Helper()
	r.view(func(tx *store.Tx) (err error) {
		list, err = tx.Inbox(1 << 20)
		return err
	})
	return list
}

func (r *realRig) mails() (list []store.InMail) {
	r.t.Helper()
	for _, rec := range r.inbox() {
		if rec.Mail != nil && rec.Mail.UID.Folder == r.cfg.Folder {
			list = append(list, *rec.Mail)
		}
	}
	return list
}

func (r *realRig) cursor() (cur store.Cursor) {
	r.t.Helper()
	r.view(func(tx *store.Tx) (err error) {
		cur, _, err = tx.Cursor(r.cfg.Folder)
		return err
	})
	return cur
}

func (r *realRig) read(m store.InMail) []byte {
	r.t.Helper()
	f, err := r.st.OpenRaw(m.Raw)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		r.t.Fatal(err)
	}
	return data
}

// until asks again and again, for as long as a loaded machine may need.
func (r *realRig) until(what string, cond func() bool) {
	r.t.Helper()
	deadline := time.After(50 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("still not: %s", what)
		}
	}
}

// untilMails waits for less than a poll: IDLE must have told.
func (r *realRig) untilMails(n int) {
	r.t.Helper()
	r.until(fmt.Sprintf("%d mails in the inbox", n), func() bool { return len(r.mails()) >= n })
}

// whole checks that mails 1 to n have come in once each, octet by octet.
func (r *realRig) whole(n int) {
	r.t.Helper()
	list := r.mails()
	if len(list) != n {
		r.t.Fatalf("%d mails came in, want %d", len(list), n)
	}
	for i, m := range list {
		if got, want := r.read(m), r.raws[i+1]; !bytes.Equal(got, want) || m.Cut != "" {
			r.t.Errorf("mail %d: %d octets of %d, cut %q", i+1, len(got), len(want), m.Cut)
		}
	}
}

func (r *realRig) chores(kind store.ChoreKind, numbers ...int) {
	r.t.Helper()
	list := r.mails()
	if err := r.st.Update(func(tx *store.Tx) error {
		for _, n := range numbers {
			if err := tx.AddChore(store.Chore{Kind: kind, UID: list[n-1].UID}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *realRig) noChores() bool {
	var left []store.Chore
	r.view(func(tx *store.Tx) (err error) {
		left, err = tx.Chores(1)
		return err
	})
	return len(left) == 0
}

func (r *realRig) checkChores() {
	r.t.Helper()
	flags := func(folder string, n int) []string {
		list, err := r.srv.Messages(support, folder)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, m := range list {
			if bytes.Equal(m.Raw, r.raws[n]) {
				return append(m.Flags, "there")
			}
		}
		return nil
	}
	for n, want := range map[int]string{1: `\Seen`, 2: `\Answered`, 3: `\Seen`, 61: `\Seen`} {
		if got := flags("INBOX", n); !slices.Contains(got, want) {
			r.t.Errorf("mail %d has the flags %q, want %s", n, got, want)
		}
	}
	if got := flags("INBOX", 4); slices.Contains(got, `\Seen`) {
		r.t.Errorf("mail 4 has the flags %q", got)
	}
	if flags("INBOX", 5) != nil || flags(r.sent, 5) == nil {
		r.t.Errorf("our own copy: %q in INBOX, %q in %s", flags("INBOX", 5), flags(r.sent, 5), r.sent)
	}
}

// accounted checks that the ledger or the inbox has every UID the mailbox
// lists, and the cursor all that were ever given.
func (r *realRig) accounted() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	listing, err := r.syncer().List(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	known := map[uint32]bool{}
	for _, rec := range r.inbox() {
		switch {
		case rec.Mail != nil && rec.Mail.UID.Folder == "INBOX":
			known[rec.Mail.UID.UID] = true
		case rec.Gone != nil && rec.Gone.UID.Folder == "INBOX":
			known[rec.Gone.UID.UID] = true
		case rec.History != nil && rec.History.Folder == "INBOX":
			for _, m := range rec.History.Mails {
				known[m.UID] = true
			}
		}
	}
	for _, uid := range listing[0].UIDs {
		if !known[uid] {
			r.t.Errorf("UID %d is not accounted for", uid)
		}
	}
}
