package gateway

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// The verbs of admin requests.
const (
	VerbAssign    = "assign"    // conversation, who
	VerbClose     = "close"     // conversation
	VerbNote      = "note"      // conversation, text
	VerbOriginals = "originals" // conversation, who: an engineer, or an admin's address
	VerbRelease   = "release"   // hold
	VerbDiscard   = "discard"   // hold
	VerbRetry     = "retry"     // aside: the record is tried again

	VerbDistribute = "distribute" // recorded: the mail is fetched and handed out

	VerbOutRetry = "outbox-retry" // out: the mail is tried at once
	VerbOutHold  = "outbox-hold"  // out: it stays until it is retried or dropped
	VerbOutDrop  = "outbox-drop"  // out: it is given up
	VerbAway     = "away"         // who, until (optional): the engineer is off duty
	VerbBack     = "back"         // who: the engineer's absence that is not in the file ends

	VerbTrustReset = "trust-reset" // who: mail from her need not be vouched for any more
)

// Ask puts an admin's request into the inbox and waits until it has been
// acted on. It may be called from any goroutine while Run runs.
func (g *Gateway) Ask(ctx context.Context, req store.AdminRequest) error {
	done := make(chan error, 1)
	g.mu.Lock()
	g.waiters[req.ID] = done
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		delete(g.waiters, req.ID)
		g.mu.Unlock()
	}()
	err := g.st.Update(func(tx *store.Tx) error {
		return tx.AddInbox(store.InboxRecord{At: g.now().UTC(), Admin: &req})
	})
	if err != nil {
		return fmt.Errorf("queueing the request: %w", err)
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// admin acts on a request.
func (b *batch) admin(req store.AdminRequest) error {
	if err := b.asked(req); err != nil {
		return err
	}
	if err := b.outcome(req, nil); err != nil {
		return err
	}
	b.after = append(b.after, func() {
		b.g.log.Info("admin", "by", req.By, "verb", req.Verb)
		b.g.answer(req.ID, nil)
	})
	return nil
}

// refuse ends a request that cannot be done, once what it had begun is rolled
// back. It is not set aside: its error is for the person who asked.
func (g *Gateway) refuse(r store.InboxRecord, cause error) error {
	err := g.st.Update(func(tx *store.Tx) error {
		b := &batch{g: g, tx: tx, now: g.now().UTC().Round(0), rot: g.rot}
		if err := b.outcome(*r.Admin, cause); err != nil {
			return err
		}
		return tx.DropInbox(r.Seq)
	})
	if err != nil {
		return err
	}
	g.log.Info("admin", "by", r.Admin.By, "verb", r.Admin.Verb, "err", firstLine(cause.Error()))
	g.answer(r.Admin.ID, cause)
	return nil
}

func (g *Gateway) answer(id string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if done, ok := g.waiters[id]; ok {
		done <- err
		delete(g.waiters, id) // one answer each
	}
}

func (b *batch) asked(req store.AdminRequest) error {
	if b.g.restoring() {
		return errors.New("the state was put back from a backup, and the mailbox is still being read again; nothing is changed by hand until that is done")
	}
	switch req.Verb {
	case VerbAssign, VerbClose, VerbOriginals:
		c, err := b.namedConversation(req)
		if err != nil {
			return err
		}
		_, _, err = b.step(c, threads.AdminIn{By: req.By, Verb: req.Verb, Engineer: req.Args["who"]}, nil)
		return err
	case VerbNote:
		return b.adminNote(req)
	case VerbTrustReset:
		return b.resetTrust(req.Args["who"])
	case VerbRelease, VerbDiscard:
		return b.adminHold(req)
	case VerbAway, VerbBack:
		return b.adminPresence(req)
	case VerbOutRetry, VerbOutHold, VerbOutDrop:
		return b.outbox(req)
	case VerbDistribute:
		return b.distribute(req.Args["recorded"], req.By)
	case VerbRetry:
		return b.retry(req.Args["aside"])
	}
	return fmt.Errorf("%q is no request this version knows", req.Verb)
}

func (b *batch) namedConversation(req store.AdminRequest) (c threads.Conversation, err error) {
	n, err := strconv.ParseUint(req.Args["conversation"], 10, 64)
	if err != nil {
		return c, fmt.Errorf("%q is no conversation number", req.Args["conversation"])
	}
	c, ok, err := b.tx.Conversation(threads.ID(n))
	if err == nil && !ok {
		err = fmt.Errorf("there is no conversation %d", n)
	}
	return c, err
}

// adminNote keeps an admin's note and sends it to the colleagues it is for. Its
// text is there before the step, since notices quote it.
func (b *batch) adminNote(req store.AdminRequest) error {
	c, err := b.namedConversation(req)
	if err != nil {
		return err
	}
	if c.Into != 0 {
		return fmt.Errorf("conversation %d is part of conversation %d now", c.ID, c.Into)
	}
	text := strings.TrimSpace(strings.ReplaceAll(req.Args["text"], "\r\n", "\n"))
	if text == "" {
		return errors.New("the note is empty")
	}
	if err := b.tx.SetText(c.ID, c.N+1, text); err != nil {
		return err
	}
	_, _, err = b.step(c, threads.AdminNoteIn{By: req.By}, nil)
	return err
}

// adminPresence puts an engineer off duty or on duty again.
func (b *batch) adminPresence(req store.AdminRequest) error {
	engineer, reason := threads.Colleague(b.rot, req.Args["who"])
	if reason != "" {
		return errors.New(reason)
	}
	if req.Verb == VerbBack {
		if _, off := b.absent[engineer]; !off {
			return fmt.Errorf("%s is off duty by nothing but the rotation file, if at all", engineer)
		}
		return b.onDuty(engineer, req.By)
	}
	a := threads.Absence{Cause: threads.CauseAdmin, Reason: req.By + " said so", Since: b.now}
	if until := req.Args["until"]; until != "" {
		zone := time.UTC
		if e, ok := b.rot.Engineer(engineer); ok {
			zone = b.rot.Zone(e)
		}
		if a.Until, reason = threads.When(until, b.now, zone); reason != "" {
			return errors.New(reason)
		}
	}
	return b.offDuty(engineer, a)
}

func (b *batch) adminHold(req store.AdminRequest) error {
	h, ok, err := b.tx.Hold(req.Args["hold"])
	if err == nil && !ok {
		err = fmt.Errorf("no held mail has the id %q; `postroom held` lists them", req.Args["hold"])
	}
	if err != nil {
		return err
	}
	if req.Verb == VerbDiscard {
		return b.discardHold(h, req.By)
	}
	if err := b.releaseHold(h, req.By, false); err != nil {
		return err
	}
	left, stays, err := b.tx.Hold(h.ID)
	if err == nil && stays {
		err = fmt.Errorf("held mail %s cannot be sent: %s", h.ID, left.Reason)
	}
	return err
}

// retry puts a record that was set aside back into the inbox.
func (b *batch) retry(id string) error {
	list, err := b.tx.Asides()
	if err != nil {
		return err
	}
	for _, a := range list {
		if strconv.FormatUint(a.Record.Seq, 10) == id {
			return b.tx.Unaside(a.Record)
		}
	}
	return fmt.Errorf("nothing set aside has the id %q; `postroom aside` lists it", id)
}
