package servers

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// peer is where a mail came from, for its Received line.
type peer struct{ helo, addr string }

// Deliver puts a mail into the INBOX of an account as if it had come in from
// elsewhere: with Return-Path, Delivered-To and Received on top, without SMTP
// and without a Transaction. From may be empty: the null sender.
func (w *World) Deliver(from, to string, raw []byte) error {
	acct, _ := w.recipient(to)
	if acct == nil {
		return fmt.Errorf("delivering to %s: no such account", to)
	}
	if strings.ContainsAny(from, "\r\n\x00<>") {
		return fmt.Errorf("delivering from %q: not an address", from)
	}
	trace := w.trace(from, to, w.queueID(), "SMTP", peer{helo: "mx.invalid", addr: "mx.invalid:25"}, time.Now())
	if err := w.deliver(acct, trace, raw); err != nil {
		return fmt.Errorf("delivering to %s: %w", to, err)
	}
	w.changes.fire()
	return nil
}

// accept delivers a submitted mail to each local recipient and records it. It
// returns the queue id.
func (w *World) accept(t Transaction, from peer) (string, error) {
	t.ID = w.queueID()
	raw := t.Raw
	if w.opts.RewriteMessageIDs {
		t.Rewritten = w.newID(raw)
		raw = rewriteMessageID(raw, t.Rewritten)
	}
	for _, to := range t.To {
		acct, _ := w.recipient(to)
		if acct == nil {
			continue // relayed
		}
		if w.takeSMTP(AtDelivery, to) != nil {
			continue // lost
		}
		if err := w.deliver(acct, w.trace(t.From, to, t.ID, t.with(), from, t.Time), raw); err != nil {
			return "", err
		}
	}
	w.mu.Lock()
	w.transactions = append(w.transactions, t)
	w.mu.Unlock()
	w.changes.fire()
	return t.ID, nil
}

// newID is the Message-ID a relay puts in place of a mail's own. It follows
// from the mail and from how often that came, not from what else is under way.
func (w *World) newID(raw []byte) string {
	sum := sha256.Sum256(raw)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rewritten[sum]++
	return fmt.Sprintf("<%x.%d@%s>", sum[:8], w.rewritten[sum], w.opts.Host)
}

func (w *World) queueID() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queued++
	return fmt.Sprintf("Q%06d", w.queued)
}

func (w *World) deliver(acct *account, trace string, raw []byte) error {
	full := append([]byte(trace), raw...)
	_, err := acct.user.Append("INBOX", literal{bytes.NewReader(full)}, &imap.AppendOptions{})
	return err
}

// with is the protocol name of the Received line (RFC 3848).
func (t *Transaction) with() string {
	name := "ESMTP"
	if t.TLS {
		name += "S"
	}
	if t.User != "" {
		name += "A"
	}
	return name
}

// trace is what a final delivery puts on top of a mail (RFC 5321 §4.4).
// Addresses and the client's name are free of CR and LF: the SMTP library and
// Deliver see to that.
func (w *World) trace(from, to, id, with string, p peer, at time.Time) string {
	return fmt.Sprintf("Return-Path: <%s>\r\nDelivered-To: %s\r\n"+
		"Received: from %s (%s)\r\n\tby %s with %s id %s\r\n\tfor <%s>; %s\r\n",
		from, to, p.helo, p.addr, w.opts.Host, with, id, to, at.Format(time.RFC1123Z))
}

// rewriteMessageID replaces the Message-ID field, folded or not, or adds one.
func rewriteMessageID(raw []byte, id string) []byte {
	head, body := raw, []byte(nil)
	if i := bytes.Index(raw, []byte("\r\n\r\n")); i >= 0 {
		head, body = raw[:i+2], raw[i+2:]
	}
	out := []byte("Message-ID: " + id + "\r\n")
	drop := false
	for line := range bytes.SplitAfterSeq(head, []byte("\r\n")) {
		folded := len(line) > 0 && (line[0] == ' ' || line[0] == '\t')
		if !folded {
			name, _, _ := bytes.Cut(line, []byte(":"))
			drop = strings.EqualFold(strings.TrimSpace(string(name)), "Message-ID")
		}
		if !drop {
			out = append(out, line...)
		}
	}
	return append(out, body...)
}
