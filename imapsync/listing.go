package imapsync

import (
	"context"
	"fmt"
	"slices"
)

// Listing is what one folder holds now.
type Listing struct {
	Folder   string
	Validity uint32
	UIDs     []uint32 // ascending
}

// List asks the mailbox what the followed folder, the Sent folder and the
// further folders hold, in one connection of its own. It changes nothing and needs no state beside the
// configuration, so it may run beside Run.
func (y *Syncer) List(ctx context.Context) ([]Listing, error) {
	if err := y.cfg.check(); err != nil {
		return nil, fmt.Errorf("listing the mailbox: %w", err)
	}
	s, err := y.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the mailbox: %w", err)
	}
	defer s.close()
	names := []string{y.cfg.Folder}
	sent, err := s.sentFolder(y.cfg.SentFolder)
	if err != nil {
		return nil, s.explain(err)
	}
	for _, name := range append([]string{sent}, y.cfg.Also...) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var all []Listing
	for _, name := range names {
		data, err := s.choose(name, true)
		if err != nil && !broken(err) && name != y.cfg.Folder {
			if there, lookErr := s.exists(name); lookErr == nil && !there {
				continue // nothing was filed yet
			}
		}
		if err != nil {
			return nil, s.explain(err)
		}
		uids, err := s.list(1)
		if err != nil {
			return nil, s.explain(err)
		}
		all = append(all, Listing{Folder: name, Validity: data.UIDValidity, UIDs: uids})
	}
	s.logout()
	return all, nil
}
