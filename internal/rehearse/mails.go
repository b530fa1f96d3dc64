package rehearse

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

// MaxMail is how many octets of one mail are kept: enough for its header and
// its text. What lies beyond is read and dropped.
const MaxMail = 16 << 20

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Raw is one mail of old mail.
type Raw struct {
	File string // the path it lies in
	N    int    // its position there, from 0
	Data []byte // at most MaxMail octets; its owner is whoever was given it
	Size int64  // the octets it has
}

// errStop ends a walk because whoever asked wants no more.
var errStop = errors.New("no more is wanted")

// Mails gives out the mails of paths, in their order: a file is an mbox or one
// mail, a directory a Maildir or a folder (see folder.go), the path "-" is
// read from stdin. What cannot be read is an error with the path in it, and
// the rest goes on.
func Mails(paths []string, stdin io.Reader) iter.Seq2[Raw, error] {
	return func(yield func(Raw, error) bool) {
		w := walk{stdin: stdin, yield: yield}
		for _, path := range paths {
			if w.path(path) != nil {
				return
			}
		}
	}
}

// walk is a run through paths. Its methods return errStop when no more is
// wanted, and give out every other error.
type walk struct {
	stdin io.Reader
	yield func(Raw, error) bool
}

func (w *walk) fail(err error) error {
	if !w.yield(Raw{}, err) {
		return errStop
	}
	return nil
}

func (w *walk) path(path string) error {
	if path == Stdin {
		return w.stream(path, w.stdin)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return w.fail(fmt.Errorf("reading old mail: %w", err))
	case info.IsDir():
		return w.folder(path)
	}
	return w.file(path)
}

func (w *walk) file(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return w.fail(fmt.Errorf("reading old mail: %w", err))
	}
	defer f.Close()
	return w.stream(path, f)
}

// window is what is read from a file at once, and the longest line looked at
// as a whole.
const window = 64 << 10

func (w *walk) stream(path string, r io.Reader) error {
	br, err := plain(bufio.NewReaderSize(r, window))
	if err != nil {
		return w.fail(fmt.Errorf("reading %s: %w", path, err))
	}
	n := 0
	err = split(br, func(data []byte, size int64) error {
		n++
		if !w.yield(Raw{File: path, N: n - 1, Data: data, Size: size}, nil) {
			return errStop
		}
		return nil
	})
	if err == nil || errors.Is(err, errStop) {
		return err
	}
	return w.fail(fmt.Errorf("reading %s behind mail %d: %w", path, n, err))
}

// gzipMagic begins every gzip file (RFC 1952 §2.3.1). No mail begins so, and
// Maildirs hold compressed files whose names do not tell.
var gzipMagic = []byte{0x1f, 0x8b, 0x08}

// plain undoes gzip where there is any.
func plain(br *bufio.Reader) (*bufio.Reader, error) {
	if head, _ := br.Peek(len(gzipMagic)); !bytes.Equal(head, gzipMagic) {
		return br, nil
	}
	zr, err := gzip.NewReader(br)
	if err != nil {
		return nil, err
	}
	return bufio.NewReaderSize(zr, window), nil
}
