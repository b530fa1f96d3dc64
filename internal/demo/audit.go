package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"postroom/internal/mailtest/servers"
)

// filed is a mail that came to the support mailbox, and how it must lie there
// in the end.
type filed struct {
	id    string
	what  string
	flags []string // in their order by name
}

// audit looks at every mailbox, at the ledger and at the store: each mail of
// the story is there once, and there is nothing else.
func (t *tale) audit(ctx context.Context) error {
	if err := t.quiet(ctx); err != nil {
		return err
	}
	if err := t.supportMailbox(ctx); err != nil {
		return err
	}
	mails := len(t.came)
	for _, p := range t.people {
		n, err := t.ownMailbox(p)
		if err != nil {
			return err
		}
		mails += n
	}
	uids, err := t.books(ctx)
	if err != nil {
		return err
	}
	t.say.told("Everything is looked at once more: %d mailboxes, %d mails to people and to support.", len(t.everyone), mails)
	t.say.checked("each of them is there once and nothing else; what went to an engineer is marked as seen")
	t.say.checked("our own copy of every mail we sent is filed to Sent, once; all %d messages of the support mailbox", uids)
	t.say.detail("        have one outcome in the ledger, the state holds no contradiction, and nothing is held or waits.")
	return nil
}

// supportMailbox waits until the mailbox has settled: flags and the filing of
// our own copies follow a little later.
func (t *tale) supportMailbox(ctx context.Context) error {
	var differs error
	err := t.until(ctx, func() (bool, error) {
		var err error
		if differs, err = t.supportDiffers(); err != nil {
			return false, err
		}
		return differs == nil, nil
	})
	if errors.Is(err, context.DeadlineExceeded) && differs != nil {
		return differs
	}
	return err
}

// supportDiffers says how the support mailbox differs from what it should be.
func (t *tale) supportDiffers() (differs, err error) {
	want := map[string]int{}
	flags := map[string]string{}
	for _, f := range t.came {
		want[f.id]++
		flags[f.id] = strings.Join(f.flags, " ")
	}
	got, err := t.letters(supportAddress, inbox)
	if err != nil {
		return nil, err
	}
	if differs := t.differ("INBOX of "+supportAddress, want, got); differs != nil {
		return differs, nil
	}
	for _, l := range got {
		slices.Sort(l.flags)
		if have := strings.Join(l.flags, " "); have != flags[l.id()] {
			return t.say.failed(fmt.Sprintf("%q of %s with the flags [%s]", l.subject(), supportAddress, flags[l.id()]), "["+have+"]"), nil
		}
	}
	sent := map[string]int{}
	for _, p := range t.people {
		for _, l := range p.got {
			sent[l.id()]++
		}
	}
	copies, err := t.letters(supportAddress, sentFolder)
	if err != nil {
		return nil, err
	}
	return t.differ("Sent of "+supportAddress, sent, copies), nil
}

// ownMailbox checks a person's mailbox and counts the mails in the INBOX.
func (t *tale) ownMailbox(p *person) (int, error) {
	want := map[string]int{}
	for _, l := range p.got {
		want[l.id()]++
	}
	got, err := t.letters(p.address, inbox)
	if err != nil {
		return 0, err
	}
	if differs := t.differ("INBOX of "+p.address, want, got); differs != nil {
		return 0, differs
	}
	sent, err := t.letters(p.address, sentFolder)
	if err != nil {
		return 0, err
	}
	if len(sent) != p.wrote {
		return 0, t.say.failed(fmt.Sprintf("%d mails in Sent of %s", p.wrote, p.address), fmt.Sprintf("%d", len(sent)))
	}
	return len(got), nil
}

func (d *demo) letters(addr, folder string) ([]*letter, error) {
	list, err := d.world.Messages(addr, folder)
	if err != nil {
		return nil, err
	}
	return readAll(list)
}

func readAll(list []servers.Message) ([]*letter, error) {
	var all []*letter
	for _, m := range list {
		l, err := read(m)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// differ compares the ids there must be with the mails there are; nil when
// they are the same.
func (d *demo) differ(where string, want map[string]int, got []*letter) error {
	left := maps.Clone(want)
	for _, l := range got {
		if left[l.id()]--; left[l.id()] < 0 {
			return d.say.failed("nothing in "+where+" but the mails of the story, once each", fmt.Sprintf("%q (%s) once more", l.subject(), l.id()))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(left)) {
		if left[id] > 0 {
			return d.say.failed("the mail "+id+" in "+where, "it is not there")
		}
	}
	return nil
}

// books checks what the service keeps, and returns how many messages its
// ledger accounts for.
func (t *tale) books(ctx context.Context) (int, error) {
	uids, err := t.ledger(ctx)
	if err != nil {
		return 0, err
	}
	if err := t.idle(ctx); err != nil {
		return 0, err
	}
	c := t.checks()
	for _, broken := range t.svc.Store().Verify() {
		c.that(false, "a state without contradictions", broken.Error())
	}
	s, err := t.svc.Status()
	if err != nil {
		return 0, err
	}
	c.that(len(s.Problems) == 0, "a service without problems", strings.Join(s.Problems, "; "))
	c.that(s.Held == 0 && s.Aside == 0 && s.Queued == 0, "nothing held, set aside or queued", fmt.Sprintf("%d held, %d aside, %d queued", s.Held, s.Aside, s.Queued))
	const open = 4 // Jane's, Joe's, Mia's and Liam's
	c.that(s.Open == open, fmt.Sprintf("%d open conversations", open), fmt.Sprintf("%d", s.Open))
	return uids, c.err
}

// ledger waits until every message of the mailbox has its outcome: the service
// looks at what it has filed to Sent itself, too.
func (t *tale) ledger(ctx context.Context) (uids int, err error) {
	var differs error
	err = t.until(ctx, func() (bool, error) {
		a, err := t.svc.Audit(ctx)
		if err != nil {
			return false, err
		}
		c := t.checks()
		c.that(a.Fine() && a.Pending == 0 && a.UIDs == a.Accounted, "every message of the mailbox has one outcome in the ledger",
			fmt.Sprintf("%d messages, %d accounted for, %d pending, missing %v, broken %v", a.UIDs, a.Accounted, a.Pending, a.Missing, a.Broken))
		uids, differs = a.UIDs, c.err
		return differs == nil, nil
	})
	if errors.Is(err, context.DeadlineExceeded) && differs != nil {
		return uids, differs
	}
	return uids, err
}
