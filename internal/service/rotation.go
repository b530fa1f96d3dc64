package service

import (
	"context"
	"path/filepath"

	"postroom/internal/rotation"
	"postroom/internal/store"
	"postroom/threads"
)

// loadRotation reads the rotation file. When it is bad, and a good version
// was in effect before, that one stays; so does one that was rolled back to,
// until the file changes.
func (s *Service) loadRotation() (*threads.Rotation, error) {
	own := []string{s.cfg.Support.Address}
	if s.cfg.Support.ReplyAddress != "" {
		own = append(own, s.cfg.Support.ReplyAddress)
	}
	s.rota = rotation.New(s.seams.Log, s.cfg.Rotation, s.seams.RotationEvery, s.seams.ReadRotation, s.seams.Now, own...)
	var last store.RotationVersion
	var had bool
	var pin *rotation.Pin
	if err := s.st.View(func(tx *store.Tx) (err error) {
		if last, had, err = tx.LastRotation(); err != nil || !had {
			return err
		}
		p, err := tx.RotationPin()
		if p != nil {
			pin = &rotation.Pin{Text: last.Text, Over: p.Over, By: p.By}
		}
		return err
	}); err != nil {
		return nil, err
	}
	rot, _, err := s.rota.Load(pin)
	if err != nil {
		return s.lastRotation(last, had, own, err)
	}
	if had && last.Version == rot.Version {
		return rot, nil
	}
	changes := []string(nil)
	if had {
		if old, err := restored(s.cfg.Rotation, last, own); err == nil {
			changes = rotation.Describe(old, rot, s.seams.Now())
		}
	}
	return rot, s.acceptRotation(rot, changes)
}

// restored is a stored version, with the absence its calendars had.
func restored(path string, v store.RotationVersion, own []string) (*threads.Rotation, error) {
	known := v.Calendar
	if known == nil {
		known = map[string][]threads.Span{}
	}
	rot, _, err := rotation.Source{Name: filepath.Base(path), Text: v.Text, Own: own, Known: known}.Parse()
	return rot, err
}

// RotationError is a rotation file that is refused while no earlier version
// is there to go on with.
type RotationError struct{ Err error }

func (e *RotationError) Error() string { return e.Err.Error() }
func (e *RotationError) Unwrap() error { return e.Err }

func (s *Service) lastRotation(last store.RotationVersion, had bool, own []string, cause error) (*threads.Rotation, error) {
	if !had {
		return nil, &RotationError{cause}
	}
	rot, err := restored(s.cfg.Rotation, last, own)
	if err != nil {
		return nil, &RotationError{cause}
	}
	rot.Version = last.Version
	s.rota.Adopt(rot, last.Text)
	s.watch.rotationBad(cause) // the watcher tells the admins once it runs
	s.seams.Log.Error("the rotation file is bad; the last good version stays", "err", cause)
	return rot, nil
}

// acceptRotation stores the version in force and lets the gateway know. One
// that is stored already had its calendars read anew.
func (s *Service) acceptRotation(rot *threads.Rotation, changes []string) error {
	now := s.seams.Now().UTC()
	v := store.RotationVersion{Version: rot.Version, Unix: now.Unix(), Text: s.rota.Text(), Changes: changes, Calendar: map[string][]threads.Span{}}
	for _, e := range rot.Engineers {
		if len(e.Calendar) > 0 {
			v.Calendar[e.Key] = e.Calendar
		}
	}
	var pin *store.RotationPin
	if p := s.rota.Pinned(); p != nil {
		pin = &store.RotationPin{Over: p.Over, By: p.By}
		v.By = p.By
	}
	return s.st.Update(func(tx *store.Tx) error {
		last, had, err := tx.LastRotation()
		if err != nil {
			return err
		}
		if had && last.Version == v.Version && len(changes) == 0 {
			v.Unix, v.Changes, v.By = last.Unix, last.Changes, last.By
			err = tx.ReplaceRotation(v)
		} else {
			err = tx.AddRotation(v)
		}
		if err != nil {
			return err
		}
		if err := tx.SetRotationPin(pin); err != nil {
			return err
		}
		return tx.AddInbox(store.InboxRecord{At: now, Rotation: &store.InRotation{Version: rot.Version, Changes: changes, By: v.By}})
	})
}

func (s *Service) tellRotation(in store.InRotation) error {
	return s.st.Update(func(tx *store.Tx) error {
		return tx.AddInbox(store.InboxRecord{At: s.seams.Now().UTC(), Rotation: &in})
	})
}

func (s *Service) rotationGood(rot *threads.Rotation, changes []string) {
	s.watch.rotationBad(s.rota.Trouble())
	if err := s.acceptRotation(rot, changes); err != nil {
		s.seams.Log.Error("storing the rotation", "err", err)
	}
}

func (s *Service) rotationBad(err error, version string) {
	s.watch.rotationBad(err)
	if version == "" {
		version = rotation.Version([]byte(err.Error()))
	}
	if err := s.tellRotation(store.InRotation{Version: version, Error: err.Error()}); err != nil {
		s.seams.Log.Error("telling the admins of a bad rotation file", "err", err)
	}
}

// rollback puts an earlier version of the rotation file in force.
func (s *Service) rollback(ctx context.Context, text []byte, by string) error {
	return s.rota.Rollback(ctx, text, by)
}
