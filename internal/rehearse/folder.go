package rehearse

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxFolders bounds how deep folders may lie in each other; links that lead
// back up are never followed.
const maxFolders = 40

// folder gives out what lies in a directory. With a directory cur or new in
// it, it is a Maildir: the mails of both, by file name, which begins with the
// time of delivery. Any other is a folder: its files that are named as mail
// (.eml, .mbox, .mbx and .gz of these), or all of them where none is, by name,
// and the folders and Maildirs in it. Names that begin with a dot are left
// out.
func (w *walk) folder(path string) error { return w.nested(path, 0) }

func (w *walk) nested(path string, depth int) error {
	if depth > maxFolders {
		return w.fail(fmt.Errorf("reading %s: the folders lie too deep", path))
	}
	mails, maildir, err := maildir(path)
	if err != nil {
		return w.fail(fmt.Errorf("reading old mail: %w", err))
	}
	if maildir {
		return w.files(mails)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return w.fail(fmt.Errorf("reading old mail: %w", err))
	}
	named := slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Type().IsRegular() && mailName(e.Name()) })
	for _, e := range entries {
		inner := filepath.Join(path, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			err = w.nested(inner, depth+1)
		case regular(inner, e) && (!named || mailName(e.Name())):
			err = w.file(inner)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) files(list []string) error {
	for _, path := range list {
		if err := w.file(path); err != nil {
			return err
		}
	}
	return nil
}

// maildir lists the mails of a Maildir by file name; false when path is none.
func maildir(path string) (list []string, ok bool, err error) {
	for _, sub := range []string{"cur", "new"} {
		dir := filepath.Join(path, sub)
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		ok = true
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, true, err
		}
		for _, e := range entries {
			if inner := filepath.Join(dir, e.Name()); !strings.HasPrefix(e.Name(), ".") && regular(inner, e) {
				list = append(list, inner)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b string) int { return cmp.Compare(filepath.Base(a), filepath.Base(b)) })
	return list, ok, nil
}

// regular reports a file that has an end, or a link to one: a pipe in a
// folder would be waited for without one.
func regular(path string, e os.DirEntry) bool {
	if e.Type()&os.ModeSymlink == 0 {
		return e.Type().IsRegular()
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func mailName(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	switch filepath.Ext(name) {
	case ".eml", ".mbox", ".mbx", ".mboxrd":
		return true
	}
	return false
}
