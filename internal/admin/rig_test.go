package admin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

var (
	noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	jane = threads.Address{Name: "Jane Doe", Addr: "Jane@Customer.example"}
)

const (
	alice   = "alice@acme.example"
	bob     = "bob@acme.example"
	support = "support@acme.example"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// rig is a store filled by the steps a gateway would take.
type rig struct {
	t      testing.TB
	st     *store.Store
	now    time.Time
	rot    *threads.Rotation
	turns  threads.Pointers
	handed threads.Pointers
	uid    uint32
}

func newRig(t testing.TB) *rig {
	t.Helper()
	st, err := store.Open(quiet(), t.TempDir(), rand.New(rand.NewSource(1)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, err := range st.Verify() {
			if strings.HasPrefix(err.Error(), "held mail ") || strings.HasSuffix(err.Error(), "its raw mail is not kept") {
				continue // effects are left out here, so holds and their events stand alone
			}
			t.Errorf("the store is broken: %v", err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return &rig{t: t, st: st, now: noon, rot: &threads.Rotation{Engineers: []threads.Engineer{
		{Key: alice, Name: "Alice Ng", Email: alice, Weight: 1}, {Key: bob, Name: "Bob Ray", Email: bob, Weight: 1},
	}}}
}

func (r *rig) update(f func(*store.Tx) error) {
	r.t.Helper()
	if err := r.st.Update(f); err != nil {
		r.t.Fatal(err)
	}
}

// step takes one step of a conversation and commits it; effects are left out.
func (r *rig) step(id threads.ID, in threads.Input, text string) threads.Result {
	r.t.Helper()
	r.now = r.now.Add(time.Minute)
	var res threads.Result
	r.update(func(tx *store.Tx) error {
		c, _, err := tx.Conversation(id)
		if err != nil {
			return err
		}
		c.ID = id
		w := threads.World{
			Now: r.now, Names: threads.NewNames(support, "support+{token}@acme.example"), Minter: threads.NewMinter(r.st.InstanceKey()),
			Rotation: r.rot, Turns: &r.turns, Handed: &r.handed, Load: func(string) int { return 0 },
		}
		next, got, err := threads.Step(c, in, w)
		if err != nil {
			return err
		}
		res = got
		for _, e := range res.Effects {
			if turn, ok := e.(threads.TakeTurn); ok {
				r.turns.Apply(turn.Delta)
			}
		}
		if err := tx.Commit(next, res.Events); err != nil {
			return err
		}
		for _, e := range res.Events {
			if carriesText(e) {
				r.uid++
				uid := store.UID{Folder: "INBOX", Validity: 7, UID: r.uid}
				return errors.Join(tx.SetText(id, e.N, text), tx.SetUIDOf(id, e.N, uid),
					tx.SetOutcome(uid, store.Outcome{Kind: store.OutcomeEvent, Conversation: uint64(id), Event: e.N}),
					tx.SetCursor(store.Cursor{Folder: "INBOX", UIDValidity: 7, First: 1, HistoryNext: 1, Next: r.uid + 1}))
			}
		}
		return nil
	})
	return res
}

func carriesText(e threads.Event) bool {
	switch e.Body.(type) {
	case threads.Received, threads.Accepted, threads.Noted, threads.HeldBack:
		return true
	}
	return false
}

// customer sends a customer's mail: to a new conversation when id is 0.
func (r *rig) customer(id threads.ID, from threads.Address, msgid, subject, text string) threads.ID {
	r.t.Helper()
	found := threads.Found{Conversation: id, Reason: threads.ByInReplyTo}
	if id == 0 {
		found = threads.Found{Reason: threads.ByNothing}
		r.update(func(tx *store.Tx) (err error) {
			id, err = tx.NewConversation()
			return err
		})
	}
	m := &threads.Mail{
		MessageID: msgid, From: []threads.Address{from}, To: []threads.Address{{Addr: support}}, Subject: subject, SubjectBase: subject,
		Date: noon.Add(-time.Hour), Size: int64(len(text)),
	}
	r.step(id, threads.MailIn{Mail: m, Class: threads.ClassCustomer, Found: found}, text)
	return id
}

// engineer sends an engineer's mail to a conversation.
func (r *rig) engineer(id threads.ID, key, msgid, text string, change func(*threads.MailIn)) threads.Result {
	r.t.Helper()
	in := threads.MailIn{
		Mail:  &threads.Mail{MessageID: msgid, From: []threads.Address{{Addr: key}}, To: []threads.Address{{Addr: support}}},
		Class: threads.ClassEngineer, Authority: threads.Authority{Engineer: key, Proven: true, Conversation: id},
		Draft: &threads.Draft{}, Found: threads.Found{Conversation: id, Reason: threads.ByReplyAddress},
	}
	if change != nil {
		change(&in)
	}
	return r.step(id, in, text)
}

// story fills the store with one conversation of each sort: 1 answered, with
// a note, a held mail and a delivery; 2 waiting for its engineer; 3 closed.
func story(t testing.TB) *rig {
	r := newRig(t)
	one := r.customer(0, jane, "<q1@customer.example>", "Broken pump", "It is broken.\nPlease help.")
	r.engineer(one, alice, "<a1@acme.example>", "Turn it off and on.", nil)
	r.customer(one, jane, "<q2@customer.example>", "Re: Broken pump", "Thank you!")
	r.engineer(one, alice, "<n1@acme.example>", "She is nice.", func(in *threads.MailIn) {
		in.Mail.Commands = []threads.Command{{Word: "note"}}
	})
	r.engineer(one, bob, "<b1@acme.example>", "Me too.", func(in *threads.MailIn) {
		in.Authority = threads.Authority{Engineer: bob, Doubt: threads.WhyUnproven, Reason: "it carries no token of hers"}
	})
	r.step(one, threads.DeliveryIn{OutID: "1.6.0", Answer: true, Author: alice, Recipient: jane.Addr, State: "sent", Reply: "250 ok"}, "")
	r.customer(0, threads.Address{Addr: "joe@other.example"}, "<j1@other.example>", "", "Hello")
	three := r.customer(0, jane, "<q3@customer.example>", "Another", "x")
	r.step(three, threads.AdminIn{By: "root", Verb: "close"}, "")
	return r
}

// hold stores a held mail with raw octets of its own.
func (r *rig) hold(h store.Hold) {
	r.t.Helper()
	h.Raw = r.raw("From: x\r\n\r\nheld\r\n")
	r.update(func(tx *store.Tx) error { return tx.SetHold(h) })
}

func (r *rig) raw(text string) store.Ref {
	r.t.Helper()
	seg, err := r.st.NewSegment()
	if err != nil {
		r.t.Fatal(err)
	}
	ref, err := seg.Append(strings.NewReader(text))
	if err == nil {
		err = seg.Commit()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return ref
}

// asker remembers what it was asked.
type asker struct {
	mu   sync.Mutex
	got  []store.AdminRequest
	err  error
	hang bool
}

func (a *asker) Ask(ctx context.Context, req store.AdminRequest) error {
	a.mu.Lock()
	a.got = append(a.got, req)
	a.mu.Unlock()
	if a.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return a.err
}

func (a *asker) requests() []store.AdminRequest {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.got)
}

// pipes is a listener over net.Pipe.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// lockedRandom is a source several calls may draw on.
type lockedRandom struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *lockedRandom) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(b)
}

func config(a Asker) Config {
	return Config{
		Version: "1.2.3", Asker: a, Now: time.Now, Random: &lockedRandom{r: rand.New(rand.NewSource(2))},
		Live: func() Live { return Live{IMAP: IMAPStatus{Connected: true}} },
		Peer: func(net.Conn) string { return "root" },
	}
}

// serve runs a server over pipes until the test ends.
func serve(t testing.TB, cfg Config, st *store.Store) (*pipes, *Client) {
	t.Helper()
	p := newPipes()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- NewServer(quiet(), cfg, st).Serve(ctx, p) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	return p, NewClient(p.dial)
}

// say sends raw octets and returns all that comes back.
func say(t testing.TB, dial func(context.Context) (net.Conn, error), octets string) string {
	t.Helper()
	conn, err := dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		io.WriteString(conn, octets) // a refused request may be cut off
	}()
	var buf bytes.Buffer
	if _, err := io.Copy(&buf, conn); err != nil && buf.Len() == 0 {
		t.Fatal(err)
	}
	conn.Close()
	<-wrote
	return buf.String()
}
