package servers

import (
	"bytes"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// Message is one mail in a mailbox.
type Message struct {
	UID   uint32
	Flags []string // system flags as RFC 9051 writes them, keywords in lower case
	Time  time.Time
	Raw   []byte // with CRLF, as it was delivered or appended
}

// Status is what is known of a mailbox without looking into it.
type Status struct {
	Messages             int
	UIDValidity, UIDNext uint32
}

// literal is an imap.LiteralReader over bytes.
type literal struct{ *bytes.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

// Append puts raw into a folder as it is, as APPEND does; a zero t is now. It
// returns the UID.
func (w *World) Append(addr, folder string, raw []byte, flags []string, t time.Time) (uint32, error) {
	acct := w.account(addr)
	if acct == nil {
		return 0, fmt.Errorf("appending to %s of %s: no such account", folder, addr)
	}
	opts := &imap.AppendOptions{Time: t}
	for _, f := range flags {
		opts.Flags = append(opts.Flags, imap.Flag(f))
	}
	data, err := acct.user.Append(folder, literal{bytes.NewReader(raw)}, opts)
	if err != nil {
		return 0, fmt.Errorf("appending to %s of %s: %w", folder, addr, err)
	}
	w.changes.fire()
	return uint32(data.UID), nil
}

// Messages returns what is in a folder, by UID.
func (w *World) Messages(addr, folder string) ([]Message, error) {
	return w.MessagesFrom(addr, folder, 1)
}

// MessagesFrom is Messages without those below the UID first.
func (w *World) MessagesFrom(addr, folder string, first uint32) ([]Message, error) {
	acct := w.account(addr)
	if acct == nil {
		return nil, fmt.Errorf("reading %s of %s: no such account", folder, addr)
	}
	list, err := w.peeks.messages(acct, folder, first)
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", folder, addr, err)
	}
	return list, nil
}

// Status counts a folder; it is cheap.
func (w *World) Status(addr, folder string) (Status, error) {
	acct := w.account(addr)
	if acct == nil {
		return Status{}, fmt.Errorf("counting %s of %s: no such account", folder, addr)
	}
	data, err := acct.user.Status(folder, &imap.StatusOptions{NumMessages: true, UIDNext: true, UIDValidity: true})
	if err != nil {
		return Status{}, fmt.Errorf("counting %s of %s: %w", folder, addr, err)
	}
	return Status{Messages: int(*data.NumMessages), UIDValidity: data.UIDValidity, UIDNext: uint32(data.UIDNext)}, nil
}

// SetFlags replaces the flags of one message, as a person with a mail client
// would.
func (w *World) SetFlags(addr, folder string, uid uint32, flags ...string) error {
	store := &imap.StoreFlags{Op: imap.StoreFlagsSet, Silent: true}
	for _, f := range flags {
		store.Flags = append(store.Flags, imap.Flag(f))
	}
	return w.inFolder("setting flags in", addr, folder, func(sess *imapmemserver.UserSession) error {
		return sess.Store(nil, imap.UIDSetNum(imap.UID(uid)), store, nil)
	})
}

// Remove deletes messages for good.
func (w *World) Remove(addr, folder string, uids ...uint32) error {
	var set imap.UIDSet
	for _, uid := range uids {
		set.AddNum(imap.UID(uid))
	}
	return w.inFolder("removing from", addr, folder, func(sess *imapmemserver.UserSession) error {
		del := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
		if err := sess.Store(nil, set, del, nil); err != nil {
			return err
		}
		return sess.Expunge(nil, &set)
	})
}

// inFolder does something with a folder selected, without a client.
func (w *World) inFolder(what, addr, folder string, do func(*imapmemserver.UserSession) error) error {
	acct := w.account(addr)
	if acct == nil {
		return fmt.Errorf("%s %s of %s: no such account", what, folder, addr)
	}
	sess := imapmemserver.NewUserSession(acct.user)
	if _, err := sess.Select(folder, &imap.SelectOptions{}); err != nil {
		return fmt.Errorf("%s %s of %s: %w", what, folder, addr, err)
	}
	defer sess.Close()
	if err := do(sess); err != nil {
		return fmt.Errorf("%s %s of %s: %w", what, folder, addr, err)
	}
	w.changes.fire()
	return nil
}

// RecreateMailbox deletes a folder and makes it anew, so that its UIDVALIDITY
// changes and its UIDs begin at 1 (RFC 9051 §2.3.1.1). With keep the messages
// are put back in their order. Clients that had it selected are cut off.
func (w *World) RecreateMailbox(addr, folder string, keep bool) error {
	acct := w.account(addr)
	if acct == nil {
		return fmt.Errorf("recreating %s of %s: no such account", folder, addr)
	}
	var kept []Message
	if keep {
		var err error
		if kept, err = w.Messages(addr, folder); err != nil {
			return fmt.Errorf("recreating: %w", err)
		}
	}
	if err := acct.user.Delete(folder); err != nil {
		return fmt.Errorf("recreating %s of %s: %w", folder, addr, err)
	}
	if err := acct.user.Create(folder, nil); err != nil {
		return fmt.Errorf("recreating %s of %s: %w", folder, addr, err)
	}
	for _, m := range kept {
		if _, err := w.Append(addr, folder, m.Raw, m.Flags, m.Time); err != nil {
			return fmt.Errorf("recreating: %w", err)
		}
	}
	w.cutSelected(acct, folder)
	w.changes.fire()
	return nil
}
