package gateway

import (
	"fmt"
	"maps"
	"runtime/debug"
	"time"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

// batch is one transaction over some records, with copies of what it may
// change: they become the gateway's when it has committed.
type batch struct {
	g      *Gateway
	tx     *store.Tx
	now    time.Time
	turns  threads.Pointers
	handed threads.Pointers
	load   map[string]int
	absent threads.Absences
	rot    *threads.Rotation
	picked bool

	restored store.Restored
	orders   []order
	open     []*store.Raw
	heard    heard
	rooted   rooted
	after    []func() // log lines and answers, told only once it is true

	seq    uint64 // of the record in hand
	many   bool   // it is one of several
	aside  bool   // the copies of its step may be composed beside
	beside beside
}

// letter is a mail in hand: its raw octets, open, and what was read in them.
type letter struct {
	uid store.UID
	ref store.Ref
	msg *message.Message
	cut string
	// packed is its text as it will be kept; nil where that is not known.
	packed store.Packed
	// size is RFC822.SIZE, 0 where it does not matter.
	size int64
}

// batch processes records in one transaction.
func (g *Gateway) batch(records []store.InboxRecord) error {
	readings, closeAll, err := g.lib.letters(records)
	defer closeAll()
	if err != nil {
		return err
	}
	if g.wary == 0 {
		if err := g.lib.lookAhead(records[len(records)-1].Seq); err != nil {
			return err
		}
	}
	var b *batch
	err = g.st.Update(func(tx *store.Tx) error {
		b = &batch{
			g: g, tx: tx, now: g.now().UTC().Round(0), rot: g.rot,
			turns: g.turns.Clone(), handed: g.handed.Clone(), load: maps.Clone(g.load), absent: maps.Clone(g.absent),
			restored: g.restored,
		}
		defer b.closeRaw()
		defer b.beside.close()
		b.many = len(records) > 1
		for i := range records {
			if err := b.guarded(records[i], readings[i]); err != nil {
				return ofRecord(records[i].Seq, err)
			}
		}
		if err := b.queueComposed(); err != nil {
			return err
		}
		if err := b.seen(); err != nil {
			return err
		}
		return b.savePointers()
	})
	if err != nil {
		return err
	}
	g.turns, g.handed, g.load, g.rot, g.absent = b.turns, b.handed, b.load, b.rot, b.absent
	g.restored = b.restored
	if b.now.After(g.clock) {
		g.clock = b.now
	}
	for _, tell := range b.after {
		tell()
	}
	g.obs.Processed(len(records))
	return nil
}

func (b *batch) savePointers() error {
	if !b.picked {
		return nil
	}
	if err := b.tx.SetPointers("turns", b.turns); err != nil {
		return err
	}
	return b.tx.SetPointers("handed", b.handed)
}

func (b *batch) closeRaw() {
	for _, raw := range b.open {
		raw.Close()
	}
}

// guarded processes one record; a panic is this record's error.
func (b *batch) guarded(r store.InboxRecord, rd *reading) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	b.seq, b.aside = r.Seq, false
	if r.Mail == nil {
		if err := b.queueComposed(); err != nil {
			return err
		}
	}
	return b.record(r, rd)
}

func (b *batch) record(r store.InboxRecord, rd *reading) error {
	var err error
	switch {
	case r.Mail != nil:
		return b.mail(r, rd.letter) // drops or parks the record itself
	case r.History != nil:
		err = b.history(*r.History, rd)
	case r.Gone != nil:
		err = b.gone(*r.Gone)
	case r.Delivery != nil:
		err = b.delivery(*r.Delivery)
	case r.CaughtUp != nil:
		err = b.caughtUp(*r.CaughtUp)
	case r.Timer != nil:
		err = b.timer(*r.Timer)
	case r.Admin != nil:
		err = b.admin(*r.Admin)
	case r.Rotation != nil:
		err = b.rotation(*r.Rotation)
	case r.Alarm != nil:
		err = b.alarm(*r.Alarm)
	case r.Reread != nil:
		err = b.reread(*r.Reread)
	case r.Fetched != nil:
		err = b.fetched(*r.Fetched)
	default:
		err = fmt.Errorf("the record says nothing")
	}
	if err != nil {
		return err
	}
	return b.tx.DropInbox(r.Seq)
}

// world is what a step may know.
func (b *batch) world(c threads.Conversation) threads.World {
	return threads.World{
		Now: b.now, Names: b.g.names, Minter: b.g.minter, Era: b.g.era, Rotation: b.rot, Leave: b.absent.Leave(), Absent: b.absent, Stale: b.g.cfg.Stale,
		Turns: &b.turns, Handed: &b.handed,
		Load: func(engineer string) int { return b.load[engineer] },
		Find: b.find, Fresh: b.tx.NextConversation(), Saved: b.savedNames,
		Text: func(event int) string {
			text, err := b.tx.Text(c.ID, event)
			if err != nil {
				b.g.log.Error("a text cannot be read", "conv", c.ID, "event", event, "err", err)
			}
			return text
		},
	}
}

// step runs one step of a conversation and commits what follows. l is the
// mail in hand, nil when there is none.
func (b *batch) step(c threads.Conversation, in threads.Input, l *letter) (threads.Conversation, threads.Result, error) {
	next, res, err := threads.Step(c, in, b.world(c))
	if err != nil || len(res.Events) == 0 && len(res.Effects) == 0 {
		return next, res, err
	}
	if err := b.tx.Commit(next, res.Events); err != nil {
		return next, res, err
	}
	if c.State == threads.StateHistory {
		if err := b.root(next); err != nil {
			return next, res, err
		}
	}
	b.countLoad(c, -1)
	b.countLoad(next, 1)
	for _, e := range res.Events {
		if err := b.recorded(c, next, e); err != nil {
			return next, res, err
		}
	}
	if err := b.effects(next, in, res, l); err != nil {
		return next, res, err
	}
	if c.State != threads.StateClosed && next.State == threads.StateClosed && next.Into == 0 {
		if err := b.fileClosed(next); err != nil {
			return next, res, err
		}
	}
	return next, res, b.obey()
}

func (b *batch) countLoad(c threads.Conversation, by int) {
	if c.State == threads.StateOpen && c.Owner != "" {
		b.load[c.Owner] += by
	}
}

// recorded keeps the indexes that follow from an event, and puts it on the
// log once the transaction is done.
func (b *batch) recorded(before, after threads.Conversation, e threads.Event) error {
	b.after = append(b.after, func() { b.g.logEvent(after.ID, e) })
	switch body := e.Body.(type) {
	case threads.Opened:
		return b.root(after)
	case threads.Received:
		b.heard = heard{after.ID, e.N, body}
	}
	return nil
}

// heard is the newest mail that was filed: what follows from it asks for it.
type heard struct {
	conversation threads.ID
	event        int
	body         threads.Received
}

// root records what the root id of a conversation stands for: before the first
// mail that carries it. One from before us has none until somebody writes in it.
func (b *batch) root(c threads.Conversation) error {
	return b.tx.AddKnown(b.rootID(c), threads.Known{Kind: threads.KnownRoot, Conversation: c.ID})
}

// rooted is the root id that was made last: a mail of a conversation asks for
// its own more than once.
type rooted struct {
	conversation threads.ID
	era, id      string
}

func (b *batch) rootID(c threads.Conversation) string {
	if r := &b.rooted; r.id == "" || r.conversation != c.ID || r.era != c.Era {
		*r = rooted{c.ID, c.Era, b.g.names.RootID(b.g.minter.In(c.Era), c.ID)}
	}
	return b.rooted.id
}
