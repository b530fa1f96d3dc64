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

// errProbing says that a probe is on its way already.
var errProbing = errors.New("a probe is on its way already; try again when it is back")

// Probe sends a probe, keeps what it finds, and returns it. One at a time.
func (s *Service) Probe(ctx context.Context) (probe.Report, error) {
	if !s.probing.TryLock() {
		return probe.Report{}, errProbing
	}
	defer s.probing.Unlock()
	r, err := s.prober.Run(ctx)
	if err != nil {
		return r, err
	}
	return r, keepReport(s.st, r)
}

// keepReport stores what is good to know at the next start: that of a probe
// which did not come back is nothing.
func keepReport(st *store.Store, r probe.Report) error {
	if !r.CameBack {
		return nil
	}
	err := st.Update(func(tx *store.Tx) error { return tx.SetMeta(probeKey, r) })
	if err != nil {
		return fmt.Errorf("keeping what the probe found: %w", err)
	}
	return nil
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

// withLearned lets what a probe found decide where the configuration leaves it
// open, and where what it says does not work.
func withLearned(c gateway.Config, set config.SentCopy, r probe.Report) gateway.Config {
	if set == config.SentCopyAuto && r.FilesSent {
		c.OwnCopy = gateway.CopyByRelay
	}
	if r.PlusAddressing == probe.PlusNo {
		c.ReplyTemplate = "" // tokens stand in Message-ID and References alone
	}
	return c
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

// probes sends a probe every so often, the first after one such time, and
// raises the alarm when one does not come back.
func (s *Service) probes(ctx context.Context) error {
	every := s.cfg.SMTP.Probe
	if every <= 0 {
		return nil
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		r, err := s.Probe(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.seams.Log.Error("probing", "err", err)
		default:
			s.judgeProbe(ctx, r)
		}
	}
}

// judgeProbe tells status of a probe, and people, once for each change.
func (s *Service) judgeProbe(ctx context.Context, r probe.Report) {
	s.seams.Log.Info("probe", "came_back", r.CameBack, "seconds", r.Seconds, "problems", len(r.Problems))
	problem := ""
	if !r.OK {
		problem = r.Problems[0]
	}
	before := s.watch.probed(problem)
	if (before == "") == r.OK {
		return
	}
	subject, text := "Postroom: mail flows again", "The probe has come back: mail goes out and comes in again."
	if !r.OK {
		subject = "Postroom: mail does not flow"
		text = "Postroom sends itself a mail every " + s.cfg.SMTP.Probe.String() + " to see that mail goes out and comes in. The last one failed:\n" + problem +
			"\nRun `postroom status` and `postroom check --online` on the machine of the service."
	}
	if err := s.alarm(ctx, subject, text); err != nil {
		s.seams.Log.Error("raising the alarm", "err", err)
	}
}

// CheckOnline does for a stopped service what Probe does for a running one.
// It holds the state directory meanwhile; errors wrap store.ErrInUse.
func CheckOnline(ctx context.Context, cfg *config.Config, seams Seams, patience time.Duration) (r probe.Report, err error) {
	st, err := store.Open(seams.Log, cfg.State.Dir, seams.Random)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	s := &Service{cfg: cfg, seams: seams, st: st, watch: &watch{folder: cfg.IMAP.Folder, now: seams.Now}}
	if err := s.connectors(); err != nil {
		return r, err
	}
	r, err = newProber(cfg, seams, st, s.in, s.out, patience).Run(ctx)
	if err != nil {
		return r, err
	}
	return r, keepReport(st, r)
}
