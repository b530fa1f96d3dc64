package service

import (
	"context"
	"fmt"
	"os/user"
	"runtime/debug"

	"postroom/imapsync"
	"postroom/internal/admin"
	"postroom/internal/config"
	"postroom/internal/store"
)

// admin makes the server of the control socket.
func (s *Service) admin() *admin.Server {
	return admin.NewServer(s.seams.Log, admin.Config{
		Version:  Version(),
		Answers:  s.cfg.State.Answers,
		Live:     s.live,
		Asker:    s.think,
		Mailbox:  s.Mailbox,
		Reload:   func(context.Context) error { s.Reload(); return nil },
		Rollback: s.rollback,
		Probe:    func(ctx context.Context) (any, error) { return s.Probe(ctx) },
		Now:      s.seams.Now,
		Random:   s.seams.Random,
		Peer:     admin.PeerUser(user.LookupId),
	}, s.st)
}

// web opens the port of metrics and health, and returns what serves it; nil
// where none is asked for.
func (s *Service) web() (func(context.Context) error, error) {
	addr := s.cfg.Admin.Listen
	if addr == "" || s.seams.ListenWeb == nil {
		return nil, nil
	}
	ln, err := s.seams.ListenWeb(addr)
	if err != nil {
		return nil, fmt.Errorf("listening on %s for metrics (admin.listen): %w", addr, err)
	}
	w := admin.NewWeb(s.seams.Log, admin.WebConfig{Status: s.Status, Counters: s.watch.counters, Now: s.seams.Now})
	return func(ctx context.Context) error { return w.Serve(ctx, ln) }, nil
}

// Mailbox lists the followed folders, over a connection of its own.
func (s *Service) Mailbox(ctx context.Context) ([]admin.Listing, error) {
	list, err := s.in.List(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]admin.Listing, 0, len(list))
	for _, l := range list {
		all = append(all, admin.Listing(l))
	}
	return all, nil
}

// live is what only the running stages know.
func (s *Service) live() admin.Live {
	now := s.seams.Now()
	w := s.watch
	w.mu.Lock()
	l := admin.Live{
		IMAP: admin.IMAPStatus{Connected: w.imapUp, Error: w.imapErr, History: w.history()},
		SMTP: admin.SMTPStatus{Error: w.smtpErr, Envelope: w.envelope},
	}
	if w.pausedUntil.After(now) {
		until := w.pausedUntil.UTC()
		l.SMTP.PausedUntil = &until
	}
	w.mu.Unlock()
	l.Problems = w.problems()
	if err := s.st.Trouble(); err != nil {
		l.Problems = append(l.Problems, fmt.Sprintf("the disk of %s: %v", s.cfg.State.Dir, err))
	}
	return l
}

// Status is how the service stands.
func (s *Service) Status() (admin.Status, error) {
	return admin.StatusOf(s.st, s.live(), Version(), s.started, s.seams.Now())
}

// Version is the version of this build.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// ListMailbox lists the followed folders while no service runs. Nothing is
// written. The error wraps store.ErrForeign where it is not the state's.
func ListMailbox(ctx context.Context, cfg *config.Config, seams Seams, st *store.Store) ([]admin.Listing, error) {
	if err := store.CheckOwner(cfg.State.Dir, Owner(cfg)); err != nil {
		return nil, err
	}
	source, err := tokens(cfg, seams, nil)
	if err != nil {
		return nil, err
	}
	imapCfg, err := imapConfig(cfg, credentials(cfg.IMAP.Server, true, source, seams))
	if err != nil {
		return nil, err
	}
	s := &Service{in: imapsync.New(seams.Log, imapCfg, st, seams.Dial, seams.Now, seams.Jitter, &watch{now: seams.Now})}
	return s.Mailbox(ctx)
}
