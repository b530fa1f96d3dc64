package smtpout

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/emersion/go-smtp"

	"postroom/internal/store"
)

// transaction is one SMTP transaction (RFC 5321 §3.3) for one mail.
type transaction struct {
	*Sender
	session *session
	result  *result
	seen    map[again]bool // why it was begun anew before

	from    string // the reverse-path used
	open    bool   // the relay holds a transaction that is to be reset
	broken  bool   // the session is of no more use
	partial bool   // the relay did not accept all recipients
}

// run takes the mail through the transaction and writes what it came to into
// the result, or returns why it is to be begun anew.
func (t *transaction) run(ctx context.Context) again {
	r := t.result
	if t.hindered() {
		return againNot
	}
	todo := t.todo()
	if len(todo) == 0 {
		return againNot
	}
	if a, ok := t.mail(todo); !ok {
		return a
	}
	if a, ok := t.recipients(todo); !ok {
		return a
	}
	if len(r.accepted) == 0 {
		return againNot
	}
	if a, ok := t.ownCopy(); !ok {
		return a
	}
	if !t.recordAccepted() {
		return againNot
	}
	return t.data(ctx)
}

// hindered reports whether the relay cannot take the mail as it is composed.
func (t *transaction) hindered() bool {
	m := &t.result.job.mail
	switch {
	case m.EightBit && !t.session.eightBit:
		t.result.hindered(store.HurdleEightBit, reply{code: 554, enhanced: "5.6.3", words: "the relay takes no 8-bit mail"})
	case t.session.maxSize > 0 && m.Size > t.session.maxSize:
		t.result.hindered(store.HurdleSize, reply{code: 552, enhanced: "5.3.4",
			words: fmt.Sprintf("the mail has %d octets, the relay takes %d", m.Size, t.session.maxSize)})
	default:
		return false
	}
	return true
}

func (r *result) hindered(h store.DeliveryHurdle, why reply) { r.hurdle, r.last = h, why }

// target is a recipient to ask for.
type target struct {
	index int
	path  path
}

// todo lists the recipients to ask for, as many as the relay is known to take
// at once, and settles those that cannot be written in a command.
func (t *transaction) todo() []target {
	r := t.result
	r.accepted, r.more = nil, false
	var list []target
	for i, rc := range r.job.mail.Recipients {
		if rc.State != store.OutQueued || r.verdicts[i].state == store.OutFailed {
			continue
		}
		r.verdicts[i] = verdict{}
		p, bad := pathOf(rc.Address)
		if bad == nil && p.utf8 && !t.session.utf8 {
			bad, r.hurdle = &needsUTF8, store.HurdleUTF8
		}
		if bad != nil {
			r.verdicts[i] = verdict{store.OutFailed, *bad}
			r.last, t.partial = *bad, true
			continue
		}
		list = append(list, target{i, p})
	}
	most := t.session.rcptMax
	if most > 1 && r.job.mail.OwnCopy != "" {
		most--
	}
	if most > 0 && len(list) > most {
		list, r.more, t.partial = list[:most], true, true
	}
	return list
}

// mail says MAIL.
func (t *transaction) mail(todo []target) (again, bool) {
	m := &t.result.job.mail
	t.from = t.reversePath(m, t.seen[againFallback])
	from, bad := pathOf(t.from)
	if bad != nil {
		t.result.each(indexes(todo), store.OutFailed, *bad)
		return againNot, false
	}
	opts := &smtp.MailOptions{Size: m.Size, UTF8: from.utf8}
	for _, to := range todo {
		opts.UTF8 = opts.UTF8 || to.path.utf8
	}
	err := t.session.client.Mail(from.text, opts)
	if err == nil {
		t.open = true
		return againNot, true
	}
	return t.mailRefused(todo, readReply(err), fmt.Errorf("MAIL: %w", err))
}

func (t *transaction) mailRefused(todo []target, why reply, err error) (again, bool) {
	r := t.result
	t.broken = why.broken() || why.closing()
	switch {
	case t.broken && t.session.used && !t.seen[againRedial]:
		return againRedial, false
	case t.broken || why.temporary() || why.needsLogin():
		r.back(troubleRelay, err)
		r.cut = why.broken()
	case why.tooLarge():
		r.hindered(store.HurdleSize, why)
	case t.mayFallBack(why, true):
		return againFallback, false
	default:
		r.each(indexes(todo), store.OutFailed, why)
	}
	return againNot, false
}

func indexes(list []target) []int {
	all := make([]int, len(list))
	for i := range list {
		all[i] = list[i].index
	}
	return all
}

// recipients says RCPT for each.
func (t *transaction) recipients(todo []target) (again, bool) {
	r := t.result
	for _, to := range todo {
		err := t.session.client.Rcpt(to.path.text, nil)
		if err == nil {
			r.accepted = append(r.accepted, to.index)
			continue
		}
		t.partial = true
		why := readReply(err)
		switch {
		case why.broken() || why.closing():
			t.broke(indexes(todo), why, fmt.Errorf("RCPT: %w", err))
			return againNot, false
		case t.mayFallBack(why, false):
			return againFallback, false
		case why.tooMany() && len(r.accepted) > 0:
			return t.full(len(r.accepted))
		case why.temporary():
			r.each([]int{to.index}, store.OutQueued, why)
		default:
			r.each([]int{to.index}, store.OutFailed, why)
		}
	}
	return againNot, true
}

// full handles a transaction with n recipients that takes no more. Our own
// copy needs a place in it too.
func (t *transaction) full(n int) (again, bool) {
	t.session.rcptMax = n
	if t.result.job.mail.OwnCopy != "" && n > 1 && !t.seen[againFewer] {
		return againFewer, false
	}
	t.result.more = true
	return againNot, true
}

// ownCopy asks for our own copy. A refusal is no failure of the mail, but an
// unknown end could not be cleared up by a copy then.
func (t *transaction) ownCopy() (again, bool) {
	r := t.result
	if r.job.mail.OwnCopy == "" {
		return againNot, true
	}
	own, bad := pathOf(r.job.mail.OwnCopy)
	if bad == nil && own.utf8 {
		bad = &needsUTF8
	}
	if bad != nil {
		r.ownRefused = bad.String()
		return againNot, true
	}
	err := t.session.client.Rcpt(own.text, nil)
	if err == nil {
		return againNot, true
	}
	why := readReply(err)
	switch {
	case why.broken() || why.closing():
		t.broke(r.accepted, why, fmt.Errorf("RCPT for our own copy: %w", err))
		return againNot, false
	case why.tooMany() && len(r.accepted) > 1 && !t.seen[againFewer]:
		t.session.rcptMax = len(r.accepted)
		return againFewer, false
	}
	r.ownRefused = why.String()
	return againNot, true
}

// broke handles a session that ended before the mail can have been accepted.
// The attempt counts: it may be this mail that ends the sessions.
func (t *transaction) broke(which []int, why reply, err error) {
	r := t.result
	t.broken, r.cut = true, why.broken()
	r.each(which, store.OutQueued, why)
	r.err, r.trouble = err, troubleSuspect
	if why.closing() {
		r.trouble = troubleRelay
	}
}

// errNotOurs says that somebody changed a mail while it was being sent.
var errNotOurs = errors.New("the mail was taken out of the sender's hands")

// recordAccepted commits which recipients the relay accepted, when these are
// not all: if the end of the attempt stays unknown, a copy that comes back
// proves these and no others.
func (t *transaction) recordAccepted() bool {
	r := t.result
	if r.job.direct || !t.partial && r.ownRefused == "" {
		return true
	}
	err := t.store.Update(func(tx *store.Tx) error {
		m, ok, err := tx.Out(r.job.mail.ID)
		if err != nil {
			return err
		}
		if !ok || !claimedBy(&m, r.job) {
			return errNotOurs
		}
		m.Accepted = nil
		for _, i := range r.accepted {
			m.Accepted = append(m.Accepted, m.Recipients[i].Address)
		}
		if r.ownRefused != "" {
			m.OwnCopy, m.OwnRefused = "", r.ownRefused
		}
		return tx.SetOut(m)
	})
	if err != nil {
		r.each(r.accepted, store.OutQueued, reply{words: clean("recording who was accepted: " + err.Error())})
		return false
	}
	return true
}

// data says DATA, the mail and the final dot.
func (t *transaction) data(ctx context.Context) again {
	r := t.result
	w, err := t.session.client.Data()
	if err != nil {
		return t.dataRefused(readReply(err), fmt.Errorf("DATA: %w", err))
	}
	t.open = false
	body := &bodyWriter{w: w}
	if err := t.render(ctx, body, r.job.mail); err != nil {
		// Without its final dot the relay cannot take it for a mail.
		if body.err != nil {
			t.broke(r.accepted, readReply(body.err), fmt.Errorf("sending the mail: %w", body.err))
			return againNot
		}
		t.broken, r.cut = true, ctx.Err() != nil
		r.each(r.accepted, store.OutQueued, readReply(err))
		return againNot
	}
	t.session.conn.ending = true
	resp, err := w.CloseWithResponse()
	t.session.conn.ending = false
	if err == nil {
		r.each(r.accepted, store.OutSent, reply{code: 250, words: clean(resp.StatusText)})
		return againNot
	}
	return t.notAccepted(readReply(err), fmt.Errorf("the final dot: %w", err))
}

// notAccepted handles what is no 250 behind the final dot.
func (t *transaction) notAccepted(why reply, err error) again {
	r := t.result
	t.open = true
	if why.ok() {
		r.each(r.accepted, store.OutSent, why)
		return againNot
	}
	if why.broken() && !t.session.conn.incomplete {
		r.end, r.last, r.err = endUnknown, why, err
		r.trouble, r.cut, t.broken = troubleSuspect, true, true
		return againNot
	}
	return t.dataRefused(why, err)
}

// dataRefused handles a mail that was certainly not accepted at or behind
// DATA.
func (t *transaction) dataRefused(why reply, err error) again {
	r := t.result
	switch {
	case why.broken() || why.closing():
		t.broke(r.accepted, why, err)
	case why.temporary():
		r.each(r.accepted, store.OutQueued, why)
		r.trouble, r.err = troubleSuspect, err
	case t.mayFallBack(why, false):
		return againFallback
	case why.tooLarge():
		r.hindered(store.HurdleSize, why)
	default:
		r.each(r.accepted, store.OutFailed, why)
	}
	return againNot
}

// bodyWriter tells an error of the connection from one of the renderer.
type bodyWriter struct {
	w   io.Writer
	err error
}

func (b *bodyWriter) Write(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.w.Write(p)
	b.err = err
	return n, err
}
