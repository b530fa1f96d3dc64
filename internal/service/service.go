package service

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"postroom/imapsync"
	"postroom/internal/auth"
	"postroom/internal/config"
	"postroom/internal/gateway"
	"postroom/internal/oauth"
	"postroom/internal/probe"
	"postroom/internal/rotation"
	"postroom/internal/store"
	"postroom/smtpout"
)

// Service is one Postroom over one mailbox. Run or Drain may be called once.
type Service struct {
	cfg   *config.Config
	seams Seams
	st    *store.Store
	rota  *rotation.Watcher
	watch *watch
	in    *imapsync.Syncer
	think *gateway.Gateway
	out   *smtpout.Sender

	tokens  *oauth.Source // nil without OAuth2
	signer  *auth.Signer  // nil without DKIM
	vouch   *auth.Checker // nil without DNS
	alarmed string        // what the admins were told of the tokens, "" for nothing
	failing time.Time     // since when there is no new token

	trouble mailboxTrouble     // of the mailbox; owned by the goroutine that follows it
	alarms  chan store.InAlarm // for the second path

	prober  *probe.Prober
	probing chan struct{}   // has one in it while a probe is on its way
	second  *smtpout.Sender // for alarms; nil where there is none
	judging sync.Mutex      // of what follows
	lost    probeTrouble

	started time.Time
}

// New opens the state and builds the stages; nothing runs yet. Close must be
// called in the end. Errors wrap store.ErrInUse, store.ErrNewer,
// store.ErrForeign and store.ErrDamaged.
func New(cfg *config.Config, seams Seams) (*Service, error) {
	s := &Service{cfg: cfg, seams: seams, started: seams.Now(), watch: &watch{folder: cfg.IMAP.Folder, now: seams.Now}, alarms: make(chan store.InAlarm, 4), probing: make(chan struct{}, 1)}
	if err := store.CheckOwner(cfg.State.Dir, Owner(cfg)); err != nil {
		return nil, err
	}
	st, err := store.OpenWithin(seams.Log, cfg.State.Dir, seams.Random, seams.Room)
	if err != nil {
		return nil, err
	}
	s.st = st
	if err := st.SetOwner(Owner(cfg)); err != nil {
		st.Close()
		return nil, err
	}
	if err := s.build(); err != nil {
		st.Close()
		return nil, err
	}
	return s, nil
}

// Owner names the mailbox: by the address people write to, whatever server it
// lies on, and the folder.
func Owner(cfg *config.Config) string {
	return strings.ToLower(cfg.Support.Address) + " " + cfg.IMAP.Folder
}

func (s *Service) build() error {
	rot, err := s.loadRotation()
	if err != nil {
		return err
	}
	if err := s.connectors(); err != nil {
		return err
	}
	if err := errors.Join(s.loadTrouble(), s.loadLost()); err != nil {
		return err
	}
	s.watch.mailbox = s.mailboxState
	known, err := learned(s.st)
	if err != nil {
		return err
	}
	sm, thinkCfg := s.seams, gatewayConfig(s.cfg)
	if sm.LookupTXT != nil {
		thinkCfg.Vouch = true
		s.vouch = auth.NewChecker(sm.Log, s.st, sm.LookupTXT, sm.Now, s.cfg.Engineers.AuthservID)
	}
	if s.think, err = gateway.New(sm.Log, thinkCfg, s.st, rot, sm.Now, s.watch); err != nil {
		return err
	}
	s.adopt(known)
	s.prober = newProber(s.cfg, sm, s.st, s.in, s.out, probePatience)
	s.second, err = s.secondPath()
	return err
}

// connectors makes the two ends of the mail server.
func (s *Service) connectors() (err error) {
	if s.tokens, err = tokens(s.cfg, s.seams, s.tokenState); err != nil {
		return err
	}
	imapCfg, err := imapConfig(s.cfg, credentials(s.cfg.IMAP.Server, true, s.tokens, s.seams))
	if err != nil {
		return err
	}
	smtpCfg, err := smtpConfig(s.cfg, credentials(s.cfg.SMTP.Server, s.cfg.SMTP.Tokens, s.tokens, s.seams))
	if err != nil {
		return err
	}
	if s.signer, err = signer(s.cfg.SMTP.DKIM); err != nil {
		return err
	}
	sm := s.seams
	imapCfg.Render = s.render
	s.in = imapsync.New(sm.Log, imapCfg, s.st, sm.Dial, sm.Now, sm.Jitter, s.watch)
	s.out = smtpout.New(sm.Log, smtpCfg, s.st, sm.Dial, s.outgoing, sm.Now, sm.Jitter, s.watch)
	return nil
}

// Close gives the state directory back. Nothing may run any more.
func (s *Service) Close() error { return s.st.Close() }

// Store is the open store, for what reads it beside the stages.
func (s *Service) Store() *store.Store { return s.st }

// Reload looks at the rotation file at once.
func (s *Service) Reload() { s.rota.Reload() }

// ConfigRefused shows in the status why the configuration as it is now is not
// in effect; nil when it is.
func (s *Service) ConfigRefused(err error) { s.watch.configBad(err) }

// Run runs the stages until ctx ends, and returns when all of them have. It
// returns an error only when the service cannot go on.
func (s *Service) Run(ctx context.Context) error {
	s.watch.readyOnce = func() {
		s.seams.Log.Info("ready")
		s.seams.Tell("ready")
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return shielded(ctx, s.in.Run) })
	g.Go(func() error { return shielded(ctx, s.think.Run) })
	g.Go(func() error { return shielded(ctx, s.out.Run) })
	g.Go(func() error { return shielded(ctx, s.probes) })
	g.Go(func() error { return shielded(ctx, s.renewTokens) })
	g.Go(func() error { return shielded(ctx, s.tellElsewhere) })
	if s.vouch != nil {
		g.Go(func() error { return shielded(ctx, s.vouch.Run) })
	}
	g.Go(func() error {
		s.rota.Run(ctx, s.rotationGood, s.rotationBad)
		return nil
	})
	if s.seams.Listen != nil {
		ln, err := s.seams.Listen(s.cfg.State.Dir)
		if err != nil {
			g.Go(func() error { return err })
		} else {
			g.Go(func() error {
				return shielded(ctx, func(ctx context.Context) error { return s.admin().Serve(ctx, ln) })
			})
		}
	}
	if web, err := s.web(); web != nil || err != nil {
		g.Go(func() error {
			if err != nil {
				return err
			}
			return shielded(ctx, web)
		})
	}
	g.Go(func() error {
		<-ctx.Done()
		s.seams.Tell("stopping")
		return nil
	})
	return g.Wait()
}
