package demo

import (
	"context"
	"strings"
	"time"
)

// edit saves the rotation file and waits for what the admin is told of it.
func (t *tale) edit(ctx context.Context, text, subject string) (*letter, error) {
	if err := t.write(rotationFile, text); err != nil {
		return nil, err
	}
	l, err := t.next(ctx, t.ops, "the mail about the rotation file")
	if err != nil {
		return nil, err
	}
	c := t.checks()
	c.notice(l, t.ops, subject)
	return l, c.err
}

func (t *tale) rotationEdited(ctx context.Context) error {
	t.lastGood = rotationText(t.ops, seat{who: t.alice}, seat{who: t.bob}, seat{who: t.carol, more: []string{awayLine(time.Now())}})
	l, err := t.edit(ctx, t.lastGood, "The rotation has changed")
	if err != nil {
		return err
	}
	c := t.checks()
	c.contains("the text", squeezed(l.text), t.carol.name+" is off duty until")
	if c.err != nil {
		return c.err
	}
	t.say.told("%s edits rotation.toml while everything runs: %s is away this week. She is told what that changed:", t.ops.name, t.carol.first())
	t.say.quote(l.paragraph(t.carol.name))
	return nil
}

func (t *tale) writesToThePresent(ctx context.Context) error {
	_, err := t.fresh(ctx, t.mia, t.alice, draft{
		to: t.mailbox(), subject: "Export to PDF", text: "Hello, the export leaves out the last page. Is that known?\nMia",
	}, `\Seen`)
	return err
}

func (t *tale) rotationBroken(ctx context.Context) error {
	bad := strings.Replace(t.lastGood, "email = \"bob@acme.example\"\n", "email = \"bob@acme.example\"\nwieght = 2\n", 1)
	l, err := t.edit(ctx, bad, "The rotation file has a mistake")
	if err != nil {
		return err
	}
	c := t.checks()
	c.contains("the text", squeezed(l.text), `rotation.toml:12:1: engineer "Bob Okafor": wieght: `)
	c.contains("the text", squeezed(l.text), `did you mean "weight"?`)
	if c.err != nil {
		return c.err
	}
	t.say.told("%s edits it again and slips. The file is refused as a whole, and this is what she reads:", t.ops.first())
	t.say.quote(l.lines())
	return nil
}

func (t *tale) writesWhileBroken(ctx context.Context) error {
	_, err := t.fresh(ctx, t.liam, t.bob, draft{
		to: t.mailbox(), subject: "Two cows too many", text: "Hi, the herd list shows two cows we do not have.\nLiam",
	}, `\Seen`)
	if err != nil {
		return err
	}
	t.say.detail("The last good version of the file is in effect all the while.")
	return nil
}

func (t *tale) rotationMended(ctx context.Context) error {
	t.lastGood = strings.Replace(t.lastGood, "email = \"bob@acme.example\"\n", "email = \"bob@acme.example\"\nweight = 2\n", 1)
	l, err := t.edit(ctx, t.lastGood, "The rotation has changed")
	if err != nil {
		return err
	}
	const line = "Bob Okafor's weight is now 2 (was 1)"
	c := t.checks()
	c.contains("the text", squeezed(l.text), line)
	if c.err != nil {
		return c.err
	}
	t.say.told("%s mends it, and it is in effect:", t.ops.first())
	t.say.quote(l.paragraph(t.bob.name))
	return nil
}
