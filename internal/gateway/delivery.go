package gateway

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// delivery handles what an attempt at an outgoing mail came to.
func (b *batch) delivery(d store.Delivery) error {
	m, ok, err := b.tx.Out(d.OutID)
	if err != nil || !ok {
		return err // settled and gone: our own copy was quicker
	}
	switch d.Problem {
	case store.HurdleEightBit, store.HurdleSize:
		if m.Kind == store.OutCopy {
			return b.restub(m, d.Problem)
		}
		if m.Originals != nil {
			return b.smaller(m)
		}
	}
	if err := b.told(m, d.Results...); err != nil {
		return err
	}
	for _, r := range d.Results {
		if err := b.travels(m, r); err != nil {
			return err
		}
	}
	if err := b.fileSent(&m, d.Results); err != nil {
		return err
	}
	if m.State == store.OutUnknown {
		return b.unknown(m)
	}
	if reached(d.Results) && m.State == store.OutQueued {
		return b.freshCopy(m)
	}
	return b.dropIfDone(m)
}

func reached(results []store.Recipient) bool {
	return slices.ContainsFunc(results, func(r store.Recipient) bool { return r.State == store.OutSent })
}

// freshCopy gives the transactions to come a copy address of their own: what
// comes back to an old one proves nothing about them.
func (b *batch) freshCopy(m store.OutMail) error {
	m.CopyNo++
	if err := b.ownAddress(&m); err != nil {
		return err
	}
	return b.tx.SetOut(m)
}

// Undelivered is a notice that reached nobody: `status` shows it.
type Undelivered struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
	Reply   string `json:"reply"`
}

// UndeliveredKey is the name under which the store keeps []Undelivered, the
// newest last.
const UndeliveredKey = "undelivered-notices"

// maxUndelivered bounds what is kept of them.
const maxUndelivered = 20

// noticeTold keeps a failed notice for status: a notice about a notice would
// be the beginning of a loop.
func (b *batch) noticeTold(m store.OutMail, r store.Recipient) error {
	var list []Undelivered
	if _, err := b.tx.Meta(UndeliveredKey, &list); err != nil {
		return err
	}
	switch r.State {
	case store.OutFailed:
		list = append(list, Undelivered{To: r.Address, Subject: m.Subject, Reply: r.Reply})
		if len(list) > maxUndelivered {
			list = list[len(list)-maxUndelivered:]
		}
	case store.OutSent:
		// Mail to this person arrives again.
		n := len(list)
		list = slices.DeleteFunc(list, func(u Undelivered) bool { return u.To == r.Address })
		if len(list) == n {
			return nil
		}
	}
	return b.tx.SetMeta(UndeliveredKey, list)
}

// dropIfDone removes a mail of which every recipient is settled.
func (b *batch) dropIfDone(m store.OutMail) error {
	for _, r := range m.Recipients {
		if r.State != store.OutSent && r.State != store.OutFailed {
			return nil
		}
	}
	return b.dropOut(m)
}

// unknown handles a mail that may or may not have been accepted.
func (b *batch) unknown(m store.OutMail) error {
	if b.tx.Returned(m.ID) {
		return b.proven(m)
	}
	if b.g.comesBack(m) {
		return nil // a later look at the mailbox decides
	}
	if m.Kind != store.OutAnswer {
		return b.again(m)
	}
	m.State = store.OutStopped
	if err := b.tx.SetOut(m); err != nil {
		return err
	}
	c, of, ok, err := b.home(m.Conversation, m.Event)
	if err != nil || !ok {
		return err
	}
	_, _, err = b.step(c, threads.UncertainIn{OutID: m.ID, Author: m.Author, Recipient: m.Recipients[0].Address, Of: of}, nil)
	return err
}

// comesBack reports whether a copy of this mail would come back.
func (g *Gateway) comesBack(m store.OutMail) bool {
	return m.OwnCopy != "" || g.ownCopy() == CopyByRelay
}

// returned handles our own copy: the relay took the mail, in the transaction
// that the copy's address names.
func (b *batch) returned(known threads.Known, found threads.Found, alias string) error {
	m, ok, err := b.tx.Out(known.OutID)
	if err != nil {
		return err
	}
	of := -1 // not known
	if found.CopyOf == m.ID {
		of = found.CopyNo
	} else if m.CopyNo == 0 {
		of = 0 // there has been one alone
	}
	switch {
	case ok && of != m.CopyNo:
		if err := b.lateCopy(m, of); err != nil {
			return err
		}
	case ok && m.State == store.OutUnknown:
		// What the attempt came to may still wait in the inbox, with the
		// recipients it settled: the proof stands in line behind it.
		if err := b.tx.MarkReturned(m.ID); err != nil {
			return err
		}
		again := &store.Delivery{OutID: m.ID, Attempt: m.Attempts, State: m.State}
		if err := b.tx.AddInbox(store.InboxRecord{At: b.now, Delivery: again}); err != nil {
			return err
		}
	case ok:
		// The attempt is still on its way, or a crash cut it off: what it
		// comes to is decided when its end is known.
		if err := b.tx.MarkReturned(m.ID); err != nil {
			return err
		}
	}
	if alias == "" || known.Conversation == 0 {
		return nil
	}
	c, ok, err := b.tx.Conversation(known.Conversation)
	if err != nil || !ok {
		return err
	}
	_, _, err = b.step(c, threads.CameBackIn{OutID: known.OutID, MessageID: known.MessageID, Alias: alias}, nil)
	return err
}

// lateCopy handles the copy of an attempt that has been given up: those it may
// have reached have the mail, and are not sent it again.
func (b *batch) lateCopy(m store.OutMail, of int) error {
	for i := range m.Recipients {
		r := &m.Recipients[i]
		open := r.State == store.OutQueued || r.State == store.OutUnknown
		if !open || !mayHave(m, of, r.Address) {
			continue
		}
		r.State, r.Reply = store.OutSent, "our own copy came back, late"
		if err := b.told(m, *r); err != nil {
			return err
		}
	}
	if err := b.tx.SetOut(m); err != nil {
		return err
	}
	if m.State == store.OutSending {
		return nil // delivery says when it has let go of it
	}
	return b.dropIfDone(m)
}

// mayHave reports whether the attempt with this copy number may have reached
// a recipient; of one whose number is not known, whether all may have.
func mayHave(m store.OutMail, of int, addr string) bool {
	if of >= 0 {
		return slices.Contains(m.Doubt[of], addr)
	}
	for _, list := range m.Doubt {
		if !slices.Contains(list, addr) {
			return false
		}
	}
	return len(m.Doubt) > 0
}

// proven marks an unknown mail sent, for the recipients the relay had
// accepted when DATA was sent: a copy proves these and no others.
func (b *batch) proven(m store.OutMail) error {
	open := false
	for i := range m.Recipients {
		r := &m.Recipients[i]
		if r.State == store.OutSent || r.State == store.OutFailed {
			continue
		}
		if r.State != store.OutUnknown || len(m.Accepted) > 0 && !slices.Contains(m.Accepted, r.Address) {
			open, r.State = true, store.OutQueued
			continue
		}
		r.State, r.Reply = store.OutSent, "our own copy came back"
		if err := b.told(m, *r); err != nil {
			return err
		}
	}
	if !open {
		return b.dropOut(m)
	}
	m.State, m.NextAttempt, m.Accepted = store.OutQueued, b.now, nil
	return b.freshCopy(m)
}

// caughtUp decides about unknown mails: a look at the mailbox that began long
// enough after the attempt saw everything, and no copy of them.
func (b *batch) caughtUp(c store.CaughtUp) error {
	if b.restored.Phase == store.RestoreGather || b.restored.Phase == store.RestoreReplay {
		return nil // copies may still wait to be read
	}
	list, err := b.tx.Unresolved()
	if err != nil {
		return err
	}
	for _, m := range list {
		if (c.Folder == b.g.cfg.Folder) != (m.OwnCopy != "") {
			continue // its copy comes to the other folder
		}
		if m.State != store.OutUnknown || c.Began.Before(m.AttemptEnded.Add(b.g.cfg.UnknownWait)) {
			continue
		}
		if b.tx.Returned(m.ID) {
			continue // its copy has come: the proof stands in line
		}
		if err := b.again(m); err != nil {
			return err
		}
	}
	return nil
}

// again queues a mail once more, with the Message-ID it has.
func (b *batch) again(m store.OutMail) error {
	var doubt []string
	for i := range m.Recipients {
		if r := &m.Recipients[i]; r.State == store.OutUnknown {
			r.State = store.OutQueued
			doubt = append(doubt, r.Address)
			if err := b.told(m, store.Recipient{Address: r.Address, State: "again", Reply: "no copy of it came back"}); err != nil {
				return err
			}
		}
	}
	m.Doubt = maps.Clone(m.Doubt)
	if m.Doubt == nil {
		m.Doubt = map[int][]string{}
	}
	m.Doubt[m.CopyNo] = doubt
	m.State, m.NextAttempt, m.Accepted = store.OutQueued, b.now.Add(againPause(b.g.cfg.Retry, m.Attempts)), nil
	return b.freshCopy(m)
}

// againPause is how long a mail waits whose attempts end unknown: a relay that
// takes each and breaks off every time would hand out copies without end. The
// second attempt is made at once.
func againPause(first time.Duration, attempts int) time.Duration {
	if attempts < 2 {
		return 0
	}
	return min(cmp.Or(first, time.Minute)<<min(attempts-2, 10), 4*time.Hour)
}

// sendAgain queues an uncertain answer once more, as its author decided.
func (b *batch) sendAgain(h store.Hold, by string) error {
	m, ok, err := b.tx.Out(h.OutID)
	if err != nil {
		return err
	}
	if ok {
		m.Deadline = b.now.Add(b.g.cfg.Deadline) // it has stood still while she was asked
		if err := b.again(m); err != nil {
			return err
		}
	}
	c, ok, err := b.tx.Conversation(h.Conversation)
	if err != nil || !ok {
		return err
	}
	_, _, err = b.step(c, threads.DiscardIn{Hold: h.ID, By: by, Again: true}, nil)
	return err
}

// giveUp leaves an uncertain answer as it is: gone out or not.
func (b *batch) giveUp(h store.Hold) error {
	m, ok, err := b.tx.Out(h.OutID)
	if err != nil || !ok {
		return err
	}
	return b.dropOut(m)
}

// bounce matches a delivery report to the mail of ours that it is about.
func (b *batch) bounce(l *letter, found threads.Found) (*store.Outcome, error) {
	m := &l.msg.Mail
	known, ok := b.bounced(m, found)
	if ok && known.Kind == threads.KnownNotice {
		return b.noticeBounced(l, known)
	}
	if !ok || known.Conversation == 0 {
		return b.recordListed(l, threads.ClassBounce)
	}
	c, ok, err := b.tx.Conversation(known.Conversation)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("a bounce names conversation %d, which is not there", known.Conversation)
	}
	n, named := c.N+1, false
	list := reported(m)
	failed := undelivered(list)
	for _, r := range list {
		if known.Kind == threads.KnownCopy {
			if err := b.bouncedDead(known, r); err != nil {
				return nil, err
			}
			if c, _, err = b.tx.Conversation(c.ID); err != nil { // it may have been handed on
				return nil, err
			}
		}
		in := threads.DeliveryIn{
			OutID: known.OutID, Answer: known.Kind == threads.KnownAnswer, Author: known.Engineer, Engineer: known.Engineer,
			Of: known.Event, Bounce: &r, MessageID: m.MessageID,
		}
		if r.Action == "failed" {
			in.Quiet, in.Also, named = named, failed[1:], true
		}
		if c, _, err = b.step(c, in, l); err != nil {
			return nil, err
		}
	}
	return b.filed(l, threads.KnownTheirs, c.ID, n, threads.ClassBounce)
}

// undelivered lists those a report says did not get the mail.
func undelivered(list []threads.BounceRecipient) (failed []threads.Undelivered) {
	for _, r := range list {
		if r.Action == "failed" {
			failed = append(failed, threads.DeliveryIn{Bounce: &r}.Failed())
		}
	}
	return failed
}

// noticeBounced keeps a notice that came back for status, as one that was
// refused.
func (b *batch) noticeBounced(l *letter, known threads.Known) (*store.Outcome, error) {
	for _, r := range reported(&l.msg.Mail) {
		if r.Action != "failed" {
			continue
		}
		if err := b.bouncedDead(known, r); err != nil {
			return nil, err
		}
		said := store.Recipient{Address: r.Address, State: store.OutFailed, Reply: firstLine(r.Diagnostic)}
		if err := b.noticeTold(store.OutMail{Subject: l.msg.Mail.Subject}, said); err != nil {
			return nil, err
		}
	}
	return b.recordUnseen(l, threads.ClassBounce)
}

// bouncedDead takes an engineer off duty whose address a report calls dead.
// Only she and her mail server were told the ids by which it was matched.
func (b *batch) bouncedDead(known threads.Known, r threads.BounceRecipient) error {
	if r.Action != "failed" || known.Engineer == "" {
		return nil
	}
	return b.deadAddress(known.Engineer, r.Status, r.Diagnostic)
}

// maxReported bounds the recipients taken from one report.
const maxReported = 20

func reported(m *threads.Mail) []threads.BounceRecipient {
	if m.Bounce == nil || len(m.Bounce.Recipients) == 0 {
		action := "failed"
		if m.Bounce != nil && m.Bounce.Action != "" {
			action = m.Bounce.Action
		}
		return []threads.BounceRecipient{{Action: action}}
	}
	list := slices.Clone(m.Bounce.Recipients[:min(len(m.Bounce.Recipients), maxReported)])
	for i := range list {
		if list[i].Action == "" {
			list[i].Action = m.Bounce.Action
		}
	}
	return list
}

// bounced finds the mail a report is about: by the address it came back to,
// else by the ids it returns.
func (b *batch) bounced(m *threads.Mail, found threads.Found) (threads.Known, bool) {
	ix := b.tx.Index()
	ids := []string{}
	if found.OutID != "" {
		ids = append(ids, b.g.names.MailID(b.g.minter, found.OutID))
	}
	if m.Bounce != nil {
		ids = append(ids, m.Bounce.OriginalMessageID)
		ids = append(ids, m.Bounce.References...)
	}
	ids = append(ids, m.InReplyTo...)
	ids = append(ids, m.References...)
	for _, id := range ids {
		for _, k := range ix.ID(id) {
			if k.OutID != "" {
				return k, true
			}
		}
	}
	return threads.Known{}, false
}
