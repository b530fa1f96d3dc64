package probe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"postroom/imapsync"
	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/smtpout"
)

// Letter is what one probe is recognised by. Address is of this probe alone,
// "" where no plus-addresses are set up.
type Letter struct {
	MessageID  string
	References []string
	Address    string
	Bounce     string
}

// Config is what a Prober works with.
type Config struct {
	Support  string
	Composer *message.Composer
	Relay    *smtpout.Sender
	Mailbox  *imapsync.Syncer
	// Register makes a probe known in the store before it leaves.
	Register func(name string) (Letter, error)
	Now      func() time.Time
	// Patience is how long a probe may be on its way; default 2 minutes.
	Patience time.Duration
	// Every is how often the mailbox is looked into meanwhile; default 1 second.
	Every time.Duration
}

// Prober sends probes. Its methods may be called from one goroutine at a time.
type Prober struct {
	log  *slog.Logger
	cfg  Config
	hand func(context.Context, store.OutMail) (smtpout.Submission, error)
}

// New makes a Prober; nothing happens before Run.
func New(log *slog.Logger, cfg Config) *Prober {
	if cfg.Patience <= 0 {
		cfg.Patience = 2 * time.Minute
	}
	if cfg.Every <= 0 {
		cfg.Every = time.Second
	}
	return &Prober{log: log, cfg: cfg}
}

// attempt is one mail of a probe.
type attempt struct {
	letter Letter
	to     string
	mark   string // stands in its subject
	sub    smtpout.Submission
	sent   time.Time
	back   bool
}

// Run logs in to both servers, sends a probe and waits for it. A failure is
// part of the report; the error is that of the store, or of ctx.
//
// asked says that somebody waits for the answer: the bounce address is tried
// even where the relay is known to refuse such a sender, and a mailbox that
// cannot be opened ends the probe at once. Else it is tried to the end of the
// patience: mail flows through a server that is started anew, if late.
func (p *Prober) Run(ctx context.Context, asked bool) (Report, error) {
	p.hand = p.cfg.Relay.Submit
	if asked {
		p.hand = p.cfg.Relay.SubmitAnew
	}
	r := Report{At: p.cfg.Now().UTC(), Problems: []string{}, Offers: []string{}, DKIM: []string{}, AbsentFolders: []string{}, PlusAddressing: PlusUnset, support: p.cfg.Support}
	box := &mailbox{open: func() (*imapsync.Lookup, error) { return p.cfg.Mailbox.Lookup(ctx) }}
	defer box.close()
	if _, err := box.look(); err != nil && (asked || final(err)) {
		r.problem("the mailbox: %v", err)
	}
	if asked && len(r.Problems) == 0 {
		p.folders(box, &r)
	}
	first, err := p.send(ctx, &r, true)
	if err != nil {
		return r, err
	}
	if first != nil && len(r.Problems) == 0 {
		if err := p.await(ctx, box, &r, []*attempt{first}); err != nil {
			return r, err
		}
	}
	r.OK = len(r.Problems) == 0
	return r, ctx.Err()
}

// send hands one mail of the probe to the relay; nil when it was not taken.
func (p *Prober) send(ctx context.Context, r *Report, plus bool) (*attempt, error) {
	a := &attempt{mark: fmt.Sprintf("%x", p.cfg.Now().UnixNano()), to: p.cfg.Support}
	var err error
	if a.letter, err = p.cfg.Register(a.mark); err != nil {
		return nil, fmt.Errorf("making a probe known: %w", err)
	}
	if plus && a.letter.Address != "" {
		a.to = a.letter.Address
		r.PlusAddressing = PlusUnclear
	}
	mail, err := p.compose(a)
	if err != nil {
		return nil, err
	}
	a.sent = p.cfg.Now()
	a.sub, err = p.hand(ctx, mail)
	if err != nil {
		r.problem("the relay: %v", err)
		return nil, ctx.Err()
	}
	r.learn(a)
	if a.sub.Sent() {
		return a, nil
	}
	if rc := a.sub.Recipients[0]; a.to != p.cfg.Support {
		r.PlusWords = rc.Reply
		if rc.State == store.OutFailed && rc.Code >= 500 { // else it may take one later
			r.PlusAddressing = PlusNo
		}
		return p.send(ctx, r, false)
	}
	r.problem("the relay does not take mail from %s to itself: %s", p.cfg.Support, words(a.sub.Recipients[0]))
	return nil, nil
}

func words(rc store.Recipient) string {
	if rc.Code == 0 {
		return rc.Reply
	}
	return fmt.Sprintf("%d %s %s", rc.Code, rc.Enhanced, rc.Reply)
}

func (p *Prober) compose(a *attempt) (store.OutMail, error) {
	recipe, err := p.cfg.Composer.Probe(message.Probe{
		To: a.to, Subject: subject(a.mark), MessageID: a.letter.MessageID, References: a.letter.References, Date: p.cfg.Now().UTC(),
	})
	if err != nil {
		return store.OutMail{}, fmt.Errorf("composing a probe: %w", err)
	}
	return store.OutMail{
		ID: "probe." + a.mark, Kind: store.OutNotice, MessageID: a.letter.MessageID, EnvelopeFrom: a.letter.Bounce, Fallback: p.cfg.Support,
		Recipients: []store.Recipient{{Address: a.to, State: store.OutQueued}}, Recipe: recipe.Encode(), Size: recipe.Size(),
	}, nil
}

func subject(mark string) string { return "Postroom probe " + mark }

// await looks for the probe until it is there or the patience is over. A
// plus-address that nothing comes back to by half-time is tried against the
// plain one, and leads nowhere if only that one's mail is there in the end.
func (p *Prober) await(ctx context.Context, box *mailbox, r *Report, list []*attempt) error {
	began := p.cfg.Now()
	plain := list[0].to != p.cfg.Support // is still to be tried
	tick := time.NewTicker(p.cfg.Every)
	defer tick.Stop()
	for {
		left, err := p.look(box, r, list)
		waited := p.cfg.Now().Sub(began)
		if err != nil && (final(err) || waited >= p.cfg.Patience) {
			r.problem("looking for the probe: %v", err)
			return nil
		}
		if len(left) == 0 || r.PlusAddressing == PlusYes || waited >= p.cfg.Patience {
			p.judge(r, left)
			p.tidy(box, r, list)
			return nil
		}
		if plain && err == nil && waited >= p.cfg.Patience/2 {
			plain = false
			second, err := p.send(ctx, r, false)
			if err != nil {
				return err
			}
			if second != nil {
				list = append(list, second)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// look reads those of the list that are there, and returns the others.
func (p *Prober) look(box *mailbox, r *Report, list []*attempt) (left []*attempt, err error) {
	for _, a := range list {
		if a.back {
			continue
		}
		hits, lost := box.find(a.mark)
		if len(hits) == 0 {
			left, err = append(left, a), errors.Join(err, lost)
			continue
		}
		p.found(box, r, a, hits)
	}
	return left, err
}

// judge says what it means that some did not come back.
func (p *Prober) judge(r *Report, left []*attempt) {
	switch {
	case !r.CameBack:
		r.problem("the probe was taken by the relay and did not come back within %v", p.cfg.Patience)
	case r.PlusAddressing == PlusUnclear && len(left) > 0:
		r.PlusAddressing = PlusNo
	}
}

// tidy removes what is left of the mails of a probe.
func (p *Prober) tidy(box *mailbox, r *Report, list []*attempt) {
	for _, a := range list {
		hits, err := box.find(a.mark)
		if err == nil && len(hits) > 0 {
			var removed bool
			removed, err = box.remove(hits)
			r.Removed = removed && err == nil
		}
		if err != nil {
			p.log.Warn("a probe stays in the mailbox", "subject", subject(a.mark), "err", err)
		}
	}
}
