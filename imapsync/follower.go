package imapsync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"

	"postroom/internal/store"
)

var (
	// errNoFolder says that there is no Sent folder (yet).
	errNoFolder = errors.New("no such folder")
	// errSameFolder says that Sent is the folder that is followed anyway.
	errSameFolder = errors.New("the Sent folder is the followed folder")
	// errRenumbered says that UIDVALIDITY changed under an open connection.
	errRenumbered = errors.New("the folder was renumbered")
)

// errUnusable marks a folder that cannot be followed.
var errUnusable = &imap.Error{Type: imap.StatusResponseTypeNo, Text: "the folder cannot be used"}

// follower follows one folder, over one connection after the other. It
// belongs to one goroutine.
type follower struct {
	y      *Syncer
	folder string // "" until the name of the Sent folder is known
	isSent bool
	isAlso bool   // a further folder
	isPast bool   // where the mail of closed conversations lies: it has history alone
	missed string // why a further folder could not be looked at, when that was last said

	cur   store.Cursor
	start startDate

	limit    int // mails in the next chunk; halved by a broken connection
	oldLimit int // the same for the history
	suspects map[uint32]suspect
	marks    map[uint32]uint64 // MODSEQ up to which a message is as we know it
	askers   map[uint32]string // who asked for a mail that is fetched later
	// lastWhole is when a mail came whole: the server works.
	lastWhole time.Time
	history   []uint32 // what is left of the history, ascending
	listed    bool     // history is filled

	announced bool // what woke us was the server's word that there is something
	vain      int  // looks in a row at the server's word that found nothing

	choresFrom time.Time // no chore is tried again before
	choreWake  <-chan struct{}
	inboxWake  <-chan struct{}

	progress bool      // something was committed on this connection
	steady   time.Time // when this connection had nothing left to do
}

func newFollower(y *Syncer, folder string) *follower {
	f := &follower{
		y:         y,
		folder:    folder,
		choreWake: y.st.Wake(store.WakeChores),
		inboxWake: y.st.Wake(store.WakeInbox),
	}
	f.forget()
	return f
}

// forget drops what was learned about single UIDs.
func (f *follower) forget() {
	f.limit, f.oldLimit = f.y.cfg.ChunkMails, f.y.cfg.HistoryRange
	f.suspects, f.marks = map[uint32]suspect{}, nil
	f.history, f.listed = nil, false
}

// attempt is the life of one connection: until it breaks or, without watch,
// until all is done.
func (f *follower) attempt(ctx context.Context, watch bool) error {
	s, err := f.connect(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := f.open(s); err != nil {
		return s.explain(err)
	}
	f.connected(true)
	defer f.connected(false)
	f.y.log.Info("following", "folder", f.folder, "uidvalidity", f.cur.UIDValidity, "next_uid", f.cur.Next)
	for choresDue := true; ; choresDue = true {
		if err := f.round(ctx, s, choresDue); err != nil {
			return s.explain(err)
		}
		if !watch {
			s.logout()
			return nil
		}
		if f.steady.IsZero() {
			f.steady = f.y.now()
		}
		if err := f.wait(ctx, s); err != nil {
			return s.explain(err)
		}
	}
}

// connect is the followed folder's before it is another's.
func (f *follower) connect(ctx context.Context) (*session, error) {
	if f == f.y.inbox {
		defer f.y.enter()
		s, err := f.y.connect(ctx)
		if err == nil {
			f.y.shut.Store(false)
		}
		return s, err
	}
	select {
	case <-f.y.entered:
		return f.y.connect(ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *follower) connected(up bool) {
	if f == f.y.inbox {
		f.y.up.Store(up)
	}
	f.y.obs.Connected(f.folder, up)
}

// round does all there is to do. New mail goes first: before chores, and
// between the ranges of the history.
func (f *follower) round(ctx context.Context, s *session, choresDue bool) error {
	for {
		if err := f.look(ctx, s); err != nil {
			return err
		}
		if choresDue || f.woken() {
			if err := f.chores(ctx, s); err != nil {
				return err
			}
			choresDue = false
		}
		if f.cur.HistoryComplete() {
			return nil
		}
		if err := f.importSome(ctx, s); err != nil {
			return err
		}
	}
}

// woken reports whether chores were added since the last look at them.
func (f *follower) woken() bool {
	select {
	case <-f.choreWake:
		return true
	default:
		return false
	}
}

// open selects the folder and finds or makes its cursor.
func (f *follower) open(s *session) error {
	if f.isSent {
		name, err := s.sentFolder(f.y.cfg.SentFolder)
		if err != nil {
			return err
		}
		if f.folder = name; name == f.y.cfg.Folder {
			return cmp.Or(f.nothingLost(), errSameFolder)
		}
	}
	data, err := s.choose(f.folder, f.isSent)
	if err != nil {
		if f.isSent && !broken(err) {
			if there, lookErr := s.exists(f.folder); lookErr == nil && !there {
				return cmp.Or(f.nothingLost(), errNoFolder)
			}
		}
		return err
	}
	if data.UIDValidity == 0 {
		return fmt.Errorf("selecting %q: the server gives no UIDVALIDITY, so messages cannot be told apart", f.folder)
	}
	if err := f.place(s, data); err != nil {
		return err
	}
	return f.fixWindow(s, data)
}

// place finds where reading goes on.
func (f *follower) place(s *session, data *imap.SelectData) error {
	var cur store.Cursor
	var had bool
	var start startDate
	err := f.y.st.View(func(tx *store.Tx) (err error) {
		if cur, had, err = tx.Cursor(f.folder); err != nil {
			return err
		}
		_, err = tx.Meta(startKey(f.folder), &start)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading the cursor of %q: %w", f.folder, err)
	}
	switch {
	case !had:
		return f.begin(s, data)
	case cur.UIDValidity != data.UIDValidity:
		return f.beginAgain(s, cur, data)
	}
	if f.cur.UIDValidity != cur.UIDValidity {
		f.forget()
	}
	f.listed = false
	f.cur, f.start = cur, start
	if data.UIDNext != 0 && uint32(data.UIDNext) < cur.Next {
		f.y.log.Warn("the server counts UIDs backwards (RFC 9051 §2.3.1.1); new mail may get a UID that was read already",
			"folder", f.folder, "uidnext", uint32(data.UIDNext), "next_uid", cur.Next)
	}
	return nil
}

// setCursor makes a new cursor durable; noHistory tells the inbox that there
// is nothing to wait for.
func (f *follower) setCursor(cur store.Cursor, start startDate, noHistory bool) error {
	err := f.y.st.Update(func(tx *store.Tx) error {
		if err := tx.SetMeta(startKey(f.folder), start); err != nil {
			return err
		}
		if noHistory {
			last := &store.InHistory{Folder: f.folder, Validity: cur.UIDValidity, Last: true}
			if err := tx.AddInbox(store.InboxRecord{At: f.y.now(), History: last}); err != nil {
				return err
			}
		}
		return tx.SetCursor(cur)
	})
	if err != nil {
		return fmt.Errorf("storing the cursor of %q: %w", f.folder, err)
	}
	f.cur, f.start = cur, start
	return nil
}

func (f *follower) uid(n uint32) store.UID {
	return store.UID{Folder: f.folder, Validity: f.cur.UIDValidity, UID: n}
}

// startDate remembers what a first start by date means for mail that was
// there already: below Below, what is older than Date is history, wherever
// its UID stands. The zero value means nothing.
type startDate struct {
	Validity uint32    `json:"uidvalidity"`
	Below    uint32    `json:"below"`
	Date     time.Time `json:"date"`
}

func startKey(folder string) string { return "imap-start/" + folder }

func (d startDate) old(validity uint32, m meta) bool {
	return validity == d.Validity && m.uid < d.Below && !m.date.IsZero() && m.date.Before(d.Date)
}
