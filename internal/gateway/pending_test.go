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
