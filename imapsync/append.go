package imapsync

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/emersion/go-imap/v2"

	"postroom/internal/store"
)

// errAppended ends a connection on which APPEND was refused: the library
// closes it, whatever the server said.
var errAppended = errors.New("APPEND was refused; the connection cannot be used any more")

// appendSent puts mails the relay has taken into Sent and returns the chores
// that are done. It looks first: a crash comes between the doing and the
// crossing out, and the provider may file sent mail itself.
func (f *follower) appendSent(ctx context.Context, s *session, chores []store.Chore) ([]store.Chore, error) {
	target, err := s.sentFolder(f.y.cfg.SentFolder)
	if err != nil {
		return nil, err
	}
	ids := map[uint32]string{} // by place in the list: these mails have no UID yet
	for i, c := range chores {
		ids[uint32(i)] = c.Append.MessageID
	}
	filed, err := f.lookInto(s, target, ids)
	if err != nil {
		return nil, err
	}
	var done []store.Chore
	for i, c := range chores {
		if !filed[uint32(i)] {
			if err := f.appendOne(ctx, s, target, c.Append); err != nil {
				return done, err
			}
		}
		done = append(done, c)
	}
	return done, nil
}

// appendOne appends one mail, and makes the folder where it is missing.
func (f *follower) appendOne(ctx context.Context, s *session, target string, a *store.Append) error {
	there, err := s.exists(target)
	if err != nil {
		return err
	}
	s.conn.arm(s.timeout)
	defer s.conn.arm(0)
	if !there {
		if err := s.c.Create(target, nil).Wait(); err != nil {
			return fmt.Errorf("creating %q: %w", target, err)
		}
	}
	cmd := s.c.Append(target, a.Size, &imap.AppendOptions{Flags: []imap.Flag{imap.FlagSeen}, Time: a.Sent})
	counted := &counter{w: cmd}
	err = f.y.cfg.Render(ctx, counted, a.Mail())
	if err == nil && counted.n != a.Size {
		err = fmt.Errorf("it came to %d octets, and %d were announced", counted.n, a.Size)
	}
	if err != nil {
		s.conn.Conn.Close() // the server waits for octets that will not come
		return fmt.Errorf("appending %s to %q: %w: %w", a.MessageID, target, errAppended, err)
	}
	err = cmd.Close()
	if err == nil {
		_, err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("appending %s to %q: %w: %w", a.MessageID, target, errAppended, err)
	}
	return nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// appendable reports whether an append chore has what it needs.
func (f *follower) appendable(c store.Chore) bool {
	return c.Append != nil && f.y.cfg.Render != nil && c.Append.MessageID != ""
}
