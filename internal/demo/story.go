package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// tale is the story under way: what later steps need of earlier ones.
type tale struct {
	*demo
	*cast
	asked      draft // what Jane asked first
	askedID    string
	aliceCopy  *letter
	aliceID    string
	answer     *letter
	joeAnswer  *letter
	lastGood   string // text of the rotation file
	aliceAgain *letter
}

// step is one step of the story; tell prints what has happened once it has
// been checked.
type step struct {
	title string
	tell  func(*tale, context.Context) error
}

func steps() []step {
	return []step{
		{"a customer writes", (*tale).customerWrites},
		{"the next engineer gets it", (*tale).engineerGetsIt},
		{"the engineer replies", (*tale).engineerReplies},
		{"the customer gets the answer", (*tale).customerGetsAnswer},
		{"the customer writes again", (*tale).customerWritesAgain},
		{"another customer writes", (*tale).anotherCustomer},
		{"the other engineer answers", (*tale).otherEngineerAnswers},
		{"a vacation reply and a stray bounce come in", (*tale).machinesWrite},
		{"somebody writes in an engineer's name", (*tale).forgery},
		{"the rotation file is edited", (*tale).rotationEdited},
		{"a customer writes while the third engineer is away", (*tale).writesToThePresent},
		{"the rotation file is edited badly", (*tale).rotationBroken},
		{"a customer writes while the file is broken", (*tale).writesWhileBroken},
		{"the rotation file is mended", (*tale).rotationMended},
		{"everything is looked at once more", (*tale).audit},
	}
}

// story tells all steps. Each must be done within Options.Patience.
func (d *demo) story(ctx context.Context) error {
	t := &tale{demo: d, cast: d.cast}
	d.say.begin("the service starts")
	if err := t.start(ctx); err != nil {
		return err
	}
	for _, s := range steps() {
		d.say.begin(s.title)
		if err := t.within(ctx, s.tell); err != nil {
			return err
		}
	}
	return nil
}

func (t *tale) within(ctx context.Context, tell func(*tale, context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, t.opts.Patience)
	defer cancel()
	err := tell(t, ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return t.say.failed("it is done within "+t.opts.Patience.String(), err.Error())
	}
	return err
}

func (d *demo) opening() {
	c := d.cast
	d.say.line("A support team in a box, on this machine alone. Nothing here goes out to anybody.")
	d.say.line("%s is the support mailbox. Engineers: %s, %s and %s. Admin: %s.", supportAddress, c.alice.name, c.bob.name, c.carol.name, c.ops.name)
	d.say.line("Customers: %s, %s, %s and %s. The service's log: %s", c.jane.name, c.joe.name, c.mia.name, c.liam.name, d.path(logFile))
	d.say.gap()
}

// start waits until the service follows the mailbox: what comes now is new.
func (t *tale) start(ctx context.Context) error {
	return t.within(ctx, func(t *tale, ctx context.Context) error {
		t.lastGood = rotationText(t.ops, seat{who: t.alice}, seat{who: t.bob}, seat{who: t.carol})
		select {
		case <-t.ready:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// toSupport sends a mail to an address of the support mailbox and notes how
// it must lie there in the end.
func (t *tale) toSupport(ctx context.Context, p *person, m draft, flags ...string) (string, error) {
	id, err := t.send(ctx, p, m)
	t.arrives(id, m.subject, flags...)
	return id, err
}

func (t *tale) arrives(id, what string, flags ...string) {
	t.came = append(t.came, &filed{id: id, what: what, flags: flags})
}

func (t *tale) customerWrites(ctx context.Context) error {
	trace := []byte("ERROR 42: no such tenant\n\x00\x01\x02 binary tail \xff\xfe\n")
	t.asked = draft{
		to: t.mailbox(), subject: "Login fails since the update",
		text:  "Hello,\nsince the update nobody here can log in.\nThe log is attached – what can we do?\nGrüße, Jane",
		files: []attachment{{name: "login.log", kind: "application/octet-stream", data: trace}},
	}
	var err error
	t.askedID, err = t.toSupport(ctx, t.jane, t.asked, `\Answered`, `\Seen`)
	if err != nil {
		return err
	}
	t.say.told("%s, a customer, writes to %s: %q, with a log file attached.", t.jane.name, supportAddress, t.asked.subject)
	return nil
}

// reason is why a conversation went to whom it went, in the service's words.
func (t *tale) reason(ctx context.Context, id string) (conv, why string, err error) {
	filed, err := t.heard(ctx, "filed", "msgid", id)
	if err != nil {
		return "", "", err
	}
	conv = filed.keys["conv"]
	assigned, err := t.heard(ctx, "assigned", "conv", conv)
	return conv, assigned.keys["reason"], err
}

func (t *tale) engineerGetsIt(ctx context.Context) error {
	l, err := t.next(ctx, t.alice, "Jane's mail")
	if err != nil {
		return err
	}
	c := t.checks()
	c.copyOf(l, t.alice, t.jane, t.asked)
	if c.err != nil {
		return c.err
	}
	conv, why, err := t.reason(ctx, t.askedID)
	if err != nil {
		return err
	}
	t.aliceCopy = l
	t.say.told("%s gets it in her own mailbox, from %q: conversation %s is hers.", t.alice.name, l.address("From").Name, conv)
	t.say.detail("Why she: %s.", why)
	t.say.checked("text and attachment as Jane sent them, a footer that says whose turn it is, a reply address of her own")
	return nil
}

const aliceWords = "Hi Jane, please clear the tenant cache once: Settings, Tenants, Rebuild. That cures error 42."

func (t *tale) engineerReplies(ctx context.Context) error {
	m := reply(t.aliceCopy, aliceWords)
	m.text = aliceWords + "\n\nAlice Ng\nalice@acme.example\n\n" + strings.TrimPrefix(m.text, aliceWords+"\n\n")
	id, err := t.toSupport(ctx, t.alice, m)
	if err != nil {
		return err
	}
	t.aliceID = id
	t.say.told("%s presses Reply in her mail client (%s) and answers, quoting all of it, the footer too.", t.alice.first(), t.alice.client)
	return nil
}

func (t *tale) customerGetsAnswer(ctx context.Context) error {
	l, err := t.next(ctx, t.jane, "Alice's answer")
	if err != nil {
		return err
	}
	c := t.checks()
	c.answer(l, t.alice, t.jane, t.askedID, t.asked.subject, aliceWords)
	c.discreet(l, t.alice, t.aliceCopy, t.aliceID)
	if c.err != nil {
		return c.err
	}
	t.answer = l
	t.say.told("%s gets the answer, from %s: one mail of one thread.", t.jane.first(), l.get("From"))
	t.say.checked("nothing of Alice's address, mail client, computer, reply token or footer in it; In-Reply-To and References right")
	return nil
}

func (t *tale) customerWritesAgain(ctx context.Context) error {
	words := "Thank you, that did it for most of us. Two people still see the error."
	m := reply(t.answer, words)
	id, err := t.toSupport(ctx, t.jane, m, `\Seen`)
	if err != nil {
		return err
	}
	l, err := t.next(ctx, t.alice, "Jane's second mail")
	if err != nil {
		return err
	}
	c := t.checks()
	c.copyOf(l, t.alice, t.jane, draft{subject: m.subject, text: words})
	refs := l.ids("References")
	c.equal("In-Reply-To, which is her own answer", t.aliceID, l.get("In-Reply-To"))
	c.that(len(refs) > 0 && refs[0] == t.aliceCopy.ids("References")[0], "the same first id in References", strings.Join(refs, " "))
	if c.err != nil {
		return c.err
	}
	e, err := t.heard(ctx, "filed", "msgid", id)
	if err != nil {
		return err
	}
	t.aliceAgain = l
	t.say.told("%s replies once more. It goes to %s again, in the same thread of her mail client.", t.jane.first(), t.alice.first())
	t.say.detail("Why she: conversation %s is hers; the mail was matched by %s.", e.keys["conv"], e.keys["matched"])
	return nil
}

func (t *tale) anotherCustomer(ctx context.Context) error {
	_, err := t.fresh(ctx, t.joe, t.bob, draft{
		to: t.mailbox(), subject: "Invoice for October", text: "Hi, could you send me the invoice for October once more?\nJoe",
	}, `\Answered`, `\Seen`)
	return err
}

// fresh is a new question that must go to an engineer.
func (t *tale) fresh(ctx context.Context, customer, engineer *person, m draft, flags ...string) (*letter, error) {
	id, err := t.toSupport(ctx, customer, m, flags...)
	if err != nil {
		return nil, err
	}
	l, err := t.next(ctx, engineer, fmt.Sprintf("%s's mail", customer.first()))
	if err != nil {
		return nil, err
	}
	c := t.checks()
	c.copyOf(l, engineer, customer, m)
	if c.err != nil {
		return nil, c.err
	}
	conv, why, err := t.reason(ctx, id)
	if err != nil {
		return nil, err
	}
	t.say.told("%s, another customer, writes: %q. It goes to %s as conversation %s.", customer.name, m.subject, engineer.name, conv)
	t.say.detail("Why: %s.", why)
	return l, nil
}

func (t *tale) otherEngineerAnswers(ctx context.Context) error {
	const words = "Hello Joe, you find it under Account, Invoices. I have sent it by post as well."
	cp := t.bob.got[len(t.bob.got)-1]
	m := reply(cp, words)
	id, err := t.toSupport(ctx, t.bob, m)
	if err != nil {
		return err
	}
	l, err := t.next(ctx, t.joe, "Bob's answer")
	if err != nil {
		return err
	}
	c := t.checks()
	c.answer(l, t.bob, t.joe, t.came[len(t.came)-2].id, cp.subject(), words)
	c.discreet(l, t.bob, cp, id)
	if c.err != nil {
		return c.err
	}
	t.joeAnswer = l
	t.say.told("%s answers from his own mailbox; %s reads it as from %s.", t.bob.first(), t.joe.first(), l.get("From"))
	return nil
}
