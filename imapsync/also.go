package imapsync

import (
	"context"
	"fmt"
	"slices"
	"time"

	"postroom/internal/store"
)

// Further folders, such as Junk, are looked at now and then over a connection
// of their own, by header fields alone: what is new in them goes to the inbox
// as that, and a single mail is fetched when somebody asks for it. They are
// opened read-only, and the followed folder never waits for them.
const (
	alsoFirst = time.Minute // from the start to the first look
	alsoEvery = time.Hour
	// alsoTries is how often a header of theirs may fail to come.
	alsoTries = 3
)

// further makes the followers of the further folders.
func (y *Syncer) further() (list []*follower) {
	for _, folder := range y.cfg.Also {
		if folder == y.cfg.Folder || slices.ContainsFunc(list, func(f *follower) bool { return f.folder == folder }) {
			continue
		}
		f := newFollower(y, folder)
		f.isAlso = true
		list = append(list, f)
	}
	return list
}

// watchAlso looks at the further folders until ctx ends. It leaves the mailbox
// alone while the followed folder cannot be had.
func (y *Syncer) watchAlso(ctx context.Context) {
	if len(y.also) == 0 {
		return
	}
	wake := y.st.Wake(store.WakeChores)
	next := time.NewTimer(alsoFirst)
	defer next.Stop()
	pause := alsoFirst
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		case <-wake:
			if !y.alsoAsked() {
				continue
			}
		}
		if !y.up.Load() {
			next.Reset(alsoFirst)
			continue
		}
		err := y.lookAlso(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			pause = alsoFirst
			next.Reset(y.alsoPause())
			continue
		}
		y.log.Warn("looking at the further folders", "err", err, "retry_in", pause)
		next.Reset(pause)
		pause = min(2*pause, alsoEvery)
	}
}

// alsoPause is the time to the next look. While a mail of ours waits for its
// copy, that may be among what was taken for junk.
func (y *Syncer) alsoPause() time.Duration {
	if unresolved, err := y.inbox.unresolved(); err == nil && unresolved {
		return unresolvedPoll
	}
	return alsoEvery
}

// alsoAsked reports whether somebody waits for a mail of these folders.
func (y *Syncer) alsoAsked() bool {
	for _, f := range y.also {
		if next, any := f.nextLater(); any && !next.After(y.now()) {
			return true
		}
	}
	return false
}

// lookAlso looks at each of the further folders once.
func (y *Syncer) lookAlso(ctx context.Context) error {
	if len(y.also) == 0 {
		return nil
	}
	s, err := y.connect(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	sent, err := s.sentFolder(y.cfg.SentFolder)
	if err != nil {
		return s.explain(err)
	}
	for _, f := range y.also {
		if f.folder == sent {
			continue // it is followed
		}
		if err := f.visit(ctx, s); broken(err) || ctx.Err() != nil {
			return s.explain(err)
		} else if err != nil && f.missed != err.Error() {
			f.missed = err.Error()
			y.log.Warn("a further folder cannot be looked at", "folder", f.folder, "err", err)
		}
	}
	s.logout()
	return nil
}

// visit is one look at a further folder.
func (f *follower) visit(ctx context.Context, s *session) error {
	data, err := s.choose(f.folder, true)
	if err != nil {
		return err
	}
	if data.UIDValidity == 0 {
		return fmt.Errorf("selecting %q: the server gives no UIDVALIDITY: %w", f.folder, errUnusable)
	}
	if err := f.place(s, data); err != nil {
		return err
	}
	f.missed = ""
	return f.look(ctx, s)
}
