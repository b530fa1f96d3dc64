package smtpout

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"postroom/internal/store"
)

// transaction is one SMTP transaction (RFC 5321 §3.3) for one mail.
type transaction struct {
	*Sender
	session *session
	result  *result
	seen    map[again]bool // why it was begun anew before

	from    string // the reverse-path used
	own     string // the path of our own copy that is asked for, "" for none
	open    bool   // the relay holds a transaction that is to be reset
	broken  bool   // the session is of no more use
	utf8    bool   // a path of it needs SMTPUTF8, and so may the header
	partial bool   // the relay did not accept all recipients

	said  bool  // DATA, in one group with the rest
	ready reply // the reply to it
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
	if a, ok := t.envelope(todo); !ok {
		return a
	}
	if len(r.accepted) == 0 {
		// A relay that wants the data of a mail to nobody gets none, and the
		// session is over: an empty mail could reach our own copy's address.
		t.broken = t.broken || t.ready.code == 354
		return againNot
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

// envelope says MAIL and RCPT for each recipient and our own copy, and takes
// in what the relay makes of them.
func (t *transaction) envelope(todo []target) (again, bool) {
	t.from = t.reversePath(t.result.job, t.seen[againFallback])
	t.result.from = t.from
	from, bad := pathOf(t.from)
	if bad == nil && from.utf8 && !t.session.utf8 {
		bad, t.result.hurdle = &needsUTF8, store.HurdleUTF8
	}
	if bad != nil {
		t.result.each(indexes(todo), store.OutFailed, *bad)
		return againNot, false
	}
	lines := t.commands(from, todo)
	together := t.session.pipelines && !t.lockstep.Load()
	alone := together && len(lines) == 2 && !t.partial && t.result.ownRefused == ""
	if alone {
		lines = append(lines, "DATA")
	}
	replies := t.session.wire.ask(lines, together, noUse())
	if together {
		t.stumbled(replies)
	}
	if alone && len(replies) == len(lines) {
		t.said, t.ready, replies = true, replies[2], replies[:2]
	}
	if a, ok := t.mail(todo, replies[0]); !ok {
		return a, false
	}
	if a, ok := t.recipients(todo, replies[1:]); !ok || t.own == "" {
		return a, ok
	}
	return t.ownCopy(replies[min(len(replies), 1+len(todo)):])
}

// commands writes the commands that stand before DATA.
func (t *transaction) commands(from path, todo []target) []string {
	m := &t.result.job.mail
	t.ownPath(m)
	t.utf8 = from.utf8
	lines := make([]string, 1, len(todo)+3)
	for _, to := range todo {
		t.utf8 = t.utf8 || to.path.utf8
		lines = append(lines, "RCPT TO:<"+to.path.text+">")
	}
	if t.own != "" {
		lines = append(lines, "RCPT TO:<"+t.own+">")
	}
	mail := append(make([]byte, 0, 128), "MAIL FROM:<"...)
	mail = append(append(mail, from.text...), '>')
	if t.session.sizes {
		mail = strconv.AppendInt(append(mail, " SIZE="...), m.Size, 10) // RFC 1870 §4
	}
	if m.EightBit || t.utf8 && m.UTF8Header {
		mail = append(mail, " BODY=8BITMIME"...) // RFC 6152 §2
	}
	if t.utf8 {
		mail = append(mail, " SMTPUTF8"...) // RFC 6531 §3.4
	}
	lines[0] = string(mail)
	return lines
}

// ownPath chooses the path of our own copy; one that cannot be written counts
// as refused.
func (t *transaction) ownPath(m *store.OutMail) {
	t.own = ""
	if m.OwnCopy == "" {
		return
	}
	own, bad := pathOf(m.OwnCopy)
	if bad == nil && own.utf8 {
		bad = &needsUTF8
	}
	if bad != nil {
		t.result.ownRefused = bad.String()
		return
	}
	t.own = own.text
}

// noUse returns what reports whether, behind this reply to the n-th command,
// nothing more of the transaction is worth saying: MAIL was refused, or the
// transaction is full.
func noUse() func(n int, r reply) bool {
	accepted := 0
	return func(n int, r reply) bool {
		if n == 0 {
			return !r.taken()
		}
		if r.taken() {
			accepted++
		}
		return r.broken() && !r.taken() || r.tooMany() && accepted > 0
	}
}

// stumbled notices a relay that left commands of a group unanswered: it is
// spoken to one command at a time from then on.
func (t *transaction) stumbled(replies []reply) {
	last := replies[len(replies)-1]
	if len(replies) > 1 && errors.Is(last.cause, os.ErrDeadlineExceeded) && !t.lockstep.Swap(true) {
		t.log.Warn("the relay did not answer every command of a group; it gets one at a time from now on", "err", last)
	}
}

// mail takes in the reply to MAIL.
func (t *transaction) mail(todo []target, why reply) (again, bool) {
	if why.taken() {
		t.open = true
		return againNot, true
	}
	// What was said behind it in the same group is refused as well; a DATA that
	// is not, is for a transaction that is not there.
	t.broken = t.ready.code == 354
	return t.mailRefused(todo, why, fmt.Errorf("MAIL: %w", why))
}

func (t *transaction) mailRefused(todo []target, why reply, err error) (again, bool) {
	r := t.result
	lost := why.broken() || why.closing() || why.needsLogin() // the login of a session ends with its token, or before
	t.broken = t.broken || lost
	switch {
	case lost && t.session.used && !t.seen[againRedial]:
		return againRedial, false
	case lost || why.temporary():
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

// recipients takes in the replies to RCPT. There are fewer than recipients
// where the transaction was full or the session ended.
func (t *transaction) recipients(todo []target, replies []reply) (again, bool) {
	r := t.result
	full := false
	for i, why := range replies[:min(len(replies), len(todo))] {
		if why.taken() {
			r.accepted = append(r.accepted, todo[i].index)
			continue
		}
		t.partial = true
		switch {
		case why.broken() || why.closing():
			t.broke(indexes(todo), why, fmt.Errorf("RCPT: %w", why))
			return againNot, false
		case t.mayFallBack(why, false):
			t.broken = t.ready.code == 354
			return againFallback, false
		case why.tooMany() && len(r.accepted) > 0:
			full = true
		case why.temporary():
			r.each([]int{todo[i].index}, store.OutQueued, why)
		default:
			r.each([]int{todo[i].index}, store.OutFailed, why)
		}
	}
	if full {
		return t.full(len(r.accepted))
	}
	return againNot, true
}

// full handles a transaction with n recipients that takes no more. Our own
// copy needs a place in it too.
func (t *transaction) full(n int) (again, bool) {
	t.session.rcptMax = n
	if t.own != "" && n > 1 && !t.seen[againFewer] {
		return againFewer, false
	}
	t.result.more = true
	return againNot, true
}

// ownCopy takes in the reply to the RCPT of our own copy, if it came to that.
// A refusal is no failure of the mail, but an unknown end could not be cleared
// up by a copy then.
func (t *transaction) ownCopy(replies []reply) (again, bool) {
	r := t.result
	if len(replies) == 0 {
		r.ownRefused = "the relay takes no more recipients at once"
		return againNot, true
	}
	why := replies[0]
	switch {
	case why.taken():
	case why.broken() || why.closing():
		t.broke(r.accepted, why, fmt.Errorf("RCPT for our own copy: %w", why))
		return againNot, false
	case why.tooMany() && len(r.accepted) > 1 && !t.seen[againFewer]:
		t.session.rcptMax = len(r.accepted)
		return againFewer, false
	default:
		r.ownRefused = why.String()
	}
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
		m, ok, err := tx.OutRecord(r.job.mail.ID)
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
		r.each(r.accepted, store.OutQueued, broke(fmt.Errorf("recording who was accepted: %w", err)))
		return false
	}
	return true
}

// data says DATA, if it was not said yet, the mail and the final dot.
func (t *transaction) data(ctx context.Context) again {
	r, w := t.result, t.session.wire
	if !t.said {
		t.ready = w.say("DATA")
	}
	if t.ready.code != 354 {
		return t.dataRefused(t.ready, fmt.Errorf("DATA: %w", t.ready))
	}
	t.open = false
	body, m := dots{w: w}, r.job.mail
	m.UTF8Header = m.UTF8Header && t.utf8
	if err := t.render(ctx, &body, m); err != nil || body.err != nil {
		// Without its final dot the relay cannot take it for a mail.
		if body.err != nil {
			t.broke(r.accepted, broke(body.err), fmt.Errorf("sending the mail: %w", body.err))
			return againNot
		}
		t.broken, r.cut = true, ctx.Err() != nil
		r.each(r.accepted, store.OutQueued, broke(err))
		return againNot
	}
	why := t.submit(&body)
	if why.ok() {
		r.each(r.accepted, store.OutSent, why)
		return againNot
	}
	return t.notAccepted(why, fmt.Errorf("the final dot: %w", why))
}

// submit says the final dot and waits for what becomes of the mail.
func (t *transaction) submit(body *dots) reply {
	if err := body.finish(); err != nil {
		return broke(err)
	}
	return t.session.wire.reply(t.cfg.Timeouts.Submit)
}

// notAccepted handles what is no success behind the final dot.
func (t *transaction) notAccepted(why reply, err error) again {
	r := t.result
	t.open = true
	if why.broken() && !t.session.wire.low.incomplete {
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
