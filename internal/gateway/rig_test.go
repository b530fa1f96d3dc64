package gateway

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/internal/message"
	"postroom/internal/rotation"
	"postroom/internal/store"
	"postroom/threads"
)

const (
	alice = "alice@acme.example"
	bob   = "bob@acme.example"
	jane  = "jane@client.example"
	ops   = "ops@acme.example"
)

const twoEngineers = `
timezone = "UTC"
admins = ["ops@acme.example"]
[[engineer]]
name = "Alice Ng"
email = "alice@acme.example"
[[engineer]]
name = "Bob Stone"
email = "bob@acme.example"
`

// rig is a gateway over a real store, with a clock that stands still until it
// is moved and a mailbox that is only UIDs.
type rig struct {
	t     *testing.T
	st    *store.Store
	g     *Gateway
	cfg   Config
	now   time.Time
	uid   uint32
	aside []uint64
	ids   int
}

func (r *rig) Processed(int)                 {}
func (r *rig) CameBack()                     {}
func (r *rig) SetAside(seq uint64, _ error)  { r.aside = append(r.aside, seq) }
func (r *rig) clock() time.Time              { return r.now }
func (r *rig) inboxUID(n uint32) store.UID   { return store.UID{Folder: "INBOX", Validity: 1, UID: n} }
func (r *rig) at(after time.Duration) string { return r.now.Add(after).Format(time.RFC1123Z) }

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := unopened(t)
	if change != nil {
		change(&r.cfg)
	}
	r.open(t.TempDir(), slog.New(slog.DiscardHandler), r.clock)
	return r
}

func unopened(t *testing.T) *rig {
	return &rig{t: t, now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), cfg: Config{
		Support: threads.Address{Name: "Acme Support", Addr: "support@acme.example"}, ReplyTemplate: "support+{token}@acme.example",
		FromName: "{engineer} at {support}", Footer: "full", Folder: "INBOX", OwnCopy: CopyByBcc, MarkSeen: true,
		Deadline: 48 * time.Hour, UnknownWait: 5 * time.Minute, HistoryWait: 10 * time.Minute,
	}}
}

// open makes the store and the gateway of a rig.
func (r *rig) open(dir string, log *slog.Logger, now func() time.Time) {
	t := r.t
	t.Helper()
	st, err := store.Open(log, dir, bytes.NewReader(bytes.Repeat([]byte("k"), 32)))
	if err != nil {
		t.Fatal(err)
	}
	r.st = st
	rot, _, err := rotation.Parse("rotation.toml", []byte(twoEngineers))
	if err != nil {
		t.Fatal(err)
	}
	if r.g, err = New(log, r.cfg, st, rot, now, r); err != nil {
		t.Fatal(err)
	}
	r.update(func(tx *store.Tx) error {
		c := store.Cursor{Folder: "INBOX", UIDValidity: 1, First: 1, Next: 1, HistoryNext: 1}
		return tx.SetCursor(c)
	})
	t.Cleanup(func() {
		for _, err := range st.Verify() {
			t.Errorf("verify: %v", err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (r *rig) update(f func(*store.Tx) error) {
	r.t.Helper()
	if err := r.st.Update(f); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) view(f func(*store.Tx) error) {
	r.t.Helper()
	if err := r.st.View(f); err != nil {
		r.t.Fatal(err)
	}
}

// put lays a mail into a folder as imapsync does, and returns its UID.
func (r *rig) put(folder, raw string) store.UID {
	r.t.Helper()
	seg, err := r.st.NewSegment()
	if err != nil {
		r.t.Fatal(err)
	}
	ref, err := seg.Append(strings.NewReader(strings.ReplaceAll(raw, "\n", "\r\n")))
	if err == nil {
		err = seg.Commit()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.uid++
	uid := store.UID{Folder: folder, Validity: 1, UID: r.uid}
	r.update(func(tx *store.Tx) error {
		c, _, err := tx.Cursor(folder)
		if err != nil {
			return err
		}
		c.Folder, c.UIDValidity, c.Next = folder, 1, r.uid+1
		return tx.AddMail(r.now, []store.InMail{{UID: uid, Raw: ref, FullSize: ref.Length}}, c)
	})
	return uid
}

// comes puts mail into INBOX and lets the gateway think.
func (r *rig) comes(raw string) store.UID {
	r.t.Helper()
	uid := r.put("INBOX", raw)
	r.think()
	return uid
}

func (r *rig) think() {
	r.t.Helper()
	if err := r.g.Drain(r.t.Context()); err != nil {
		r.t.Fatalf("thinking: %v", err)
	}
}

func (r *rig) say(rec store.InboxRecord) {
	r.t.Helper()
	r.update(func(tx *store.Tx) error { return tx.AddInbox(rec) })
	r.think()
}

// wrote is a fresh mail of somebody.
func (r *rig) wrote(from, subject, text string, fields ...string) string {
	r.ids++
	head := fmt.Sprintf("From: %s\nTo: support@acme.example\nSubject: %s\nDate: %s\nMessage-ID: <m%d@client.example>\n",
		from, subject, r.at(time.Duration(r.ids)*time.Second), r.ids)
	for _, f := range fields {
		name, _, _ := strings.Cut(f, ":")
		if i := strings.Index(head, name+":"); i >= 0 {
			end := i + strings.IndexByte(head[i:], '\n') + 1
			head = head[:i] + head[end:]
		}
		head += f + "\n"
	}
	return head + "\n" + text + "\n"
}

// sent is one queued mail, read as its recipient will.
type sent struct {
	store.OutMail
	*message.Message
	raw string
}

func (s sent) header(name string) string { return s.Header.Get(name) }

// queue is what is in the outbox, read, in the order it was queued.
func (r *rig) queue() []sent {
	r.t.Helper()
	var all []sent
	r.view(func(tx *store.Tx) error {
		return tx.EachOut(func(m store.OutMail) error {
			m, _, err := tx.Out(m.ID)
			if err != nil {
				return err
			}
			raw := r.render(m)
			all = append(all, sent{m, message.Read(strings.NewReader(raw)), raw})
			return nil
		})
	})
	slices.SortStableFunc(all, func(a, b sent) int { return a.Queued.Compare(b.Queued) })
	return all
}

func (r *rig) render(m store.OutMail) string {
	r.t.Helper()
	recipe, err := message.DecodeRecipe(m.Recipe)
	if err != nil {
		r.t.Fatal(err)
	}
	var sources []message.Source
	for _, ref := range m.Sources {
		raw, err := r.st.OpenRaw(ref)
		if err != nil {
			r.t.Fatal(err)
		}
		defer raw.Close()
		sources = append(sources, raw)
	}
	var b bytes.Buffer
	if err := recipe.Render(&b, sources); err != nil {
		r.t.Fatal(err)
	}
	return b.String()
}

// to is the queued mails of a kind to an address.
func (r *rig) to(kind store.OutKind, addr string) []sent {
	r.t.Helper()
	return slices.DeleteFunc(r.queue(), func(s sent) bool {
		return s.Kind != kind || !slices.ContainsFunc(s.Recipients, func(rc store.Recipient) bool { return rc.Address == addr })
	})
}

// one is the one queued mail of a kind to an address.
func (r *rig) one(kind store.OutKind, addr string) sent {
	r.t.Helper()
	list := r.to(kind, addr)
	if len(list) != 1 {
		r.t.Fatalf("%d mails of kind %s to %s, want 1: %s", len(list), kind, addr, r.dump())
	}
	return list[0]
}

func (r *rig) dump() string {
	var b strings.Builder
	for _, s := range r.queue() {
		fmt.Fprintf(&b, "\n%s %s %s %s %q", s.ID, s.Kind, s.State, s.Recipients[0].Address, s.OutMail.Subject)
	}
	return b.String()
}

// settle takes what an attempt came to through the store, as smtpout does.
func (r *rig) settle(s sent, state store.OutState) {
	r.t.Helper()
	r.attempt(s.ID, func(m *store.OutMail) []store.Recipient {
		m.State = store.OutDone
		for i := range m.Recipients {
			m.Recipients[i].State, m.Recipients[i].Reply = state, "the relay's words"
		}
		if state == store.OutUnknown {
			m.State = store.OutUnknown
			return nil
		}
		return m.Recipients
	})
	r.think()
}

// attempt records an attempt without letting the gateway think of it.
func (r *rig) attempt(id string, end func(*store.OutMail) []store.Recipient) {
	r.t.Helper()
	r.update(func(tx *store.Tx) error {
		m, ok, err := tx.Out(id)
		if err != nil || !ok {
			return fmt.Errorf("mail %s: %v, %v", id, ok, err)
		}
		m.Attempts++
		m.AttemptBegan, m.AttemptEnded = r.now, r.now
		results := end(&m)
		if err := tx.SetOut(m); err != nil {
			return err
		}
		return tx.AddInbox(store.InboxRecord{At: r.now, Delivery: &store.Delivery{OutID: id, Attempt: m.Attempts, State: m.State, Results: results}})
	})
}

// gone is everything in the outbox sent, and out of the way.
func (r *rig) gone() {
	r.t.Helper()
	for _, s := range r.queue() {
		r.settle(s, store.OutSent)
	}
}

// reply is an answer to a queued mail as mail clients make it.
func (r *rig) reply(s sent, from, text string, fields ...string) string {
	to := s.header("Reply-To")
	if to == "" {
		to = s.header("From")
	}
	refs := s.header("References") + " " + s.MessageID
	quoted := "> " + strings.ReplaceAll(strings.TrimSpace(s.Mail.Text), "\n", "\n> ")
	fields = append([]string{
		"To: " + to, "In-Reply-To: " + s.MessageID, "References: " + strings.TrimSpace(refs),
	}, fields...)
	return r.wrote(from, "Re: "+s.Mail.Subject, text+"\n\nOn Monday somebody wrote:\n"+quoted, fields...)
}

func (r *rig) outcome(uid store.UID) store.Outcome {
	r.t.Helper()
	var o store.Outcome
	r.view(func(tx *store.Tx) (err error) {
		var ok bool
		if o, ok, err = tx.Outcome(uid); !ok {
			r.t.Errorf("%s is not in the ledger", uid)
		}
		return err
	})
	return o
}

func (r *rig) holds() []store.Hold {
	r.t.Helper()
	var list []store.Hold
	r.view(func(tx *store.Tx) (err error) { list, err = tx.Holds(); return err })
	return list
}

func (r *rig) conversation(id threads.ID) threads.Conversation {
	r.t.Helper()
	var c threads.Conversation
	r.view(func(tx *store.Tx) (err error) { c, _, err = tx.Conversation(id); return err })
	return c
}

func (r *rig) events(id threads.ID) (kinds []string) {
	r.t.Helper()
	r.view(func(tx *store.Tx) error {
		list, err := tx.Events(id)
		for _, e := range list {
			kinds = append(kinds, e.Kind())
		}
		return err
	})
	return kinds
}

func (r *rig) rotate(text string, changes ...string) {
	r.t.Helper()
	rot, _, err := rotation.Parse("rotation.toml", []byte(text))
	if err != nil {
		r.t.Fatal(err)
	}
	r.update(func(tx *store.Tx) error {
		return tx.AddRotation(store.RotationVersion{Version: rot.Version, Text: []byte(text), Changes: changes})
	})
	r.say(store.InboxRecord{At: r.now, Rotation: &store.InRotation{Version: rot.Version, Changes: changes}})
}

// ask is an admin's request and its answer.
func (r *rig) ask(verb string, args ...string) error {
	r.t.Helper()
	req := store.AdminRequest{ID: fmt.Sprint("ask", r.ids), By: "root", Verb: verb, Args: map[string]string{}}
	r.ids++
	for i := 0; i+1 < len(args); i += 2 {
		req.Args[args[i]] = args[i+1]
	}
	done := make(chan error, 1)
	r.g.mu.Lock()
	r.g.waiters[req.ID] = done
	r.g.mu.Unlock()
	r.say(store.InboxRecord{At: r.now, Admin: &req})
	select {
	case err := <-done:
		return err
	default:
		r.t.Fatal("the request was not answered")
		return nil
	}
}

// noPrivate fails when a mail to a customer shows what is ours alone.
func (r *rig) noPrivate(s sent, secrets ...string) {
	r.t.Helper()
	for _, secret := range append(secrets, alice, bob, "support+r", "support+h", "support+p", "Received:") {
		if strings.Contains(s.raw, secret) {
			r.t.Errorf("the customer reads %q in\n%s", secret, s.raw)
		}
	}
}

const time1 = time.Hour
