package service

import (
	"context"
	"fmt"
	"time"

	"postroom/internal/probe"
	"postroom/internal/store"
)

// lostKey is the name under which the store keeps a probeTrouble.
const lostKey = "probe-trouble"

// doubtAfter is how long after a start a probe is sent where the last one
// before it was lost: the restart may have been the cure.
const doubtAfter = time.Minute

// probeTrouble is what is wrong since a probe was lost, and whether people
// know. It outlives a restart: nobody is told the same again, and the end is
// told whoever sees it.
type probeTrouble struct {
	Since   time.Time `json:"since,omitzero"` // zero: all is well
	Problem string    `json:"problem,omitempty"`
	Told    bool      `json:"told,omitempty"`
}

// loadLost reads what an earlier run found wrong.
func (s *Service) loadLost() error {
	err := s.st.View(func(tx *store.Tx) error {
		_, err := tx.Meta(lostKey, &s.lost)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading what became of the last probe: %w", err)
	}
	if s.cfg.SMTP.Probe > 0 {
		s.watch.probing(s.lost.Problem)
	}
	return nil
}

// probes sends a probe every so often, the first after one such time, and
// raises the alarm when one does not come back.
func (s *Service) probes(ctx context.Context) error {
	every := s.cfg.SMTP.Probe
	if every <= 0 {
		return nil
	}
	next := time.NewTimer(s.firstProbe(every))
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
		}
		next.Reset(every)
		r, err := s.probe(ctx, false)
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

func (s *Service) firstProbe(every time.Duration) time.Duration {
	s.judging.Lock()
	defer s.judging.Unlock()
	if !s.lost.Since.IsZero() {
		return min(every, doubtAfter)
	}
	return every
}

// judgeProbe tells status of a probe, and people, once for each change. One
// nobody could be told of is told with the next probe.
func (s *Service) judgeProbe(ctx context.Context, r probe.Report) {
	s.judging.Lock()
	defer s.judging.Unlock()
	s.seams.Log.Info("probe", "came_back", r.CameBack, "seconds", r.Seconds, "problems", len(r.Problems))
	now := probeTrouble{}
	if !r.OK {
		now = s.lost
		now.Problem = r.Problems[0]
		if now.Since.IsZero() {
			now.Since = r.At
		}
	}
	s.watch.probed(now.Problem, r.Seconds)
	if !r.OK && s.lost.Told || r.OK && s.lost.Since.IsZero() {
		return
	}
	if !r.OK || s.lost.Told {
		if err := s.tellProbe(ctx, r.OK, now); err != nil {
			s.seams.Log.Error("raising the alarm", "err", err)
			if r.OK {
				return // the next one tries again
			}
		} else {
			now.Told = !r.OK
		}
	}
	s.lost = now
	err := s.st.Update(func(tx *store.Tx) error { return tx.SetMeta(lostKey, now) })
	if err != nil {
		s.seams.Log.Error("keeping what became of a probe", "err", err)
	}
}

// tellProbe tells people that mail does not flow, or does again: by the second
// path, or, where there is none, the admins by the first, which may work in
// that direction still.
func (s *Service) tellProbe(ctx context.Context, ok bool, t probeTrouble) error {
	subject, text := "Postroom: mail flows again", "The probe has come back: mail goes out and comes in again."
	key := fmt.Sprintf("probe.back.%d", s.lost.Since.Unix())
	if !ok {
		subject = "Postroom: mail does not flow"
		text = "Postroom sends itself a mail every " + s.cfg.SMTP.Probe.String() + " to see that mail goes out and comes in. The last one failed:\n" + t.Problem +
			"\nRun `postroom status` and `postroom check --online` on the machine of the service."
		key = fmt.Sprintf("probe.lost.%d", t.Since.Unix())
	}
	if len(s.cfg.Alarm.To) > 0 {
		return s.alarm(ctx, subject, text)
	}
	return s.st.Update(func(tx *store.Tx) error {
		return tx.AddInbox(store.InboxRecord{At: s.seams.Now().UTC(), Alarm: &store.InAlarm{Key: key, Subject: subject, Text: text}})
	})
}
