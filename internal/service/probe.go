package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postroom/imapsync"
	"postroom/internal/config"
	"postroom/internal/gateway"
	"postroom/internal/message"
	"postroom/internal/probe"
	"postroom/internal/store"
	"postroom/smtpout"
	"postroom/threads"
)

// probeKey is the name under which the store keeps what the last probe that
// came back has found.
const probeKey = "probe"

// probePatience is how long the probe of a running service may be on its way.
const probePatience = 5 * time.Minute

// Probe sends a probe, keeps and uses what it finds, and returns it. One is on
// its way at a time: it waits for another one. It asks the relay anew whether it takes bounce addresses.
func (s *Service) Probe(ctx context.Context) (probe.Report, error) {
	r, err := s.probe(ctx, true)
	if err == nil && r.OK {
		s.judgeProbe(ctx, r) // whoever mended something need not wait for the next one
	}
	return r, err
}

func (s *Service) probe(ctx context.Context, anew bool) (probe.Report, error) {
	select {
	case s.probing <- struct{}{}:
		defer func() { <-s.probing }()
	case <-ctx.Done():
		return probe.Report{}, ctx.Err()
	}
	r, err := s.prober.Run(ctx, anew)
	if err != nil {
		return r, err
	}
	kept, err := keepReport(s.st, s.out, r)
	if err == nil {
		s.adopt(kept)
	}
	return r, err
}

// keepReport stores what is good to know from now on, and returns it: that of
// a probe which did not come back is nothing, and what it left unclear is as
// it was.
func keepReport(st *store.Store, out *smtpout.Sender, r probe.Report) (kept probe.Report, err error) {
	if r.CameBack && (r.EnvelopeOwn || r.EnvelopeWords != "") {
		if err := out.LearnSender(r.EnvelopeWords); err != nil {
			return kept, err
		}
	}
	err = st.Update(func(tx *store.Tx) error {
		var before probe.Report
		had, err := tx.Meta(probeKey, &before)
		if err != nil {
			return err
		}
		kept = r
		switch {
		case !r.CameBack:
			kept = before
			return nil
		case r.PlusAddressing == probe.PlusUnclear && had:
			kept.PlusAddressing, kept.PlusWords = before.PlusAddressing, before.PlusWords
		}
		return tx.SetMeta(probeKey, kept)
	})
	if err != nil {
		return kept, fmt.Errorf("keeping what the probe found: %w", err)
	}
	return kept, nil
}

// learned is what the last probe that came back has found.
func learned(st *store.Store) (r probe.Report, err error) {
	err = st.View(func(tx *store.Tx) error {
		_, err := tx.Meta(probeKey, &r)
		return err
	})
	if err != nil {
		return r, fmt.Errorf("reading what the probe found: %w", err)
	}
	return r, nil
}

// adopt lets what a probe found decide where the configuration leaves it open,
// and where what it says does not work.
func (s *Service) adopt(r probe.Report) {
	h := gateway.Habits{FilesSent: r.FilesSent, NoTokens: r.PlusAddressing == probe.PlusNo}
	if !r.MessageIDKept {
		h.Rewrites = gateway.RewritingOf(r.RelayWords, r.ArrivedAs)
	}
	s.think.Adopt(h)
	noted := time.Time{}
	if h.NoTokens && s.cfg.Support.ReplyAddress != "" {
		noted = r.At
	}
	s.watch.noTokens(noted)
}

// newProber makes a prober over the two ends of the mail server.
func newProber(cfg *config.Config, seams Seams, st *store.Store, in *imapsync.Syncer, out *smtpout.Sender, patience time.Duration) *probe.Prober {
	support := threads.Address{Name: cfg.Support.Name, Addr: cfg.Support.Address}
	names := threads.NewNames(support.Addr, cfg.Support.ReplyAddress)
	return probe.New(seams.Log, probe.Config{
		Support: support.Addr, Composer: message.NewComposer(support, cfg.Support.FromName, names.Domain),
		Relay: out, Mailbox: in, Now: seams.Now, Patience: patience,
		Register: func(name string) (l probe.Letter, err error) {
			err = st.Update(func(tx *store.Tx) error {
				m, err := gateway.RegisterProbe(tx, st.InstanceKey(), support.Addr, cfg.Support.ReplyAddress, name)
				l = probe.Letter(m)
				return err
			})
			return l, err
		},
	})
}

// CheckOnline does for a stopped service what Probe does for a running one.
// It holds the state directory meanwhile; errors wrap store.ErrInUse and
// store.ErrForeign.
func CheckOnline(ctx context.Context, cfg *config.Config, seams Seams, patience time.Duration) (r probe.Report, err error) {
	if err := store.CheckOwner(cfg.State.Dir, Owner(cfg)); err != nil {
		return r, err
	}
	st, err := store.Open(seams.Log, cfg.State.Dir, seams.Random)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	s := &Service{cfg: cfg, seams: seams, st: st, watch: &watch{folder: cfg.IMAP.Folder, now: seams.Now}}
	if err := s.connectors(); err != nil {
		return r, err
	}
	r, err = newProber(cfg, seams, st, s.in, s.out, patience).Run(ctx, true)
	if err != nil {
		return r, err
	}
	_, err = keepReport(st, s.out, r)
	return r, err
}
