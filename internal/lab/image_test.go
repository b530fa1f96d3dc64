package lab

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// disk is what a power cut leaves of a folder: what was synced, and any part of
// what was not. It learns from the system calls of whoever writes there. A file
// and its name are synced apart; a rename is kept or lost as a whole.
type disk struct {
	dir  string
	root *node
	// marks is how much had been written when a sync began that has not ended.
	marks map[int]int
}

// node is a file or a folder.
type node struct {
	folder bool
	// Of a file: its octets as a reader sees them, as the disk has them for
	// sure, and what leads from the second to the first.
	live, kept []byte
	writes     []write
	// Of a folder: likewise with what it holds.
	names, keptNames map[string]*node
	renames          []rename
}

// write is octets at a place, or the new size of the file.
type write struct {
	at     int64
	octets []byte
	size   int64 // -1: it is octets
}

// rename makes some names stand for other nodes, nil for none.
type rename map[string]*node

func newDisk(dir string) *disk {
	return &disk{dir: dir, root: newFolder(), marks: map[int]int{}}
}

func newFolder() *node {
	return &node{folder: true, names: map[string]*node{}, keptNames: map[string]*node{}}
}

// traced are the calls a disk learns from.
const traced = "openat,write,pwrite64,pwritev,writev,fsync,fdatasync,renameat,renameat2,unlinkat,unlink,rename,mkdirat,ftruncate,truncate,copy_file_range,sendfile,linkat,symlinkat,sync_file_range"

// place returns the folder and the name that a path stands for; nil where the
// path is elsewhere.
func (d *disk) place(path string) (*node, string) {
	rest, ok := strings.CutPrefix(path, d.dir+"/")
	if !ok {
		return nil, ""
	}
	at := d.root
	for {
		name, more, deeper := strings.Cut(rest, "/")
		if !deeper {
			return at, name
		}
		if at = at.names[name]; at == nil {
			return nil, ""
		}
		rest = more
	}
}

func (d *disk) node(path string) *node {
	if path == d.dir {
		return d.root
	}
	if at, name := d.place(path); at != nil {
		return at.names[name]
	}
	return nil
}

func (n *node) set(r rename) {
	n.renames = append(n.renames, r)
	for name, to := range r {
		if to == nil {
			delete(n.names, name)
		} else {
			n.names[name] = to
		}
	}
}

func (n *node) put(w write) {
	n.writes = append(n.writes, w)
	n.live = w.apply(n.live)
}

func (w write) apply(to []byte) []byte {
	if w.size >= 0 {
		if int64(len(to)) > w.size {
			return slices.Clone(to[:w.size])
		}
		return append(to, make([]byte, w.size-int64(len(to)))...)
	}
	if end := w.at + int64(len(w.octets)); end > int64(len(to)) {
		to = append(to, make([]byte, end-int64(len(to)))...)
	}
	copy(to[w.at:], w.octets)
	return to
}

// changes counts what is not durable.
func (n *node) changes() int { return len(n.writes) + len(n.renames) }

// sync ends a sync that began when there were so many changes. One that failed
// makes nothing durable, and what could not be written to a file stays readable
// and is never tried again: so the kernel does. Names are in the file system's
// own journal: there they stay to be written, or it takes nothing more at all.
func (n *node) sync(changes int, failed bool) {
	if n.folder && failed {
		return
	}
	for _, w := range n.writes[:min(changes, len(n.writes))] {
		if !failed {
			n.kept = w.apply(n.kept)
		}
	}
	for _, r := range n.renames[:min(changes, len(n.renames))] {
		maps.Copy(n.keptNames, r)
	}
	n.writes = slices.Clone(n.writes[min(changes, len(n.writes)):])
	n.renames = slices.Clone(n.renames[min(changes, len(n.renames)):])
}

var lastNumber = regexp.MustCompile(`(\d+)$`)

// learn takes in a call: what it writes when it begins, what it makes durable
// when it has ended. It reports whether the call changed anything here.
func (d *disk) learn(c *call) (bool, error) {
	ended := c.ret != ""
	switch c.name {
	case "fsync", "fdatasync":
		n := d.node(c.file())
		if n == nil {
			return false, nil
		}
		if !ended {
			d.marks[c.id] = n.changes()
			return false, nil
		}
		n.sync(d.marks[c.id], c.error)
		delete(d.marks, c.id)
		return true, nil
	case "openat":
		return d.opened(c)
	}
	if !ended || c.error {
		return false, nil
	}
	texts := c.texts()
	switch c.name {
	case "mkdirat", "unlinkat", "unlink", "renameat", "renameat2", "rename":
		return d.named(c, texts)
	case "write", "pwrite64", "ftruncate":
		return d.wrote(c, texts)
	}
	if d.node(c.file()) != nil {
		return false, fmt.Errorf("a call that is not understood: %s(%.200s", c.name, c.args)
	}
	return false, nil
}

func (d *disk) opened(c *call) (bool, error) {
	texts := c.texts()
	if c.ret == "" || c.error || len(texts) == 0 {
		return false, nil
	}
	at, name := d.place(texts[0])
	if at == nil {
		return false, nil
	}
	n := at.names[name]
	changed := false
	if n == nil && strings.Contains(c.args, "O_CREAT") {
		n, changed = &node{}, true
		at.set(rename{name: n})
	}
	if n != nil && strings.Contains(c.args, "O_TRUNC") {
		changed = true
		n.put(write{size: 0})
	}
	return changed, nil
}

func (d *disk) named(c *call, texts []string) (bool, error) {
	at, name := d.place(texts[0])
	if at == nil {
		return false, nil
	}
	switch c.name {
	case "mkdirat":
		at.set(rename{name: newFolder()})
	case "unlinkat", "unlink":
		at.set(rename{name: nil})
	default:
		to, toName := d.place(texts[1])
		if to != at {
			return false, fmt.Errorf("a rename between folders: %q", texts)
		}
		at.set(rename{name: nil, toName: at.names[name]})
	}
	return true, nil
}

func (d *disk) wrote(c *call, texts []string) (bool, error) {
	n := d.node(c.file())
	if n == nil {
		return false, nil
	}
	w := write{size: -1}
	last, err := strconv.ParseInt(lastNumber.FindString(c.args), 10, 64)
	if err != nil {
		return false, fmt.Errorf("reading %s(%.200s: %w", c.name, c.args, err)
	}
	switch c.name {
	case "ftruncate":
		w.size = last
	case "pwrite64":
		w.at, w.octets = last, []byte(texts[0])
	default: // whatever writes without a place here writes behind the end
		w.at, w.octets = int64(len(n.live)), []byte(texts[0])
	}
	if w.size < 0 && strconv.Itoa(len(w.octets)) != c.ret {
		return false, fmt.Errorf("%s of %s octets, and %d are known", c.name, c.ret, len(w.octets))
	}
	n.put(w)
	return true, nil
}

// luck decides what of the unsynced is kept.
type luck struct {
	rng   *mathrand.Rand
	share float64 // of what is kept
	order bool    // only what was written first is kept
	piece int     // octets that are kept or lost together; 0: whole writes
}

func (l luck) String() string {
	return fmt.Sprintf("%.2f kept, in order %v, pieces of %d", l.share, l.order, l.piece)
}

// lucks are some of each kind.
func lucks(rng *mathrand.Rand) luck {
	l := luck{rng: rng, share: []float64{0, 1, rng.Float64()}[rng.IntN(3)], order: rng.IntN(3) == 0}
	l.piece = []int{0, 512, 4096}[rng.IntN(3)]
	return l
}

// keep decides for n things in order.
func (l luck) keep(n int) []bool {
	kept := make([]bool, n)
	if l.order {
		for i := range int(l.share * float64(n+1)) {
			if i < n {
				kept[i] = true
			}
		}
		return kept
	}
	for i := range kept {
		kept[i] = l.rng.Float64() < l.share
	}
	return kept
}

// octets is what a file has behind a power cut.
func (n *node) octets(l luck) []byte {
	var pieces []write
	for _, w := range n.writes {
		if w.size >= 0 || l.piece == 0 {
			pieces = append(pieces, w)
			continue
		}
		for at := w.at; at < w.at+int64(len(w.octets)); {
			end := min((at/int64(l.piece)+1)*int64(l.piece), w.at+int64(len(w.octets)))
			pieces = append(pieces, write{at: at, octets: w.octets[at-w.at : end-w.at], size: -1})
			at = end
		}
	}
	data := bytes.Clone(n.kept)
	for i, kept := range l.keep(len(pieces)) {
		if kept {
			data = pieces[i].apply(data)
		}
	}
	return data
}

// image writes what is left into a folder.
func (d *disk) image(to string, l luck) error { return d.root.image(to, l) }

func (n *node) image(to string, l luck) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	names := maps.Clone(n.keptNames)
	for i, kept := range l.keep(len(n.renames)) {
		if kept {
			maps.Copy(names, n.renames[i])
		}
	}
	for name, of := range names {
		path := filepath.Join(to, name)
		var err error
		switch {
		case of == nil:
		case of.folder:
			err = of.image(path, l)
		default:
			err = writeSparse(path, of.octets(l))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// all is what a reader sees now, as an image.
func (d *disk) all(to string) error { return d.root.all(to) }

func (n *node) all(to string) error {
	if !n.folder {
		return writeSparse(to, n.live)
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for name, of := range n.names {
		if err := of.all(filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return nil
}

// writeSparse leaves out what is zero.
func writeSparse(path string, data []byte) error {
	const block = 64 << 10
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = f.Truncate(int64(len(data)))
	for at := 0; at < len(data) && err == nil; at += block {
		part := data[at:min(at+block, len(data))]
		if len(bytes.TrimLeft(part, "\x00")) > 0 {
			_, err = f.WriteAt(part, int64(at))
		}
	}
	return errors.Join(err, f.Close())
}
