package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

// TestCopiesBeside: mails that come together leave the same outbox, the same
// outcomes and the same log as each by itself.
func TestCopiesBeside(t *testing.T) {
	type left struct {
		outs     []store.OutMail
		outcomes []store.Outcome
		log      string
	}
	run := func(t *testing.T, alone bool) (l left) {
		var log bytes.Buffer
		plain := func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
		r := unopened(t)
		r.open(t.TempDir(), slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: plain})), r.clock)
		r.comes(r.wrote(jane, "The first", "Before all others."))
		first := r.queue()[0]
		var uids []store.UID
		for _, raw := range manyKinds(r, first) {
			uids = append(uids, r.put("INBOX", raw))
		}
		log.Reset()
		r.g.wary = 0
		if alone {
			r.g.wary = len(uids)
		}
		r.think()
		for _, s := range r.queue() {
			l.outs = append(l.outs, s.OutMail)
		}
		for _, uid := range uids {
			l.outcomes = append(l.outcomes, r.outcome(uid))
		}
		l.log = log.String()
		return l
	}
	var together, alone left
	t.Run("together", func(t *testing.T) { together = run(t, false) })
	t.Run("alone", func(t *testing.T) { alone = run(t, true) })
	if len(together.outs) < 7 {
		t.Errorf("%d mails in the outbox", len(together.outs))
	}
	if !reflect.DeepEqual(together.outs, alone.outs) {
		t.Errorf("outbox together:\n%+v\nalone:\n%+v", together.outs, alone.outs)
	}
	if !reflect.DeepEqual(together.outcomes, alone.outcomes) {
		t.Errorf("outcomes together:\n%+v\nalone:\n%+v", together.outcomes, alone.outcomes)
	}
	if together.log != alone.log {
		t.Errorf("log together:\n%s\nalone:\n%s", together.log, alone.log)
	}
}

// manyKinds is mail of many kinds: between customers', what answers one of them,
// our own copy that comes back, an engineer's answer and one that is held.
func manyKinds(r *rig, first sent) []string {
	question := r.wrote(jane, "A question", "Why is it so?")
	id := messageID(question)
	return []string{
		question,
		r.wrote("joe@client.example", "Another question", "And why not?"),
		r.wrote(jane, "Re: A question", "I forgot to say when.", "In-Reply-To: "+id, "References: "+id),
		strings.ReplaceAll(first.raw, "\r\n", "\n"),
		r.wrote("kim@client.example", "A third", "Who knows?"),
		r.reply(first, alice, "That is how it works."),
		r.wrote("lee@client.example", "A fourth", "Nobody does."),
		r.wrote(alice, "Re: A question", "No token is in this.", "In-Reply-To: "+id),
		"\n\n\n",
		r.wrote("mia@client.example", "A fifth", "At the end."),
	}
}

func messageID(raw string) string {
	_, rest, _ := strings.Cut(raw, "Message-ID: ")
	id, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(id)
}

// TestComposedInOrder: copies are queued in the order they were asked for, each
// with what it says on the log, and one that cannot be made is its own
// record's error.
func TestComposedInOrder(t *testing.T) {
	broken := errors.New("it cannot be composed")
	for name, test := range map[string]struct {
		make func() (*message.Recipe, error)
		put  func() error
		want string // of the error; "": none
	}{
		"well":           {want: ""},
		"not composed":   {make: func() (*message.Recipe, error) { return nil, broken }, want: "processing record 2: " + broken.Error()},
		"composing ends": {make: func() (*message.Recipe, error) { panic("oh") }, want: "processing record 2: composing a copy: panic: oh"},
		"not queued":     {put: func() error { return broken }, want: "processing record 2: " + broken.Error()},
		"queueing ends":  {put: func() error { panic("oh") }, want: "processing record 2: queueing a copy: panic: oh"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &batch{}
			var queued, told []uint64
			for seq := uint64(1); seq <= 3; seq++ {
				b.seq = seq
				b.after = append(b.after, func() { told = append(told, seq*10) })
				b.later(func() (*message.Recipe, error) {
					if seq == 2 && test.make != nil {
						return test.make()
					}
					return &message.Recipe{}, nil
				}, func(r *message.Recipe) error {
					if seq == 2 && test.put != nil {
						return test.put()
					}
					if r == nil {
						return fmt.Errorf("nothing was composed for %d", seq)
					}
					if err := b.queueComposed(); err != nil { // as every mail that is queued does
						return err
					}
					queued = append(queued, seq)
					b.after = append(b.after, func() { told = append(told, seq*10+1) })
					return nil
				})
			}
			err := b.queueComposed()
			b.beside.close()
			if test.want != "" {
				if err == nil || !strings.HasPrefix(ofRecord(3, err).Error(), test.want) {
					t.Errorf("error %v, want %s", err, test.want)
				}
				return
			}
			for _, tell := range b.after {
				tell()
			}
			if want := []uint64{1, 2, 3}; err != nil || !reflect.DeepEqual(queued, want) {
				t.Errorf("queued %v, %v", queued, err)
			}
			if want := []uint64{10, 11, 20, 21, 30, 31}; !reflect.DeepEqual(told, want) {
				t.Errorf("told %v, want %v", told, want)
			}
		})
	}
}

// TestComposedBeforeEffects: what an effect may ask of the outbox, or put there,
// finds the copies queued that are being composed; an effect that asks nothing
// of it does not wait for them. One that cannot be made is its record's error,
// and nothing is done behind it.
func TestComposedBeforeEffects(t *testing.T) {
	r := newRig(t, nil)
	notice := outgoing{mail: store.OutMail{ID: "0.notice", MessageID: "<notice@acme.example>", Kind: store.OutNotice}, recipe: &message.Recipe{}}
	broken, undone := errors.New("it cannot be composed"), errors.New("the test is over")
	h := hand{c: threads.Conversation{ID: 1}}
	effect := func(e threads.Effect) func(*batch) error {
		return func(b *batch) error { return b.effect(h, e) }
	}
	for name, test := range map[string]struct {
		do    func(*batch) error
		waits bool
	}{
		"a mail is queued":      {func(b *batch) error { return b.enqueue(h.c, notice) }, true},
		"a held mail is let go": {effect(threads.Release{Hold: "none"}), true},
		"a held mail is named":  {effect(threads.Rehold{Old: "none"}), true},
		"somebody is told":      {effect(threads.Notify{OutID: "0.note", Kind: threads.NoticeRotation, Reason: "x"}), true},
		"an order is kept":      {effect(threads.Report{}), true},
		"raw mail is let go":    {effect(threads.DropRaw{Of: 1}), false},
		"a turn is taken":       {effect(threads.TakeTurn{}), false},
		"a mail is seen":        {effect(threads.Seen{Of: 1}), false},
		"a deadline is let go":  {effect(threads.DropTimer{}), false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, fails := range []bool{false, true} {
				err := r.st.Update(func(tx *store.Tx) error {
					b := &batch{g: r.g, tx: tx, now: r.now, rot: r.g.rot, seq: 7}
					defer b.beside.close()
					queued := false
					b.later(func() (*message.Recipe, error) {
						if fails {
							return nil, broken
						}
						return &message.Recipe{}, nil
					}, func(*message.Recipe) error {
						if _, there, err := tx.Out(notice.mail.ID); err != nil || there || len(b.orders) > 0 {
							t.Errorf("the copy comes behind it, %v", err)
						}
						queued = true
						return nil
					})
					b.seq = 8
					err := test.do(b)
					if left := len(b.beside.pending); queued != (test.waits && !fails) || left != oneIf(!test.waits) {
						t.Errorf("failing %t: queued before it %t, and %d are left", fails, queued, left)
					}
					var of *recordError
					if test.waits && fails && (!errors.Is(err, broken) || !errors.As(err, &of) || of.seq != 7) {
						t.Errorf("a copy that cannot be composed: %v", err)
					}
					if _, there, err := tx.Out(notice.mail.ID); fails && (err != nil || there || len(b.orders) > 0) {
						t.Errorf("it was done all the same, %v", err)
					}
					return undone
				})
				if !errors.Is(err, undone) {
					t.Error(err)
				}
			}
		})
	}
}

func oneIf(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
