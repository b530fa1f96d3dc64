package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// lookAgain is how often the service is asked how it stands: it tells nobody
// by itself when it has nothing left to do.
const lookAgain = 20 * time.Millisecond

// until returns when cond is true. It is asked at once, after each change of
// a mailbox and after each event of the service. An error of it ends the wait.
func (d *demo) until(ctx context.Context, cond func() (bool, error)) error {
	for {
		mail, events := d.world.Changed(), d.log.changed()
		if done, err := cond(); done || err != nil {
			return err
		}
		select {
		case <-mail:
		case <-events:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// next waits for the next mail in somebody's INBOX; what says which one it
// should be.
func (d *demo) next(ctx context.Context, p *person, what string) (*letter, error) {
	var found *letter
	err := d.until(ctx, func() (bool, error) {
		list, err := d.unread(p)
		if err != nil || len(list) == 0 {
			return false, err
		}
		found = list[0]
		return true, nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, d.say.failed(what+" in the mailbox of "+p.address, "nothing within "+d.opts.Patience.String()+d.elsewhere())
	}
	if err != nil {
		return nil, err
	}
	for _, before := range p.got {
		if before.id() == found.id() {
			return nil, d.say.failed(what+" in the mailbox of "+p.address, fmt.Sprintf("%q a second time", found.subject()))
		}
	}
	p.newest = found.uid
	p.got = append(p.got, found)
	return found, nil
}

// unread is what came to somebody's INBOX and the story has not told of.
func (d *demo) unread(p *person) ([]*letter, error) {
	list, err := d.world.MessagesFrom(p.address, inbox, p.newest+1)
	if err != nil {
		return nil, err
	}
	var letters []*letter
	for _, m := range list {
		l, err := read(m)
		if err != nil {
			return nil, fmt.Errorf("in the mailbox of %s: %w", p.address, err)
		}
		letters = append(letters, l)
	}
	return letters, nil
}

// elsewhere says what has arrived in the mailboxes instead.
func (d *demo) elsewhere() string {
	s := ""
	for _, p := range d.cast.people {
		list, err := d.unread(p)
		if err != nil {
			s += "; " + err.Error()
		}
		for _, l := range list {
			s += fmt.Sprintf("; but %s has got %q", p.address, l.subject())
		}
	}
	return s
}

// heard waits for an event of the service.
func (d *demo) heard(ctx context.Context, name string, pairs ...string) (event, error) {
	var e event
	err := d.until(ctx, func() (ok bool, err error) {
		e, ok = d.log.find(name, pairs...)
		return ok, nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return e, d.say.failed(fmt.Sprintf("the service logs %q with %q", name, pairs), "it has not within "+d.opts.Patience.String())
	}
	return e, err
}

// quiet waits until the service has dealt with everything that came to the
// support mailbox and sent everything that follows from it, and says what is
// wrong if anybody has got mail of it.
func (d *demo) quiet(ctx context.Context) error {
	for _, f := range d.came {
		if _, err := d.heard(ctx, "received", "msgid", f.id); err != nil {
			return err
		}
	}
	if err := d.idle(ctx); err != nil {
		return err
	}
	if found := d.elsewhere(); found != "" {
		return d.say.failed("no mail to anybody", strings.TrimPrefix(found, "; but "))
	}
	return nil
}

// idle waits until the service has nothing left to think about or to send.
func (d *demo) idle(ctx context.Context) error {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		s, err := d.svc.Status()
		if err != nil {
			return err
		}
		if s.Inbox == 0 && s.Queued == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return d.say.failed("the service has nothing left to do",
					fmt.Sprintf("%d things to think about and %d mails to send after %s", s.Inbox, s.Queued, d.opts.Patience))
			}
			return ctx.Err()
		}
	}
}
