package probe

import (
	"errors"
	"strings"

	"postroom/imapsync"
)

// mailbox is the mailbox a probe comes back to. Its connection is opened when
// it is needed, and again when it broke.
type mailbox struct {
	open func() (*imapsync.Lookup, error)
	on   *imapsync.Lookup // nil for none
}

// final reports whether trying again is of no use.
func final(err error) bool { return errors.Is(err, imapsync.ErrRefused) }

func (m *mailbox) look() (*imapsync.Lookup, error) {
	if m.on == nil {
		on, err := m.open()
		if err != nil {
			return nil, err
		}
		m.on = on
	}
	return m.on, nil
}

func (m *mailbox) close() {
	if m.on != nil {
		m.on.Close()
		m.on = nil
	}
}

// shownFolders is how many folders are named where one is missing.
const shownFolders = 12

// folders says which of the folders that are to be read are not there.
func (p *Prober) folders(box *mailbox, r *Report) {
	followed, further, there, err := box.on.Absent()
	if err != nil {
		r.problem("the mailbox: %v", err)
		box.close()
		return
	}
	more := ""
	if len(there) > shownFolders {
		there, more = there[:shownFolders], " and others"
	}
	r.folders = strings.Join(there, ", ") + more
	if followed {
		r.problem("the mailbox has no folder of the name that imap.folder gives; there are %s", r.folders)
	}
	r.AbsentFolders = append(r.AbsentFolders, further...)
}

// find returns the probes with this mark.
func (m *mailbox) find(mark string) ([]imapsync.Hit, error) { return m.findIn(false, mark) }

// filed reports whether a probe with this mark lies in Sent.
func (m *mailbox) filed(mark string) (bool, error) {
	hits, err := m.findIn(true, mark)
	return len(hits) > 0, err
}

func (m *mailbox) findIn(sent bool, mark string) ([]imapsync.Hit, error) {
	on, err := m.look()
	if err != nil {
		return nil, err
	}
	hits, err := on.Find(sent, "Subject", mark)
	if err != nil {
		m.close()
	}
	return hits, err
}

// remove removes probes, where the server can remove them alone, and reports
// whether it did.
func (m *mailbox) remove(hits []imapsync.Hit) (bool, error) {
	on, err := m.look()
	if err != nil {
		return false, err
	}
	removed, err := on.Remove(hits)
	if err != nil {
		m.close()
	}
	return removed, err
}
