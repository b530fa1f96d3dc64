package mailtest

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Mailboxes are the mailboxes of one IMAP server, as its users' own clients
// see them.
type Mailboxes struct {
	IMAP  string // address: plain text
	users []User
}

// Message is one mail in a mailbox.
type Message struct {
	UID   uint32
	Flags []string
	Time  time.Time // INTERNALDATE
	Raw   []byte
}

// login opens a session of a user with the folder selected; wake, if not nil,
// is told of new mail while idling.
func (m *Mailboxes) login(address, folder string, wake chan struct{}) (*imapclient.Client, error) {
	var password string
	for _, u := range m.users {
		if u.Address == address {
			password = u.Password
		}
	}
	conn, err := net.DialTimeout("tcp", m.IMAP, dialTimeout)
	if err != nil {
		return nil, err
	}
	opts := &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(*imapclient.UnilateralDataMailbox) {
			select {
			case wake <- struct{}{}:
			default: // also when wake is nil
			}
		},
	}}
	c := imapclient.New(conn, opts)
	if err := c.Login(address, password).Wait(); err != nil {
		c.Close()
		return nil, fmt.Errorf("logging in as %s: %w", address, err)
	}
	if _, err := c.Select(folder, nil).Wait(); err != nil {
		c.Close()
		return nil, fmt.Errorf("selecting %s of %s: %w", folder, address, err)
	}
	return c, nil
}

// Messages returns what is in a folder, by UID.
func (m *Mailboxes) Messages(address, folder string) ([]Message, error) {
	c, err := m.login(address, folder, nil)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return fetchAll(c)
}

func fetchAll(c *imapclient.Client) ([]Message, error) {
	uids, err := c.UIDSearch(&imap.SearchCriteria{}, nil).Wait()
	if err != nil {
		return nil, fmt.Errorf("searching: %w", err)
	}
	all := uids.AllUIDs()
	if len(all) == 0 {
		return nil, nil
	}
	section := &imap.FetchItemBodySection{Peek: true}
	found, err := c.Fetch(imap.UIDSetNum(all...), &imap.FetchOptions{
		UID: true, Flags: true, InternalDate: true,
		BodySection: []*imap.FetchItemBodySection{section},
	}).Collect()
	if err != nil {
		return nil, fmt.Errorf("fetching: %w", err)
	}
	list := make([]Message, 0, len(found))
	for _, data := range found {
		msg := Message{UID: uint32(data.UID), Time: data.InternalDate, Raw: data.FindBodySection(section)}
		for _, f := range data.Flags {
			msg.Flags = append(msg.Flags, string(f))
		}
		list = append(list, msg)
	}
	return list, nil
}

// Wait returns the messages of a folder as soon as cond is true of them. It
// asks at once and whenever the server announces something.
func (m *Mailboxes) Wait(ctx context.Context, address, folder string, cond func([]Message) bool) ([]Message, error) {
	wake := make(chan struct{}, 1)
	c, err := m.login(address, folder, wake)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	for {
		list, err := fetchAll(c)
		if err != nil || cond(list) {
			return list, err
		}
		if err := idle(ctx, c, wake); err != nil {
			return list, fmt.Errorf("waiting for mail in %s of %s (%d there): %w", folder, address, len(list), err)
		}
	}
}

// idle returns when wake is told or ctx ends.
func idle(ctx context.Context, c *imapclient.Client, wake chan struct{}) error {
	cmd, err := c.Idle()
	if err != nil {
		return err
	}
	select {
	case <-wake:
	case <-c.Closed():
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := cmd.Close(); err != nil {
		return err
	}
	return cmd.Wait()
}

// Append puts a mail into a folder over IMAP; a zero t is now.
func (m *Mailboxes) Append(address, folder string, raw []byte, flags []string, t time.Time) error {
	c, err := m.login(address, "INBOX", nil)
	if err != nil {
		return err
	}
	defer c.Close()
	opts := &imap.AppendOptions{Time: t}
	for _, f := range flags {
		opts.Flags = append(opts.Flags, imap.Flag(f))
	}
	cmd := c.Append(folder, int64(len(raw)), opts)
	if _, err := cmd.Write(raw); err != nil {
		return fmt.Errorf("appending to %s of %s: %w", folder, address, err)
	}
	if err := cmd.Close(); err != nil {
		return fmt.Errorf("appending to %s of %s: %w", folder, address, err)
	}
	if _, err := cmd.Wait(); err != nil {
		return fmt.Errorf("appending to %s of %s: %w", folder, address, err)
	}
	return nil
}

// Do runs f in a session of a user with the folder selected.
func (m *Mailboxes) Do(address, folder string, f func(c *imapclient.Client) error) error {
	c, err := m.login(address, folder, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	return f(c)
}
