package servers

import (
	"slices"
	"sync"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// imapSession is one IMAP connection: the in-memory session, every command led
// past the faults and followed by a signal where it may change something.
type imapSession struct {
	*imapmemserver.UserSession // nil before LOGIN
	world                      *World
	service                    *service
	wire                       *wire
	idling                     sync.Mutex // held while an IDLE runs

	mu       sync.Mutex
	acct     *account
	login    string // the name given at LOGIN
	selected string
}

var _ imapserver.SessionIMAP4rev2 = (*imapSession)(nil)

func (s *imapSession) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.login
}

func (s *imapSession) folder() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.selected
}

func (s *imapSession) setFolder(name string) {
	s.mu.Lock()
	s.selected = name
	s.mu.Unlock()
}

// change is do, and a signal after a success.
func (s *imapSession) change(command, mailbox string, run func() error) error {
	return s.do(command, mailbox, func() error {
		err := run()
		if err == nil {
			s.world.changes.fire()
		}
		return err
	})
}

func (s *imapSession) Select(name string, options *imap.SelectOptions) (data *imap.SelectData, err error) {
	err = s.do("SELECT", name, func() error {
		if data, err = s.UserSession.Select(name, options); err == nil {
			s.setFolder(name)
		}
		return err
	})
	return data, err
}

func (s *imapSession) Unselect() error {
	s.setFolder("")
	return s.UserSession.Unselect()
}

func (s *imapSession) Create(name string, options *imap.CreateOptions) error {
	return s.change("CREATE", name, func() error {
		if err := s.UserSession.Create(name, options); err != nil {
			return err
		}
		s.acct.setFolder(name, true)
		return nil
	})
}

func (s *imapSession) Delete(name string) error {
	return s.change("DELETE", name, func() error {
		if err := s.UserSession.Delete(name); err != nil {
			return err
		}
		s.acct.setFolder(name, false)
		return nil
	})
}

func (s *imapSession) Rename(name, newName string, options *imap.RenameOptions) error {
	return s.change("RENAME", name, func() error {
		if err := s.UserSession.Rename(name, newName, options); err != nil {
			return err
		}
		s.acct.setFolder(name, false)
		s.acct.setFolder(newName, true)
		return nil
	})
}

func (s *imapSession) Status(name string, options *imap.StatusOptions) (data *imap.StatusData, err error) {
	err = s.do("STATUS", name, func() error {
		data, err = s.UserSession.Status(name, options)
		return err
	})
	return data, err
}

func (s *imapSession) Append(name string, r imap.LiteralReader, options *imap.AppendOptions) (data *imap.AppendData, err error) {
	err = s.change("APPEND", name, func() error {
		data, err = s.UserSession.Append(name, r, options)
		return err
	})
	return data, err
}

func (s *imapSession) Expunge(w *imapserver.ExpungeWriter, uids *imap.UIDSet) error {
	return s.change("EXPUNGE", s.folder(), func() error { return s.UserSession.Expunge(w, uids) })
}

func (s *imapSession) Search(kind imapserver.NumKind, criteria *imap.SearchCriteria, options *imap.SearchOptions) (data *imap.SearchData, err error) {
	err = s.do("SEARCH", s.folder(), func() error {
		data, err = s.UserSession.Search(kind, criteria, options)
		return err
	})
	return data, err
}

func (s *imapSession) Fetch(w *imapserver.FetchWriter, numSet imap.NumSet, options *imap.FetchOptions) error {
	run := func() error { return s.UserSession.Fetch(w, numSet, options) }
	reads := func(b *imap.FetchItemBodySection) bool { return !b.Peek } // sets \Seen
	if slices.ContainsFunc(options.BodySection, reads) {
		return s.change("FETCH", s.folder(), run)
	}
	return s.do("FETCH", s.folder(), run)
}

func (s *imapSession) Store(w *imapserver.FetchWriter, numSet imap.NumSet, flags *imap.StoreFlags, options *imap.StoreOptions) error {
	return s.change("STORE", s.folder(), func() error { return s.UserSession.Store(w, numSet, flags, options) })
}

func (s *imapSession) Copy(numSet imap.NumSet, dest string) (data *imap.CopyData, err error) {
	err = s.change("COPY", dest, func() error {
		s.acct.moving.Lock()
		defer s.acct.moving.Unlock()
		data, err = s.UserSession.Copy(numSet, dest)
		return err
	})
	return data, err
}

func (s *imapSession) Move(w *imapserver.MoveWriter, numSet imap.NumSet, dest string) error {
	return s.change("MOVE", dest, func() error {
		s.acct.moving.Lock()
		defer s.acct.moving.Unlock()
		return s.UserSession.Move(w, numSet, dest)
	})
}

func (a *account) setFolder(name string, exists bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if exists {
		a.folders[name] = true
	} else {
		delete(a.folders, name)
	}
}

func (a *account) folderNames() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	names := make([]string, 0, len(a.folders))
	for name := range a.folders {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
