package rehearse

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"postroom/internal/message"
	"postroom/threads"
)

// Explanation is what Postroom reads in one mail, from its bytes alone.
type Explanation struct {
	File        string               `json:"file"` // as it was given
	Size        int64                `json:"size"` // octets read
	MessageID   string               `json:"message_id"`
	InReplyTo   []string             `json:"in_reply_to"`
	References  []string             `json:"references"`
	From        *threads.Address     `json:"from"` // the first; a name without an address where nobody has one; null where there is none
	ReplyTo     []threads.Address    `json:"reply_to"`
	To          []threads.Address    `json:"to"`
	Cc          []threads.Address    `json:"cc"`
	Subject     string               `json:"subject"`
	SubjectBase string               `json:"subject_base"`
	Date        *time.Time           `json:"date"`
	Class       threads.Class        `json:"class"`
	Evidence    string               `json:"evidence"`
	Bounce      *threads.Bounce      `json:"bounce"`
	Text        string               `json:"text"`
	NewText     string               `json:"new_text"`
	Attachments []threads.Attachment `json:"attachments"`
	Problems    []string             `json:"problems"`
}

// Explain reads the mail in a file; the path "-" is stdin. A file compressed
// with gzip is read as what it was before. There is an Explanation whatever
// the file is; one that could not be read, or not to its end, has the reason
// among its problems, and the error is that reason.
func Explain(path string, stdin io.Reader) (Explanation, error) {
	src, done, err := open(path, stdin)
	if err != nil {
		err = fmt.Errorf("reading %s: %w", path, err)
	}
	defer done()
	x := explain(src)
	x.File = path
	switch {
	case err != nil && x.Size == 0:
		x.Problems = []string{err.Error()}
	case err != nil:
		x.Problems = append([]string{err.Error()}, x.Problems...)
	}
	return x, err
}

func explain(src message.Source) Explanation {
	msg, err := read(src)
	m := &msg.Mail
	x := Explanation{
		Size: m.Size, MessageID: m.MessageID, InReplyTo: list(m.InReplyTo), References: list(m.References),
		ReplyTo: list(m.ReplyTo), To: list(m.To), Cc: list(m.Cc), Subject: m.Subject, SubjectBase: m.SubjectBase,
		Class: m.Class, Evidence: m.Evidence, Text: m.Text, NewText: m.NewText, Attachments: list(m.Attachments), Problems: list(m.Problems),
	}
	switch {
	case len(m.From) > 0:
		x.From = &m.From[0]
	case m.FromName != "":
		x.From = &threads.Address{Name: m.FromName}
	}
	if !m.Date.IsZero() {
		x.Date = &m.Date
	}
	if m.Bounce != nil {
		b := *m.Bounce
		b.Recipients = list(b.Recipients)
		x.Bounce = &b
	}
	if err != nil {
		x.Class, x.Problems = threads.ClassCustomer, []string{err.Error()}
	}
	return x
}

// read reads a mail. Should that break, as it never may, the error says so
// and the Message has nothing but its size: one mail must not end a whole run.
func read(src message.Source) (m *message.Message, err error) {
	defer func() {
		if p := recover(); p != nil {
			m, err = message.Unread(src), fmt.Errorf("reading the mail broke: %v", p)
			m.Mail.Size = src.Size()
		}
	}()
	return message.Read(src), nil
}

// list is never null in JSON.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// open makes a file a source, to be closed with done. There is always a
// source: of what could be read.
func open(path string, stdin io.Reader) (src message.Source, done func(), err error) {
	if path == Stdin {
		return gather(stdin)
	}
	nothing := func() {}
	f, err := os.Open(path)
	if err != nil {
		return bytes.NewReader(nil), nothing, unwrap(err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("it is a directory; `postroom rehearse` reads those")
	}
	if err != nil {
		f.Close()
		return bytes.NewReader(nil), nothing, unwrap(err)
	}
	head := make([]byte, len(gzipMagic))
	if n, _ := f.ReadAt(head, 0); !info.Mode().IsRegular() || bytes.Equal(head[:n], gzipMagic) {
		defer f.Close()
		return gather(f)
	}
	return regularFile{f, info.Size()}, func() { f.Close() }, nil
}

// unwrap leaves out the path, which stands before the error anyway.
func unwrap(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// regularFile is read where it lies, so its size does not matter.
type regularFile struct {
	*os.File
	size int64
}

func (f regularFile) Size() int64 { return f.size }

const (
	maxHeld  = 4 << 20 // octets of a stream that are kept in memory
	maxPiped = 1 << 30 // octets of a stream that are read: it may have no end
)

// gather makes a stream a source: a small one in memory, else by way of a
// file, which is gone when done is called.
func gather(r io.Reader) (src message.Source, done func(), err error) {
	nothing := func() {}
	br, err := plain(bufio.NewReaderSize(r, window))
	if err != nil {
		return bytes.NewReader(nil), nothing, err
	}
	head, err := io.ReadAll(io.LimitReader(br, maxHeld))
	if err != nil || len(head) < maxHeld {
		return bytes.NewReader(head), nothing, err
	}
	f, err := os.CreateTemp("", "postroom-explain-")
	if err != nil {
		return bytes.NewReader(head), nothing, fmt.Errorf("only the first %d octets: %w", len(head), err)
	}
	done = func() {
		f.Close()
		os.Remove(f.Name())
	}
	size, err := io.Copy(f, io.MultiReader(bytes.NewReader(head), io.LimitReader(br, maxPiped-maxHeld)))
	if _, end := br.Peek(1); err == nil && end == nil {
		err = fmt.Errorf("only the first %d octets: it has more", size)
	}
	return regularFile{f, size}, done, err
}
