package probe

import (
	"context"
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

// Run logs in to both servers, sends a probe and waits for it. anew has it try
// the bounce address even where the relay is known to refuse such a sender. A
// failure is part of the report; the error is that of the store, or of ctx.
func (p *Prober) Run(ctx context.Context, anew bool) (Report, error) {
	p.hand = p.cfg.Relay.Submit
	if anew {
		p.hand = p.cfg.Relay.SubmitAnew
	}
	r := Report{At: p.cfg.Now().UTC(), Problems: []string{}, Offers: []string{}, DKIM: []string{}, PlusAddressing: PlusUnset, support: p.cfg.Support}
	box, err := p.cfg.Mailbox.Lookup(ctx)
	if err != nil {
		r.problem("the mailbox: %v", err)
	} else {
		defer box.Close()
	}
	first, err := p.send(ctx, &r, true)
	if err != nil {
		return r, err
	}
	list := []*attempt{}
	if first != nil {
		list = append(list, first)
	}
	if box != nil && (first != nil || len(r.Problems) == 0) {
		if err := p.await(ctx, box, &r, list); err != nil {
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
func (p *Prober) await(ctx context.Context, box *imapsync.Lookup, r *Report, list []*attempt) error {
	began := p.cfg.Now()
	tick := time.NewTicker(p.cfg.Every)
	defer tick.Stop()
	for {
		left, err := p.look(box, r, list)
		if err != nil {
			r.problem("looking for the probe: %v", err)
			return nil
		}
		waited := p.cfg.Now().Sub(began)
		if len(left) == 0 || r.PlusAddressing == PlusYes || waited >= p.cfg.Patience {
			p.judge(r, left)
			p.tidy(box, list)
			return nil
		}
		if len(list) == 1 && list[0].to != p.cfg.Support && waited >= p.cfg.Patience/2 {
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
func (p *Prober) look(box *imapsync.Lookup, r *Report, list []*attempt) (left []*attempt, err error) {
	for _, a := range list {
		if a.back {
			continue
		}
		hits, err := box.Find(false, "Subject", a.mark)
		if err != nil {
			return nil, err
		}
		if len(hits) == 0 {
			left = append(left, a)
			continue
		}
		p.found(box, r, a, hits)
	}
	return left, nil
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

// tidy removes what came of earlier mails of the same probe.
func (p *Prober) tidy(box *imapsync.Lookup, list []*attempt) {
	for _, a := range list {
		hits, err := box.Find(false, "Subject", a.mark)
		if err == nil && len(hits) > 0 {
			_, err = box.Remove(hits)
		}
		if err != nil {
			p.log.Warn("a probe stays in the mailbox", "subject", subject(a.mark), "err", err)
		}
	}
}
